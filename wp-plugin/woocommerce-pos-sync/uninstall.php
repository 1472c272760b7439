<?php
/**
 * Removes everything the plugin stored. The orders themselves hold nothing of it.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

use POS_Sync\Database\Table;

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/includes/autoload.php';

( static function (): void {
	$clean = static function (): void {
		foreach ( array( 'settings', 'api_key', 'live_since', 'home', 'backfill', 'schema', 'reconciled_to', 'loopback_broken_until', 'loopback_arrives', 'live_after', 'saved_at', 'reconcile_position', 'mailed', 'stock_contact' ) as $option ) {
			delete_option( 'pos_sync_' . $option );
		}
		( new Table( Table::QUEUE ) )->query( 'DROP TABLE IF EXISTS {table}', array() );
		( new Table( Table::LOG ) )->query( 'DROP TABLE IF EXISTS {table}', array() );
		( new Table( Table::STOCK ) )->query( 'DROP TABLE IF EXISTS {table}', array() );
		if ( function_exists( 'as_unschedule_all_actions' ) ) {
			as_unschedule_all_actions( '', array(), 'pos-sync' );
		}
	};

	if ( ! is_multisite() ) {
		$clean();
		return;
	}
	foreach ( get_sites(
		array(
			'fields' => 'ids',
			'number' => 0,
		)
	) as $site ) {
		switch_to_blog( (int) $site );
		$clean();
		restore_current_blog();
	}
} )();
