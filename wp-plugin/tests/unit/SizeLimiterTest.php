<?php
/**
 * Sizes.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Payload\Envelope;
use POS_Sync\Payload\Size_Limiter;

/**
 * An order that is too large goes without its largest meta data.
 */
final class SizeLimiterTest extends TestCase {

	/**
	 * An envelope of an order.
	 *
	 * @param array<mixed> $data The order.
	 */
	private function envelope( array $data ): Envelope {
		return new Envelope( 'order.created', 5, 1, 1795462217, $data, array( 'site_url' => 'https://shop.example' ) );
	}

	/**
	 * Meta data.
	 *
	 * @param string $key   Its key.
	 * @param int    $bytes Its size.
	 * @return array<string, string>
	 */
	private static function meta( string $key, int $bytes ): array {
		return array(
			'key'   => $key,
			'value' => str_repeat( 'x', $bytes ),
		);
	}

	/**
	 * The largest go, the others stay.
	 */
	public function test_leaves_out_the_largest_meta_data_and_names_it(): void {
		$line     = array(
			'id'        => 7,
			'quantity'  => 2,
			'meta_data' => array( self::meta( '_design', 1500000 ), self::meta( '_reduced_stock', 1 ) ),
		);
		$envelope = $this->envelope(
			array(
				'id'         => 5,
				'meta_data'  => array( self::meta( '_small', 10 ), self::meta( '_log', 3000000 ), self::meta( '_mid', 400000 ) ),
				'line_items' => array( $line ),
			)
		);
		$this->assertTrue( strlen( $envelope->body ) <= 2 * 1024 * 1024 );
		$body = json_decode( $envelope->body, true );
		$this->assertSame( array( '_log' ), array_column( $body['left_out'], 'key' ) );
		$this->assertSame( 'meta_data', $body['left_out'][0]['in'] );
		$this->assertSame( array( '_small', '_mid' ), array_column( $body['data']['meta_data'], 'key' ) );
		$this->assertSame( array( '_design', '_reduced_stock' ), array_column( $body['data']['line_items'][0]['meta_data'], 'key' ) );
		$this->assertStringContainsString( '_log (2', $envelope->left_out_note() );
	}

	/**
	 * Those of lines, too.
	 */
	public function test_finds_meta_data_of_lines(): void {
		$line = array(
			'id'        => 7,
			'meta_data' => array( self::meta( '_design', 2500000 ), self::meta( '_reduced_stock', 1 ) ),
		);
		$body = json_decode( $this->envelope( array( 'line_items' => array( $line ) ) )->body, true );
		$this->assertSame( 'line_items.0.meta_data', $body['left_out'][0]['in'] );
		$this->assertSame( array( '_reduced_stock' ), array_column( $body['data']['line_items'][0]['meta_data'], 'key' ) );
	}

	/**
	 * What fits goes as it is.
	 */
	public function test_leaves_alone_what_fits(): void {
		$envelope = $this->envelope( array( 'meta_data' => array( self::meta( '_log', Size_Limiter::LIMIT - 1000 ) ) ) );
		$this->assertSame( array(), $envelope->left_out );
		$this->assertFalse( strpos( $envelope->body, 'left_out' ) );
	}
}
