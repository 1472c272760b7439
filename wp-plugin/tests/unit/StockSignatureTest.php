<?php
/**
 * Signatures of the POS's requests.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Signature;
use POS_Sync\Stock\Stock_Signature;

/**
 * The shop believes what its POS signed, and nothing else.
 */
final class StockSignatureTest extends TestCase {

	private const KEY  = 'pos_0123456789';
	private const NOW  = 1795462217;
	private const BODY = '{"items":[]}';

	/**
	 * The vectors that the service signs by, by name.
	 */
	public static function vectors(): array {
		$file = json_decode( file_get_contents( __DIR__ . '/../../../tests/contract/signatures.json' ), true );
		return array_map(
			static function ( array $vector ): array {
				return array( $vector );
			},
			array_column( $file['to_shops'], null, 'name' )
		);
	}

	/**
	 * Each vector is believed.
	 *
	 * @dataProvider vectors
	 * @param array $vector One vector.
	 */
	public function test_believes_what_the_service_signs( array $vector ): void {
		$this->assertSame( $vector['derived'], bin2hex( Stock_Signature::key( $vector['key'] ) ) );
		$this->assertSame( '', Stock_Signature::problem( $vector['key'], $vector['id'], (string) $vector['timestamp'], $vector['signature'], $vector['body'], $vector['timestamp'] ) );
	}

	/**
	 * The POS may have several keys.
	 */
	public function test_one_of_several_signatures_is_enough(): void {
		$this->assertSame( '', $this->problem( 'v1,' . base64_encode( str_repeat( 'x', 32 ) ) . ' v2,other ' . $this->signature() ) );
	}

	/**
	 * What is not believed, and why.
	 */
	public static function refused(): array {
		$own = Signature::sign( self::KEY, 'stock_1', self::NOW, self::BODY );
		return array(
			'no key'                        => array( 'no API key', array( 'key' => '' ) ),
			'no signature'                  => array( 'not signed', array( 'signatures' => '' ) ),
			'no id'                         => array( 'not signed', array( 'id' => '' ) ),
			'no time'                       => array( 'not signed', array( 'timestamp' => '' ) ),
			'a time that is none'           => array( 'not signed', array( 'timestamp' => '17e8' ) ),
			'another body'                  => array( 'not by the API key', array( 'body' => '{"items":[1]}' ) ),
			'another id'                    => array( 'not by the API key', array( 'id' => 'stock_2' ) ),
			'another key'                   => array( 'not by the API key', array( 'key' => 'other' ) ),
			'another time'                  => array( 'not by the API key', array( 'timestamp' => (string) ( self::NOW + 1 ) ) ),
			'by the key that the shop uses' => array( 'not by the API key', array( 'signatures' => $own ) ),
			'too old, with the time here'   => array( 'older than 5 minutes: one of the clocks is wrong. The shop\'s time is 2026-11-23T19:', array( 'now' => self::NOW + 301 ) ),
			'too new'                       => array( 'newer than 5 minutes', array( 'now' => self::NOW - 301 ) ),
		);
	}

	/**
	 * Each of them.
	 *
	 * @dataProvider refused
	 * @param string $message What is said.
	 * @param array  $change  What is other than in a request that is believed.
	 */
	public function test_says_why_it_does_not_believe_a_request( string $message, array $change ): void {
		$this->assertStringContainsString( $message, $this->problem( $this->signature(), $change ) );
	}

	/**
	 * Up to 5 minutes, both ways.
	 */
	public function test_clocks_may_differ_by_five_minutes(): void {
		$this->assertSame( '', $this->problem( $this->signature(), array( 'now' => self::NOW + 300 ) ) );
		$this->assertSame( '', $this->problem( $this->signature(), array( 'now' => self::NOW - 300 ) ) );
	}

	/**
	 * What is said of a request.
	 */
	private function problem( string $signatures, array $change = array() ): string {
		$with = $change + array(
			'key'        => self::KEY,
			'id'         => 'stock_1',
			'timestamp'  => (string) self::NOW,
			'signatures' => $signatures,
			'body'       => self::BODY,
			'now'        => self::NOW,
		);
		return Stock_Signature::problem( $with['key'], $with['id'], $with['timestamp'], $with['signatures'], $with['body'], $with['now'] );
	}

	/**
	 * The POS's signature.
	 */
	private function signature(): string {
		return Signature::sign( Stock_Signature::key( self::KEY ), 'stock_1', self::NOW, self::BODY );
	}
}
