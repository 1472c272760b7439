<?php

namespace POS_Sync\Sending;

use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Health\Connection_Test_Result;
use POS_Sync\Payload\Envelope;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Webhook_Url;

use const POS_Sync\VERSION;

/**
 * Sends signed requests to the POS. Never follows a redirect: the key is meant for one address.
 */
final class Pos_Client {

	/**
	 * The POS answers within ten seconds, whatever happens behind it.
	 */
	public const TIMEOUT = 15;

	private const DEFAULTS = array(
		'method'      => 'GET',
		'timeout'     => self::TIMEOUT,
		'redirection' => 0,
		'user-agent'  => 'WooCommerce-POS-Sync/' . VERSION,
	);

	/**
	 * The headers that keep the connection open for the next request, and have a large order sent without asking first. Only with cURL:
	 * WordPress's other way of sending waits until the server closes the connection.
	 */
	private const KEEP_OPEN = array(
		'Connection' => 'keep-alive',
		'Expect'     => '',
	);

	/**
	 * The error of a request that was not made because of its address; Failure_Messages::describe() translates it.
	 */
	public const BLOCKED_ADDRESS = 'The address is link-local or that of a metadata service; nothing is sent there.';

	private Settings $settings;

	/**
	 * Where cURL keeps the connections of this process: one share handle, none before the first request.
	 *
	 * @var resource[]
	 */
	private array $connections = array();

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Posts an envelope to the webhook URL; the answer says what follows.
	 *
	 * @param Envelope $envelope What to send.
	 * @param int      $timeout  Seconds that the POS has for its answer.
	 */
	public function post( Envelope $envelope, int $timeout = self::TIMEOUT ): Pos_Response {
		$key      = $this->settings->api_key();
		$headers  = array(
			'Content-Type' => 'application/json',
			'X-API-Key'    => $key,
		);
		$headers += Signature::headers( $key, $envelope->delivery_id, time(), $envelope->body );

		$started  = microtime( true );
		$response = $this->request(
			$this->settings->url(),
			array(
				'method'  => 'POST',
				'headers' => $headers,
				'body'    => $envelope->body,
				'timeout' => $timeout,
			)
		);
		$reply    = $this->to_pos_response( $response );

		$reply->milliseconds = (int) round( ( microtime( true ) - $started ) * 1000 );
		return $reply;
	}

	/**
	 * Asks the POS how it is, with the key, and says what is wrong where something is.
	 */
	public function test( string $url, string $key ): Connection_Test_Result {
		$problem = '' === $url ? __( 'Please enter the Webhook URL.', 'woocommerce-pos-sync' ) : Webhook_Url::problem( $url );
		if ( '' === $problem && '' === $key ) {
			$problem = $this->settings->keys()->problem( $url );
			$problem = '' !== $problem ? $problem : __( 'Please enter the API key.', 'woocommerce-pos-sync' );
		}
		if ( '' !== $problem ) {
			return Connection_Test_Result::problem( $problem );
		}
		$started  = time();
		$response = $this->request( Webhook_Url::health_url( $url ), array( 'headers' => array( 'X-API-Key' => $key ) ) );
		if ( is_wp_error( $response ) ) {
			$error = $response->get_error_message();
			return self::BLOCKED_ADDRESS === $error ? Connection_Test_Result::problem( Webhook_Url::blocked_message() ) : Connection_Test_Result::of_error( $error );
		}
		$clock = (int) ( ( $started + time() ) / 2 );
		return Connection_Test_Result::of_answer( (int) wp_remote_retrieve_response_code( $response ), wp_remote_retrieve_body( $response ), $this->header( $response, 'location' ), $clock );
	}

