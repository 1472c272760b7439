<?php
/**
 * Addresses that are never a POS.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Network_Address;
use POS_Sync\Settings\Webhook_Url;

/**
 * Nothing is sent to link-local and metadata addresses, however they are written; private networks are allowed.
 */
final class NetworkAddressTest extends TestCase {

	/**
	 * The forms in which programs that connect take an address.
	 */
	public function test_link_local_and_metadata_addresses_are_refused_in_every_form(): void {
		$hosts = array( '169.254.169.254', '169.254.0.1', '169.254.169.254.', '2852039166', '0xA9FEA9FE', '0251.0376.0251.0376', '0xa9.254.0251.254', '169.254.43518', '169.16689662', '[fe80::1]', '[febf::ffff]', '[fe80::1%25eth0]', '[fd00:ec2::254]', '[fd20:ce::254]', '[::ffff:169.254.169.254]', '[::FFFF:a9fe:a9fe]', '[0:0:0:0:0:ffff:a9fe:a9fe]', '[::169.254.169.254]', '[::ffff:0:169.254.169.254]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::169.254.169.254]', '[2002:a9fe:a9fe::1]', '168.63.129.16', '100.100.100.200', '192.0.0.192', 'metadata.google.internal', 'Metadata.Google.Internal.', 'metadata', 'instance-data' ); // phpcs:ignore PHPCompatibility.Miscellaneous.ValidIntegers
		foreach ( $hosts as $host ) {
			$this->assertSame( array( $host, true ), array( $host, Network_Address::is_blocked_host( $host ) ) );
			foreach ( array( 'https', 'http' ) as $scheme ) {
				$this->assertStringContainsString( 'link-local or metadata', Webhook_Url::problem( "$scheme://$host/api/webhooks/orders" ) );
			}
		}
	}

	/**
	 * A POS may stand on this machine, in the shop's own network, or anywhere else.
	 */
	public function test_other_addresses_are_allowed_private_ones_by_plain_http_too(): void {
		foreach ( array( '127.0.0.1', '10.0.0.4', '172.16.0.9', '192.168.1.20', '[::1]', '[fd12:3456::1]', '127.1', 'localhost', 'pos', 'pos.local' ) as $host ) {
			$this->assertSame( '', Webhook_Url::problem( "http://$host:8000/api/webhooks/orders" ), $host );
		}
		foreach ( array( 'pos.example.com', '203.0.113.9', '169.253.0.1', '169.255.0.1', '[2001:db8::1]', '[::ffff:10.0.0.4]', '1.2.3.4.5', 'metadata.example.com' ) as $host ) {
			$this->assertSame( '', Webhook_Url::problem( "https://$host/api/webhooks/orders" ), $host );
		}
	}

	/**
	 * A public address in one number is no name of the own network.
	 */
	public function test_plain_http_to_a_public_address_is_refused_in_every_form(): void {
		foreach ( array( '8.8.8.8', '134744072', '0x08080808', '010.010.010.010', '8.526344' ) as $host ) { // phpcs:ignore PHPCompatibility.Miscellaneous.ValidIntegers
			$this->assertStringContainsString( 'must begin with https://', Webhook_Url::problem( "http://$host/" ) );
		}
	}

	/**
	 * What a host stands for.
	 */
	public function test_hosts_are_looked_up(): void {
		$this->assertSame( array( '10.0.0.4' ), Network_Address::resolve( '10.0.0.4' ) );
		$this->assertSame( array( '127.0.0.1' ), Network_Address::resolve( '0x7f.1' ) );
		$this->assertSame( array(), Network_Address::resolve( '' ) );
		$this->assertSame( '', Webhook_Url::host_problem( 'https://192.168.0.1/' ) );
		$this->assertStringContainsString( 'link-local', Webhook_Url::host_problem( 'https://169.254.1.1/' ) );
	}
}
