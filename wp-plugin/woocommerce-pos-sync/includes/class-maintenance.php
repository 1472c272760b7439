<?php
/**
 * Looking after things.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Comes round every ten minutes: has changes looked for that no hook saw, wakes jobs that got lost, and removes old log entries.
 */
final class Maintenance {

	private const EVERY = 600;

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
	 * Finds what no hook saw.
	 *
	 * @var Sweep
	 */
	private $sweep;

	/**
	 * Writes e-mails.
	 *
	 * @var Alarm
	 */
	private $alarm;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings  $settings  The settings.
	 * @param Queue     $queue     The queue.
	 * @param Log       $log       The log.
	 * @param Backfill  $backfill  The history being sent.
	 * @param Scheduler $scheduler The scheduler.
	 * @param Sweep     $sweep     Finds what no hook saw.
	 * @param Alarm     $alarm     Writes e-mails.
	 */
	public function __construct( Settings $settings, Queue $queue, Log $log, Backfill $backfill, Scheduler $scheduler, Sweep $sweep, Alarm $alarm ) {
		$this->settings  = $settings;
		$this->queue     = $queue;
		$this->log       = $log;
		$this->backfill  = $backfill;
		$this->scheduler = $scheduler;
		$this->sweep     = $sweep;
		$this->alarm     = $alarm;
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
		try {
			$this->sweep->run( ! $this->backfill->is_running() );
		} catch ( \Throwable $problem ) { // What follows must not depend on what other plugins do to an order.
			wc_get_logger()->error( 'Could not look for changes: ' . $problem->getMessage(), array( 'source' => Log::SOURCE ) );
		}
		$this->alarm->check();
		if ( $this->backfill->is_running() && ! $this->backfill->is_paused() ) {
			$this->scheduler->soon( Scheduler::BACKFILL );
		}
		$next = $this->queue->next_due( time(), true, true );
		if ( null !== $next ) {
			$this->scheduler->at( Scheduler::SEND, $next );
		}
	}
}
