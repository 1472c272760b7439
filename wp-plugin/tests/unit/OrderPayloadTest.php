<?php
/**
 * What is kept of an order that goes for good.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Payload\Order_Payload;

/**
 * Of a deleted order only what moves stock is kept until it is sent.
 */
final class OrderPayloadTest extends TestCase {

	/**
	 * What other plugins wrote on lines, and why somebody was refunded, can be about a person.
	 */
	public function test_a_deleted_order_keeps_what_moves_stock_and_no_texts(): void {
		$meta = static function ( string $key, string $value ): array {
			return array(
				'id'    => 1,
				'key'   => $key,
				'value' => $value,
			);
		};
		$line = array(
			'id'        => 5,
			'sku'       => 'MUG-1',
			'quantity'  => 2,
			'meta_data' => array( $meta( 'Engraving', 'SECRET' ), $meta( '_reduced_stock', '2' ) ),
		);
		$kept = Order_Payload::stock_state(
			array(
				'id'               => 7,
				'status'           => 'processing',
				'date_created_gmt' => '2026-01-31T12:00:00',
				'billing'          => array( 'email' => 'SECRET' ),
				'customer_note'    => 'SECRET',
				'meta_data'        => array( $meta( 'x', 'SECRET' ) ),
				'line_items'       => array( $line ),
				'refunds'          => array(
					array(
						'id'         => 8,
						'reason'     => 'SECRET',
						'line_items' => array( array( 'meta_data' => array( $meta( '_refunded_item_id', '5' ), $meta( 'x', 'SECRET' ) ) ) ),
					),
				),
			)
		);
		$this->assertStringNotContainsString( 'SECRET', (string) json_encode( $kept ) );
		$this->assertSame( array( $meta( '_reduced_stock', '2' ) ), $kept['line_items'][0]['meta_data'] );
		$this->assertSame( array( 'MUG-1', 2 ), array( $kept['line_items'][0]['sku'], $kept['line_items'][0]['quantity'] ) );
		$this->assertSame( array( $meta( '_refunded_item_id', '5' ) ), $kept['refunds'][0]['line_items'][0]['meta_data'] );
		$this->assertSame( array( 7, 'processing' ), array( $kept['id'], $kept['status'] ) );
		$this->assertSame( $kept, Order_Payload::stock_state( $kept ) );
	}
}
