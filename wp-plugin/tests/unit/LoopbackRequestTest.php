<?php
/**
 * Requests of the site to itself.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Loopback_Request;

/**
 * Only this site can wake itself, and not for long with the same request.
 */
final class LoopbackRequestTest extends TestCase {

	/**
	 * Signatures.
	 */
	public function test_takes_only_what_was_signed_here_not_long_ago(): void {
		$now       = 1795462217;
		$signature = Loopback_Request::sign( $now + 60, 'secret' );
		$this->assertTrue( Loopback_Request::is_valid( $now + 60, $signature, 'secret', $now ) );
		$this->assertFalse( Loopback_Request::is_valid( $now + 60, $signature, 'secret', $now + 61 ) );
		$this->assertFalse( Loopback_Request::is_valid( $now + 60, $signature, 'other', $now ) );
		$this->assertFalse( Loopback_Request::is_valid( $now + 61, $signature, 'secret', $now ) );
		$this->assertFalse( Loopback_Request::is_valid( $now + 9999, Loopback_Request::sign( $now + 9999, 'secret' ), 'secret', $now ) );
		$this->assertFalse( Loopback_Request::is_valid( 0, '', 'secret', $now ) );
	}

	/**
	 * What is known of them.
	 */
	public function test_arrives_is_what_was_seen_last(): void {
		$GLOBALS['test_options'] = array();
		$loopback                = new Loopback_Request();
		$this->assertFalse( $loopback->arrives() );
		Loopback_Request::note_arrival( true );
		$this->assertTrue( $loopback->arrives() );
		update_option( Loopback_Request::BROKEN_UNTIL, time() + 600 );
		$this->assertFalse( $loopback->arrives() );
		$this->assertFalse( $loopback->send() );
		update_option( Loopback_Request::BROKEN_UNTIL, time() - 1 );
		$this->assertTrue( $loopback->arrives() );
		Loopback_Request::note_arrival( false );
		$this->assertFalse( $loopback->arrives() );
	}

	/**
	 * The request.
	 */
	public function test_writes_a_request_that_a_server_reads(): void {
		$request             = Loopback_Request::request( 'https://shop.example:8443/butik/?wc-api=pos_sync_send', 1795462217, 'secret' );
		list( $head, $body ) = explode( "\r\n\r\n", $request );
		$this->assertStringContainsString( "POST /butik/?wc-api=pos_sync_send HTTP/1.1\r\nHost: shop.example:8443\r\n", $head );
		$this->assertStringContainsString( 'Content-Length: ' . strlen( $body ), $head );
		$this->assertSame( 'expires=1795462217&signature=' . Loopback_Request::sign( 1795462217, 'secret' ), $body );
	}
}