	/**
	 * One request. Not the "safe" kind, which refuses private addresses: a POS may well stand in the shop's own network.
	 * It goes to the addresses that were checked before it: the host can't lead somewhere else in between.
	 *
	 * @param string                                                                               $url       Where to.
	 * @param array{method?: string, headers: array<string, string>, body?: string, timeout?: int} $arguments As for wp_remote_request().
	 * @return array<string, mixed>|\WP_Error
	 */
	private function request( string $url, array $arguments ) {
		$host      = (string) wp_parse_url( $url, PHP_URL_HOST );
		$addresses = Network_Address::resolve( $host );
		if ( Network_Address::is_blocked_host( $host ) || array_filter( $addresses, array( Network_Address::class, 'is_blocked_ip' ) ) ) {
			return new \WP_Error( 'pos_sync_address', self::BLOCKED_ADDRESS );
		}
		if ( $this->can_keep_connections() ) {
			$arguments['httpversion'] = '1.1';
			$arguments['headers']    += self::KEEP_OPEN;
		}
		$arguments = Developer_Hooks::request_args( $arguments + self::DEFAULTS, $url );
		$connect   = $this->connect_to( $host, $addresses );
		add_action( 'http_api_curl', $connect, 10, 3 );
		try {
			return wp_remote_request( $url, $arguments ); // @phpstan-ignore argument.type (what callbacks added is theirs to know)
		} finally {
			remove_action( 'http_api_curl', $connect );
		}
	}

	/**
	 * Whether the connection to the POS can be kept: a round trip less for each delivery, three with TLS.
	 */
	private function can_keep_connections(): bool {
		if ( ! $this->connections && defined( 'CURL_LOCK_DATA_CONNECT' ) && \WpOrg\Requests\Transport\Curl::test( array( 'ssl' => true ) ) ) {
			// phpcs:disable WordPress.WP.AlternativeFunctions -- WordPress closes the connection with each request.
			$share = curl_share_init();
			curl_share_setopt( $share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT );
			// phpcs:enable
			$this->connections[] = $share;
		}
		return (bool) $this->connections;
	}

	/**
	 * What makes cURL connect to these addresses of a host, without looking it up once more, or use the connection of an earlier request.
	 *
	 * @param string   $host      The host; one that is an address itself needs nothing.
	 * @param string[] $addresses Its addresses; none where they are not known here.
	 */
	private function connect_to( string $host, array $addresses ): callable {
		$hosts  = '' === Network_Address::parse( $host ) && $addresses ? $addresses : array();
		$shares = $this->connections;
		return static function ( $handle, $arguments, $url ) use ( $host, $hosts, $shares ): void {
			$parts = wp_parse_url( is_string( $url ) ? $url : '' );
			if ( ! is_array( $parts ) || ( $parts['host'] ?? '' ) !== $host ) {
				return;
			}
			// phpcs:disable WordPress.WP.AlternativeFunctions.curl_curl_setopt -- WordPress has no other way, and offers this one.
			foreach ( $shares as $share ) {
				curl_setopt( $handle, CURLOPT_SHARE, $share ); // @phpstan-ignore argument.type
			}
			if ( $hosts ) {
				$port = $parts['port'] ?? ( 'https' === strtolower( $parts['scheme'] ?? '' ) ? 443 : 80 );
				curl_setopt( $handle, CURLOPT_RESOLVE, array( "$host:$port:" . implode( ',', $hosts ) ) ); // @phpstan-ignore argument.type
			}
			// phpcs:enable
		};
	}

	/**
	 * What an answer means.
	 *
	 * @param array<string, mixed>|\WP_Error $response The answer.
	 */
	private function to_pos_response( $response ): Pos_Response {
		if ( is_wp_error( $response ) ) {
			return Pos_Response::no_answer( $response->get_error_message() );
		}
		return Pos_Response::from_http( (int) wp_remote_retrieve_response_code( $response ), wp_remote_retrieve_body( $response ), $this->header( $response, 'retry-after' ), time() );
	}

	/**
	 * One header of an answer; empty when it is not there.
	 *
	 * @param array<string, mixed> $response The answer.
	 */
	private function header( array $response, string $name ): string {
		$value = wp_remote_retrieve_header( $response, $name );
		return is_array( $value ) ? implode( ', ', array_filter( $value, 'is_string' ) ) : $value;
	}
}
