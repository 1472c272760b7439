<?php
/**
 * Does one thing in a WordPress, as a request would: php act.php SITE WHAT [JSON]. Prints JSON.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

list( , $site, $what ) = $argv;
$input                 = (array) json_decode( $argv[3] ?? '{}', true );

$_SERVER += array(
	'HTTP_HOST'       => '127.0.0.1',
	'REQUEST_URI'     => '/',
	'REQUEST_METHOD'  => 'GET',
	'SERVER_NAME'     => '127.0.0.1',
	'SERVER_PROTOCOL' => 'HTTP/1.1',
	'REMOTE_ADDR'     => '127.0.0.1',
);
if ( 'install' === $what ) {
	define( 'WP_INSTALLING', true );
}
if ( 'cli' === $what ) {
	require __DIR__ . '/wp-cli-stub.php';
	// Only the plugin is to think that this is WP-CLI: WooCommerce would want all of it.
	$wp_filter = array(
		'plugins_loaded' => array(
			9 => array(
				array(
					'accepted_args' => 0,
					'function'      => static function (): void {
						define( 'WP_CLI', true );
					},
				),
			),
		),
	);
}
require "$site/wp-load.php";
foreach ( array( 'site', 'catalogue', 'orders', 'sending', 'privacy', 'stock' ) as $part ) {
	require_once __DIR__ . "/acts/$part.php";
}

$result = call_user_func( __NAMESPACE__ . '\\' . $what, $input );
if ( 'cli' !== $what ) {
	echo wp_json_encode( $result ), "\n";
}
