<?php

namespace POS_Sync\Stock;

use POS_Sync\Database\Table;

/**
 * Reads the movements of stock that the POS sent to this shop: when the last one came, and which the shop did not take.
 */
final class Stock_Log {

	public const RECEIVED = 'received';
	public const CHANGED  = 'changed';
	public const DONE     = 'done';

	public const APPLIED     = 'applied';
	public const ALREADY     = 'already';
	public const NOT_MANAGED = 'not_managed';
	public const UNKNOWN     = 'unknown';
	public const REFUSED     = 'refused';
	public const RETRY       = 'retry';

	/**
	 * For so many days a movement is kept after it is done.
	 */
	public const DAYS = 400;

	/**
	 * For so many days one is kept that was received and neither changed the stock nor was decided otherwise.
	 */
	private const DAYS_RECEIVED = 30;

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::STOCK );
	}

	/**
	 * Unix time at which the last movement came; null if none ever did.
	 */
	public function last_received(): ?int {
		$time = $this->table->value( 'SELECT MAX(received_at) FROM {table}', array() );
		return null === $time ? null : (int) $time;
	}

	/**
	 * Movements that the shop did not take, the latest first: columns as in the table (movement, product_id, variation_id, sku,
	 * delta, reason, outcome, message, received_at, done_at).
	 *
	 * @param int $limit How many at most.
	 * @param int $since Only those that came at or after this Unix time.
	 * @return array<array<string, string>>
	 */
	public function refused( int $limit, int $since = 0 ): array {
		return $this->table->rows(
			'SELECT * FROM {table} WHERE outcome IN (%s, %s, %s) AND received_at >= %d ORDER BY id DESC LIMIT %d',
			array( self::REFUSED, self::NOT_MANAGED, self::UNKNOWN, $since, $limit )
		);
	}

	/**
	 * How many movements came to each outcome (applied, not_managed, unknown, refused); under "waiting" those that are not done
	 * yet, whenever they came.
	 *
	 * @param int $since Only those that came at or after this Unix time.
	 * @return array<string, int>
	 */
	public function counts( int $since = 0 ): array {
		$counts = array(
			self::APPLIED     => 0,
			self::NOT_MANAGED => 0,
			self::UNKNOWN     => 0,
			self::REFUSED     => 0,
		);
		$rows   = $this->table->rows( "SELECT outcome, COUNT(*) AS n FROM {table} WHERE outcome != '' AND received_at >= %d GROUP BY outcome", array( $since ) );
		foreach ( $rows as $row ) {
			$counts[ $row['outcome'] ] = (int) $row['n'];
		}
		$counts['waiting'] = (int) $this->table->value( 'SELECT COUNT(*) FROM {table} WHERE state IN (%s, %s)', array( self::RECEIVED, self::CHANGED ) );
		return $counts;
	}

	/**
	 * The movements among these that changed the stock or were decided otherwise; those that only arrived are left out.
	 *
	 * @param string[] $movements Their ids.
	 * @return array<array<string, string>> Rows of the table.
	 */
	public function decided( array $movements ): array {
		return array_values(
			array_filter(
				$this->find( $movements ),
				static function ( array $row ): bool {
					return self::RECEIVED !== $row['state'];
				}
			)
		);
	}

	/**
	 * Movements by id, as far as they ever came.
	 *
	 * @param string[] $movements Their ids.
	 * @return array<array<string, string>> Rows of the table.
	 */
	public function find( array $movements ): array {
		if ( ! $movements ) {
			return array();
		}
		$holes = implode( ', ', array_fill( 0, count( $movements ), '%s' ) );
		return array_column( $this->table->rows( "SELECT * FROM {table} WHERE movement IN ($holes)", array_values( $movements ) ), null, 'movement' );
	}

	/**
	 * Removes some of the movements that were done more than 400 days ago, a small batch each time: the POS does not send them again. Those
	 * that came and never changed the stock go after 30 days: the POS stopped sending them; one that it does send is received anew.
	 */
	public function prune(): void {
		$this->table->query( 'DELETE FROM {table} WHERE state = %s AND done_at < %d LIMIT 1000', array( self::DONE, time() - self::DAYS * DAY_IN_SECONDS ) );
		$this->table->query( 'DELETE FROM {table} WHERE state = %s AND received_at < %d LIMIT 1000', array( self::RECEIVED, time() - self::DAYS_RECEIVED * DAY_IN_SECONDS ) );
	}
}
