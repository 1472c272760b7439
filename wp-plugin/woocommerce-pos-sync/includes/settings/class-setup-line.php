<?php

namespace POS_Sync\Settings;

/**
 * Reads the line that the POS prints for a shop: "pos-sync:" and, as base64url, JSON with "url" and "key".
 */
final class Setup_Line {

	public const PREFIX = 'pos-sync:';

	/**
	 * Longer than any address and key.
	 */
	private const LONGEST = 4096;

	/**
	 * Whether a text is meant to be such a line.
	 *
	 * @param string $text Anything that was pasted.
	 */
	public static function looks_like( string $text ): bool {
		return 0 === stripos( ltrim( $text ), self::PREFIX );
	}

	/**
	 * What a line says; null where it can not be read. Line breaks and blanks that came in by copying do not matter.
	 *
	 * @return array{url: string, key: string}|null
	 */
	public static function read( string $line ): ?array {
		$line = (string) preg_replace( '/\s+/', '', $line );
		if ( ! self::looks_like( $line ) || strlen( $line ) > self::LONGEST ) {
			return null;
		}
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_decode -- the line is base64url, so that it survives being copied.
		$json = base64_decode( strtr( substr( $line, strlen( self::PREFIX ) ), '-_', '+/' ), true );
		$data = false === $json ? null : json_decode( $json, true );
		$url  = is_array( $data ) ? ( $data['url'] ?? null ) : null;
		$key  = is_array( $data ) ? ( $data['key'] ?? null ) : null;
		return is_string( $url ) && is_string( $key ) && '' !== $url && '' !== $key ? compact( 'url', 'key' ) : null;
	}

	/**
	 * What is said of a line that can not be read.
	 */
	public static function problem(): string {
		return __( 'The line from the POS can not be read. It begins with “pos-sync:”; please copy all of it, to its end.', 'woocommerce-pos-sync' );
	}
}
