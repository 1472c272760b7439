<?php
/**
 * What tests do in a shop, step by step. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

/**
 * Installs WordPress, and activates what is there of WooCommerce and the plugin.
 */
function install( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	if ( ! is_blog_installed() ) {
		wp_install( 'Shop', 'admin', 'admin@example.com', true, '', 'admin' );
	}
	update_option( 'siteurl', $input['url'] );
	update_option( 'home', $input['url'] );
	update_option( 'permalink_structure', '/%postname%/' );
	return array( 'wordpress' => $GLOBALS['wp_version'] );
}

/**
 * Activates a plugin as the plugins screen does.
 */
function activate( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	$error = activate_plugin( $input['plugin'] );
	return array( 'error' => is_wp_error( $error ) ? wp_strip_all_tags( $error->get_error_message() ) : '' );
}

/**
 * Sets options, also those a screen would set.
 */
function options( array $input ): array {
	foreach ( $input as $name => $value ) {
		update_option( $name, $value );
	}
	return array();
}

/**
 * Makes the shop ready for selling: tax, payment, a catalogue.
 */
function stock_up( array $input ): array {
	\WC_Install::create_pages();
	update_option( 'woocommerce_coming_soon', 'no' );
	update_option( 'woocommerce_currency', 'SEK' );
	update_option( 'woocommerce_default_country', 'SE' );
	update_option( 'woocommerce_calc_taxes', 'yes' );
	update_option( 'woocommerce_onboarding_profile', array( 'skipped' => true ) );
	update_option(
		'woocommerce_cod_settings',
		array(
			'enabled' => 'yes',
			'title'   => 'Cash on delivery',
		)
	);
	update_option(
		'woocommerce_bacs_settings',
		array(
			'enabled' => 'yes',
			'title'   => 'Bank transfer',
		)
	);
	\WC_Tax::_insert_tax_rate(
		array(
			'tax_rate_country' => 'SE',
			'tax_rate'         => '25',
			'tax_rate_name'    => 'Moms',
		)
	);
	flush_rewrite_rules();
	$ids = array();
	foreach ( $input['products'] ?? array() as $name => $data ) {
		$product = new \WC_Product_Simple();
		$product->set_props(
			$data + array(
				'name'         => $name,
				'manage_stock' => true,
			)
		);
		$ids[ $name ] = $product->save();
	}
	foreach ( $input['variable'] ?? array() as $name => $data ) {
		$ids += variable( $name, $data );
	}
	return $ids;
}

/**
 * A variable product with one variation for each size.
 */
function variable( string $name, array $data ): array {
	$attribute = new \WC_Product_Attribute();
	$attribute->set_name( 'Size' );
	$attribute->set_options( array_keys( $data['sizes'] ) );
	$attribute->set_variation( true );
	$parent = new \WC_Product_Variable();
	$parent->set_name( $name );
	$parent->set_sku( $data['sku'] );
	$parent->set_attributes( array( $attribute ) );
	$parent->set_manage_stock( isset( $data['stock_quantity'] ) );
	$parent->set_stock_quantity( $data['stock_quantity'] ?? null );
	$ids = array( $name => $parent->save() );
	foreach ( $data['sizes'] as $size => $props ) {
		$variation = new \WC_Product_Variation();
		$variation->set_parent_id( $ids[ $name ] );
		$variation->set_attributes( array( 'size' => $size ) );
		$variation->set_props( $props + array( 'manage_stock' => true ) );
		$ids[ "$name $size" ] = $variation->save();
	}
	return $ids;
}

/**
 * An order as checkout code makes it: pending, with lines.
 */
function create_order( array $input ): array {
	$order = wc_create_order( array( 'customer_id' => $input['customer'] ?? 0 ) );
	foreach ( $input['lines'] as $line ) {
		$order->add_product( wc_get_product( $line[0] ), $line[1], $line[2] ?? array() );
	}
	if ( isset( $input['custom'] ) ) {
		$item = new \WC_Order_Item_Product();
		$item->set_props( $input['custom'] );
		$order->add_item( $item );
	}
	if ( isset( $input['fee'] ) ) {
		$fee = new \WC_Order_Item_Fee();
		$fee->set_props(
			array(
				'name'   => 'Fee',
				'amount' => $input['fee'],
				'total'  => $input['fee'],
			)
		);
		$order->add_item( $fee );
	}
	if ( isset( $input['shipping'] ) ) {
		$shipping = new \WC_Order_Item_Shipping();
		$shipping->set_props(
			array(
				'method_title' => 'Post',
				'method_id'    => 'flat_rate',
				'total'        => $input['shipping'],
			)
		);
		$order->add_item( $shipping );
	}
	$order->set_address(
		( $input['address'] ?? array() ) + array(
			'first_name' => 'Anna',
			'last_name'  => 'Öberg',
			'address_1'  => 'Storgatan 1',
			'city'       => 'Malmö',
			'postcode'   => '21145',
			'country'    => 'SE',
			'email'      => 'anna@example.se',
		)
	);
	$order->set_payment_method( $input['payment'] ?? 'cod' );
	$order->set_currency( $input['currency'] ?? get_woocommerce_currency() );
	foreach ( $input['meta'] ?? array() as $key => $value ) {
		$order->update_meta_data( $key, $value );
	}
	if ( isset( $input['note'] ) ) {
		$order->set_customer_note( $input['note'] );
	}
	$order->calculate_totals();
	if ( isset( $input['coupon'] ) ) {
		$coupon = new \WC_Coupon( $input['coupon'] );
		if ( ! $coupon->get_id() ) {
			$coupon->set_props(
				array(
					'code'          => $input['coupon'],
					'discount_type' => 'percent',
					'amount'        => $input['percent'] ?? 10,
				)
			);
			$coupon->save();
		}
		$order->apply_coupon( $input['coupon'] );
	}
	if ( isset( $input['created'] ) ) {
		$order->set_date_created( $input['created'] );
	}
	if ( isset( $input['parent'] ) ) {
		$order->set_parent_id( $input['parent'] );
	}
	$order->save();
	return array( 'id' => $order->get_id() );
}

