<?php
/**
 * The settings.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Settings\Webhook_Url;

/**
 * Which addresses are on one server, so that the saved key may be sent to both.
 */
final class WebhookUrlTest extends TestCase {

	/**
	 * Path, letter case and the usual port make no difference.
	 */
	public function test_one_server_can_be_written_in_several_ways(): void {
		foreach ( array( 'https://pos.example/api/webhooks/orders', 'https://POS.example', 'HTTPS://pos.example:443/?a=b' ) as $url ) {
			$this->assertSame( 'https://pos.example', Webhook_Url::origin( $url ) );
		}
		$this->assertSame( 'http://127.0.0.1', Webhook_Url::origin( 'http://127.0.0.1:80/api/webhooks/orders' ) );
	}

	/**
	 * Another scheme, host or port is another server.
	 */
	public function test_scheme_host_and_port_make_the_server(): void {
		$urls = array( 'http://pos.example', 'https://pos.example', 'https://pos.example:8443', 'http://pos.example:443', 'https://pos.example:80', 'https://pos.example.evil.example', 'https://evil.example/pos.example' );
		$this->assertCount( count( $urls ), array_unique( array_map( array( Webhook_Url::class, 'origin' ), $urls ) ) );
	}

	/**
	 * What is no address is on no server.
	 */
	public function test_no_address(): void {
		foreach ( array( '', 'pos.example', '/api', 'http://', 'http:///x' ) as $url ) {
			$this->assertSame( '', Webhook_Url::origin( $url ) );
		}
	}
}
