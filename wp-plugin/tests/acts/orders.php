<?php
/**
 * What tests do with orders. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

/**
 * An order as checkout code makes it: pending, with lines.
 */
function create_order( array $input ): array {
	$order = wc_create_order( array( 'customer_id' => $input['customer'] ?? 0 ) );
	foreach ( $input['lines'] as $line ) {
		$order->add_product( wc_get_product( $line[0] ), $line[1], $line[2] ?? array() );
	}
	if ( isset( $input['custom'] ) ) {
		$item = new \WC_Order_Item_Product();
		$item->set_props( $input['custom'] );
		$order->add_item( $item );
	}
	if ( isset( $input['fee'] ) ) {
		$fee = new \WC_Order_Item_Fee();
		$fee->set_props(
			array(
				'name'   => 'Fee',
				'amount' => $input['fee'],
				'total'  => $input['fee'],
			)
		);
		$order->add_item( $fee );
	}
	if ( isset( $input['shipping'] ) ) {
		$shipping = new \WC_Order_Item_Shipping();
		$shipping->set_props(
			array(
				'method_title' => 'Post',
				'method_id'    => 'flat_rate',
				'total'        => $input['shipping'],
			)
		);
		$order->add_item( $shipping );
	}
	$order->set_address(
		( $input['address'] ?? array() ) + array(
			'first_name' => 'Anna',
			'last_name'  => 'Öberg',
			'address_1'  => 'Storgatan 1',
			'city'       => 'Malmö',
			'postcode'   => '21145',
			'country'    => 'SE',
			'email'      => 'anna@example.se',
		)
	);
	$order->set_payment_method( $input['payment'] ?? 'cod' );
	$order->set_currency( $input['currency'] ?? get_woocommerce_currency() );
	foreach ( $input['meta'] ?? array() as $key => $value ) {
		$order->update_meta_data( $key, $value );
	}
	if ( isset( $input['note'] ) ) {
		$order->set_customer_note( $input['note'] );
	}
	$order->calculate_totals();
	if ( isset( $input['coupon'] ) ) {
		$coupon = new \WC_Coupon( $input['coupon'] );
		if ( ! $coupon->get_id() ) {
			$coupon->set_props(
				array(
					'code'          => $input['coupon'],
					'discount_type' => 'percent',
					'amount'        => $input['percent'] ?? 10,
				)
			);
			$coupon->save();
		}
		$order->apply_coupon( $input['coupon'] );
	}
	if ( isset( $input['created'] ) ) {
		$order->set_date_created( $input['created'] );
	}
	if ( isset( $input['parent'] ) ) {
		$order->set_parent_id( $input['parent'] );
	}
	$order->save();
	return array( 'id' => $order->get_id() );
}

/**
 * Makes so many orders alike, which are paid.
 */
function many_orders( array $input ): array {
	for ( $n = 0; $n < $input['number']; $n++ ) {
		pay( create_order( $input ) );
	}
	return array();
}

/**
 * Changes an order's status.
 */
function status( array $input ): array {
	wc_get_order( $input['id'] )->update_status( $input['to'] );
	return array();
}

/**
 * An order is paid.
 */
function pay( array $input ): array {
	wc_get_order( $input['id'] )->payment_complete();
	return array();
}

/**
 * Refunds: "quantities" by position of the line (all: everything), or an amount.
 */
function refund( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$lines = array();
	$total = 0;
	foreach ( array_values( $order->get_items() ) as $position => $item ) {
		$quantity = 'all' === ( $input['quantities'] ?? null ) ? $item->get_quantity() : ( $input['quantities'][ $position ] ?? 0 );
		if ( $quantity ) {
			$part  = $quantity / $item->get_quantity();
			$taxes = array_map(
				static function ( $tax ) use ( $part ) {
					return wc_format_decimal( (float) $tax * $part, 2 );
				},
				$item->get_taxes()['total']
			);

			$lines[ $item->get_id() ] = array(
				'qty'          => $quantity,
				'refund_total' => wc_format_decimal( $item->get_total() * $part, 2 ),
				'refund_tax'   => $taxes,
			);
			$total                   += $item->get_total() * $part + array_sum( $taxes );
		}
	}
	$refund = wc_create_refund(
		array(
			'order_id'      => $order->get_id(),
			'amount'        => $input['amount'] ?? ( 'all' === ( $input['quantities'] ?? null ) ? $order->get_remaining_refund_amount() : wc_format_decimal( $total, 2 ) ),
			'reason'        => 'test',
			'line_items'    => $lines,
			'restock_items' => $input['restock'] ?? false,
		)
	);
	return array( 'id' => is_wp_error( $refund ) ? $refund->get_error_message() : $refund->get_id() );
}

/**
 * Deletes a refund in code, as the REST API does.
 */
function delete_refund( array $input ): array {
	wc_get_order( $input['id'] )->delete( true );
	return array();
}

/**
 * Trash, untrash or delete for good.
 */
function trash( array $input ): array {
	$order = wc_get_order( $input['id'] );
	if ( 'restore' === $input['how'] ) {
		method_exists( $order, 'untrash' ) ? $order->untrash() : wp_untrash_post( $input['id'] );
	} else {
		$order->delete( 'for good' === $input['how'] );
	}
	return array();
}

