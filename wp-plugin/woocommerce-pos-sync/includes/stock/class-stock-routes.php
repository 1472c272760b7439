<?php

namespace POS_Sync\Stock;

use POS_Sync\Database\Table;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Registers_Hooks;
use POS_Sync\Rest\Rest_Controller;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;
use const POS_Sync\VERSION;

/**
 * REST routes for the POS: it sends movements of stock, and asks what became of them. Only its signature opens them: no user, cookie
 * or key of WooCommerce does. The texts of errors are read by the POS, so they are not translated.
 */
final class Stock_Routes implements Registers_Hooks {

	private const STOCK     = '/stock';
	private const MOVEMENTS = '/stock/movements';

	private Settings $settings;
	private Site_Identity $site;
	private Stock_Log $log;
	private Stock_Tables $tables;
	private Stock_Batch $batch;
	private Stock_Contact $contact;

	public function __construct( Settings $settings, Site_Identity $site, Stock_Log $log, Stock_Contact $contact, Delivery_Log $deliveries ) {
		$movements      = new Stock_Movements( $log );
		$this->settings = $settings;
		$this->site     = $site;
		$this->log      = $log;
		$this->contact  = $contact;
		$this->tables   = new Stock_Tables( $movements );
		$this->batch    = new Stock_Batch( $movements, new Stock_Changer( $movements, new Stock_Follow_Up( $movements, $deliveries ) ), $deliveries );
	}

	public function register(): void {
		add_action( 'rest_api_init', array( $this, 'register_routes' ) );
		add_filter( 'rest_request_before_callbacks', array( $this, 'answer_unreadable_body' ), 10, 3 );
	}

	/**
	 * Registers the routes.
	 */
	public function register_routes(): void {
		foreach ( array( self::STOCK, self::MOVEMENTS ) as $path ) {
			register_rest_route(
				Rest_Controller::NAMESPACE,
				$path,
				array(
					'methods'             => 'POST',
					'callback'            => array( $this, 'answer' ),
					'permission_callback' => array( $this, 'is_from_pos' ),
				)
			);
		}
	}

	/**
	 * Whether the POS signed a request.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 * @return true|\WP_Error
	 */
	public function is_from_pos( \WP_REST_Request $request ) {
		$now       = time();
		$timestamp = (string) $request->get_header( 'webhook-timestamp' );
		$problem   = Stock_Signature::problem(
			$this->settings->api_key(),
			(string) $request->get_header( 'webhook-id' ),
			$timestamp,
			(string) $request->get_header( 'webhook-signature' ),
			(string) $request->get_body(),
			$now
		);
		$this->contact->note( $problem, (int) $timestamp, $now );
		return '' === $problem ? true : self::error( new Stock_Error( 'pos_sync_signature', 401, $problem ) );
	}

	/**
	 * Answers a body that is no JSON as any other that can't be used. WordPress finds that before it asks for permission. An error of
	 * another plugin, which lets no request through, stays as it is: the POS reads from it what blocks the way.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 * @param mixed            $response What WordPress would answer so far.
	 * @param mixed            $handler  Not used.
	 * @param \WP_REST_Request $request  The request.
	 * @return mixed
	 */
	public function answer_unreadable_body( $response, $handler, $request ) {
		if ( ! is_wp_error( $response ) || 'rest_invalid_json' !== $response->get_error_code() || ! in_array( $request->get_route(), array( '/' . Rest_Controller::NAMESPACE . self::STOCK, '/' . Rest_Controller::NAMESPACE . self::MOVEMENTS ), true ) ) {
			return $response;
		}
		$allowed = $this->is_from_pos( $request );
		return true === $allowed ? self::error( new Stock_Error( 'pos_sync_body', 400, 'The body is no JSON.' ) ) : $allowed;
	}

	/**
	 * Answers a request of the POS.
	 *
	 * @phpstan-param \WP_REST_Request<array<string, mixed>> $request
	 * @return \WP_REST_Response|\WP_Error
	 */
	public function answer( \WP_REST_Request $request ) {
		( new Table( Table::STOCK ) )->hide_errors();
		$body  = (string) $request->get_body();
		$level = ob_get_level();
		ob_start(); // What other plugins print would be in the answer.
		try {
			$items = '/' . Rest_Controller::NAMESPACE . self::MOVEMENTS === $request->get_route() ? $this->decided( $body ) : $this->change( $body );
		} catch ( Stock_Error $error ) {
			return self::error( $error );
		} finally {
			while ( ob_get_level() > $level ) {
				ob_end_clean();
			}
		}
		return new \WP_REST_Response(
			array(
				'plugin' => VERSION,
				'items'  => $items,
			)
		);
	}

	/**
	 * Does the movements of a request.
	 *
	 * @return array<int, array<string, int|float|string>>
	 * @throws Stock_Error Where none can be done.
	 */
	private function change( string $body ): array {
		$items = Stock_Request::items( $body );
		if ( $this->site->is_copy() ) {
			throw new Stock_Error( 'pos_sync_copy', 409, 'This site is a copy of the shop at ' . $this->site->confirmed_url() . ', so it takes no stock. Where the shop moved here, confirm that in its admin area.' );
		}
		$problem = $this->tables->problem();
		if ( '' !== $problem ) {
			throw new Stock_Error( 'pos_sync_tables', 409, $problem );
		}
		return $this->batch->run( $items );
	}

	/**
	 * What became of the movements that the POS asks about; those that the shop does not know are left out.
	 *
	 * @return array<int, array<string, int|float|string>>
	 * @throws Stock_Error Where the body can't be used.
	 */
	private function decided( string $body ): array {
		$items = array();
		foreach ( $this->log->decided( Stock_Request::movements( $body ) ) as $row ) {
			$result  = new Stock_Result( $row['outcome'], $row['message'], '' === $row['quantity'] ? null : (float) $row['quantity'] );
			$items[] = $result->answer( $row['movement'] ) + array(
				'delta' => Stock_Result::number( (float) $row['delta'] ),
				'at'    => gmdate( 'Y-m-d\TH:i:s\Z', (int) ( $row['done_at'] ? $row['done_at'] : $row['received_at'] ) ),
			);
		}
		return $items;
	}

	private static function error( Stock_Error $error ): \WP_Error {
		return new \WP_Error( $error->name, $error->getMessage(), array( 'status' => $error->status ) );
	}
}
