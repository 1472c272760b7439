<?php
/**
 * The plugin's tables.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Creates tables and options where they are missing or old. It needs no activation, so a copied folder works.
 */
final class Schema {

	private const VERSION = '6';
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
	 * The settings, which know where their key belongs.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * Takes what owns a table or option.
	 *
	 * @param Queue    $queue    The queue.
	 * @param Log      $log      The log.
	 * @param Settings $settings The settings.
	 */
	public function __construct( Queue $queue, Log $log, Settings $settings ) {
		$this->queue    = $queue;
		$this->log      = $log;
		$this->settings = $settings;
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
		$this->queue->drop_old_index();
		dbDelta( $this->log->table_definition() );
		add_option( Loopback::BROKEN_UNTIL, 0 );
		add_option( Settings::SAVED_AT, 0 );
		add_option( Settings::OPTION, array() ); // There from the start: saving is then always an update.
		$this->settings->move_stored_key();
		update_option( self::OPTION, self::VERSION );
	}
}
