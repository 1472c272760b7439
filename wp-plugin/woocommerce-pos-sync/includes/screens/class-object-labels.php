<?php

namespace POS_Sync\Screens;

use POS_Sync\Queue\Queue_Item;

/**
 * Orders, products and customers by name, with links to them. Each is read once.
 */
final class Object_Labels {

	/**
	 * Orders by id; null for those that are gone.
	 *
	 * @var array<int, \WC_Order|null>
	 */
	private array $orders = array();

	/**
	 * Name of an order or product, with a link to its screen, as HTML.
	 *
	 * @param string $type Queue_Item::ORDER, Queue_Item::PRODUCT or Queue_Item::ERASURE.
	 */
	public function link( string $type, int $id ): string {
		return self::anchor( $this->url( $type, $id ), $this->name( $type, $id ) );
	}

	/**
	 * Name of an order or product.
	 *
	 * @param string $type Queue_Item::ORDER, Queue_Item::PRODUCT or Queue_Item::ERASURE.
	 */
	public function name( string $type, int $id ): string {
		if ( Queue_Item::ERASURE === $type ) {
			return __( 'Erased customer', 'woocommerce-pos-sync' );
		}
		if ( Queue_Item::PRODUCT === $type ) {
			$product = wc_get_product( $id );
			/* translators: %d: id of a product. */
			return $product instanceof \WC_Product ? wp_strip_all_tags( $product->get_formatted_name() ) : sprintf( __( 'Product %d (deleted)', 'woocommerce-pos-sync' ), $id );
		}
		$order = $this->order( $id );
		/* translators: %s: number of an order. */
		return $order ? sprintf( __( 'Order #%s', 'woocommerce-pos-sync' ), $order->get_order_number() ) : sprintf( __( 'Order #%s (deleted)', 'woocommerce-pos-sync' ), (string) $id );
	}

	/**
	 * The customer of an order, with a link to the account or, without one, to all orders of that address, as HTML.
	 *
	 * @param string $type Queue_Item::ORDER, Queue_Item::PRODUCT or Queue_Item::ERASURE.
	 */
	public function customer( string $type, int $id ): string {
		$order = Queue_Item::ORDER === $type ? $this->order( $id ) : null;
		if ( ! $order ) {
			return '–';
		}
		$name  = trim( $order->get_formatted_billing_full_name() );
		$name  = '' !== $name ? $name : (string) $order->get_billing_email();
		$user  = (int) $order->get_customer_id();
		$email = (string) $order->get_billing_email();
		if ( '' === $name ) {
			return esc_html__( 'Guest', 'woocommerce-pos-sync' );
		}
		if ( $user && current_user_can( 'edit_user', $user ) ) {
			return self::anchor( get_edit_user_link( $user ), $name );
		}
		return self::anchor( '' !== $email ? add_query_arg( 's', rawurlencode( $email ), self::orders_url() ) : '', $name );
	}

	/**
	 * An order; null where it is gone.
	 */
	public function order( int $id ): ?\WC_Order {
		if ( ! array_key_exists( $id, $this->orders ) ) {
			$order               = wc_get_order( $id );
			$this->orders[ $id ] = $order instanceof \WC_Order ? $order : null;
		}
		return $this->orders[ $id ];
	}

	/**
	 * Address of its screen; empty where there is none.
	 *
	 * @param string $type Queue_Item::ORDER, Queue_Item::PRODUCT or Queue_Item::ERASURE.
	 */
	private function url( string $type, int $id ): string {
		if ( Queue_Item::ERASURE === $type ) {
			return '';
		}
		if ( Queue_Item::PRODUCT !== $type ) {
			$order = $this->order( $id );
			return $order ? $order->get_edit_order_url() : '';
		}
		// A variation is edited on the screen of its product.
		$product = wc_get_product( $id );
		return $product instanceof \WC_Product ? (string) get_edit_post_link( $product->get_parent_id() ? $product->get_parent_id() : $id, 'raw' ) : '';
	}

	/**
	 * Address of the list of orders.
	 */
	private static function orders_url(): string {
		return 'shop_order' === wc_get_page_screen_id( 'shop-order' ) ? admin_url( 'edit.php?post_type=shop_order' ) : admin_url( 'admin.php?page=wc-orders' );
	}

	/**
	 * A link, or only its text.
	 *
	 * @param string $url  The address; may be empty.
	 */
	private static function anchor( string $url, string $text ): string {
		return '' === $url ? esc_html( $text ) : sprintf( '<a href="%s">%s</a>', esc_url( $url ), esc_html( $text ) );
	}
}
