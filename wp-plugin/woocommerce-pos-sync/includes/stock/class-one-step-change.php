<?php

namespace POS_Sync\Stock;

/**
 * Lets WooCommerce's own function change a product's stock, with its statement replaced by the one that marks the movement, too.
 * What comes before and after (hooks, look-up table, stock status, caches) is WooCommerce's.
 */
final class One_Step_Change {

	private const HOOK = 'woocommerce_update_product_stock_query';

	public const NOT_REACHED = 'not reached';
	public const CHANGED     = 'changed';
	public const NONE        = 'none';
	public const FAILED      = 'failed';
	public const REPLACED    = 'replaced';

	/**
	 * What became of the statement: one of the constants.
	 */
	public string $result = self::NOT_REACHED;

	/**
	 * What went wrong in another plugin; empty where nothing did.
	 */
	public string $problem = '';

	/**
	 * The stock by which WooCommerce set the stock status; null where it did not come so far.
	 */
	public ?float $quantity = null;

	private Stock_Movements $movements;

	/**
	 * The movement; null where nothing is to change and only what follows a change is done.
	 */
	private ?Stock_Item $item;

	/**
	 * Id of the product or variation that has the stock.
	 */
	private int $post;

	/**
	 * WooCommerce's statement before other plugins see it.
	 */
	private string $original = '';

	public function __construct( Stock_Movements $movements, ?Stock_Item $item, int $post ) {
		$this->movements = $movements;
		$this->item      = $item;
		$this->post      = $post;
	}

	/**
	 * Does it.
	 *
	 * @param \WC_Product $product Product or variation, read just now.
	 */
	public function run( \WC_Product $product ): void {
		$delta = $this->item ? $this->item->delta : 0.0;
		$hooks = $GLOBALS['wp_current_filter'] ?? array();
		add_filter( self::HOOK, array( $this, 'note' ), PHP_INT_MIN, 2 );
		add_filter( self::HOOK, array( $this, 'replace' ), PHP_INT_MAX, 2 );
		try {
			// @phpstan-ignore argument.type (fractions too, where a plugin has WooCommerce keep them)
			$quantity       = wc_update_product_stock( $product, wc_stock_amount( abs( $delta ) ), $delta < 0 ? 'decrease' : 'increase' );
			$this->quantity = is_numeric( $quantity ) ? (float) $quantity : null;
		} catch ( Not_Changed $ended ) {
			$this->quantity = null;

			$GLOBALS['wp_current_filter'] = $hooks; // phpcs:ignore WordPress.WP.GlobalVariablesOverride.Prohibited -- as below.
		} catch ( \Throwable $problem ) {
			$this->problem                = $problem->getMessage();
			$GLOBALS['wp_current_filter'] = $hooks; // phpcs:ignore WordPress.WP.GlobalVariablesOverride.Prohibited -- WordPress leaves the hook in it that the exception ended.
		} finally {
			remove_filter( self::HOOK, array( $this, 'note' ), PHP_INT_MIN );
			remove_filter( self::HOOK, array( $this, 'replace' ), PHP_INT_MAX );
		}
	}

	/**
	 * Notes WooCommerce's statement.
	 *
	 * @param mixed $sql  The statement.
	 * @param mixed $post What it is about.
	 * @return mixed The statement.
	 */
	public function note( $sql, $post ) {
		if ( $this->is_ours( $post ) ) {
			$this->original = is_string( $sql ) ? $sql : '';
		}
		return $sql;
	}

	/**
	 * Runs the plugin's statement, and has WooCommerce run one that does nothing.
	 *
	 * @param mixed $sql  The statement.
	 * @param mixed $post What it is about.
	 * @return mixed The statement that is left to run.
	 * @throws Not_Changed Where the stock was not changed.
	 */
	public function replace( $sql, $post ) {
		if ( ! $this->is_ours( $post ) ) {
			return $sql;
		}
		if ( $sql !== $this->original ) {
			$this->result = self::REPLACED;
			throw new Not_Changed();
		}
		$rows         = $this->item ? $this->movements->change_stock( $this->item, $this->post ) : 1;
		$this->result = $rows ? self::CHANGED : ( null === $rows ? self::FAILED : self::NONE );
		if ( ! $rows ) {
			throw new Not_Changed();
		}
		return 'SELECT 1';
	}

	/**
	 * Whether a statement is the one to replace. Others are those of plugins that change stock themselves on the hooks that
	 * WooCommerce calls before and after this change.
	 *
	 * @param mixed $post What it is about.
	 */
	private function is_ours( $post ): bool {
		return self::NOT_REACHED === $this->result && is_numeric( $post ) && (int) $post === $this->post && ! self::is_nested();
	}

	/**
	 * Whether code on a hook asked for the statement, rather than WooCommerce's function that run() called. Only what called what
	 * says that for certain: WordPress's list of hooks keeps one that ended by an exception.
	 */
	private static function is_nested(): bool {
		$hooks = 0;
		// phpcs:ignore WordPress.PHP.DevelopmentFunctions.error_log_debug_backtrace -- see above.
		foreach ( debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS ) as $frame ) {
			if ( self::class === ( $frame['class'] ?? '' ) && 'run' === $frame['function'] ) {
				break;
			}
			$hooks += ! isset( $frame['class'] ) && in_array( $frame['function'], array( 'apply_filters', 'apply_filters_ref_array', 'do_action', 'do_action_ref_array' ), true ) ? 1 : 0;
		}
		return $hooks > 1; // One is the filter itself.
	}
}
