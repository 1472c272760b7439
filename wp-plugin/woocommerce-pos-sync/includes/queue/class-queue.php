<?php

namespace POS_Sync\Queue;

use POS_Sync\Database\Table;
use POS_Sync\Sending\Pos_Response;

/**
 * What waits for being sent: one row for every order and product the POS should have, and for every customer it is yet to erase. A row has the
 * sequence that its changes have reached, and the one that was delivered. A change only raises the sequence, so any number of changes is one delivery,
 * and a change during a delivery never counts as delivered. Rows of what is delivered stay: they say what the POS has.
 */
final class Queue {

	/**
	 * What a change can be, in the order of precedence: of several changes the last of these names the delivery.
	 */
	public const TOPICS = array( 'updated', 'refunded', 'cancelled', 'restored' );

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::QUEUE );
	}

	/**
	 * Notes changes: raises the sequence of each and makes it due now. One statement for up to 200 of them.
	 *
	 * @param string             $type    ORDER or PRODUCT.
	 * @param array<int, string> $changes Topic by id: of TOPICS.
	 * @param int                $now     Unix time.
	 * @param array<int, int>    $taken   When the shop took the stock of orders, in Unix milliseconds by id.
	 */
	public function record_changes( string $type, array $changes, int $now, array $taken = array() ): void {
		ksort( $changes ); // Everybody locks rows in the same order, so that two requests do not deadlock.
		foreach ( array_chunk( $changes, 200, true ) as $chunk ) {
			$values = array();
			foreach ( $chunk as $id => $topic ) {
				// A new row starts at the time, so that a sequence does not fall even where the table was lost.
				array_push( $values, $type, $id, $now, $topic, $now, $now, $taken[ $id ] ?? 0 );
			}
			$rows = implode( ', ', array_fill( 0, count( $chunk ), "(%s, %d, 'waiting', %d, %s, %d, %d, %d)" ) );
			// Of several changes on the way the last in the order of precedence is named; what the POS holds for deleted is there again.
			$this->table->query(
				"INSERT INTO {table} (type, object_id, state, sequence, topic, changed_at, next_attempt, stock_taken_at) VALUES $rows
				ON DUPLICATE KEY UPDATE
					stock_taken_at = GREATEST(stock_taken_at, VALUES(stock_taken_at)),
					topic = CASE WHEN topic = 'deleted' THEN 'restored'
						WHEN state = 'waiting' AND {$this->rank( 'topic' )} > {$this->rank( 'VALUES(topic)' )} THEN topic ELSE VALUES(topic) END,
					state = 'waiting', priority = 0, sequence = GREATEST(sequence + 1, VALUES(sequence)),
					changed_at = VALUES(changed_at), attempts = 0, next_attempt = VALUES(next_attempt), status = 0, error = ''",
				$values
			);
		}
	}

	/**
	 * Keeps the last state of an order that is deleted for good before the POS has it.
	 *
	 * @param int    $id         Id of the order.
	 * @param string $last_state What is sent of it, as JSON.
	 */
	public function keep_last_state( int $id, string $last_state ): void {
		$this->table->query( "UPDATE {table} SET last_state = %s WHERE type = 'order' AND object_id = %d", array( $last_state, $id ) );
	}

	/**
	 * Notes that the POS is to erase a customer. The row is removed when it has arrived.
	 *
	 * @param int    $id      Stands for the customer.
	 * @param string $request What is sent, as JSON.
	 * @param int    $now     Unix time.
	 */
	public function add_erasure( int $id, string $request, int $now ): void {
		$this->table->query(
			"INSERT INTO {table} (type, object_id, state, sequence, topic, changed_at, next_attempt, last_state) VALUES ('erasure', %d, 'waiting', %d, 'erased', %d, %d, %s)
			ON DUPLICATE KEY UPDATE
				state = 'waiting', sequence = GREATEST(sequence + 1, VALUES(sequence)), changed_at = VALUES(changed_at), attempts = 0,
				next_attempt = VALUES(next_attempt), status = 0, error = '', last_state = VALUES(last_state)",
			array( $id, $now, $now, $now, $request )
		);
	}

	/**
	 * Sends again what was sent, or for the first time what never was, without calling it a change:
	 * what did not change goes out as the same bytes under the same delivery id.
	 *
	 * @param string $type     ORDER or PRODUCT.
	 * @param int[]  $ids      Their ids.
	 * @param int    $priority LIVE or BACKFILL.
	 * @param int    $now      Unix time.
	 */
	public function resend( string $type, array $ids, int $priority, int $now ): void {
		sort( $ids );
		foreach ( array_chunk( $ids, 200 ) as $chunk ) {
			$values = array();
			foreach ( $chunk as $id ) {
				array_push( $values, $type, $id, $priority, $now, $now, $now );
			}
			$rows = implode( ', ', array_fill( 0, count( $chunk ), "(%s, %d, 'waiting', %d, %d, 'updated', %d, %d)" ) );
			$this->table->query(
				"INSERT INTO {table} (type, object_id, state, priority, sequence, topic, changed_at, next_attempt) VALUES $rows
				ON DUPLICATE KEY UPDATE
					priority = IF(state = 'waiting', LEAST(priority, VALUES(priority)), VALUES(priority)),
					state = 'waiting', attempts = 0, next_attempt = VALUES(next_attempt), status = 0, error = ''",
				$values
			);
		}
	}

	/**
	 * Makes everything that failed for good wait again.
	 *
	 * @param int $now Unix time.
	 * @return int How many.
	 */
	public function resend_failed( int $now ): int {
		return $this->table->query( "UPDATE {table} SET state = 'waiting', attempts = 0, next_attempt = %d, status = 0, error = '' WHERE state = 'failed'", array( $now ) );
	}

	/**
	 * The POS is back: what waits for its hourly attempt because of the outage, or was tried for three days, need not
	 * wait any longer.
	 *
	 * @param int $max_retries Only what was tried more often.
	 * @param int $now         Unix time.
	 */
	public function retry_after_outage( int $max_retries, int $now ): void {
		$statuses = Pos_Response::outage_statuses();
		$holes    = Table::placeholders( count( $statuses ) );
		$this->table->query(
			"UPDATE {table} SET next_attempt = %d, attempts = IF(state = 'failed', 0, attempts), state = 'waiting'
			WHERE ((state = 'waiting' AND next_attempt > %d) OR state = 'failed') AND attempts > %d AND tried_at < %d AND status IN ($holes)",
			array_merge( array( $now, $now, $max_retries, $now - 5 * MINUTE_IN_SECONDS ), $statuses )
		);
	}

	/**
	 * The settings changed: everything that waits is due now, also what failed because the POS could not be reached.
	 *
	 * @param int $now Unix time.
	 */
	public function make_all_due( int $now ): void {
		$statuses = Pos_Response::outage_statuses();
		$holes    = Table::placeholders( count( $statuses ) );
		$this->table->query(
			"UPDATE {table} SET next_attempt = %d, attempts = 0, state = 'waiting'
			WHERE (state = 'waiting' AND next_attempt > %d) OR (state = 'failed' AND status IN ($holes))",
			array_merge( array( $now, $now ), $statuses )
		);
	}

	/**
	 * Removes the texts that came back about these orders: nothing else in their rows is about a person.
	 *
	 * @param int[] $ids Their ids.
	 */
	public function clear_errors( array $ids ): void {
		if ( $ids ) {
			$holes = Table::placeholders( count( $ids ) );
			$this->table->query( "UPDATE {table} SET error = '' WHERE type = 'order' AND object_id IN ($holes)", array_values( $ids ) );
		}
	}

	/**
	 * Throws away what waits: for a copy of the shop whose test orders must not be sent later.
	 */
	public function discard_unsent(): void {
		$this->table->query( 'DELETE FROM {table} WHERE state <> %s', array( Queue_Item::SENT ) );
	}

	/**
	 * The place of a topic in the order of precedence, in SQL.
	 *
	 * @phpstan-param literal-string $topic
	 * @phpstan-return literal-string
	 * @param string $topic SQL for the topic.
	 */
	private function rank( string $topic ): string {
		return "FIELD($topic, '" . implode( "', '", self::TOPICS ) . "')";
	}
}