/**
 * Changes an order's status.
 */
function status( array $input ): array {
	wc_get_order( $input['id'] )->update_status( $input['to'] );
	return array();
}

/**
 * An order is paid.
 */
function pay( array $input ): array {
	wc_get_order( $input['id'] )->payment_complete();
	return array();
}

/**
 * Refunds: "quantities" by position of the line (all: everything), or an amount.
 */
function refund( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$lines = array();
	$total = 0;
	foreach ( array_values( $order->get_items() ) as $position => $item ) {
		$quantity = 'all' === ( $input['quantities'] ?? null ) ? $item->get_quantity() : ( $input['quantities'][ $position ] ?? 0 );
		if ( $quantity ) {
			$part  = $quantity / $item->get_quantity();
			$taxes = array_map(
				static function ( $tax ) use ( $part ) {
					return wc_format_decimal( (float) $tax * $part, 2 );
				},
				$item->get_taxes()['total']
			);

			$lines[ $item->get_id() ] = array(
				'qty'          => $quantity,
				'refund_total' => wc_format_decimal( $item->get_total() * $part, 2 ),
				'refund_tax'   => $taxes,
			);
			$total                   += $item->get_total() * $part + array_sum( $taxes );
		}
	}
	$refund = wc_create_refund(
		array(
			'order_id'      => $order->get_id(),
			'amount'        => $input['amount'] ?? ( 'all' === ( $input['quantities'] ?? null ) ? $order->get_remaining_refund_amount() : wc_format_decimal( $total, 2 ) ),
			'reason'        => 'test',
			'line_items'    => $lines,
			'restock_items' => $input['restock'] ?? false,
		)
	);
	return array( 'id' => is_wp_error( $refund ) ? $refund->get_error_message() : $refund->get_id() );
}

/**
 * Deletes a refund in code, as the REST API does.
 */
function delete_refund( array $input ): array {
	wc_get_order( $input['id'] )->delete( true );
	return array();
}

/**
 * Trash, untrash or delete for good.
 */
function trash( array $input ): array {
	$order = wc_get_order( $input['id'] );
	if ( 'restore' === $input['how'] ) {
		method_exists( $order, 'untrash' ) ? $order->untrash() : wp_untrash_post( $input['id'] );
	} else {
		$order->delete( 'for good' === $input['how'] );
	}
	return array();
}

/**
 * Edits lines as the order screen does: sets quantities by position, adds products, removes lines. With "saved" false
 * the order itself is not saved, nor an added line's stock taken, as when the screen is left after a line was added.
 */
function edit( array $input ): array {
	require_once WC_ABSPATH . 'includes/admin/wc-admin-functions.php';
	$order = wc_get_order( $input['id'] );
	$items = array_values( $order->get_items() );
	$saved = $input['saved'] ?? true;
	foreach ( $input['quantities'] ?? array() as $position => $quantity ) {
		$item = $items[ $position ];
		wc_save_order_items(
			$order->get_id(),
			array(
				'order_item_id'  => array( $item->get_id() ),
				'order_item_qty' => array( $item->get_id() => $quantity ),
				'line_total'     => array( $item->get_id() => $item->get_total() / $item->get_quantity() * $quantity ),
				'line_subtotal'  => array( $item->get_id() => $item->get_subtotal() / $item->get_quantity() * $quantity ),
			)
		);
	}
	foreach ( $input['add'] ?? array() as $line ) {
		$item = $order->get_item( $order->add_product( wc_get_product( $line[0] ), $line[1] ) );
		if ( $saved ) {
			wc_maybe_adjust_line_item_product_stock( $item );
			$order->calculate_totals();
		}
	}
	foreach ( $input['remove'] ?? array() as $position ) {
		wc_maybe_adjust_line_item_product_stock( $items[ $position ], 0 );
		wc_delete_order_item( $items[ $position ]->get_id() );
		$order = wc_get_order( $input['id'] );
		if ( $saved ) {
			$order->calculate_totals();
		}
	}
	return array();
}

/**
 * Renames a SKU.
 */
function rename_sku( array $input ): array {
	$product = wc_get_product( $input['id'] );
	$product->set_sku( $input['sku'] );
	$product->save();
	return array();
}

/**
 * Orders with their refunds over the REST API, and the stock of all products: what the POS should say. With "settle"
 * the scheduler runs first.
 */
function truth( array $input ): array {
	$queue = empty( $input['settle'] ) ? array() : run_jobs( $input );
	wp_cache_flush();
	wp_set_current_user( 1 );
	$get    = static function ( string $path ) {
		$response = rest_do_request( new \WP_REST_Request( 'GET', $path ) );
		return 200 === $response->get_status() ? rest_get_server()->response_to_data( $response, false ) : null;
	};
	$stock  = array();
	$orders = array();
	foreach ( get_posts(
		array(
			'post_type'      => array( 'product', 'product_variation' ),
			'posts_per_page' => -1,
			'fields'         => 'ids',
		)
	) as $id ) {
		$product = wc_get_product( $id );
		if ( true === $product->get_manage_stock() ) {
			$stock[ '' === $product->get_sku() ? "#$id" : $product->get_sku() ] = ( $stock[ $product->get_sku() ] ?? 0 ) + $product->get_stock_quantity();
		}
	}
	foreach ( $input['orders'] ?? array() as $id ) {
		$orders[ $id ] = $get( "/wc/v3/orders/$id" );
		if ( $orders[ $id ] ) {
			$orders[ $id ]['refund_details'] = $get( "/wc/v3/orders/$id/refunds" );
		}
	}
	return array(
		'stock'  => $stock,
		'orders' => $orders,
		'queue'  => $queue,
	);
}

