<?php

namespace POS_Sync\Stock;

use POS_Sync\Database\Table;

/**
 * Writes what becomes of each movement of stock. A movement is first received, then changes the stock in one statement with its
 * own row, and is done when WooCommerce has brought everything else up to date. Every step only counts from the one before, so
 * that of two requests with the same movement one takes it.
 */
final class Stock_Movements {

	private Table $table;
	private Stock_Log $log;

	public function __construct( Stock_Log $log ) {
		$this->table = new Table( Table::STOCK );
		$this->log   = $log;
	}

	/**
	 * Notes that movements came; those that came before stay as they are.
	 *
	 * @param Stock_Item[] $items The movements.
	 * @param int          $now   Unix time.
	 */
	public function receive( array $items, int $now ): void {
		$values = array();
		foreach ( $items as $item ) {
			array_push( $values, $item->movement, $item->product_id, $item->variation_id, $this->table->fit( 'sku', $item->sku ), $item->decimal(), $this->table->fit( 'reason', $item->reason ), Stock_Log::RECEIVED, $now );
		}
		if ( $items ) {
			$rows = implode( ', ', array_fill( 0, count( $items ), '(%s, %d, %d, %s, %s, %s, %s, %d)' ) );
			$this->table->query( "INSERT IGNORE INTO {table} (movement, product_id, variation_id, sku, delta, reason, state, received_at) VALUES $rows", $values );
		}
	}

	/**
	 * A movement's row; null where it was never received.
	 *
	 * @return array<string, string>|null
	 */
	public function find( string $movement ): ?array {
		$rows = array_values( $this->log->find( array( $movement ) ) );
		return $rows[0] ?? null;
	}

	/**
	 * Counts that a movement is begun on, before any code of others runs.
	 */
	public function begin( Stock_Item $item ): void {
		$this->table->query( 'UPDATE {table} SET attempts = attempts + 1 WHERE movement = %s', array( $item->movement ) );
	}

	/**
	 * Changes the stock, and marks the movement, in one statement: both happen, or neither. Exact to six decimals.
	 *
	 * @param int $post Id of the product or variation that has the stock.
	 * @return int|null How many rows changed: 0 where the movement was done before, or where the product has no stock; null where
	 *                  the database failed, as in a deadlock.
	 */
	public function change_stock( Stock_Item $item, int $post ): ?int {
		$changed = $this->table->attempt(
			"UPDATE {postmeta} AS m INNER JOIN {table} AS s ON s.movement = %s
			SET m.meta_value = TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(
					CAST(COALESCE(NULLIF(m.meta_value, ''), '0') AS DECIMAL(24,6)) + CAST(%s AS DECIMAL(18,6)) AS CHAR))),
				s.state = %s, s.outcome = %s, s.product_id = %d, s.variation_id = %d, s.delta = %s
			WHERE m.post_id = %d AND m.meta_key = '_stock' AND s.state = %s",
			array( $item->movement, $item->decimal(), Stock_Log::CHANGED, Stock_Log::APPLIED, $item->product_id, $item->variation_id, $item->decimal(), $post, Stock_Log::RECEIVED )
		);
		if ( null === $changed ) {
			$this->log_failure( $item );
		}
		return $changed;
	}

	/**
	 * Decides that a movement does not change the stock.
	 *
	 * @param string $message Why: at most 255 characters.
	 * @return bool False where another request was first, or the database failed.
	 */
	public function decide( Stock_Item $item, string $outcome, string $message ): bool {
		$decided = $this->table->attempt(
			'UPDATE {table} SET state = %s, outcome = %s, message = %s, done_at = %d WHERE movement = %s AND state = %s',
			array( Stock_Log::DONE, $outcome, $message, time(), $item->movement, Stock_Log::RECEIVED )
		);
		return (bool) $decided;
	}

	/**
	 * Takes the right to send the notices of a movement, which only one process gets, once.
	 */
	public function claim_notice( Stock_Item $item ): bool {
		return (bool) $this->table->attempt( 'UPDATE {table} SET notified = 1 WHERE movement = %s AND notified = 0', array( $item->movement ) );
	}

	/**
	 * Marks a movement that changed the stock as done.
	 *
	 * @param float|null $quantity The stock afterwards; null where the product is gone.
	 */
	public function finish( Stock_Item $item, ?float $quantity, string $message ): void {
		$quantity = null === $quantity ? '' : number_format( $quantity, 6, '.', '' );
		$this->table->query(
			"UPDATE {table} SET state = %s, quantity = NULLIF(%s, ''), message = %s, done_at = %d WHERE movement = %s AND state = %s",
			array( Stock_Log::DONE, $quantity, $this->table->fit( 'message', $message ), time(), $item->movement, Stock_Log::CHANGED )
		);
	}

	/**
	 * A product's stock and stock status as the database has them, and as WooCommerce's look-up table has them; null where the
	 * product has no stock.
	 *
	 * @param int $post Id of the product or variation that has the stock.
	 * @return array{stock: string, status: string, lookup_stock: string, lookup_status: string}|null
	 */
	public function read_stock( int $post ): ?array {
		$rows = $this->table->rows(
			"SELECT m.meta_value AS stock, t.meta_value AS status, l.stock_quantity AS lookup_stock, l.stock_status AS lookup_status
			FROM {postmeta} AS m
			LEFT JOIN {postmeta} AS t ON t.post_id = m.post_id AND t.meta_key = '_stock_status'
			LEFT JOIN {lookup} AS l ON l.product_id = m.post_id
			WHERE m.post_id = %d AND m.meta_key = '_stock' ORDER BY m.meta_id LIMIT 1",
			array( $post )
		);
		if ( ! $rows ) {
			return null;
		}
		return array(
			'stock'         => $rows[0]['stock'],
			'status'        => $rows[0]['status'],
			'lookup_stock'  => $rows[0]['lookup_stock'],
			'lookup_status' => $rows[0]['lookup_status'],
		);
	}

	/**
	 * Waits until no other request changes stock for the POS. The stock is right without that; but what follows a change, such as
	 * a notice, would be done by two at once.
	 *
	 * @param int $seconds How long at most.
	 * @return bool False where another one is still at it. True as well where the database has no such locks.
	 */
	public function lock( int $seconds ): bool {
		return '0' !== $this->table->value( "SELECT GET_LOCK(CONCAT('pos_sync_', MD5(CONCAT(DATABASE(), '{table}'))), %d)", array( $seconds ) );
	}

	/**
	 * Lets the next request go on. What another plugin left open in the database is committed first: what is answered is final.
	 */
	public function unlock(): void {
		$this->table->attempt( 'COMMIT', array() );
		$this->table->value( "SELECT RELEASE_LOCK(CONCAT('pos_sync_', MD5(CONCAT(DATABASE(), '{table}'))))", array() );
	}

	/**
	 * The two tables that the one statement changes, with the storage engine of each; without one that is missing.
	 *
	 * @return array<string> Engine by table.
	 */
	public function engines(): array {
		$rows = $this->table->rows( "SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('{postmeta}', '{table}')", array() );
		return array_column( $rows, 'engine', 'name' );
	}

	private function log_failure( Stock_Item $item ): void {
		wc_get_logger()->error( "The stock of product {$item->target()} was not changed: " . $this->table->last_error(), array( 'source' => 'pos-sync' ) );
	}
}
