<?php
/**
 * Sending.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * The job that empties the queue, in the background: one delivery at a time, in the order in which things changed.
 */
final class Sender {

	/**
	 * Seconds after which a run makes room for the jobs of others.
	 */
	private const TIME = 20;

	/**
	 * After so many failures in a row the POS is left alone for a while.
	 */
	private const STRIKES = 3;

	private const REST = 300;

	/**
	 * Seconds that the POS has for its answer when a request sends at its end, rather than the job.
	 */
	private const TIMEOUT_AT_ONCE = 3;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The site.
	 *
	 * @var Site
	 */
	private $site;

	/**
	 * The queue.
	 *
	 * @var Queue
	 */
	private $queue;

	/**
	 * The history being sent.
	 *
	 * @var Backfill
	 */
	private $backfill;

	/**
	 * What is said of an order.
	 *
	 * @var Payload
	 */
	private $payload;

	/**
	 * The way to the POS.
	 *
	 * @var Client
	 */
	private $client;

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
	 * Whether this process has found the POS there, and made due what waited for that.
	 *
	 * @var bool
	 */
	private $hurried = false;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings  $settings  The settings.
	 * @param Site      $site      The site.
	 * @param Queue     $queue     The queue.
	 * @param Backfill  $backfill  The history being sent.
	 * @param Payload   $payload   What is said of an order.
	 * @param Client    $client    The way to the POS.
	 * @param Log       $log       The log.
	 * @param Scheduler $scheduler The scheduler.
	 */
	public function __construct( Settings $settings, Site $site, Queue $queue, Backfill $backfill, Payload $payload, Client $client, Log $log, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->site      = $site;
		$this->queue     = $queue;
		$this->backfill  = $backfill;
		$this->payload   = $payload;
		$this->client    = $client;
		$this->log       = $log;
		$this->scheduler = $scheduler;
	}

	/**
	 * Registers the job.
	 */
	public function register(): void {
		add_action( Scheduler::SEND, array( $this, 'run' ) );
	}

	/**
	 * Sends what is due, for a while, and books the next run.
	 *
	 * @return int How many need no further attempt: they arrived, were refused for good, or need no sending.
	 */
	public function run(): int {
		if ( ! $this->may_send() ) {
			return 0;
		}
		$until    = time() + self::TIME;
		$settled  = 0;
		$failures = 0;
		$item     = $this->next();
		$stuck    = false;
		while ( $item && ! $stuck && time() < $until && $failures < self::STRIKES ) {
			$result   = $this->send( $item->type, $item->id );
			$failures = Reply::RETRY === $result ? $failures + 1 : ( Reply::SENT === $result ? 0 : $failures );
			$next     = $this->next();
			$stuck    = '' === $result && $item->is_same_as( $next );
			$settled += $stuck || Reply::RETRY === $result ? 0 : 1;
			$item     = $next;
		}
		$this->book( $failures < self::STRIKES && ! $stuck ? 0 : time() + self::REST );
		return $settled;
	}

	/**
	 * Has orders or products of this shop sent again. Ids of anything else do nothing.
	 *
	 * @param string $type Queue::ORDER or Queue::PRODUCT.
	 * @param int[]  $ids  Their ids; also of what is gone, where it was queued.
	 * @return int[] Those that are sent again.
	 */
	public function resend( string $type, array $ids ): array {
		$queued = array_keys( $this->queue->find_all( $type, $ids ) );
		$ids    = array_values( array_intersect( $ids, array_merge( $queued, $this->payload->of_this_shop( $type, $ids ) ) ) );
		$this->queue->resend( $type, $ids, Queue::LIVE, time() );
		return $ids;
	}

	/**
	 * Sends what a request changed, then what else is due, and stops at the first failure. History is left to the job,
	 * but for the catalogue that new orders wait for.
	 *
	 * @param array<string, array<int, int>> $first   Ids by type, to be sent first.
	 * @param int                            $seconds How long.
	 * @return bool Whether time ran out while all went well, and more is due.
	 */
	public function run_at_once( array $first, int $seconds ): bool {
		if ( ! $this->may_send() ) {
			return false;
		}
		$until = time() + $seconds;
		$fine  = $this->send_each( Queue::PRODUCT, $first[ Queue::PRODUCT ] ?? array(), $until );
		if ( $fine && ! $this->backfill->holds_orders( $this->settings->max_retries() ) ) {
			$fine = $this->send_each( Queue::ORDER, $first[ Queue::ORDER ] ?? array(), $until );
		}
		$item = $fine ? $this->next_at_once() : null;
		while ( $item && $fine && time() < $until ) {
			$result = $this->send( $item->type, $item->id, self::TIMEOUT_AT_ONCE );
			$next   = $this->next_at_once();
			// Going on without getting anywhere would never end: each process starts the next one.
			$fine = Reply::RETRY !== $result && ( '' !== $result || ! $item->is_same_as( $next ) );
			$item = $next;
		}
		$this->book( 0 );
		return $fine && $item;
	}

