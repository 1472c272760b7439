<?php
/**
 * What a request changed.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Collects the ids of what changes during a request and queues them once, at its very end. This is all that
 * a checkout pays for the plugin: one statement, and one more to wake the sender.
 */
final class Changes {

	/**
	 * Topics by how telling they are.
	 */
	private const RANK = array(
		'updated'   => 0,
		'refunded'  => 1,
		'cancelled' => 2,
		'restored'  => 3,
	);

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
	 * The scheduler.
	 *
	 * @var Scheduler
	 */
	private $scheduler;

	/**
	 * Sends at the end of the request.
	 *
	 * @var At_Once
	 */
	private $at_once;

	/**
	 * Topic by id, by type.
	 *
	 * @var array<string, array<int, string>>
	 */
	private $changed = array();

	/**
	 * When the shop took the stock of orders, in Unix milliseconds by id.
	 *
	 * @var array<int, int>
	 */
	private $taken = array();

	/**
	 * How orders were that go for good, as JSON, by id.
	 *
	 * @var array<int, string>
	 */
	private $kept = array();

	/**
	 * Takes what it works with.
	 *
	 * @param Settings  $settings  The settings.
	 * @param Queue     $queue     The queue.
	 * @param Scheduler $scheduler The scheduler.
	 * @param At_Once   $at_once   Sends at the end of the request.
	 */
	public function __construct( Settings $settings, Queue $queue, Scheduler $scheduler, At_Once $at_once ) {
		$this->settings  = $settings;
		$this->queue     = $queue;
		$this->scheduler = $scheduler;
		$this->at_once   = $at_once;
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
	 * @param string $type  Queue::ORDER or Queue::PRODUCT.
	 * @param int    $id    Id of the order or product.
	 * @param string $topic What happened: updated, refunded, cancelled or restored.
	 */
	public function add( string $type, int $id, string $topic ): void {
		$known = $this->changed[ $type ][ $id ] ?? 'updated';

		$this->changed[ $type ][ $id ] = self::RANK[ $topic ] > self::RANK[ $known ] ? $topic : $known;
	}

	/**
	 * Whether a change of it is remembered.
	 *
	 * @param string $type Queue::ORDER or Queue::PRODUCT.
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
	 * Remembers how an order was that goes for good.
	 *
	 * @param int    $id         Id of the order.
	 * @param string $last_state What is to be told, as JSON.
	 */
	public function keep( int $id, string $last_state ): void {
		$this->kept[ $id ] = $last_state;
	}

	/**
	 * Queues what was remembered. Whatever goes wrong here stays here; Maintenance finds what was not queued.
	 */
	public function write(): void {
		$changed       = $this->changed;
		$taken         = $this->taken;
		$kept          = $this->kept;
		$this->changed = array();
		$this->taken   = array();
		$this->kept    = array();
		if ( ! $changed || ! $this->settings->enabled() ) {
			return;
		}
		try {
			foreach ( $changed as $type => $changes ) {
				$this->queue->raise( $type, $changes, time(), Queue::ORDER === $type ? $taken : array() );
				$this->at_once->add( $type, array_keys( $changes ) );
			}
			foreach ( $kept as $id => $last_state ) {
				$this->queue->keep( $id, $last_state );
			}
			if ( ! $this->at_once->is_possible_here() ) { // Else it books a job itself, where it leaves something to do.
				$this->scheduler->soon( Scheduler::SEND );
			}
		} catch ( \Throwable $problem ) {
			wc_get_logger()->error( 'Could not queue changes: ' . $problem->getMessage(), array( 'source' => Log::SOURCE ) );
		}
	}
}
