<?php

namespace POS_Sync\Payload;

use POS_Sync\Log\Request_Redactor;

/**
 * What is sent of an order: the order as it is now, in the shape of WooCommerce's REST API v3.
 */
final class Order_Payload {

	/**
	 * Statuses of what is no order yet.
	 */
	public const DRAFT_STATUSES = array( 'auto-draft', 'draft', 'checkout-draft', 'new' );

	/**
	 * Fields of an order that the POS does not keep, so they are not sent: they are personal, or open the order's page.
	 */
	private const NOT_SENT = array( 'customer_ip_address', 'customer_user_agent', 'order_key', 'cart_hash', 'payment_url' );

	/**
	 * The same as meta data.
	 */
	private const META_NOT_SENT = array( '_customer_ip_address', '_customer_user_agent', '_order_key', '_cart_hash', '_wc_order_attribution_user_agent' );

	/**
	 * What WooCommerce notes on an order whose personal data it removed.
	 */
	private const ANONYMIZED = '_anonymized';

	/**
	 * An order as the REST API shows it, with the lines of its refunds. Statuses are without "wc-", money has the store's decimals.
	 *
	 * @return array<string, mixed>
	 */
	public function build( \WC_Order $order ): array {
		$controller = new \WC_REST_Orders_Controller();
		$data       = $this->rest_data( $controller, $order );

		$data               = array_diff_key( $data, array_flip( self::NOT_SENT ) );
		$data['meta_data']  = $this->meta( $this->rows( $data['meta_data'] ?? array() ), $order );
		$data['status']     = $this->status( $order );
		$data['line_items'] = $this->with_reduced_stock( $this->rows( $data['line_items'] ?? array() ), $order );

		if ( self::is_anonymized( $order ) ) {
			$data['customer_note'] = ''; // WooCommerce leaves it.
		}

		$refunds = array();
		foreach ( $order->get_refunds() as $refund ) {
			$refunds[ $refund->get_id() ] = $refund;
		}
		$rows = $this->rows( $data['refunds'] ?? array() );
		foreach ( $rows as $index => $row ) {
			$id = $row['id'] ?? null;
			if ( is_int( $id ) && isset( $refunds[ $id ] ) ) {
				$rows[ $index ] = array_merge( $row, $this->refund_lines( $refunds[ $id ] ) );
			}
		}
		$data['refunds'] = $rows;

		return $data;
	}

	/**
	 * An order's status; that of one in the trash is what it was before.
	 */
	public function status( \WC_Order $order ): string {
		$status = $order->get_status();
		$before = 'trash' === $status ? $order->get_meta( '_wp_trash_meta_status' ) : '';
		return is_string( $before ) && '' !== $before ? (string) preg_replace( '/^wc-/', '', $before ) : $status;
	}

	/**
	 * Ids of the products and variations that an order names.
	 *
	 * @param int $id Id of the order.
	 * @return int[]
	 */
	public function product_ids( int $id ): array {
		$order = wc_get_order( $id );
		$ids   = array();
		foreach ( $order instanceof \WC_Order ? $order->get_items() : array() as $item ) {
			if ( $item instanceof \WC_Order_Item_Product ) {
				array_push( $ids, (int) $item->get_product_id(), (int) $item->get_variation_id() );
			}
		}
		return array_values( array_unique( array_filter( $ids ) ) );
	}

	/**
	 * What moves stock of an order that goes for good, and no personal data.
	 *
	 * @param array<string, mixed> $data What build() returned, or this method.
	 * @return array<string, mixed>
	 */
	public static function stock_state( array $data ): array {
		$kept = array_intersect_key( $data, array_flip( array( 'id', 'status', 'date_created_gmt', 'date_modified_gmt', 'line_items', 'refunds' ) ) );
		foreach ( $kept as $name => $value ) {
			$kept[ $name ] = is_array( $value ) ? self::without_texts( $value ) : $value;
		}
		return $kept;
	}

	/**
	 * The same without reasons of refunds and without meta data, but for those that say how stock moves.
	 *
	 * @param array<mixed> $data Lines, refunds and so on.
	 * @return array<mixed>
	 */
	private static function without_texts( array $data ): array {
		unset( $data['reason'] );
		foreach ( $data as $name => $value ) {
			if ( ! is_array( $value ) ) {
				continue;
			}
			if ( 'meta_data' === $name ) {
				$value = array_values(
					array_filter(
						$value,
						static function ( $meta ): bool {
							return is_array( $meta ) && in_array( $meta['key'] ?? '', Request_Redactor::STOCK_META, true );
						}
					)
				);
			}
			$data[ $name ] = self::without_texts( $value );
		}
		return $data;
	}

