<?php
/**
 * What tests do about sending: jobs, queue, log, e-mails. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

/**
 * Runs the scheduler as WP-Cron does, until the plugin has no job that is due.
 */
function run_jobs( array $input ): array {
	$runs = 0;
	do {
		\ActionScheduler_QueueRunner::instance()->run( 'WP Cron' );
		$due = as_get_scheduled_actions(
			array(
				'group'        => 'pos-sync',
				'status'       => 'pending',
				'date'         => gmdate( 'Y-m-d H:i:s' ),
				'date_compare' => '<=',
				'per_page'     => 1,
			),
			'ids'
		);
	} while ( $due && ++$runs < ( $input['runs'] ?? 20 ) );
	return queue( array() );
}

/**
 * One run of the scheduler: the seconds that it took, and how many orders it sent.
 */
function run_once( array $input ): array {
	$sent    = static fn(): int => (int) ( queue( array() )['states']['sent']->n ?? 0 );
	$before  = $sent();
	$started = microtime( true );
	\ActionScheduler_QueueRunner::instance()->run( 'WP Cron' );
	return array(
		'seconds' => microtime( true ) - $started,
		'sent'    => $sent() - $before,
	);
}

/**
 * Pretends that time has passed: whatever waits is due, leases have run out, the plugin's and the scheduler's.
 */
function hasten( array $input ): array {
	global $wpdb;
	add_filter( 'action_scheduler_timeout_period', '__return_zero' );
	add_filter( 'action_scheduler_failure_period', '__return_zero' );
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_queue SET next_attempt = 1, lease_until = 0 WHERE state = 'waiting'" );
	( new \POS_Sync\Jobs\Scheduler() )->run_soon( \POS_Sync\Jobs\Scheduler::SEND );
	return run_jobs( $input );
}

/**
 * The queue by state, and the rows that are not sent.
 */
function queue( array $input ): array {
	global $wpdb;
	return array(
		'states' => $wpdb->get_results( "SELECT state, COUNT(*) AS n FROM {$wpdb->prefix}pos_sync_queue GROUP BY state", OBJECT_K ),
		'rows'   => $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pos_sync_queue WHERE state <> 'sent'" . ( empty( $input['all'] ) ? '' : ' OR 1' ) . ' ORDER BY type, object_id LIMIT 200' ),
		'log'    => $wpdb->get_results( "SELECT type, object_id, event, attempt, result, status, outcome, message FROM {$wpdb->prefix}pos_sync_log ORDER BY id DESC LIMIT 50" ),
	);
}

/**
 * Everything that the log keeps, requests and answers among it.
 */
function log_texts( array $input ): array {
	global $wpdb;
	$log = new \POS_Sync\Log\Delivery_Log( new \POS_Sync\Settings\Settings() );
	return array_map( array( $log, 'find' ), array_map( 'intval', $wpdb->get_col( "SELECT id FROM {$wpdb->prefix}pos_sync_log" ) ) );
}

/**
 * Runs a round of maintenance.
 */
function maintain( array $input ): array {
	do_action( \POS_Sync\Jobs\Scheduler::MAINTAIN );
	return run_jobs( $input );
}

/**
 * What the button "Resend all failed" does.
 */
