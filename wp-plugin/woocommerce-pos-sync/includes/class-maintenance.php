<?php
/**
 * Looking after things.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Comes round every ten minutes: finds changes that no hook saw (a request that was killed, an import straight into
 * the database, a time when the plugin was off), wakes jobs that got lost, and removes old log entries.
 */
final class Maintenance {

	private const EVERY = 600;
	private const BATCH = 200;
	private const SWEPT = 'pos_sync_swept_to';

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
	 * The history being sent.
	 *
	 * @var Backfill
	 */
	private $backfill;

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
	 * @param Backfill  $backfill  The history being sent.
	 * @param Scheduler $scheduler The scheduler.
	 */
	public function __construct( Settings $settings, Queue $queue, Log $log, Backfill $backfill, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->queue     = $queue;
		$this->log       = $log;
		$this->backfill  = $backfill;
		$this->scheduler = $scheduler;
	}

	/**
	 * Registers the job, and what keeps it on the schedule.
	 */
	public function register(): void {
		add_action( Scheduler::MAINTAIN, array( $this, 'run' ) );
		add_action( 'action_scheduler_ensure_recurring_actions', array( $this, 'schedule' ) );
		add_action( 'admin_init', array( $this, 'schedule' ) );
	}

	/**
	 * Puts the job on the schedule where it is not.
	 */
	public function schedule(): void {
		if ( $this->settings->enabled() && ! wp_doing_ajax() ) {
			$this->scheduler->every( Scheduler::MAINTAIN, self::EVERY );
		}
	}

	/**
	 * One round.
	 */
	public function run(): void {
		$this->log->prune();
		if ( ! $this->settings->ready() ) {
			return;
		}
		$this->sweep();
		if ( $this->backfill->is_running() && ! $this->backfill->is_paused() ) {
			$this->scheduler->soon( Scheduler::BACKFILL );
		}
		$next = $this->queue->next_due( true, true );
		if ( null !== $next ) {
			$this->scheduler->at( Scheduler::SEND, $next );
		}
	}

	/**
	 * Queues orders that changed since the last round and were not noted.
	 */
	private function sweep(): void {
		$now   = time();
		$swept = get_option( self::SWEPT, 0 );
		// Looks back one round more: a request may take a while from its change to its end.
		$from = max( $this->settings->live_since(), ( is_numeric( $swept ) ? (int) $swept : 0 ) - self::EVERY );
		$page = 1;
		do {
			$orders   = wc_get_orders(
				array(
					'type'          => 'shop_order',
					'status'        => array_merge( Settings::known_statuses(), array( 'trash' ) ),
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
				$date = $order instanceof \WC_Order ? $order->get_date_modified() : null;
				if ( $date && $date->getTimestamp() <= $now ) {
					$modified[ $order->get_id() ] = $date->getTimestamp();
				}
			}
			$this->queue->raise( Queue::ORDER, array_fill_keys( $this->queue->missing( $modified ), 'updated' ), $now );
			$found = count( $orders );
			++$page;
		} while ( self::BATCH === $found );
		update_option( self::SWEPT, $now, false );
	}
}
