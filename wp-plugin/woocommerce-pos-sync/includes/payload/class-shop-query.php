<?php

namespace POS_Sync\Payload;

use POS_Sync\Database\Table;
use POS_Sync\Queue\Queue_Item;

/**
 * Which orders and products the shop has, read from its tables without loading them.
 */
final class Shop_Query {

	/**
	 * Whether the database holds an order, also one that can't be read.
	 */
	public function order_exists( int $id ): bool {
		return 'shop_order' === \Automattic\WooCommerce\Utilities\OrderUtil::get_order_type( $id );
	}

	/**
	 * The order or refund that has a line, for each of its lines; none where there is no such line.
	 *
	 * @return array<int, int> Id of the order or refund, by id of the line.
	 */
	public function orders_by_line( int $line_id ): array {
		$rows   = ( new Table( 'woocommerce_order_items' ) )->rows(
			'SELECT other.order_item_id AS line, other.order_id AS owner FROM {table} AS one INNER JOIN {table} AS other ON other.order_id = one.order_id WHERE one.order_item_id = %d AND one.order_id > 0',
			array( $line_id )
		);
		$orders = array();
		foreach ( $rows as $row ) {
			$orders[ (int) $row['line'] ] = (int) $row['owner'];
		}
		return $orders;
	}

	/**
	 * Ids of products and variations, whatever their status, in the order of ids.
	 *
	 * @param int $after Only ids above this one.
	 * @param int $limit How many at most.
	 * @param int $since Only those saved since this Unix time; 0 for all, also those without a time.
	 * @return int[]
	 */
	public function product_ids( int $after, int $limit, int $since = 0 ): array {
		$rows = ( new Table( 'posts' ) )->rows(
			"SELECT ID FROM {table} WHERE post_type IN ('product', 'product_variation') AND ID > %d AND (post_modified_gmt >= %s OR 0 = %d) AND post_status <> 'auto-draft' ORDER BY ID LIMIT %d",
			array( $after, gmdate( 'Y-m-d H:i:s', $since ), $since, $limit )
		);
		return array_map( 'intval', array_column( $rows, 'ID' ) );
	}

	/**
	 * Which of these are in the shop: orders and refunds, or products and variations. Those in the trash are.
	 *
	 * @param string $type Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int[]  $ids  Their ids.
	 * @return array<int, string> Post type or type of order, by id.
	 */
	public function existing( string $type, array $ids ): array {
		$tables = Queue_Item::ORDER === $type && $this->has_order_tables();
		$there  = array();
		foreach ( array_chunk( $ids, 1000 ) as $chunk ) {
			$holes = Table::placeholders( count( $chunk ) );
			$rows  = $tables
				? ( new Table( 'wc_orders' ) )->rows( "SELECT id, type FROM {table} WHERE id IN ($holes)", $chunk )
				: ( new Table( 'posts' ) )->rows( "SELECT ID AS id, post_type AS type FROM {table} WHERE ID IN ($holes)", $chunk );
			foreach ( $rows as $row ) {
				$there[ (int) $row['id'] ] = $row['type'];
			}
		}
		return $there;
	}

	/**
	 * Which of these ids are orders, or products and variations, of this shop; not refunds, subscriptions and the like.
	 *
	 * @param string $type Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int[]  $ids  Any ids.
	 * @return int[]
	 */
	public function of_this_shop( string $type, array $ids ): array {
		$types = Queue_Item::PRODUCT === $type ? array( 'product', 'product_variation' ) : array( 'shop_order' );
		return array_keys( array_intersect( $this->existing( $type, $ids ), $types ) );
	}

	/**
	 * The highest id of the orders that have taken their stock by now: an order with a higher one is not contained in
	 * stock that is read after this.
	 */
	public function last_order_id(): int {
		$open = "'wc-pending', 'pending', 'wc-checkout-draft', 'checkout-draft', 'auto-draft', 'draft', 'new'";
		$id   = $this->has_order_tables()
			? ( new Table( 'wc_orders' ) )->value( "SELECT id FROM {table} WHERE type = 'shop_order' AND status NOT IN ($open) ORDER BY id DESC LIMIT 1", array() )
			: ( new Table( 'posts' ) )->value( "SELECT ID FROM {table} WHERE post_type = 'shop_order' AND post_status NOT IN ($open) ORDER BY ID DESC LIMIT 1", array() );
		return (int) $id;
	}

	/**
	 * Whether orders are in WooCommerce's order tables rather than in posts.
	 */
	private function has_order_tables(): bool {
		return \Automattic\WooCommerce\Utilities\OrderUtil::custom_orders_table_usage_is_enabled();
	}
}
