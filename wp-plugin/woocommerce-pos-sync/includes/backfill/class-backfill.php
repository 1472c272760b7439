<?php

namespace POS_Sync\Backfill;

use POS_Sync\Jobs\Scheduler;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Settings\Settings;

/**
 * Queues the catalogue and past orders in batches, in the background. It only queues: sending, retrying and
 * logging are the sender's, as for any change.
 */
final class Backfill implements Registers_Hooks {

	public const GO_LIVE = 'go-live';
	public const SINCE   = 'since';

	public const OPTION = 'pos_sync_backfill';

	private const BATCH = 200;

	/**
	 * Each batch looks back by so many, so that one deleted meanwhile does not hide another.
	 */
	private const OVERLAP = 20;

	/**
	 * No more than so many wait at a time.
	 */
	private const FULL = 1000;

	/**
	 * Closed orders of so many days are sent when going live: a refund, or a second try at paying, still moves their stock.
	 */
	private const RECENT_DAYS = 90;

	private Queue $queue;
	private Queue_Reader $reader;
	private Scheduler $scheduler;

	public function __construct( Queue $queue, Queue_Reader $reader, Scheduler $scheduler ) {
		$this->queue     = $queue;
		$this->reader    = $reader;
		$this->scheduler = $scheduler;
	}

	public function register(): void {
		add_action( Scheduler::BACKFILL, array( $this, 'step' ) );
	}

	/**
	 * Starts with the catalogue, then the orders that are open or were closed not long ago. Until the POS has the
	 * catalogue, orders wait: their products would be unknown there.
	 */
	public function go_live(): void {
		$this->start( self::GO_LIVE, array( 'products', 'open', 'recent' ), time() - self::RECENT_DAYS * DAY_IN_SECONDS );
	}

	/**
	 * Sends all orders created since a time.
	 *
	 * @param int $since Unix time.
	 */
	public function since( int $since ): void {
		$this->start( self::SINCE, array( 'all' ), $since );
	}

	/**
	 * Holds it, or goes on.
	 *
	 * @param bool $paused Whether to hold it.
	 */
	public function pause( bool $paused ): void {
		$state           = $this->state();
		$state['paused'] = $paused;
		$this->save( $state );
		if ( ! $paused ) {
			$this->scheduler->run_soon( Scheduler::BACKFILL );
			$this->scheduler->run_soon( Scheduler::SEND );
		}
	}

	/**
	 * Whether it is held.
	 */
	public function is_paused(): bool {
		return $this->state()['paused'];
	}

	/**
	 * Whether anything is left to be queued.
	 */
	public function is_running(): bool {
		return (bool) $this->state()['phases'];
	}

	/**
	 * Whether orders must wait because the POS does not have the catalogue yet.
	 *
	 * @param int $max_retries A product that was tried more often is not waited for.
	 */
	public function holds_orders( int $max_retries ): bool {
		$state = $this->state();
		if ( ! $state['holding'] ) {
			return false;
		}
		if ( in_array( 'products', $state['phases'], true ) || $this->reader->has_waiting_products( $max_retries ) ) {
			return true;
		}
		$state['holding'] = false;
		$this->save( $state );
		return false;
	}

	/**
	 * How far it is.
	 *
	 * @return array{kind: string, phase: string, total: int, done: int, failed: int, paused: bool, finished: bool}
	 */
	public function progress(): array {
		$state   = $this->state();
		$waiting = $this->reader->count_backfill( Queue_Item::PRODUCT ) + $this->reader->count_backfill( Queue_Item::ORDER );
		$failed  = $this->reader->count_backfill( Queue_Item::PRODUCT, Queue_Item::FAILED ) + $this->reader->count_backfill( Queue_Item::ORDER, Queue_Item::FAILED );
		$running = (bool) $state['phases'];
		return array(
			'kind'     => $state['kind'],
			'phase'    => (string) ( $state['phases'][0] ?? '' ),
			'total'    => max( $state['total'], $state['queued'] ),
			'done'     => max( 0, $state['queued'] - $waiting - $failed ),
			'failed'   => $failed,
			'paused'   => $state['paused'],
			'finished' => '' !== $state['kind'] && ! $running && ! $waiting,
		);
	}

	/**
	 * Queues the next batch, and books the one after it.
	 *
	 * @return bool Whether it queued one: not where nothing is left, it is held, or too many wait.
	 */
	public function step(): bool {
		$state = $this->state();
		if ( ! $state['phases'] || $state['paused'] ) {
			return false;
		}
		$phase = $state['phases'][0];
		$type  = 'products' === $phase ? Queue_Item::PRODUCT : Queue_Item::ORDER;
		if ( $this->reader->count_backfill( $type ) >= self::FULL ) {
			$this->scheduler->run_at( Scheduler::BACKFILL, time() + MINUTE_IN_SECONDS );
			return false;
		}
		$overlap = min( self::OVERLAP, $state['offset'] );
		$ids     = $this->ids( $phase, $state['since'], $state['offset'] - $overlap, self::BATCH + $overlap );
		$this->queue->resend( $type, $ids, Queue_Item::BACKFILL, time() );

		$new = max( 0, count( $ids ) - $overlap );
		// Read again: it may have been paused meanwhile.
		$paused           = $this->is_paused();
		$state['queued'] += $new;
		$state['offset'] += $new;
		$state['paused']  = $paused;
		if ( $new < self::BATCH ) {
			array_shift( $state['phases'] );
			$state['offset'] = 0;
		}
		$this->save( $state );
		$this->scheduler->run_soon( Scheduler::SEND );
		if ( $state['phases'] && ! $paused ) {
			$this->scheduler->run_soon( Scheduler::BACKFILL );
		}
		return true;
	}

