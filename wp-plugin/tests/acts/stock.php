<?php
/**
 * What tests do with the stock that the POS changes. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

/**
 * A request of the POS in this process. With "kill_before", PHP is killed before the database gets a statement with this text,
 * the n-th time ("times"); with "kill_at", at a hook. With "stale", caches hold this product as it was before its stock was changed behind
 * their back.
 */
function stock_request( array $input ): array {
	global $wpdb;
	$die        = static function (): void {
		posix_kill( getmypid(), SIGKILL );
	};
	$statements = array();
	if ( isset( $input['stale'] ) ) {
		wc_get_product( $input['stale'] )->get_stock_quantity();
		$wpdb->update(
			$wpdb->postmeta,
			array( 'meta_value' => $input['behind'] ),
			array(
				'post_id'  => $input['stale'],
				'meta_key' => '_stock',
			)
		);
	}
	if ( isset( $input['kill_at'] ) ) {
		add_filter( $input['kill_at'], $die, 1 );
	}
	add_filter(
		'query',
		static function ( string $sql ) use ( &$statements, $input, $die ): string {
			if ( preg_match( '/pos_sync_stock|_stock|lookup/', $sql ) ) {
				$statements[] = $sql;
				if ( count( $statements ) === ( $input['kill_before'] ?? 0 ) ) {
					$die();
				}
			}
			return $sql;
		}
	);
	$request = new \WP_REST_Request( 'POST', $input['path'] ?? '/pos-sync/v1/stock' );
	$request->set_headers( $input['headers'] );
	$request->set_body( $input['body'] );
	$response = rest_do_request( $request );
	return array(
		'status'     => $response->get_status(),
		'data'       => $response->get_data(),
		'statements' => count( $statements ),
		'stock'      => isset( $input['stale'] ) ? wc_get_product( $input['stale'] )->get_stock_quantity() : null,
	);
}

/**
 * What the database has of products, by id: stock, status, WooCommerce's look-up table; and how often the queue noted a change.
 */
function stock_states( array $input ): array {
	global $wpdb;
	$states = array();
	foreach ( $input['ids'] as $id ) {
		$states[ $id ] = array(
			'stock'   => $wpdb->get_col( $wpdb->prepare( "SELECT meta_value FROM $wpdb->postmeta WHERE post_id = %d AND meta_key = '_stock' ORDER BY meta_id", $id ) ),
			'status'  => get_post_meta( $id, '_stock_status', true ),
			'lookup'  => $wpdb->get_row( $wpdb->prepare( "SELECT stock_quantity AS stock, stock_status AS status FROM $wpdb->wc_product_meta_lookup WHERE product_id = %d", $id ), ARRAY_A ),
			'changes' => (int) $wpdb->get_var( $wpdb->prepare( "SELECT sequence FROM {$wpdb->prefix}pos_sync_queue WHERE type = 'product' AND object_id = %d", $id ) ),
		);
	}
	return $states;
}

/**
 * Rows of the table of movements, by movement.
 */
function stock_rows( array $input ): array {
	global $wpdb;
	return array_column( $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pos_sync_stock ORDER BY id", ARRAY_A ), null, 'movement' );
}

/**
 * Orders that take stock, one after the other, as checkouts do.
 */
function sell( array $input ): array {
	foreach ( range( 1, $input['orders'] ) as $number ) {
		$order = wc_create_order();
		$order->add_product( wc_get_product( $input['id'] ), 1 );
		$order->save();
		$order->payment_complete();
	}
	return array();
}

/**
 * Saves the product's edit screen that was opened when it had the stock "original", with the stock "entered".
 */
function save_editor( array $input ): array {
	require_once WC_ABSPATH . 'includes/admin/wc-admin-functions.php';
	require_once WC_ABSPATH . 'includes/admin/class-wc-admin-meta-boxes.php';
	require_once WC_ABSPATH . 'includes/admin/meta-boxes/class-wc-meta-box-product-data.php';
	wp_set_current_user( 1 );
	$_POST = array(
		'product-type'    => 'simple',
		'_manage_stock'   => 'yes',
		'_original_stock' => (string) $input['original'],
		'_stock'          => (string) $input['entered'],
	);
	\WC_Meta_Box_Product_Data::save( $input['id'], get_post( $input['id'] ) );
	return array( 'said' => \WC_Admin_Meta_Boxes::$meta_box_errors );
}

/**
 * Runs a statement straight in the database.
 */
function sql( array $input ): array {
	global $wpdb;
	$sql = $input['values'] ? $wpdb->prepare( $input['sql'], $input['values'] ) : $input['sql'];
	return array( 'rows' => $wpdb->query( $sql ) );
}
