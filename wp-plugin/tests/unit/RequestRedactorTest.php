<?php
/**
 * What is kept of a request.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Log\Request_Redactor;

/**
 * The log keeps goods, money and status, and no personal data.
 */
final class RequestRedactorTest extends TestCase {

	/**
	 * An order with personal data in every place that WooCommerce has for them.
	 */
	public function test_keeps_no_personal_data(): void {
		$order = array(
			'id'                   => 7,
			'status'               => 'processing',
			'total'                => '25.00',
			'customer_id'          => 4,
			'order_key'            => 'wc_order_SECRET',
			'payment_url'          => 'https://shop.example/?key=wc_order_SECRET',
			'customer_ip_address'  => 'SECRET',
			'customer_user_agent'  => 'SECRET',
			'customer_note'        => 'SECRET',
			'transaction_id'       => 'SECRET',
			'payment_method_title' => 'Card of SECRET',
			'license_of_a_plugin'  => array( 'key' => 'SECRET' ),
			'billing'              => array(
				'first_name' => 'SECRET',
				'company'    => '',
				'email'      => 'SECRET@example.com',
			),
			'shipping'             => array( 'city' => 'SECRET' ),
			'meta_data'            => array(
				array(
					'id'    => 3,
					'key'   => '_vat_number',
					'value' => array( 'number' => 'SECRET' ),
				),
			),
			'line_items'           => array(
				array(
					'name'      => 'Mug',
					'quantity'  => 2,
					'meta_data' => array(
						array(
							'key'           => 'Engraving',
							'value'         => 'SECRET',
							'display_value' => 'SECRET',
						),
						array(
							'key'   => '_reduced_stock',
							'value' => '2',
						),
					),
				),
			),
			'refunds'             => array( array( 'reason' => 'SECRET was ill', 'line_items' => array( array( 'meta_data' => array( array( 'key' => '_refunded_item_id', 'value' => '31' ), array( 'key' => 'x', 'value' => 'SECRET' ) ) ) ) ) ), // phpcs:ignore WordPress.Arrays
		);
		$body  = (string) json_encode(
			array(
				'event' => 'order.created',
				'data'  => $order,
			)
		);
		$copy  = Request_Redactor::redact( $body );
		$this->assertStringNotContainsString( 'SECRET', $copy );
		$kept = json_decode( $copy, true );
		$this->assertSame( 'order.created', $kept['event'] );
		$this->assertSame( array( 7, 'processing', '25.00', '•••' ), array( $kept['data']['id'], $kept['data']['status'], $kept['data']['total'], $kept['data']['customer_id'] ) );
		$this->assertSame( 'Mug', $kept['data']['line_items'][0]['name'] );
		$this->assertSame( array( 'Engraving', '•••' ), array( $kept['data']['line_items'][0]['meta_data'][0]['key'], $kept['data']['line_items'][0]['meta_data'][0]['value'] ), 'which meta data there were' );
		$this->assertSame( '2', $kept['data']['line_items'][0]['meta_data'][1]['value'], 'what moves stock is kept' );
		$this->assertSame( '31', $kept['data']['refunds'][0]['line_items'][0]['meta_data'][0]['value'] );
		$this->assertSame( '', $kept['data']['billing']['company'], 'what was empty is seen to be empty' );
		$this->assertSame( array( 3, '_vat_number' ), array( $kept['data']['meta_data'][0]['id'], $kept['data']['meta_data'][0]['key'] ) );
	}

	/**
	 * Products have none.
	 */
	public function test_keeps_products_as_they_are(): void {
		$body = '{"event":"product.updated","data":{"id":1,"name":"Äpfel","sku":"A/1","price":"1.00"}}';
		$this->assertSame( $body, Request_Redactor::redact( $body ) );
		$this->assertSame( '', Request_Redactor::redact( '' ) );
		$this->assertSame( '', Request_Redactor::redact( 'no JSON' ) );
	}
}
