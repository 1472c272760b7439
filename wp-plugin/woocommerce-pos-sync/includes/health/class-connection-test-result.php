<?php

namespace POS_Sync\Health;

use POS_Sync\Messages\Failure_Messages;
use POS_Sync\Sending\Pos_Response;

/**
 * The result of a connection test as a message that a shop owner can act on.
 */
final class Connection_Test_Result {

	public const HOST    = 'host';
	public const REFUSED = 'refused';
	public const TIMEOUT = 'timeout';
	public const TLS     = 'tls';
	public const BROKEN  = 'broken';

	private const CLOCK_TOLERANCE = 300;

	/**
	 * Numbers of libcurl's errors, and patterns for the messages of other transports, by cause.
	 */
	private const CAUSES = array(
		self::HOST    => array( array( 5, 6 ), '/resolve|getaddrinfo|name or service not known/i' ),
		self::TIMEOUT => array( array( 28 ), '/timed out|timeout/i' ),
		self::REFUSED => array( array( 7 ), '/connection refused/i' ),
		self::TLS     => array( array( 35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 83, 90, 91 ), '/\b(SSL|TLS)\b|certificate/i' ),
		self::BROKEN  => array( array( 16, 18, 52, 55, 56, 92 ), '/empty reply|connection reset|broken pipe/i' ),
	);

	/**
	 * Whether orders can be sent.
	 */
	public bool $ok;

	/**
	 * What was found.
	 */
	public string $message;

	/**
	 * Use the named constructors.
	 *
	 * @param bool   $ok      Whether orders can be sent.
	 * @param string $message What was found.
	 */
	private function __construct( bool $ok, string $message ) {
		$this->ok      = $ok;
		$this->message = $message;
	}

	/**
	 * Something is wrong.
	 *
	 * @param string $message What.
	 */
	public static function problem( string $message ): self {
		return new self( false, $message );
	}

	/**
	 * Why no answer came: HOST, REFUSED, TIMEOUT, TLS or BROKEN; empty where that is not known.
	 *
	 * @param string $error The transport's message, such as "cURL error 6: Could not resolve host".
	 */
	public static function cause( string $error ): string {
		$number = preg_match( '/cURL error (\d+)/', $error, $match ) ? (int) $match[1] : 0;
		foreach ( self::CAUSES as $cause => list( $numbers, $pattern ) ) {
			if ( $number ? in_array( $number, $numbers, true ) : preg_match( $pattern, $error ) ) {
				return $cause;
			}
		}
		return '';
	}

	/**
	 * No answer came.
	 *
	 * @param string $error The transport's message, such as "cURL error 6: Could not resolve host".
	 */
	public static function of_error( string $error ): self {
		switch ( self::cause( $error ) ) {
			case self::HOST:
				return self::problem( __( 'The host was not found. Please check the name in the Webhook URL.', 'woocommerce-pos-sync' ) );
			case self::REFUSED:
				return self::problem( __( 'The connection was refused: nothing answers at this address and port. Is the POS running, and does a firewall let this site through?', 'woocommerce-pos-sync' ) );
			case self::TIMEOUT:
				return self::problem( __( 'The POS did not answer in time. It may be overloaded, or a firewall swallows the requests.', 'woocommerce-pos-sync' ) );
			case self::TLS:
				/* translators: %s: technical error message. */
				return self::problem( sprintf( __( 'No secure connection (TLS) could be made; the certificate may be out of date or for another name. %s', 'woocommerce-pos-sync' ), $error ) );
		}
		/* translators: %s: technical error message. */
		return self::problem( sprintf( __( 'The POS could not be reached: %s', 'woocommerce-pos-sync' ), $error ) );
	}

	/**
	 * An answer came.
	 *
	 * @param int    $status   HTTP status.
	 * @param string $body     Raw body.
	 * @param string $location Where a redirect points.
	 * @param int    $now      Unix time of this site, when the answer was made.
	 */
	public static function of_answer( int $status, string $body, string $location, int $now ): self {
		if ( $status >= 300 && $status < 400 ) {
			/* translators: %s: URL. */
			return self::problem( sprintf( __( 'The address redirects to %s. Please enter the final address as Webhook URL.', 'woocommerce-pos-sync' ), $location ) );
		}
		$json = json_decode( $body, true );
		if ( 401 === $status && is_array( $json ) ) {
			return self::problem( __( 'The POS does not know this API key. Please copy it again from the POS.', 'woocommerce-pos-sync' ) );
		}
		if ( 404 === $status ) {
			return self::problem( __( 'There is no POS at this address (404). Please check the path of the Webhook URL; it usually ends in /api/webhooks/orders.', 'woocommerce-pos-sync' ) );
		}
		if ( ! is_array( $json ) ) {
			/* translators: %d: HTTP status. */
			return self::problem( sprintf( __( 'A web page answered instead of the POS (status %d): a firewall or login page in between, or another address.', 'woocommerce-pos-sync' ), $status ) );
		}
		$refusal = self::refusal( $status, $body, $now );
		if ( '' !== $refusal ) {
			return self::problem( $refusal );
		}
		if ( 200 !== $status || true !== ( $json['success'] ?? null ) ) {
			/* translators: %d: HTTP status. */
			return self::problem( sprintf( __( 'The POS answered with status %d.', 'woocommerce-pos-sync' ), $status ) );
		}
		$clock = self::clock_problem( $json['timestamp'] ?? null, $now );
		if ( '' !== $clock ) {
			return self::problem( $clock );
		}
		return self::connected( $json['store'] ?? null );
	}

	/**
	 * Why the POS does not take requests just now, or not with this key; empty where it does.
	 */
	private static function refusal( int $status, string $body, int $now ): string {
		switch ( $status ) {
			case 403: // Which scope the key lacks, or from which address it came, only the POS can say.
				return Failure_Messages::describe( $status, Pos_Response::from_http( $status, $body, '', $now )->message );
			case 429:
				return __( 'The POS had too many requests and asks to wait. Please try again in a minute.', 'woocommerce-pos-sync' );
			case 503:
				return __( 'The POS answers, but its database is not available. Orders are kept here until it is.', 'woocommerce-pos-sync' );
		}
		return '';
	}

	/**
	 * All is well.
	 *
	 * @param mixed $store What the POS says of the store that the key is for.
	 */
	private static function connected( $store ): self {
		$name = is_array( $store ) ? ( $store['name'] ?? '' ) : '';
		if ( is_string( $name ) && '' !== $name ) {
			/* translators: %s: the store's name in the POS. */
			return new self( true, sprintf( __( 'Connected to the store “%s”.', 'woocommerce-pos-sync' ), $name ) );
		}
		return new self( true, __( 'Connected.', 'woocommerce-pos-sync' ) );
	}

	/**
	 * Whether the clocks differ too much for signatures to be accepted; empty if not.
	 *
	 * @param mixed $timestamp The POS's time, RFC 3339.
	 * @param int   $now       Unix time here.
	 */
	private static function clock_problem( $timestamp, int $now ): string {
		$time = is_string( $timestamp ) ? strtotime( $timestamp ) : false;
		if ( false === $time || abs( $time - $now ) <= self::CLOCK_TOLERANCE ) {
			return '';
		}
		$minutes = (int) round( abs( $time - $now ) / 60 );
		/* translators: 1: minutes, 2: time of the POS, 3: time of this site. */
		return sprintf( __( 'The clocks differ by %1$d minutes, so the POS will refuse what this site sends. It is %2$s there and %3$s here (UTC).', 'woocommerce-pos-sync' ), $minutes, gmdate( 'H:i', $time ), gmdate( 'H:i', $now ) );
	}
}
