<?php

namespace POS_Sync\Stock;

/**
 * Finds out whether this shop's stock can be changed in one statement together with the movement's row. Where it can't, a crash
 * between two statements could lose a movement or do it twice.
 */
final class Stock_Tables {

	private Stock_Movements $movements;

	public function __construct( Stock_Movements $movements ) {
		$this->movements = $movements;
	}

	/**
	 * Why it can't, with what to do; empty where it can.
	 */
	public function problem(): string {
		$engines = $this->movements->engines();
		if ( count( $engines ) < 2 ) {
			return 'A table that the stock needs is missing in the database; opening any page of the admin area makes it.';
		}
		$convert = array();
		foreach ( $engines as $table => $engine ) {
			if ( 'innodb' !== strtolower( $engine ) ) {
				$convert[] = "ALTER TABLE `$table` ENGINE=InnoDB;";
			}
		}
		if ( $convert ) {
			return "The stock can't be changed in one step, as a table is not kept by InnoDB. After a backup of the database, run: " . implode( ' ', $convert );
		}
		return self::is_woocommerces_own() ? '' : "The stock can't be changed in one step, as another plugin replaces how WooCommerce stores products.";
	}

	/**
	 * Whether the method that changes stock is WooCommerce's own.
	 */
	private static function is_woocommerces_own(): bool {
		$class = \WC_Data_Store::load( 'product' )->get_current_class_name();
		return method_exists( $class, 'update_product_stock' )
			&& \WC_Product_Data_Store_CPT::class === ( new \ReflectionMethod( $class, 'update_product_stock' ) )->getDeclaringClass()->getName();
	}
}
