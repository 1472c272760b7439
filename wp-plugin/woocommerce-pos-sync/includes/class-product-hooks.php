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
	 * What the POS is told of a product, but for its stock.
	 */
	private const TOLD = array( 'sku', 'name', 'status', 'price', 'regular_price', 'sale_price', 'manage_stock', 'parent_id' );

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
		add_action( 'woocommerce_new_product', array( $this, 'created' ) );
		add_action( 'woocommerce_new_product_variation', array( $this, 'created' ) );
		add_action( 'woocommerce_before_product_object_save', array( $this, 'saving' ) );
	}

	/**
	 * A product or variation was made.
	 *
	 * @param int|string $id Its id.
	 */
	public function created( $id ): void {
		$this->changes->add( Queue::PRODUCT, (int) $id, 'updated' );
	}

	/**
	 * A product or variation is about to be saved. What an order does to it (stock, sales) the POS learns from the order.
	 *
	 * @param mixed $product The product.
	 */
	public function saving( $product ): void {
		if ( $product instanceof \WC_Product && $product->get_id() && array_intersect_key( $product->get_changes(), array_flip( self::TOLD ) ) ) {
			$this->changes->add( Queue::PRODUCT, $product->get_id(), 'updated' );
		}
	}
}
