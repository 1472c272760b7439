<?php

namespace POS_Sync\Settings;

use POS_Sync\Payload\Order_Payload;

/**
 * Reads the settings: one autoloaded option, so reading costs no query. The API key has an option of its own.
 */
final class Settings {

	public const OPTION     = 'pos_sync_settings';
	public const LIVE_SINCE = 'pos_sync_live_since';
	public const LIVE_AFTER = 'pos_sync_live_after';

	/**
	 * The option that says when the settings were last saved, in Unix time. There from the start, so that reading it costs no query.
	 */
	public const SAVED_AT = 'pos_sync_saved_at';

	public const LOG_ERRORS     = 'error';
	public const LOG_DELIVERIES = 'info';
	public const LOG_DEBUG      = 'debug';

	public const DEFAULTS = array(
		'enabled'     => false,
		'url'         => '',
		'max_retries' => 3,
		'statuses'    => array(),
		'log_level'   => self::LOG_ERRORS,
		'send_first'  => true,
		'alerts'      => true,
		'alert_email' => '',
	);

	private Api_Key_Storage $keys;

	public function __construct() {
		$this->keys = new Api_Key_Storage();
	}

	/**
	 * Whether orders are sent.
	 */
	public function is_enabled(): bool {
		return (bool) $this->get( 'enabled' );
	}

	/**
	 * Whether everything that sending needs is there.
	 */
	public function is_ready(): bool {
		return $this->is_enabled() && '' !== $this->url() && '' === Webhook_Url::problem( $this->url() ) && '' !== $this->api_key();
	}

	/**
	 * Stops sending.
	 */
	public function switch_off(): void {
		update_option( self::OPTION, array_merge( $this->all(), array( 'enabled' => false ) ) );
	}

	/**
	 * Where orders are sent to; without a slash at its end, which the POS does not know.
	 */
	public function url(): string {
		return rtrim( Config_Constants::are_set() ? Config_Constants::url() : $this->text( 'url' ), '/' );
	}

	/**
	 * The key the POS knows this shop by; empty where it was saved for another server than the Webhook URL's.
	 */
	public function api_key(): string {
		return $this->keys->for_url( $this->url() );
	}

	/**
	 * The API key, wherever it is kept.
	 */
	public function keys(): Api_Key_Storage {
		return $this->keys;
	}

	/**
	 * Retries with growing delays, before the hourly ones.
	 */
	public function max_retries(): int {
		$value = $this->get( 'max_retries' );
		return is_numeric( $value ) ? (int) $value : 3;
	}

	/**
	 * The statuses that make an order be sent for the first time, without "wc-"; empty means all.
	 *
	 * @return string[]
	 */
	public function statuses(): array {
		$value = $this->get( 'statuses' );
		return is_array( $value ) ? array_values( array_filter( $value, 'is_string' ) ) : array();
	}

	/**
	 * What goes into WooCommerce's own log: one of the LOG_ constants.
	 */
	public function log_level(): string {
		return $this->text( 'log_level' );
	}

	/**
	 * Whether catalogue and open orders are sent when the plugin is first switched on.
	 */
	public function send_first(): bool {
		return (bool) $this->get( 'send_first' );
	}

	/**
	 * Whether an e-mail is sent when orders can't be delivered.
	 */
	public function alerts(): bool {
		return (bool) $this->get( 'alerts' );
	}

	/**
	 * The address that was entered for such e-mails; empty where none was.
	 */
	public function entered_email(): string {
		return $this->text( 'alert_email' );
	}

	/**
	 * Where such an e-mail goes: the address that was entered, else that of the site's administrator.
	 */
	public function alert_email(): string {
		$entered = $this->entered_email();
		return '' !== $entered ? $entered : self::string( get_option( 'admin_email' ) );
	}

	/**
	 * When the plugin was first switched on, in Unix time; 0 before that.
	 */
	public function live_since(): int {
		$value = get_option( self::LIVE_SINCE, 0 );
		return is_numeric( $value ) ? (int) $value : 0;
	}

	/**
	 * Whether the POS got the whole catalogue when the shop went live, so that it should know every product.
	 */
	public function sent_catalogue(): bool {
		$live_after = get_option( self::LIVE_AFTER );
		return is_array( $live_after ) && ! empty( $live_after['catalogue'] );
	}

	/**
	 * Whether an order that the plugin did not see taking its stock is from before it was first switched on. Its date
	 * and its id both have to say so: dates can be set by hand, and ids fall where a database is restored.
	 *
	 * @param int $id      Id of the order.
	 * @param int $created Unix time it was created; 0 when not known.
	 */
	public function is_from_before( int $id, int $created ): bool {
		$live_after = get_option( self::LIVE_AFTER );
		$last       = is_array( $live_after ) ? ( $live_after['order'] ?? null ) : null;
		if ( ! is_numeric( $last ) ) { // Of shops that went live when ids were not noted.
			return $created && $created < $this->live_since();
		}
		return $id <= (int) $last && $created <= $this->live_since();
	}

	/**
	 * The shop's order statuses without "wc-"; never drafts.
	 *
	 * @return string[]
	 */
	public static function known_statuses(): array {
		$statuses = array();
		foreach ( array_keys( wc_get_order_statuses() ) as $status ) {
			$statuses[] = (string) preg_replace( '/^wc-/', '', (string) $status );
		}
		return array_values( array_diff( $statuses, Order_Payload::DRAFT_STATUSES ) );
	}

	/**
	 * All settings, with defaults for what was never saved.
	 *
	 * @return array<string, mixed>
	 */
	public function all(): array {
		$stored = get_option( self::OPTION, array() );
		return is_array( $stored ) ? array_replace( self::DEFAULTS, array_intersect_key( $stored, self::DEFAULTS ) ) : self::DEFAULTS;
	}

	/**
	 * One setting.
	 *
	 * @return mixed
	 */
	private function get( string $name ) {
		return $this->all()[ $name ] ?? null;
	}

	/**
	 * One setting as text.
	 */
	private function text( string $name ): string {
		return self::string( $this->get( $name ) );
	}

	/**
	 * A value if it is text, else nothing.
	 *
	 * @param mixed $value Anything.
	 */
	private static function string( $value ): string {
		return is_string( $value ) ? $value : '';
	}
}
