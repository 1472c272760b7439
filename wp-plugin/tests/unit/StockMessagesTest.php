<?php
/**
 * Changes of stock in words.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Messages\Stock_Messages;
use POS_Sync\Stock\Stock_Changer;
use POS_Sync\Stock\Stock_Follow_Up;

/**
 * What a shop's owner reads about a change of stock that the POS sent.
 */
final class StockMessagesTest extends TestCase {

	/**
	 * The codes of the POS become words; what its staff wrote stays as it is.
	 */
	public function test_every_reason_is_in_words(): void {
		foreach ( array( 'order', 'return', 'count', 'reconcile', 'managed_again', 'shop_aligned', '' ) as $code ) {
			$this->assertMatchesRegularExpression( '/^[A-Z]/', Stock_Messages::reason( $code ) );
		}
		$this->assertSame( 'Changed in the POS: broken', Stock_Messages::reason( 'broken' ) );
	}

	/**
	 * Figures are written as people write them.
	 */
	public function test_figures_have_a_sign_and_no_zeros_at_their_end(): void {
		$this->assertSame( '−1', Stock_Messages::change( '-1.000000' ) );
		$this->assertSame( '+10', Stock_Messages::change( '10.000000' ) );
		$this->assertSame( '+10', Stock_Messages::change( '10' ) );
		$this->assertSame( '−0.25', Stock_Messages::change( '-0.250000' ) );
		$this->assertSame( '1,200.5', Stock_Messages::quantity( '1200.500000' ) );
		$this->assertSame( '-3', Stock_Messages::quantity( '-3.000000' ) );
		$this->assertSame( '0', Stock_Messages::quantity( '0.000000' ) );
	}

	/**
	 * What was not applied says what to do; what was says nothing more.
	 */
	public function test_only_what_was_not_applied_is_explained(): void {
		$row = static function ( string $outcome ): array {
			return array(
				'outcome' => $outcome,
				'message' => 'A reason.',
			);
		};
		$this->assertSame(
			'',
			Stock_Messages::explain(
				array(
					'outcome' => 'applied',
					'message' => '',
				)
			)
		);
		$this->assertStringContainsString( 'Track stock quantity', Stock_Messages::explain( $row( 'not_managed' ) ) );
		$this->assertStringContainsString( 'Archive it in the POS', Stock_Messages::explain( $row( 'unknown' ) ) );
		$this->assertSame( 'A reason.', Stock_Messages::explain( $row( 'refused' ) ) );
		$this->assertStringContainsString(
			'decimal quantities',
			Stock_Messages::explain(
				array(
					'outcome' => 'refused',
					'message' => Stock_Changer::WHOLE_UNITS,
				)
			)
		);
		$this->assertStringContainsString(
			'change: no mail',
			Stock_Messages::explain(
				array(
					'outcome' => 'applied',
					'message' => Stock_Follow_Up::OTHERS_FAILED . 'no mail',
				)
			)
		);
		$this->assertSame( array( 'sent', 'waiting', 'failed', 'failed' ), array_column( array_map( array( Stock_Messages::class, 'result' ), array_map( $row, array( 'applied', '', 'unknown', 'refused' ) ) ), 0 ) );
	}
}
