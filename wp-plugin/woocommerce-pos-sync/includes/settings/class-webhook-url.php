<?php

namespace POS_Sync\Settings;

use POS_Sync\Sending\Network_Address;

/**
 * The address of the POS: what is wrong with one, and what follows from it.
 */
final class Webhook_Url {

	/**
	 * What is wrong with a webhook URL; empty when nothing is.
	 */
	public static function problem( string $url ): string {
		if ( '' === $url ) {
			return '';
		}
		$parts = wp_parse_url( $url );
		$host  = is_array( $parts ) ? strtolower( $parts['host'] ?? '' ) : '';
		if ( ! is_array( $parts ) || '' === $host || ! in_array( $parts['scheme'] ?? '', array( 'http', 'https' ), true ) || preg_match( '/\s/', $url ) ) {
			return __( 'The Webhook URL is not a web address. It looks like https://pos.example.com/api/webhooks/orders', 'woocommerce-pos-sync' );
		}
		if ( isset( $parts['user'] ) || isset( $parts['pass'] ) ) {
			return __( 'The Webhook URL must not hold a user name or password; the API key has a field of its own.', 'woocommerce-pos-sync' );
		}
		if ( Network_Address::is_blocked_host( $host ) ) {
			return self::blocked_message();
		}
		if ( 'http' === $parts['scheme'] && ! self::is_local( $host ) ) {
			return __( 'The Webhook URL must begin with https:// so that orders can not be read on the way.', 'woocommerce-pos-sync' );
		}
		return '';
	}

	/**
	 * What is wrong with the addresses that the host of a URL stands for just now; empty when nothing is.
	 */
	public static function host_problem( string $url ): string {
		$host = (string) wp_parse_url( $url, PHP_URL_HOST );
		return array_filter( Network_Address::resolve( $host ), array( Network_Address::class, 'is_blocked_ip' ) ) ? self::blocked_message() : '';
	}

	/**
	 * What is said of an address that is never a POS.
	 */
	public static function blocked_message(): string {
		return __( 'The Webhook URL leads to a link-local or metadata address, which is never a POS. Nothing is sent there.', 'woocommerce-pos-sync' );
	}

	/**
	 * The server that an address is on: scheme, host and, where it is not the usual one, port. Empty where it is no address.
	 */
	public static function origin( string $url ): string {
		$parts = wp_parse_url( $url );
		if ( ! is_array( $parts ) || ! isset( $parts['scheme'], $parts['host'] ) ) {
			return '';
		}
		$scheme = strtolower( $parts['scheme'] );
		$port   = $parts['port'] ?? 0;
		$usual  = ! $port || ( 'https' === $scheme ? 443 : 80 ) === $port;
		return $scheme . '://' . strtolower( $parts['host'] ) . ( $usual ? '' : ":$port" );
	}

	/**
	 * Where the POS says how it is: beside the webhook URL.
	 */
	public static function health_url( string $url ): string {
		$path = (string) preg_replace( '#[?\#].*$#', '', $url );
		return (string) preg_replace( '#/orders/?$#', '', rtrim( $path, '/' ) ) . '/health';
	}

	/**
	 * Whether a host is on this machine or in a private network, where plain http is all right.
	 *
	 * @param string $host Lower-case host name or address.
	 */
	private static function is_local( string $host ): bool {
		$ip = Network_Address::parse( $host );
		if ( '' !== $ip ) {
			return ! filter_var( $ip, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE );
		}
		return false === strpos( $host, '.' ) || (bool) preg_match( '/\.(localhost|local|test|internal|lan)$/', $host );
	}
}
