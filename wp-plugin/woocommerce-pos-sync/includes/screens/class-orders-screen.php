<?php

namespace POS_Sync\Screens;

use POS_Sync\Jobs\Scheduler;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Messages\Delivery_Messages;
use POS_Sync\Messages\Failure_Messages;
use POS_Sync\Messages\Labels;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Sender;

/**
 * A POS column in the list of orders, a bulk action, an order action and a box on the order's screen; both for
 * order tables (HPOS) and for orders stored as posts.
 */
final class Orders_Screen implements Registers_Hooks {

	private const COLUMN = 'pos_sync';
	private const ACTION = 'pos_sync_send';

	private Queue_Reader $reader;
	private Delivery_Log $log;
	private Sender $sender;
	private Scheduler $scheduler;

	public function __construct( Queue_Reader $reader, Delivery_Log $log, Sender $sender, Scheduler $scheduler ) {
		$this->reader    = $reader;
		$this->log       = $log;
		$this->sender    = $sender;
		$this->scheduler = $scheduler;
	}

	public function register(): void {
		foreach ( array( 'manage_woocommerce_page_wc-orders_columns', 'manage_edit-shop_order_columns' ) as $hook ) {
			add_filter( $hook, array( $this, 'add_column' ), 20 );
		}
		foreach ( array( 'manage_woocommerce_page_wc-orders_custom_column', 'manage_shop_order_posts_custom_column' ) as $hook ) {
			add_action( $hook, array( $this, 'show_column' ), 10, 2 );
		}
		foreach ( array( 'woocommerce_page_wc-orders', 'edit-shop_order' ) as $screen ) {
			add_filter( 'bulk_actions-' . $screen, array( $this, 'add_bulk_action' ) );
			add_filter( 'handle_bulk_actions-' . $screen, array( $this, 'handle_bulk_action' ), 10, 3 );
		}
		add_filter( 'woocommerce_order_actions', array( $this, 'add_action' ) );
		add_action( 'woocommerce_order_action_' . self::ACTION, array( $this, 'handle_action' ) );
		add_action( 'add_meta_boxes', array( $this, 'add_box' ), 10, 2 );
		add_action( 'admin_notices', array( $this, 'show_bulk_action_notice' ) );
	}

	/**
	 * Adds the column after the status.
	 *
	 * @param array<string, string> $columns The columns.
	 * @return array<string, string>
	 */
	public function add_column( array $columns ): array {
		$with = array();
		foreach ( $columns as $name => $label ) {
			$with[ $name ] = $label;
			if ( 'order_status' === $name ) {
				$with[ self::COLUMN ] = __( 'POS', 'woocommerce-pos-sync' );
			}
		}
		return $with + array( self::COLUMN => __( 'POS', 'woocommerce-pos-sync' ) );
	}

	/**
	 * Shows how far an order is.
	 *
	 * @param int|\WC_Order $order  The order or its id.
	 */
	public function show_column( string $column, $order ): void {
		if ( self::COLUMN === $column ) {
			$id = $order instanceof \WC_Order ? $order->get_id() : (int) $order;
			echo wp_kses_post( $this->badge( $this->row( $id ) ) );
		}
	}

	/**
	 * Adds "Send to POS" to the list's actions.
	 *
	 * @param array<string, string> $actions The actions.
	 * @return array<string, string>
	 */
	public function add_bulk_action( array $actions ): array {
		$actions[ self::ACTION ] = __( 'Send to POS', 'woocommerce-pos-sync' );
		return $actions;
	}

	/**
	 * Sends the chosen orders. WooCommerce and WordPress have checked the nonce.
	 *
	 * @param mixed             $redirect Where it goes on.
	 * @param array<int|string> $ids      The chosen orders.
	 */
	public function handle_bulk_action( $redirect, string $action, array $ids ): string {
		$redirect = is_string( $redirect ) ? $redirect : ''; // Other plugins may have returned anything.
		if ( self::ACTION !== $action || ! current_user_can( 'manage_woocommerce' ) ) {
			return $redirect;
		}
		return add_query_arg( 'pos_sync_sent', $this->send( array_map( 'intval', $ids ) ), $redirect );
	}

	/**
	 * Says what the bulk action did.
	 */
	public function show_bulk_action_notice(): void {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only a number that is shown.
		$count = isset( $_GET['pos_sync_sent'] ) && is_string( $_GET['pos_sync_sent'] ) ? absint( $_GET['pos_sync_sent'] ) : 0;
		if ( $count && current_user_can( 'manage_woocommerce' ) ) {
			/* translators: %d: number of orders. */
			$text = _n( '%d order will be sent to the POS.', '%d orders will be sent to the POS.', $count, 'woocommerce-pos-sync' );
			printf( '<div class="notice notice-success is-dismissible"><p>%s</p></div>', esc_html( sprintf( $text, $count ) ) );
		}
	}

	/**
	 * Adds "Send to POS" to an order's actions.
	 *
	 * @param array<string, string> $actions The actions.
	 * @return array<string, string>
	 */
	public function add_action( array $actions ): array {
		return current_user_can( 'manage_woocommerce' ) ? $this->add_bulk_action( $actions ) : $actions;
	}

