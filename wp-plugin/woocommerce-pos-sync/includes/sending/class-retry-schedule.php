<?php

namespace POS_Sync\Sending;

/**
 * Exponential backoff with jitter for the first tries, then once an hour for three days.
 */
final class Retry_Schedule {

	private const FIRST_DELAY = 30;
	private const FACTOR      = 4;
	private const HOUR        = 3600;
	private const HOURLY      = 72;
	private const LONGEST     = 86400;

	/**
	 * Seconds until the next attempt, or null when there is none.
	 *
	 * @param int      $attempts    How often it was tried, this time included.
	 * @param int      $max_retries Retries with growing delays before the hourly ones.
	 * @param int|null $retry_after Seconds the POS asked to wait; never less, a day at most.
	 * @param float    $chance      Between 0 and 1, so that many orders do not come back in the same second.
	 */
	public static function delay( int $attempts, int $max_retries, ?int $retry_after, float $chance ): ?int {
		if ( $attempts > $max_retries + self::HOURLY ) {
			return null;
		}
		$delay = self::HOUR;
		if ( $attempts <= $max_retries ) {
			$delay = (int) min( self::HOUR, self::FIRST_DELAY * pow( self::FACTOR, max( 0, $attempts - 1 ) ) );
		}
		$delay = (int) round( $delay * ( 0.8 + 0.4 * $chance ) );

		return max( $delay, min( (int) $retry_after, self::LONGEST ) );
	}
}
