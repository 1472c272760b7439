<?php

namespace POS_Sync\Queue;

use POS_Sync\Database\Table;

/**
 * Looks up rows of the queue and counts them; changes nothing.
 */
final class Queue_Reader {

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::QUEUE );
	}

	/**
	 * One row, or null when it was never queued.
	 *
	 * @param string $type ORDER or PRODUCT.
	 */
	public function find( string $type, int $id ): ?Queue_Item {
		$items = Queue_Item::from_rows( $this->table->rows( 'SELECT * FROM {table} WHERE type = %s AND object_id = %d', array( $type, $id ) ) );
		return $items[0] ?? null;
	}

	/**
	 * The rows of these, by id, as far as there are any.
	 *
	 * @param string $type ORDER or PRODUCT.
	 * @param int[]  $ids  Their ids.
	 * @return array<int, Queue_Item>
	 */
	public function find_all( string $type, array $ids ): array {
		if ( ! $ids ) {
			return array();
		}
		$holes = Table::placeholders( count( $ids ) );
		$found = array();
		foreach ( Queue_Item::from_rows( $this->table->rows( "SELECT * FROM {table} WHERE type = %s AND object_id IN ($holes)", array_merge( array( $type ), array_values( $ids ) ) ) ) as $item ) {
			$found[ $item->id ] = $item;
		}
		return $found;
	}

	/**
	 * The last few that failed for good.
	 *
	 * @param int $limit How many at most.
	 * @return Queue_Item[]
	 */
	public function failed( int $limit ): array {
		return Queue_Item::from_rows( $this->table->rows( "SELECT * FROM {table} WHERE state = 'failed' ORDER BY tried_at DESC LIMIT %d", array( $limit ) ) );
	}

	/**
	 * What the POS has and was not sent as deleted: ids of the refunds that were sent, by id, in the order of ids.
	 *
	 * @param string $type  ORDER or PRODUCT.
	 * @param int    $after Only ids above this one.
	 * @param int    $limit How many at most.
	 * @return array<int, int[]>
	 */
	public function sent_refunds_by_id( string $type, int $after, int $limit ): array {
		$rows = $this->table->rows(
			"SELECT object_id, refunds FROM {table} WHERE type = %s AND object_id > %d AND state = 'sent' AND topic <> 'deleted' ORDER BY object_id LIMIT %d",
			array( $type, $after, $limit )
		);
		$sent = array();
		foreach ( $rows as $row ) {
			$sent[ (int) $row['object_id'] ] = array_map( 'intval', array_filter( explode( ',', $row['refunds'] ) ) );
		}
		return $sent;
	}

	/**
	 * Which of these orders, by id and time of their last change, were not noted since.
	 *
	 * @param array<int, int> $modified Unix time by order id.
	 * @return int[]
	 */
	public function missing_orders( array $modified ): array {
		$noted   = $this->find_all( Queue_Item::ORDER, array_keys( $modified ) );
		$missing = array();
		foreach ( $modified as $id => $time ) {
			if ( ! isset( $noted[ $id ] ) || $noted[ $id ]->changed_at < $time ) {
				$missing[] = $id;
			}
		}
		return $missing;
	}

	/**
	 * Which of these products the POS does not have as they are now.
	 *
	 * @param int[] $ids Ids of products.
	 * @return int[]
	 */
	public function waiting_products( array $ids ): array {
		if ( ! $ids ) {
			return array();
		}
		$holes = Table::placeholders( count( $ids ) );
		$rows  = $this->table->rows( "SELECT object_id FROM {table} WHERE type = 'product' AND object_id IN ($holes) AND state = 'waiting'", array_values( $ids ) );
		return array_map( 'intval', array_column( $rows, 'object_id' ) );
	}

	/**
	 * How many are in a state.
	 *
	 * @param string      $state WAITING, SENT or FAILED.
	 * @param string|null $type  ORDER or PRODUCT; null for both.
	 */
	public function count( string $state, ?string $type = null ): int {
		return (int) $this->table->value( 'SELECT COUNT(*) FROM {table} WHERE state = %s AND type LIKE %s', array( $state, $type ?? '%' ) );
	}

	/**
	 * How many of the history still wait, or failed for good.
	 *
	 * @param string $type  ORDER or PRODUCT.
	 * @param string $state WAITING or FAILED.
	 */
	public function count_backfill( string $type, string $state = Queue_Item::WAITING ): int {
		return (int) $this->table->value( 'SELECT COUNT(*) FROM {table} WHERE state = %s AND priority = 1 AND type = %s', array( $state, $type ) );
	}

	/**
	 * Whether products wait that the POS should know before it gets orders; those that keep failing hold up nothing.
	 *
	 * @param int $max_retries Up to so many attempts are waited for.
	 */
	public function has_waiting_products( int $max_retries ): bool {
		return (bool) $this->table->value( "SELECT 1 FROM {table} WHERE state = 'waiting' AND priority IN (0, 1) AND type = 'product' AND attempts <= %d LIMIT 1", array( $max_retries ) );
	}

	/**
	 * Whether anything waits.
	 */
	public function has_waiting(): bool {
		return (bool) $this->table->value( "SELECT 1 FROM {table} WHERE state = 'waiting' LIMIT 1", array() );
	}
}
