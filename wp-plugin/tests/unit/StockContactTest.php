<?php
/**
 * Requests of the POS about stock, as they are noted for the shop's owner.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Stock\Stock_Contact;
use POS_Sync\Stock\Stock_Signature;

/**
 * The owner sees why nothing comes, and strangers can't make a warning.
 */
final class StockContactTest extends TestCase {

	private const NOW = 1795000000;

	private const OLD = 'The request is older than 5 minutes: one of the clocks is wrong.';

	/**
	 * A shop that knows nothing yet.
	 */
	private static function contact(): Stock_Contact {
		$GLOBALS['test_options'] = array();
		return new Stock_Contact();
	}

	/**
	 * A wrong signature is only a matter where the POS reached the shop before.
	 */
	public function test_a_stranger_is_not_noted(): void {
		$contact = self::contact();
		$contact->note( Stock_Signature::WRONG_KEY, self::NOW, self::NOW );
		$contact->note( 'The request is not signed: …', 0, self::NOW );
		$this->assertNull( $contact->refusal() );
		$this->assertSame( 0, $contact->reached_at() );
	}

	/**
	 * What was refused is noted with its cause, until a request is signed rightly.
	 */
	public function test_a_refusal_is_noted_until_the_next_right_request(): void {
		$contact = self::contact();
		$contact->note( '', self::NOW, self::NOW );
		$contact->note( self::OLD, self::NOW - 1200, self::NOW + 1 );
		$this->assertSame(
			array(
				'at'      => self::NOW + 1,
				'cause'   => Stock_Contact::CLOCK,
				'seconds' => -1201,
			),
			$contact->refusal()
		);
		$this->assertSame( self::NOW, $contact->reached_at() );
		$contact->note( '', self::NOW + 2, self::NOW + 2 );
		$this->assertNull( $contact->refusal() );
	}

	/**
	 * However many requests come, the option is written once a minute.
	 */
	public function test_it_is_written_once_a_minute(): void {
		$contact = self::contact();
		foreach ( array( 0, 1, 59 ) as $second ) {
			$contact->note( '', self::NOW + $second, self::NOW + $second );
		}
		$this->assertSame( self::NOW, $contact->reached_at() );
		foreach ( array( 60, 61, 119 ) as $second ) {
			$contact->note( Stock_Signature::WRONG_KEY, self::NOW, self::NOW + $second );
		}
		$refusal = $contact->refusal();
		$this->assertSame( array( self::NOW + 60, Stock_Contact::WRONG_KEY ), array( $refusal['at'], $refusal['cause'] ) );
	}
}
