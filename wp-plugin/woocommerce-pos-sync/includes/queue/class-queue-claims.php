<?php

namespace POS_Sync\Queue;

use POS_Sync\Database\Table;
use POS_Sync\Sending\Pos_Response;

/**
 * Takes rows for sending, so that only one process sends each, and records what came of it.
 */
final class Queue_Claims {

	/**
	 * Longer than building and sending can take. When a process dies, its delivery is done again after this time.
	 */
	private const LEASE = 120;

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::QUEUE );
	}

	/**
	 * Takes one for sending, so that nobody else sends it at the same time. The attempt counts from here on. Where the
	 * process dies before it notes a result, the next attempt comes later each time, an hour at most: an order that
	 * no process survives does not hold up the others.
	 *
	 * @param string $type ORDER or PRODUCT.
	 * @param int    $now  Unix time.
	 * @return Queue_Item|null Null when another process has it, or it needs no sending any more.
	 */
	public function claim( string $type, int $id, int $now ): ?Queue_Item {
		$claimed = $this->table->query(
			"UPDATE {table} SET status = IF(lease_until > 0, %d, status), error = IF(lease_until > 0, %s, error),
				lease_until = %d, attempts = attempts + 1, tries = tries + 1, tried_at = %d,
				next_attempt = %d + LEAST(attempts * %d, 3600)
			WHERE type = %s AND object_id = %d AND state = 'waiting' AND next_attempt <= %d AND lease_until <= %d",
			array( Pos_Response::NOT_SENT, Queue_Item::BROKE_OFF, $now + self::LEASE, $now, $now, self::LEASE, $type, $id, $now, $now )
		);
		$rows    = $claimed ? $this->table->rows( 'SELECT * FROM {table} WHERE type = %s AND object_id = %d', array( $type, $id ) ) : array();
		return $rows ? new Queue_Item( $rows[0] ) : null;
	}

	/**
	 * How many are being sent by some process.
	 *
	 * @param int $now Unix time.
	 */
	public function count_claimed( int $now ): int {
		return (int) $this->table->value( "SELECT COUNT(*) FROM {table} WHERE state = 'waiting' AND lease_until > %d", array( $now ) );
	}

	/**
	 * The POS confirmed it. What changed meanwhile goes on waiting.
	 *
	 * @param Queue_Item $item        As it was claimed.
	 * @param string     $topic       The topic it was sent under, so that sending it again gives the same bytes.
	 * @param string     $fingerprint The fingerprint of the product that was sent; empty for orders.
	 * @param int[]      $refunds     Ids of the refunds that were sent with the order.
	 */
	public function mark_sent( Queue_Item $item, string $topic, string $fingerprint = '', array $refunds = array() ): void {
		$this->table->query(
			"UPDATE {table} SET delivered = GREATEST(delivered, %d), lease_until = 0,
				topic = IF(sequence = %d, %s, topic), state = IF(sequence = %d, 'sent', state), attempts = 0, status = 0, error = '',
				last_state = IF(sequence = %d, NULL, last_state), fingerprint = %s, refunds = %s
			WHERE type = %s AND object_id = %d",
			array( $item->sequence, $item->sequence, $topic, $item->sequence, $item->sequence, $fingerprint, implode( ',', $refunds ), $item->type, $item->id )
		);
	}

	/**
	 * It did not arrive. What changed meanwhile starts anew.
	 *
	 * @param Queue_Item   $item   As it was claimed.
	 * @param Pos_Response $reply  What came back.
	 * @param string       $error  What went wrong, fit for being shown.
	 * @param int|null     $next   Unix time of the next attempt; null when there is none.
	 */
	public function mark_failed( Queue_Item $item, Pos_Response $reply, string $error, ?int $next ): void {
		// What was not even sent can't have reached the POS.
		$not_sent = Pos_Response::NOT_SENT === $reply->status && Queue_Item::BROKE_OFF !== $reply->message ? 1 : 0;
		$this->table->query(
			'UPDATE {table} SET lease_until = 0, tries = GREATEST(tries, %d) - %d,
				status = IF(sequence = %d, %d, status), error = IF(sequence = %d, %s, error),
				next_attempt = IF(sequence = %d, %d, next_attempt), state = IF(sequence = %d, %s, state)
			WHERE type = %s AND object_id = %d',
			array( $not_sent, $not_sent, $item->sequence, $reply->status, $item->sequence, mb_substr( $error, 0, 255 ), $item->sequence, (int) $next, $item->sequence, null === $next ? Queue_Item::FAILED : Queue_Item::WAITING, $item->type, $item->id )
		);
	}

	/**
	 * Removes one that need not be sent, unless it changed meanwhile. Where it may have to be sent later, what was noted of
	 * it is kept, as if it had never been tried.
	 *
	 * @param Queue_Item $item     As it was claimed.
	 * @param bool       $for_good Whether it will never be sent.
	 */
	public function remove( Queue_Item $item, bool $for_good ): void {
		if ( ! $for_good && $item->stock_taken_at ) {
			$this->table->query(
				'UPDATE {table} SET lease_until = 0, state = IF(sequence = %d, %s, state), attempts = 0, tries = 0 WHERE type = %s AND object_id = %d',
				array( $item->sequence, Queue_Item::NOTED, $item->type, $item->id )
			);
			return;
		}
		$gone = $this->table->query( 'DELETE FROM {table} WHERE type = %s AND object_id = %d AND sequence = %d', array( $item->type, $item->id, $item->sequence ) );
		if ( ! $gone ) {
			$this->table->query( 'UPDATE {table} SET lease_until = 0 WHERE type = %s AND object_id = %d', array( $item->type, $item->id ) );
		}
	}
}
