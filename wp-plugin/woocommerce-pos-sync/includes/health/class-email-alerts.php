<?php

namespace POS_Sync\Health;

use POS_Sync\Database\Table;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Screens\Admin_Page;
use POS_Sync\Settings\Settings;

/**
 * Writes to the shop's address when orders can't be delivered, or stock of the POS not be applied: once a day at most for each cause.
 */
final class Email_Alerts {

	/**
	 * When there was an e-mail last, by cause.
	 */
	private const OPTION = 'pos_sync_mailed';

	private const FAILED = 'failed';
	private const OUTAGE = 'outage';
	private const STOCK  = 'stock';

	private Settings $settings;
	private Sync_Status $status;
	private Queue_Reader $reader;
	private Stock_Status $stock;

	public function __construct( Settings $settings, Sync_Status $status, Queue_Reader $reader, Stock_Status $stock ) {
		$this->settings = $settings;
		$this->status   = $status;
		$this->reader   = $reader;
		$this->stock    = $stock;
	}

	/**
	 * Looks whether something is wrong, and writes if so. What failed for good is not repeated the next day, unless more failed.
	 */
	public function check(): void {
		if ( ! $this->settings->alerts() ) {
			return;
		}
		$failed = $this->reader->failed( 1 );
		if ( $failed && $failed[0]->tried_at > $this->last_mailed_at( self::FAILED ) && $this->is_mail_due( self::FAILED ) ) {
			$this->send_mail( self::FAILED );
		}
		if ( '' !== $this->status->outage() && $this->is_mail_due( self::OUTAGE ) ) {
			$this->send_mail( self::OUTAGE );
		}
		$refused = $this->stock->last_refused() > $this->last_mailed_at( self::STOCK );
		if ( ( $refused || '' !== $this->stock->table_problem() ) && $this->is_mail_due( self::STOCK ) ) {
			$this->send_mail( self::STOCK );
		}
	}

	/**
	 * Unix time of the last e-mail for a cause; 0 if there was none.
	 *
	 * @param string $cause FAILED, OUTAGE or STOCK.
	 */
	private function last_mailed_at( string $cause ): int {
		$mailed = get_option( self::OPTION );
		$time   = is_array( $mailed ) ? ( $mailed[ $cause ] ?? 0 ) : 0;
		return is_numeric( $time ) ? (int) $time : 0;
	}

	/**
	 * Whether the last e-mail for a cause is a day ago.
	 *
	 * @param string $cause FAILED, OUTAGE or STOCK.
	 */
	private function is_mail_due( string $cause ): bool {
		return $this->last_mailed_at( $cause ) < time() - DAY_IN_SECONDS;
	}

	/**
	 * Sends an e-mail, in the site's language rather than that of the request.
	 *
	 * @param string $cause FAILED, OUTAGE or STOCK.
	 */
	private function send_mail( string $cause ): void {
		if ( ! $this->claim_mail( $cause ) ) {
			return;
		}
		$switched = switch_to_locale( self::site_locale() );
		$texts    = $this->texts( $cause );
		$lines    = array(
			$texts['what'],
			$texts['advice'],
			$texts['link'],
			__( 'You get this e-mail once a day at most. It can be switched off in the settings of POS Sync.', 'woocommerce-pos-sync' ),
		);
		wp_mail( $this->settings->alert_email(), $texts['subject'], implode( "\n\n", $lines ) . "\n" );
		if ( $switched ) {
			restore_previous_locale();
		}
	}

