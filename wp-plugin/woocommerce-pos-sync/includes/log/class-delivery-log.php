<?php

namespace POS_Sync\Log;

use POS_Sync\Database\Table;
use POS_Sync\Payload\Envelope;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Sending\Pos_Response;
use POS_Sync\Settings\Settings;

/**
 * Keeps every attempt for 30 days, with request and answer: never a key, and no personal data.
 */
final class Delivery_Log {

	public const SOURCE = 'pos-sync';

	private const DAYS = 30;

	/**
	 * So much of an answer is kept; the POS's own are shorter.
	 */
	private const ANSWER_BYTES = 16000;

	/**
	 * What a compressed request begins with.
	 */
	private const PACKED = 'gz:';

	/**
	 * What a list of attempts shows. Request and answer of each would be much to read.
	 */
	private const COLUMNS = 'id, sent_at, type, object_id, event, delivery_id, attempt, result, status, milliseconds, outcome, message, answer';

	private Settings $settings;
	private Table $table;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
		$this->table    = new Table( Table::LOG );
	}

	/**
	 * Notes an attempt.
	 *
	 * @param Queue_Item   $item     What was sent.
	 * @param Envelope     $envelope How.
	 * @param Pos_Response $reply    What came back.
	 * @param string       $result   Pos_Response::SENT, RETRY or FAILED: what follows in the end.
	 */
	public function add( Queue_Item $item, Envelope $envelope, Pos_Response $reply, string $result ): void {
		$message = $this->clean( $reply->message );
		$this->table->insert(
			array(
				'sent_at'      => time(),
				'type'         => $item->type,
				'object_id'    => $item->id,
				'event'        => $envelope->event,
				'delivery_id'  => $envelope->delivery_id,
				'attempt'      => $item->attempts,
				'result'       => $result,
				'status'       => Pos_Response::NOT_SENT === $reply->status ? 0 : $reply->status,
				'milliseconds' => $reply->milliseconds,
				'outcome'      => mb_substr( $reply->outcome(), 0, 20 ),
				'message'      => $message,
				'request'      => $this->pack( Request_Redactor::redact( $envelope->body ) ),
				'answer'       => mb_strcut( $this->mask( $reply->text ), 0, self::ANSWER_BYTES ),
			)
		);
		$this->write( $item, $envelope, $reply, $result, $message );
	}

	/**
	 * A message fit for being kept and shown: one line, without the key or an e-mail address.
	 */
	public function clean( string $message ): string {
		$message = $this->mask( $message );
		return mb_substr( trim( (string) preg_replace( '/\s+/', ' ', wp_strip_all_tags( $message ) ) ), 0, 255 );
	}

	/**
	 * A text without the key and e-mail addresses.
	 */
	private function mask( string $text ): string {
		$text = str_replace( $this->settings->keys()->secrets(), '***', $text );
		return (string) preg_replace( '/[^\s@<>"\']+@[^\s@<>"\']+/', '***', wp_check_invalid_utf8( $text, true ) );
	}

	/**
	 * A request as it is stored: compressed to about a tenth where PHP can.
	 */
	private function pack( string $request ): string {
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- the column holds text.
		return '' !== $request && function_exists( 'gzcompress' ) ? self::PACKED . base64_encode( (string) gzcompress( $request ) ) : $request;
	}

	/**
	 * A stored request.
	 *
	 * @param string $stored As it is stored.
	 */
	private function unpack( string $stored ): string {
		if ( 0 !== strpos( $stored, self::PACKED ) ) {
			return $stored;
		}
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_decode -- see pack().
		$packed = (string) base64_decode( substr( $stored, strlen( self::PACKED ) ), true );
		return function_exists( 'gzuncompress' ) ? (string) gzuncompress( $packed ) : '';
	}

	/**
	 * One attempt with request and answer; null where it is not kept (any more).
	 *
	 * @param int $id Its number in the log.
	 * @return array<string, string>|null
	 */
	public function find( int $id ): ?array {
		$rows = $this->table->rows( 'SELECT * FROM {table} WHERE id = %d', array( $id ) );
		if ( ! $rows ) {
			return null;
		}
		$rows[0]['request'] = $this->unpack( $rows[0]['request'] );
		return $rows[0];
	}

	/**
	 * Attempts, the latest first.
	 *
	 * @param array{type?: string, id?: int, event?: string, result?: string, from?: int, to?: int, search?: string, orders?: int[]} $filter From and to: Unix times. Search: an id, a delivery id, or part of an error; orders: what else it finds.
	 * @param int                                                                                                                    $limit  How many at most.
	 * @param int                                                                                                                    $offset How many to pass over.
	 * @return array<array<string, string>>
	 */
	public function entries( array $filter, int $limit, int $offset = 0 ): array {
		list( $where, $values ) = $this->where( $filter );

		return $this->table->rows( 'SELECT ' . self::COLUMNS . " FROM {table} WHERE $where ORDER BY id DESC LIMIT %d OFFSET %d", array_merge( $values, array( $limit, $offset ) ) );
	}

	/**
	 * How many attempts a filter finds.
	 *
	 * @param array{type?: string, id?: int, event?: string, result?: string, from?: int, to?: int, search?: string, orders?: int[]} $filter As for entries().
	 */
	public function count( array $filter ): int {
		list( $where, $values ) = $this->where( $filter );

		return (int) $this->table->value( "SELECT COUNT(*) FROM {table} WHERE $where", $values );
	}

	/**
	 * The last attempt of all; null if there was none.
	 *
	 * @return array<string, string>|null
	 */
	public function last_attempt(): ?array {
		$rows = $this->table->rows( 'SELECT ' . self::COLUMNS . ' FROM {table} ORDER BY id DESC LIMIT 1', array() );
		return $rows[0] ?? null;
	}

	/**
	 * Unix time of the last confirmed delivery; null if there was none.
	 */
	public function last_success(): ?int {
		$time = $this->table->value( 'SELECT MAX(sent_at) FROM {table} WHERE result = %s', array( Pos_Response::SENT ) );
		return null === $time ? null : (int) $time;
	}

	/**
	 * The first attempt after a time that did not arrive and is to be made again; null if there was none. What the POS
	 * refused for good arrived.
	 *
	 * @param int $time Unix time.
	 * @return array<string, string>|null
	 */
	public function first_retry_after( int $time ): ?array {
		$rows = $this->table->rows( 'SELECT ' . self::COLUMNS . ' FROM {table} WHERE result = %s AND sent_at > %d ORDER BY sent_at LIMIT 1', array( Pos_Response::RETRY, $time ) );
		return $rows[0] ?? null;
	}

	/**
	 * Removes the texts of the attempts for these orders: request, answer and message. That they were sent, and when, stays.
	 *
	 * @param int[] $ids Their ids.
	 * @return int How many attempts had some.
	 */
	public function remove_texts( array $ids ): int {
		if ( ! $ids ) {
			return 0;
		}
		$holes = Table::placeholders( count( $ids ) );
		return $this->table->query( "UPDATE {table} SET request = '', answer = '', message = '' WHERE type = 'order' AND object_id IN ($holes)", array_values( $ids ) );
	}

	/**
	 * Removes what is older than 30 days.
	 */
	public function prune(): void {
		$this->table->query( 'DELETE FROM {table} WHERE sent_at < %d', array( time() - self::DAYS * DAY_IN_SECONDS ) );
	}

	/**
	 * SQL for a filter.
	 *
	 * @param array{type?: string, id?: int, event?: string, result?: string, from?: int, to?: int, search?: string, orders?: int[]} $filter As for entries().
	 * @return array{literal-string, array<int|string>}
	 */
	private function where( array $filter ): array {
		$where  = array( '1 = 1' );
		$values = array();
		foreach ( array(
			'type'   => 'type = %s',
			'id'     => 'object_id = %d',
			'event'  => 'event = %s',
			'result' => 'result = %s',
			'from'   => 'sent_at >= %d',
			'to'     => 'sent_at < %d',
		) as $name => $condition ) {
			if ( isset( $filter[ $name ] ) && '' !== $filter[ $name ] ) {
				$where[]  = $condition;
				$values[] = $filter[ $name ];
			}
		}
		$search = trim( $filter['search'] ?? '' );
		$orders = $filter['orders'] ?? array();
		$any    = array();
		if ( $orders ) {
			$any[] = "(type = 'order' AND object_id IN (" . Table::placeholders( count( $orders ) ) . '))';
			array_push( $values, ...$orders );
		} elseif ( ctype_digit( ltrim( $search, '#' ) ) ) {
			$any[]    = 'object_id = %d';
			$values[] = (int) ltrim( $search, '#' );
		}
		if ( '' !== $search && ! ctype_digit( ltrim( $search, '#' ) ) ) {
			$like  = $this->table->like( $search );
			$any[] = 'delivery_id = %s OR event LIKE %s OR outcome LIKE %s OR message LIKE %s';
			array_push( $values, $search, $like, $like, $like );
		}
		if ( $any ) {
			$where[] = '(' . implode( ' OR ', $any ) . ')';
		}
		return array( implode( ' AND ', $where ), $values );
	}

	/**
	 * Notes an attempt in WooCommerce's own log, as far as the settings want it.
	 *
	 * @param Queue_Item   $item     What was sent.
	 * @param Envelope     $envelope How.
	 * @param Pos_Response $reply    What came back.
	 * @param string       $result   What follows.
	 * @param string       $message  What went wrong.
	 */
	private function write( Queue_Item $item, Envelope $envelope, Pos_Response $reply, string $result, string $message ): void {
		$failed = Pos_Response::SENT !== $result;
		$level  = $this->settings->log_level();
		if ( ! $failed && Settings::LOG_ERRORS === $level ) {
			return;
		}
		$line = sprintf( '%s %d: %s, attempt %d, status %d, %d ms. %s', $envelope->event, $item->id, $result, $item->attempts, $reply->status, $reply->milliseconds, $message );
		if ( Settings::LOG_DEBUG === $level ) {
			$line .= sprintf( ' [%s, sequence %d, %d bytes, outcome %s]', $envelope->delivery_id, $item->sequence, strlen( $envelope->body ), $reply->outcome() );
		}
		wc_get_logger()->log( $failed ? 'error' : 'info', trim( $line ), array( 'source' => self::SOURCE ) );
	}
}