function resend_failed( array $input ): array {
	( new \POS_Sync\Queue\Queue() )->resend_failed( time() );
	( new \POS_Sync\Jobs\Scheduler() )->run_soon( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * The backfill with what it needs.
 */
function backfill(): \POS_Sync\Backfill\Backfill {
	return new \POS_Sync\Backfill\Backfill( new \POS_Sync\Queue\Queue(), new \POS_Sync\Queue\Queue_Reader(), new \POS_Sync\Jobs\Scheduler() );
}

/**
 * The status of sending with what it needs.
 */
function sync_status( \POS_Sync\Settings\Settings $settings ): \POS_Sync\Health\Sync_Status {
	return new \POS_Sync\Health\Sync_Status( $settings, new \POS_Sync\Settings\Site_Identity(), new \POS_Sync\Queue\Queue_Schedule(), new \POS_Sync\Queue\Queue_Reader(), new \POS_Sync\Log\Delivery_Log( $settings ) );
}

/**
 * What the button "Send orders" does.
 */
function backfill_since( array $input ): array {
	backfill()->since( time() - $input['days'] * DAY_IN_SECONDS );
	return array();
}

/**
 * WooCommerce's own webhooks for orders, as a shop without the plugin would set them up.
 */
function add_webhooks( array $input ): array {
	foreach ( array( 'order.created', 'order.updated' ) as $topic ) {
		$webhook = new \WC_Webhook();
		$webhook->set_props(
			array(
				'name'         => $topic,
				'topic'        => $topic,
				'delivery_url' => $input['url'],
				'secret'       => 'secret',
				'status'       => 'active',
				'user_id'      => 1,
			)
		);
		$webhook->save();
	}
	return array();
}

/**
 * Sends as the job does, without the scheduler, which lets only one run at a time.
 */
function send_now( array $input ): array {
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * Changes the status of an order; returns the plugin's statements until the answer would have gone out.
 */
function statements_of_a_change( array $input ): array {
	$statements = array();
	add_filter(
		'query',
		static function ( string $sql ) use ( &$statements ): string {
			if ( preg_match( '/pos.sync/', $sql ) && ! str_contains( $sql, 'test_mails' ) ) { // E-mails name the plugin, too.
				$statements[] = $sql;
			}
			return $sql;
		}
	);
	add_action(
		'shutdown',
		static function () use ( &$statements ): void {
			echo wp_json_encode( $statements ), "\n";
		},
		PHP_INT_MAX - 2
	);
	return status( $input );
}

/**
 * Another process changes an order that this one has read already; then this one sends.
 */
function send_with_stale_caches( array $input ): array {
	wc_get_order( $input['id'] )->get_items();
	exec( implode( ' ', array_map( 'escapeshellarg', array( PHP_BINARY, dirname( __DIR__ ) . '/act.php', rtrim( ABSPATH, '/' ), 'status', (string) wp_json_encode( $input ) ) ) ) );
	return send_now( $input );
}

/**
 * Makes the log two hours older.
 */
function age_log( array $input ): array {
	global $wpdb;
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_log SET sent_at = sent_at - 7200" );
	return array();
}

/**
 * Pretends that what waits was tried for three days.
 */
function fail_all_waiting( array $input ): array {
	global $wpdb;
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_queue SET state = 'failed', attempts = 99, next_attempt = 0 WHERE state = 'waiting'" );
	return array();
}

/**
 * Movements of stock as if the POS had sent them days ago; replaces those that are there. Each has "days", and may have any column.
 */
function set_movements( array $input ): array {
	global $wpdb;
	$wpdb->query( "TRUNCATE {$wpdb->prefix}pos_sync_stock" );
	foreach ( $input['movements'] as $number => $movement ) {
		$time = time() - $movement['days'] * DAY_IN_SECONDS;
		unset( $movement['days'] );
		$wpdb->insert(
			"{$wpdb->prefix}pos_sync_stock",
			$movement + array(
				'movement'    => "m$number",
				'product_id'  => 999999,
				'sku'         => 'SKU-1',
				'delta'       => '-1',
				'state'       => 'done',
				'outcome'     => 'applied',
				'received_at' => $time,
				'done_at'     => $time,
			)
		);
	}
	return movements( array() );
}

/**
 * The movements of stock that are there.
 */
function movements( array $input ): array {
	global $wpdb;
	return array( 'movements' => $wpdb->get_col( "SELECT movement FROM {$wpdb->prefix}pos_sync_stock ORDER BY id" ) );
}

/**
 * The e-mails that were sent.
 */
function mails( array $input ): array {
	return array( 'mails' => (array) get_option( 'test_mails', array() ) );
}

/**
 * As if no e-mail had been sent today.
 */
function clear_mails( array $input ): array {
	delete_option( 'pos_sync_mailed' );
	return array();
}

/**
 * Signs a request of the site to itself.
 */
function wake_up( array $input ): array {
	$expires = time() + 60;
	return array(
		'expires'   => $expires,
		'signature' => \POS_Sync\Sending\Loopback_Request::sign( $expires, wp_salt( 'nonce' ) ),
	);
}

/**
 * Runs the sender while the database takes no changes of the queue; returns how many seconds it went on.
 */
function send_while_read_only( array $input ): array {
	add_filter(
		'query',
		static function ( string $sql ): string {
			return preg_match( '/^\s*UPDATE \S+pos_sync_queue SET .*lease_until/s', $sql ) ? 'SELECT 1 FROM DUAL WHERE 1 = 0' : $sql;
		}
	);
	$started = microtime( true );
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array( 'seconds' => microtime( true ) - $started );
}

/**
 * Runs the sender beside a plugin that ends the process whenever one order is read.
 */
function send_and_die_at( array $input ): array {
	add_filter(
		'woocommerce_rest_prepare_shop_order_object',
		static function ( $response, $order ) use ( $input ) {
			if ( $input['id'] === $order->get_id() ) {
				exit( 1 );
			}
			return $response;
		},
		10,
		2
	);
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * Lets time pass for the queue.
 */
function let_pass( array $input ): array {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"UPDATE {$wpdb->prefix}pos_sync_queue SET next_attempt = GREATEST(next_attempt, %d) - %d, lease_until = GREATEST(lease_until, %d) - %d, attempts = attempts + %d WHERE state = 'waiting'",
			$input['seconds'],
			$input['seconds'],
			$input['seconds'],
			$input['seconds'],
			$input['attempts'] ?? 0
		)
	);
	return array();
}

/**
 * Looks for changes beside a plugin that fails at one product.
 */
function maintain_beside_a_broken_plugin( array $input ): array {
	add_filter(
		'woocommerce_product_get_tax_class',
		static function ( $value, $product ) use ( $input ) {
			if ( $input['id'] === $product->get_id() ) {
				throw new \TypeError( 'A fault of another plugin.' );
			}
			return $value;
		},
		10,
		2
	);
	return maintain( $input );
}

/**
 * All rows of the plugin's tables, as texts.
 */
function tables( array $input ): array {
	global $wpdb;
	return array(
		'queue' => $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pos_sync_queue" ),
		'log'   => log_texts( array() ),
	);
}

/**
 * Looks whether an e-mail is to be sent, in a request of a user with another language.
 */
function check_alarm( array $input ): array {
	if ( isset( $input['locale'] ) && determine_locale() !== $input['locale'] ) {
		switch_to_locale( $input['locale'] );
	}
	$settings = new \POS_Sync\Settings\Settings();
	$status   = sync_status( $settings );
	$log      = new \POS_Sync\Stock\Stock_Log();
	$stock    = new \POS_Sync\Health\Stock_Status( $log, new \POS_Sync\Stock\Stock_History(), new \POS_Sync\Stock\Stock_Contact(), new \POS_Sync\Stock\Stock_Tables( new \POS_Sync\Stock\Stock_Movements( $log ) ) );
	$alarms   = array_map( static fn() => new \POS_Sync\Health\Email_Alerts( $settings, $status, new \POS_Sync\Queue\Queue_Reader(), $stock ), range( 1, $input['at_once'] ?? 1 ) );
	if ( isset( $input['at_once'] ) ) {
		// All have read that there was no e-mail today, as processes do that look at the same time.
		update_option( 'pos_sync_mailed', array( 'before' => 0 ), false );
		foreach ( $alarms as $alarm ) {
			wp_cache_set( 'pos_sync_mailed', array( 'before' => 0 ), 'options' );
			$alarm->check();
		}
	} else {
		$alarms[0]->check();
	}
	return array(
		'locale' => determine_locale(),
		'sent'   => \POS_Sync\Messages\Labels::results()['sent'],
	);
}

/**
 * Ends the sending of history, and removes those products.
 */
function end_backfill( array $input ): array {
	global $wpdb;
	delete_option( 'pos_sync_backfill' );
	$wpdb->query( "DELETE q FROM {$wpdb->prefix}pos_sync_queue q JOIN $wpdb->posts p ON p.ID = q.object_id WHERE q.type = 'product' AND p.post_name LIKE 'many-%'" );
	$wpdb->query( "DELETE m FROM $wpdb->postmeta m JOIN $wpdb->posts p ON p.ID = m.post_id WHERE p.post_name LIKE 'many-%'" );
	$wpdb->query( "DELETE FROM $wpdb->posts WHERE post_name LIKE 'many-%'" );
	return array();
}
