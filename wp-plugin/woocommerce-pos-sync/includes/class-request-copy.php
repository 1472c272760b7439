<?php
/**
 * What is kept of a request.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * A request as the log keeps it: everything the POS was sent about goods, money and status, but no personal data and no
 * secrets. Those are shown from the order itself, as long as that is there.
 */
final class Request_Copy {

	/**
	 * Stands for what was sent and is not kept.
	 */
	public const HIDDEN = '•••';

	/**
	 * Fields of an order that are personal, or open its payment page.
	 */
	private const PERSONAL = array( 'billing', 'shipping', 'customer_ip_address', 'customer_user_agent', 'customer_note', 'order_key', 'payment_url', 'transaction_id', 'meta_data' );

	/**
	 * Meta data of lines that say how stock moves; others may hold what a customer wrote.
	 */
	private const KEPT_META = array( '_reduced_stock', '_restock_refunded_items', '_refunded_item_id' );

	/**
	 * A request without personal data, as JSON.
	 *
	 * @param string $body The request, as JSON.
	 * @return string Empty where the request is no JSON object.
	 */
	public static function of( string $body ): string {
		$envelope = json_decode( $body, true );
		if ( ! is_array( $envelope ) ) {
			return '';
		}
		if ( isset( $envelope['data'] ) && is_array( $envelope['data'] ) ) {
			foreach ( $envelope['data'] as $name => $value ) {
				$envelope['data'][ $name ] = in_array( $name, self::PERSONAL, true ) ? self::hide( $value ) : self::without_meta( $value );
			}
		}
		return (string) wp_json_encode( $envelope, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	}

	/**
	 * The same shape with every text and number hidden; what is empty stays visibly empty, and meta data keep their keys.
	 *
	 * @param mixed $value Any value.
	 * @return mixed
	 */
	private static function hide( $value ) {
		if ( ! is_array( $value ) ) {
			return null === $value || '' === $value || is_bool( $value ) ? $value : self::HIDDEN;
		}
		foreach ( $value as $name => $part ) {
			$value[ $name ] = in_array( $name, array( 'key', 'id' ), true ) && is_scalar( $part ) ? $part : self::hide( $part );
		}
		return $value;
	}

	/**
	 * Lines, their refunds and so on, with hidden values of their meta data.
	 *
	 * @param mixed $value Any value.
	 * @return mixed
	 */
	private static function without_meta( $value ) {
		if ( ! is_array( $value ) ) {
			return $value;
		}
		foreach ( $value as $name => $part ) {
			if ( 'meta_data' !== $name ) {
				$value[ $name ] = self::without_meta( $part );
				continue;
			}
			$rows = is_array( $part ) ? $part : array();
			foreach ( $rows as $index => $meta ) {
				$key            = is_array( $meta ) ? ( $meta['key'] ?? '' ) : '';
				$rows[ $index ] = in_array( $key, self::KEPT_META, true ) ? $meta : self::hide( $meta );
			}
			$value[ $name ] = $rows;
		}
		return $value;
	}
}
