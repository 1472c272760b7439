<?php

namespace POS_Sync\Database;

use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Loopback_Request;
use POS_Sync\Settings\Api_Key_Storage;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;

/**
 * Creates tables and options where they are missing or old. It needs no activation, so a copied folder works.
 */
final class Schema implements Registers_Hooks {

	private const VERSION = '8';
	private const OPTION  = 'pos_sync_schema';

	private Api_Key_Storage $keys;

	public function __construct( Api_Key_Storage $keys ) {
		$this->keys = $keys;
	}

	public function register(): void {
		add_action( 'init', array( $this, 'update' ), 5 );
	}

	/**
	 * Has the next request make what is missing.
	 */
	public static function check_again(): void {
		delete_option( self::OPTION );
	}

	/**
	 * Brings the tables up to date; costs one autoloaded option when they are.
	 */
	public function update(): void {
		if ( self::VERSION === get_option( self::OPTION ) ) {
			return;
		}
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		dbDelta( $this->queue_table() );
		$this->drop_old_index();
		dbDelta( $this->log_table() );
		dbDelta( $this->stock_table() );
		add_option( Loopback_Request::BROKEN_UNTIL, 0 );
		add_option( Loopback_Request::ARRIVES, 0 );
		add_option( Settings::SAVED_AT, 0 );
		add_option( Settings::OPTION, array() ); // There from the start: saving is then always an update.
		wp_set_option_autoload( Site_Identity::OPTION, true ); // Earlier versions did not have it loaded with every page.
		$this->keys->move_stored_key();
		update_option( self::OPTION, self::VERSION );
	}

	/**
	 * The queue as dbDelta wants it.
	 */
	private function queue_table(): string {
		return ( new Table( Table::QUEUE ) )->definition(
			'
			type varchar(10) NOT NULL,
			object_id bigint(20) unsigned NOT NULL,
			state varchar(10) NOT NULL,
			priority tinyint(3) unsigned NOT NULL DEFAULT 0,
			sequence bigint(20) unsigned NOT NULL,
			delivered bigint(20) unsigned NOT NULL DEFAULT 0,
			topic varchar(10) NOT NULL,
			changed_at int(10) unsigned NOT NULL,
			attempts smallint(5) unsigned NOT NULL DEFAULT 0,
			tries int(10) unsigned NOT NULL DEFAULT 0,
			tried_at int(10) unsigned NOT NULL DEFAULT 0,
			next_attempt int(10) unsigned NOT NULL,
			lease_until int(10) unsigned NOT NULL DEFAULT 0,
			status smallint(5) unsigned NOT NULL DEFAULT 0,
			error varchar(255) NOT NULL DEFAULT \'\',
			last_state longtext,
			stock_taken_at bigint(20) unsigned NOT NULL DEFAULT 0,
			fingerprint varchar(32) NOT NULL DEFAULT \'\',
			refunds text,
			PRIMARY KEY  (type,object_id),
			KEY next_one (state,priority,type,next_attempt,object_id),
			KEY claimed (state,lease_until)'
		);
	}

	/**
	 * The log as dbDelta wants it.
	 */
	private function log_table(): string {
		return ( new Table( Table::LOG ) )->definition(
			'
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			sent_at int(10) unsigned NOT NULL,
			type varchar(10) NOT NULL,
			object_id bigint(20) unsigned NOT NULL,
			event varchar(20) NOT NULL,
			delivery_id varchar(40) NOT NULL,
			attempt smallint(5) unsigned NOT NULL,
			result varchar(10) NOT NULL,
			status smallint(5) unsigned NOT NULL,
			milliseconds int(10) unsigned NOT NULL,
			outcome varchar(20) NOT NULL,
			message varchar(255) NOT NULL,
			request mediumtext,
			answer text,
			PRIMARY KEY  (id),
			KEY object (type,object_id),
			KEY result (result,sent_at),
			KEY event (event,sent_at),
			KEY sent_at (sent_at)'
		);
	}

	/**
	 * The movements of stock that the POS sent, as dbDelta wants it. Its rows change in one step with the stock itself, which
	 * only InnoDB can. Its ids are bytes: with a column of another character set, WordPress would take nothing but ASCII for the
	 * whole table, so no SKU with an umlaut.
	 */
	private function stock_table(): string {
		return ( new Table( Table::STOCK ) )->definition(
			'
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			movement varbinary(64) NOT NULL,
			product_id bigint(20) unsigned NOT NULL,
			variation_id bigint(20) unsigned NOT NULL DEFAULT 0,
			sku varchar(255) NOT NULL DEFAULT \'\',
			delta decimal(18,6) NOT NULL,
			reason varchar(40) NOT NULL DEFAULT \'\',
			state varchar(10) NOT NULL,
			attempts smallint(5) unsigned NOT NULL DEFAULT 0,
			notified tinyint(3) unsigned NOT NULL DEFAULT 0,
			outcome varchar(20) NOT NULL DEFAULT \'\',
			quantity decimal(24,6) DEFAULT NULL,
			message varchar(255) NOT NULL DEFAULT \'\',
			received_at int(10) unsigned NOT NULL,
			done_at int(10) unsigned NOT NULL DEFAULT 0,
			PRIMARY KEY  (id),
			UNIQUE KEY movement (movement),
			KEY outcome (outcome,received_at),
			KEY sku (sku(100)),
			KEY received_at (received_at),
			KEY done (state,done_at)',
			'InnoDB'
		);
	}

	/**
	 * Removes an index of earlier versions, which the database would otherwise prefer to the new ones.
	 */
	private function drop_old_index(): void {
		$queue = new Table( Table::QUEUE );
		if ( $queue->rows( "SHOW INDEX FROM {table} WHERE Key_name = 'due'", array() ) ) {
			$queue->query( 'ALTER TABLE {table} DROP KEY due', array() );
		}
	}
}
