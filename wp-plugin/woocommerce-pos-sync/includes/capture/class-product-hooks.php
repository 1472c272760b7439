<?php

namespace POS_Sync\Capture;

use POS_Sync\Payload\Product_Payload;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Registers_Hooks;

/**
 * Notices new and changed products, and those that are published, unpublished, trashed or deleted, in every way that
 * WordPress has for it: so that the POS knows every SKU an order can name, and the new name of a renamed one. Other plugins call these hooks, too, so
 * their arguments can be anything.
 */
final class Product_Hooks implements Registers_Hooks {

	/**
	 * What is sent of a product, but for its stock.
	 */
	private const SENT = array( 'sku', 'name', 'status', 'price', 'regular_price', 'sale_price', 'manage_stock', 'parent_id', 'global_unique_id', 'image_id', 'category_ids', 'tax_class' );

	/**
	 * Where it is stored as meta data, for those who write it there without WooCommerce (import plugins, the edit screen's image).
	 */
	private const META = array( '_sku', '_price', '_manage_stock', '_global_unique_id', '_thumbnail_id', '_tax_class' );

	private const TYPES = array( 'product', 'product_variation' );

	private Change_Collector $changes;

	/**
	 * Prices that were deleted in this request, by id of the product. WooCommerce writes those of a product with variations anew
	 * whenever a variation is saved, as after each sale, mostly as they were.
	 *
	 * @var array<int, array<mixed>>
	 */
	private array $deleted_prices = array();

	public function __construct( Change_Collector $changes ) {
		$this->changes = $changes;
	}

	public function register(): void {
		add_action( 'woocommerce_new_product', array( $this, 'created' ) );
		add_action( 'woocommerce_new_product_variation', array( $this, 'created' ) );
		add_action( 'woocommerce_before_product_object_save', array( $this, 'saving' ) );

		// What does not go through WooCommerce: quick and bulk edit, scheduled publishing, wp_publish_post(), trash, imports.
		add_action( 'transition_post_status', array( $this, 'status_changed' ), 10, 3 );
		add_action( 'post_updated', array( $this, 'post_updated' ), 10, 3 );
		add_action( 'deleted_post', array( $this, 'deleted' ), 10, 2 );
		add_action( 'set_object_terms', array( $this, 'terms_changed' ), 10, 6 );
		foreach ( array( 'added_post_meta', 'updated_post_meta', 'deleted_post_meta' ) as $hook ) {
			add_action( $hook, array( $this, 'meta_changed' ), 10, 4 );
		}
		add_action( 'delete_post_meta', array( $this, 'deleting_meta' ), 10, 3 );
		add_action( 'shutdown', array( $this, 'record_price_changes' ), 4 ); // Before the changes are written, both times.
		add_action( 'shutdown', array( $this, 'record_price_changes' ), PHP_INT_MAX - 1 );
	}

	/**
	 * A product or variation was made.
	 *
	 * @param int|string $id Its id.
	 */
	public function created( $id ): void {
		$this->changes->add( Queue_Item::PRODUCT, (int) $id, 'updated' );
	}

	/**
	 * A product or variation is about to be saved. What an order does to it (stock, sales) comes with the order.
	 *
	 * @param mixed $product The product.
	 */
	public function saving( $product ): void {
		if ( $product instanceof \WC_Product && $product->get_id() && array_intersect_key( $product->get_changes(), array_flip( self::SENT ) ) ) {
			$this->changes->add( Queue_Item::PRODUCT, $product->get_id(), 'updated' );
		}
	}

	/**
	 * A product or variation was published, unpublished, trashed or restored.
	 *
	 * @param mixed $status Its status.
	 * @param mixed $before Its status before.
	 * @param mixed $post   The post.
	 */
	public function status_changed( $status, $before, $post ): void {
		if ( $post instanceof \WP_Post && in_array( $post->post_type, self::TYPES, true ) && in_array( $status, Product_Payload::FOR_SALE_STATUSES, true ) !== in_array( $before, Product_Payload::FOR_SALE_STATUSES, true ) ) {
			$this->add_with_family( $post );
		}
	}

	/**
	 * A product or variation was given another name or parent.
	 *
	 * @param mixed $id     Its id.
	 * @param mixed $post   The post.
	 * @param mixed $before The post before.
	 */
	public function post_updated( $id, $post, $before ): void {
		if ( $post instanceof \WP_Post && $before instanceof \WP_Post && in_array( $post->post_type, self::TYPES, true )
			&& ( $post->post_title !== $before->post_title || $post->post_parent !== $before->post_parent ) ) {
			$this->changes->add( Queue_Item::PRODUCT, $post->ID, 'updated' );
		}
	}

