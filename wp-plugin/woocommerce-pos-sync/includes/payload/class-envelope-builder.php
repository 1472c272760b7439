<?php

namespace POS_Sync\Payload;

use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Privacy\Personal_Data;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;

use const POS_Sync\VERSION;

/**
 * Makes what is sent of a row of the queue: the order or product as it is now, or what was kept of one that is gone.
 */
final class Envelope_Builder {

	private Settings $settings;
	private Site_Identity $site;
	private Shop_Query $shop;
	private Order_Payload $orders;
	private Product_Payload $products;

	public function __construct( Settings $settings, Site_Identity $site, Shop_Query $shop, Order_Payload $orders, Product_Payload $products ) {
		$this->settings = $settings;
		$this->site     = $site;
		$this->shop     = $shop;
		$this->orders   = $orders;
		$this->products = $products;
	}

	/**
	 * What to send; null when nothing need be sent.
	 */
	public function build( Queue_Item $item ): ?Envelope {
		switch ( $item->type ) {
			case Queue_Item::ORDER:
				return $this->order_envelope( $item );
			case Queue_Item::PRODUCT:
				return $this->product_envelope( $item );
		}
		$data = Developer_Hooks::payload( Envelope::string_keyed( json_decode( $item->last_state, true ) ), Queue_Item::ERASURE, $item->id );
		return $this->envelope( Personal_Data::EVENT, $item, $data, $item->changed_at );
	}

	/**
	 * Stands in the log for what could not be made.
	 */
	public function placeholder( Queue_Item $item ): Envelope {
		return $this->envelope( Queue_Item::ERASURE === $item->type ? Personal_Data::EVENT : $item->type . '.updated', $item, array(), time() );
	}

	/**
	 * What to send of an order; null when it need not be sent.
	 */
	private function order_envelope( Queue_Item $item ): ?Envelope {
		$order = wc_get_order( $item->id );
		if ( ! $order instanceof \WC_Order ) {
			return $this->deleted_envelope( $item );
		}
		$status = $this->orders->status( $order );
		if ( in_array( $status, Order_Payload::DRAFT_STATUSES, true ) || ! $this->has_sent_status( $item, $status ) ) {
			return null;
		}
		if ( ! $item->may_be_known() && ! Developer_Hooks::should_send( Queue_Item::ORDER, $item->id, $order ) ) {
			return null;
		}
		$created  = $order->get_date_created();
		$data     = Developer_Hooks::payload( $this->orders->build( $order ), Queue_Item::ORDER, $item->id, $order );
		$envelope = $this->envelope( 'order.' . $this->topic( $item, $order ), $item, $data, $item->changed_at, $this->stock_taken( $item, $created ? $created->getTimestamp() : 0 ) );

		$envelope->refunds = array_map(
			static function ( \WC_Order_Refund $refund ): int {
				return $refund->get_id();
			},
			$order->get_refunds()
		);
		return $envelope;
	}

	/**
	 * What to send of an order that is gone for good: how it was, where that was kept; null when it need not be sent.
	 *
	 * @throws \RuntimeException When the order is there, and can't be read.
	 */
	private function deleted_envelope( Queue_Item $item ): ?Envelope {
		if ( $this->shop->order_exists( $item->id ) ) {
			throw new \RuntimeException( 'WooCommerce could not read the order.' );
		}
		if ( ! $item->may_be_known() && '' === $item->last_state ) {
			return null; // The POS never had it, and nothing of it was kept: it was not to be sent.
		}
		$kept    = Order_Payload::stock_state( Envelope::string_keyed( json_decode( $item->last_state, true ) ) );
		$status  = $kept['status'] ?? null;
		$created = $kept['date_created_gmt'] ?? null;
		if ( is_string( $status ) && ! $this->has_sent_status( $item, $status ) ) {
			return null;
		}
		$taken = $this->stock_taken( $item, is_string( $created ) ? (int) strtotime( $created . 'Z' ) : 0 );
		return $this->envelope( 'order.deleted', $item, array( 'id' => $item->id ) + $kept, $item->changed_at, $taken );
	}

