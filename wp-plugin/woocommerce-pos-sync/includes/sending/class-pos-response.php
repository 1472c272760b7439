<?php

namespace POS_Sync\Sending;

/**
 * One answer of the POS, or the lack of one, and what follows from it.
 */
final class Pos_Response {

	public const SENT   = 'sent';
	public const RETRY  = 'retry';
	public const FAILED = 'failed';

	/**
	 * The outcome, and in place of an HTTP status, of what could not be read here and so was not sent.
	 */
	public const UNREADABLE = 'unreadable';
	public const NOT_SENT   = 1;

	/**
	 * The answers that mean: the POS read it and refuses it, so sending it again would change nothing. Any other means
	 * that something else is wrong (the key, the address, a firewall, the POS itself), which can be corrected.
	 */
	private const FINAL_STATUSES = array( 400, 413, 415, 422 );

	/**
	 * The answers that come for everything that is sent: no answer at all (0), redirects, a key that is not known or not
	 * allowed, nothing at this address, too many requests, and those of the servers in front of a POS that is away.
	 */
	private const OUTAGE_STATUSES = array( 0, 301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407, 410, 429, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530 );

	/**
	 * HTTP status; 0 when no answer came.
	 */
	public int $status;

	/**
	 * What went wrong, or what the POS warns of, in English; empty when all is well. Failure_Messages translates it.
	 */
	public string $message;

	/**
	 * Seconds the POS asked to wait.
	 */
	public ?int $retry_after = null;

	/**
	 * The body as an array; empty when it is not the POS's JSON.
	 *
	 * @var array<mixed>
	 */
	public array $body = array();

	/**
	 * The body as it came.
	 */
	public string $text = '';

	/**
	 * What follows: SENT, RETRY or FAILED.
	 */
	public string $result;

	/**
	 * How long it took.
	 */
	public int $milliseconds = 0;

	/**
	 * Use the named constructors.
	 *
	 * @param int    $status  HTTP status or 0.
	 * @param string $result What follows.
	 * @param string $message What went wrong.
	 */
	private function __construct( int $status, string $result, string $message ) {
		$this->status  = $status;
		$this->result  = $result;
		$this->message = $message;
	}

	/**
	 * No answer came: worth trying again.
	 */
	public static function no_answer( string $error ): self {
		return new self( 0, self::RETRY, $error );
	}

	/**
	 * It could not be read or encoded here, perhaps because of another plugin. It is retried, since that can be corrected.
	 *
	 * @param string $error Why.
	 */
	public static function unreadable( string $error ): self {
		$reply       = new self( self::NOT_SENT, self::RETRY, $error );
		$reply->body = array( 'data' => array( 'outcome' => self::UNREADABLE ) );
		return $reply;
	}

	/**
	 * Judges an answer. Sent is only what the POS itself confirms: a firewall's "200 OK" page is not a delivery.
	 *
	 * @param int    $status      HTTP status.
	 * @param string $body        Raw body.
	 * @param string $retry_after Retry-After header, seconds or an HTTP date; may be empty.
	 * @param int    $now         Unix time.
	 */
	public static function from_http( int $status, string $body, string $retry_after, int $now ): self {
		$json = json_decode( $body, true );
		$json = is_array( $json ) ? $json : array();

		if ( $status >= 200 && $status < 300 ) {
			$confirmed = true === ( $json['success'] ?? null );
			$reply     = new self( $status, $confirmed ? self::SENT : self::RETRY, '' );
			if ( ! $confirmed ) {
				$reply->message = 'The address did not answer like the POS (another page, or a firewall?).';
			} else {
				$reply->message = self::warnings( $json );
			}
		} else {
			// Only the POS itself can refuse for good: a web server in front of it answers with a page.
			$final          = in_array( $status, self::FINAL_STATUSES, true ) && false === ( $json['success'] ?? null );
			$reply          = new self( $status, $final ? self::FAILED : self::RETRY, '' );
			$reply->message = self::error( $status, $json );
		}
		$reply->body        = $json;
		$reply->text        = $body;
		$reply->retry_after = self::seconds( $retry_after, $now );
		return $reply;
	}

	/**
	 * Adds something to the message.
	 *
	 * @param string $note What; may be empty.
	 */
	public function add_note( string $note ): void {
		$this->message = trim( $note . '; ' . $this->message, '; ' );
	}

	/**
	 * What the POS did with it (created, updated, duplicate …); empty when it did not say.
	 */
	public function outcome(): string {
		$data    = $this->body['data'] ?? null;
		$outcome = is_array( $data ) ? ( $data['outcome'] ?? '' ) : '';
		return is_string( $outcome ) ? $outcome : '';
	}

	/**
	 * The statuses that any delivery would have got, so that waiting for the next attempt ends when one gets through.
	 *
	 * @return int[]
	 */
	public static function outage_statuses(): array {
		return self::OUTAGE_STATUSES;
	}

	/**
	 * Whether an attempt with this status says that sending anything else makes no sense just now.
	 *
	 * @param int $status HTTP status, 0 for no answer.
	 */
	public static function is_outage_status( int $status ): bool {
		return in_array( $status, self::OUTAGE_STATUSES, true );
	}

	/**
	 * The warnings of a confirmed delivery in one line.
	 *
	 * @param array<mixed> $json The body.
	 */
	private static function warnings( array $json ): string {
		$data     = $json['data'] ?? null;
		$warnings = is_array( $data ) ? ( $data['warnings'] ?? array() ) : array();
		$lines    = array();
		foreach ( is_array( $warnings ) ? $warnings : array() as $warning ) {
			$text = is_array( $warning ) ? ( $warning['message'] ?? '' ) : $warning;
			if ( is_string( $text ) && '' !== $text ) {
				$lines[] = $text;
			}
		}
		return implode( '; ', $lines );
	}

	/**
	 * The error in one line.
	 *
	 * @param int          $status HTTP status.
	 * @param array<mixed> $json   The body.
	 */
	private static function error( int $status, array $json ): string {
		$error   = $json['error'] ?? null;
		$message = is_array( $error ) ? ( $error['message'] ?? '' ) : '';
		return is_string( $message ) && '' !== $message ? $message : sprintf( 'The POS answered with status %d.', $status );
	}

	/**
	 * A Retry-After header in seconds.
	 *
	 * @param int $now    Unix time.
	 */
	private static function seconds( string $header, int $now ): ?int {
		$header = trim( $header );
		if ( '' === $header ) {
			return null;
		}
		if ( ctype_digit( $header ) ) {
			return (int) $header;
		}
		$time = strtotime( $header );
		return false === $time ? null : max( 0, $time - $now );
	}
}
