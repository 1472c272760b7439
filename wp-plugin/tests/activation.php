<?php
/**
 * The plugin in a real WordPress without WooCommerce: php activation.php SHOP URL. It activates, says what is missing,
 * does nothing else, and is uninstalled without a trace or a word in debug.log.
 *
 * @package POS_Sync
 */

// phpcs:disable Squiz.Commenting.FunctionComment

list( , $dir, $url ) = $argv;

/**
 * Runs a step in the shop.
 */
function act( string $what, array $input = array() ): array {
	global $dir;
	$command = array( __DIR__ . '/shop', 'act', $dir, $what, (string) json_encode( $input ) );
	exec( implode( ' ', array_map( 'escapeshellarg', $command ) ), $lines, $status );
	check( 0 === $status, "$what runs: " . implode( "\n", $lines ) );
	return (array) json_decode( (string) end( $lines ), true );
}

/**
 * Fetches a page of the admin area as the administrator.
 */
function page( string $path ): string {
	global $url, $dir;
	static $logged_in = false;
	$curl             = curl_init();
	curl_setopt_array(
		$curl,
		array(
			CURLOPT_RETURNTRANSFER => true,
			CURLOPT_FOLLOWLOCATION => true,
			CURLOPT_COOKIEFILE     => "$dir/cookies",
			CURLOPT_COOKIEJAR      => "$dir/cookies",
			CURLOPT_TIMEOUT        => 60,
		)
	);
	if ( ! $logged_in ) {
		curl_setopt( $curl, CURLOPT_URL, "$url/wp-login.php" );
		curl_exec( $curl );
		curl_setopt( $curl, CURLOPT_POSTFIELDS, 'log=admin&pwd=admin&testcookie=1' );
		curl_exec( $curl );
		curl_setopt( $curl, CURLOPT_HTTPGET, true );
		$logged_in = true;
	}
	curl_setopt( $curl, CURLOPT_URL, $url . $path );
	$body = (string) curl_exec( $curl );
	check( 200 === curl_getinfo( $curl, CURLINFO_RESPONSE_CODE ), "$path is shown" );
	unset( $curl ); // Writes the cookies.
	return $body;
}

/**
 * Ends with the first promise that is not kept.
 */
function check( bool $kept, string $promise ): void {
	static $count = 0;
	if ( ! $kept ) {
		echo "NOT OK: $promise\n";
		exit( 1 );
	}
	++$count;
	$GLOBALS['kept'] = $count;
}

$tries = 0;
while ( ++$tries < 100 && ! @fsockopen( '127.0.0.1', (int) parse_url( $url, PHP_URL_PORT ) ) ) { // phpcs:ignore WordPress.PHP
	usleep( 100000 );
}

$plugin = 'woocommerce-pos-sync/woocommerce-pos-sync.php';
$error  = act( 'activate', array( 'plugin' => $plugin ) )['error'];
if ( version_compare( act( 'version' )['wordpress'], '6.5', '>=' ) ) {
	check( false !== stripos( $error, 'woocommerce' ), "WordPress itself says that WooCommerce is needed: $error" );
}

// Where WooCommerce was removed later, or WordPress is older, it is active all the same.
act( 'options', array( 'active_plugins' => array( $plugin ) ) );
foreach ( array( '/wp-admin/', '/wp-admin/plugins.php' ) as $path ) {
	$html = page( $path );
	check( false !== strpos( $html, 'it needs WooCommerce 8.2 or newer' ), "$path says what is missing" );
}
check( false === strpos( $html, 'page=pos-sync' ), 'there is no menu yet' );
check( false !== strpos( page( '/' ), '<html' ), 'the front end is shown' );
check( array() === act( 'leftovers' ), 'without WooCommerce it stores nothing' );
act( 'uninstall', array( 'plugin' => $plugin ) );
check( array() === act( 'leftovers' ), 'uninstalling leaves nothing behind' );

$log = is_file( "$dir/debug.log" ) ? file_get_contents( "$dir/debug.log" ) : '';
check( '' === trim( $log ), "debug.log is empty, but holds:\n$log" );

printf( "Activation: %d passed, 0 failed\n", $kept );
