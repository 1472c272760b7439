<?php
/**
 * What is shown of a delivery, in words.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Words for topics, results, errors and warnings, in the language of whoever reads them. What is stored are codes,
 * statuses and the English message; they are put into words when they are shown.
 */
final class Words {

	/**
	 * What happened, by event.
	 *
	 * @return array<string, string>
	 */
	public static function topics(): array {
		return array(
			'order.created'    => __( 'New order', 'woocommerce-pos-sync' ),
			'order.updated'    => __( 'Order changed', 'woocommerce-pos-sync' ),
			'order.refunded'   => __( 'Order refunded', 'woocommerce-pos-sync' ),
			'order.cancelled'  => __( 'Order cancelled', 'woocommerce-pos-sync' ),
			'order.deleted'    => __( 'Order deleted', 'woocommerce-pos-sync' ),
			'order.restored'   => __( 'Order restored', 'woocommerce-pos-sync' ),
			'product.created'  => __( 'New product', 'woocommerce-pos-sync' ),
			'product.updated'  => __( 'Product changed', 'woocommerce-pos-sync' ),
			'product.deleted'  => __( 'Product deleted', 'woocommerce-pos-sync' ),
			'product.restored' => __( 'Product restored', 'woocommerce-pos-sync' ),
			Privacy::EVENT     => __( 'Customer erased', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What can come of a delivery, by result.
	 *
	 * @return array<string, string>
	 */
	public static function results(): array {
		return array(
			Reply::SENT   => __( 'Sent', 'woocommerce-pos-sync' ),
			Reply::RETRY  => __( 'To be retried', 'woocommerce-pos-sync' ),
			Reply::FAILED => __( 'Failed', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * How far an order or product is, by state.
	 *
	 * @return array<string, string>
	 */
	public static function states(): array {
		return array(
			Queue::SENT    => __( 'Sent', 'woocommerce-pos-sync' ),
			Queue::WAITING => __( 'Waiting', 'woocommerce-pos-sync' ),
			Queue::FAILED  => __( 'Failed', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What the POS did with a delivery, by outcome.
	 *
	 * @return array<string, string>
	 */
	public static function outcomes(): array {
		return array(
			'created'   => __( 'Added', 'woocommerce-pos-sync' ),
			'updated'   => __( 'Updated', 'woocommerce-pos-sync' ),
			'unchanged' => __( 'The POS had this already', 'woocommerce-pos-sync' ),
			'duplicate' => __( 'The POS had this delivery already', 'woocommerce-pos-sync' ),
			'stale'     => __( 'The POS has something newer', 'woocommerce-pos-sync' ),
			'ignored'   => __( 'The POS does not need this', 'woocommerce-pos-sync' ),
			'parked'    => __( 'The POS has put it aside for review', 'woocommerce-pos-sync' ),
			'waiting'   => __( 'Received, processed a little later', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What a logged attempt came to: what went wrong, or what the POS did and warns of.
	 *
	 * @param array<string, string> $entry A row of the log.
	 */
	public static function of_entry( array $entry ): string {
		if ( Reply::SENT !== $entry['result'] ) {
			$details = self::details( $entry['answer'] ?? '' );
			return self::of_failure( (int) $entry['status'], $entry['message'] ) . ( '' === $details ? '' : ' (' . $details . ')' );
		}
		$outcome                    = self::outcomes()[ $entry['outcome'] ] ?? $entry['outcome'];
		list( $left_out, $message ) = self::split_message( $entry['message'] );

		$warnings = self::of_warnings( $entry['answer'] ?? '', $message );
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
	 * A message as what was left out of the delivery, in words, and the POS's own.
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

	/**
	 * Why a delivery did not arrive.
	 *
	 * @param int    $status HTTP status; 0 when no answer came, Reply::NOT_SENT when it could not be read here.
	 * @param string $raw    The English message of the POS or of the transport.
	 */
	public static function of_failure( int $status, string $raw ): string {
		if ( Reply::NOT_SENT === $status ) {
			return Queue::BROKE_OFF === $raw ? __( 'The process that was sending it broke off; another plugin or too little memory can be the cause', 'woocommerce-pos-sync' ) : $raw;
		}
		if ( 0 === $status ) {
			return self::of_silence( $raw );
		}
		if ( $status >= 200 && $status < 300 ) {
			return __( 'Something other than the POS answered: another page, or a firewall', 'woocommerce-pos-sync' );
		}
		if ( $status >= 300 && $status < 400 ) {
			return __( 'The address redirects to another one; please correct the Webhook URL', 'woocommerce-pos-sync' );
		}
		$words = self::by_status()[ $status ] ?? '';
		if ( '' === $words ) {
			/* translators: %d: HTTP status. */
			$words = sprintf( __( 'The POS answered with status %d', 'woocommerce-pos-sync' ), $status );
		}
		// What is wrong with the order or product only the POS can say.
		$says_more = in_array( $status, array( 400, 403, 409, 422 ), true ) && '' !== $raw && 0 !== strpos( $raw, 'The POS answered with status' );
		return $says_more ? $words . ': ' . $raw : $words;
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
	 *
	 * @param string $raw The transport's message.
	 */
	private static function of_silence( string $raw ): string {
		if ( Client::REFUSED_ADDRESS === $raw ) {
			return rtrim( Settings::refusal(), '.' );
		}
		switch ( Diagnosis::cause( $raw ) ) {
			case Diagnosis::HOST:
				return __( 'The POS was not found (unknown host name)', 'woocommerce-pos-sync' );
			case Diagnosis::REFUSED:
				return __( 'The POS did not answer (connection refused)', 'woocommerce-pos-sync' );
			case Diagnosis::TIMEOUT:
				return __( 'The POS did not answer in time', 'woocommerce-pos-sync' );
			case Diagnosis::TLS:
				return __( 'No secure connection to the POS (certificate or TLS)', 'woocommerce-pos-sync' );
			case Diagnosis::BROKEN:
				return __( 'The connection to the POS broke off', 'woocommerce-pos-sync' );
		}
		return $raw;
	}

	/**
	 * The warnings in an answer; those of unknown codes as the POS wrote them.
	 *
	 * @param string $answer The answer, as it was kept.
	 * @param string $raw    The English messages in one line.
	 */
	public static function of_warnings( string $answer, string $raw ): string {
		$body  = json_decode( $answer, true );
		$data  = is_array( $body ) ? ( $body['data'] ?? null ) : null;
		$codes = is_array( $data ) ? ( $data['warning_codes'] ?? null ) : null;
		$texts = is_array( $data ) ? ( $data['warnings'] ?? null ) : null;
		if ( ! is_array( $codes ) || ! is_array( $texts ) || count( $codes ) !== count( $texts ) ) {
			return $raw;
		}
		$lines = array();
		foreach ( array_values( $texts ) as $index => $text ) {
			$warning = array_values( $codes )[ $index ];
			$line    = is_array( $warning ) ? self::of_warning( $warning['code'] ?? '', $warning['values'] ?? array() ) : '';
			$lines[] = '' !== $line ? $line : ( is_string( $text ) ? $text : '' );
		}
		return implode( ' ', array_filter( $lines ) );
	}

	/**
	 * One warning; empty where its code, or one of its values, is not known here.
	 *
	 * @param mixed $code   Its code.
	 * @param mixed $values Its values by name.
	 */
	private static function of_warning( $code, $values ): string {
		$sentence = is_string( $code ) ? ( self::warnings()[ $code ] ?? '' ) : '';
		$replace  = array();
		foreach ( is_array( $values ) ? $values : array() as $name => $value ) {
			$replace[ '{' . $name . '}' ] = is_scalar( $value ) ? (string) $value : '';
		}
		// Names in braces that are left over would be a riddle.
		preg_match_all( '/\{[a-z_]+\}/', $sentence, $wanted );
		return array_diff( $wanted[0], array_keys( $replace ) ) ? '' : strtr( $sentence, $replace );
	}

	/**
	 * The POS's warnings by code, with its names for their values in braces.
	 *
	 * @return array<string, string>
	 */
	public static function warnings(): array {
		return array(
			/* translators: Leave {names in braces} as they are. */
			'unknown_sku'         => __( 'The POS does not know the SKU {sku}; its stock does not move.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'unclear_refund_line' => __( 'Refund {refund} returns {quantity} of {line}, which is not exactly one line of this order; its stock does not move.', 'woocommerce-pos-sync' ),
			'product_without_sku' => __( 'The product has no SKU, so the POS can not keep its stock.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'stock_not_managed'   => __( 'The shop does not manage the stock of {sku}, so the POS has none to start with.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'shared_sku'          => __( 'Another product of the shop has the SKU {sku} too.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'unknown_parent'      => __( 'The stock of {sku} is that of product {parent}, which the POS does not know.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'sku_taken'           => __( 'The SKU {sku} was another product’s, which is {product} in the POS until it has a new one.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'sku_of_several'      => __( 'Several products of the shop ({ids}) have the SKU {sku}; in the POS they are one product with one stock.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'not_published'       => __( '{sku} is not published yet; it starts with the stock it is published with.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'field_left_out'      => __( 'The POS could not read the field {field} and left it out: {problem}.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'field_shortened'     => __( 'The field {field} is longer than {limit} characters; the POS keeps only so many.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'characters_replaced' => __( 'The POS replaced characters in the field {field} that can not be stored.', 'woocommerce-pos-sync' ),
		);
	}
}