	/**
	 * Whether WooCommerce removed an order's personal data.
	 */
	private static function is_anonymized( \WC_Order $order ): bool {
		return 'yes' === $order->get_meta( self::ANONYMIZED );
	}

	/**
	 * An order's meta data as they are sent: without what the POS does not keep, and always with the note that personal data
	 * were removed, by which the POS removes them, too.
	 *
	 * @param array<array<string, mixed>> $rows  Meta data as the REST API shows them.
	 * @return array<array<string, mixed>>
	 */
	private function meta( array $rows, \WC_Order $order ): array {
		$meta = array();
		foreach ( $rows as $row ) {
			if ( ! in_array( $row['key'] ?? '', self::META_NOT_SENT, true ) ) {
				$meta[] = $row;
			}
		}
		if ( self::is_anonymized( $order ) && ! in_array( self::ANONYMIZED, array_column( $meta, 'key' ), true ) ) {
			$meta[] = array(
				'key'   => self::ANONYMIZED,
				'value' => 'yes',
			);
		}
		return $meta;
	}

	/**
	 * Sees to it that each line says how many units it holds, which is what the POS's stock is built on.
	 *
	 * @param array<array<string, mixed>> $lines Lines as the REST API shows them.
	 * @return array<array<string, mixed>>
	 */
	private function with_reduced_stock( array $lines, \WC_Order $order ): array {
		$items = $order->get_items();
		foreach ( $lines as $index => $line ) {
			$id   = $line['id'] ?? null;
			$item = is_int( $id ) ? ( $items[ $id ] ?? null ) : null;
			$held = $item ? $item->get_meta( '_reduced_stock' ) : '';
			$meta = $this->rows( $line['meta_data'] ?? array() );
			if ( is_scalar( $held ) && '' !== (string) $held && ! in_array( '_reduced_stock', array_column( $meta, 'key' ), true ) ) {
				$meta[]                       = array(
					'key'   => '_reduced_stock',
					'value' => (string) $held,
				);
				$lines[ $index ]['meta_data'] = $meta;
			}
		}
		return $lines;
	}

	/**
	 * The lines of a refund, with its time and amount, which the REST API shows elsewhere.
	 *
	 * @return array<string, mixed>
	 */
	private function refund_lines( \WC_Order_Refund $refund ): array {
		$controller = new \WC_REST_Order_Refunds_Controller();
		$data       = $this->rest_data( $controller, $refund, array( 'order_id' => $refund->get_parent_id() ) );
		$lines      = array_intersect_key( $data, array_flip( array( 'date_created_gmt', 'amount' ) ) );
		foreach ( array( 'line_items', 'shipping_lines', 'fee_lines' ) as $kind ) {
			$lines[ $kind ] = $this->rows( $data[ $kind ] ?? array() );
		}
		return $lines;
	}

	/**
	 * An order or refund through WooCommerce's own REST controller.
	 *
	 * @param \WC_REST_Orders_Controller|\WC_REST_Order_Refunds_Controller $controller The controller.
	 * @param \WC_Abstract_Order                                           $thing      The order or refund.
	 * @param array<string, mixed>                                         $parameters Further parameters.
	 * @return array<string, mixed>
	 */
	private function rest_data( $controller, \WC_Abstract_Order $thing, array $parameters = array() ): array {
		$request = new \WP_REST_Request( 'GET' );
		$request->set_query_params(
			array_merge(
				array(
					'context' => 'view',
					'dp'      => wc_get_price_decimals(),
				),
				$parameters
			)
		);
		$response = $controller->prepare_object_for_response( $thing, $request );
		$data     = $response instanceof \WP_REST_Response ? $response->get_data() : array();
		return Envelope::string_keyed( $data );
	}

	/**
	 * A list of rows; meta data objects become arrays.
	 *
	 * @param mixed $value What should be such a list.
	 * @return array<array<string, mixed>>
	 */
	private function rows( $value ): array {
		$rows = array();
		foreach ( is_array( $value ) ? $value : array() as $row ) {
			$rows[] = Envelope::string_keyed( $row instanceof \WC_Meta_Data ? $row->get_data() : $row );
		}
		return $rows;
	}
}
