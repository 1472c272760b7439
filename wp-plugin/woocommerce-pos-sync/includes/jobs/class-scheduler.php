<?php

namespace POS_Sync\Jobs;

/**
 * Wakes the sender and the other jobs by Action Scheduler. What is to be sent is in the queue, so a lost
 * or doubled job does no harm: Maintenance looks every ten minutes.
 */
final class Scheduler {

	public const SEND     = 'pos_sync_send';
	public const BACKFILL = 'pos_sync_backfill';
	public const MAINTAIN = 'pos_sync_maintain';

	private const GROUP = 'pos-sync';

	/**
	 * The jobs that were asked for in this request.
	 *
	 * @var array<string, true>
	 */
	private array $requested = array();

	/**
	 * Runs a job as soon as the scheduler comes round, unless it is about to run anyway.
	 *
	 * @param string $hook SEND, BACKFILL or MAINTAIN.
	 */
	public function run_soon( string $hook ): void {
		$this->requested[ $hook ] = true;
		$this->enqueue( $hook );
	}

	/**
	 * Whether somebody asked in this request that a job runs soon.
	 */
	public function was_requested( string $hook ): bool {
		return isset( $this->requested[ $hook ] );
	}

	/**
	 * Runs a job at a time, unless it runs before that anyway.
	 *
	 * @param string $hook SEND or BACKFILL.
	 * @param int    $time Unix time.
	 */
	public function run_at( string $hook, int $time ): void {
		if ( $time <= time() ) {
			$this->enqueue( $hook );
		} elseif ( $this->available() && ! $this->is_pending( $hook, $time ) ) {
			as_schedule_single_action( $time, $hook, array(), self::GROUP );
		}
	}

	/**
	 * Makes a job run again and again.
	 *
	 * @param string $hook    MAINTAIN.
	 * @param int    $seconds How often.
	 */
	public function repeat( string $hook, int $seconds ): void {
		if ( $this->available() && ! as_has_scheduled_action( $hook, array(), self::GROUP ) ) {
			as_schedule_recurring_action( time(), $seconds, $hook, array(), self::GROUP, true );
		}
	}

	/**
	 * Takes all jobs off the schedule.
	 */
	public static function unschedule_all(): void {
		if ( function_exists( 'as_unschedule_all_actions' ) ) {
			as_unschedule_all_actions( '', array(), self::GROUP );
		}
	}

	/**
	 * Puts a job first, unless it is about to run anyway.
	 */
	private function enqueue( string $hook ): void {
		if ( $this->available() && ! $this->is_pending( $hook, time() ) ) {
			as_enqueue_async_action( $hook, array(), self::GROUP );
		}
	}

	/**
	 * Whether a job waits that runs by then. One that runs now does not count: it may have looked at the queue already.
	 *
	 * @param int $time Unix time.
	 */
	private function is_pending( string $hook, int $time ): bool {
		return (bool) as_get_scheduled_actions(
			array(
				'hook'         => $hook,
				'group'        => self::GROUP,
				'status'       => \ActionScheduler_Store::STATUS_PENDING,
				'date'         => gmdate( 'Y-m-d H:i:s', $time ),
				'date_compare' => '<=',
				'per_page'     => 1,
				'orderby'      => 'none',
			),
			'ids'
		);
	}

	/**
	 * Whether the scheduler's tables can be used yet.
	 */
	private function available(): bool {
		return class_exists( \ActionScheduler::class ) && \ActionScheduler::is_initialized();
	}
}
