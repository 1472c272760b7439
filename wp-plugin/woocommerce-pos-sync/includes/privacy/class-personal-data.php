<?php

namespace POS_Sync\Privacy;

use POS_Sync\Jobs\Scheduler;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Messages\Labels;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Screens\Object_Labels;
use POS_Sync\Settings\Settings;

/**
 * Takes part in exporting and erasing a person's data. The plugin's own tables hold little; what an erasure is about is with the POS, which is sent it as an event.
 */
final class Personal_Data implements Registers_Hooks {

	/**
	 * The event that has the POS erase a customer.
	 */
	public const EVENT = 'customer.erased';

	private const BATCH = 50;

	/**
	 * So many deliveries of an order are exported.
	 */
	private const DELIVERIES = 100;

	private Settings $settings;
	private Queue $queue;
	private Queue_Reader $reader;
	private Delivery_Log $log;
	private Scheduler $scheduler;

	public function __construct( Settings $settings, Queue $queue, Queue_Reader $reader, Delivery_Log $log, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->queue     = $queue;
		$this->reader    = $reader;
		$this->log       = $log;
		$this->scheduler = $scheduler;
	}

	public function register(): void {
		add_filter( 'wp_privacy_personal_data_exporters', array( $this, 'add_exporter' ) );
		add_filter( 'wp_privacy_personal_data_erasers', array( $this, 'add_erasers' ), PHP_INT_MAX );
	}

	/**
	 * Adds what exports the plugin's own data.
	 *
	 * @param array<string, array<string, mixed>> $exporters The exporters.
	 * @return array<string, array<string, mixed>>
	 */
	public function add_exporter( $exporters ): array {
		$exporters['pos-sync'] = array(
			'exporter_friendly_name' => __( 'POS Sync: deliveries', 'woocommerce-pos-sync' ),
			'callback'               => array( $this, 'export' ),
		);
		return $exporters;
	}

	/**
	 * Adds what erases. The plugin's own data come first, while WooCommerce can still find the person's orders; the
	 * POS comes last, so that orders that are sent meanwhile do not bring back what it has erased.
	 *
	 * @param array<string, array<string, mixed>> $erasers The erasers.
	 * @return array<string, array<string, mixed>>
	 */
	public function add_erasers( $erasers ): array {
		$own = array(
			'pos-sync-deliveries' => array(
				'eraser_friendly_name' => __( 'POS Sync: deliveries', 'woocommerce-pos-sync' ),
				'callback'             => array( $this, 'erase_deliveries' ),
			),
		);
		$pos = array(
			'pos-sync-pos' => array(
				'eraser_friendly_name' => __( 'POS Sync: point of sale', 'woocommerce-pos-sync' ),
				'callback'             => array( $this, 'erase_at_pos' ),
			),
		);
		return $own + $erasers + $pos;
	}

	/**
	 * What the plugin's tables hold about a person: which of their orders were sent, and when.
	 *
	 * @param int $page From 1.
	 * @return array{data: array<int, array<string, mixed>>, done: bool}
	 */
	public function export( string $email, int $page = 1 ): array {
		$ids  = $this->orders( $email, $page );
		$data = array();
		foreach ( $this->reader->find_all( Queue_Item::ORDER, $ids ) as $item ) {
			$data[] = $this->exported( 'order-' . $item->id, $this->facts( $item ) );
		}
		if ( 1 === $page && $this->reader->find( Queue_Item::ERASURE, self::id( $email ) ) ) {
			$data[] = $this->exported( 'erasure', array( __( 'E-mail', 'woocommerce-pos-sync' ) => $email . ' (' . __( 'kept until the POS has been asked to erase this customer', 'woocommerce-pos-sync' ) . ')' ) );
		}
		return array(
			'data' => $data,
			'done' => count( $ids ) < self::BATCH,
		);
	}

