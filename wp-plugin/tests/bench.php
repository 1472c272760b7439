<?php
/**
 * Lets every request of the benchmark choose its shop by a header, so that kinds of shops take turns request by request.
 *
 * @package POS_Sync
 */

$pos_sync_bench = sanitize_key( wp_unslash( $_SERVER['HTTP_X_BENCH'] ?? '' ) );

if ( isset( $_GET['wc-api'] ) ) { // phpcs:ignore WordPress.Security.NonceVerification -- the plugin's request of the site to itself has no header.
	$pos_sync_bench = 'plugin';
}
if ( 'plugin' !== substr( $pos_sync_bench, 0, 6 ) ) {
	add_filter(
		'option_active_plugins',
		static function ( array $plugins ): array {
			return array_values( array_diff( $plugins, array( 'woocommerce-pos-sync/woocommerce-pos-sync.php' ) ) );
		}
	);
}
if ( 'webhooks' !== $pos_sync_bench ) {
	add_filter( 'woocommerce_load_webhooks_limit', '__return_zero' );
}
if ( 'plugin-down' === $pos_sync_bench ) {
	add_filter(
		'option_pos_sync_settings',
		static function ( array $settings ): array {
			return array_merge( $settings, array( 'url' => 'http://127.0.0.1:9/api/webhooks/orders' ) );
		}
	);
}
if ( 'reset' === $pos_sync_bench ) {
	// As if the scheduler had come round since: the next checkout has to wake it, which is the dearest case.
	add_action(
		'init',
		static function (): void {
			global $wpdb;
			$wpdb->query( "DELETE FROM {$wpdb->prefix}pos_sync_log WHERE result = 'retry'" ); // That the POS was down for another kind of shop.
			$wpdb->query( "UPDATE {$wpdb->prefix}actionscheduler_actions SET status = 'complete' WHERE status = 'pending' AND hook IN ('pos_sync_send', 'woocommerce_deliver_webhook_async')" );
			exit;
		}
	);
}
if ( isset( $_SERVER['CONTENT_TYPE'] ) && false !== strpos( esc_url_raw( wp_unslash( $_SERVER['REQUEST_URI'] ?? '' ) ), '/checkout' ) ) {
	// How busy the machine is with other things does not change these: processor time and statements of the request.
	$pos_sync_time = static function (): float {
		$usage = getrusage();
		return ( $usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'] ) * 1000 + ( $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'] ) / 1000;
	};
	$pos_sync_from = $pos_sync_time();
	$pos_sync_note = static function () use ( $pos_sync_bench, $pos_sync_time, $pos_sync_from ): void {
		file_put_contents( WP_CONTENT_DIR . '/bench.log', sprintf( "%s %.2f %d\n", $pos_sync_bench, $pos_sync_time() - $pos_sync_from, $GLOBALS['wpdb']->num_queries ), FILE_APPEND );
	};
	if ( function_exists( 'fastcgi_finish_request' ) ) {
		add_action( 'shutdown', $pos_sync_note, PHP_INT_MAX - 1 ); // What comes after the answer is not the visitor's.
	} else {
		register_shutdown_function( $pos_sync_note );
	}
}
