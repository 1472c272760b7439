<?php

namespace POS_Sync\Settings;

use POS_Sync\Registers_Hooks;

/**
 * Keeps the API key in an option of its own, which is not loaded with every page, together with the server that it was entered for:
 * it is sent to no other. A key in wp-config.php takes its place.
 */
final class Api_Key_Storage implements Registers_Hooks {

	public const OPTION = 'pos_sync_api_key';

	public function register(): void {
		add_action( 'admin_init', array( $this, 'move_stored_key' ), 5 ); // Before the settings are sanitized: nobody typed anything in.
		// After the connection was tested with what is saved, before what is saved is compared with what was.
		add_filter( 'pre_update_option_' . Settings::OPTION, array( $this, 'take_out_key' ), 20 );
	}

	/**
	 * The saved key, whatever it was saved for; never to be sent.
	 */
	public function saved(): string {
		return Config_Constants::are_set() ? Config_Constants::key() : $this->stored()['key'];
	}

	/**
	 * The saved key where it may be sent to an address: one on the server (scheme, host, port) that it was saved for.
	 */
	public function for_url( string $url ): string {
		return Webhook_Url::origin( $url ) === $this->origin() ? $this->saved() : '';
	}

	/**
	 * Why the saved key is not sent to an address; empty where it is, or where no key is saved.
	 */
	public function problem( string $url ): string {
		if ( '' === $url || '' === $this->saved() || '' !== $this->for_url( $url ) ) {
			return '';
		}
		if ( '' === $this->origin() ) {
			return __( 'Please enter the API key for this Webhook URL again.', 'woocommerce-pos-sync' );
		}
		/* translators: %s: the beginning of a URL, such as https://pos.example.com */
		return sprintf( __( 'Please enter the API key for the new address. The saved key is only sent to %s.', 'woocommerce-pos-sync' ), $this->origin() );
	}

	/**
	 * The server that the saved key was entered for.
	 */
	public function origin(): string {
		return Config_Constants::are_set() ? Webhook_Url::origin( Config_Constants::url() ) : $this->stored()['for'];
	}

	/**
	 * All keys there are, to be kept out of logs.
	 *
	 * @return string[]
	 */
	public function secrets(): array {
		return array_values( array_filter( array( Config_Constants::key(), $this->stored()['key'] ) ) );
	}

	/**
	 * Whether a key can be sent in a header.
	 */
	public static function is_usable( string $key ): bool {
		return (bool) preg_match( '/^[\x21-\x7e]{1,255}$/', $key );
	}

	/**
	 * Puts the key, where settings that are about to be stored hold one, into its own option, which is not loaded with
	 * every page. None is stored while it is in wp-config.php.
	 *
	 * @param mixed $settings The settings.
	 * @return mixed The settings without the key.
	 */
	public function take_out_key( $settings ) {
		if ( ! is_array( $settings ) || ! array_intersect_key( $settings, array_flip( array( 'api_key', 'key_for' ) ) ) ) {
			return $settings;
		}
		$key = self::string( $settings['api_key'] ?? $this->stored()['key'] );
		$for = self::string( $settings['key_for'] ?? '' );
		if ( '' === $key || Config_Constants::are_set() ) {
			delete_option( self::OPTION );
		} else {
			$stored = array(
				'key' => $key,
				'for' => '' !== $for ? $for : Webhook_Url::origin( self::string( $settings['url'] ?? '' ) ),
			);
			update_option( self::OPTION, $stored, false );
		}
		return array_diff_key( $settings, array_flip( array( 'api_key', 'key_for' ) ) );
	}

	/**
	 * Moves a key out of the settings, where earlier versions stored it, and removes one that is in wp-config.php now.
	 */
	public function move_stored_key(): void {
		$settings = get_option( Settings::OPTION );
		if ( is_array( $settings ) && isset( $settings['api_key'] ) ) {
			update_option( Settings::OPTION, $settings );
		}
		if ( Config_Constants::are_set() && false !== get_option( self::OPTION ) ) {
			delete_option( self::OPTION );
		}
	}

	/**
	 * The stored key with the server it was entered for: together, so that no other process pairs a key with the server
	 * of another.
	 *
	 * @return array{key: string, for: string}
	 */
	private function stored(): array {
		$stored = get_option( self::OPTION );
		$stored = is_array( $stored ) ? $stored : array();
		return array(
			'key' => self::string( $stored['key'] ?? '' ),
			'for' => self::string( $stored['for'] ?? '' ),
		);
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
