<?php
/**
 * What tests do with products. Each gets the step's options and gives what the test wants to know.
 *
 * @package POS_Sync
 */

namespace POS_Sync\Act;

/**
 * Makes the shop ready for selling: tax, payment, a catalogue.
 */
function stock_up( array $input ): array {
	\WC_Install::create_pages();
	update_option( 'woocommerce_coming_soon', 'no' );
	update_option( 'woocommerce_currency', 'SEK' );
	update_option( 'woocommerce_default_country', 'SE' );
	update_option( 'woocommerce_calc_taxes', 'yes' );
	update_option( 'woocommerce_onboarding_profile', array( 'skipped' => true ) );
	update_option(
		'woocommerce_cod_settings',
		array(
			'enabled' => 'yes',
			'title'   => 'Cash on delivery',
		)
	);
	update_option(
		'woocommerce_bacs_settings',
		array(
			'enabled' => 'yes',
			'title'   => 'Bank transfer',
		)
	);
	\WC_Tax::_insert_tax_rate(
		array(
			'tax_rate_country' => 'SE',
			'tax_rate'         => '25',
			'tax_rate_name'    => 'Moms',
		)
	);
	flush_rewrite_rules();
	$ids = array();
	foreach ( $input['products'] ?? array() as $name => $data ) {
		$product = new \WC_Product_Simple();
		$product->set_props(
			$data + array(
				'name'         => $name,
				'manage_stock' => true,
			)
		);
		$ids[ $name ] = $product->save();
	}
	foreach ( $input['variable'] ?? array() as $name => $data ) {
		$ids += variable( $name, $data );
	}
	return $ids;
}

/**
 * A variable product with one variation for each size.
 */
function variable( string $name, array $data ): array {
	$attribute = new \WC_Product_Attribute();
	$attribute->set_name( 'Size' );
	$attribute->set_options( array_keys( $data['sizes'] ) );
	$attribute->set_variation( true );
	$parent = new \WC_Product_Variable();
	$parent->set_name( $name );
	$parent->set_sku( $data['sku'] );
	$parent->set_attributes( array( $attribute ) );
	$parent->set_manage_stock( isset( $data['stock_quantity'] ) );
	$parent->set_stock_quantity( $data['stock_quantity'] ?? null );
	$ids = array( $name => $parent->save() );
	foreach ( $data['sizes'] as $size => $props ) {
		$variation = new \WC_Product_Variation();
		$variation->set_parent_id( $ids[ $name ] );
		$variation->set_attributes( array( 'size' => $size ) );
		$variation->set_props( $props + array( 'manage_stock' => true ) );
		$ids[ "$name $size" ] = $variation->save();
	}
	return $ids;
}

/**
 * Renames a SKU.
 */
function rename_sku( array $input ): array {
	$product = wc_get_product( $input['id'] );
	$product->set_sku( $input['sku'] );
	$product->save();
	return array();
}

/**
 * Ids of the products.
 */
function products( array $input ): array {
	return array(
		'ids' => wc_get_products(
			array(
				'return' => 'ids',
				'type'   => 'simple',
				'limit'  => -1,
			)
		),
	);
}

/**
 * A new product.
 */
function new_product( array $input ): array {
	$product = new \WC_Product_Simple();
	$product->set_props( $input + array( 'manage_stock' => isset( $input['stock_quantity'] ) ) );
	return array( 'id' => $product->save() );
}

/**
 * Changes a product, by WooCommerce or (with "sql") behind its back.
 */
function change_product( array $input ): array {
	global $wpdb;
	$product = wc_get_product( $input['id'] );
	foreach ( $input['sql'] ?? array() as $key => $value ) {
		$wpdb->update(
			$wpdb->postmeta,
			array( 'meta_value' => $value ),
			array(
				'post_id'  => $input['id'],
				'meta_key' => $key,
			)
		);
	}
	if ( ! empty( $input['without_time'] ) ) { // As some import plugins write posts.
		$wpdb->update( $wpdb->posts, array( 'post_modified_gmt' => '0000-00-00 00:00:00' ), array( 'ID' => $input['id'] ) );
	}
	if ( isset( $input['props'] ) ) {
		$product->set_props( $input['props'] );
		$product->save();
	}
	if ( isset( $input['delete'] ) ) {
		$product->delete( 'for good' === $input['delete'] );
	}
	return array();
}

