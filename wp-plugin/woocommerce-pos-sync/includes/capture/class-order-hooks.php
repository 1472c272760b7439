<?php

namespace POS_Sync\Capture;

use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Payload\Envelope;
use POS_Sync\Payload\Order_Payload;
use POS_Sync\Payload\Shop_Query;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;

/**
 * Notices every change of an order, wherever it is made and wherever orders are stored (order tables or posts).
 */
final class Order_Hooks implements Registers_Hooks {

	private Change_Collector $changes;
	private Queue_Reader $reader;
	private Order_Payload $orders;
	private Shop_Query $shop;

	/**
	 * Orders and refunds whose lines changed.
	 *
	 * @var array<int, true>
	 */
	private array $with_lines = array();

	/**
	 * Order or refund of lines that are deleted, by line.
	 *
	 * @var array<int, int>
	 */
	private array $order_of_line = array();

	public function __construct( Change_Collector $changes, Queue_Reader $reader, Order_Payload $orders, Shop_Query $shop ) {
		$this->changes = $changes;
		$this->reader  = $reader;
		$this->orders  = $orders;
		$this->shop    = $shop;
	}

	public function register(): void {
		add_action( 'woocommerce_new_order', array( $this, 'saved' ), 10, 2 );
		add_action( 'woocommerce_update_order', array( $this, 'saved' ), 10, 2 );
		add_action( 'woocommerce_update_order_refund', array( $this, 'saved' ), 10, 2 );
		add_action( 'woocommerce_order_status_cancelled', array( $this, 'cancelled' ), 10, 2 );
		add_action( 'woocommerce_order_status_refunded', array( $this, 'refunded' ), 10, 2 );

		// These save lines of an order, not the order itself.
		add_action( 'woocommerce_reduce_order_stock', array( $this, 'changed' ) );
		add_action( 'woocommerce_restore_order_stock', array( $this, 'changed' ) );
		// Right after a line's units left the stock; the hook above also comes when there was nothing to take.
		add_action( 'woocommerce_reduce_order_item_stock', array( $this, 'stock_taken' ), 10, 3 );

		// What changes lines, and never saves the order: adding one in the order screen, for example.
		add_action( 'woocommerce_new_order_item', array( $this, 'line_changed' ), 10, 3 );
		add_action( 'woocommerce_update_order_item', array( $this, 'line_changed' ), 10, 3 );
		add_action( 'woocommerce_before_delete_order_item', array( $this, 'line_changed' ) );
		add_action( 'shutdown', array( $this, 'record_line_changes' ), 4 );

		add_action( 'woocommerce_order_refunded', array( $this, 'refunded' ) );
		add_action( 'woocommerce_refund_deleted', array( $this, 'refund_deleted' ), 10, 2 );
		// Deleted over REST or in code, a refund fires nothing but this, before it is gone.
		add_filter( 'woocommerce_pre_delete_order_refund', array( $this, 'before_delete_refund' ), PHP_INT_MAX, 2 );

		// After WooCommerce, and what else is there, removed personal data: other plugins need not save the order for that.
		add_action( 'woocommerce_privacy_remove_order_personal_data', array( $this, 'changed' ), PHP_INT_MAX );

		add_action( 'woocommerce_before_trash_order', array( $this, 'saved' ), 10, 2 );
		// Before WooCommerce deletes the lines (WC_Post_Data::before_delete_order).
		add_action( 'woocommerce_before_delete_order', array( $this, 'before_delete_order' ), 5 );
		add_action( 'woocommerce_untrash_order', array( $this, 'restored' ) );

		// Orders stored as posts, in the posts' own screens and functions.
		add_action( 'wp_trash_post', array( $this, 'before_trash_post' ) );
		add_action( 'before_delete_post', array( $this, 'before_delete_post' ), 5 );
		add_action( 'untrashed_post', array( $this, 'after_untrash_post' ) );
	}

	/**
	 * An order or refund was saved, or is about to go.
	 *
	 * @param int|string $id    Its id.
	 * @param mixed      $order The order or refund.
	 */
	public function saved( $id, $order = null ): void {
		$this->changed( $order ? $order : (int) $id );
	}

