<?php
/**
 * Retries.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Retry_Schedule;

/**
 * When a delivery is tried again.
 */
final class RetryScheduleTest extends TestCase {

	/**
	 * Delays of the first tries, without jitter.
	 */
	public function test_waits_longer_from_try_to_try(): void {
		$delays = array();
		foreach ( range( 1, 6 ) as $attempts ) {
			$delays[] = Retry_Schedule::delay( $attempts, 10, null, 0.5 );
		}
		$this->assertSame( array( 30, 120, 480, 1920, 3600, 3600 ), $delays );
	}

	/**
	 * Jitter.
	 */
	public function test_spreads_orders_that_failed_together_but_never_far(): void {
		$this->assertSame( 24, Retry_Schedule::delay( 1, 3, null, 0.0 ) );
		$this->assertSame( 36, Retry_Schedule::delay( 1, 3, null, 1.0 ) );
	}

	/**
	 * After the retries: hourly for three days.
	 */
	public function test_goes_on_once_an_hour_for_three_days_and_then_gives_up(): void {
		$attempts = 4;
		$hours    = 0;
		while ( null !== Retry_Schedule::delay( $attempts, 3, null, 0.5 ) ) {
			$this->assertSame( 3600, Retry_Schedule::delay( $attempts, 3, null, 0.5 ) );
			++$attempts;
			++$hours;
		}
		$this->assertSame( 72, $hours );
	}

	/**
	 * No retries at all means hourly from the start.
	 */
	public function test_without_retries_goes_on_hourly_at_once(): void {
		$this->assertSame( 3600, Retry_Schedule::delay( 1, 0, null, 0.5 ) );
	}

	/**
	 * Retry-After.
	 */
	public function test_never_comes_back_before_the_pos_allows(): void {
		$this->assertSame( 600, Retry_Schedule::delay( 1, 3, 600, 0.5 ) );
		$this->assertSame( 30, Retry_Schedule::delay( 1, 3, 5, 0.5 ), 'a shorter wait than our own changes nothing' );
		$this->assertSame( 86400, Retry_Schedule::delay( 1, 3, 999999999, 0.5 ), 'a day at most' );
	}
}
