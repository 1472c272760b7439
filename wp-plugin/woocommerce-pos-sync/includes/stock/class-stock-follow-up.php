<?php

namespace POS_Sync\Stock;

use POS_Sync\Log\Delivery_Log;

/**
 * What follows a change of stock: stock status, look-up table and caches by the stock that is there now, notices of low stock,
 * and the movement's row.
 */
final class Stock_Follow_Up {

	/**
	 * What is noted with a movement that changed the stock where something failed after it; Stock_Messages has it in the reader's language.
	 */
	public const OTHERS_FAILED = 'The stock was changed, but another plugin failed: ';
	public const NOT_FOLLOWED  = 'The stock was changed; what WooCommerce does besides (stock status, notices) was left out, as PHP was stopped at it several times.';

	/**
	 * So often what follows is done again, where the stock changed meanwhile.
	 */
	private const ROUNDS = 5;

	private Stock_Movements $movements;
	private Delivery_Log $log;

	public function __construct( Stock_Movements $movements, Delivery_Log $log ) {
		$this->movements = $movements;
		$this->log       = $log;
	}

	/**
	 * Completes a movement that changed the stock.
	 *
	 * @param int        $post     Id of the product or variation that has the stock.
	 * @param float|null $quantity The stock by which the stock status was set; null where it was not.
	 * @param string     $problem  What went wrong in another plugin so far; empty where nothing did.
	 */
	public function complete( Stock_Item $item, int $post, ?float $quantity, string $problem ): Stock_Result {
		$problem = self::first( $problem, $this->settle( $post, $quantity ) );
		$stock   = $this->stock( $post );
		if ( $item->delta < 0 && null !== $stock && $this->movements->claim_notice( $item ) ) {
			$problem = self::first( $problem, self::send_notices( $item->target(), $stock ) );
		}
		$message = '' === $problem ? '' : $this->log->clean( self::OTHERS_FAILED . $problem );
		$stock   = $this->stock( $post );
		$this->movements->finish( $item, $stock, $message );
		return new Stock_Result( Stock_Log::APPLIED, $message, $stock );
	}

	/**
	 * Completes a movement without any code of others, which has stopped PHP too often.
	 *
	 * @param int $post Id of the product or variation that has the stock.
	 */
	public function complete_alone( Stock_Item $item, int $post ): Stock_Result {
		self::clear_caches( $post );
		$stock = $this->stock( $post );
		$this->movements->finish( $item, $stock, self::NOT_FOLLOWED );
		return new Stock_Result( Stock_Log::APPLIED, self::NOT_FOLLOWED, $stock );
	}

	/**
	 * The stock that the database has now; null where there is none.
	 *
	 * @param int $post Id of the product or variation that has the stock.
	 */
	public function stock( int $post ): ?float {
		$seen = $this->movements->read_stock( $post );
		return $seen && is_numeric( $seen['stock'] ) ? (float) $seen['stock'] : null;
	}

	/**
	 * Removes what caches hold of a product, which may be from before the stock changed.
	 *
	 * @param int $post Id of the product or variation.
	 */
	public static function clear_caches( int $post ): void {
		wp_cache_delete( $post, 'post_meta' );
		wp_cache_delete( 'lookup_table', 'object_' . $post );
		clean_post_cache( $post );
	}

	/**
	 * Has WooCommerce do again what follows a change, until stock status and look-up table are by the stock that is there. Where
	 * orders change it at the same time, what one process read may be old when it writes the status.
	 *
	 * @param int        $post     Id of the product or variation that has the stock.
	 * @param float|null $quantity The stock by which the stock status was set; null where it was not.
	 * @return string What went wrong in another plugin; empty where nothing did.
	 */
	private function settle( int $post, ?float $quantity ): string {
		$problem = '';
		for ( $round = 0; $round < self::ROUNDS; $round++ ) {
			$seen = $this->movements->read_stock( $post );
			if ( ! $seen || self::is_settled( $seen, $quantity ) ) {
				break;
			}
			self::clear_caches( $post );
			$product = wc_get_product( $post );
			if ( ! $product instanceof \WC_Product || ! $product->managing_stock() ) {
				break;
			}
			$change = new One_Step_Change( $this->movements, null, $post );
			$change->run( $product );
			$quantity = $change->quantity;
			$problem  = self::first( $problem, $change->problem );
			if ( null === $quantity ) {
				break; // It fails each time.
			}
		}
		return $problem;
	}

	/**
	 * Whether stock status and look-up table are by the stock that is there.
	 *
	 * @param array{stock: string, status: string, lookup_stock: string, lookup_status: string} $seen     What the database has.
	 * @param float|null                                                                        $quantity The stock by which the status was set.
	 */
	public static function is_settled( array $seen, ?float $quantity ): bool {
		if ( null === $quantity || ! is_numeric( $seen['stock'] ) || ! is_numeric( $seen['lookup_stock'] ) ) {
			return false;
		}
		$stock = (float) wc_stock_amount( (float) $seen['stock'] );
		return abs( $stock - $quantity ) < 1e-6 && abs( $stock - (float) $seen['lookup_stock'] ) < 1e-6 && $seen['status'] === $seen['lookup_status'];
	}

	/**
	 * Has the shop notified of low stock, by the same rules as after an order.
	 *
	 * @param int   $id    Id of the product or variation.
	 * @param float $stock Its stock.
	 * @return string What went wrong in another plugin; empty where nothing did.
	 */
	private static function send_notices( int $id, float $stock ): string {
		try {
			$product = wc_get_product( $id );
			if ( ! $product instanceof \WC_Product ) {
				return '';
			}
			// phpcs:disable WordPress.NamingConventions.PrefixAllGlobals.NonPrefixedHooknameFound -- WooCommerce's hooks.
			if ( $stock <= self::amount( get_option( 'woocommerce_notify_no_stock_amount', 0 ) ) ) {
				do_action( 'woocommerce_no_stock', $product );
			} elseif ( $stock <= self::amount( wc_get_low_stock_amount( $product ) ) ) {
				do_action( 'woocommerce_low_stock', $product );
			}
			// phpcs:enable
		} catch ( \Throwable $problem ) {
			return $problem->getMessage();
		}
		return '';
	}

	/**
	 * A limit as WooCommerce reads it.
	 *
	 * @param mixed $value As it is stored.
	 */
	private static function amount( $value ): int {
		return is_numeric( $value ) ? absint( $value ) : 0;
	}

	private static function first( string $one, string $other ): string {
		return '' === $one ? $other : $one;
	}
}
