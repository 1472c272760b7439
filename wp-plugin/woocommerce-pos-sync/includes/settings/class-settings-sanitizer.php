<?php

namespace POS_Sync\Settings;

use POS_Sync\Registers_Hooks;

/**
 * Checks the settings before they are stored, and says what is wrong with them.
 */
final class Settings_Sanitizer implements Registers_Hooks {

	public const GROUP = 'pos_sync';

	private Settings $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	public function register(): void {
		add_action( 'admin_init', array( $this, 'register_option' ) );
		add_filter( 'option_page_capability_' . self::GROUP, array( $this, 'capability' ) );
	}

	/**
	 * Has WordPress check the option before it is stored.
	 */
	public function register_option(): void {
		register_setting(
			self::GROUP,
			Settings::OPTION,
			array(
				'type'              => 'array',
				'sanitize_callback' => array( $this, 'sanitize' ),
			)
		);
	}

	/**
	 * Who may save: whoever runs the shop, not only administrators.
	 */
	public function capability(): string {
		return 'manage_woocommerce';
	}

	/**
	 * Checks what was typed in: keeps what is stored where the new value can't be used, and says what is wrong with it.
	 *
	 * @param mixed $input What the form sent.
	 * @return array<string, mixed>
	 */
	public function sanitize( $input ): array {
		$input = is_array( $input ) ? $input : array();
		$kept  = $this->settings->all();

		list( $url, $key, $key_for ) = $this->checked_address( $input );

		$retries = $input['max_retries'] ?? Settings::DEFAULTS['max_retries'];
		$levels  = array( Settings::LOG_ERRORS, Settings::LOG_DELIVERIES, Settings::LOG_DEBUG );
		$level   = self::string( $input['log_level'] ?? '' );
		return array(
			'enabled'     => $this->checked_enabled( $input, $url, $key ),
			'url'         => $url,
			'api_key'     => $key,
			'key_for'     => $key_for,
			'max_retries' => max( 0, min( 10, is_numeric( $retries ) ? (int) $retries : 3 ) ),
			'statuses'    => $this->checked_statuses( $input ),
			'send_first'  => ! empty( $input['send_first'] ),
			'log_level'   => in_array( $level, $levels, true ) ? $level : Settings::LOG_ERRORS,
			'alerts'      => isset( $input['alert_email'] ) ? ! empty( $input['alerts'] ) : (bool) $kept['alerts'],
			'alert_email' => $this->checked_email( $input, self::string( $kept['alert_email'] ) ),
		);
	}

	/**
	 * Whether sending is switched on: not without address and key.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @param string       $url   The address that will be stored.
	 * @param string       $key   The key that will be stored.
	 */
	private function checked_enabled( array $input, string $url, string $key ): bool {
		if ( empty( $input['enabled'] ) ) {
			return false;
		}
		if ( Config_Constants::are_set() || ( '' !== $url && '' !== $key ) ) {
			return true;
		}
		add_settings_error( Settings::OPTION, 'pos_sync_enabled', __( 'Nothing is sent yet: the Webhook URL and the API key are both needed.', 'woocommerce-pos-sync' ) );
		return false;
	}

	/**
	 * The chosen statuses; none where all are chosen, which means: also those that other plugins will add.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @return string[]
	 */
	private function checked_statuses( array $input ): array {
		$statuses = array_map( 'sanitize_key', array_filter( (array) ( $input['statuses'] ?? array() ), 'is_string' ) );
		return array_diff( Settings::known_statuses(), $statuses ) ? array_values( $statuses ) : array();
	}

	/**
	 * The address for e-mails; empty for that of the site's administrator.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @param string       $kept  The saved address.
	 */
	private function checked_email( array $input, string $kept ): string {
		$email = trim( self::string( $input['alert_email'] ?? $kept ) );
		if ( '' === $email || is_email( $email ) ) {
			return $email;
		}
		add_settings_error( Settings::OPTION, 'pos_sync_alert_email', __( 'This is not an e-mail address; the one before is kept.', 'woocommerce-pos-sync' ) );
		return $kept;
	}

	/**
	 * Address, key and what the key is for, as they will be stored. The saved address stays where the new one can't be
	 * used, or is on another server and came without a key: the saved key must not get there.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @return array{string, string, string}
	 */
	private function checked_address( array $input ): array {
		if ( Config_Constants::are_set() ) {
			return array( $this->saved_url(), '', '' );
		}
		list( $url, $key ) = $this->typed_address( $input );

		$problem = Webhook_Url::problem( $url );
		$problem = '' === $problem && $url !== $this->saved_url() ? Webhook_Url::host_problem( $url ) : $problem;
		$code    = 'pos_sync_url';
		if ( '' !== $key && ! Api_Key_Storage::is_usable( $key ) ) {
			add_settings_error( Settings::OPTION, 'pos_sync_api_key', __( 'The API key holds characters that no key has. Please copy it again.', 'woocommerce-pos-sync' ) );
			$key = '';
		}
		if ( '' === $problem && '' === $key ) {
			$problem = $this->settings->keys()->problem( esc_url_raw( $url ) );
			$code    = 'pos_sync_key_for';
		}
		if ( '' !== $problem ) {
			add_settings_error( Settings::OPTION, $code, $problem );
			Refused_Url::keep( $url );
			$url = $this->saved_url();
		}
		$url = esc_url_raw( $url );
		// A key that came with a refused address is for that one, not for the saved one.
		return '' === $key || '' !== $problem ? array( $url, $this->settings->keys()->saved(), $this->settings->keys()->origin() ) : array( $url, $key, Webhook_Url::origin( $url ) );
	}

	/**
	 * Address and key as they were typed in; both from the POS's line where one was pasted, into whichever field.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @return array{string, string}
	 */
	private function typed_address( array $input ): array {
		$url  = trim( self::string( $input['url'] ?? '' ) );
		$key  = trim( self::string( $input['api_key'] ?? '' ) );
		$line = trim( self::string( $input['line'] ?? '' ) );
		foreach ( array( $key, $url ) as $typed ) {
			$line = '' === $line && Setup_Line::looks_like( $typed ) ? $typed : $line;
		}
		$read = Setup_Line::read( $line );
		if ( '' !== $line && ! $read ) {
			add_settings_error( Settings::OPTION, 'pos_sync_line', Setup_Line::problem() );
		}
		$url = Setup_Line::looks_like( $url ) ? $this->saved_url() : $url;
		$key = Setup_Line::looks_like( $key ) ? '' : $key;
		return $read ? array( $read['url'], $read['key'] ) : array( $url, $key );
	}

	private function saved_url(): string {
		return self::string( $this->settings->all()['url'] );
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
