<?php

namespace POS_Sync\Screens;

use POS_Sync\Stock\Stock_History;

/**
 * What is chosen on the tab "Stock from the POS", read from its address. What can not be used is left out.
 */
final class Stock_Filter {

	private const MOST_PRODUCTS = 100;

	/**
	 * The searched text; empty for everything.
	 */
	public string $search;

	/**
	 * Stock_History::APPLIED or NOT_APPLIED; empty for both.
	 */
	public string $result;

	/**
	 * Products whose name the searched text is part of; null before they were looked for.
	 *
	 * @var int[]|null
	 */
	private ?array $products = null;

	public function __construct() {
		$result       = $this->query_value( 'result' );
		$this->result = in_array( $result, array( Stock_History::APPLIED, Stock_History::NOT_APPLIED ), true ) ? $result : '';
		$this->search = $this->query_value( 's' );
	}

	/**
	 * The filter as the history takes it.
	 *
	 * @param string|null $result Instead of the chosen result.
	 * @return array{result: string, search: string, products: int[]}
	 */
	public function for_history( ?string $result = null ): array {
		return array(
			'result'   => $result ?? $this->result,
			'search'   => $this->search,
			'products' => $this->products(),
		);
	}

	/**
	 * Products and variations that the searched text finds, as it does in WooCommerce's list.
	 *
	 * @return int[]
	 */
	private function products(): array {
		if ( null === $this->products ) {
			$store = '' === $this->search ? null : \WC_Data_Store::load( 'product' );
			$found = $store ? $store->search_products( $this->search, '', true, true, self::MOST_PRODUCTS ) : array(); // @phpstan-ignore method.notFound (the data store passes it on)

			$this->products = array_values( array_filter( wp_parse_id_list( is_array( $found ) ? $found : array() ) ) );
		}
		return $this->products;
	}

	/**
	 * One value of the page's address.
	 */
	private function query_value( string $name ): string {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only filters what is shown.
		$value = isset( $_GET[ $name ] ) && is_string( $_GET[ $name ] ) ? sanitize_text_field( wp_unslash( $_GET[ $name ] ) ) : '';
		return trim( $value );
	}
}
