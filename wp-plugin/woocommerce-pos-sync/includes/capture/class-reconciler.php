<?php

namespace POS_Sync\Capture;

use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Payload\Product_Payload;
use POS_Sync\Payload\Shop_Query;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Settings\Settings;

/**
 * Compares the shop with the queue, which says what the POS was sent, and queues what differs: changes of a request that
 * was killed, of an import straight into the database, of a time when the plugin was off. What has a time of change
 * is found by it; what is gone, and products that were changed without one, by going round them, so many each time.
 */
final class Reconciler {

	private const BATCH      = 200;
	private const ROWS       = 5000;
	private const RECONCILED = 'pos_sync_reconciled_to';
	private const POSITION   = 'pos_sync_reconcile_position';
	private const LOOKS_BACK = 600;

	/**
	 * After so many seconds without a round the plugin was off, and everything is gone through at once.
	 */
	private const WAS_OFF = 1800;

	private Settings $settings;
	private Queue $queue;
	private Queue_Reader $reader;
	private Shop_Query $shop;
	private Product_Payload $products;

	public function __construct( Settings $settings, Queue $queue, Queue_Reader $reader, Shop_Query $shop, Product_Payload $products ) {
		$this->settings = $settings;
		$this->queue    = $queue;
		$this->reader   = $reader;
		$this->shop     = $shop;
		$this->products = $products;
	}

	/**
	 * One round.
	 *
	 * @param bool $with_products Whether to look for products, too; while the whole catalogue is being sent that is of no use.
	 */
	public function run( bool $with_products ): void {
		$now  = time();
		$last = get_option( self::RECONCILED, 0 );
		$last = is_numeric( $last ) ? (int) $last : 0;
		// Looks back one round more: a request may take a while from its change to its end.
		$from = max( $this->settings->live_since(), $last - self::LOOKS_BACK );
		$this->queue_changed_orders( 'shop_order', $from, $now );
		$this->queue_changed_orders( 'shop_order_refund', $from, $now );
		$rounds = $last && $last < $now - self::WAS_OFF ? PHP_INT_MAX : 1;
		$this->queue_deleted( Queue_Item::ORDER, $rounds, $now );
		if ( $with_products ) {
			$this->queue_changed_products( $from, $now );
			$this->queue_deleted( Queue_Item::PRODUCT, $rounds, $now );
			$this->queue_next_products( $now );
		}
		update_option( self::RECONCILED, $now, false );
	}

	/**
	 * Queues orders that were changed, or refunded, since a time and not noted since.
	 *
	 * @param string $type shop_order or shop_order_refund.
	 * @param int    $from Unix time.
	 * @param int    $now  Unix time.
	 */
	private function queue_changed_orders( string $type, int $from, int $now ): void {
		$page = 1;
		do {
			$orders   = wc_get_orders(
				array(
					'type'          => $type,
					'status'        => 'shop_order' === $type ? array_merge( Settings::known_statuses(), array( 'trash' ) ) : array( 'completed' ),
					'date_modified' => '>=' . $from,
					'orderby'       => 'ID',
					'order'         => 'ASC',
					'limit'         => self::BATCH,
					'page'          => $page,
				)
			);
			$orders   = is_array( $orders ) ? $orders : array();
			$modified = array();
			foreach ( $orders as $order ) {
				$date = $order instanceof \WC_Abstract_Order ? $order->get_date_modified() : null;
				if ( $date && $date->getTimestamp() <= $now ) {
					$modified[ $order instanceof \WC_Order_Refund ? $order->get_parent_id() : $order->get_id() ] = $date->getTimestamp();
				}
			}
			unset( $modified[0] );
			$this->queue->record_changes( Queue_Item::ORDER, array_fill_keys( $this->reader->missing_orders( $modified ), 'shop_order' === $type ? 'updated' : 'refunded' ), $now );
			$found = count( $orders );
			++$page;
			wp_cache_flush_runtime(); // Thousands of orders would not fit into memory.
		} while ( self::BATCH === $found );
	}

	/**
	 * Queues products that were saved since a time and differ from what was sent. A sale saves them, too.
	 *
	 * @param int $from Unix time.
	 * @param int $now  Unix time.
	 */
	private function queue_changed_products( int $from, int $now ): void {
		$after = 0;
		do {
			$ids   = $this->shop->product_ids( $after, self::BATCH, $from );
			$after = $ids ? max( $ids ) : $after;
			$this->queue_differing_products( $ids, $now );
			$found = count( $ids );
		} while ( self::BATCH === $found );
	}

