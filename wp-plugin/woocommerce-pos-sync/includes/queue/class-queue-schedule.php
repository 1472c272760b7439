<?php

namespace POS_Sync\Queue;

use POS_Sync\Database\Table;

/**
 * What is due, and when. It reads one row of each kind, however many wait.
 */
final class Queue_Schedule {

	/**
	 * The next of one priority and type that no process has claimed; read in the order of a key, so that one row is enough.
	 */
	private const FREE = "(SELECT next_attempt AS due FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND lease_until <= %d ORDER BY next_attempt LIMIT 1)";

	/**
	 * The next of one priority and type that a process has claimed; few are at a time.
	 */
	private const CLAIMED = "(SELECT MIN(GREATEST(next_attempt, lease_until)) AS due FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND lease_until > %d)";

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::QUEUE );
	}

	/**
	 * What can be sent next: products before orders, so that the POS knows what an order is about, and erasures after both;
	 * what happens now before history. It reads one row of each kind, however many wait.
	 *
	 * @param int  $now           Unix time.
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 */
	public function next_item( int $now, bool $with_orders, bool $with_backfill ): ?Queue_Item {
		$kinds  = self::kinds( $with_orders, $with_backfill );
		$values = array();
		foreach ( $kinds as $kind ) {
			array_push( $values, $kind[0], $kind[1], $now, $now );
		}
		$select = "(SELECT * FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND next_attempt <= %d AND lease_until <= %d ORDER BY next_attempt, object_id LIMIT 1)";
		$items  = Queue_Item::from_rows( $this->table->rows( implode( ' UNION ALL ', array_fill( 0, count( $kinds ), $select ) ), $values ) );
		foreach ( $kinds as list( $priority, $type ) ) {
			foreach ( $items as $item ) {
				if ( $item->type === $type && $item->priority === $priority ) {
					return $item;
				}
			}
		}
		return null;
	}

	/**
	 * When the next one is due; null when nothing waits.
	 *
	 * @param int  $now           Unix time.
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 */
	public function next_due_at( int $now, bool $with_orders, bool $with_backfill ): ?int {
		return $this->earliest( self::kinds( $with_orders, $with_backfill ), array( self::FREE, self::CLAIMED ), $now );
	}

	/**
	 * Since when something could be sent that nobody sends; null when nothing is overdue.
	 */
	public function overdue_since(): ?int {
		return $this->earliest( self::kinds( true, false ), array( self::FREE ), time() );
	}

	/**
	 * The earliest time at which one of these kinds is due; null when none waits.
	 *
	 * @phpstan-param literal-string[] $selects
	 * @param array<int, array{int, string}> $kinds   Priority and type.
	 * @param string[]                       $selects FREE, CLAIMED or both; each is asked of every kind.
	 * @param int                            $now     Unix time.
	 */
	private function earliest( array $kinds, array $selects, int $now ): ?int {
		$parts  = array();
		$values = array();
		foreach ( $kinds as list( $priority, $type ) ) {
			foreach ( $selects as $select ) {
				$parts[] = $select;
				array_push( $values, $priority, $type, $now );
			}
		}
		$time = $this->table->value( 'SELECT MIN(due) FROM (' . implode( ' UNION ALL ', $parts ) . ') AS parts', $values );
		return null === $time ? null : (int) $time;
	}

	/**
	 * Priority and type of what may be sent, in the order in which it is.
	 *
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 * @return array<int, array{int, string}>
	 */
	private static function kinds( bool $with_orders, bool $with_backfill ): array {
		$kinds = array();
		foreach ( $with_backfill ? array( Queue_Item::LIVE, Queue_Item::BACKFILL ) : array( Queue_Item::LIVE ) as $priority ) {
			foreach ( $with_orders ? array( Queue_Item::PRODUCT, Queue_Item::ORDER, Queue_Item::ERASURE ) : array( Queue_Item::PRODUCT ) as $type ) {
				$kinds[] = array( $priority, $type );
			}
		}
		return $kinds;
	}
}
