<?php

namespace POS_Sync\Messages;

use POS_Sync\Privacy\Personal_Data;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Sending\Pos_Response;

/**
 * Names of events, results, states and outcomes, in the language of whoever reads them. What is stored are the English codes.
 */
final class Labels {

	/**
	 * What happened, by event.
	 *
	 * @return array<string, string>
	 */
	public static function topics(): array {
		return array(
			'order.created'      => __( 'New order', 'woocommerce-pos-sync' ),
			'order.updated'      => __( 'Order changed', 'woocommerce-pos-sync' ),
			'order.refunded'     => __( 'Order refunded', 'woocommerce-pos-sync' ),
			'order.cancelled'    => __( 'Order cancelled', 'woocommerce-pos-sync' ),
			'order.deleted'      => __( 'Order deleted', 'woocommerce-pos-sync' ),
			'order.restored'     => __( 'Order restored', 'woocommerce-pos-sync' ),
			'product.created'    => __( 'New product', 'woocommerce-pos-sync' ),
			'product.updated'    => __( 'Product changed', 'woocommerce-pos-sync' ),
			'product.deleted'    => __( 'Product deleted', 'woocommerce-pos-sync' ),
			'product.restored'   => __( 'Product restored', 'woocommerce-pos-sync' ),
			Personal_Data::EVENT => __( 'Customer erased', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What can come of a delivery, by result.
	 *
	 * @return array<string, string>
	 */
	public static function results(): array {
		return array(
			Pos_Response::SENT   => __( 'Sent', 'woocommerce-pos-sync' ),
			Pos_Response::RETRY  => __( 'To be retried', 'woocommerce-pos-sync' ),
			Pos_Response::FAILED => __( 'Failed', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * How far an order or product is, by state.
	 *
	 * @return array<string, string>
	 */
	public static function states(): array {
		return array(
			Queue_Item::SENT    => __( 'Sent', 'woocommerce-pos-sync' ),
			Queue_Item::WAITING => __( 'Waiting', 'woocommerce-pos-sync' ),
			Queue_Item::FAILED  => __( 'Failed', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What the POS did with a delivery, by outcome.
	 *
	 * @return array<string, string>
	 */
	public static function outcomes(): array {
		return array(
			'created'   => __( 'Added', 'woocommerce-pos-sync' ),
			'updated'   => __( 'Updated', 'woocommerce-pos-sync' ),
			'unchanged' => __( 'The POS had this already', 'woocommerce-pos-sync' ),
			'duplicate' => __( 'The POS had this delivery already', 'woocommerce-pos-sync' ),
			'stale'     => __( 'The POS has something newer', 'woocommerce-pos-sync' ),
			'ignored'   => __( 'The POS does not need this', 'woocommerce-pos-sync' ),
			'parked'    => __( 'The POS has put it aside for review', 'woocommerce-pos-sync' ),
			'waiting'   => __( 'Received, processed a little later', 'woocommerce-pos-sync' ),
		);
	}
}
