<?php

namespace POS_Sync\Jobs;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Capture\Reconciler;
use POS_Sync\Health\Email_Alerts;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Queue\Queue_Schedule;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Loopback_Request;
use POS_Sync\Settings\Settings;
use POS_Sync\Stock\Stock_Log;

/**
 * Comes round every ten minutes: has changes looked for that no hook saw, wakes jobs that got lost, and removes old entries of the log and of the changes of stock.
 */
final class Maintenance implements Registers_Hooks {

	private const EVERY = 600;

	/**
	 * What a process was woken for is sent before so many seconds have passed.
	 */
	private const PATIENCE = 120;

	private Settings $settings;
	private Queue_Schedule $schedule;
	private Delivery_Log $log;
	private Backfill $backfill;
	private Scheduler $scheduler;
	private Reconciler $reconciler;
	private Email_Alerts $alerts;
	private Stock_Log $stock;

	public function __construct( Settings $settings, Queue_Schedule $schedule, Delivery_Log $log, Backfill $backfill, Scheduler $scheduler, Reconciler $reconciler, Email_Alerts $alerts, Stock_Log $stock ) {
		$this->settings   = $settings;
		$this->schedule   = $schedule;
		$this->log        = $log;
		$this->backfill   = $backfill;
		$this->scheduler  = $scheduler;
		$this->reconciler = $reconciler;
		$this->alerts     = $alerts;
		$this->stock      = $stock;
	}

	public function register(): void {
		add_action( Scheduler::MAINTAIN, array( $this, 'run' ) );
		add_action( 'action_scheduler_ensure_recurring_actions', array( $this, 'schedule' ) );
		add_action( 'admin_init', array( $this, 'schedule' ) );
	}

	/**
	 * Puts the job on the schedule where it is not.
	 */
	public function schedule(): void {
		if ( $this->settings->is_enabled() && ! wp_doing_ajax() ) {
			$this->scheduler->repeat( Scheduler::MAINTAIN, self::EVERY );
		}
	}

	/**
	 * One round.
	 */
	public function run(): void {
		$this->log->prune();
		$this->stock->prune();
		if ( ! $this->settings->is_ready() ) {
			return;
		}
		$overdue = $this->schedule->overdue_since();
		if ( null !== $overdue && $overdue < time() - self::PATIENCE ) {
			Loopback_Request::note_arrival( false ); // Requests book jobs again, until one arrives.
		}
		try {
			$this->reconciler->run( ! $this->backfill->is_running() );
		} catch ( \Throwable $problem ) { // What follows must not depend on what other plugins do to an order.
			wc_get_logger()->error( 'Could not look for changes: ' . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
		}
		$this->alerts->check();
		if ( $this->backfill->is_running() && ! $this->backfill->is_paused() ) {
			$this->scheduler->run_soon( Scheduler::BACKFILL );
		}
		$next = $this->schedule->next_due_at( time(), true, true );
		if ( null !== $next ) {
			$this->scheduler->run_at( Scheduler::SEND, $next );
		}
	}
}
