<?php

namespace POS_Sync\Stock;

/**
 * Decides about one movement of stock and does it, however often the POS sends it, and wherever an earlier request was ended.
 */
final class Stock_Changer {

	/**
	 * Why a movement is refused; Stock_Messages has each in the reader's language.
	 */
	public const WHOLE_UNITS = 'The shop keeps stock in whole units only.';
	public const REPLACED    = "Another plugin changes how this product's stock is written, so it can't be done in one step.";

	/**
	 * So often a movement is begun on by WooCommerce's function. Where PHP was stopped each time, it is done without.
	 */
	private const MOST_ATTEMPTS = 3;

	private Stock_Movements $movements;
	private Stock_Follow_Up $follow_up;

	public function __construct( Stock_Movements $movements, Stock_Follow_Up $follow_up ) {
		$this->movements = $movements;
		$this->follow_up = $follow_up;
	}

	/**
	 * Does what is left to do of a movement that was received.
	 */
	public function process( Stock_Item $item ): Stock_Result {
		$row = $this->movements->find( $item->movement );
		if ( ! $row ) {
			return new Stock_Result( Stock_Log::RETRY, 'The database did not store the movement.' );
		}
		if ( Stock_Log::DONE === $row['state'] ) {
			return $this->earlier( $row );
		}
		if ( Stock_Log::CHANGED === $row['state'] ) {
			return $this->complete( $row );
		}
		if ( '' !== $item->problem ) {
			return $this->decide( $item, Stock_Log::REFUSED, $item->problem );
		}
		return $this->change( $item, (int) $row['attempts'] );
	}

	/**
	 * Changes the stock, or decides that it is not.
	 *
	 * @param int $attempts How often an earlier request began on it.
	 */
	private function change( Stock_Item $item, int $attempts ): Stock_Result {
		$product = self::read( $item->target() );
		$post    = $product ? self::stock_owner( $product ) : 0;
		if ( ! $product || ! $post ) {
			return $this->decide( $item, Stock_Log::UNKNOWN, 'The shop has no product with this id.' );
		}
		if ( ! $product->managing_stock() ) {
			return $this->decide( $item, Stock_Log::NOT_MANAGED, "The shop does not manage this product's stock." );
		}
		if ( abs( (float) wc_stock_amount( abs( $item->delta ) ) - abs( $item->delta ) ) > 1e-9 ) {
			return $this->decide( $item, Stock_Log::REFUSED, self::WHOLE_UNITS );
		}
		$this->movements->begin( $item );
		if ( $attempts >= self::MOST_ATTEMPTS ) {
			return $this->change_alone( $item, $post );
		}
		$change = new One_Step_Change( $this->movements, $item, $post );
		$change->run( $product );
		switch ( $change->result ) {
			case One_Step_Change::CHANGED:
				return $this->follow_up->complete( $item, $post, $change->quantity, $change->problem );
			case One_Step_Change::REPLACED:
				return $this->decide( $item, Stock_Log::REFUSED, self::REPLACED );
			case One_Step_Change::NOT_REACHED:
				return '' === $change->problem
					? $this->decide( $item, Stock_Log::REFUSED, 'WooCommerce did not change the stock: another plugin may replace how it is kept.' )
					: $this->change_alone( $item, $post, $change->problem );
			default:
				return $this->not_changed( $item );
		}
	}

	/**
	 * Changes the stock by the statement alone, as others' code on the way to it fails.
	 *
	 * @param int    $post    Id of the product or variation that has the stock.
	 * @param string $problem What failed; empty where PHP was stopped, so that nothing else is tried.
	 */
	private function change_alone( Stock_Item $item, int $post, string $problem = '' ): Stock_Result {
		add_post_meta( $post, '_stock', 0, true );
		if ( ! $this->movements->change_stock( $item, $post ) ) {
			return $this->not_changed( $item );
		}
		return '' === $problem ? $this->follow_up->complete_alone( $item, $post ) : $this->follow_up->complete( $item, $post, null, $problem );
	}

	/**
	 * The statement changed nothing: another request did it before, the database could not, or WordPress repeated the statement over
	 * a new connection.
	 */
	private function not_changed( Stock_Item $item ): Stock_Result {
		$row = $this->movements->find( $item->movement );
		if ( $row && Stock_Log::RECEIVED !== $row['state'] ) {
			return Stock_Log::DONE === $row['state'] ? $this->earlier( $row ) : $this->complete( $row );
		}
		return new Stock_Result( Stock_Log::RETRY, 'The database did not change the stock; it may be busy.' );
	}

	/**
	 * Completes a movement that an earlier request had no time to.
	 *
	 * @param array<string, string> $row Its row.
	 */
	private function complete( array $row ): Stock_Result {
		$item    = self::item( $row );
		$product = self::read( $item->target() );
		$post    = $product ? self::stock_owner( $product ) : 0;
		$this->movements->begin( $item );
		if ( (int) $row['attempts'] >= self::MOST_ATTEMPTS ) {
			$result = $this->follow_up->complete_alone( $item, $post );
		} else {
			$result = $this->follow_up->complete( $item, $post, null, '' );
		}
		return new Stock_Result( Stock_Log::ALREADY, $result->message, $result->quantity );
	}

	/**
	 * The answer for a movement that an earlier request decided about.
	 *
	 * @param array<string, string> $row Its row.
	 */
	private function earlier( array $row ): Stock_Result {
		if ( Stock_Log::APPLIED !== $row['outcome'] ) {
			return new Stock_Result( $row['outcome'], $row['message'] );
		}
		$product = self::read( self::item( $row )->target() );
		$post    = $product ? self::stock_owner( $product ) : 0;
		return new Stock_Result( Stock_Log::ALREADY, $row['message'], $post ? $this->follow_up->stock( $post ) : null );
	}

	private function decide( Stock_Item $item, string $outcome, string $message ): Stock_Result {
		return $this->movements->decide( $item, $outcome, $message ) ? new Stock_Result( $outcome, $message ) : $this->not_changed( $item );
	}

	/**
	 * A product or variation as the database has it now; null where there is none.
	 */
	private static function read( int $id ): ?\WC_Product {
		Stock_Follow_Up::clear_caches( $id );
		$parent = wp_get_post_parent_id( $id );
		if ( $parent ) { // A variation takes much from its parent, when it is read.
			Stock_Follow_Up::clear_caches( $parent );
		}
		$product = wc_get_product( $id );
		return $product instanceof \WC_Product ? $product : null;
	}

	/**
	 * Id of the product or variation that has a product's stock; 0 where that is gone.
	 */
	private static function stock_owner( \WC_Product $product ): int {
		$id = $product->get_stock_managed_by_id();
		return $id === $product->get_id() || wc_get_product( $id ) instanceof \WC_Product ? $id : 0;
	}

	/**
	 * A movement as its row has it.
	 *
	 * @param array<string, string> $row Its row.
	 */
	private static function item( array $row ): Stock_Item {
		$item = new Stock_Item( $row['movement'] );

		$item->product_id   = (int) $row['product_id'];
		$item->variation_id = (int) $row['variation_id'];
		$item->delta        = (float) $row['delta'];
		return $item;
	}
}