	/**
	 * Erases a person in the plugin's own tables.
	 *
	 * @param int $page From 1.
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public function erase_deliveries( string $email, int $page = 1 ): array {
		$ids     = $this->orders( $email, $page );
		$removed = $this->log->remove_texts( $ids );
		$this->queue->clear_errors( $ids );
		return array(
			'items_removed'  => $removed > 0,
			'items_retained' => false,
			'messages'       => array(),
			'done'           => count( $ids ) < self::BATCH,
		);
	}

	/**
	 * Has the POS erase a person; where it is away, as soon as it is back.
	 *
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public function erase_at_pos( string $email ): array {
		$was_live = $this->settings->live_since() > 0; // Else the POS has nothing.
		if ( $was_live ) {
			$request = array(
				'email'  => $email,
				'orders' => 'yes' === get_option( 'woocommerce_erasure_request_removes_order_data', 'no' ),
			);
			$this->queue->add_erasure( self::id( $email ), (string) wp_json_encode( $request ), time() );
			$this->scheduler->run_soon( Scheduler::SEND );
		}
		$text = $this->settings->is_ready()
			? __( 'The point of sale is asked to erase this customer, too.', 'woocommerce-pos-sync' )
			: __( 'The point of sale is asked to erase this customer when sending is switched on again in the settings of POS Sync.', 'woocommerce-pos-sync' );
		return array(
			'items_removed'  => $was_live,
			'items_retained' => false,
			'messages'       => $was_live ? array( $text ) : array(),
			'done'           => true,
		);
	}

	/**
	 * Ids of a person's orders: those of the account with this address, and those that name it.
	 *
	 * @param int $page  From 1.
	 * @return int[]
	 */
	private function orders( string $email, int $page ): array {
		$user  = get_user_by( 'email', $email );
		$found = wc_get_orders(
			array(
				'type'     => 'shop_order',
				'status'   => array_merge( Settings::known_statuses(), array( 'trash' ) ),
				'customer' => array_merge( array( $email ), $user ? array( $user->ID ) : array() ),
				'orderby'  => 'ID',
				'order'    => 'ASC',
				'limit'    => self::BATCH,
				'page'     => max( 1, $page ),
				'return'   => 'ids',
			)
		);
		return array_map( 'intval', array_filter( is_array( $found ) ? $found : array(), 'is_numeric' ) );
	}

	/**
	 * What the plugin holds of an order, value by label.
	 *
	 * @return array<string, string>
	 */
	private function facts( Queue_Item $item ): array {
		$filter  = array(
			'type' => Queue_Item::ORDER,
			'id'   => $item->id,
		);
		$entries = array();
		foreach ( $this->log->entries( $filter, self::DELIVERIES ) as $entry ) {
			$entries[] = implode( ' – ', array( (string) wp_date( 'Y-m-d H:i:s', (int) $entry['sent_at'] ), Labels::topics()[ $entry['event'] ] ?? $entry['event'], Labels::results()[ $entry['result'] ] ?? $entry['result'] ) );
		}
		return array(
			__( 'Order', 'woocommerce-pos-sync' )      => ( new Object_Labels() )->name( Queue_Item::ORDER, $item->id ),
			__( 'POS', 'woocommerce-pos-sync' )        => Labels::states()[ $item->state ] ?? __( 'Not sent', 'woocommerce-pos-sync' ),
			__( 'Deliveries', 'woocommerce-pos-sync' ) => implode( '<br>', array_map( 'esc_html', $entries ) ),
		);
	}

	/**
	 * One item as WordPress exports it.
	 *
	 * @param array<string, string> $facts Value by label.
	 * @return array<string, mixed>
	 */
	private function exported( string $id, array $facts ): array {
		$data = array();
		foreach ( array_diff( $facts, array( '' ) ) as $label => $value ) {
			$data[] = array(
				'name'  => $label,
				'value' => $value,
			);
		}
		return array(
			'group_id'    => 'pos-sync',
			'group_label' => __( 'Orders sent to the point of sale', 'woocommerce-pos-sync' ),
			'item_id'     => "pos-sync-$id",
			'data'        => $data,
		);
	}

	/**
	 * A number that stands for a person's address in the queue, and can't be turned back into it.
	 */
	private static function id( string $email ): int {
		return (int) hexdec( substr( hash_hmac( 'sha256', strtolower( $email ), wp_salt() ), 0, 12 ) );
	}
}
