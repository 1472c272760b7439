<?php

namespace POS_Sync\Messages;

/**
 * A change of stock that the POS sent, in the language of whoever reads it: why it was made, what became of it, and what to do where the
 * shop did not take it over. What is stored are the English codes.
 */
final class Stock_Messages {

	/**
	 * Why the stock changed. What the POS's staff wrote as a reason of their own stays as they wrote it.
	 *
	 * @param string $reason As the POS sent it.
	 */
	public static function reason( string $reason ): string {
		$reasons = array(
			'order'        => __( 'Sold (counter or another shop)', 'woocommerce-pos-sync' ),
			'return'       => __( 'Returned or cancelled (counter or another shop)', 'woocommerce-pos-sync' ),
			'count'        => __( 'Counted', 'woocommerce-pos-sync' ),
			'reconcile'    => __( 'Corrected to the stock of another shop', 'woocommerce-pos-sync' ),
			'shop_aligned' => __( 'Made equal to the stock in the POS', 'woocommerce-pos-sync' ),
			''             => __( 'No reason given', 'woocommerce-pos-sync' ),
		);
		/* translators: %s: what the staff wrote, such as "broken". */
		return $reasons[ $reason ] ?? sprintf( __( 'Changed in the POS: %s', 'woocommerce-pos-sync' ), $reason );
	}

	/**
	 * What became of a change: the class of its badge, and its label.
	 *
	 * @param array<string, string> $row A row of the table of changes.
	 * @return array{string, string}
	 */
	public static function result( array $row ): array {
		switch ( $row['outcome'] ) {
			case 'applied':
				return array( 'sent', __( 'Applied', 'woocommerce-pos-sync' ) );
			case '':
				return array( 'waiting', __( 'In progress', 'woocommerce-pos-sync' ) );
		}
		return array( 'failed', __( 'Not applied', 'woocommerce-pos-sync' ) );
	}

	/**
	 * Why a change was not taken over, and what to do; empty where it was.
	 *
	 * @param array<string, string> $row A row of the table of changes.
	 */
	public static function explain( array $row ): string {
		switch ( $row['outcome'] ) {
			case '':
			case 'applied':
				return '';
			case 'not_managed':
				return __( 'The stock of this product is not tracked here. To have it follow the POS, edit the product, tick “Track stock quantity for this product” under “Inventory”, and enter how many there are.', 'woocommerce-pos-sync' );
			case 'unknown':
				return __( 'There is no such product here any more. If it was deleted by mistake, restore it from the trash; if not, archive it in the POS.', 'woocommerce-pos-sync' );
		}
		return $row['message'];
	}

	/**
	 * A quantity as people write it: without zeros at its end.
	 *
	 * @param string $number A decimal number, such as "11.500000".
	 */
	public static function quantity( string $number ): string {
		$plain    = false === strpos( $number, '.' ) ? $number : rtrim( rtrim( $number, '0' ), '.' );
		$decimals = strlen( (string) strrchr( $plain, '.' ) );
		return number_format_i18n( (float) $plain, max( 0, $decimals - 1 ) );
	}

	/**
	 * By how much the stock was to change, with its sign.
	 *
	 * @param string $delta A decimal number, such as "-1.000000".
	 */
	public static function change( string $delta ): string {
		return ( (float) $delta < 0 ? '−' : '+' ) . self::quantity( ltrim( $delta, '-' ) );
	}
}
