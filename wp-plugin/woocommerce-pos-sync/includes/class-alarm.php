<?php
/**
 * E-mails when something is wrong.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Writes to the shop's address when orders can't be delivered: once a day at most for each cause.
 */
final class Alarm {

	/**
	 * When there was an e-mail last, by cause.
	 */
	private const OPTION = 'pos_sync_mailed';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * How it goes.
	 *
	 * @var Health
	 */
	private $health;

	/**
	 * The queue.
	 *
	 * @var Queue
	 */
	private $queue;

	/**
	 * Takes what it works with.
	 *
	 * @param Settings $settings The settings.
	 * @param Health   $health   How it goes.
	 * @param Queue    $queue    The queue.
	 */
	public function __construct( Settings $settings, Health $health, Queue $queue ) {
		$this->settings = $settings;
		$this->health   = $health;
		$this->queue    = $queue;
	}

	/**
	 * Looks whether something is wrong, and writes if so. What failed for good is not repeated the next day, unless more failed.
	 */
	public function check(): void {
		if ( ! $this->settings->alerts() ) {
			return;
		}
		$failed = $this->queue->failed( 1 );
		if ( $failed && $failed[0]->tried_at > $this->mailed( 'failed' ) && $this->may_mail( 'failed' ) ) {
			$advice = __( 'The POS refused them. The page “Deliveries” shows which ones, and why. When the cause is removed, press “Resend all failed” in the notice there. Until then these orders are missing in the POS.', 'woocommerce-pos-sync' );
			/* translators: %s: name of the shop. */
			$this->mail( 'failed', sprintf( __( '[%s] Orders could not be delivered to the POS', 'woocommerce-pos-sync' ), $this->shop() ), $this->health->failures(), $advice );
		}
		$outage = $this->health->outage();
		if ( '' !== $outage && $this->may_mail( 'outage' ) ) {
			$advice = __( 'Is the POS switched on and connected to the internet? In the settings of POS Sync, “Test connection” says what is wrong. You need not send anything again yourself.', 'woocommerce-pos-sync' );
			/* translators: %s: name of the shop. */
			$this->mail( 'outage', sprintf( __( '[%s] Orders are not reaching the POS', 'woocommerce-pos-sync' ), $this->shop() ), $outage, $advice );
		}
	}

	/**
	 * Unix time of the last e-mail for a cause; 0 if there was none.
	 *
	 * @param string $cause failed or outage.
	 */
	private function mailed( string $cause ): int {
		$mailed = get_option( self::OPTION );
		$time   = is_array( $mailed ) ? ( $mailed[ $cause ] ?? 0 ) : 0;
		return is_numeric( $time ) ? (int) $time : 0;
	}

	/**
	 * Whether the last e-mail for a cause is a day ago.
	 *
	 * @param string $cause failed or outage.
	 */
	private function may_mail( string $cause ): bool {
		return $this->mailed( $cause ) < time() - DAY_IN_SECONDS;
	}

	/**
	 * Sends an e-mail, and notes it first: two processes that look at the same time should not both write.
	 *
	 * @param string $cause   failed or outage.
	 * @param string $subject The subject.
	 * @param string $what    What happened.
	 * @param string $advice  What to do.
	 */
	private function mail( string $cause, string $subject, string $what, string $advice ): void {
		$mailed = get_option( self::OPTION );
		update_option( self::OPTION, array_merge( is_array( $mailed ) ? $mailed : array(), array( $cause => time() ) ), false );

		$lines = array(
			$what,
			$advice,
			/* translators: %s: URL. */
			sprintf( __( 'Deliveries: %s', 'woocommerce-pos-sync' ), Menu::log_url() ),
			__( 'You get this e-mail once a day at most. It can be switched off in the settings of POS Sync.', 'woocommerce-pos-sync' ),
		);
		wp_mail( $this->settings->alert_email(), $subject, implode( "\n\n", $lines ) . "\n" );
	}

	/**
	 * The shop's name as people read it.
	 */
	private function shop(): string {
		return wp_specialchars_decode( (string) get_bloginfo( 'name' ), ENT_QUOTES );
	}
}
