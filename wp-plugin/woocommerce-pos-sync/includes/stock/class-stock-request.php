<?php

namespace POS_Sync\Stock;

/**
 * Reads the bodies of the POS's requests.
 */
final class Stock_Request {

	public const MOST_ITEMS     = 100;
	public const MOST_MOVEMENTS = 1000;
	public const MOST_BYTES     = 256 * 1024;

	private const MOVEMENT = '/\A[0-9A-Za-z_-]{1,64}\z/';

	/**
	 * The movements that are to change the stock.
	 *
	 * @return Stock_Item[]
	 * @throws Stock_Error Where the body can't be used as a whole. What is odd about one item is that item's `problem`.
	 */
	public static function items( string $body ): array {
		$items = array();
		foreach ( self::list_of( $body, 'items', self::MOST_ITEMS ) as $item ) {
			$item     = is_array( $item ) ? $item : array();
			$movement = $item['movement'] ?? null;
			if ( ! is_string( $movement ) || ! preg_match( self::MOVEMENT, $movement ) ) {
				throw new Stock_Error( 'pos_sync_body', 400, 'Each item needs a "movement": at most 64 of the letters a-z and A-Z, the digits, "_" and "-".' );
			}
			$items[] = self::item( $movement, $item );
		}
		return $items;
	}

	/**
	 * The movements that are asked about.
	 *
	 * @return string[] Their ids.
	 * @throws Stock_Error Where the body can't be used.
	 */
	public static function movements( string $body ): array {
		$movements = array();
		foreach ( self::list_of( $body, 'movements', self::MOST_MOVEMENTS ) as $movement ) {
			if ( ! is_string( $movement ) || ! preg_match( self::MOVEMENT, $movement ) ) {
				throw new Stock_Error( 'pos_sync_body', 400, '"movements" has to be a list of ids of movements.' );
			}
			$movements[] = $movement;
		}
		return $movements;
	}

	/**
	 * A list in the body.
	 *
	 * @param int $most How long it may be.
	 * @return array<mixed>
	 * @throws Stock_Error Where it is not there, or too long.
	 */
	private static function list_of( string $body, string $name, int $most ): array {
		if ( strlen( $body ) > self::MOST_BYTES ) {
			throw new Stock_Error( 'pos_sync_too_large', 413, 'The request is larger than 256 KiB.' );
		}
		$data = json_decode( $body, true );
		$list = is_array( $data ) ? ( $data[ $name ] ?? null ) : null;
		if ( ! is_array( $list ) || array_keys( $list ) !== array_keys( array_keys( $list ) ) ) {
			throw new Stock_Error( 'pos_sync_body', 400, "The body has to be JSON with a list \"$name\"." );
		}
		if ( count( $list ) > $most ) {
			throw new Stock_Error( 'pos_sync_too_large', 413, "The request has more than $most $name." );
		}
		return $list;
	}

	/**
	 * One movement.
	 *
	 * @param array<mixed> $data What the body says of it.
	 */
	private static function item( string $movement, array $data ): Stock_Item {
		$item      = new Stock_Item( $movement );
		$delta     = $data['delta'] ?? null;
		$product   = $data['product_id'] ?? null;
		$variation = $data['variation_id'] ?? 0;
		$sku       = $data['sku'] ?? '';
		$reason    = $data['reason'] ?? '';

		$item->sku    = is_string( $sku ) ? mb_substr( $sku, 0, 255 ) : '';
		$item->reason = is_string( $reason ) ? mb_substr( $reason, 0, 40 ) : '';
		if ( ! is_int( $product ) || $product < 1 || ! is_int( $variation ) || $variation < 0 ) {
			$item->problem = '"product_id" and "variation_id" have to be ids of a product and a variation.';
			return $item;
		}
		$item->product_id   = $product;
		$item->variation_id = $variation;
		if ( ! ( is_int( $delta ) || is_float( $delta ) ) || abs( $delta ) >= 1e9 || abs( round( $delta, 6 ) - $delta ) > 1e-9 ) {
			$item->problem = '"delta" has to be a number below 1,000,000,000 with at most six decimals.';
			return $item;
		}
		$item->delta = round( (float) $delta, 6 );
		return $item;
	}
}