/**
 * Edits lines as the order screen does: sets quantities by position, adds products, removes lines. With "saved" false
 * the order itself is not saved, nor an added line's stock taken, as when the screen is left after a line was added.
 */
function edit( array $input ): array {
	require_once WC_ABSPATH . 'includes/admin/wc-admin-functions.php';
	$order = wc_get_order( $input['id'] );
	$items = array_values( $order->get_items() );
	$saved = $input['saved'] ?? true;
	foreach ( $input['quantities'] ?? array() as $position => $quantity ) {
		$item = $items[ $position ];
		wc_save_order_items(
			$order->get_id(),
			array(
				'order_item_id'  => array( $item->get_id() ),
				'order_item_qty' => array( $item->get_id() => $quantity ),
				'line_total'     => array( $item->get_id() => $item->get_total() / $item->get_quantity() * $quantity ),
				'line_subtotal'  => array( $item->get_id() => $item->get_subtotal() / $item->get_quantity() * $quantity ),
			)
		);
	}
	foreach ( $input['add'] ?? array() as $line ) {
		$item = $order->get_item( $order->add_product( wc_get_product( $line[0] ), $line[1] ) );
		if ( $saved ) {
			wc_maybe_adjust_line_item_product_stock( $item );
			$order->calculate_totals();
		}
	}
	foreach ( $input['remove'] ?? array() as $position ) {
		wc_maybe_adjust_line_item_product_stock( $items[ $position ], 0 );
		wc_delete_order_item( $items[ $position ]->get_id() );
		$order = wc_get_order( $input['id'] );
		if ( $saved ) {
			$order->calculate_totals();
		}
	}
	return array();
}

/**
 * Orders with their refunds over the REST API, and the stock of all products: what the POS should say. With "settle"
 * the scheduler runs first.
 */
function truth( array $input ): array {
	$queue = empty( $input['settle'] ) ? array() : run_jobs( $input );
	wp_cache_flush();
	wp_set_current_user( 1 );
	$get    = static function ( string $path ) {
		$response = rest_do_request( new \WP_REST_Request( 'GET', $path ) );
		return 200 === $response->get_status() ? rest_get_server()->response_to_data( $response, false ) : null;
	};
	$stock  = array();
	$orders = array();
	foreach ( get_posts(
		array(
			'post_type'      => array( 'product', 'product_variation' ),
			'posts_per_page' => -1,
			'fields'         => 'ids',
		)
	) as $id ) {
		$product = wc_get_product( $id );
		if ( true === $product->get_manage_stock() ) {
			$stock[ '' === $product->get_sku() ? "#$id" : $product->get_sku() ] = ( $stock[ $product->get_sku() ] ?? 0 ) + $product->get_stock_quantity();
		}
	}
	foreach ( $input['orders'] ?? array() as $id ) {
		$orders[ $id ] = $get( "/wc/v3/orders/$id" );
		if ( $orders[ $id ] ) {
			$orders[ $id ]['refund_details'] = $get( "/wc/v3/orders/$id/refunds" );
		}
	}
	return array(
		'stock'  => $stock,
		'orders' => $orders,
		'queue'  => $queue,
	);
}

/**
 * Makes many orders in one process.
 */
function import( array $input ): array {
	$ids = array();
	foreach ( range( 1, $input['count'] ) as $number ) {
		$ids[] = create_order( array( 'lines' => array( array( $input['product'], 1 ) ) ) )['id'];
	}
	return array( 'ids' => $ids );
}

/**
 * A classic checkout: cart, order, payment.
 */
function classic_checkout( array $input ): array {
	wc_load_cart();
	WC()->cart->add_to_cart( $input['product'], $input['quantity'] );
	WC()->cart->calculate_totals();
	$id    = WC()->checkout()->create_order(
		array(
			'payment_method'     => 'cod',
			'billing_email'      => 'classic@example.se',
			'billing_first_name' => 'Klas',
			'billing_country'    => 'SE',
		)
	);
	$order = wc_get_order( $id );
	WC()->payment_gateways()->payment_gateways()['cod']->process_payment( $id );
	return array( 'id' => $order->get_id() );
}

/**
 * Meta data that is odd: an object with private properties, numbers that JSON has no form for, far too much of it.
 */
function add_odd_meta( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$order->update_meta_data( '_object', new \ArrayObject( array( 'a' => 1 ) ) );
	$order->update_meta_data(
		'_private',
		array(
			"\0Plugin\0secret" => 'x',
			'public'           => 1,
		)
	);
	$order->update_meta_data( '_endless', INF );
	foreach ( range( 1, 60 ) as $number ) { // WooCommerce's table for meta data holds 64 KiB in each.
		$order->update_meta_data( "_log_$number", str_repeat( 'log ', 15000 ) );
	}
	$order->save();
	return array();
}

/**
 * Changes meta data of an order.
 */
function set_meta( array $input ): array {
	$order = wc_get_order( $input['id'] );
	$order->update_meta_data( $input['key'], $input['value'] );
	$order->save();
	return array();
}
