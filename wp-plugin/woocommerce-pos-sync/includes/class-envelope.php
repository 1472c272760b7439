<?php
/**
 * The bytes that are sent.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * The JSON around an order or product. It depends on the change alone, never on when it is sent:
 * an unchanged order gives the same bytes under the same delivery id.
 */
final class Envelope {

	/**
	 * Stays the same for the same state of the same thing in the same shop.
	 *
	 * @var string
	 */
	public $delivery_id;

	/**
	 * The event, such as order.created.
	 *
	 * @var string
	 */
	public $event;

	/**
	 * The exact bytes; empty when they could not be made.
	 *
	 * @var string
	 */
	public $body;

	/**
	 * Encodes an envelope.
	 *
	 * @param string               $event      The event.
	 * @param int                  $id         Id of the order or product.
	 * @param int                  $sequence   Raised by every change.
	 * @param int                  $changed_at Unix time of the change.
	 * @param array<string, mixed> $data       The order or product.
	 * @param array<string, mixed> $about      Site URL and versions; "opening" where it is so.
	 */
	public function __construct( string $event, int $id, int $sequence, int $changed_at, array $data, array $about ) {
		$site         = isset( $about['site_url'] ) && is_string( $about['site_url'] ) ? $about['site_url'] : '';
		list( $type ) = explode( '.', $event );

		$this->event       = $event;
		$this->delivery_id = 'msg_' . substr( hash( 'sha256', "$site|$type|$id|$sequence" ), 0, 32 );

		$fields = array(
			'event'       => $event,
			'delivery_id' => $this->delivery_id,
			'sequence'    => $sequence,
			'timestamp'   => gmdate( 'Y-m-d\TH:i:s\Z', $changed_at ),
		);
		$fields = array_merge( $fields, $about, array( 'data' => $data ) );

		$this->body = (string) wp_json_encode( $fields, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	}
}
