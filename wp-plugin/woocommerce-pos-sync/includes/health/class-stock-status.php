<?php

namespace POS_Sync\Health;

use POS_Sync\Messages\Stock_Messages;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Screens\Object_Labels;
use POS_Sync\Stock\Stock_Contact;
use POS_Sync\Stock\Stock_History;
use POS_Sync\Stock\Stock_Log;
use POS_Sync\Stock\Stock_Tables;

/**
 * Whether the stock of the POS arrives here, and what of it the shop could not take over: for the screen, Site Health, e-mails and the command line.
 */
final class Stock_Status {

	/**
	 * For so many days a change that was not applied is a matter for somebody.
	 */
	public const RECENT_DAYS = 7;

	private Stock_Log $log;
	private Stock_History $history;
	private Stock_Contact $contact;
	private Stock_Tables $tables;

	public function __construct( Stock_Log $log, Stock_History $history, Stock_Contact $contact, Stock_Tables $tables ) {
		$this->log     = $log;
		$this->history = $history;
		$this->contact = $contact;
		$this->tables  = $tables;
	}

	/**
	 * Whether a change has ever come.
	 */
	public function has_received(): bool {
		return null !== $this->log->last_received();
	}

	/**
	 * Whether the POS has ever sent stock here, or looked whether it can.
	 */
	public function is_used(): bool {
		return $this->contact->reached_at() || $this->has_received();
	}

	/**
	 * When a change came last, in the shop's time zone and as how long ago.
	 */
	public function last_received(): string {
		$time = $this->log->last_received();
		if ( null === $time ) {
			return __( 'never', 'woocommerce-pos-sync' );
		}
		/* translators: 1: date and time, 2: how long ago, such as "2 hours". */
		return sprintf( __( '%1$s (%2$s ago)', 'woocommerce-pos-sync' ), (string) wp_date( 'Y-m-d H:i:s', $time ), human_time_diff( $time ) );
	}

	/**
	 * When something came last, and how much lately: label and value, by name.
	 *
	 * @return array<string, array{label: string, value: string}>
	 */
	public function figures(): array {
		$today = $this->log->counts( ( new \DateTimeImmutable( 'today', wp_timezone() ) )->getTimestamp() );
		$week  = $this->log->counts( self::week_ago() );
		return array(
			'last'        => array(
				'label' => __( 'Last received', 'woocommerce-pos-sync' ),
				'value' => $this->last_received(),
			),
			'today'       => array(
				'label' => __( 'Applied today', 'woocommerce-pos-sync' ),
				'value' => number_format_i18n( $today[ Stock_Log::APPLIED ] ),
			),
			'week'        => array(
				'label' => __( 'Applied in 7 days', 'woocommerce-pos-sync' ),
				'value' => number_format_i18n( $week[ Stock_Log::APPLIED ] ),
			),
			'not_applied' => array(
				'label' => __( 'Not applied in 7 days', 'woocommerce-pos-sync' ),
				'value' => number_format_i18n( self::not_applied( $week ) ),
			),
		);
	}

	/**
	 * How many changes were not applied lately, and why the last was not; empty where all were, or where the products concerned
	 * were made equal to the POS since.
	 */
	public function refusals(): string {
		$last = $this->history->unsolved( self::week_ago(), 1 );
		if ( ! $last ) {
			return '';
		}
		$count = $this->history->count_unsolved( self::week_ago() );
		$id    = (int) $last[0]['variation_id'] ? (int) $last[0]['variation_id'] : (int) $last[0]['product_id'];
		/* translators: 1: number, 2: name of a product, 3: why, and what to do. */
		$text = _n( '%1$d change of stock from the POS was not applied within 7 days. %2$s: %3$s', '%1$d changes of stock from the POS were not applied within 7 days. The last one, %2$s: %3$s', $count, 'woocommerce-pos-sync' );
		return sprintf( $text, $count, ( new Object_Labels() )->name( Queue_Item::PRODUCT, $id ), Stock_Messages::explain( $last[0] ) );
	}

	/**
	 * Unix time of the last change that refusals() counts; 0 where there is none.
	 */
	public function last_refused(): int {
		$last = $this->history->unsolved( self::week_ago(), 1 );
		return $last ? (int) $last[0]['received_at'] : 0;
	}

	/**
	 * Why no change can be applied at all.
	 *
	 * @return string[]
	 */
	public function obstacles(): array {
		return array_values( array_filter( array( $this->table_problem(), $this->signature_problem() ) ) );
	}

	/**
	 * Why the database can't change stock and note it in one step, and what to do; empty where it can, or where the POS sends no stock.
	 */
	public function table_problem(): string {
		if ( ! $this->is_used() ) {
			return '';
		}
		if ( $this->tables->is_missing() ) {
			return __( 'No stock from the POS can be applied: a table is missing in the database. Reload this page; it is made then.', 'woocommerce-pos-sync' );
		}
		$commands = $this->tables->conversions();
		if ( $commands ) {
			/* translators: %s: commands for the database. */
			return sprintf( __( 'No stock from the POS can be applied: tables of the database are not InnoDB, so a stock can’t be changed and noted in one step, and after a crash a change could count twice. Ask your host to make a backup and run this: %s', 'woocommerce-pos-sync' ), implode( ' ', $commands ) );
		}
		return Stock_Tables::is_replaced() ? __( 'No stock from the POS can be applied: another plugin replaces the way in which WooCommerce stores products, so a stock can’t be changed and noted in one step. Ask the makers of that plugin, or switch it off.', 'woocommerce-pos-sync' ) : '';
	}

	/**
	 * Why the last request about stock was refused, and what to do; empty where it was not.
	 */
	private function signature_problem(): string {
		$refusal = $this->contact->refusal();
		if ( ! $refusal ) {
			return '';
		}
		$ago = human_time_diff( $refusal['at'] );
		if ( Stock_Contact::CLOCK === $refusal['cause'] ) {
			/* translators: 1: how long ago, such as "2 hours", 2: number of minutes, 3: time of this site. */
			return sprintf( __( 'The last request with stock from the POS was refused %1$s ago: the clocks of POS and shop differ by %2$s minutes. Set the one that is wrong; here it is %3$s (UTC).', 'woocommerce-pos-sync' ), $ago, number_format_i18n( round( abs( $refusal['seconds'] ) / 60 ) ), gmdate( 'Y-m-d H:i' ) );
		}
		/* translators: %s: how long ago, such as "2 hours". */
		return sprintf( __( 'The last request with stock from the POS was refused %s ago: it was not signed by the API key of this shop. If the POS has another key for it now, paste the line from the POS in the settings again.', 'woocommerce-pos-sync' ), $ago );
	}

	/**
	 * Unix time at which the POS last reached the shop; 0 where it did not.
	 */
	public function last_contact(): int {
		return $this->contact->reached_at();
	}

	/**
	 * How many changes were not applied.
	 *
	 * @param array<string, int> $counts As the log counts them.
	 */
	private static function not_applied( array $counts ): int {
		return $counts[ Stock_Log::NOT_MANAGED ] + $counts[ Stock_Log::UNKNOWN ] + $counts[ Stock_Log::REFUSED ];
	}

	/**
	 * Unix time before which what was not applied is not counted any more.
	 */
	private static function week_ago(): int {
		return time() - self::RECENT_DAYS * DAY_IN_SECONDS;
	}
}
