<?php

namespace POS_Sync\Sending;

use const POS_Sync\VERSION;

/**
 * Has another PHP process of this site do something, without waiting for it: for servers that can't go on working
 * after their answer has gone out. The request carries no data, only a signature that is good for a minute.
 */
final class Loopback_Request {

	/**
	 * WooCommerce's own entrance for callbacks (?wc-api=…), which firewalls and maintenance pages let through for payments.
	 */
	private const NAME = 'pos_sync_send';

	private const GOOD_FOR = 60;

	/**
	 * Longest time for connecting, in seconds. A server reaches itself at once, or not at all.
	 */
	private const CONNECT = 0.5;

	/**
	 * The option that says until when this site need not try to reach itself, since it could not; 0 where it can.
	 * It is there from the start, and autoloaded, so that reading it costs no query.
	 */
	public const BROKEN_UNTIL = 'pos_sync_loopback_broken_until';

	/**
	 * The option that says whether such requests are known to arrive: 1 since one did, 0 where they may not. There from the start, as the other one.
	 */
	public const ARRIVES = 'pos_sync_loopback_arrives';

	/**
	 * What to do when such a request comes in.
	 *
	 * @phpstan-param callable(): void $action
	 * @param callable $action Called once; the process ends after it.
	 */
	public function on_request( callable $action ): void {
		add_action(
			'woocommerce_api_' . self::NAME,
			function () use ( $action ): void {
				// phpcs:disable WordPress.Security.NonceVerification.Missing -- the signature takes its place: there is no user.
				$expires   = isset( $_POST['expires'] ) && is_string( $_POST['expires'] ) ? absint( $_POST['expires'] ) : 0;
				$signature = isset( $_POST['signature'] ) && is_string( $_POST['signature'] ) ? sanitize_key( $_POST['signature'] ) : '';
				// phpcs:enable
				if ( ! self::is_valid( $expires, $signature, self::secret(), time() ) ) {
					status_header( 403 );
					exit;
				}
				self::note_arrival( true );
				$action();
				exit;
			}
		);
	}

	/**
	 * Sends the request, and does not wait for its answer. Where the site can't reach itself, or takes long for it, this is
	 * remembered for ten minutes, so that checkouts do not pay for it again and again.
	 *
	 * @return bool Whether it went out.
	 */
	public function send(): bool {
		if ( self::number( self::BROKEN_UNTIL ) > time() ) {
			return false;
		}
		$url     = add_query_arg( 'wc-api', self::NAME, home_url( '/' ) );
		$started = microtime( true );
		$sent    = $this->post( $url );
		if ( ! $sent || microtime( true ) - $started > self::CONNECT ) {
			update_option( self::BROKEN_UNTIL, time() + 10 * MINUTE_IN_SECONDS );
		}
		return $sent;
	}

	/**
	 * Whether such requests arrive, as far as is known: one did, and none failed since. A firewall may swallow them without a word.
	 */
	public function arrives(): bool {
		return 1 === self::number( self::ARRIVES ) && self::number( self::BROKEN_UNTIL ) <= time();
	}

	/**
	 * Notes whether such requests arrive.
	 */
	public static function note_arrival( bool $arrives ): void {
		if ( ( 1 === self::number( self::ARRIVES ) ) !== $arrives ) {
			update_option( self::ARRIVES, $arrives ? 1 : 0 );
		}
	}

	/**
	 * The signature of a request that is good until a time.
	 *
	 * @param int $expires Unix time.
	 */
	public static function sign( int $expires, string $secret ): string {
		return hash_hmac( 'sha256', self::NAME . '|' . $expires, $secret );
	}

	/**
	 * Whether a request was signed by this site, and not long ago.
	 *
	 * @param int $expires   Unix time it is good until.
	 * @param int $now       Unix time.
	 */
	public static function is_valid( int $expires, string $signature, string $secret, int $now ): bool {
		return $expires >= $now && $expires <= $now + 2 * self::GOOD_FOR && hash_equals( self::sign( $expires, $secret ), $signature );
	}

	/**
	 * The exact bytes of the request.
	 *
	 * @param string $url     Where to.
	 * @param int    $expires Unix time it is good until.
	 */
	public static function request( string $url, int $expires, string $secret ): string {
		$parts = (array) wp_parse_url( $url );
		$host  = is_string( $parts['host'] ?? null ) ? $parts['host'] : '';
		$host .= isset( $parts['port'] ) ? ':' . (int) $parts['port'] : '';
		$path  = is_string( $parts['path'] ?? null ) ? $parts['path'] : '/';
		$query = is_string( $parts['query'] ?? null ) ? $parts['query'] : '';
		$body  = 'expires=' . $expires . '&signature=' . self::sign( $expires, $secret );
		$lines = array(
			"POST $path?$query HTTP/1.1",
			"Host: $host",
			'User-Agent: WooCommerce-POS-Sync/' . VERSION,
			'Content-Type: application/x-www-form-urlencoded',
			'Content-Length: ' . strlen( $body ),
			'Connection: close',
		);
		return implode( "\r\n", $lines ) . "\r\n\r\n" . $body;
	}

	/**
	 * Connects, writes, and leaves. WordPress's own HTTP functions would wait a second for the answer, even where
	 * they are set not to.
	 *
	 * @param string $url Where to.
	 */
	private function post( string $url ): bool {
		$parts  = (array) wp_parse_url( $url );
		$secure = 'https' === ( $parts['scheme'] ?? '' );
		$host   = is_string( $parts['host'] ?? null ) ? $parts['host'] : '';
		$port   = (int) ( $parts['port'] ?? ( $secure ? 443 : 80 ) );
		// The certificate is not looked at, as in WordPress's own requests to itself: nothing secret is sent.
		$context = stream_context_create(
			array(
				'ssl' => array(
					'verify_peer'      => false,
					'verify_peer_name' => false,
					'peer_name'        => trim( $host, '[]' ),
				),
			)
		);
		// phpcs:disable WordPress.PHP.NoSilencedErrors, WordPress.WP.AlternativeFunctions -- a socket, not a file; that it can't connect is an answer.
		$socket = @stream_socket_client( ( $secure ? 'ssl' : 'tcp' ) . "://$host:$port", $code, $message, self::CONNECT, STREAM_CLIENT_CONNECT, $context );
		if ( ! $socket ) {
			return false;
		}
		stream_set_timeout( $socket, 1 );
		$bytes   = self::request( $url, time() + self::GOOD_FOR, self::secret() );
		$written = @fwrite( $socket, $bytes );
		fclose( $socket );
		// phpcs:enable
		return strlen( $bytes ) === $written;
	}

	/**
	 * An option that is a number.
	 */
	private static function number( string $option ): int {
		$value = get_option( $option, 0 );
		return is_numeric( $value ) ? (int) $value : 0;
	}

	/**
	 * A secret that only this site knows.
	 */
	private static function secret(): string {
		return wp_salt( 'nonce' );
	}
}
