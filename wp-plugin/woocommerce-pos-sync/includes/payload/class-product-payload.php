<?php

namespace POS_Sync\Payload;

/**
 * What is sent of a product or variation, named as in WooCommerce's REST API v3.
 */
final class Product_Payload {

	/**
	 * Statuses of products that customers can buy; private ones are bought by those who may see them.
	 */
	public const FOR_SALE_STATUSES = array( 'publish', 'private' );

	/**
	 * What is sent of a product and changes with every sale.
	 */
	private const CHANGES_BY_SALES = array( 'stock_quantity', 'stock_status', 'date_modified_gmt' );

	/**
	 * A product or variation: what the POS needs of it, named as in the REST API.
	 *
	 * @return array<string, mixed>
	 */
	public function build( \WC_Product $product ): array {
		$created     = $product->get_date_created();
		$modified    = $product->get_date_modified();
		$without_sku = $this->variations_without_sku( $product );
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
			'manage_stock'      => $product->get_manage_stock() ? $product->get_manage_stock() : (bool) $without_sku, // Stock that the product does not manage itself.
			'stock_quantity'    => $this->stock( $product, $without_sku ),
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
	public function sku_owner( \WC_Product $product ): ?\WC_Product {
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
		return ! array_diff( $statuses, self::FOR_SALE_STATUSES );
	}

	/**
	 * The same for two states of a product that differ in nothing but what sales change.
	 *
	 * @param array<string, mixed> $product What build() returned.
	 */
	public static function fingerprint( array $product ): string {
		return md5( Envelope::json( array_diff_key( $product, array_flip( self::CHANGES_BY_SALES ) ) ) );
	}

	/**
	 * A product's GTIN, UPC, EAN or ISBN; WooCommerce has a field for it since 9.2.
	 */
	private function gtin( \WC_Product $product ): string {
		return version_compare( WC()->version, '9.2', '<' ) ? '' : $product->get_global_unique_id();
	}

	/**
	 * A product's categories; a variation's are its parent's.
	 *
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
	 * @param \WC_Product[] $without_sku Those variations.
	 * @return int|float|null Null where WooCommerce does not manage it.
	 */
	private function stock( \WC_Product $product, array $without_sku ) {
		$stock = $product->managing_stock() ? $product->get_stock_quantity() : null;
		foreach ( $without_sku as $variation ) {
			$stock = (float) $stock + (float) $variation->get_stock_quantity();
		}
		return null === $stock ? null : wc_stock_amount( $stock );
	}

	/**
	 * Variations with stock of their own that go by their parent's SKU.
	 *
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
}