	/**
	 * Sends one order. WooCommerce has checked the nonce.
	 */
	public function handle_action( \WC_Order $order ): void {
		if ( current_user_can( 'manage_woocommerce' ) ) {
			$this->send( array( $order->get_id() ) );
		}
	}

	/**
	 * Adds the box; not to an order that was never saved, which the POS can not have.
	 *
	 * @param mixed                          $screen The screen.
	 * @param \WP_Post|\WC_Order|object|null $order  The order, or its post.
	 */
	public function add_box( $screen, $order = null ): void {
		if ( in_array( $screen, array( wc_get_page_screen_id( 'shop-order' ), 'shop_order' ), true ) && current_user_can( 'manage_woocommerce' ) && ! $this->is_new( $order ) ) {
			add_meta_box( 'pos-sync', __( 'POS', 'woocommerce-pos-sync' ), array( $this, 'show_box' ), $screen, 'side', 'high' );
		}
	}

	/**
	 * Shows the order's state and last deliveries, and a button that sends it again.
	 *
	 * @param \WP_Post|\WC_Order $order The order, or its post.
	 */
	public function show_box( $order ): void {
		$id      = $order instanceof \WC_Order ? $order->get_id() : $order->ID;
		$item    = $this->row( $id );
		$entries = $this->log->entries(
			array(
				'type' => Queue_Item::ORDER,
				'id'   => $id,
			),
			5
		);
		$this->show_state( $item );
		echo '<p>' . Resend_Button::button( Queue_Item::ORDER, $id, ( new Object_Labels() )->name( Queue_Item::ORDER, $id ), $item ? '' : __( 'Send to POS', 'woocommerce-pos-sync' ) ) . '</p>'; // phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- HTML made there.
		if ( ! $entries ) {
			return;
		}
		echo '<ul class="pos-sync-deliveries">';
		foreach ( $entries as $entry ) {
			printf(
				'<li>%s <strong>%s</strong> %s<br><span title="%s">%s</span></li>',
				esc_html( (string) wp_date( 'Y-m-d H:i:s', (int) $entry['sent_at'] ) ),
				esc_html( Labels::topics()[ $entry['event'] ] ?? $entry['event'] ),
				wp_kses_post( Deliveries_Table::badge( $entry['result'] ) ),
				esc_attr( $entry['message'] ),
				esc_html( Delivery_Messages::describe( $entry ) )
			);
		}
		echo '</ul>';
		printf( '<p><a href="%s">%s</a></p>', esc_url( Admin_Page::log_url( array( 's' => $id ) ) ), esc_html__( 'All deliveries', 'woocommerce-pos-sync' ) );
	}

	/**
	 * Shows how far an order is, and why it is no further.
	 */
	private function show_state( ?Queue_Item $item ): void {
		$state = $item ? $this->badge( $item ) : esc_html__( 'Not sent to the POS yet.', 'woocommerce-pos-sync' );
		echo '<p>' . wp_kses_post( $state ) . '</p>';
		if ( $item && '' !== $item->error ) {
			printf( '<p title="%s">%s</p>', esc_attr( $item->error ), esc_html( Failure_Messages::describe( $item->status, $item->error ) ) );
		}
		if ( $item && Queue_Item::WAITING === $item->state && $item->attempts ) {
			/* translators: %s: time. */
			echo '<p>' . esc_html( sprintf( __( 'Next attempt at %s.', 'woocommerce-pos-sync' ), (string) wp_date( 'H:i', $item->next_attempt ) ) ) . '</p>';
		}
	}

	/**
	 * An order's row in the queue; null where it was not to be sent yet.
	 */
	private function row( int $id ): ?Queue_Item {
		$item = $this->reader->find( Queue_Item::ORDER, $id );
		return $item && Queue_Item::NOTED !== $item->state ? $item : null;
	}

	/**
	 * Whether an order was never saved: its screen was only opened.
	 *
	 * @param \WP_Post|\WC_Order|object|null $order The order, or its post.
	 */
	private function is_new( $order ): bool {
		$status = $order instanceof \WC_Order ? $order->get_status() : ( $order instanceof \WP_Post ? $order->post_status : '' );
		return 'auto-draft' === $status;
	}

	/**
	 * Queues orders for being sent again.
	 *
	 * @param int[] $ids The orders.
	 * @return int How many there are.
	 */
	private function send( array $ids ): int {
		$sent = $this->sender->resend( Queue_Item::ORDER, $ids );
		$this->scheduler->run_soon( Scheduler::SEND );
		return count( $sent );
	}

	/**
	 * An order's state as a badge, the reason as its tooltip.
	 */
	private function badge( ?Queue_Item $item ): string {
		if ( ! $item ) {
			return '<span aria-hidden="true">–</span><span class="screen-reader-text">' . esc_html__( 'Not sent', 'woocommerce-pos-sync' ) . '</span>';
		}
		$reason = '' === $item->error ? '' : Failure_Messages::describe( $item->status, $item->error );
		return sprintf( '<span class="pos-sync-badge is-%s" title="%s">%s</span>', esc_attr( $item->state ), esc_attr( $reason ), esc_html( Labels::states()[ $item->state ] ?? $item->state ) );
	}
}
