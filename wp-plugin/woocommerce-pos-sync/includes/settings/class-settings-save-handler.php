<?php

namespace POS_Sync\Settings;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Jobs\Scheduler;
use POS_Sync\Payload\Shop_Query;
use POS_Sync\Queue\Queue;
use POS_Sync\Registers_Hooks;

/**
 * Does what follows when settings that allow sending are saved: goes live the first time, and each time makes due what waits.
 */
final class Settings_Save_Handler implements Registers_Hooks {

	private Settings $settings;
	private Site_Identity $site;
	private Backfill $backfill;
	private Scheduler $scheduler;
	private Queue $queue;
	private Shop_Query $shop;

	public function __construct( Settings $settings, Site_Identity $site, Backfill $backfill, Scheduler $scheduler, Queue $queue, Shop_Query $shop ) {
		$this->settings  = $settings;
		$this->site      = $site;
		$this->backfill  = $backfill;
		$this->scheduler = $scheduler;
		$this->queue     = $queue;
		$this->shop      = $shop;
	}

	public function register(): void {
		add_filter( 'pre_update_option_' . Settings::OPTION, array( $this, 'settings_unchanged' ), 30, 2 ); // When the key is out of them.
		add_action( 'add_option_' . Settings::OPTION, array( $this, 'settings_saved' ) );
		add_action( 'update_option_' . Settings::OPTION, array( $this, 'settings_saved' ) );
	}

	/**
	 * The settings were saved. Orders from before this moment count as contained in the stock the POS starts with.
	 */
	public function settings_saved(): void {
		if ( ! $this->settings->is_ready() ) {
			return;
		}
		if ( '' === $this->site->confirmed_url() ) {
			$this->site->confirm();
		}
		if ( ! $this->settings->live_since() ) {
			$live_after = array(
				'order'     => $this->shop->last_order_id(),
				'catalogue' => $this->settings->send_first(),
			);
			update_option( Settings::LIVE_AFTER, $live_after, false );
			update_option( Settings::LIVE_SINCE, time() );
			if ( $this->settings->send_first() ) {
				$this->backfill->go_live();
			}
		}
		update_option( Settings::SAVED_AT, time() );
		// Changes may wait from before it was switched off, or because key or address were wrong; others no hook saw.
		$this->queue->make_all_due( time() );
		$this->scheduler->run_soon( Scheduler::MAINTAIN );
		$this->scheduler->run_soon( Scheduler::SEND );
	}

	/**
	 * Saving settings that did not change sends what waits, too: the key may have been corrected in the POS.
	 *
	 * @param mixed $value The settings as they will be stored.
	 * @param mixed $old   As they are stored.
	 * @return mixed
	 */
	public function settings_unchanged( $value, $old ) {
		if ( $value === $old ) {
			$this->settings_saved();
		}
		return $value;
	}
}
