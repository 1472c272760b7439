<?php
/**
 * The plugin's tables.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Creates the tables where they are missing or old. It needs no activation, so a copied folder works.
 */
final class Schema {

	private const VERSION = '5';
	private const OPTION  = 'pos_sync_schema';

	/**
	 * The queue, which knows its table.
	 *
	 * @var Queue
	 */
	private $queue;

	/**
	 * The log, which knows its table.
	 *
	 * @var Log
	 */
	private $log;

	/**
	 * Takes what owns a table.
	 *
	 * @param Queue $queue The queue.
	 * @param Log   $log   The log.
	 */
	public function __construct( Queue $queue, Log $log ) {
		$this->queue = $queue;
		$this->log   = $log;
	}

	/**
	 * Registers the check.
	 */
	public function register(): void {
		add_action( 'init', array( $this, 'update' ), 5 );
	}

	/**
	 * Brings the tables up to date; costs one autoloaded option when they are.
	 */
	public function update(): void {
		if ( self::VERSION === get_option( self::OPTION ) ) {
			return;
		}
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		dbDelta( $this->queue->table_definition() );
		dbDelta( $this->log->table_definition() );
		add_option( Loopback::BROKEN_UNTIL, 0 );
		add_option( Settings::SAVED_AT, 0 );
		update_option( self::OPTION, self::VERSION );
	}
}
