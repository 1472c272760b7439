<?php

namespace POS_Sync\Settings;

/**
 * Keeps an address that was refused for the page that is shown next, so that it can be corrected there.
 */
final class Refused_Url {

	private const TRANSIENT = 'pos_sync_refused_url_';

	/**
	 * Keeps it, without a name or password in it.
	 */
	public static function keep( string $url ): void {
		set_transient( self::TRANSIENT . get_current_user_id(), (string) preg_replace( '#//[^/?\#]*@#', '//', $url ), MINUTE_IN_SECONDS );
	}

	/**
	 * The address that was refused just now, once; empty where none was.
	 */
	public static function take(): string {
		$name = self::TRANSIENT . get_current_user_id();
		$url  = get_transient( $name );
		if ( ! is_string( $url ) || '' === $url ) {
			return '';
		}
		delete_transient( $name );
		return $url;
	}
}
