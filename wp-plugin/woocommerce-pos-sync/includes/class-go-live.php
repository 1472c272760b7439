<?php
/**
 * Switching on.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Does what follows when the settings say for the first time that orders are to be sent.
 */
final class Go_Live {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The site.
	 *
	 * @var Site
	 */
	private $site;

	/**
	 * The history.
	 *
	 * @var Backfill
	 */
	private $backfill;

	/**
	 * The scheduler.
	 *
	 * @var Scheduler
	 */
	private $scheduler;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings  $settings  The settings.
	 * @param Site      $site      The site.
	 * @param Backfill  $backfill  The history.
	 * @param Scheduler $scheduler The scheduler.
	 */
	public function __construct( Settings $settings, Site $site, Backfill $backfill, Scheduler $scheduler ) {
		$this->settings  = $settings;
		$this->site      = $site;
		$this->backfill  = $backfill;
		$this->scheduler = $scheduler;
	}

	/**
	 * Registers the hooks, before and after the settings exist for the first time.
	 */
	public function register(): void {
		add_action( 'add_option_' . Settings::OPTION, array( $this, 'settings_saved' ) );
		add_action( 'update_option_' . Settings::OPTION, array( $this, 'settings_saved' ) );
	}

	/**
	 * The settings were saved. Orders from before this moment count as contained in the stock the POS starts with.
	 */
	public function settings_saved(): void {
		if ( ! $this->settings->ready() ) {
			return;
		}
		if ( '' === $this->site->confirmed_url() ) {
			$this->site->confirm();
		}
		if ( ! $this->settings->live_since() ) {
			update_option( Settings::LIVE_SINCE, time() );
			if ( $this->settings->send_first() ) {
				$this->backfill->go_live();
			}
		}
		$this->scheduler->soon( Scheduler::SEND ); // Changes may wait from before it was switched off.
	}
}
