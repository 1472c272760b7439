<?php

namespace POS_Sync\Messages;

/**
 * What the POS warns of, in the language of whoever reads it. The POS sends a code and values with each English text.
 */
final class Warning_Messages {

	/**
	 * The warnings in an answer; those of unknown codes as the POS wrote them.
	 *
	 * @param string $answer The answer, as it was kept.
	 * @param string $raw    The English messages in one line.
	 */
	public static function translate( string $answer, string $raw ): string {
		$body  = json_decode( $answer, true );
		$data  = is_array( $body ) ? ( $body['data'] ?? null ) : null;
		$codes = is_array( $data ) ? ( $data['warning_codes'] ?? null ) : null;
		$texts = is_array( $data ) ? ( $data['warnings'] ?? null ) : null;
		if ( ! is_array( $codes ) || ! is_array( $texts ) || count( $codes ) !== count( $texts ) ) {
			return $raw;
		}
		$lines = array();
		foreach ( array_values( $texts ) as $index => $text ) {
			$warning = array_values( $codes )[ $index ];
			$line    = is_array( $warning ) ? self::one( $warning['code'] ?? '', $warning['values'] ?? array() ) : '';
			$lines[] = '' !== $line ? $line : ( is_string( $text ) ? $text : '' );
		}
		return implode( ' ', array_filter( $lines ) );
	}

	/**
	 * One warning; empty where its code, or one of its values, is not known here.
	 *
	 * @param mixed $code   Its code.
	 * @param mixed $values Its values by name.
	 */
	private static function one( $code, $values ): string {
		$sentence = is_string( $code ) ? ( self::sentences()[ $code ] ?? '' ) : '';
		$replace  = array();
		foreach ( is_array( $values ) ? $values : array() as $name => $value ) {
			$replace[ '{' . $name . '}' ] = is_scalar( $value ) ? (string) $value : '';
		}
		// Names in braces that are left over would be a riddle.
		preg_match_all( '/\{[a-z_]+\}/', $sentence, $wanted );
		return array_diff( $wanted[0], array_keys( $replace ) ) ? '' : strtr( $sentence, $replace );
	}

	/**
	 * The POS's warnings by code, with its names for their values in braces.
	 *
	 * @return array<string, string>
	 */
	public static function sentences(): array {
		return array(
			/* translators: Leave {names in braces} as they are. */
			'unknown_sku'                  => __( 'The POS does not know the SKU {sku}; its stock does not move.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'unclear_refund_line'          => __( 'Refund {refund} returns {quantity} of {line}, which is not exactly one line of this order; its stock does not move.', 'woocommerce-pos-sync' ),
			'product_without_sku'          => __( 'The product has no SKU, so the POS can not keep its stock.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'stock_not_managed'            => __( 'The shop does not manage the stock of {sku}, so the POS has none to start with.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'shared_sku'                   => __( 'Another product of the shop has the SKU {sku} too.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'unknown_parent'               => __( 'The stock of {sku} is that of product {parent}, which the POS does not know.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'sku_taken'                    => __( 'The SKU {sku} was another product’s, which is {product} in the POS until it has a new one.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'sku_of_several'               => __( 'Several products of the shop ({ids}) have the SKU {sku}; in the POS they are one product with one stock.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'not_published'                => __( '{sku} is not published yet; it starts with the stock it is published with.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'field_left_out'               => __( 'The POS could not read the field {field} and left it out: {problem}.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'field_shortened'              => __( 'The field {field} is longer than {limit} characters; the POS keeps only so many.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'payment_names_several_orders' => __( 'The payment names {orders} in the same way, so it is matched with none of them.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'unlinked_item'                => __( 'Item {item} is linked to no product in the POS; its stock does not move.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'line_without_sku'             => __( 'Line {line}, {name}, has no product code; its stock does not move.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'reported_differently'         => __( 'It was reported with {count} different contents; the newest counts.', 'woocommerce-pos-sync' ),
			'waits_for_rest'               => __( 'The POS keeps it until the rest comes, and applies it then.', 'woocommerce-pos-sync' ),
			/* translators: Leave {names in braces} as they are. */
			'characters_replaced'          => __( 'The POS replaced characters in the field {field} that can not be stored.', 'woocommerce-pos-sync' ),
		);
	}
}