	/**
	 * When the shop took an order's stock, where the plugin saw that; else whether the order is from before the shop
	 * went live.
	 *
	 * @param int $created Unix time it was created; 0 when that is not known.
	 * @return array<string, bool|string>
	 */
	private function stock_taken( Queue_Item $item, int $created ): array {
		if ( $item->stock_taken_at ) {
			return array( 'stock_taken_at' => Envelope::timestamp( $item->stock_taken_at ) );
		}
		return $this->settings->is_from_before( $item->id, $created ) ? array( 'opening' => true ) : array();
	}

	/**
	 * What to send of a product; null when it need not be sent. Its time is that of reading the stock, noted before it:
	 * the stock lacks the units of every order whose stock was taken earlier. One that can't be bought any more is sent as deleted.
	 *
	 * @throws \RuntimeException When the product is there, and can't be read.
	 */
	private function product_envelope( Queue_Item $item ): ?Envelope {
		$last_order = $this->shop->last_order_id(); // Before the stock is read: what is ordered after it is not in that.
		$read_at    = Envelope::timestamp( Envelope::milliseconds() );
		$product    = wc_get_product( $item->id );
		if ( ! $product instanceof \WC_Product && in_array( get_post_status( $item->id ), Product_Payload::FOR_SALE_STATUSES, true ) ) {
			throw new \RuntimeException( 'WooCommerce could not read the product.' );
		}
		if ( ! $product instanceof \WC_Product || ! $this->products->is_for_sale( $product ) ) {
			return $item->may_be_known() ? $this->envelope( 'product.deleted', $item, array( 'id' => $item->id ), $read_at ) : null;
		}
		$known = $this->products->sku_owner( $product );
		if ( ! $known || ( ! $item->may_be_known() && ! Developer_Hooks::should_send( Queue_Item::PRODUCT, $known->get_id(), $known ) ) ) {
			return null;
		}
		$event    = in_array( $item->topic, array( 'deleted', 'restored' ), true ) ? 'restored' : ( $item->delivered ? 'updated' : 'created' );
		$data     = $this->products->build( $known );
		$envelope = $this->envelope( "product.$event", $item, Developer_Hooks::payload( $data, Queue_Item::PRODUCT, $known->get_id(), $known ), $read_at, array( 'last_order_id' => $last_order ) );

		// Of the product as the shop has it: what a callback adds must not look like a change of the product.
		$envelope->fingerprint = Product_Payload::fingerprint( $data );
		return $envelope;
	}

	/**
	 * The envelope around it.
	 *
	 * @param array<mixed>         $data  The order or product.
	 * @param int|string           $time  Unix time it is true for, or a time as Envelope::timestamp() writes it.
	 * @param array<string, mixed> $more  Further fields.
	 */
	private function envelope( string $event, Queue_Item $item, array $data, $time, array $more = array() ): Envelope {
		$about = array(
			'site_url'       => $this->site->url(),
			'plugin_version' => VERSION,
			'wc_version'     => WC()->version,
		);
		return new Envelope( $event, $item->id, $item->sequence, $time, $data, $about + $more );
	}

	/**
	 * The topic: that of what is in the trash is "deleted", else the first delivery is "created" whatever happened since,
	 * and none says what is no longer so.
	 */
	private function topic( Queue_Item $item, \WC_Order $order ): string {
		if ( 'trash' === $order->get_status() ) {
			return 'deleted';
		}
		if ( ! $item->delivered ) {
			return 'created';
		}
		if ( 'cancelled' === $item->topic && 'cancelled' !== $order->get_status() ) {
			return 'updated';
		}
		if ( 'refunded' === $item->topic && 'refunded' !== $order->get_status() && ! $order->get_refunds() ) {
			return 'updated';
		}
		return 'deleted' === $item->topic ? 'restored' : $item->topic;
	}

	/**
	 * Whether an order in this status is to be sent. One that the POS may know already is, whatever its status.
	 *
	 * @param string $status Without "wc-".
	 */
	private function has_sent_status( Queue_Item $item, string $status ): bool {
		$statuses = $this->settings->statuses();
		return $item->may_be_known() || ! $statuses || in_array( $status, $statuses, true );
	}
}
