<?php

namespace POS_Sync\Stock;

use POS_Sync\Database\Schema;

/**
 * Finds out whether this shop's stock can be changed in one statement together with the movement's row. Where it can't, a crash
 * between two statements could lose a movement or do it twice.
 */
final class Stock_Tables {

	private Stock_Movements $movements;

	/**
	 * Engine by table; null before they were read.
	 *
	 * @var array<string>|null
	 */
	private ?array $engines = null;

	public function __construct( Stock_Movements $movements ) {
		$this->movements = $movements;
	}

	/**
	 * Why it can't, with what to do, for the POS; empty where it can.
	 */
	public function problem(): string {
		if ( $this->is_missing() ) {
			Schema::check_again();
			return 'The table of movements is missing in the database. The next request makes it, if the database lets it.';
		}
		$convert = $this->conversions();
		if ( $convert ) {
			return "The stock can't be changed in one step, as a table is not kept by InnoDB. After a backup of the database, run: " . implode( ' ', $convert );
		}
		return self::is_replaced() ? "The stock can't be changed in one step, as another plugin replaces how WooCommerce stores products." : '';
	}

	/**
	 * Whether one of the two tables is missing.
	 */
	public function is_missing(): bool {
		return count( $this->engines() ) < 2;
	}

	/**
	 * The statements that convert tables to InnoDB; none where nothing is to be converted.
	 *
	 * @return string[]
	 */
	public function conversions(): array {
		$statements = array();
		foreach ( $this->engines() as $table => $engine ) {
			if ( 'innodb' !== strtolower( $engine ) ) {
				$statements[] = "ALTER TABLE `$table` ENGINE=InnoDB;";
			}
		}
		return $statements;
	}

	/**
	 * The two tables with their engines, read once in a request.
	 *
	 * @return array<string> Engine by table.
	 */
	private function engines(): array {
		if ( null === $this->engines ) {
			$this->engines = $this->movements->engines();
		}
		return $this->engines;
	}

	/**
	 * Whether the method that changes stock is another plugin's.
	 */
	public static function is_replaced(): bool {
		$class = \WC_Data_Store::load( 'product' )->get_current_class_name();
		return ! method_exists( $class, 'update_product_stock' )
			|| \WC_Product_Data_Store_CPT::class !== ( new \ReflectionMethod( $class, 'update_product_stock' ) )->getDeclaringClass()->getName();
	}
}
