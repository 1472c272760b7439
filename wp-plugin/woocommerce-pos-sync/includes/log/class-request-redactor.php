<?php

namespace POS_Sync\Log;

/**
 * A request as the log keeps it: everything the POS was sent about goods, money and status, but no personal data and no
 * secrets. Those are shown from the order itself, as long as that is there.
 */
final class Request_Redactor {

	/**
	 * Stands for what was sent and is not kept.
	 */
	public const HIDDEN = '•••';

	/**
	 * The fields of an order that are kept. All others are hidden: those that are personal or open its payment page, and
	 * whatever other plugins add.
	 */
	private const KEPT_OF_ORDERS = array(
		'id',
		'parent_id',
		'number',
		'status',
		'version',
		'created_via',
		'currency',
		'currency_symbol',
		'prices_include_tax',
		'date_created',
		'date_created_gmt',
		'date_modified',
		'date_modified_gmt',
		'date_paid',
		'date_paid_gmt',
		'date_completed',
		'date_completed_gmt',
		'discount_total',
		'discount_tax',
		'shipping_total',
		'shipping_tax',
		'cart_tax',
		'total',
		'total_tax',
		'payment_method',
		'is_editable',
		'needs_payment',
		'needs_processing',
		'line_items',
		'tax_lines',
		'shipping_lines',
		'fee_lines',
		'coupon_lines',
		'refunds',
		'meta_data',
	);

	/**
	 * Meta data of lines and refunds that say how stock moves; others may hold what a customer wrote.
	 */
	public const STOCK_META = array( '_reduced_stock', '_restock_refunded_items', '_refunded_item_id' );

	/**
	 * A request without personal data, as JSON.
	 *
	 * @param string $body The request, as JSON.
	 * @return string Empty where the request is no JSON object.
	 */
	public static function redact( string $body ): string {
		$envelope = json_decode( $body, true );
		if ( ! is_array( $envelope ) ) {
			return '';
		}
		$event      = $envelope['event'] ?? null;
		$is_product = is_string( $event ) && 0 === strpos( $event, 'product.' );
		if ( isset( $envelope['data'] ) && is_array( $envelope['data'] ) ) {
			foreach ( $envelope['data'] as $name => $value ) {
				$kept = $is_product || in_array( $name, self::KEPT_OF_ORDERS, true );

				$envelope['data'][ $name ] = $kept ? $value : self::hide( $value );
			}
			$envelope['data'] = self::without_notes( $envelope['data'] );
		}
		return (string) wp_json_encode( $envelope, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	}

	/**
	 * The same shape with every text and number hidden; what is empty stays visibly empty.
	 *
	 * @param mixed $value Any value.
	 * @return mixed
	 */
	private static function hide( $value ) {
		if ( ! is_array( $value ) ) {
			return null === $value || '' === $value || is_bool( $value ) ? $value : self::HIDDEN;
		}
		foreach ( $value as $name => $part ) {
			$value[ $name ] = self::hide( $part );
		}
		return $value;
	}

	/**
	 * An entry of meta data of which only id and key are shown.
	 *
	 * @param mixed $meta The entry.
	 * @return mixed
	 */
	private static function hide_meta( $meta ) {
		$hidden = self::hide( $meta );
		return is_array( $hidden ) && is_array( $meta ) ? array_merge( $hidden, array_filter( array_intersect_key( $meta, array_flip( array( 'id', 'key' ) ) ), 'is_scalar' ) ) : $hidden;
	}

	/**
	 * An order, its lines, refunds and so on, with hidden reasons of refunds and values of meta data.
	 *
	 * @param mixed $value Any value.
	 * @return mixed
	 */
	private static function without_notes( $value ) {
		if ( ! is_array( $value ) ) {
			return $value;
		}
		foreach ( $value as $name => $part ) {
			if ( 'meta_data' !== $name ) {
				$value[ $name ] = 'reason' === $name ? self::hide( $part ) : self::without_notes( $part );
				continue;
			}
			$rows = is_array( $part ) ? $part : array();
			foreach ( $rows as $index => $meta ) {
				$key            = is_array( $meta ) ? ( $meta['key'] ?? '' ) : '';
				$rows[ $index ] = in_array( $key, self::STOCK_META, true ) ? $meta : self::hide_meta( $meta );
			}
			$value[ $name ] = $rows;
		}
		return $value;
	}
}
