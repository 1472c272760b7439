<?php

namespace POS_Sync\Stock;

use POS_Sync\Log\Delivery_Log;

/**
 * Does the movements of one request, one after the other, as far as the time and memory of a request go.
 */
final class Stock_Batch {

	/**
	 * So many seconds a request may take.
	 */
	private const SECONDS = 20;

	/**
	 * So many of them it waits for another request.
	 */
	private const WAIT = 8;

	private Stock_Movements $movements;
	private Stock_Changer $changer;
	private Delivery_Log $log;

	public function __construct( Stock_Movements $movements, Stock_Changer $changer, Delivery_Log $log ) {
		$this->movements = $movements;
		$this->changer   = $changer;
		$this->log       = $log;
	}

	/**
	 * Does what can be done; the rest is to be sent again.
	 *
	 * @param Stock_Item[] $items In the order in which they happened.
	 * @return array<int, array<string, int|float|string>> The answer for each.
	 */
	public function run( array $items ): array {
		$ends = self::ends_at( microtime( true ), (int) ini_get( 'max_execution_time' ) );
		if ( ! $items ) {
			return array();
		}
		$free = $this->movements->lock( self::WAIT );
		if ( $free ) {
			$this->movements->receive( $items, time() );
		}
		$answers = array();
		$held    = array();
		foreach ( $items as $item ) {
			$result = $free ? $this->next( $item, $held, $ends ) : new Stock_Result( Stock_Log::RETRY, 'Another request changes stock at the moment.' );
			if ( Stock_Log::RETRY === $result->outcome ) {
				$held[ $item->target() ] = true;
			}
			$answers[] = $result->answer( $item->movement );
		}
		if ( $free ) {
			$this->movements->unlock();
		}
		return $answers;
	}

	/**
	 * Does the next one.
	 *
	 * @param array<int, true> $held The products of which an earlier movement is to be sent again: their order is kept.
	 * @param float            $ends Unix time at which the request is to end.
	 */
	private function next( Stock_Item $item, array $held, float $ends ): Stock_Result {
		if ( isset( $held[ $item->target() ] ) ) {
			return new Stock_Result( Stock_Log::RETRY, 'An earlier movement of this product is to be done first.' );
		}
		if ( microtime( true ) > $ends || self::is_memory_short() ) {
			return new Stock_Result( Stock_Log::RETRY, 'There was no more time or memory in this request.' );
		}
		try {
			return $this->changer->process( $item );
		} catch ( \Throwable $problem ) { // Another plugin, where WooCommerce reads a product.
			wc_get_logger()->error( "Movement {$item->movement}: " . $problem->getMessage(), array( 'source' => Delivery_Log::SOURCE ) );
			return new Stock_Result( Stock_Log::RETRY, $this->log->clean( 'Another plugin failed: ' . $problem->getMessage() ) );
		}
	}

	/**
	 * Until when a request may begin on a movement: early enough for PHP not to stop it.
	 *
	 * @param float $now   Unix time.
	 * @param int   $limit PHP's own limit in seconds; 0 where there is none.
	 */
	public static function ends_at( float $now, int $limit ): float {
		return $now + ( $limit > 0 ? min( self::SECONDS, $limit * 0.6 ) : self::SECONDS );
	}

	private static function is_memory_short(): bool {
		$limit = wp_convert_hr_to_bytes( (string) ini_get( 'memory_limit' ) );
		return $limit > 0 && memory_get_usage() > 0.8 * $limit;
	}
}
