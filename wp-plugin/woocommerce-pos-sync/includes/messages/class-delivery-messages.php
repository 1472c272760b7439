<?php

namespace POS_Sync\Messages;

use POS_Sync\Payload\Envelope;
use POS_Sync\Sending\Pos_Response;

/**
 * What a logged delivery came to, in one line and in the language of whoever reads it.
 */
final class Delivery_Messages {

	/**
	 * What a logged attempt came to: what went wrong, or what the POS did and warns of.
	 *
	 * @param array<string, string> $entry A row of the log.
	 */
	public static function describe( array $entry ): string {
		if ( Pos_Response::SENT !== $entry['result'] ) {
			$details = self::details( $entry['answer'] ?? '' );
			return Failure_Messages::describe( (int) $entry['status'], $entry['message'] ) . ( '' === $details ? '' : ' (' . $details . ')' );
		}
		$outcome                    = Labels::outcomes()[ $entry['outcome'] ] ?? $entry['outcome'];
		list( $left_out, $message ) = self::split_message( $entry['message'] );

		$warnings = Warning_Messages::translate( $entry['answer'] ?? '', $message );
		return implode( '. ', array_filter( array( $outcome, $left_out, $warnings ) ) );
	}

	/**
	 * Which fields the POS could not use, and why, as it names them; empty where it names none.
	 *
	 * @param string $answer The answer, as it was kept.
	 */
	private static function details( string $answer ): string {
		$body    = json_decode( $answer, true );
		$error   = is_array( $body ) ? ( $body['error'] ?? null ) : null;
		$details = is_array( $error ) ? ( $error['details'] ?? null ) : null;
		$fields  = is_array( $details ) ? ( $details['fields'] ?? null ) : null;
		$lines   = array();
		foreach ( is_array( $fields ) ? $fields : array() as $field => $problem ) {
			if ( is_string( $problem ) ) {
				$lines[] = preg_replace( '/^data\./', '', (string) $field ) . ': ' . $problem;
			}
		}
		return implode( ', ', $lines );
	}

	/**
	 * A message in two parts: what was left out of the delivery, and the POS's own.
	 *
	 * @param string $message The message as logged.
	 * @return array{string, string}
	 */
	private static function split_message( string $message ): array {
		if ( 0 !== strpos( $message, Envelope::LEFT_OUT ) ) {
			return array( '', $message );
		}
		$parts = explode( '; ', substr( $message, strlen( Envelope::LEFT_OUT ) ), 2 );
		/* translators: %s: names and sizes of meta data. */
		return array( sprintf( __( 'Too large for the POS, so it was left out: %s', 'woocommerce-pos-sync' ), $parts[0] ), $parts[1] ?? '' );
	}
}
