<?php

namespace POS_Sync\Payload;

/**
 * Turns whatever plugins keep with an order into what can be written as JSON and stored anywhere: one odd value never
 * costs the order.
 */
final class Json_Sanitizer {

	/**
	 * Deeper than anything meant to be read; JSON itself ends at 512.
	 */
	private const DEPTH = 64;

	/**
	 * What stands for a NUL byte, which private properties of PHP objects have in their names: the sign that Unicode has for it.
	 */
	private const NUL = "\u{2400}";

	/**
	 * A value that is the same for JSON, or text that shows what it was.
	 *
	 * @param mixed    $value Anything.
	 * @param int      $depth How deep it lies.
	 * @param object[] $path  The objects that hold it.
	 * @return mixed
	 */
	public static function sanitize( $value, int $depth = 0, array $path = array() ) {
		if ( is_string( $value ) ) {
			return self::text( $value );
		}
		if ( is_float( $value ) ) {
			return is_finite( $value ) ? $value : ( is_nan( $value ) ? 'NAN' : ( $value > 0 ? 'INF' : '-INF' ) );
		}
		if ( null === $value || is_scalar( $value ) ) {
			return $value;
		}
		if ( $depth >= self::DEPTH ) {
			return '(nested too deeply)';
		}
		if ( is_array( $value ) ) {
			return self::fields( $value, $depth, $path );
		}
		return is_object( $value ) ? self::from_object( $value, $depth, $path ) : '(' . gettype( $value ) . ')';
	}

	/**
	 * An object as JSON would show it: what it wants to be shown as, or its public properties.
	 *
	 * @param object   $value The object.
	 * @param int      $depth How deep it lies.
	 * @param object[] $path  The objects that hold it.
	 * @return mixed
	 */
	private static function from_object( object $value, int $depth, array $path ) {
		if ( in_array( $value, $path, true ) ) {
			return '(contains itself)';
		}
		$path[] = $value;
		if ( $value instanceof \DateTimeInterface ) {
			return $value->format( DATE_ATOM );
		}
		if ( $value instanceof \JsonSerializable ) {
			try {
				return self::sanitize( $value->jsonSerialize(), $depth + 1, $path );
			} catch ( \Throwable $problem ) {
				return '(' . self::text( get_class( $value ) ) . ')';
			}
		}
		return (object) self::fields( get_object_vars( $value ), $depth, $path );
	}

	/**
	 * The values of an array, under names that can be stored.
	 *
	 * @param array<mixed> $fields The array.
	 * @param int          $depth  How deep it lies.
	 * @param object[]     $path   The objects that hold it.
	 * @return array<mixed>
	 */
	private static function fields( array $fields, int $depth, array $path ): array {
		$plain = array();
		foreach ( $fields as $name => $field ) {
			$plain[ is_string( $name ) ? self::text( $name ) : $name ] = self::sanitize( $field, $depth + 1, $path );
		}
		return $plain;
	}

	/**
	 * Text without NUL bytes.
	 */
	private static function text( string $text ): string {
		return str_replace( "\0", self::NUL, $text );
	}
}
