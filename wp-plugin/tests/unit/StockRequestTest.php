<?php
/**
 * Bodies of the POS's requests, and the answers.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Stock\Stock_Batch;
use POS_Sync\Stock\Stock_Error;
use POS_Sync\Stock\Stock_Request;
use POS_Sync\Stock\Stock_Result;

/**
 * A request is read or refused as a whole; what is odd about one item costs no other.
 */
final class StockRequestTest extends TestCase {

	private const ITEM = array(
		'movement'     => '6929f0a1b2c3d4e5f6071829',
		'product_id'   => 12,
		'variation_id' => 34,
		'sku'          => 'MUG-1',
		'delta'        => -1,
		'reason'       => 'order',
	);

	/**
	 * As the POS sends it.
	 */
	public function test_reads_an_item(): void {
		$item = Stock_Request::items( (string) json_encode( array( 'items' => array( self::ITEM ) ) ) )[0];
		$this->assertSame( array( '6929f0a1b2c3d4e5f6071829', 12, 34, 34, 'MUG-1', -1.0, '-1.000000', 'order', '' ), array( $item->movement, $item->product_id, $item->variation_id, $item->target(), $item->sku, $item->delta, $item->decimal(), $item->reason, $item->problem ) );
	}

	/**
	 * What an item need not have.
	 */
	public function test_an_item_without_variation_is_the_products(): void {
		foreach ( array( array(), array( 'variation_id' => 0 ), array( 'variation_id' => null ) ) as $variation ) {
			$item = $this->item( $variation + array_diff_key( self::ITEM, array( 'variation_id' => 0 ) ) );
			$this->assertSame( array( 12, '' ), array( $item->target(), $item->problem ) );
		}
		$this->assertSame( 255, mb_strlen( $this->item( array( 'sku' => str_repeat( 'ä', 300 ) ) + self::ITEM )->sku ) );
	}

	/**
	 * Items that are refused alone.
	 */
	public static function odd(): array {
		return array(
			'no product'          => array( array( 'product_id' => 0 ) ),
			'a product by name'   => array( array( 'product_id' => 'mug' ) ),
			'a variation below 0' => array( array( 'variation_id' => -1 ) ),
			'no number'           => array( array( 'delta' => '1' ) ),
			'none at all'         => array( array( 'delta' => null ) ),
			'too large'           => array( array( 'delta' => 1e9 ) ),
			'seven decimals'      => array( array( 'delta' => 0.0000001 ) ),
		);
	}

	/**
	 * Each of them.
	 *
	 * @dataProvider odd
	 * @param array $change What is odd.
	 */
	public function test_an_odd_item_is_refused_alone( array $change ): void {
		$items = Stock_Request::items( (string) json_encode( array( 'items' => array( $change + self::ITEM, self::ITEM ) ) ) );
		$this->assertNotSame( '', $items[0]->problem );
		$this->assertSame( '', $items[1]->problem );
	}

	/**
	 * Six decimals are exact.
	 */
	public function test_keeps_six_decimals(): void {
		$this->assertSame( '-0.100001', $this->item( array( 'delta' => -0.100001 ) + self::ITEM )->decimal() );
		$this->assertSame( '999999999.500000', $this->item( array( 'delta' => 999999999.5 ) + self::ITEM )->decimal() );
	}

	/**
	 * Bodies that are refused as a whole.
	 */
	public static function bad(): array {
		return array(
			'no JSON'         => array( 400, 'x' ),
			'nothing'         => array( 400, '' ),
			'no list'         => array( 400, '{"items":{"a":1}}' ),
			'another list'    => array( 400, '{"movements":["a"]}' ),
			'no movement'     => array( 400, '{"items":[{"product_id":1,"delta":1}]}' ),
			'an odd movement' => array( 400, '{"items":[{"movement":"a b","product_id":1,"delta":1}]}' ),
			'a long movement' => array( 400, '{"items":[{"movement":"' . str_repeat( 'a', 65 ) . '"}]}' ),
			'a line break'    => array( 400, '{"items":[{"movement":"a\n"}]}' ),
			'no item'         => array( 400, '{"items":[7]}' ),
			'too many'        => array( 413, (string) json_encode( array( 'items' => array_fill( 0, 101, self::ITEM ) ) ) ),
			'too large'       => array( 413, (string) json_encode( array( 'items' => array( array( 'sku' => str_repeat( 'a', 262144 ) ) + self::ITEM ) ) ) ),
		);
	}

	/**
	 * Each of them.
	 *
	 * @dataProvider bad
	 * @param int    $status HTTP status.
	 * @param string $body   The body.
	 */
	public function test_refuses_a_bad_body( int $status, string $body ): void {
		try {
			Stock_Request::items( $body );
			$found = 200;
		} catch ( Stock_Error $error ) {
			$found = $error->status;
		}
		$this->assertSame( $status, $found );
	}

	/**
	 * A check, and a full batch.
	 */
	public function test_takes_none_to_a_hundred_items(): void {
		$this->assertCount( 0, Stock_Request::items( '{"store":"default","items":[]}' ) );
		$this->assertCount( 100, Stock_Request::items( (string) json_encode( array( 'items' => array_fill( 0, 100, self::ITEM ) ) ) ) );
	}

	/**
	 * Ids of movements, up to 1000.
	 */
	public function test_reads_ids_of_movements(): void {
		$this->assertSame( array( 'a', 'h0' ), Stock_Request::movements( '{"movements":["a","h0"]}' ) );
		$refused = 0;
		foreach ( array( '{"movements":[1]}', (string) json_encode( array( 'movements' => array_fill( 0, 1001, 'a' ) ) ) ) as $body ) {
			try {
				Stock_Request::movements( $body );
			} catch ( Stock_Error $error ) {
				++$refused;
			}
		}
		$this->assertSame( 2, $refused );
	}

	/**
	 * Answers.
	 */
	public function test_answers_whole_quantities_without_decimals(): void {
		$this->assertSame( '{"movement":"a","outcome":"applied","quantity":7}', json_encode( ( new Stock_Result( 'applied', '', 7.0 ) )->answer( 'a' ) ) );
		$this->assertSame( '{"movement":"a","outcome":"refused","message":"No."}', json_encode( ( new Stock_Result( 'refused', 'No.' ) )->answer( 'a' ) ) );
		$this->assertSame( 0.3, Stock_Result::number( 0.1 + 0.2 ) );
		$this->assertSame( -2, Stock_Result::number( -2.0 ) );
	}

	/**
	 * Early enough for PHP not to stop it.
	 */
	public function test_ends_before_phps_time_limit(): void {
		$this->assertSame( array( 120.0, 106.0, 118.0 ), array( Stock_Batch::ends_at( 100, 0 ), Stock_Batch::ends_at( 100, 10 ), Stock_Batch::ends_at( 100, 30 ) ) );
	}

	/**
	 * One item, read.
	 */
	private function item( array $data ): POS_Sync\Stock\Stock_Item {
		return Stock_Request::items( (string) json_encode( array( 'items' => array( $data ) ) ) )[0];
	}
}
