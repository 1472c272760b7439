<?php

namespace POS_Sync\Payload;

/**
 * The JSON around an order or product. It depends on the change alone, never on when it is sent:
 * an unchanged order gives the same bytes under the same delivery id.
 */
final class Envelope {

	/**
	 * How the log's message begins where something was left out.
	 */
	public const LEFT_OUT = 'Left out: ';

	/**
	 * Stays the same for the same state of the same thing in the same shop.
	 */
	public string $delivery_id;

	/**
	 * The event, such as order.created.
	 */
	public string $event;

	/**
	 * The exact bytes; empty when they could not be made.
	 */
	public string $body;

	/**
	 * What was left out because the POS takes no more: where it was, its key and its size.
	 *
	 * @var array<int, array{in: string, key: string, bytes: int}>
	 */
	public array $left_out = array();

	/**
	 * The fingerprint of the product; empty for an order.
	 */
	public string $fingerprint = '';

	/**
	 * Ids of the order's refunds.
	 *
	 * @var int[]
	 */
	public array $refunds = array();

	/**
	 * Encodes an envelope.
	 *
	 * @param int                  $id         Id of the order or product.
	 * @param int                  $sequence   Raised by every change.
	 * @param int|string           $time       Unix time of the change, or a time as timestamp() writes it.
	 * @param array<mixed>         $data       The order or product.
	 * @param array<string, mixed> $about      Site URL and versions; "opening" where it is so.
	 */
	public function __construct( string $event, int $id, int $sequence, $time, array $data, array $about ) {
		$site         = isset( $about['site_url'] ) && is_string( $about['site_url'] ) ? $about['site_url'] : '';
		list( $type ) = explode( '.', $event );

		$this->event       = $event;
		$this->delivery_id = 'msg_' . substr( hash( 'sha256', "$site|$type|$id|$sequence" ), 0, 32 );

		$fields = array(
			'event'       => $event,
			'delivery_id' => $this->delivery_id,
			'sequence'    => $sequence,
			'timestamp'   => is_int( $time ) ? gmdate( 'Y-m-d\TH:i:s\Z', $time ) : $time,
		);
		$fields = array_merge( $fields, $about );
		$data   = self::string_keyed( Json_Sanitizer::sanitize( $data ) );

		$this->body = self::json( $fields + array( 'data' => $data ) );
		if ( strlen( $this->body ) > Size_Limiter::LIMIT ) {
			$this->left_out = Size_Limiter::leave_out( $data, strlen( $this->body ) - Size_Limiter::LIMIT );
			$this->body     = self::json(
				$fields + array(
					'left_out' => $this->left_out,
					'data'     => $data,
				)
			);
		}
	}

	/**
	 * Now, in Unix milliseconds. Cut off, not rounded: what happens later never gets an earlier time.
	 */
	public static function milliseconds(): int {
		return (int) floor( microtime( true ) * 1000 );
	}

	/**
	 * A time in UTC with its fraction.
	 *
	 * @param int $milliseconds Unix milliseconds.
	 */
	public static function timestamp( int $milliseconds ): string {
		return gmdate( 'Y-m-d\TH:i:s', intdiv( $milliseconds, 1000 ) ) . sprintf( '.%03dZ', $milliseconds % 1000 );
	}

	/**
	 * A value as JSON; empty when it can't be written. Bytes that are no UTF-8 become "�".
	 *
	 * @param mixed $value The value.
	 */
	public static function json( $value ): string {
		return (string) wp_json_encode( $value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE );
	}

	/**
	 * What was left out, for the log, where Delivery_Messages puts it into the reader's language; empty when nothing was.
	 */
	public function left_out_note(): string {
		if ( ! $this->left_out ) {
			return '';
		}
		$names = array();
		foreach ( $this->left_out as $part ) {
			$names[] = sprintf( '%s (%s)', str_replace( ';', ',', $part['key'] ), size_format( $part['bytes'], 1 ) );
		}
		return self::LEFT_OUT . implode( ', ', $names );
	}

	/**
	 * An array with names for keys; empty where it is no array.
	 *
	 * @param mixed $value What should be one.
	 * @return array<string, mixed>
	 */
	public static function string_keyed( $value ): array {
		$named = array();
		foreach ( is_array( $value ) ? $value : array() as $name => $part ) {
			$named[ (string) $name ] = $part;
		}
		return $named;
	}
}
