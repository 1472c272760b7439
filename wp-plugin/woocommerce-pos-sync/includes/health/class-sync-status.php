<?php

namespace POS_Sync\Health;

use POS_Sync\Log\Delivery_Log;
use POS_Sync\Messages\Failure_Messages;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Queue\Queue_Schedule;
use POS_Sync\Settings\Config_Constants;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;
use POS_Sync\Settings\Webhook_Url;

/**
 * Whether orders reach the POS, and why not: for notices, Site Health, e-mails and the command line. It is read from queue and log.
 */
final class Sync_Status {

	private const PATIENCE = HOUR_IN_SECONDS;

	private Settings $settings;
	private Site_Identity $site;
	private Queue_Schedule $schedule;
	private Queue_Reader $reader;
	private Delivery_Log $log;

	public function __construct( Settings $settings, Site_Identity $site, Queue_Schedule $schedule, Queue_Reader $reader, Delivery_Log $log ) {
		$this->settings = $settings;
		$this->site     = $site;
		$this->schedule = $schedule;
		$this->reader   = $reader;
		$this->log      = $log;
	}

	/**
	 * Why nothing was delivered for an hour although something waits, or why nothing can be with the settings as they are;
	 * empty where there is no such reason.
	 */
	public function outage(): string {
		if ( ! $this->settings->is_enabled() || $this->site->is_copy() ) {
			return '';
		}
		if ( ! $this->settings->is_ready() ) {
			$url      = $this->settings->url();
			$problems = array_filter( array( Config_Constants::problem(), Webhook_Url::problem( $url ), $this->settings->keys()->problem( $url ) ) );
			return (string) reset( $problems );
		}
		$now     = time();
		$failure = $this->log->first_retry_after( (int) $this->log->last_success() );
		if ( $failure && (int) $failure['sent_at'] < $now - self::PATIENCE && $this->reader->has_waiting() ) {
			/* translators: 1: how long, such as "2 hours", 2: error message. */
			return sprintf( __( 'Nothing could be delivered to the POS for %1$s: %2$s. Orders are kept and sent as soon as it answers.', 'woocommerce-pos-sync' ), human_time_diff( (int) $failure['sent_at'], $now ), Failure_Messages::describe( (int) $failure['status'], $failure['message'] ) );
		}
		$overdue = $this->schedule->overdue_since();
		if ( null !== $overdue && $overdue < $now - self::PATIENCE ) {
			/* translators: %s: how long, such as "2 hours". */
			return sprintf( __( 'Orders wait for %s to be sent to the POS because the scheduled actions of this site do not run. Please check WP-Cron, and WooCommerce → Status → Scheduled Actions.', 'woocommerce-pos-sync' ), human_time_diff( $overdue, $now ) );
		}
		return '';
	}

	/**
	 * How many deliveries failed for good, and why; empty if none did.
	 */
	public function failures(): string {
		$count = $this->reader->count( Queue_Item::FAILED );
		if ( ! $count ) {
			return '';
		}
		$last = $this->reader->failed( 1 );
		/* translators: 1: number, 2: error message. */
		$text = _n( '%1$d order or product could not be delivered to the POS: %2$s', '%1$d orders or products could not be delivered to the POS. The last error: %2$s', $count, 'woocommerce-pos-sync' );
		return sprintf( $text, $count, $last ? Failure_Messages::describe( $last[0]->status, $last[0]->error ) : '' );
	}

	/**
	 * Why this site sends nothing although it is switched on; empty if it may send.
	 */
	public function copy_warning(): string {
		if ( ! $this->settings->is_enabled() || ! $this->site->is_copy() ) {
			return '';
		}
		/* translators: 1: URL, 2: URL. */
		return sprintf( __( 'Nothing is sent to the POS: this site went live as %1$s and is now %2$s. Is it a copy of the shop, for testing, or has the shop moved here?', 'woocommerce-pos-sync' ), $this->site->confirmed_url(), $this->site->url() );
	}

	/**
	 * When the last delivery was confirmed, as text such as "2 hours ago".
	 */
	public function last_delivery(): string {
		$time = $this->log->last_success();
		if ( ! $time ) {
			return __( 'none yet', 'woocommerce-pos-sync' );
		}
		/* translators: %s: how long, such as "2 hours". */
		return sprintf( __( '%s ago', 'woocommerce-pos-sync' ), human_time_diff( $time ) );
	}
}