	/**
	 * An order is deleted for good. Its last state is kept where the POS does not have it yet, since nobody can read it later.
	 *
	 * @param int|string $id Its id.
	 */
	public function before_delete_order( $id ): void {
		$order  = wc_get_order( (int) $id );
		$queued = $this->reader->find( Queue_Item::ORDER, (int) $id );
		$known  = $queued && Queue_Item::SENT === $queued->state && ! $this->changes->has( Queue_Item::ORDER, (int) $id );
		$this->changed( $order );
		if ( $known || ! $this->changes->has( Queue_Item::ORDER, (int) $id ) || ! $order instanceof \WC_Order ) {
			return;
		}
		if ( ! ( $queued && $queued->may_be_known() ) && ! Developer_Hooks::should_send( Queue_Item::ORDER, (int) $id, $order ) ) {
			return; // Without its last state it is not sent.
		}
		try {
			$data = Developer_Hooks::payload( $this->orders->build( $order ), Queue_Item::ORDER, (int) $id, $order );
			$this->changes->keep_last_state( (int) $id, (string) wp_json_encode( Order_Payload::stock_state( Envelope::string_keyed( $data ) ) ) );
		} catch ( \Throwable $problem ) {
			wc_get_logger()->error( 'Could not keep a deleted order: ' . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
		}
	}

	/**
	 * Something about an order changed.
	 *
	 * @param mixed  $order Order, refund or id. One that is known to have changed is not read again.
	 * @param string $topic What happened.
	 */
	public function changed( $order, string $topic = 'updated' ): void {
		if ( is_numeric( $order ) ) {
			if ( $this->changes->has( Queue_Item::ORDER, (int) $order ) ) {
				$this->changes->add( Queue_Item::ORDER, (int) $order, $topic );
				return;
			}
			$order = wc_get_order( (int) $order );
		}
		if ( $order instanceof \WC_Order_Refund ) {
			$parent = $order->get_parent_id();
			if ( $parent ) { // A refund that was refused has none: WooCommerce "deletes" it unsaved.
				$this->changes->add( Queue_Item::ORDER, $parent, $topic );
			}
		} elseif ( $order instanceof \WC_Order && 'shop_order' === $order->get_type() && ! in_array( $order->get_status(), Order_Payload::DRAFT_STATUSES, true ) ) {
			$this->changes->add( Queue_Item::ORDER, $order->get_id(), $topic );
		}
	}

	/**
	 * The shop took the units of a line from its stock.
	 *
	 * @param mixed $line   The line.
	 * @param mixed $change What it did to the stock.
	 * @param mixed $order  The order.
	 */
	public function stock_taken( $line, $change = null, $order = null ): void {
		if ( $order instanceof \WC_Order ) {
			$this->changes->stock_taken( $order->get_id() );
			$this->changed( $order );
		}
	}

	/**
	 * A line was added or changed, or is about to be deleted.
	 *
	 * @param int|string $line_id  Its id.
	 * @param mixed      $line     The line.
	 * @param int|string $order_id Its order or refund; looked up where neither this nor the line says it. A line that is in no order yet, such
	 *                             as a tax in a checkout, is saved again when it is.
	 */
	public function line_changed( $line_id, $line = null, $order_id = 0 ): void {
		$order_id = $order_id || $line instanceof \WC_Order_Item ? (int) $order_id : $this->order_of_line( (int) $line_id );

		$this->with_lines[ $order_id ] = true;
	}

	/**
	 * The order or refund that has a line. It is looked up once for all of its lines: whoever removes one often removes more.
	 */
	private function order_of_line( int $line_id ): int {
		if ( ! isset( $this->order_of_line[ $line_id ] ) ) {
			$this->order_of_line += $this->shop->orders_by_line( $line_id );
		}
		return $this->order_of_line[ $line_id ] ?? 0;
	}

	/**
	 * Notes the orders whose lines changed, at the end of the request: by then most were saved, and cost no query.
	 */
	public function record_line_changes(): void {
		foreach ( array_keys( $this->with_lines ) as $id ) {
			if ( $id && ! $this->changes->has( Queue_Item::ORDER, $id ) ) {
				$this->changed( $id );
			}
		}
		$this->with_lines = array();
	}

	/**
	 * An order was cancelled.
	 *
	 * @param int|string $id    Its id.
	 * @param mixed      $order The order.
	 */
	public function cancelled( $id, $order = null ): void {
		$this->changed( $order ? $order : (int) $id, 'cancelled' );
	}

	/**
	 * An order was refunded, in part or whole.
	 *
	 * @param int|string $id    Id of the order.
	 * @param mixed      $order The order; WooCommerce gives the refund's id where it was refunded in part.
	 */
	public function refunded( $id, $order = null ): void {
		$this->changed( $order instanceof \WC_Order ? $order : (int) $id, 'refunded' );
	}

	/**
	 * A refund was deleted.
	 *
	 * @param int|string $refund_id The refund, gone by now.
	 * @param int|string $order_id  Its order.
	 */
	public function refund_deleted( $refund_id, $order_id ): void {
		$this->changed( (int) $order_id );
	}

	/**
	 * A refund is about to be deleted.
	 *
	 * @param mixed $check  What others say; passed on as it is.
	 * @param mixed $refund The refund.
	 * @return mixed
	 */
	public function before_delete_refund( $check, $refund ) {
		$this->changed( $refund );
		return $check;
	}

	/**
	 * An order came back from the trash.
	 *
	 * @param int|string $id Its id.
	 */
	public function restored( $id ): void {
		$this->changed( (int) $id, 'restored' );
	}

	/**
	 * A post goes for good: is it an order, or a refund?
	 *
	 * @param int|string $id Post id.
	 */
	public function before_delete_post( $id ): void {
		'shop_order' === get_post_type( (int) $id ) ? $this->before_delete_order( $id ) : $this->before_trash_post( $id );
	}

	/**
	 * A post goes to the trash: is it an order, or a refund?
	 *
	 * @param int|string $id Post id.
	 */
	public function before_trash_post( $id ): void {
		if ( in_array( get_post_type( (int) $id ), array( 'shop_order', 'shop_order_refund' ), true ) ) {
			$this->changed( (int) $id );
		}
	}

	/**
	 * A post came back from the trash: is it an order?
	 *
	 * @param int|string $id Post id.
	 */
	public function after_untrash_post( $id ): void {
		if ( 'shop_order' === get_post_type( (int) $id ) ) {
			$this->restored( $id );
		}
	}
}
