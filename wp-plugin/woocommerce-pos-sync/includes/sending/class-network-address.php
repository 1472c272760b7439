<?php

namespace POS_Sync\Sending;

/**
 * Which hosts nothing is sent to: link-local addresses, and those at which cloud providers offer a machine its own
 * credentials (metadata services). Other private addresses are allowed: a POS may stand in the shop's own network.
 */
final class Network_Address {

	/**
	 * Names of metadata services.
	 */
	private const NAMES = array( 'metadata', 'metadata.google.internal', 'metadata.goog', 'instance-data', 'instance-data.ec2.internal' );

	/**
	 * Networks that are refused, as address and length of the prefix in bits.
	 */
	private const NETWORKS = array(
		array( '169.254.0.0', 16 ),
		array( '168.63.129.16', 32 ), // Azure.
		array( '100.100.100.200', 32 ), // Alibaba Cloud.
		array( '192.0.0.192', 32 ), // Oracle Cloud.
		array( 'fe80::', 10 ),
		array( 'fd00:ec2::', 32 ), // Amazon.
		array( 'fd20:ce::254', 128 ), // Google.
	);

	/**
	 * Prefixes of IPv6 addresses that hold an IPv4 address, with its place in bytes: IPv4-compatible, mapped, translated,
	 * NAT64 (two) and 6to4.
	 */
	private const WITH_IPV4 = array(
		array( '::', 96, 12 ),
		array( '::ffff:0:0', 96, 12 ),
		array( '::ffff:0:0:0', 96, 12 ),
		array( '64:ff9b::', 96, 12 ),
		array( '64:ff9b:1::', 48, 12 ),
		array( '2002::', 16, 2 ),
	);

	/**
	 * Whether a host is refused by its name or, where it is written as an address in whatever form, by that.
	 *
	 * @param string $host Host of a URL.
	 */
	public static function is_blocked_host( string $host ): bool {
		$host = rtrim( strtolower( trim( $host ) ), '.' );
		if ( in_array( $host, self::NAMES, true ) ) {
			return true;
		}
		$ip = self::parse( $host );
		return '' !== $ip && self::is_blocked_ip( $ip );
	}

	/**
	 * The address that a host is written as, in its usual form; empty where it is a name. Programs that connect also
	 * take IPv4 addresses as one to four numbers, each decimal, octal or hexadecimal.
	 *
	 * @param string $host Host of a URL.
	 */
	public static function parse( string $host ): string {
		$host = (string) preg_replace( '/%.*$/', '', trim( $host, '[]' ) );
		if ( filter_var( $host, FILTER_VALIDATE_IP, FILTER_FLAG_IPV6 ) ) {
			return $host;
		}
		$numbers = array();
		foreach ( explode( '.', rtrim( $host, '.' ) ) as $part ) {
			if ( ! preg_match( '/^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i', $part ) ) {
				return '';
			}
			$numbers[] = self::number( $part );
		}
		$last = (float) array_pop( $numbers );
		if ( count( $numbers ) > 3 || $last >= pow( 256, 4 - count( $numbers ) ) || ( $numbers && max( $numbers ) > 255 ) ) {
			return '';
		}
		$whole = (int) $last;
		foreach ( $numbers as $position => $number ) {
			$whole += (int) $number << ( 8 * ( 3 - $position ) );
		}
		return (string) long2ip( $whole );
	}

	/**
	 * Whether an address is refused, also as IPv4 within IPv6.
	 *
	 * @param string $ip An IPv4 or IPv6 address in its usual form.
	 */
	public static function is_blocked_ip( string $ip ): bool {
		$bytes = self::bytes( $ip );
		foreach ( self::NETWORKS as list( $network, $bits ) ) {
			if ( self::is_in( $bytes, $network, $bits ) ) {
				return true;
			}
		}
		foreach ( self::WITH_IPV4 as list( $network, $bits, $at ) ) {
			if ( self::is_in( $bytes, $network, $bits ) && self::is_blocked_ip( (string) inet_ntop( substr( $bytes, $at, 4 ) ) ) ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * The addresses that a host stands for just now: itself where it is one. None where it can't be found here; with a
	 * proxy that is no fault.
	 *
	 * @param string $host Host of a URL.
	 * @return string[]
	 */
	public static function resolve( string $host ): array {
		$ip = self::parse( $host );
		if ( '' !== $ip || '' === $host ) {
			return array_filter( array( $ip ) );
		}
		if ( ! function_exists( 'socket_addrinfo_lookup' ) ) {
			$found = gethostbynamel( $host );
			return $found ? $found : array();
		}
		$found = array();
		// phpcs:ignore WordPress.PHP.NoSilencedErrors.Discouraged -- what can't be found is no fault here.
		$entries = @socket_addrinfo_lookup( $host, null, array( 'ai_socktype' => SOCK_STREAM ) );
		foreach ( is_array( $entries ) ? $entries : array() as $entry ) {
			$address = socket_addrinfo_explain( $entry )['ai_addr'] ?? array();
			$address = is_array( $address ) ? $address : array();
			$found[] = $address['sin_addr'] ?? $address['sin6_addr'] ?? '';
		}
		return array_values( array_unique( array_filter( $found, 'is_string' ) ) );
	}

	/**
	 * A part of an IPv4 address as a number: octal after a zero, hexadecimal after 0x.
	 *
	 * @param string $part Digits.
	 * @return int|float A float beyond what fits.
	 */
	private static function number( string $part ) {
		if ( 0 === stripos( $part, '0x' ) ) {
			return hexdec( substr( $part, 2 ) );
		}
		return '0' === $part[0] ? octdec( $part ) : (float) $part;
	}

	/**
	 * Whether an address is in a network.
	 *
	 * @param string $bytes   The address as bytes.
	 * @param int    $bits    The length of its prefix.
	 */
	private static function is_in( string $bytes, string $network, int $bits ): bool {
		$other = self::bytes( $network );
		if ( strlen( $other ) !== strlen( $bytes ) ) {
			return false;
		}
		$whole = intdiv( $bits, 8 );
		$mask  = 0xff << ( 8 - $bits % 8 ) & 0xff;
		return substr( $bytes, 0, $whole ) === substr( $other, 0, $whole )
			&& ( ! $mask || ( ord( $bytes[ $whole ] ) & $mask ) === ( ord( $other[ $whole ] ) & $mask ) );
	}

	/**
	 * An address as bytes; empty where it is none.
	 */
	private static function bytes( string $ip ): string {
		return filter_var( $ip, FILTER_VALIDATE_IP ) ? (string) inet_pton( $ip ) : '';
	}
}