/**
 * Runs the scheduler as WP-Cron does, until the plugin has no job that is due.
 */
function run_jobs( array $input ): array {
	$runs = 0;
	do {
		\ActionScheduler_QueueRunner::instance()->run( 'WP Cron' );
		$due = as_get_scheduled_actions(
			array(
				'group'        => 'pos-sync',
				'status'       => 'pending',
				'date'         => gmdate( 'Y-m-d H:i:s' ),
				'date_compare' => '<=',
				'per_page'     => 1,
			),
			'ids'
		);
	} while ( $due && ++$runs < ( $input['runs'] ?? 20 ) );
	return queue( array() );
}

/**
 * Pretends that time has passed: whatever waits is due, leases have run out, the plugin's and the scheduler's.
 */
function hasten( array $input ): array {
	global $wpdb;
	add_filter( 'action_scheduler_timeout_period', '__return_zero' );
	add_filter( 'action_scheduler_failure_period', '__return_zero' );
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_queue SET next_attempt = 1, lease_until = 0 WHERE state = 'waiting'" );
	( new \POS_Sync\Jobs\Scheduler() )->run_soon( \POS_Sync\Jobs\Scheduler::SEND );
	return run_jobs( $input );
}

/**
 * The queue by state, and the rows that are not sent.
 */
function queue( array $input ): array {
	global $wpdb;
	return array(
		'states' => $wpdb->get_results( "SELECT state, COUNT(*) AS n FROM {$wpdb->prefix}pos_sync_queue GROUP BY state", OBJECT_K ),
		'rows'   => $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pos_sync_queue WHERE state <> 'sent'" . ( empty( $input['all'] ) ? '' : ' OR 1' ) . ' ORDER BY type, object_id LIMIT 200' ),
		'log'    => $wpdb->get_results( "SELECT type, object_id, event, attempt, result, status, outcome, message FROM {$wpdb->prefix}pos_sync_log ORDER BY id DESC LIMIT 50" ),
	);
}

/**
 * Switches the site to a language, as if WordPress's own translation of it were installed; "en_US" switches back.
 */
function language( array $input ): array {
	wp_mkdir_p( WP_LANG_DIR );
	// Any translation will do for WordPress to offer the language.
	copy( WP_PLUGIN_DIR . '/woocommerce-pos-sync/languages/woocommerce-pos-sync-sv_SE.mo', WP_LANG_DIR . '/' . $input['locale'] . '.mo' );
	wp_cache_flush();
	update_option( 'WPLANG', 'en_US' === $input['locale'] ? '' : $input['locale'] );
	return array( 'locale' => get_option( 'WPLANG' ) );
}

/**
 * Everything that the log keeps, requests and answers among it.
 */
function log_texts( array $input ): array {
	global $wpdb;
	$log = new \POS_Sync\Log\Delivery_Log( new \POS_Sync\Settings\Settings() );
	return array_map( array( $log, 'find' ), array_map( 'intval', $wpdb->get_col( "SELECT id FROM {$wpdb->prefix}pos_sync_log" ) ) );
}

/**
 * Runs a round of maintenance.
 */
function maintain( array $input ): array {
	do_action( \POS_Sync\Jobs\Scheduler::MAINTAIN );
	return run_jobs( $input );
}

/**
 * Runs a command of "wp pos-sync".
 */
function cli( array $input ): array {
	$command = \WP_CLI::$commands['pos-sync'];
	call_user_func( array( $command, $input['command'] ), $input['arguments'] ?? array(), $input['options'] ?? array() );
	return array();
}

/**
 * Which WordPress this is.
 */
function version( array $input ): array {
	return array( 'wordpress' => $GLOBALS['wp_version'] );
}

/**
 * Uninstalls a plugin as the plugins screen does, its files kept.
 */
function uninstall( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	deactivate_plugins( $input['plugin'] );
	uninstall_plugin( $input['plugin'] );
	return array();
}

/**
 * What the database holds of the plugin.
 */
function leftovers( array $input ): array {
	global $wpdb;
	$found = array_merge(
		$wpdb->get_col( "SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE 'pos\\_sync%'" ),
		$wpdb->get_col( "SHOW TABLES LIKE '%pos\\_sync%'" )
	);
	if ( $wpdb->get_var( "SHOW TABLES LIKE '%actionscheduler_actions'" ) ) {
		$found = array_merge( $found, $wpdb->get_col( "SELECT hook FROM {$wpdb->prefix}actionscheduler_actions WHERE hook LIKE 'pos\\_sync%' AND status = 'pending'" ) );
	}
	return $found;
}

/**
 * Ids of the products.
 */
function products( array $input ): array {
	return array(
		'ids' => wc_get_products(
			array(
				'return' => 'ids',
				'type'   => 'simple',
				'limit'  => -1,
			)
		),
	);
}

/**
 * Changes some of the plugin's settings. A key goes with the address, unless "key_for" says what it was saved for.
 */
