<?php
/**
 * Loaded by every test shop: no mail and no request leaves the machine (mails are kept); wordpress.org seems to be away.
 *
 * @package POS_Sync
 */

add_filter(
	'pre_wp_mail',
	static function ( $sent, array $mail ): bool {
		update_option( 'test_mails', array_merge( (array) get_option( 'test_mails', array() ), array( $mail ) ), false );
		return true;
	},
	10,
	2
);
// Tests run the scheduler themselves, step by step, unless they are about sending at once.
add_filter(
	'pos_sync_send_at_once',
	static function (): bool {
		return (bool) get_option( 'test_at_once' );
	}
);
add_filter(
	'pre_http_request',
	static function ( $reply, array $arguments, string $url ) {
		if ( in_array( wp_parse_url( $url, PHP_URL_HOST ), array( '127.0.0.1', 'localhost' ), true ) ) {
			return $reply;
		}
		return array(
			'headers'  => array(),
			'body'     => '',
			'response' => array(
				'code'    => 503,
				'message' => 'Service Unavailable',
			),
			'cookies'  => array(),
			'filename' => null,
		);
	},
	10,
	3
);
