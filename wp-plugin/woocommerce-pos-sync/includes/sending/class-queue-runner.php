<?php

namespace POS_Sync\Sending;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Jobs\Scheduler;
use POS_Sync\Payload\Order_Payload;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Queue\Queue_Schedule;
use POS_Sync\Registers_Hooks;
use POS_Sync\Settings\Settings;

/**
 * Empties the queue: one delivery at a time, in the order in which things changed.
 */
final class Queue_Runner implements Registers_Hooks {

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

	private Settings $settings;
	private Queue_Schedule $schedule;
	private Queue_Reader $reader;
	private Backfill $backfill;
	private Order_Payload $orders;
	private Sender $sender;
	private Scheduler $scheduler;

	public function __construct( Settings $settings, Queue_Schedule $schedule, Queue_Reader $reader, Backfill $backfill, Order_Payload $orders, Sender $sender, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->schedule  = $schedule;
		$this->reader    = $reader;
		$this->backfill  = $backfill;
		$this->orders    = $orders;
		$this->sender    = $sender;
		$this->scheduler = $scheduler;
	}

	public function register(): void {
		add_action( Scheduler::SEND, array( $this, 'run' ) );
	}

	/**
	 * Sends what is due, for a while, and books the next run.
	 *
	 * @return int How many need no further attempt: they arrived, were refused for good, or need no sending.
	 */
	public function run(): int {
		if ( ! $this->sender->may_send() ) {
			return 0;
		}
		$until    = time() + self::TIME;
		$settled  = 0;
		$failures = 0;
		$item     = $this->next_item();
		$stuck    = false;
		while ( $item && ! $stuck && time() < $until && $failures < self::STRIKES ) {
			$result   = $this->sender->send( $item->type, $item->id );
			$failures = Pos_Response::RETRY === $result ? $failures + 1 : ( Pos_Response::SENT === $result ? 0 : $failures );
			$next     = $this->next_item();
			$stuck    = '' === $result && $item->is_same_as( $next );
			$settled += $stuck || Pos_Response::RETRY === $result ? 0 : 1;
			$item     = $next;
		}
		$this->schedule_next_run( $failures < self::STRIKES && ! $stuck ? 0 : time() + self::REST );
		return $settled;
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
		if ( ! $this->sender->may_send() ) {
			return false;
		}
		$until = time() + $seconds;
		$fine  = $this->send_each( Queue_Item::PRODUCT, $first[ Queue_Item::PRODUCT ] ?? array(), $until );
		if ( $fine && ! $this->backfill->holds_orders( $this->settings->max_retries() ) ) {
			$fine = $this->send_each( Queue_Item::ORDER, $first[ Queue_Item::ORDER ] ?? array(), $until );
		}
		$item = $fine ? $this->next_at_once() : null;
		while ( $item && $fine && time() < $until ) {
			$result = $this->sender->send( $item->type, $item->id, self::TIMEOUT_AT_ONCE );
			$next   = $this->next_at_once();
			// Going on without getting anywhere would never end: each process starts the next one.
			$fine = Pos_Response::RETRY !== $result && ( '' !== $result || ! $item->is_same_as( $next ) );
			$item = $next;
		}
		$this->schedule_next_run( 0 );
		return $fine && $item;
	}

	/**
	 * Sends these, until one fails or time runs out.
	 *
	 * @param string $type  Queue_Item::ORDER or Queue_Item::PRODUCT.
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
			$products = Queue_Item::ORDER === $type ? $this->reader->waiting_products( $this->orders->product_ids( $id ) ) : array();
			if ( ! $this->send_each( Queue_Item::PRODUCT, $products, $until ) ) {
				return false;
			}
			if ( ! $this->reader->waiting_products( $products ) && Pos_Response::RETRY === $this->sender->send( $type, $id, self::TIMEOUT_AT_ONCE ) ) {
				return false;
			}
		}
		return true;
	}

	/**
	 * The next one that may go.
	 *
	 * @param bool $with_backfill Whether it may be history.
	 */
	private function next_item( bool $with_backfill = true ): ?Queue_Item {
		return $this->schedule->next_item( time(), ! $this->backfill->holds_orders( $this->settings->max_retries() ), $with_backfill && ! $this->backfill->is_paused() );
	}

	/**
	 * The next one that may go at once: what happens now, and the catalogue for as long as orders wait for it.
	 */
	private function next_at_once(): ?Queue_Item {
		if ( ! $this->backfill->holds_orders( $this->settings->max_retries() ) ) {
			return $this->next_item( false );
		}
		$item = $this->next_item();
		if ( ! $item ) {
			$this->backfill->step();
			$item = $this->next_item();
		}
		return $item;
	}

	/**
	 * Books the next run.
	 *
	 * @param int $earliest Unix time before which the POS is left alone.
	 */
	private function schedule_next_run( int $earliest ): void {
		$next = $this->schedule->next_due_at( time(), ! $this->backfill->holds_orders( $this->settings->max_retries() ), ! $this->backfill->is_paused() );
		if ( null !== $next ) {
			$this->scheduler->run_at( Scheduler::SEND, max( $next, $earliest ) );
		}
	}
}