function setting( array $input ): array {
	$key_for = isset( $input['url'] ) ? array( 'key_for' => '' ) : array();
	update_option( 'pos_sync_settings', array_merge( get_option( 'pos_sync_settings', array() ), $key_for, $input ) );
	return array();
}

/**
 * Addresses of WooCommerce's order screens.
 */
function urls( array $input ): array {
	wp_set_current_user( 1 );
	$home   = home_url();
	$orders = \Automattic\WooCommerce\Utilities\OrderUtil::custom_orders_table_usage_is_enabled() ? '/wp-admin/admin.php?page=wc-orders' : '/wp-admin/edit.php?post_type=shop_order';
	return array(
		'orders'    => $orders,
		'new_order' => \Automattic\WooCommerce\Utilities\OrderUtil::custom_orders_table_usage_is_enabled() ? $orders . '&action=new' : '/wp-admin/post-new.php?post_type=shop_order',
		'order'     => isset( $input['id'] ) ? str_replace( $home, '', wc_get_order( $input['id'] )->get_edit_order_url() ) : '',
	);
}

/**
 * Makes the site look like a copy of the one that went live.
 */
function pretend_copy( array $input ): array {
	update_option( 'pos_sync_home', strrev( 'https://shop.example' ) );
	return array();
}

/**
 * Whether the plugin's routes and screens are closed to a customer.
 */
function as_customer( array $input ): array {
	wp_set_current_user(
		wp_insert_user(
			array(
				'user_login' => 'customer' . wp_rand(),
				'user_pass'  => 'x',
				'role'       => 'customer',
			)
		)
	);
	$denied = true;
	foreach ( array( array( 'POST', '/test' ), array( 'GET', '/backfill' ), array( 'POST', '/backfill' ) ) as $route ) {
		$denied = $denied && 403 === rest_do_request( new \WP_REST_Request( $route[0], '/pos-sync/v1' . $route[1] ) )->get_status();
	}
	return array( 'denied' => $denied );
}

/**
 * What the button "Resend all failed" does.
 */