/**
 * Publishes a product, or gives it another status, in one of the ways that WordPress has for it.
 */
function set_status( array $input ): array {
	wp_set_current_user( 1 );
	$id     = $input['id'];
	$status = $input['status'] ?? 'publish';
	$change = array(
		'ID'          => $id,
		'post_status' => $status,
	);
	switch ( $input['how'] ) {
		case 'edit screen':
			require_once ABSPATH . 'wp-admin/includes/admin.php';
			$_POST = array(
				'post_ID'     => $id,
				'post_type'   => 'product',
				'post_status' => $status,
				'publish'     => 'Publish',
				'post_title'  => get_the_title( $id ),
			);
			edit_post();
			break;
		case 'bulk edit':
			require_once ABSPATH . 'wp-admin/includes/admin.php';
			bulk_edit_posts(
				array(
					'post'      => array( $id ),
					'_status'   => $status,
					'post_type' => 'product',
				)
			);
			break;
		case 'REST':
			return rest(
				array(
					'method' => 'PUT',
					'path'   => "/products/$id",
					'body'   => array( 'status' => $status ),
				)
			);
		case 'wp_publish_post':
			wp_publish_post( $id );
			break;
		case 'scheduled':
			wp_update_post(
				array(
					'ID'            => $id,
					'post_status'   => 'future',
					'edit_date'     => true,
					'post_date'     => gmdate( 'Y-m-d H:i:s', time() + 2 ),
					'post_date_gmt' => gmdate(
						'Y-m-d H:i:s',
						time() + 2
					),
				)
			);
			sleep( 2 );
			check_and_publish_future_post( $id );
			break;
		default: // Quick edit, and whatever else uses it.
			wp_update_post( $change );
	}
	return array( 'status' => get_post_status( $id ) );
}

/**
 * Puts a product into a category and gives it an image, as the edit screen does: not by WooCommerce's own objects.
 */
function categorize( array $input ): array {
	wp_set_object_terms( $input['id'], $input['category'], 'product_cat' );
	$image = wp_insert_attachment(
		array(
			'post_mime_type' => 'image/jpeg',
			'post_title'     => 'Image',
			'post_status'    => 'inherit',
		),
		$input['image']
	);
	set_post_thumbnail( $input['id'], $image );
	return array();
}

/**
 * New simple products.
 */
function make_products( array $input ): array {
	$ids = array();
	foreach ( $input['products'] as $name => $data ) {
		$product = new \WC_Product_Simple();
		$product->set_props( $data + array( 'name' => $name ) );
		$ids[ $name ] = $product->save();
	}
	return $ids;
}

/**
 * Changes properties of a product or variation.
 */
function set_product( array $input ): array {
	$product = wc_get_product( $input['id'] );
	unset( $input['id'] );
	$product->set_props( $input );
	$product->save();
	return array();
}

/**
 * The stock of a product or variation, or of the parent that has it.
 */
function stock_of( array $input ): array {
	return array( 'stock' => wc_get_product( $input['id'] )->get_stock_quantity() );
}

/**
 * Many products that are for sale, written as an import does.
 */
function many_products( array $input ): array {
	global $wpdb;
	$rows = array();
	foreach ( range( 1, $input['count'] ) as $number ) {
		$rows[] = "('Many $number', 'many-$number', 'publish', 'product', UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), '', '', '', '', '')";
	}
	$wpdb->query( "INSERT INTO $wpdb->posts (post_title, post_name, post_status, post_type, post_date, post_date_gmt, post_modified, post_modified_gmt, post_content, post_excerpt, to_ping, pinged, post_content_filtered) VALUES " . implode( ',', $rows ) );
	$wpdb->query( "INSERT INTO $wpdb->postmeta (post_id, meta_key, meta_value) SELECT ID, '_sku', post_name FROM $wpdb->posts WHERE post_name LIKE 'many-%'" );
	return array();
}