	/**
	 * A product or variation was deleted for good.
	 *
	 * @param mixed $id   Its id.
	 * @param mixed $post The post.
	 */
	public function deleted( $id, $post ): void {
		if ( $post instanceof \WP_Post && in_array( $post->post_type, self::TYPES, true ) ) {
			$this->add_with_family( $post );
		}
	}

	/**
	 * A product was put into other categories.
	 *
	 * @param mixed $id         Its id.
	 * @param mixed $terms      Not used.
	 * @param mixed $categories Its categories.
	 * @param mixed $taxonomy   Which taxonomy it is about.
	 * @param mixed $append     Not used.
	 * @param mixed $before     Its categories before.
	 */
	public function terms_changed( $id, $terms, $categories, $taxonomy, $append, $before ): void {
		$numbers = static function ( $ids ): array {
			$ids = array_map( 'intval', array_filter( (array) $ids, 'is_numeric' ) );
			sort( $ids );
			return $ids;
		};
		$post    = 'product_cat' === $taxonomy && $numbers( $categories ) !== $numbers( $before ) && is_numeric( $id ) ? get_post( (int) $id ) : null;
		if ( $post instanceof \WP_Post && 'product' === $post->post_type ) {
			$this->add_with_family( $post );
		}
	}

	/**
	 * Meta data of a post changed.
	 *
	 * @param mixed  $meta_id Not used.
	 * @param int    $id      Id of the post.
	 * @param string $key     Which.
	 * @param mixed  $value   The value.
	 */
	public function meta_changed( $meta_id, $id, $key, $value = null ): void {
		if ( ! in_array( $key, self::META, true ) || $this->changes->has( Queue_Item::PRODUCT, (int) $id ) ) {
			return;
		}
		$is_empty = '' === $value || ( '_thumbnail_id' === $key && ! $value );
		if ( ( 'added_post_meta' === current_action() && $is_empty ) || ( '_price' === $key && isset( $this->deleted_prices[ (int) $id ] ) ) ) {
			return; // It was as good as empty before; or is looked at when all prices are written.
		}
		$this->add_by_meta( (int) $id, $key );
	}

	/**
	 * Meta data of a post is about to be deleted: its prices are kept, to see whether they are written again.
	 *
	 * @param mixed  $meta_ids Not used.
	 * @param int    $id       Id of the post.
	 * @param string $key      Which.
	 */
	public function deleting_meta( $meta_ids, $id, $key ): void {
		if ( '_price' === $key && ! isset( $this->deleted_prices[ (int) $id ] ) ) {
			$this->deleted_prices[ (int) $id ] = (array) get_post_meta( (int) $id, '_price' );
		}
	}

	/**
	 * Notes products whose prices are others than before they were deleted.
	 */
	public function record_price_changes(): void {
		$deleted              = $this->deleted_prices;
		$this->deleted_prices = array();
		foreach ( $deleted as $id => $before ) {
			$now = (array) get_post_meta( $id, '_price' );
			sort( $before );
			sort( $now );
			if ( $now !== $before ) {
				$this->add_by_meta( $id, '_price' );
			}
		}
	}

	/**
	 * Notes a product whose meta data changed.
	 */
	private function add_by_meta( int $id, string $key ): void {
		$post = get_post( $id );
		if ( $post instanceof \WP_Post && in_array( $post->post_type, self::TYPES, true ) ) {
			in_array( $key, array( '_thumbnail_id', '_tax_class' ), true ) ? $this->add_with_family( $post ) : $this->changes->add( Queue_Item::PRODUCT, $post->ID, 'updated' );
		}
	}

	/**
	 * Notes a product with its variations, or a variation with its parent: what they have in common changed.
	 *
	 * @param \WP_Post $post The product or variation.
	 */
	private function add_with_family( \WP_Post $post ): void {
		$ids = 'product_variation' === $post->post_type ? array( $post->post_parent ) : get_posts(
			array(
				'post_type'      => 'product_variation',
				'post_parent'    => $post->ID,
				'post_status'    => 'any',
				'fields'         => 'ids',
				'posts_per_page' => -1,
				'orderby'        => 'none',
			)
		);
		foreach ( array_merge( array( $post->ID ), $ids ) as $id ) {
			if ( is_int( $id ) && $id ) {
				$this->changes->add( Queue_Item::PRODUCT, $id, 'updated' );
			}
		}
	}
}
