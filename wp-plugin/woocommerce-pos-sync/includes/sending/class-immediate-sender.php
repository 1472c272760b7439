<?php

namespace POS_Sync\Sending;

use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Health\Email_Alerts;
use POS_Sync\Jobs\Scheduler;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Queue\Queue_Claims;
use POS_Sync\Registers_Hooks;
use POS_Sync\Settings\Settings;

/**
 * Sends what a request changed when that request ends, so that the POS has it within seconds: in the same process once
 * the answer has gone out, where the server can do that; elsewhere by a request of the site to itself. What is
 * not sent here, for whatever reason, waits in the queue for the scheduled job.
 */
final class Immediate_Sender implements Registers_Hooks {

	/**
	 * Seconds that a process goes on after its answer. A POS that hangs must not keep the workers of PHP busy.
	 */
	private const SECONDS = 5;

	/**
	 * Seconds for a process that was started for nothing else.
	 */
	private const SECONDS_ALONE = 20;

	/**
	 * So many deliveries are made at a time; those at work take over what others leave.
	 */
	private const AT_A_TIME = 3;

	/**
	 * Seconds for which nobody tries again when the POS is found away.
	 */
	private const PAUSE = 60;

	private Queue_Runner $runner;
	private Sender $sender;
	private Queue_Claims $claims;
	private Delivery_Log $log;
	private Scheduler $scheduler;
	private Loopback_Request $loopback;
	private Email_Alerts $alerts;

	/**
	 * Ids of what this request queued, by type.
	 *
	 * @var array<string, array<int, int>>
	 */
	private array $queued = array();

	public function __construct( Queue_Runner $runner, Sender $sender, Queue_Claims $claims, Delivery_Log $log, Scheduler $scheduler, Loopback_Request $loopback, Email_Alerts $alerts ) {
		$this->runner    = $runner;
		$this->sender    = $sender;
		$this->claims    = $claims;
		$this->log       = $log;
		$this->scheduler = $scheduler;
		$this->loopback  = $loopback;
		$this->alerts    = $alerts;
	}

	/**
	 * Registers the end of the request. It must be registered after Change_Collector, which queues at the same moment.
	 */
	public function register(): void {
		add_action( 'shutdown', array( $this, 'send_after_response' ), PHP_INT_MAX );
		$this->loopback->on_request( array( $this, 'handle_loopback' ) );
	}

	/**
	 * Notes what was queued in this request.
	 *
	 * @param string $type Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int[]  $ids  Their ids.
	 */
	public function add( string $type, array $ids ): void {
		foreach ( $ids as $id ) {
			$this->queued[ $type ][ $id ] = $id;
		}
	}

	/**
	 * Whether this process can send without anybody waiting for it. Not after a fatal error: who knows what is left.
	 */
	public function can_send_in_this_process(): bool {
		$error = error_get_last();
		if ( ! Developer_Hooks::send_at_once() || ( $error && in_array( $error['type'], array( E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR ), true ) ) ) {
			return false;
		}
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' ) || 'cli' === PHP_SAPI || wp_doing_cron();
	}

	/**
	 * Whether a process will send what this request queues, or book a job for it, so that this request need not: this one, when
	 * nobody waits for it, or one that it wakes.
	 */
	public function will_take_over(): bool {
		return Developer_Hooks::send_at_once() && ( $this->can_send_in_this_process() || $this->loopback->arrives() );
	}

	/**
	 * Sends what this request queued. Whatever goes wrong here stays here: it is in the queue.
	 */
	public function send_after_response(): void {
		$queued       = $this->queued;
		$this->queued = array();
		if ( ( ! $queued && ! $this->scheduler->was_requested( Scheduler::SEND ) ) || ! Developer_Hooks::send_at_once() || ! $this->sender->is_switched_on() ) {
			return;
		}
		try {
			if ( $this->can_send_in_this_process() ) {
				$this->finish_response( self::SECONDS );
				$this->send( $queued, self::SECONDS );
			} else {
				$this->wake_other_process();
			}
		} catch ( \Throwable $problem ) {
			wc_get_logger()->error( 'Could not send at once: ' . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
		}
	}

	/**
	 * Answers a request of the site to itself.
	 */
	public function handle_loopback(): void {
		$this->finish_response( self::SECONDS_ALONE );
		if ( Developer_Hooks::send_at_once() ) {
			$this->send( array(), self::SECONDS_ALONE );
		}
	}

	/**
	 * Has another process send. Where enough are at it, they take over what this request queued; each books a job, as it ends, for what it leaves.
	 */
	private function wake_other_process(): void {
		if ( ! $this->is_busy() && ! $this->loopback->send() ) {
			Loopback_Request::note_arrival( false );
			$this->scheduler->run_soon( Scheduler::SEND );
		}
	}

	/**
	 * Sends for a while; where more is left, another process goes on with it.
	 *
	 * @param array<string, array<int, int>> $queued  Ids by type, to be sent first.
	 * @param int                            $seconds How long.
	 */
	private function send( array $queued, int $seconds ): void {
		if ( $this->sender->may_send() && ( $this->is_pos_away() || $this->is_busy() ) ) {
			$this->scheduler->run_soon( Scheduler::SEND );
			return;
		}
		if ( $this->runner->run_at_once( $queued, $seconds ) ) {
			$this->loopback->send();
		}
		$this->alerts->check(); // Where no scheduled action ever runs, nobody else does.
	}

	/**
	 * Whether the POS was found away a moment ago. What was found before the settings were saved does not count: key or address may have been corrected.
	 */
	private function is_pos_away(): bool {
		$last  = $this->log->last_attempt();
		$saved = get_option( Settings::SAVED_AT, 0 );
		$since = max( time() - self::PAUSE, is_numeric( $saved ) ? (int) $saved : 0 );
		$away  = $last && Pos_Response::RETRY === $last['result'] && Pos_Response::UNREADABLE !== $last['outcome'] && Pos_Response::is_outage_status( (int) $last['status'] );
		return $away && (int) $last['sent_at'] > $since;
	}

	/**
	 * Whether enough processes are sending.
	 */
	private function is_busy(): bool {
		return $this->claims->count_claimed( time() ) >= self::AT_A_TIME;
	}

	/**
	 * Lets go of the visitor: the answer is complete, and his next request must not wait for his session.
	 *
	 * @param int $seconds How long this process goes on.
	 */
	private function finish_response( int $seconds ): void {
		ignore_user_abort( true );
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			session_write_close();
		}
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			litespeed_finish_request();
		}
		if ( 'cli' !== PHP_SAPI ) {
			wc_set_time_limit( $seconds + 30 );
		}
	}
}
