<?php

namespace POS_Sync\Messages;

use POS_Sync\Stock\Stock_Changer;
use POS_Sync\Stock\Stock_Follow_Up;

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
		$other_shop = __( 'Corrected to the stock of another shop', 'woocommerce-pos-sync' );
		$reasons    = array(
			'order'         => __( 'Sold (counter or another shop)', 'woocommerce-pos-sync' ),
			'return'        => __( 'Returned or cancelled (counter or another shop)', 'woocommerce-pos-sync' ),
			'count'         => __( 'Counted', 'woocommerce-pos-sync' ),
			'reconcile'     => $other_shop,
			'managed_again' => $other_shop,
			'shop_aligned'  => __( 'Made equal to the stock in the POS', 'woocommerce-pos-sync' ),
			''              => __( 'No reason given', 'woocommerce-pos-sync' ),
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
	 * Why a change was not applied, and what to do; for one that was, what went wrong after it. Empty where nothing did.
	 *
	 * @param array<string, string> $row A row of the table of changes.
	 */
	public static function explain( array $row ): string {
		switch ( $row['outcome'] ) {
			case 'not_managed':
				return 'no' === get_option( 'woocommerce_manage_stock' )
					? __( 'This shop tracks no stock at all. To have it follow the POS, switch stock management on under WooCommerce → Settings → Products → Inventory.', 'woocommerce-pos-sync' )
					: __( 'The stock of this product is not tracked here. To have it follow the POS, edit the product, tick “Track stock quantity for this product” under “Inventory”, and enter how many there are.', 'woocommerce-pos-sync' );
			case 'unknown':
				return __( 'There is no such product here any more: it was deleted for good. Archive it in the POS, or add it here again.', 'woocommerce-pos-sync' );
		}
		return self::sentences()[ $row['message'] ] ?? self::after_change( $row['message'] );
	}

	/**
	 * What is noted with a change, by the English text that is stored and that the POS reads.
	 *
	 * @return array<string, string>
	 */
	private static function sentences(): array {
		return array(
			Stock_Changer::WHOLE_UNITS    => __( 'Stock is kept in whole units here, and this change is a fraction. A plugin for decimal quantities makes the shop keep fractions; or count this product in whole units in the POS.', 'woocommerce-pos-sync' ),
			Stock_Changer::REPLACED       => __( 'Another plugin changes how the stock of this product is written, so it can’t be changed and noted in one step. Ask the makers of that plugin, or switch it off.', 'woocommerce-pos-sync' ),
			Stock_Follow_Up::NOT_FOLLOWED => __( 'The stock is right, but PHP was stopped several times at what WooCommerce does after a change. If the product is shown as in stock when it is not, or the other way round, save it once.', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * What another plugin did wrong after a change; any other text as it is.
	 *
	 * @param string $message As it is stored.
	 */
	private static function after_change( string $message ): string {
		if ( 0 !== strpos( $message, Stock_Follow_Up::OTHERS_FAILED ) ) {
			return $message;
		}
		/* translators: %s: technical error message. */
		return sprintf( __( 'The stock is right, but another plugin failed after the change: %s', 'woocommerce-pos-sync' ), substr( $message, strlen( Stock_Follow_Up::OTHERS_FAILED ) ) );
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