	/**
	 * Starts anew.
	 *
	 * @param string   $kind   GO_LIVE or SINCE.
	 * @param string[] $phases What to queue, in this order.
	 * @param int      $since  Unix time.
	 */
	private function start( string $kind, array $phases, int $since ): void {
		$total = 0;
		foreach ( $phases as $phase ) {
			$total += $this->total( $phase, $since );
		}
		$this->save(
			array(
				'kind'    => $kind,
				'phases'  => $phases,
				'since'   => $since,
				'offset'  => 0,
				'total'   => $total,
				'queued'  => 0,
				'paused'  => false,
				'holding' => self::GO_LIVE === $kind || $this->state()['holding'],
			)
		);
		$this->scheduler->run_soon( Scheduler::BACKFILL );
	}

	/**
	 * Ids of one batch.
	 *
	 * @param string $phase  What to queue.
	 * @param int    $since  Unix time.
	 * @param int    $offset How many to pass over.
	 * @param int    $limit  How many at most.
	 * @return int[]
	 */
	private function ids( string $phase, int $since, int $offset, int $limit ): array {
		if ( 'products' === $phase ) {
			$query = new \WP_Query( $this->product_query( $offset, $limit ) );
			return $this->numbers( $query->posts );
		}
		$query = $this->order_query( $phase, $since );
		return $this->numbers( wc_get_orders( $query + compact( 'offset', 'limit' ) ) );
	}

	/**
	 * How many there are.
	 *
	 * @param string $phase What to queue.
	 * @param int    $since Unix time.
	 */
	private function total( string $phase, int $since ): int {
		if ( 'products' === $phase ) {
			$query = new \WP_Query( array_merge( $this->product_query( 0, 1 ), array( 'no_found_rows' => false ) ) );
			return (int) $query->found_posts;
		}
		$found = wc_get_orders(
			$this->order_query( $phase, $since ) + array(
				'limit'    => 1,
				'paginate' => true,
			)
		);
		return is_object( $found ) && isset( $found->total ) && is_numeric( $found->total ) ? (int) $found->total : 0;
	}

	/**
	 * A query for products and variations.
	 *
	 * @param int $offset How many to pass over.
	 * @param int $limit  How many at most.
	 * @return array<string, mixed>
	 */
	private function product_query( int $offset, int $limit ): array {
		return array(
			'post_type'      => array( 'product', 'product_variation' ),
			'post_status'    => array( 'publish', 'private' ),
			'fields'         => 'ids',
			'orderby'        => 'ID',
			'order'          => 'ASC',
			'offset'         => $offset,
			'posts_per_page' => $limit,
			'no_found_rows'  => true,
		);
	}

	/**
	 * A query for orders.
	 *
	 * @param string $phase What to queue.
	 * @param int    $since Unix time.
	 * @return array<string, mixed>
	 */
	private function order_query( string $phase, int $since ): array {
		$closed = array( 'completed', 'cancelled', 'refunded', 'failed' );
		$query  = array(
			'type'    => 'shop_order',
			'status'  => Settings::known_statuses(),
			'orderby' => 'ID',
			'order'   => 'ASC',
			'return'  => 'ids',
		);
		if ( 'open' === $phase ) {
			$query['status'] = array_values( array_diff( $query['status'], $closed ) );
			return $query;
		}
		if ( 'recent' === $phase ) {
			$query['status'] = $closed;
		}
		$query['date_created'] = '>=' . $since;
		return $query;
	}

	/**
	 * Ids as numbers.
	 *
	 * @param mixed $ids Ids, or what else a query gives.
	 * @return int[]
	 */
	private function numbers( $ids ): array {
		return array_map( 'intval', array_filter( is_array( $ids ) ? $ids : array(), 'is_numeric' ) );
	}

	/**
	 * The stored state; of nothing, where it never started.
	 *
	 * @return array{kind: string, phases: string[], since: int, offset: int, total: int, queued: int, paused: bool, holding: bool}
	 */
	private function state(): array {
		$stored = get_option( self::OPTION );
		$stored = is_array( $stored ) ? $stored : array();
		$number = static function ( string $name ) use ( $stored ): int {
			return is_numeric( $stored[ $name ] ?? null ) ? (int) $stored[ $name ] : 0;
		};
		return array(
			'kind'    => is_string( $stored['kind'] ?? null ) ? $stored['kind'] : '',
			'phases'  => array_values( array_filter( (array) ( $stored['phases'] ?? array() ), 'is_string' ) ),
			'since'   => $number( 'since' ),
			'offset'  => $number( 'offset' ),
			'total'   => $number( 'total' ),
			'queued'  => $number( 'queued' ),
			'paused'  => ! empty( $stored['paused'] ),
			'holding' => ! empty( $stored['holding'] ),
		);
	}

	/**
	 * Stores the state.
	 *
	 * @param array<string, mixed> $state The state.
	 */
	private function save( array $state ): void {
		update_option( self::OPTION, $state, false );
	}
}
