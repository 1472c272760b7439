<?php

namespace POS_Sync\Stock;

/**
 * One movement of stock as the POS sends it: by how many units a product's stock is to change.
 */
final class Stock_Item {

	/**
	 * The movement's id in the POS.
	 */
	public string $movement;

	public int $product_id = 0;

	/**
	 * The variation; 0 where the product has none.
	 */
	public int $variation_id = 0;

	public string $sku = '';

	/**
	 * Units, below 0 where stock goes down; at most six decimals.
	 */
	public float $delta = 0.0;

	/**
	 * What moved it, as the POS calls it.
	 */
	public string $reason = '';

	/**
	 * Why it can't be used; empty where it can.
	 */
	public string $problem = '';

	public function __construct( string $movement ) {
		$this->movement = $movement;
	}

	/**
	 * Id of the variation, or else of the product.
	 */
	public function target(): int {
		return $this->variation_id ? $this->variation_id : $this->product_id;
	}

	/**
	 * The units as the database's decimals are written.
	 */
	public function decimal(): string {
		return number_format( $this->delta, 6, '.', '' );
	}
}
