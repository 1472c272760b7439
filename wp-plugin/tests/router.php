<?php
/**
 * Lets PHP's built-in server serve WordPress with pretty addresses.
 *
 * @package POS_Sync
 */

$root = $_SERVER['DOCUMENT_ROOT']; // phpcs:ignore WordPress.Security -- a test server.
$path = rawurldecode( (string) parse_url( (string) $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ); // phpcs:ignore WordPress.Security -- a test server.

if ( '/' !== $path && is_dir( $root . $path ) && is_file( rtrim( $root . $path, '/' ) . '/index.php' ) ) {
	$path = rtrim( $path, '/' ) . '/index.php';
}
if ( '/' !== $path && is_file( $root . $path ) ) {
	if ( '.php' !== substr( $path, -4 ) ) {
		return false;
	}
	$_SERVER['SCRIPT_NAME'] = $path;
	$_SERVER['PHP_SELF']    = $path;
	chdir( dirname( $root . $path ) );
	require $root . $path;
	return true;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
chdir( $root );
require $root . '/index.php';
return true;
