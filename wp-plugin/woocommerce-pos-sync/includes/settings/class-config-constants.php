<?php

namespace POS_Sync\Settings;

/**
 * Address and API key in wp-config.php. They only count together: whoever may change the settings could otherwise have the key
 * from there sent to an address of theirs.
 */
final class Config_Constants {

	private const URL = 'POS_SYNC_URL';
	private const KEY = 'POS_SYNC_API_KEY';

	/**
	 * Whether both are set.
	 */
	public static function are_set(): bool {
		return '' !== self::url() && '' !== self::key();
	}

	/**
	 * The address; empty where it is not set.
	 */
	public static function url(): string {
		return self::text( self::URL );
	}

	/**
	 * The API key; empty where it is not set.
	 */
	public static function key(): string {
		return self::text( self::KEY );
	}

	/**
	 * What is wrong with them: the key without the address; empty where nothing is.
	 */
	public static function problem(): string {
		if ( '' === self::key() || self::are_set() ) {
			return '';
		}
		/* translators: 1: POS_SYNC_API_KEY, 2: POS_SYNC_URL. */
		return sprintf( __( '%1$s is set in wp-config.php, but not %2$s. The key is not used until both are set: it is only sent to the address that is set there.', 'woocommerce-pos-sync' ), self::KEY, self::URL );
	}

	private static function text( string $name ): string {
		$value = defined( $name ) ? constant( $name ) : '';
		return is_string( $value ) ? trim( $value ) : '';
	}
}
