<?php

namespace POS_Sync\Stock;

use POS_Sync\Sending\Signature;

/**
 * Checks that a request is from the POS whose API key the shop has: a Standard Webhooks signature, by a key that both derive from
 * the API key.
 */
final class Stock_Signature {

	/**
	 * What the key is derived with, so that a signature here can't be taken for one of the shop's own, or the other way round.
	 */
	private const PURPOSE = 'pos-sync stock';

	/**
	 * What a refusal begins with that is not about the time.
	 */
	public const WRONG_KEY = 'The signature is not by the API key that this shop has.';

	/**
	 * So many seconds the clocks of shop and POS may differ.
	 */
	private const TOLERANCE = 300;

	/**
	 * The POS signs with each of its active keys; more than these are not looked at.
	 */
	private const MOST_SIGNATURES = 20;

	/**
	 * The key that the POS signs with: 32 bytes.
	 *
	 * @param string $api_key The API key.
	 */
	public static function key( string $api_key ): string {
		return hash_hmac( 'sha256', self::PURPOSE, $api_key, true );
	}

	/**
	 * Why a request is not believed; empty where it is the POS's.
	 *
	 * @param string $api_key    The API key of the shop; empty where it has none.
	 * @param string $id         Header webhook-id.
	 * @param string $timestamp  Header webhook-timestamp.
	 * @param string $signatures Header webhook-signature: one or more, apart by a space.
	 * @param string $body       The exact bytes of the body.
	 * @param int    $now        Unix time.
	 */
	public static function problem( string $api_key, string $id, string $timestamp, string $signatures, string $body, int $now ): string {
		if ( '' === $api_key ) {
			return 'This shop has no API key of a POS, so it takes no stock from one.';
		}
		if ( '' === $id || '' === $signatures || ! preg_match( '/\A[0-9]{1,12}\z/', $timestamp ) ) {
			return 'The request is not signed: webhook-id, webhook-timestamp or webhook-signature is missing.';
		}
		$expected = Signature::sign( self::key( $api_key ), $id, (int) $timestamp, $body );
		$found    = false;
		foreach ( array_slice( explode( ' ', $signatures ), 0, self::MOST_SIGNATURES ) as $signature ) {
			$found = hash_equals( $expected, $signature ) || $found;
		}
		if ( ! $found ) {
			return self::WRONG_KEY . " The shop's time is " . gmdate( 'c', $now ) . '.';
		}
		if ( abs( $now - (int) $timestamp ) > self::TOLERANCE ) {
			$which = (int) $timestamp < $now ? 'older' : 'newer';
			return "The request is $which than 5 minutes: one of the clocks is wrong. The shop's time is " . gmdate( 'c', $now ) . '.';
		}
		return '';
	}
}
