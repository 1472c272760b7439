<?php
/**
 * Loads classes: POS_Sync\Queue\Queue_Item is in queue/class-queue-item.php.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

spl_autoload_register(
	static function ( string $name ): void {
		$parts = explode( '\\', strtolower( str_replace( '_', '-', $name ) ) );
		if ( 'pos-sync' !== array_shift( $parts ) || ! $parts ) {
			return;
		}
		$class  = array_pop( $parts );
		$folder = implode( '/', array_merge( array( __DIR__ ), $parts ) );
		foreach ( array( 'class', 'interface' ) as $kind ) {
			if ( is_readable( "$folder/$kind-$class.php" ) ) {
				require "$folder/$kind-$class.php";
				return;
			}
		}
	}
);
