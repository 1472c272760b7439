<?php
/**
 * The line that sets up the plugin.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Settings\Setup_Line;

/**
 * A pasted line gives address and key, or nothing.
 */
final class SetupLineTest extends TestCase {

	/**
	 * A line as the POS prints it.
	 *
	 * @param mixed $data What is in it.
	 */
	private function line( $data ): string {
		return 'pos-sync:' . rtrim( strtr( base64_encode( (string) json_encode( $data ) ), '+/', '-_' ), '=' );
	}

	/**
	 * What `pos-api store show default --connect` printed.
	 */
	public function test_reads_what_the_pos_prints(): void {
		$printed = 'pos-sync:eyJ1cmwiOiJodHRwczovL3Bvcy5leGFtcGxlL2FwaS93ZWJob29rcy9vcmRlcnMiLCJrZXkiOiJwb3NfYWItXzEifQ';
		$read    = array(
			'url' => 'https://pos.example/api/webhooks/orders',
			'key' => 'pos_ab-_1',
		);
		$this->assertSame( $read, Setup_Line::read( $printed ) );
		$this->assertSame( $read, Setup_Line::read( "  $printed==\n" ), 'with padding' );
		$this->assertSame( $read, Setup_Line::read( substr( $printed, 0, 30 ) . "\r\n  " . substr( $printed, 30 ) ), 'broken into lines by a mail program' );
		$this->assertSame( 'ä?>', Setup_Line::read( $this->line( array( 'url' => 'x', 'key' => 'ä?>' ) ) )['key'] ); // phpcs:ignore WordPress.Arrays
	}

	/**
	 * Nothing is guessed.
	 */
	public function test_reads_nothing_else(): void {
		$line = $this->line( array( 'url' => 'https://pos.example', 'key' => 'k' ) ); // phpcs:ignore WordPress.Arrays
		foreach ( array( '', 'pos-sync:', 'https://pos.example', substr( $line, 0, -3 ), str_replace( 'pos-sync', 'pos', $line ), 'pos-sync:' . str_repeat( 'A', 5000 ), $this->line( array( 'url' => 'x' ) ), $this->line( array( 'url' => 'x', 'key' => 1 ) ), $this->line( array( 'url' => '', 'key' => 'k' ) ), $this->line( 'text' ) ) as $other ) { // phpcs:ignore WordPress.Arrays
			$this->assertNull( Setup_Line::read( $other ), $other );
		}
		$this->assertTrue( Setup_Line::looks_like( ' POS-sync:x' ) );
		$this->assertFalse( Setup_Line::looks_like( 'https://pos-sync:80' ) );
	}
}
