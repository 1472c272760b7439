<?php
/**
 * What the POS answered.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * One answer of the POS, or the lack of one, and what follows from it.
 */
final class Reply {

	public const SENT   = 'sent';
	public const RETRY  = 'retry';
	public const FAILED = 'failed';

	/**
	 * HTTP status; 0 when no answer came.
	 *
	 * @var int
	 */
	public $status;

	/**
	 * What went wrong, or what the POS warns of, in English; empty when all is well. Words has it for people.
	 *
	 * @var string
	 */
	public $message;

	/**
	 * Seconds the POS asked to wait.
	 *
	 * @var int|null
	 */
	public $retry_after = null;

	/**
	 * The body as an array; empty when it is not the POS's JSON.
	 *
	 * @var array<mixed>
	 */
	public $body = array();

	/**
	 * The body as it came.
	 *
	 * @var string
	 */
	public $text = '';

	/**
	 * What follows: SENT, RETRY or FAILED.
	 *
	 * @var string
	 */
	public $verdict;

	/**
	 * How long it took.
	 *
	 * @var int
	 */
	public $milliseconds = 0;

	/**
	 * Use the named constructors.
	 *
	 * @param int    $status  HTTP status or 0.
	 * @param string $verdict What follows.
	 * @param string $message What went wrong.
	 */
	private function __construct( int $status, string $verdict, string $message ) {
		$this->status  = $status;
		$this->verdict = $verdict;
		$this->message = $message;
	}

	/**
	 * No answer came: worth trying again.
	 *
	 * @param string $error The transport's words.
	 */
	public static function none( string $error ): self {
		return new self( 0, self::RETRY, $error );
	}

	/**
	 * It can't even be sent, and trying again would not change that.
	 *
	 * @param string $error Why.
	 */
	public static function impossible( string $error ): self {
		return new self( 0, self::FAILED, $error );
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
			$final          = $status >= 400 && $status < 500 && 408 !== $status && 429 !== $status;
			$reply          = new self( $status, $final ? self::FAILED : self::RETRY, '' );
			$reply->message = self::error( $status, $json );
		}
		$reply->body        = $json;
		$reply->text        = $body;
		$reply->retry_after = self::seconds( $retry_after, $now );
		return $reply;
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
	 * The statuses that mean that the POS as a whole is away, rather than that this one delivery failed; 0 is no answer.
	 *
	 * @return int[]
	 */
	public static function outage_statuses(): array {
		return array( 0, 502, 503, 504 );
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
	 * @param string $header The header.
	 * @param int    $now    Unix time.
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
