<?php
/**
 * The command line.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Sends orders to the POS and tells how it goes.
 */
final class Cli {

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
	 * The way to the POS.
	 *
	 * @var Client
	 */
	private $client;

	/**
	 * The sender.
	 *
	 * @var Sender
	 */
	private $sender;

	/**
	 * The history.
	 *
	 * @var Backfill
	 */
	private $backfill;

	/**
	 * How it goes.
	 *
	 * @var Health
	 */
	private $health;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings $settings The settings.
	 * @param Queue    $queue    The queue.
	 * @param Client   $client   The way to the POS.
	 * @param Sender   $sender   The sender.
	 * @param Backfill $backfill The history.
	 * @param Health   $health   How it goes.
	 */
	public function __construct( Settings $settings, Queue $queue, Client $client, Sender $sender, Backfill $backfill, Health $health ) {
		$this->settings = $settings;
		$this->queue    = $queue;
		$this->client   = $client;
		$this->sender   = $sender;
		$this->backfill = $backfill;
		$this->health   = $health;
	}

	/**
	 * Registers "wp pos-sync".
	 */
	public function register(): void {
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			\WP_CLI::add_command( 'pos-sync', $this );
		}
	}

	/**
	 * Sends orders now, and says what came of it. Without an order: everything that waits.
	 *
	 * ## OPTIONS
	 *
	 * [<order>...]
	 * : Ids of orders.
	 *
	 * @param string[] $orders Ids of orders.
	 */
	public function send( array $orders ): void {
		$this->need_to_be_ready();
		if ( ! $orders ) {
			$this->sender->run();
			$this->status();
			return;
		}
		$failed = 0;
		foreach ( array_map( 'intval', $orders ) as $id ) {
			if ( ! $this->sender->resend( Queue::ORDER, array( $id ) ) ) {
				\WP_CLI::log( "$id: no such order." );
				++$failed;
				continue;
			}
			$result = $this->sender->send( Queue::ORDER, $id );
			$item   = $this->queue->find( Queue::ORDER, $id );
			\WP_CLI::log( trim( sprintf( '%d: %s. %s', $id, '' === $result ? 'not sent (its status is not chosen, or it is being sent)' : $result, $item ? $item->error : '' ) ) );
			$failed += Reply::SENT === $result ? 0 : 1;
		}
		if ( $failed ) {
			\WP_CLI::error( sprintf( '%d of %d not delivered.', $failed, count( $orders ) ) );
		}
		\WP_CLI::success( sprintf( '%d delivered.', count( $orders ) ) );
	}

	/**
	 * Queues the catalogue with open and recent orders, or all orders since a day.
	 *
	 * ## OPTIONS
	 *
	 * [--since=<date>]
	 * : All orders created since that day, such as 2026-01-31.
	 *
	 * @param string[]              $arguments Not used.
	 * @param array<string, string> $options   The options.
	 */
	public function backfill( array $arguments, array $options ): void {
		$this->need_to_be_ready();
		if ( isset( $options['since'] ) ) {
			$date = date_create_immutable( $options['since'], wp_timezone() );
			if ( ! $date ) {
				\WP_CLI::error( 'That is no date.' );
			}
			$this->backfill->since( $date->getTimestamp() );
		} else {
			$this->backfill->go_live();
		}
		do {
			$queued  = $this->backfill->step();
			$settled = $this->sender->run();
			// With a full queue and a POS that takes nothing, going on would only burn time.
		} while ( ( $queued || $settled ) && $this->backfill->is_running() && ! $this->backfill->is_paused() );
		if ( $this->backfill->is_running() && ! $this->backfill->is_paused() ) {
			\WP_CLI::log( 'Nothing arrives at the POS just now. The rest is queued and sent in the background, as soon as it does. What is wrong: wp pos-sync test' );
		}
		$progress = $this->backfill->progress();
		\WP_CLI::success( sprintf( '%d queued, %d sent; what waits is sent in the background.', $progress['total'], $progress['done'] ) );
	}

	/**
	 * Tells how it goes; fails when something needs you.
	 */
	public function status(): void {
		$progress = $this->backfill->progress();
		\WP_CLI::log( sprintf( 'Sending:       %s', $this->settings->ready() ? 'on, to ' . $this->settings->url() : 'off' ) );
		\WP_CLI::log( sprintf( 'Last delivery: %s', $this->health->last_delivery() ) );
		\WP_CLI::log( sprintf( 'Waiting:       %d', $this->queue->count( Queue::WAITING ) ) );
		\WP_CLI::log( sprintf( 'Failed:        %d', $this->queue->count( Queue::FAILED ) ) );
		if ( '' !== $progress['kind'] && ! $progress['finished'] ) {
			\WP_CLI::log( sprintf( 'History:       %d of %d%s', $progress['done'], $progress['total'], $progress['paused'] ? ', paused' : '' ) );
		}
		$problems = array_filter( array( $this->health->copy(), $this->health->outage(), $this->health->failures() ) );
		if ( $problems ) {
			\WP_CLI::error( implode( "\n", $problems ) );
		}
	}

	/**
	 * Tests the connection with the saved settings.
	 */
	public function test(): void {
		$diagnosis = $this->client->test( $this->settings->url(), $this->settings->api_key() );
		if ( ! $diagnosis->ok ) {
			\WP_CLI::error( $diagnosis->message );
		}
		\WP_CLI::success( $diagnosis->message );
	}

	/**
	 * Stops where nothing may be sent.
	 */
	private function need_to_be_ready(): void {
		if ( ! $this->sender->may_send() ) {
			$problems = array_filter( array( $this->health->copy(), $this->health->outage() ) );
			\WP_CLI::error( $problems ? implode( "\n", $problems ) : 'Sending is off. Switch it on under WooCommerce → POS Sync in the admin area.' );
		}
	}
}