	/**
	 * Queues the next few products that differ from what was sent, whenever they changed: prices written straight into the
	 * database, a renamed category.
	 *
	 * @param int $now Unix time.
	 */
	private function queue_next_products( int $now ): void {
		$ids = $this->shop->product_ids( $this->position( 'unstamped' ), self::BATCH );
		$this->queue_differing_products( $ids, $now );
		$this->save_position( 'unstamped', self::BATCH === count( $ids ) ? max( $ids ) : 0 );
	}

	/**
	 * Queues what was sent and is no longer in the shop: orders and products, and orders whose refunds are gone.
	 *
	 * @param string $type   Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int    $rounds How many batches at most.
	 * @param int    $now    Unix time.
	 */
	private function queue_deleted( string $type, int $rounds, int $now ): void {
		$position = $rounds > 1 ? 0 : $this->position( $type );
		do {
			$refunds  = $this->reader->sent_refunds_by_id( $type, $position, self::ROWS );
			$sent     = array_keys( $refunds );
			$there    = $this->shop->existing( $type, array_merge( $sent, ...array_values( $refunds ) ) );
			$position = self::ROWS === count( $sent ) ? max( $sent ) : 0;
			$gone     = array();
			foreach ( $refunds as $id => $of_order ) {
				if ( ! isset( $there[ $id ] ) || array_diff_key( array_flip( $of_order ), $there ) ) {
					$gone[ $id ] = 'updated';
				}
			}
			$this->queue->record_changes( $type, $gone, $now );
		} while ( $position && --$rounds > 0 );
		$this->save_position( $type, $position );
	}

	/**
	 * Queues those of these products that differ from what was sent.
	 *
	 * @param int[] $ids Ids of products.
	 * @param int   $now Unix time.
	 */
	private function queue_differing_products( array $ids, int $now ): void {
		_prime_post_caches( $ids );
		$rows    = $this->reader->find_all( Queue_Item::PRODUCT, $ids );
		$changes = array();
		foreach ( $ids as $id ) {
			$row = $rows[ $id ] ?? null;
			try {
				$product = wc_get_product( $id );
				$differs = $product instanceof \WC_Product && $this->differs( $product, $row );
			} catch ( \Throwable $problem ) {
				// Another plugin fails at it. The search goes on; a product that the POS has is tried by the sender, which reports it.
				wc_get_logger()->error( "Could not read product $id: " . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
				$differs = $row && Queue_Item::SENT === $row->state;
			}
			if ( $differs ) {
				$changes[ $id ] = 'updated';
			}
		}
		$this->queue->record_changes( Queue_Item::PRODUCT, $changes, $now );
		wp_cache_flush_runtime(); // Thousands of products would not fit into memory.
	}

	/**
	 * Whether the POS should be sent a product.
	 *
	 * @param Queue_Item|null $item    What was sent.
	 */
	private function differs( \WC_Product $product, ?Queue_Item $item ): bool {
		if ( $item && Queue_Item::SENT !== $item->state ) {
			return false; // It waits already, or was refused.
		}
		if ( ! $this->products->is_for_sale( $product ) ) {
			return $item && 'deleted' !== $item->topic;
		}
		$known = $this->products->sku_owner( $product );
		if ( ! $known ) {
			return false;
		}
		if ( ! $item ) {
			// Where the catalogue was not sent, the POS has the old products from elsewhere.
			$created = $product->get_date_created();
			$wanted  = $this->settings->sent_catalogue() || ( $created && $created->getTimestamp() >= $this->settings->live_since() );
			return $wanted && Developer_Hooks::should_send( Queue_Item::PRODUCT, $known->get_id(), $known );
		}
		return 'deleted' === $item->topic || Product_Payload::fingerprint( $this->products->build( $known ) ) !== $item->fingerprint;
	}

	/**
	 * How far going round has come.
	 *
	 * @param string $what Of what.
	 */
	private function position( string $what ): int {
		$positions = get_option( self::POSITION );
		$position  = is_array( $positions ) ? ( $positions[ $what ] ?? 0 ) : 0;
		return is_numeric( $position ) ? (int) $position : 0;
	}

	/**
	 * Notes how far going round has come.
	 *
	 * @param string $what     Of what.
	 * @param int    $position The last id looked at.
	 */
	private function save_position( string $what, int $position ): void {
		$positions = get_option( self::POSITION );
		update_option( self::POSITION, array_merge( is_array( $positions ) ? $positions : array(), array( $what => $position ) ), false );
	}
}
