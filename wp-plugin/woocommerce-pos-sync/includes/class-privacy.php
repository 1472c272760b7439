<?php
/**
 * WordPress's tools for personal data.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Takes part in exporting and erasing a person's data, and in the guide for the privacy policy. The plugin's own tables hold
 * little; what an erasure is about is with the POS, which is sent it as an event.
 */
final class Privacy {

	/**
	 * The event that has the POS erase a customer.
	 */
	public const EVENT = 'customer.erased';

	private const BATCH = 50;

	/**
	 * So many deliveries of an order are exported.
	 */
	private const DELIVERIES = 100;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The queue.
	 *
	 * @var Queue
	 */
	private $queue;

	/**
	 * The log.
	 *
	 * @var Log
	 */
	private $log;

	/**
	 * The scheduler.
	 *
	 * @var Scheduler
	 */
	private $scheduler;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings  $settings  The settings.
	 * @param Queue     $queue     The queue.
	 * @param Log       $log       The log.
	 * @param Scheduler $scheduler The scheduler.
	 */
	public function __construct( Settings $settings, Queue $queue, Log $log, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->queue     = $queue;
		$this->log       = $log;
		$this->scheduler = $scheduler;
	}

	/**
	 * Registers the hooks.
	 */
	public function register(): void {
		add_action( 'admin_init', array( $this, 'add_policy' ) );
		add_filter( 'wp_privacy_personal_data_exporters', array( $this, 'add_exporter' ) );
		add_filter( 'wp_privacy_personal_data_erasers', array( $this, 'add_erasers' ), PHP_INT_MAX );
	}

	/**
	 * Adds a suggestion to the guide for the site's privacy policy.
	 */
	public function add_policy(): void {
		$texts = array(
			__( 'When you place an order, we send it to our point of sale (POS): your name, billing and delivery address, e-mail address and phone number, your notes on the order, how you pay, and what you ordered, with every later change of it. The POS keeps our orders and stock together. Your IP address and your browser’s name are not sent there.', 'woocommerce-pos-sync' ),
			__( 'A list of these deliveries is kept on this site for 30 days. It names the order, but holds none of this data.', 'woocommerce-pos-sync' ),
			__( 'When we erase your personal data on this site, the POS erases them too.', 'woocommerce-pos-sync' ),
		);
		$guide = __( 'Say here who runs the POS and where, if that is not you, and how long it keeps orders.', 'woocommerce-pos-sync' );
		$html  = '<p class="privacy-policy-tutorial">' . esc_html( $guide ) . '</p>';
		foreach ( $texts as $text ) {
			$html .= '<p>' . esc_html( $text ) . '</p>';
		}
		wp_add_privacy_policy_content( 'WooCommerce POS Sync', $html );
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
	 * Adds what erases. The plugin's own data come first, as long as WooCommerce still knows whose orders they are about; the
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
	 * @param string     $email The person's address.
	 * @param int|string $page  From 1.
	 * @return array{data: array<int, array<string, mixed>>, done: bool}
	 */
	public function export( $email, $page = 1 ): array {
		$ids  = $this->orders( (string) $email, (int) $page );
		$data = array();
		foreach ( $this->queue->find_all( Queue::ORDER, $ids ) as $item ) {
			$data[] = $this->exported( 'order-' . $item->id, $this->facts( $item ) );
		}
		if ( 1 === (int) $page && $this->queue->find( Queue::ERASURE, self::id( (string) $email ) ) ) {
			$data[] = $this->exported( 'erasure', array( __( 'E-mail', 'woocommerce-pos-sync' ) => (string) $email . ' (' . __( 'kept until the POS has been asked to erase this customer', 'woocommerce-pos-sync' ) . ')' ) );
		}
		return array(
			'data' => $data,
			'done' => count( $ids ) < self::BATCH,
		);
	}

	/**
	 * Erases a person in the plugin's own tables.
	 *
	 * @param string     $email The person's address.
	 * @param int|string $page  From 1.
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public function erase_deliveries( $email, $page = 1 ): array {
		$ids     = $this->orders( (string) $email, (int) $page );
		$removed = $this->log->remove_texts( $ids );
		$this->queue->remove_texts( $ids );
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
	 * @param string $email The person's address.
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public function erase_at_pos( $email ): array {
		$was_live = $this->settings->live_since() > 0; // Else the POS has nothing.
		if ( $was_live ) {
			$request = array(
				'email'  => (string) $email,
				'orders' => 'yes' === get_option( 'woocommerce_erasure_request_removes_order_data', 'no' ),
			);
			$this->queue->erase( self::id( (string) $email ), (string) wp_json_encode( $request ), time() );
			$this->scheduler->soon( Scheduler::SEND );
		}
		$text = $this->settings->ready()
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
	 * @param string $email The address.
	 * @param int    $page  From 1.
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
	 * @param Item $item The order's row.
	 * @return array<string, string>
	 */
	private function facts( Item $item ): array {
		$filter  = array(
			'type' => Queue::ORDER,
			'id'   => $item->id,
		);
		$entries = array();
		foreach ( $this->log->entries( $filter, self::DELIVERIES ) as $entry ) {
			$entries[] = implode( ' – ', array( (string) wp_date( 'Y-m-d H:i:s', (int) $entry['sent_at'] ), Words::topics()[ $entry['event'] ] ?? $entry['event'], Words::results()[ $entry['result'] ] ?? $entry['result'] ) );
		}
		return array(
			__( 'Order', 'woocommerce-pos-sync' )      => ( new Subjects() )->name( Queue::ORDER, $item->id ),
			__( 'POS', 'woocommerce-pos-sync' )        => Words::states()[ $item->state ] ?? __( 'Not sent', 'woocommerce-pos-sync' ),
			__( 'Deliveries', 'woocommerce-pos-sync' ) => implode( '<br>', array_map( 'esc_html', $entries ) ),
		);
	}

	/**
	 * One item as WordPress exports it.
	 *
	 * @param string                $id    Its id.
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
	 *
	 * @param string $email The address.
	 */
	private static function id( string $email ): int {
		return (int) hexdec( substr( hash_hmac( 'sha256', strtolower( $email ), wp_salt() ), 0, 12 ) );
	}
}
