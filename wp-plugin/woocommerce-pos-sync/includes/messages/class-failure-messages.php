<?php

namespace POS_Sync\Messages;

use POS_Sync\Health\Connection_Test_Result;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Sending\Pos_Client;
use POS_Sync\Sending\Pos_Response;
use POS_Sync\Settings\Webhook_Url;

/**
 * Why a delivery did not arrive, in the language of whoever reads it. What is stored is the HTTP status and the English message.
 */
final class Failure_Messages {

	/**
	 * Why a delivery did not arrive.
	 *
	 * @param int    $status HTTP status; 0 when no answer came, Pos_Response::NOT_SENT when it could not be read here.
	 * @param string $raw    The English message of the POS or of the transport.
	 */
	public static function describe( int $status, string $raw ): string {
		if ( Pos_Response::NOT_SENT === $status ) {
			return Queue_Item::BROKE_OFF === $raw ? __( 'The process that was sending it broke off; another plugin or too little memory can be the cause', 'woocommerce-pos-sync' ) : $raw;
		}
		if ( 0 === $status ) {
			return self::no_answer( $raw );
		}
		if ( $status >= 200 && $status < 300 ) {
			return __( 'Something other than the POS answered: another page, or a firewall', 'woocommerce-pos-sync' );
		}
		if ( $status >= 300 && $status < 400 ) {
			return __( 'The address redirects to another one; please correct the Webhook URL', 'woocommerce-pos-sync' );
		}
		$text = self::by_status()[ $status ] ?? '';
		if ( '' === $text ) {
			/* translators: %d: HTTP status. */
			$text = sprintf( __( 'The POS answered with status %d', 'woocommerce-pos-sync' ), $status );
		}
		// What is wrong with the order or product only the POS can say.
		$says_more = in_array( $status, array( 400, 403, 409, 422 ), true ) && '' !== $raw && 0 !== strpos( $raw, 'The POS answered with status' );
		return $says_more ? $text . ': ' . $raw : $text;
	}

	/**
	 * What the POS means by its error codes, each of which has a status of its own.
	 *
	 * @return array<int, string>
	 */
	private static function by_status(): array {
		$away = __( 'The POS is not available just now', 'woocommerce-pos-sync' );
		return array(
			400 => __( 'The POS could not read it', 'woocommerce-pos-sync' ),
			401 => __( 'The POS does not know the API key', 'woocommerce-pos-sync' ),
			403 => __( 'The POS, or a firewall before it, does not allow it', 'woocommerce-pos-sync' ),
			404 => __( 'There is no POS at this address (404)', 'woocommerce-pos-sync' ),
			408 => __( 'The POS did not get all of it in time', 'woocommerce-pos-sync' ),
			409 => __( 'It contradicts what the POS has', 'woocommerce-pos-sync' ),
			413 => __( 'It is too large for the POS', 'woocommerce-pos-sync' ),
			415 => __( 'The POS does not take this kind of data', 'woocommerce-pos-sync' ),
			422 => __( 'The POS can not use it', 'woocommerce-pos-sync' ),
			429 => __( 'The POS had too many requests and asks to wait', 'woocommerce-pos-sync' ),
			500 => __( 'The POS had an error of its own', 'woocommerce-pos-sync' ),
			502 => $away,
			503 => $away,
			504 => $away,
		);
	}

	/**
	 * Why no answer came.
	 */
	private static function no_answer( string $raw ): string {
		if ( Pos_Client::BLOCKED_ADDRESS === $raw ) {
			return rtrim( Webhook_Url::blocked_message(), '.' );
		}
		switch ( Connection_Test_Result::cause( $raw ) ) {
			case Connection_Test_Result::HOST:
				return __( 'The POS was not found (unknown host name)', 'woocommerce-pos-sync' );
			case Connection_Test_Result::REFUSED:
				return __( 'The POS did not answer (connection refused)', 'woocommerce-pos-sync' );
			case Connection_Test_Result::TIMEOUT:
				return __( 'The POS did not answer in time', 'woocommerce-pos-sync' );
			case Connection_Test_Result::TLS:
				return __( 'No secure connection to the POS (certificate or TLS)', 'woocommerce-pos-sync' );
			case Connection_Test_Result::BROKEN:
				return __( 'The connection to the POS broke off', 'woocommerce-pos-sync' );
		}
		return $raw;
	}
}
