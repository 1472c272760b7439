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
function size_format( int $bytes, int $decimals ): string { return number_format( $bytes / 1024, $decimals ) . ' KB'; }
// phpcs:enable
