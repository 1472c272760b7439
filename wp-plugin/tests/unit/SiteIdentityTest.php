<?php
/**
 * Addresses.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Settings\Site_Identity;
use POS_Sync\Settings\Webhook_Url;

/**
 * Telling a copy of the shop from the shop, and usable webhook URLs from others.
 */
final class SiteIdentityTest extends TestCase {

	/**
	 * What is still the same shop.
	 */
	public function test_a_shop_that_moves_to_https_is_the_same_shop(): void {
		$this->assertTrue( Site_Identity::is_same_site( 'http://shop.example/', 'https://Shop.example' ) );
		$this->assertTrue( Site_Identity::is_same_site( 'https://www.shop.example', 'https://shop.example' ) );
	}

	/**
	 * What is not.
	 */
	public function test_a_staging_copy_is_another_site(): void {
		$this->assertFalse( Site_Identity::is_same_site( 'https://shop.example', 'https://staging.shop.example' ) );
		$this->assertFalse( Site_Identity::is_same_site( 'https://shop.example', 'https://shop.example/staging' ) );
		$this->assertFalse( Site_Identity::is_same_site( 'https://shop.example', 'https://shop.example:8443' ) );
	}

	/**
	 * Webhook URLs.
	 */
	public function test_takes_https_anywhere_and_http_only_nearby(): void {
		foreach ( array( 'https://pos.example.com/api/webhooks/orders', 'http://localhost:5000/api/webhooks/orders', 'http://127.0.0.1/x', 'http://[::1]:5000/x', 'http://192.168.1.20:5000/x', 'http://pos.local/x', 'http://pos/x', '' ) as $url ) {
			$this->assertSame( '', Webhook_Url::problem( $url ), $url );
		}
		foreach ( array( 'http://pos.example.com/x', 'http://8.8.8.8/x', 'ftp://pos.example.com', 'pos.example.com/x', '/api', 'https://', 'https://user:secret@pos.example.com/x', 'https://pos.example.com/a b', 'javascript:alert(1)' ) as $url ) {
			$this->assertNotSame( '', Webhook_Url::problem( $url ), $url );
		}
	}

	/**
	 * The health URL.
	 */
	public function test_asks_for_health_beside_the_webhook_url(): void {
		$this->assertSame( 'https://pos.example/api/webhooks/health', Webhook_Url::health_url( 'https://pos.example/api/webhooks/orders' ) );
		$this->assertSame( 'https://pos.example/api/webhooks/health', Webhook_Url::health_url( 'https://pos.example/api/webhooks/orders/' ) );
		$this->assertSame( 'https://pos.example/x/health', Webhook_Url::health_url( 'https://pos.example/x/orders?store=1' ) );
	}
}
