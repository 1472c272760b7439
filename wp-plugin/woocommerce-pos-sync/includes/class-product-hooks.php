<?php
/**
 * Changes of products.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Notices new and changed products, so that the POS knows every SKU an order can name, and the new name of a renamed one.
 */
final class Product_Hooks {

	/**
	 * Where changes go.
	 *
	 * @var Changes
	 */
	private $changes;

	/**
	 * Takes where changes go.
	 *
	 * @param Changes $changes Where changes go.
	 */
	public function __construct( Changes $changes ) {
		$this->changes = $changes;
	}

	/**
	 * Registers the hooks.
	 */
	public function register(): void {
		foreach ( array( 'new_product', 'update_product', 'new_product_variation', 'update_product_variation' ) as $hook ) {
			add_action( 'woocommerce_' . $hook, array( $this, 'saved' ) );
		}
	}

	/**
	 * A product or variation was saved.
	 *
	 * @param int|string $id Its id.
	 */
	public function saved( $id ): void {
		$this->changes->add( Queue::PRODUCT, (int) $id, 'updated' );
	}
}
