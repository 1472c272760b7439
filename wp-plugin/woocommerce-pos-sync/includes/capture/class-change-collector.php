<?php

namespace POS_Sync\Capture;

use POS_Sync\Jobs\Scheduler;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Payload\Envelope;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Immediate_Sender;
use POS_Sync\Settings\Settings;

/**
 * Collects the ids of what changes during a request and queues them once, at its very end. This is all that
 * a checkout pays for the plugin: one statement, and one more where another process has to be woken.
 */
final class Change_Collector implements Registers_Hooks {

	private Settings $settings;
	private Queue $queue;
	private Scheduler $scheduler;
	private Immediate_Sender $immediate_sender;

	/**
	 * Topic by id, by type.
	 *
	 * @var array<string, array<int, string>>
	 */
	private array $changed = array();

	/**
	 * When the shop took the stock of orders, in Unix milliseconds by id.
	 *
	 * @var array<int, int>
	 */
	private array $taken = array();

	/**
	 * The last state of orders that are deleted for good, as JSON, by id.
	 *
	 * @var array<int, string>
	 */
	private array $kept = array();

	public function __construct( Settings $settings, Queue $queue, Scheduler $scheduler, Immediate_Sender $immediate_sender ) {
		$this->settings         = $settings;
		$this->queue            = $queue;
		$this->scheduler        = $scheduler;
		$this->immediate_sender = $immediate_sender;
	}

	/**
	 * Registers the end of the request. WordPress gets there after a fatal error too.
	 */
	public function register(): void {
		add_action( 'shutdown', array( $this, 'write' ), 5 ); // Before the scheduler looks whether it has something to do.
		add_action( 'shutdown', array( $this, 'write' ), PHP_INT_MAX ); // What others change at the very end.
	}

	/**
	 * Remembers a change. Costs no query, and never throws.
	 *
	 * @param string $type  Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int    $id    Id of the order or product.
	 * @param string $topic What happened: one of Queue::TOPICS.
	 */
	public function add( string $type, int $id, string $topic ): void {
		$known = $this->changed[ $type ][ $id ] ?? 'updated';
		$rank  = array_flip( Queue::TOPICS );

		$this->changed[ $type ][ $id ] = $rank[ $topic ] > $rank[ $known ] ? $topic : $known;
	}

	/**
	 * Whether a change of it is remembered.
	 *
	 * @param string $type Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int    $id   Id of the order or product.
	 */
	public function has( string $type, int $id ): bool {
		return isset( $this->changed[ $type ][ $id ] );
	}

	/**
	 * Remembers that the shop took an order's stock just now. Costs no query: it is written with the change.
	 *
	 * @param int $id Id of the order.
	 */
	public function stock_taken( int $id ): void {
		$this->taken[ $id ] = Envelope::milliseconds();
	}

	/**
	 * Remembers the last state of an order that is deleted for good.
	 *
	 * @param int    $id         Id of the order.
	 * @param string $last_state What is sent of it, as JSON.
	 */
	public function keep_last_state( int $id, string $last_state ): void {
		$this->kept[ $id ] = $last_state;
	}

	/**
	 * Queues what was remembered. Whatever goes wrong here stays here; Reconciler finds what was not queued.
	 */
	public function write(): void {
		$changed       = $this->changed;
		$taken         = $this->taken;
		$kept          = $this->kept;
		$this->changed = array();
		$this->taken   = array();
		$this->kept    = array();
		if ( ! $changed || ! $this->settings->is_enabled() ) {
			return;
		}
		try {
			foreach ( $changed as $type => $changes ) {
				$this->queue->record_changes( $type, $changes, time(), Queue_Item::ORDER === $type ? $taken : array() );
				$this->immediate_sender->add( $type, array_keys( $changes ) );
			}
			foreach ( $kept as $id => $last_state ) {
				$this->queue->keep_last_state( $id, $last_state );
			}
			if ( ! $this->immediate_sender->will_take_over() ) {
				$this->scheduler->run_soon( Scheduler::SEND );
			}
		} catch ( \Throwable $problem ) {
			wc_get_logger()->error( 'Could not queue changes: ' . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
		}
	}
}
