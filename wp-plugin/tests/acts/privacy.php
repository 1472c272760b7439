<?php
/**
 * What tests do with personal data. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

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