	/**
	 * Notes that there is an e-mail now. Of several processes that look at the same time only one may write: the one that
	 * changes the note from what it has read.
	 *
	 * @param string $cause FAILED, OUTAGE or STOCK.
	 * @return bool Whether it is this one.
	 */
	private function claim_mail( string $cause ): bool {
		$table = new Table( 'options' );
		// Not add_option(), which sets one back that another process has just made.
		$table->query( "INSERT IGNORE INTO {table} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", array( self::OPTION, self::serialized( array() ) ) );
		$read = get_option( self::OPTION );
		$read = is_array( $read ) ? $read : array();
		$note = array_merge( $read, array( $cause => time() ) );
		$rows = $table->query(
			'UPDATE {table} SET option_value = %s WHERE option_name = %s AND option_value = %s',
			array( self::serialized( $note ), self::OPTION, self::serialized( $read ) )
		);
		wp_cache_delete( self::OPTION, 'options' );
		wp_cache_delete( 'notoptions', 'options' );
		return $rows > 0;
	}

	/**
	 * A value as WordPress stores it in an option.
	 *
	 * @param mixed $value The value.
	 */
	private static function serialized( $value ): string {
		$stored = maybe_serialize( $value );
		return is_scalar( $stored ) ? (string) $stored : '';
	}

	/**
	 * The site's language, as it is set; get_locale() is asked by plugins for several languages for that of the request.
	 */
	private static function site_locale(): string {
		$locale = get_option( 'WPLANG' );
		if ( is_multisite() && ! is_string( $locale ) ) {
			$locale = get_site_option( 'WPLANG' );
		}
		return is_string( $locale ) && '' !== $locale ? $locale : 'en_US';
	}

	/**
	 * What is written for a cause.
	 *
	 * @param string $cause FAILED, OUTAGE or STOCK.
	 * @return array{subject: string, what: string, advice: string, link: string}
	 */
	private function texts( string $cause ): array {
		/* translators: %s: URL. */
		$deliveries = array( 'link' => sprintf( __( 'Deliveries: %s', 'woocommerce-pos-sync' ), Admin_Page::log_url() ) );
		switch ( $cause ) {
			case self::FAILED:
				return $this->failed_texts() + $deliveries;
			case self::OUTAGE:
				return $this->outage_texts() + $deliveries;
		}
		return $this->stock_texts();
	}

	/**
	 * What is written when stock of the POS could not be applied.
	 *
	 * @return array{subject: string, what: string, advice: string, link: string}
	 */
	private function stock_texts(): array {
		return array(
			/* translators: %s: name of the shop. */
			'subject' => sprintf( __( '[%s] Stock from the POS could not be applied', 'woocommerce-pos-sync' ), $this->shop() ),
			'what'    => implode( "\n\n", array_filter( array( $this->stock->table_problem(), $this->stock->refusals() ) ) ),
			'advice'  => __( 'Until this is put right, the shop may sell what is gone, or not sell what is there.', 'woocommerce-pos-sync' ),
			/* translators: %s: URL. */
			'link'    => sprintf( __( 'Stock from the POS: %s', 'woocommerce-pos-sync' ), Admin_Page::stock_url() ),
		);
	}

	/**
	 * What is written when orders failed for good.
	 *
	 * @return array{subject: string, what: string, advice: string}
	 */
	private function failed_texts(): array {
		return array(
			/* translators: %s: name of the shop. */
			'subject' => sprintf( __( '[%s] Orders could not be delivered to the POS', 'woocommerce-pos-sync' ), $this->shop() ),
			'what'    => $this->status->failures(),
			'advice'  => __( 'The POS refused them. The page “Deliveries” shows which ones, and why. When the cause is removed, press “Resend all failed” in the notice there. Until then these orders are missing in the POS.', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What is written when nothing gets through.
	 *
	 * @return array{subject: string, what: string, advice: string}
	 */
	private function outage_texts(): array {
		return array(
			/* translators: %s: name of the shop. */
			'subject' => sprintf( __( '[%s] Orders are not reaching the POS', 'woocommerce-pos-sync' ), $this->shop() ),
			'what'    => $this->status->outage(),
			'advice'  => __( 'Is the POS switched on and connected to the internet? In the settings of POS Sync, “Test connection” says what is wrong. You need not send anything again yourself.', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * The shop's name as people read it.
	 */
	private function shop(): string {
		return wp_specialchars_decode( (string) get_bloginfo( 'name' ), ENT_QUOTES );
	}
}
