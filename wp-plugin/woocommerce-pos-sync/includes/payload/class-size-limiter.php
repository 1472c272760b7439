<?php

namespace POS_Sync\Payload;

/**
 * Leaves meta data out of an order that is too large for one delivery, the largest first: no plugin's notes may cost the order.
 */
final class Size_Limiter {

	/**
	 * What the POS takes is 2 MiB; some of it is for naming what was left out.
	 */
	public const LIMIT = 2 * 1024 * 1024 - 16 * 1024;

	/**
	 * No more than so many are named.
	 */
	private const NAMED = 50;

	/**
	 * Takes meta data out of an order until it is small enough, or none is left.
	 *
	 * @param array<mixed> $data  The order, with nothing but plain values.
	 * @param int          $bytes How much is too much.
	 * @return array<int, array{in: string, key: string, bytes: int}> What was left out: where it was, its key and its size as JSON.
	 */
	public static function leave_out( array &$data, int $bytes ): array {
		$found = self::find( $data, array() );
		usort(
			$found,
			static function ( array $one, array $other ): int {
				return $other['bytes'] <=> $one['bytes'];
			}
		);
		$left_out = array();
		foreach ( $found as $meta ) {
			if ( $bytes <= 0 ) {
				break;
			}
			self::remove( $data, $meta['path'] );
			$bytes -= $meta['bytes'];
			if ( count( $left_out ) < self::NAMED ) {
				$left_out[] = array(
					'in'    => implode( '.', array_slice( $meta['path'], 0, -1 ) ),
					'key'   => substr( $meta['key'], 0, 100 ),
					'bytes' => $meta['bytes'],
				);
			}
		}
		$data = self::without_gaps( $data );
		return $left_out;
	}

	/**
	 * All entries of meta data in it, wherever they lie.
	 *
	 * @param array<mixed>      $data Part of an order.
	 * @param array<int|string> $path Where it lies.
	 * @return array<int, array{path: array<int|string>, key: string, bytes: int}>
	 */
	private static function find( array $data, array $path ): array {
		$found = array();
		foreach ( $data as $name => $part ) {
			if ( ! is_array( $part ) ) {
				continue;
			}
			if ( 'meta_data' !== $name ) {
				$found = array_merge( $found, self::find( $part, array_merge( $path, array( $name ) ) ) );
				continue;
			}
			foreach ( $part as $index => $entry ) {
				$key     = is_array( $entry ) && is_scalar( $entry['key'] ?? null ) ? (string) $entry['key'] : '';
				$found[] = array(
					'path'  => array_merge( $path, array( $name, $index ) ),
					'key'   => $key,
					'bytes' => strlen( Envelope::json( $entry ) ) + 1,
				);
			}
		}
		return $found;
	}

	/**
	 * Takes one entry out of its list, and leaves a gap, so that the others stay where they are.
	 *
	 * @param array<mixed>      $data The order.
	 * @param array<int|string> $path Where the entry lies.
	 */
	private static function remove( array &$data, array $path ): void {
		$name = array_shift( $path );
		if ( null === $name ) {
			return;
		}
		if ( ! $path ) {
			$data[ $name ] = null;
			return;
		}
		if ( is_array( $data[ $name ] ?? null ) ) {
			self::remove( $data[ $name ], $path );
		}
	}

	/**
	 * The same without the gaps in its lists of meta data.
	 *
	 * @param array<mixed> $data Part of an order.
	 * @phpstan-param array<TKey, mixed> $data
	 * @phpstan-template TKey of array-key
	 * @phpstan-return array<TKey, mixed>
	 * @return array<mixed>
	 */
	private static function without_gaps( array $data ): array {
		foreach ( $data as $name => $part ) {
			if ( is_array( $part ) ) {
				$data[ $name ] = 'meta_data' === $name ? array_values( array_filter( $part ) ) : self::without_gaps( $part );
			}
		}
		return $data;
	}
}
