<?php

namespace POS_Sync\Cli;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Health\Stock_Status;
use POS_Sync\Health\Sync_Status;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Pos_Client;
use POS_Sync\Sending\Pos_Response;
use POS_Sync\Sending\Queue_Runner;
use POS_Sync\Sending\Sender;
use POS_Sync\Settings\Settings;

/**
 * Sends orders to the POS and shows the status.
 */
final class Cli_Command implements Registers_Hooks {

	private Settings $settings;
	private Queue_Reader $reader;
	private Pos_Client $client;
	private Sender $sender;
	private Queue_Runner $runner;
	private Backfill $backfill;
	private Sync_Status $status;
	private Stock_Status $stock;

	public function __construct( Settings $settings, Queue_Reader $reader, Pos_Client $client, Sender $sender, Queue_Runner $runner, Backfill $backfill, Sync_Status $status, Stock_Status $stock ) {
		$this->settings = $settings;
		$this->reader   = $reader;
		$this->client   = $client;
		$this->sender   = $sender;
		$this->runner   = $runner;
		$this->backfill = $backfill;
		$this->status   = $status;
		$this->stock    = $stock;
	}

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
		$this->require_ready();
		if ( ! $orders ) {
			$this->runner->run();
			$this->status();
			return;
		}
		$failed = 0;
		foreach ( array_map( 'intval', $orders ) as $id ) {
			if ( ! $this->sender->resend( Queue_Item::ORDER, array( $id ) ) ) {
				\WP_CLI::log( "$id: no such order." );
				++$failed;
				continue;
			}
			$result = $this->sender->send( Queue_Item::ORDER, $id );
			$item   = $this->reader->find( Queue_Item::ORDER, $id );
			\WP_CLI::log( trim( sprintf( '%d: %s. %s', $id, '' === $result ? 'not sent (its status is not chosen, another plugin holds it back, or it is being sent)' : $result, $item ? $item->error : '' ) ) );
			$failed += Pos_Response::SENT === $result ? 0 : 1;
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
		$this->require_ready();
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
			$settled = $this->runner->run();
			// With a full queue and a POS that takes nothing, going on would only burn time.
		} while ( ( $queued || $settled ) && $this->backfill->is_running() && ! $this->backfill->is_paused() );
		if ( $this->backfill->is_running() && ! $this->backfill->is_paused() ) {
			\WP_CLI::log( 'Nothing arrives at the POS just now. The rest is queued and sent in the background, as soon as it does. What is wrong: wp pos-sync test' );
		}
		$progress = $this->backfill->progress();
		\WP_CLI::success( sprintf( '%d queued, %d sent; what waits is sent in the background.', $progress['total'], $progress['done'] ) );
	}

	/**
	 * Shows what waits and what failed; fails when something needs you.
	 */
	public function status(): void {
		$progress = $this->backfill->progress();
		\WP_CLI::log( sprintf( 'Sending:       %s', $this->settings->is_ready() ? 'on, to ' . $this->settings->url() : 'off' ) );
		\WP_CLI::log( sprintf( 'Last delivery: %s', $this->status->last_delivery() ) );
		\WP_CLI::log( sprintf( 'Waiting:       %d', $this->reader->count( Queue_Item::WAITING ) ) );
		\WP_CLI::log( sprintf( 'Failed:        %d', $this->reader->count( Queue_Item::FAILED ) ) );
		if ( '' !== $progress['kind'] && ! $progress['finished'] ) {
			\WP_CLI::log( sprintf( 'History:       %d of %d%s', $progress['done'], $progress['total'], $progress['paused'] ? ', paused' : '' ) );
		}
		$this->log_stock();
		$problems = array_filter( array_merge( array( $this->status->copy_warning(), $this->status->outage(), $this->status->failures() ), $this->stock->obstacles(), array( $this->stock->refusals() ) ) );
		if ( $problems ) {
			\WP_CLI::error( implode( "\n", $problems ) );
		}
	}

	/**
	 * Shows what came of the stock of the POS.
	 */
	private function log_stock(): void {
		$values = array_column( $this->stock->figures(), 'value' );
		\WP_CLI::log( 'Stock:         ' . ( $this->stock->is_used() ? vsprintf( 'last received %s; %s applied today, %s in 7 days, %s not applied', $values ) : 'none received from the POS' ) );
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
	private function require_ready(): void {
		if ( ! $this->sender->may_send() ) {
			$problems = array_filter( array( $this->status->copy_warning(), $this->status->outage() ) );
			\WP_CLI::error( $problems ? implode( "\n", $problems ) : 'Sending is off. Switch it on under WooCommerce → POS Sync in the admin area.' );
		}
	}
}
