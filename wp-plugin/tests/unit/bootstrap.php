<?php
/**
 * Loads the pure classes without WordPress, with the few of its functions they call.
 *
 * @package POS_Sync
 */

define( 'ABSPATH', __DIR__ . '/' );
define( 'POS_Sync\VERSION', 'test' );

require_once __DIR__ . '/../../woocommerce-pos-sync/includes/autoload.php';

// phpcs:disable
function __( string $text ): string { return $text; }
function wp_json_encode( $value, int $flags = 0 ) { return json_encode( $value, $flags ); }
function wp_parse_url( string $url, int $component = -1 ) { return parse_url( $url, $component ); }
function number_format_i18n( float $number, int $decimals = 0 ): string { return number_format( $number, $decimals ); }
function get_option( string $name, $default = false ) { return $GLOBALS['test_options'][ $name ] ?? $default; }
function update_option( string $name, $value ): bool { $GLOBALS['test_options'][ $name ] = $value; return true; }
function size_format( int $bytes, int $decimals ): string { return number_format( $bytes / 1024, $decimals ) . ' KB'; }
function add_filter( string $hook, callable $callback ): void { $GLOBALS['test_callbacks'][ $hook ][] = $callback; }
function apply_filters( string $hook, $value, ...$arguments ) {
	$GLOBALS['wp_current_filter'][] = $hook;
	foreach ( $GLOBALS['test_callbacks'][ $hook ] ?? array() as $callback ) {
		$value = $callback( $value, ...$arguments );
	}
	array_pop( $GLOBALS['wp_current_filter'] );
	return $value;
}
function do_action( string $hook, ...$arguments ): void { apply_filters( $hook, ...$arguments ); }
function wc_get_logger() {
	return new class() {
		public function error( string $line ): void { $GLOBALS['test_log'][] = $line; }
	};
}
// phpcs:enable
