<?php

namespace POS_Sync\Settings;

/**
 * Remembers the address the shop went live under, so that a staging copy of the database does not send its test orders.
 */
final class Site_Identity {

	/**
	 * The option with that address, backwards. It is loaded with every page, so that reading it costs no query.
	 */
	public const OPTION = 'pos_sync_home';

	/**
	 * The shop's address. The stored one, not home_url(): language plugins change that per request.
	 */
	public function url(): string {
		$home = get_option( 'home' );
		return is_string( $home ) ? untrailingslashit( $home ) : '';
	}

	/**
	 * Makes this address the one that may send.
	 */
	public function confirm(): void {
		// Written backwards, because copying a site replaces its address everywhere in the database.
		update_option( self::OPTION, strrev( $this->url() ), true );
	}

	/**
	 * The address that may send; empty before the shop went live.
	 */
	public function confirmed_url(): string {
		$stored = get_option( self::OPTION, '' );
		return is_string( $stored ) ? strrev( $stored ) : '';
	}

	/**
	 * Whether this is another address than the one that went live.
	 */
	public function is_copy(): bool {
		$confirmed = $this->confirmed_url();
		return '' !== $confirmed && ! self::is_same_site( $confirmed, $this->url() );
	}

	/**
	 * Whether two addresses are the same shop: http or https, upper or lower case and a last slash do not matter.
	 *
	 * @param string $other Another.
	 */
	public static function is_same_site( string $one, string $other ): bool {
		$plain = static function ( string $url ): string {
			return rtrim( strtolower( (string) preg_replace( '#^https?://(www\.)?#i', '', trim( $url ) ) ), '/' );
		};
		return $plain( $one ) === $plain( $other );
	}
}
