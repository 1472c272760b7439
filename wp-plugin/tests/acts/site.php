<?php
/**
 * What tests do with WordPress itself, the plugin and its settings. Each gets the step's options and gives what the test wants to know.
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
 * A password for the REST API.
 */
function application_password( array $input ): array {
	return array( 'password' => \WP_Application_Passwords::create_new_application_password( 1, array( 'name' => 'test ' . wp_rand() ) )[0] );
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