function resend_failed( array $input ): array {
	( new \POS_Sync\Queue\Queue() )->resend_failed( time() );
	( new \POS_Sync\Jobs\Scheduler() )->run_soon( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * The backfill with what it needs.
 */
function backfill(): \POS_Sync\Backfill\Backfill {
	return new \POS_Sync\Backfill\Backfill( new \POS_Sync\Queue\Queue(), new \POS_Sync\Queue\Queue_Reader(), new \POS_Sync\Jobs\Scheduler() );
}

/**
 * The status of sending with what it needs.
 */
function sync_status( \POS_Sync\Settings\Settings $settings ): \POS_Sync\Health\Sync_Status {
	return new \POS_Sync\Health\Sync_Status( $settings, new \POS_Sync\Settings\Site_Identity(), new \POS_Sync\Queue\Queue_Schedule(), new \POS_Sync\Queue\Queue_Reader(), new \POS_Sync\Log\Delivery_Log( $settings ) );
}

/**
 * What the button "Send orders" does.
 */
function backfill_since( array $input ): array {
	backfill()->since( time() - $input['days'] * DAY_IN_SECONDS );
	return array();
}

/**
 * WooCommerce's own webhooks for orders, as a shop without the plugin would set them up.
 */
function add_webhooks( array $input ): array {
	foreach ( array( 'order.created', 'order.updated' ) as $topic ) {
		$webhook = new \WC_Webhook();
		$webhook->set_props(
			array(
				'name'         => $topic,
				'topic'        => $topic,
				'delivery_url' => $input['url'],
				'secret'       => 'secret',
				'status'       => 'active',
				'user_id'      => 1,
			)
		);
		$webhook->save();
	}
	return array();
}

/**
 * Sends as the job does, without the scheduler, which lets only one run at a time.
 */
function send_now( array $input ): array {
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * Another process changes an order that this one has read already; then this one sends.
 */
function send_with_stale_caches( array $input ): array {
	wc_get_order( $input['id'] )->get_items();
	exec( implode( ' ', array_map( 'escapeshellarg', array( PHP_BINARY, __DIR__ . '/act.php', rtrim( ABSPATH, '/' ), 'status', (string) wp_json_encode( $input ) ) ) ) );
	return send_now( $input );
}

/**
 * Makes many orders in one process.
 */
function import( array $input ): array {
	$ids = array();
	foreach ( range( 1, $input['count'] ) as $number ) {
		$ids[] = create_order( array( 'lines' => array( array( $input['product'], 1 ) ) ) )['id'];
	}
	return array( 'ids' => $ids );
}

/**
 * A request to the REST API as the shop's manager.
 */
function rest( array $input ): array {
	wp_set_current_user( 1 );
	$request = new \WP_REST_Request( $input['method'], '/wc/v3' . $input['path'] );
	$request->set_body_params( $input['body'] ?? array() );
	$response = rest_do_request( $request );
	return array(
		'status' => $response->get_status(),
		'data'   => $response->get_data(),
	);
}

/**
 * A classic checkout: cart, order, payment.
 */
function classic_checkout( array $input ): array {
	wc_load_cart();
	WC()->cart->add_to_cart( $input['product'], $input['quantity'] );
	WC()->cart->calculate_totals();
	$id    = WC()->checkout()->create_order(
		array(
			'payment_method'     => 'cod',
			'billing_email'      => 'classic@example.se',
			'billing_first_name' => 'Klas',
			'billing_country'    => 'SE',
		)
	);
	$order = wc_get_order( $id );
	WC()->payment_gateways()->payment_gateways()['cod']->process_payment( $id );
	return array( 'id' => $order->get_id() );
}

/**
 * Makes the log two hours older.
 */
function age_log( array $input ): array {
	global $wpdb;
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_log SET sent_at = sent_at - 7200" );
	return array();
}

/**
 * A password for the REST API.
 */
function application_password( array $input ): array {
	return array( 'password' => \WP_Application_Passwords::create_new_application_password( 1, array( 'name' => 'test ' . wp_rand() ) )[0] );
}

/**
 * A new product.
 */
function new_product( array $input ): array {
	$product = new \WC_Product_Simple();
	$product->set_props( $input + array( 'manage_stock' => isset( $input['stock_quantity'] ) ) );
	return array( 'id' => $product->save() );
}

/**
 * Changes a product, by WooCommerce or (with "sql") behind its back.
 */
function change_product( array $input ): array {
	global $wpdb;
	$product = wc_get_product( $input['id'] );
	foreach ( $input['sql'] ?? array() as $key => $value ) {
		$wpdb->update(
			$wpdb->postmeta,
			array( 'meta_value' => $value ),
			array(
				'post_id'  => $input['id'],
				'meta_key' => $key,
			)
		);
	}
	if ( ! empty( $input['without_time'] ) ) { // As some import plugins write posts.
		$wpdb->update( $wpdb->posts, array( 'post_modified_gmt' => '0000-00-00 00:00:00' ), array( 'ID' => $input['id'] ) );
	}
	if ( isset( $input['props'] ) ) {
		$product->set_props( $input['props'] );
		$product->save();
	}
	if ( isset( $input['delete'] ) ) {
		$product->delete( 'for good' === $input['delete'] );
	}
	return array();
}

/**
 * Publishes a product, or gives it another status, in one of the ways that WordPress has for it.
 */
function set_status( array $input ): array {
	wp_set_current_user( 1 );
	$id     = $input['id'];
	$status = $input['status'] ?? 'publish';
	$change = array(
		'ID'          => $id,
		'post_status' => $status,
	);
	switch ( $input['how'] ) {
		case 'edit screen':
			require_once ABSPATH . 'wp-admin/includes/admin.php';
			$_POST = array(
				'post_ID'     => $id,
				'post_type'   => 'product',
				'post_status' => $status,
				'publish'     => 'Publish',
				'post_title'  => get_the_title( $id ),
			);
			edit_post();
			break;
		case 'bulk edit':
			require_once ABSPATH . 'wp-admin/includes/admin.php';
			bulk_edit_posts(
				array(
					'post'      => array( $id ),
					'_status'   => $status,
					'post_type' => 'product',
				)
			);
			break;
		case 'REST':
			return rest(
				array(
					'method' => 'PUT',
					'path'   => "/products/$id",
					'body'   => array( 'status' => $status ),
				)
			);
		case 'wp_publish_post':
			wp_publish_post( $id );
			break;
		case 'scheduled':
			wp_update_post(
				array(
					'ID'            => $id,
					'post_status'   => 'future',
					'edit_date'     => true,
					'post_date'     => gmdate( 'Y-m-d H:i:s', time() + 2 ),
					'post_date_gmt' => gmdate(
						'Y-m-d H:i:s',
						time() + 2
					),
				)
			);
			sleep( 2 );
			check_and_publish_future_post( $id );
			break;
		default: // Quick edit, and whatever else uses it.
			wp_update_post( $change );
	}
	return array( 'status' => get_post_status( $id ) );
}

/**
 * Meta data that is odd: an object with private properties, numbers that JSON has no form for, far too much of it.
 */
function add_odd_meta( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$order->update_meta_data( '_object', new \ArrayObject( array( 'a' => 1 ) ) );
	$order->update_meta_data(
		'_private',
		array(
			"\0Plugin\0secret" => 'x',
			'public'           => 1,
		)
	);
	$order->update_meta_data( '_endless', INF );
	foreach ( range( 1, 60 ) as $number ) { // WooCommerce's table for meta data holds 64 KiB in each.
		$order->update_meta_data( "_log_$number", str_repeat( 'log ', 15000 ) );
	}
	$order->save();
	return array();
}

/**
 * Deactivates the plugin as the plugins screen does.
 */
function deactivate( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	deactivate_plugins( $input['plugin'] );
	return array();
}

/**
 * Pretends that what waits was tried for three days.
 */
function give_up( array $input ): array {
	global $wpdb;
	$wpdb->query( "UPDATE {$wpdb->prefix}pos_sync_queue SET state = 'failed', attempts = 99, next_attempt = 0 WHERE state = 'waiting'" );
	return array();
}

/**
 * Puts a product into a category and gives it an image, as the edit screen does: not by WooCommerce's own objects.
 */
function categorize( array $input ): array {
	wp_set_object_terms( $input['id'], $input['category'], 'product_cat' );
	$image = wp_insert_attachment(
		array(
			'post_mime_type' => 'image/jpeg',
			'post_title'     => 'Image',
			'post_status'    => 'inherit',
		),
		$input['image']
	);
	set_post_thumbnail( $input['id'], $image );
	return array();
}

/**
 * The e-mails that were sent.
 */
function mails( array $input ): array {
	return array( 'mails' => (array) get_option( 'test_mails', array() ) );
}

/**
 * As if no e-mail had been sent today.
 */
function forget_mails( array $input ): array {
	delete_option( 'pos_sync_mailed' );
	return array();
}

/**
 * What plugins of others do: statuses of their own, one SKU for two products, and a marketplace that takes stock for an
 * order or for its sub-orders (option test_stock_is_taken_by: all, parent or children).
 */
function register_plugins_of_others( array $input ): array {
	$code = <<<'PHP'
		<?php
		add_action( 'init', function () {
			foreach ( array( 'quote', 'shipped' ) as $status ) {
				register_post_status( "wc-$status", array( 'label' => $status, 'exclude_from_search' => false ) );
			}
		} );
		add_filter( 'wc_order_statuses', function ( $statuses ) {
			return $statuses + array( 'wc-quote' => 'Quote', 'wc-shipped' => 'Shipped' );
		} );
		add_filter( 'wc_product_has_unique_sku', '__return_false' );
		add_filter( 'woocommerce_can_reduce_order_stock', function ( $can, $order ) {
			$takes = get_option( 'test_stock_is_taken_by', 'all' );
			return $can && ( 'all' === $takes || ( 'parent' === $takes ) === ! $order->get_parent_id() );
		}, 10, 2 );
		PHP;
	wp_mkdir_p( WPMU_PLUGIN_DIR );
	file_put_contents( WPMU_PLUGIN_DIR . '/plugins-of-others.php', $code );
	return array();
}

/**
 * New simple products.
 */
function make_products( array $input ): array {
	$ids = array();
	foreach ( $input['products'] as $name => $data ) {
		$product = new \WC_Product_Simple();
		$product->set_props( $data + array( 'name' => $name ) );
		$ids[ $name ] = $product->save();
	}
	return $ids;
}

/**
 * Changes properties of a product or variation.
 */
function set_product( array $input ): array {
	$product = wc_get_product( $input['id'] );
	unset( $input['id'] );
	$product->set_props( $input );
	$product->save();
	return array();
}

/**
 * The stock of a product or variation, or of the parent that has it.
 */
function stock_of( array $input ): array {
	return array( 'stock' => wc_get_product( $input['id'] )->get_stock_quantity() );
}

/**
 * Signs a request of the site to itself.
 */
function wake_up( array $input ): array {
	$expires = time() + 60;
	return array(
		'expires'   => $expires,
		'signature' => \POS_Sync\Sending\Loopback_Request::sign( $expires, wp_salt( 'nonce' ) ),
	);
}

/**
 * Runs the sender while the database takes no changes of the queue; returns how many seconds it went on.
 */
function send_while_read_only( array $input ): array {
	add_filter(
		'query',
		static function ( string $sql ): string {
			return preg_match( '/^\s*UPDATE \S+pos_sync_queue SET .*lease_until/s', $sql ) ? 'SELECT 1 FROM DUAL WHERE 1 = 0' : $sql;
		}
	);
	$started = microtime( true );
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array( 'seconds' => microtime( true ) - $started );
}

/**
 * Runs the sender beside a plugin that ends the process whenever one order is read.
 */
function send_and_die_at( array $input ): array {
	add_filter(
		'woocommerce_rest_prepare_shop_order_object',
		static function ( $response, $order ) use ( $input ) {
			if ( $input['id'] === $order->get_id() ) {
				exit( 1 );
			}
			return $response;
		},
		10,
		2
	);
	do_action( \POS_Sync\Jobs\Scheduler::SEND );
	return array();
}

/**
 * Lets time pass for the queue.
 */
function let_pass( array $input ): array {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"UPDATE {$wpdb->prefix}pos_sync_queue SET next_attempt = GREATEST(next_attempt, %d) - %d, lease_until = GREATEST(lease_until, %d) - %d, attempts = attempts + %d WHERE state = 'waiting'",
			$input['seconds'],
			$input['seconds'],
			$input['seconds'],
			$input['seconds'],
			$input['attempts'] ?? 0
		)
	);
	return array();
}

/**
 * Looks for changes beside a plugin that fails at one product.
 */
function maintain_beside_a_broken_plugin( array $input ): array {
	add_filter(
		'woocommerce_product_get_tax_class',
		static function ( $value, $product ) use ( $input ) {
			if ( $input['id'] === $product->get_id() ) {
				throw new \TypeError( 'A fault of another plugin.' );
			}
			return $value;
		},
		10,
		2
	);
	return maintain( $input );
}

/**
 * Carries out a confirmed request to erase a person, as Tools → Erase Personal Data does: each eraser, page by page.
 */
function erase_person( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/admin.php';
	wp_set_current_user( 1 );
	$request = wp_create_user_request( $input['email'], 'remove_personal_data', array(), 'confirmed' );
	$erasers = apply_filters( 'wp_privacy_personal_data_erasers', array() );
	$keys    = array_keys( $erasers );
	$said    = array();
	foreach ( $keys as $index => $key ) {
		$page = 0;
		do {
			++$page;
			$answer = call_user_func( $erasers[ $key ]['callback'], $input['email'], $page );
			$answer = apply_filters( 'wp_privacy_personal_data_erasure_page', $answer, $index + 1, $input['email'], $page, $request, $key );
			$said   = array_merge( $said, $answer['messages'] );
		} while ( ! $answer['done'] );
	}
	return array(
		'erasers'  => $keys,
		'messages' => $said,
		'status'   => get_post_status( $request ),
	);
}

/**
 * What WordPress's exporter gets from the plugin about a person.
 */
function export_person( array $input ): array {
	$exporter = apply_filters( 'wp_privacy_personal_data_exporters', array() )['pos-sync'];
	return call_user_func( $exporter['callback'], $input['email'], 1 );
}

/**
 * What the plugin suggests for the privacy policy.
 */
function privacy_guide( array $input ): array {
	require_once ABSPATH . 'wp-admin/includes/admin.php';
	require_once ABSPATH . 'wp-admin/includes/class-wp-privacy-policy-content.php';
	wp_set_current_user( 1 );
	set_current_screen( 'privacy' );
	foreach ( $GLOBALS['wp_filter']['admin_init']->callbacks as $priority => $hooks ) { // The others want a whole page.
		foreach ( $hooks as $hook ) {
			if ( ! is_array( $hook['function'] ) || ! $hook['function'][0] instanceof \POS_Sync\Privacy\Privacy_Policy ) {
				remove_action( 'admin_init', $hook['function'], $priority );
			}
		}
	}
	do_action( 'admin_init' );
	$texts = array_column( \WP_Privacy_Policy_Content::get_suggested_policy_text(), 'policy_text', 'plugin_name' );
	return array( 'text' => $texts['WooCommerce POS Sync'] ?? '' );
}

/**
 * Removes personal data from orders as the bulk action of the list of orders does.
 */
function anonymize( array $input ): array {
	require_once WC_ABSPATH . 'includes/class-wc-privacy-erasers.php';
	\WC_Privacy_Erasers::remove_order_personal_data( wc_get_order( $input['id'] ) );
	return array();
}

/**
 * All rows of the plugin's tables, as texts.
 */
function tables( array $input ): array {
	global $wpdb;
	return array(
		'queue' => $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pos_sync_queue" ),
		'log'   => log_texts( array() ),
	);
}

/**
 * Sets constants from now on, as wp-config.php does; none ends it.
 */
function constants( array $input ): array {
	$code = "<?php\n";
	foreach ( $input as $name => $value ) {
		$code .= sprintf( "define( %s, %s );\n", var_export( $name, true ), var_export( $value, true ) ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions
	}
	wp_mkdir_p( WPMU_PLUGIN_DIR );
	array_map( 'unlink', glob( WPMU_PLUGIN_DIR . '/constants-*.php' ) );
	file_put_contents( WPMU_PLUGIN_DIR . uniqid( '/constants-' ) . '.php', $code ); // A new name: OPcache may keep what a name held.
	return array();
}

/**
 * Installs code as a plugin of the shop's developer, in place of what was installed before; none removes it.
 */
function developer_plugin( array $input ): array {
	wp_mkdir_p( WPMU_PLUGIN_DIR );
	array_map( 'unlink', glob( WPMU_PLUGIN_DIR . '/developer-*.php' ) );
	if ( isset( $input['code'] ) ) {
		file_put_contents( WPMU_PLUGIN_DIR . uniqid( '/developer-' ) . '.php', "<?php\n" . $input['code'] ); // A new name: OPcache may keep what a name held.
	}
	return array();
}

/**
 * Options by name.
 */
function options_of( array $input ): array {
	return array_combine( $input['names'], array_map( 'get_option', $input['names'] ) );
}

/**
 * Changes meta data of an order.
 */
function set_meta( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$order->update_meta_data( $input['key'], $input['value'] );
	$order->save();
	return array();
}

/**
 * What the plugin wrote into WooCommerce's log.
 */
function woocommerce_log( array $input ): array {
	return array( 'log' => implode( '', array_map( 'file_get_contents', glob( wp_upload_dir()['basedir'] . '/wc-logs/pos-sync-*.log' ) ) ) );
}

/**
 * Saves the settings as a user does; returns what is stored, and what was said.
 */
function save_settings( array $input ): array {
	wp_set_current_user( 1 );
	$_POST['option_page'] = 'pos_sync';
	require_once ABSPATH . 'wp-admin/includes/template.php';
	$settings = new \POS_Sync\Settings\Settings();
	( new \POS_Sync\Settings\Settings_Sanitizer( $settings ) )->register_option();
	( new \POS_Sync\Screens\Settings_Tab( $settings, backfill(), sync_status( $settings ), new \POS_Sync\Sending\Pos_Client( $settings ) ) )->register();
	update_option( 'pos_sync_settings', $input['form'] );
	return stored_settings( array() ) + array( 'said' => array_column( get_settings_errors( 'pos_sync_settings' ), 'message' ) );
}

/**
 * The settings and the key as the database holds them, and the options that are loaded with every page.
 */
function stored_settings( array $input ): array {
	global $wpdb;
	wp_cache_flush();
	return array(
		'settings'   => get_option( 'pos_sync_settings' ),
		'key'        => get_option( 'pos_sync_api_key' ),
		'autoloaded' => array_values( array_filter( array_map( 'serialize', wp_load_alloptions() ), static fn( $text ) => false !== strpos( $text, $input['key'] ?? 'journey-key' ) ) ),
	);
}

/**
 * As an earlier version left its tables and settings: of schema 4, with so many orders and products that wait or were sent.
 */
function make_schema_4( array $input ): array {
	global $wpdb;
	$queue = "{$wpdb->prefix}pos_sync_queue";
	foreach ( array( 'stock_taken_at', 'fingerprint', 'refunds' ) as $column ) {
		$wpdb->query( "ALTER TABLE $queue DROP COLUMN $column" );
	}
	$wpdb->query( "ALTER TABLE $queue DROP KEY next_one, DROP KEY claimed, ADD KEY due (state, next_attempt)" );
	$wpdb->query( "TRUNCATE $queue" );
	$rows = array();
	for ( $number = 1; $number <= $input['rows']; $number++ ) {
		$type   = $number % 5 ? 'order' : 'product';
		$state  = $number % 3 ? 'sent' : 'waiting';
		$rows[] = "('$type', 1000000 + $number, '$state', 0, 1790000000 + $number, 5, 'updated', 1790000000, 3, 4, 1790000000, 2000000000, 0, 0, 'x', NULL)";
		if ( 0 === $number % 1000 ) {
			$wpdb->query( "INSERT INTO $queue (type, object_id, state, priority, sequence, delivered, topic, changed_at, attempts, tries, tried_at, next_attempt, lease_until, status, error, last_state) VALUES " . implode( ',', $rows ) );
			$rows = array();
		}
	}
	$before   = $wpdb->get_row( "SELECT COUNT(*) AS n, SUM(sequence) AS sequences, SUM(delivered) AS delivered, SUM(state = 'waiting') AS waiting FROM $queue", ARRAY_A );
	$settings = array_merge( get_option( 'pos_sync_settings' ), (array) get_option( 'pos_sync_api_key' ) );

	$settings['api_key'] = $settings['key'];
	$settings['key_for'] = $settings['for'];
	unset( $settings['key'], $settings['for'] );
	$wpdb->update( $wpdb->options, array( 'option_value' => serialize( $settings ) ), array( 'option_name' => 'pos_sync_settings' ) );
	$wpdb->delete( $wpdb->options, array( 'option_name' => 'pos_sync_api_key' ) );
	$wpdb->update( $wpdb->options, array( 'option_value' => '4' ), array( 'option_name' => 'pos_sync_schema' ) );
	return $before;
}

/**
 * What the tables look like after the first page was loaded with this version.
 */
function after_upgrade( array $input ): array {
	global $wpdb;
	$queue = "{$wpdb->prefix}pos_sync_queue";
	$begun = microtime( true );
	$due   = ( new \POS_Sync\Queue\Queue_Schedule() )->next_item( 2000000001, true, true );
	$spent = microtime( true ) - $begun;
	return array(
		'schema'  => get_option( 'pos_sync_schema' ),
		'columns' => $wpdb->get_col( "SHOW COLUMNS FROM $queue" ),
		'keys'    => array_values( array_unique( $wpdb->get_col( "SHOW INDEX FROM $queue", 2 ) ) ),
		'totals'  => $wpdb->get_row( "SELECT COUNT(*) AS n, SUM(sequence) AS sequences, SUM(delivered) AS delivered, SUM(state = 'waiting') AS waiting FROM $queue", ARRAY_A ),
		'due'     => $due ? array( $due->type, $due->id ) : array(),
		'seconds' => $spent,
		'plan'    => $wpdb->get_results( "EXPLAIN SELECT * FROM $queue WHERE state = 'waiting' AND priority = 0 AND type = 'order' AND next_attempt <= 2000000001 AND lease_until <= 2000000001 ORDER BY next_attempt, object_id LIMIT 1", ARRAY_A ),
		'claimed' => $wpdb->get_results( "EXPLAIN SELECT COUNT(*) FROM $queue WHERE state = 'waiting' AND lease_until > 2000000001", ARRAY_A ),
	);
}

/**
 * Looks whether an e-mail is to be sent, in a request of a user with another language.
 */
function check_alarm( array $input ): array {
	if ( isset( $input['locale'] ) && determine_locale() !== $input['locale'] ) {
		switch_to_locale( $input['locale'] );
	}
	$settings = new \POS_Sync\Settings\Settings();
	$status   = sync_status( $settings );
	$alarms   = array_map( static fn() => new \POS_Sync\Health\Email_Alerts( $settings, $status, new \POS_Sync\Queue\Queue_Reader() ), range( 1, $input['at_once'] ?? 1 ) );
	if ( isset( $input['at_once'] ) ) {
		// All have read that there was no e-mail today, as processes do that look at the same time.
		update_option( 'pos_sync_mailed', array( 'before' => 0 ), false );
		foreach ( $alarms as $alarm ) {
			wp_cache_set( 'pos_sync_mailed', array( 'before' => 0 ), 'options' );
			$alarm->check();
		}
	} else {
		$alarms[0]->check();
	}
	return array(
		'locale' => determine_locale(),
		'sent'   => \POS_Sync\Messages\Labels::results()['sent'],
	);
}

/**
 * Many products that are for sale, written as an import does.
 */
function many_products( array $input ): array {
	global $wpdb;
	$rows = array();
	foreach ( range( 1, $input['count'] ) as $number ) {
		$rows[] = "('Many $number', 'many-$number', 'publish', 'product', UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), '', '', '', '', '')";
	}
	$wpdb->query( "INSERT INTO $wpdb->posts (post_title, post_name, post_status, post_type, post_date, post_date_gmt, post_modified, post_modified_gmt, post_content, post_excerpt, to_ping, pinged, post_content_filtered) VALUES " . implode( ',', $rows ) );
	$wpdb->query( "INSERT INTO $wpdb->postmeta (post_id, meta_key, meta_value) SELECT ID, '_sku', post_name FROM $wpdb->posts WHERE post_name LIKE 'many-%'" );
	return array();
}

/**
 * Ends the sending of history, and removes those products.
 */
function end_backfill( array $input ): array {
	global $wpdb;
	delete_option( 'pos_sync_backfill' );
	$wpdb->query( "DELETE q FROM {$wpdb->prefix}pos_sync_queue q JOIN $wpdb->posts p ON p.ID = q.object_id WHERE q.type = 'product' AND p.post_name LIKE 'many-%'" );
	$wpdb->query( "DELETE m FROM $wpdb->postmeta m JOIN $wpdb->posts p ON p.ID = m.post_id WHERE p.post_name LIKE 'many-%'" );
	$wpdb->query( "DELETE FROM $wpdb->posts WHERE post_name LIKE 'many-%'" );
	return array();
}
