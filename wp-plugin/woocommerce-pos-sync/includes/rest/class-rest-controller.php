<?php

namespace POS_Sync\Rest;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Registers_Hooks;
use POS_Sync\Screens\Delivery_Details;
use POS_Sync\Screens\Object_Labels;
use POS_Sync\Sending\Pos_Client;
use POS_Sync\Settings\Settings;

/**
 * REST routes for testing the connection, sending history and looking at a delivery, for whoever runs the shop. WordPress checks the nonce.
 */
final class Rest_Controller implements Registers_Hooks {

	public const NAMESPACE = 'pos-sync/v1';

	private Settings $settings;
	private Pos_Client $client;
	private Backfill $backfill;
	private Delivery_Log $log;

	public function __construct( Settings $settings, Pos_Client $client, Backfill $backfill, Delivery_Log $log ) {
		$this->settings = $settings;
		$this->client   = $client;
		$this->backfill = $backfill;
		$this->log      = $log;
	}

	public function register(): void {
		add_action( 'rest_api_init', array( $this, 'register_routes' ) );
	}

	/**
	 * Registers the routes.
	 */
	public function register_routes(): void {
		$this->route( '/test', 'POST', array( $this, 'test' ) );
		$this->route( '/backfill', 'GET', array( $this, 'progress' ) );
		$this->route( '/backfill', 'POST', array( $this, 'control' ) );
		$this->route( '/deliveries/(?P<id>\d+)', 'GET', array( $this, 'delivery' ) );
	}

	/**
	 * Whether the user runs the shop.
	 */
	public function can_manage_shop(): bool {
		return current_user_can( 'manage_woocommerce' );
	}

	/**
	 * Tests the connection with what is typed in, saved or not; where the key's field is empty, with the saved key if it was saved for that server.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 */
	public function test( \WP_REST_Request $request ): \WP_REST_Response {
		$url = $this->text( $request, 'url' );
		$key = $this->text( $request, 'api_key' );
		return new \WP_REST_Response( $this->client->test( $url, '' !== $key ? $key : $this->settings->keys()->for_url( $url ) ) );
	}

	/**
	 * How far the sending of history is.
	 */
	public function progress(): \WP_REST_Response {
		return new \WP_REST_Response( $this->backfill->progress() );
	}

	/**
	 * Request and answer of one delivery, as HTML.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 * @return \WP_REST_Response|\WP_Error
	 */
	public function delivery( \WP_REST_Request $request ) {
		$entry = $this->log->find( (int) $this->text( $request, 'id' ) );
		if ( ! $entry ) {
			return new \WP_Error( 'pos_sync_gone', __( 'This delivery is not in the log any more.', 'woocommerce-pos-sync' ), array( 'status' => 404 ) );
		}
		return new \WP_REST_Response( array( 'html' => ( new Delivery_Details( new Object_Labels() ) )->html( $entry ) ) );
	}

	/**
	 * Starts, holds or goes on sending history.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 * @param \WP_REST_Request $request With "do": since (and "since"), catalogue, pause or resume.
	 * @return \WP_REST_Response|\WP_Error
	 */
	public function control( \WP_REST_Request $request ) {
		if ( ! $this->settings->is_ready() ) {
			return new \WP_Error( 'pos_sync_off', __( 'Please switch on “Enable Order Webhooks” first.', 'woocommerce-pos-sync' ), array( 'status' => 409 ) );
		}
		switch ( $this->text( $request, 'do' ) ) {
			case 'since':
				$date = date_create_immutable( $this->text( $request, 'since' ), wp_timezone() );
				if ( '' === $this->text( $request, 'since' ) || ! $date ) {
					return new \WP_Error( 'pos_sync_date', __( 'Please choose a date.', 'woocommerce-pos-sync' ), array( 'status' => 400 ) );
				}
				$this->backfill->since( $date->getTimestamp() );
				break;
			case 'catalogue':
				$this->backfill->go_live();
				break;
			case 'pause':
				$this->backfill->pause( true );
				break;
			case 'resume':
				$this->backfill->pause( false );
				break;
			default:
				return new \WP_Error( 'pos_sync_do', 'Unknown.', array( 'status' => 400 ) );
		}
		return $this->progress();
	}

	/**
	 * Registers one route.
	 *
	 * @phpstan-param non-falsy-string $path
	 * @param callable $callback What answers.
	 */
	private function route( string $path, string $method, callable $callback ): void {
		register_rest_route(
			self::NAMESPACE,
			$path,
			array(
				'methods'             => $method,
				'callback'            => $callback,
				'permission_callback' => array( $this, 'can_manage_shop' ),
			)
		);
	}

	/**
	 * A parameter as trimmed text.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 */
	private function text( \WP_REST_Request $request, string $name ): string {
		$value = $request->get_param( $name );
		return is_string( $value ) ? trim( $value ) : '';
	}
}
