<?php
/**
 * Envelopes.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Payload\Envelope;

/**
 * The bytes that are sent.
 */
final class EnvelopeTest extends TestCase {

	private const ABOUT = array(
		'site_url'       => 'https://shop.example',
		'plugin_version' => '1.1.0',
		'wc_version'     => '11.0.1',
	);

	/**
	 * The examples of the contract, by name.
	 */
	public static function examples(): array {
		$file = json_decode( file_get_contents( __DIR__ . '/../../../tests/contract/envelopes.json' ), true );
		return array_map(
			static function ( array $envelope ): array {
				return array( $envelope['body'] );
			},
			array_column( $file['envelopes'], null, 'name' )
		);
	}

	/**
	 * Taking an example apart and putting it together again gives the same bytes.
	 *
	 * @dataProvider examples
	 * @param string $body The example's exact bytes.
	 */
	public function test_writes_the_examples_of_the_contract_byte_for_byte( string $body ): void {
		$parts    = json_decode( $body, true );
		$about    = array_intersect_key( $parts, self::ABOUT + array( 'opening' => true ) );
		$envelope = new Envelope( $parts['event'], $parts['data']['id'], $parts['sequence'], strtotime( $parts['timestamp'] ), $parts['data'], $about );
		$this->assertSame( $body, $envelope->body );
		$this->assertSame( $parts['delivery_id'], $envelope->delivery_id );
	}

	/**
	 * A retry.
	 */
	public function test_an_unchanged_order_gives_the_same_bytes_under_the_same_id(): void {
		$once  = new Envelope( 'order.updated', 7, 3, 1795462217, array( 'id' => 7 ), self::ABOUT );
		$again = new Envelope( 'order.updated', 7, 3, 1795462217, array( 'id' => 7 ), self::ABOUT );
		$this->assertEquals( $once, $again );
	}

	/**
	 * Whatever differs gets another id.
	 */
	public function test_a_change_another_order_and_another_shop_are_other_deliveries(): void {
		$ids = array();
		foreach ( array( array( 'order.updated', 7, 3 ), array( 'order.updated', 7, 4 ), array( 'order.updated', 8, 3 ), array( 'product.updated', 7, 3 ) ) as $case ) {
			$ids[] = ( new Envelope( $case[0], $case[1], $case[2], 1, array(), self::ABOUT ) )->delivery_id;
		}
		$ids[] = ( new Envelope( 'order.updated', 7, 3, 1, array(), array( 'site_url' => 'https://other.example' ) ) )->delivery_id;
		$this->assertCount( 5, array_unique( $ids ) );
	}

	/**
	 * The signature joins its parts with dots.
	 */
	public function test_a_delivery_id_holds_no_dot(): void {
		$this->assertMatchesRegularExpression( '/^msg_[0-9a-f]{32}$/', ( new Envelope( 'order.updated', 7, 3, 1, array(), self::ABOUT ) )->delivery_id );
	}

	/**
	 * What JSON can't hold.
	 */
	public function test_data_that_json_has_no_form_for_is_sent_as_text(): void {
		$this->assertStringContainsString( '"data":{"total":"INF"}', ( new Envelope( 'order.updated', 7, 3, 1, array( 'total' => INF ), self::ABOUT ) )->body );
	}
}
