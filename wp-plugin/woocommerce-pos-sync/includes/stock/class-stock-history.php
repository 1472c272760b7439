<?php

namespace POS_Sync\Stock;

use POS_Sync\Database\Table;

/**
 * Lists the movements of stock that the POS sent: for the screen by what became of them, product or SKU, in pages; and those that somebody should look at.
 */
final class Stock_History {

	public const APPLIED     = 'applied';
	public const NOT_APPLIED = 'not_applied';

	/**
	 * SQL for what somebody should look at. A product that never changed by the POS is one whose stock the shop deliberately does not
	 * manage, such as gift wrap: that it was sold elsewhere is listed, and nobody is called. Nor is anybody
	 * once its stock is managed again: where it differs then, the POS shows it.
	 */
	private const UNSOLVED = "FROM {table} AS s
		LEFT JOIN (
			SELECT sku, MAX(id) AS id FROM {table} WHERE outcome = 'applied' AND received_at >= %d AND reason = 'shop_aligned' GROUP BY sku
		) AS a ON a.sku = s.sku AND a.id > s.id
		WHERE s.outcome IN ('not_managed', 'unknown', 'refused') AND s.received_at >= %d AND a.sku IS NULL
			AND (s.outcome <> 'not_managed'
				OR EXISTS (SELECT 1 FROM {table} AS b WHERE b.sku = s.sku AND b.outcome = 'applied' AND b.id < s.id)
				AND NOT EXISTS (SELECT 1 FROM {table} AS b WHERE b.sku = s.sku AND b.outcome = 'applied' AND b.id > s.id))";

	private Table $table;

	public function __construct() {
		$this->table = new Table( Table::STOCK );
	}

	/**
	 * Changes, the latest first.
	 *
	 * @param array{result?: string, search?: string, products?: int[]} $filter Result: APPLIED or NOT_APPLIED. Search: part of a SKU; products: what else it finds.
	 * @param int                                                       $limit  How many at most.
	 * @param int                                                       $offset How many to pass over.
	 * @return array<array<string, string>>
	 */
	public function entries( array $filter, int $limit, int $offset = 0 ): array {
		list( $where, $values ) = $this->where( $filter );

		return $this->table->rows( "SELECT * FROM {table} WHERE $where ORDER BY id DESC LIMIT %d OFFSET %d", array_merge( $values, array( $limit, $offset ) ) );
	}

	/**
	 * How many changes a filter finds.
	 *
	 * @param array{result?: string, search?: string, products?: int[]} $filter As for entries().
	 */
	public function count( array $filter ): int {
		list( $where, $values ) = $this->where( $filter );

		return (int) $this->table->value( "SELECT COUNT(*) FROM {table} WHERE $where", $values );
	}

	/**
	 * The changes that were not applied, the latest first, without those of products whose stock was made equal to that of the POS later,
	 * never was managed here, or is managed again.
	 *
	 * @param int $since Only those that came at or after this Unix time.
	 * @param int $limit How many at most.
	 * @return array<array<string, string>>
	 */
	public function unsolved( int $since, int $limit ): array {
		return $this->table->rows( 'SELECT s.* ' . self::UNSOLVED . ' ORDER BY s.id DESC LIMIT %d', array( $since, $since, $limit ) );
	}

	/**
	 * How many changes unsolved() finds, without a limit.
	 *
	 * @param int $since As for unsolved().
	 */
	public function count_unsolved( int $since ): int {
		return (int) $this->table->value( 'SELECT COUNT(*) ' . self::UNSOLVED, array( $since, $since ) );
	}

	/**
	 * SQL for a filter.
	 *
	 * @param array{result?: string, search?: string, products?: int[]} $filter As for entries().
	 * @return array{literal-string, array<int|string>}
	 */
	private function where( array $filter ): array {
		$where  = array( '1 = 1' );
		$values = array();
		switch ( $filter['result'] ?? '' ) {
			case self::APPLIED:
				$where[] = "outcome = 'applied'";
				break;
			case self::NOT_APPLIED:
				$where[] = "outcome IN ('not_managed', 'unknown', 'refused')";
				break;
		}
		if ( '' !== ( $filter['search'] ?? '' ) ) {
			$products = $filter['products'] ?? array();
			$values[] = $this->table->like( $filter['search'] );
			if ( $products ) {
				$holes   = Table::placeholders( count( $products ) );
				$where[] = "(sku LIKE %s OR product_id IN ($holes) OR variation_id IN ($holes))";
				array_push( $values, ...$products, ...$products );
			} else {
				$where[] = 'sku LIKE %s';
			}
		}
		return array( implode( ' AND ', $where ), $values );
	}
}
