<?php
/**
 * What is said of an order or product.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Builds what is sent from the order or product as it is now, in the shape of WooCommerce's REST API v3.
 */
final class Payload {

	/**
	 * Statuses of what is no order yet.
	 */
	public const DRAFTS = array( 'auto-draft', 'draft', 'checkout-draft', 'new' );

	/**
	 * Statuses of products that customers can buy; private ones are bought by those who may see them.
	 */
	public const FOR_SALE = array( 'publish', 'private' );

	/**
	 * What is sent of a product and changes with every sale.
	 */
	private const CHANGES_BY_SALES = array( 'stock_quantity', 'stock_status', 'date_modified_gmt' );

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
	 * @param \WC_Order $order The order.
	 * @return array<string, mixed>
	 */
	public function order( \WC_Order $order ): array {
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
	 * Whether the database holds an order, also one that can't be read.
	 *
	 * @param int $id Its id.
	 */
	public function is_there( int $id ): bool {
		return 'shop_order' === \Automattic\WooCommerce\Utilities\OrderUtil::get_order_type( $id );
	}

	/**
	 * Ids of the products and variations that an order names.
	 *
	 * @param int $id Id of the order.
	 * @return int[]
	 */
	public function products_of( int $id ): array {
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
	 * @param array<string, mixed> $data What order() returned, or this.
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
							return is_array( $meta ) && in_array( $meta['key'] ?? '', Request_Copy::STOCK_META, true );
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
	 *
	 * @param \WC_Order $order The order.
	 */
	private static function is_anonymized( \WC_Order $order ): bool {
		return 'yes' === $order->get_meta( self::ANONYMIZED );
	}

	/**
	 * An order's meta data as they are sent: without what the POS does not keep, and always with the note that personal data
	 * were removed, by which the POS removes them, too.
	 *
	 * @param array<array<string, mixed>> $rows  Meta data as the REST API shows them.
	 * @param \WC_Order                   $order Their order.
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
	 * An order's status; that of one in the trash is what it was before.
	 *
	 * @param \WC_Order $order The order.
	 */
	public function status( \WC_Order $order ): string {
		$status = $order->get_status();
		$before = 'trash' === $status ? $order->get_meta( '_wp_trash_meta_status' ) : '';
		return is_string( $before ) && '' !== $before ? (string) preg_replace( '/^wc-/', '', $before ) : $status;
	}

	/**
	 * A product or variation: what the POS needs of it, named as in the REST API.
	 *
	 * @param \WC_Product $product The product.
	 * @return array<string, mixed>
	 */
	public function product( \WC_Product $product ): array {
		$created  = $product->get_date_created();
		$modified = $product->get_date_modified();
		return array(
			'id'                => $product->get_id(),
			'parent_id'         => $product->get_parent_id(),
			'type'              => $product->get_type(),
			'status'            => $product->get_status(),
			// As stored: plugins show visitors other names and prices, by language, currency or customer.
			'name'              => $product->get_name( 'edit' ),
			'sku'               => $product->get_sku(),
			'price'             => $product->get_price( 'edit' ),
			'global_unique_id'  => $this->gtin( $product ),
			'image'             => (string) wp_get_attachment_url( (int) $product->get_image_id() ),
			'categories'        => $this->categories( $product ),
			'tax_class'         => $product->get_tax_class(),
			'manage_stock'      => $product->get_manage_stock() ? $product->get_manage_stock() : $this->has_stock( $product ),
			'stock_quantity'    => $this->stock( $product ),
			'stock_status'      => $product->get_stock_status(),
			'date_created_gmt'  => $created ? gmdate( 'Y-m-d\TH:i:s', $created->getTimestamp() ) : null,
			'date_modified_gmt' => $modified ? gmdate( 'Y-m-d\TH:i:s', $modified->getTimestamp() ) : null,
		);
	}

	/**
	 * The product whose SKU an order line would name for this one: a variation without a SKU of its own goes by its
	 * parent's. Null where nothing is to be sent: no SKU, or no product customers could buy.
	 *
	 * @param \WC_Product $product A product or variation.
	 */
	public function known_as( \WC_Product $product ): ?\WC_Product {
		if ( $product instanceof \WC_Product_Variation && '' === (string) $product->get_sku( 'edit' ) ) {
			$product = wc_get_product( $product->get_parent_id() );
		}
		if ( ! $product instanceof \WC_Product || '' === trim( (string) $product->get_sku() ) ) {
			return null;
		}
		return $this->is_for_sale( $product ) ? $product : null;
	}

	/**
	 * Whether customers can buy a product: a variation's parent must be published, too.
	 *
	 * @param \WC_Product $product A product or variation.
	 */
	public function is_for_sale( \WC_Product $product ): bool {
		$statuses = array( $product->get_status() );
		if ( $product instanceof \WC_Product_Variation ) {
			$statuses[] = get_post_status( $product->get_parent_id() );
		}
		return ! array_diff( $statuses, self::FOR_SALE );
	}

	/**
	 * The same for two states of a product that differ in nothing but what sales change.
	 *
	 * @param array<string, mixed> $product What product() returned.
	 */
	public static function fingerprint( array $product ): string {
		return md5( Envelope::json( array_diff_key( $product, array_flip( self::CHANGES_BY_SALES ) ) ) );
	}

	/**
	 * Ids of products and variations, whatever their status, in the order of ids.
	 *
	 * @param int $after Only ids above this one.
	 * @param int $limit How many at most.
	 * @param int $since Only those saved since this Unix time; 0 for all, also those without a time.
	 * @return int[]
	 */
	public function product_ids( int $after, int $limit, int $since = 0 ): array {
		$rows = ( new Table( 'posts' ) )->rows(
			"SELECT ID FROM {table} WHERE post_type IN ('product', 'product_variation') AND ID > %d AND (post_modified_gmt >= %s OR 0 = %d) AND post_status <> 'auto-draft' ORDER BY ID LIMIT %d",
			array( $after, gmdate( 'Y-m-d H:i:s', $since ), $since, $limit )
		);
		return array_map( 'intval', array_column( $rows, 'ID' ) );
	}

	/**
	 * Which of these are in the shop: orders and refunds, or products and variations. Those in the trash are.
	 *
	 * @param string $type Queue::ORDER or Queue::PRODUCT.
	 * @param int[]  $ids  Their ids.
	 * @return array<int, string> Post type or type of order, by id.
	 */
	public function existing( string $type, array $ids ): array {
		$tables = Queue::ORDER === $type && $this->has_order_tables();
		$there  = array();
		foreach ( array_chunk( $ids, 1000 ) as $chunk ) {
			$holes = implode( ', ', array_fill( 0, count( $chunk ), '%d' ) );
			$rows  = $tables
				? ( new Table( 'wc_orders' ) )->rows( "SELECT id, type FROM {table} WHERE id IN ($holes)", $chunk )
				: ( new Table( 'posts' ) )->rows( "SELECT ID AS id, post_type AS type FROM {table} WHERE ID IN ($holes)", $chunk );
			foreach ( $rows as $row ) {
				$there[ (int) $row['id'] ] = $row['type'];
			}
		}
		return $there;
	}

	/**
	 * Which of these ids are orders, or products and variations, of this shop; not refunds, subscriptions and the like.
	 *
	 * @param string $type Queue::ORDER or Queue::PRODUCT.
	 * @param int[]  $ids  Any ids.
	 * @return int[]
	 */
	public function of_this_shop( string $type, array $ids ): array {
		$types = Queue::PRODUCT === $type ? array( 'product', 'product_variation' ) : array( 'shop_order' );
		return array_keys( array_intersect( $this->existing( $type, $ids ), $types ) );
	}

	/**
	 * The highest id of the orders that have taken their stock by now: an order with a higher one is not contained in
	 * stock that is read after this.
	 */
	public function last_order_id(): int {
		$open = "'wc-pending', 'pending', 'wc-checkout-draft', 'checkout-draft', 'auto-draft', 'draft', 'new'";
		$id   = $this->has_order_tables()
			? ( new Table( 'wc_orders' ) )->value( "SELECT id FROM {table} WHERE type = 'shop_order' AND status NOT IN ($open) ORDER BY id DESC LIMIT 1", array() )
			: ( new Table( 'posts' ) )->value( "SELECT ID FROM {table} WHERE post_type = 'shop_order' AND post_status NOT IN ($open) ORDER BY ID DESC LIMIT 1", array() );
		return (int) $id;
	}

	/**
	 * Whether orders are in WooCommerce's order tables rather than in posts.
	 */
	private function has_order_tables(): bool {
		return \Automattic\WooCommerce\Utilities\OrderUtil::custom_orders_table_usage_is_enabled();
	}

	/**
	 * A product's GTIN, UPC, EAN or ISBN; WooCommerce has a field for it since 9.2.
	 *
	 * @param \WC_Product $product The product.
	 */
	private function gtin( \WC_Product $product ): string {
		return version_compare( WC()->version, '9.2', '<' ) ? '' : $product->get_global_unique_id();
	}

	/**
	 * A product's categories; a variation's are its parent's.
	 *
	 * @param \WC_Product $product The product.
	 * @return array<int, array{id: int, name: string}>
	 */
	private function categories( \WC_Product $product ): array {
		$terms      = get_the_terms( $product instanceof \WC_Product_Variation ? $product->get_parent_id() : $product->get_id(), 'product_cat' );
		$categories = array();
		foreach ( is_array( $terms ) ? $terms : array() as $term ) {
			$categories[] = array(
				'id'   => $term->term_id,
				'name' => $term->name,
			);
		}
		return $categories;
	}

	/**
	 * All the stock there is under the product's SKU: its own, and that of variations which have none but its SKU.
	 *
	 * @param \WC_Product $product The product.
	 * @return int|float|null Null where WooCommerce does not manage it.
	 */
	private function stock( \WC_Product $product ) {
		$stock = $product->managing_stock() ? $product->get_stock_quantity() : null;
		foreach ( $this->variations_without_sku( $product ) as $variation ) {
			$stock = (float) $stock + (float) $variation->get_stock_quantity();
		}
		return null === $stock ? null : wc_stock_amount( $stock );
	}

	/**
	 * Whether stock is managed under the product's SKU, if not by the product itself.
	 *
	 * @param \WC_Product $product The product.
	 */
	private function has_stock( \WC_Product $product ): bool {
		return (bool) $this->variations_without_sku( $product );
	}

	/**
	 * Variations with stock of their own that go by their parent's SKU.
	 *
	 * @param \WC_Product $product The parent.
	 * @return \WC_Product[]
	 */
	private function variations_without_sku( \WC_Product $product ): array {
		if ( ! $product->is_type( 'variable' ) ) {
			return array();
		}
		$found = array();
		foreach ( $product->get_children() as $id ) {
			$variation = wc_get_product( $id );
			if ( $variation instanceof \WC_Product_Variation && '' === (string) $variation->get_sku( 'edit' ) && true === $variation->get_manage_stock() ) {
				$found[] = $variation;
			}
		}
		return $found;
	}

	/**
	 * The lines of a refund, with its time and amount, which the REST API shows elsewhere.
	 *
	 * @param \WC_Order_Refund $refund The refund.
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
		return $this->named( $data );
	}

	/**
	 * Sees to it that each line says how many units it holds, which is what the POS's stock is built on.
	 *
	 * @param array<array<string, mixed>> $lines Lines as the REST API shows them.
	 * @param \WC_Order                   $order Their order.
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
	 * A list of rows; meta data objects become arrays.
	 *
	 * @param mixed $value What should be such a list.
	 * @return array<array<string, mixed>>
	 */
	private function rows( $value ): array {
		$rows = array();
		foreach ( is_array( $value ) ? $value : array() as $row ) {
			$rows[] = $this->named( $row instanceof \WC_Meta_Data ? $row->get_data() : $row );
		}
		return $rows;
	}

	/**
	 * An array with names for keys; empty where it is no array.
	 *
	 * @param mixed $value What should be one.
	 * @return array<string, mixed>
	 */
	public function named( $value ): array {
		$named = array();
		foreach ( is_array( $value ) ? $value : array() as $name => $part ) {
			$named[ (string) $name ] = $part;
		}
		return $named;
	}
}