	/**
	 * Sends these, until one fails or time runs out.
	 *
	 * @param string $type  Queue::ORDER or Queue::PRODUCT.
	 * @param int[]  $ids   Their ids.
	 * @param int    $until Unix time.
	 * @return bool Whether none failed.
	 */
	private function send_each( string $type, array $ids, int $until ): bool {
		foreach ( $ids as $id ) {
			if ( time() >= $until ) {
				return true;
			}
			// The POS has to know a product before it gets an order of it.
			$products = Queue::ORDER === $type ? $this->queue->waiting_products( $this->payload->products_of( $id ) ) : array();
			if ( ! $this->send_each( Queue::PRODUCT, $products, $until ) ) {
				return false;
			}
			if ( ! $this->queue->waiting_products( $products ) && Reply::RETRY === $this->send( $type, $id, self::TIMEOUT_AT_ONCE ) ) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Sends one, if it waits and nobody else is at it.
	 *
	 * @param string   $type    Queue::ORDER, Queue::PRODUCT or Queue::ERASURE.
	 * @param int      $id      Its id.
	 * @param int|null $timeout Seconds that the POS has for its answer; null for the usual.
	 * @return string Reply::SENT, RETRY or FAILED; empty when nothing was sent.
	 */
	public function send( string $type, int $id, ?int $timeout = null ): string {
		$item = $this->may_send() ? $this->queue->claim( $type, $id, time() ) : null;
		if ( ! $item ) {
			return '';
		}
		if ( Queue::BROKE_OFF === $item->error && null === Retry::delay( $item->attempts, $this->settings->max_retries(), null, 0 ) ) {
			return $this->note( $item, $this->unsent_envelope( $item ), Reply::unreadable( Queue::BROKE_OFF ) );
		}
		// What this process read earlier may have changed since: without this an old state could go out under the new sequence.
		wp_cache_flush_runtime();

		try {
			$envelope = $this->envelope_of( $item );
		} catch ( \Throwable $problem ) {
			return $this->note( $item, $this->unsent_envelope( $item ), Reply::unreadable( $problem->getMessage() ) );
		}
		if ( ! $envelope ) {
			$this->queue->remove( $item, Queue::ORDER !== $type || ! wc_get_order( $id ) );
			return '';
		}
		if ( '' === $envelope->body ) {
			return $this->note( $item, $envelope, Reply::unreadable( __( 'It holds data that can not be written as JSON.', 'woocommerce-pos-sync' ) ) );
		}
		$reply = $this->client->post( $envelope, $timeout ?? Client::TIMEOUT );
		$reply->add_note( $envelope->left_out_note() );
		return $this->note( $item, $envelope, $reply );
	}

	/**
	 * Whether anything may be sent from here at all.
	 */
	public function may_send(): bool {
		return $this->settings->ready() && ! $this->site->is_copy();
	}

	/**
	 * Writes down what came of it.
	 *
	 * @param Item     $item     As it was claimed.
	 * @param Envelope $envelope What was sent.
	 * @param Reply    $reply    What came back.
	 * @return string Reply::SENT, RETRY or FAILED.
	 */
	private function note( Item $item, Envelope $envelope, Reply $reply ): string {
		$result = $reply->verdict;
		if ( Reply::SENT === $result ) {
			if ( Queue::ERASURE === $item->type ) {
				$this->queue->remove( $item, true ); // Nothing of the customer is kept.
			} else {
				$this->queue->note_sent( $item, substr( (string) strrchr( $envelope->event, '.' ), 1 ), $envelope->fingerprint, $envelope->refunds );
			}
			if ( ! $this->hurried ) {
				$this->queue->hurry( $this->settings->max_retries(), time() );
				$this->hurried = true;
			}
		} else {
			$delay = null;
			if ( Reply::RETRY === $result ) {
				$delay = Retry::delay( $item->attempts, $this->settings->max_retries(), $reply->retry_after, wp_rand( 0, 1000 ) / 1000 );
			}
			$result = null === $delay ? Reply::FAILED : Reply::RETRY;
			$this->queue->note_failed( $item, $reply, $this->log->clean( $reply->message ), null === $delay ? null : time() + $delay );
		}
		$this->log->add( $item, $envelope, $reply, $result );
		return $result;
	}

	/**
	 * What to send; null when nothing need be sent.
	 *
	 * @param Item $item The claimed row.
	 */
	private function envelope_of( Item $item ): ?Envelope {
		switch ( $item->type ) {
			case Queue::ORDER:
				return $this->order_envelope( $item );
			case Queue::PRODUCT:
				return $this->product_envelope( $item );
		}
		return $this->envelope( Privacy::EVENT, $item, $this->payload->named( json_decode( $item->last_state, true ) ), $item->changed_at );
	}

	/**
	 * Stands in the log for what could not be made.
	 *
	 * @param Item $item The claimed row.
	 */
	private function unsent_envelope( Item $item ): Envelope {
		return $this->envelope( Queue::ERASURE === $item->type ? Privacy::EVENT : $item->type . '.updated', $item, array(), time() );
	}

	/**
	 * What to send of an order; null when it need not be sent.
	 *
	 * @param Item $item The claimed row.
	 */
	private function order_envelope( Item $item ): ?Envelope {
		$order = wc_get_order( $item->id );
		if ( ! $order instanceof \WC_Order ) {
			return $this->gone_envelope( $item );
		}
		$status = $this->payload->status( $order );
		if ( in_array( $status, Payload::DRAFTS, true ) || ! $this->is_wanted( $item, $status ) ) {
			return null;
		}
		$created  = $order->get_date_created();
		$data     = $this->payload->order( $order );
		$envelope = $this->envelope( 'order.' . $this->topic( $item, $order ), $item, $data, $item->changed_at, $this->stock_taken( $item, $created ? $created->getTimestamp() : 0 ) );

		$envelope->refunds = array_map(
			static function ( \WC_Order_Refund $refund ): int {
				return $refund->get_id();
			},
			$order->get_refunds()
		);
		return $envelope;
	}

	/**
	 * What to send of an order that is gone for good: how it was, where that was kept; null when it need not be sent.
	 *
	 * @param Item $item The claimed row.
	 * @throws \RuntimeException When the order is there, and can't be read.
	 */
	private function gone_envelope( Item $item ): ?Envelope {
		if ( $this->payload->is_there( $item->id ) ) {
			throw new \RuntimeException( 'WooCommerce could not read the order.' );
		}
		$kept    = Payload::stock_state( $this->payload->named( json_decode( $item->last_state, true ) ) );
		$status  = $kept['status'] ?? null;
		$created = $kept['date_created_gmt'] ?? null;
		if ( is_string( $status ) && ! $this->is_wanted( $item, $status ) ) {
			return null;
		}
		$taken = $this->stock_taken( $item, is_string( $created ) ? (int) strtotime( $created . 'Z' ) : 0 );
		return $this->envelope( 'order.deleted', $item, array( 'id' => $item->id ) + $kept, $item->changed_at, $taken );
	}

	/**
	 * When the shop took an order's stock, where the plugin saw that; else whether the order is from before the shop
	 * went live.
	 *
	 * @param Item $item    The claimed row.
	 * @param int  $created Unix time it was created; 0 when that is not known.
	 * @return array<string, bool|string>
	 */
	private function stock_taken( Item $item, int $created ): array {
		if ( $item->stock_taken_at ) {
			return array( 'stock_taken_at' => Envelope::timestamp( $item->stock_taken_at ) );
		}
		return $this->settings->is_from_before( $item->id, $created ) ? array( 'opening' => true ) : array();
	}

	/**
	 * What to send of a product; null when it need not be sent. Its time is that of reading the stock, noted before it:
	 * the stock lacks the units of every order whose stock was taken earlier. One that can't be bought any more is sent as deleted.
	 *
	 * @param Item $item The claimed row.
	 * @throws \RuntimeException When the product is there, and can't be read.
	 */
	private function product_envelope( Item $item ): ?Envelope {
		$last_order = $this->payload->last_order_id(); // Before the stock is read: what is ordered after it is not in that.
		$read_at    = Envelope::timestamp( Envelope::milliseconds() );
		$product    = wc_get_product( $item->id );
		if ( ! $product instanceof \WC_Product && in_array( get_post_status( $item->id ), Payload::FOR_SALE, true ) ) {
			throw new \RuntimeException( 'WooCommerce could not read the product.' );
		}
		if ( ! $product instanceof \WC_Product || ! $this->payload->is_for_sale( $product ) ) {
			$maybe_known = $item->delivered || $item->tries > 1;
			return $maybe_known ? $this->envelope( 'product.deleted', $item, array( 'id' => $item->id ), $read_at ) : null;
		}
		$known = $this->payload->known_as( $product );
		if ( ! $known ) {
			return null;
		}
		$event    = in_array( $item->topic, array( 'deleted', 'restored' ), true ) ? 'restored' : ( $item->delivered ? 'updated' : 'created' );
		$data     = $this->payload->product( $known );
		$envelope = $this->envelope( "product.$event", $item, $data, $read_at, array( 'last_order_id' => $last_order ) );

		$envelope->fingerprint = Payload::fingerprint( $data );
		return $envelope;
	}

	/**
	 * The envelope around it.
	 *
	 * @param string               $event The event.
	 * @param Item                 $item  The claimed row.
	 * @param array<string, mixed> $data  The order or product.
	 * @param int|string           $time  Unix time it is true for, or a time as Envelope::timestamp() writes it.
	 * @param array<string, mixed> $more  Further fields.
	 */
	private function envelope( string $event, Item $item, array $data, $time, array $more = array() ): Envelope {
		$about = array(
			'site_url'       => $this->site->url(),
			'plugin_version' => VERSION,
			'wc_version'     => WC()->version,
		);
		return new Envelope( $event, $item->id, $item->sequence, $time, $data, $about + $more );
	}

	/**
	 * The topic: that of what is in the trash is "deleted", else the first delivery is "created" whatever happened since,
	 * and none says what is no longer so.
	 *
	 * @param Item      $item  The claimed row.
	 * @param \WC_Order $order The order.
	 */
	private function topic( Item $item, \WC_Order $order ): string {
		if ( 'trash' === $order->get_status() ) {
			return 'deleted';
		}
		if ( ! $item->delivered ) {
			return 'created';
		}
		if ( 'cancelled' === $item->topic && 'cancelled' !== $order->get_status() ) {
			return 'updated';
		}
		if ( 'refunded' === $item->topic && 'refunded' !== $order->get_status() && ! $order->get_refunds() ) {
			return 'updated';
		}
		return 'deleted' === $item->topic ? 'restored' : $item->topic;
	}

	/**
	 * Whether an order in this status is to be sent. One that the POS may know already is, whatever its status.
	 *
	 * @param Item   $item   The claimed row.
	 * @param string $status Without "wc-".
	 */
	private function is_wanted( Item $item, string $status ): bool {
		$statuses    = $this->settings->statuses();
		$maybe_known = $item->delivered || $item->tries > 1;
		return $maybe_known || ! $statuses || in_array( $status, $statuses, true );
	}

	/**
	 * The next one that may go.
	 *
	 * @param bool $with_backfill Whether it may be history.
	 */
	private function next( bool $with_backfill = true ): ?Item {
		return $this->queue->due( time(), ! $this->backfill->holds_orders( $this->settings->max_retries() ), $with_backfill && ! $this->backfill->is_paused() );
	}

	/**
	 * The next one that may go at once: what happens now, and the catalogue for as long as orders wait for it.
	 */
	private function next_at_once(): ?Item {
		if ( ! $this->backfill->holds_orders( $this->settings->max_retries() ) ) {
			return $this->next( false );
		}
		$item = $this->next();
		if ( ! $item ) {
			$this->backfill->step();
			$item = $this->next();
		}
		return $item;
	}

	/**
	 * Books the next run.
	 *
	 * @param int $earliest Unix time before which the POS is left alone.
	 */
	private function book( int $earliest ): void {
		$next = $this->queue->next_due( time(), ! $this->backfill->holds_orders( $this->settings->max_retries() ), ! $this->backfill->is_paused() );
		if ( null !== $next ) {
			$this->scheduler->at( Scheduler::SEND, max( $next, $earliest ) );
		}
	}
}
