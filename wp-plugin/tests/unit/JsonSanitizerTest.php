<?php
/**
 * Odd values.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Payload\Envelope;
use POS_Sync\Payload\Json_Sanitizer;

/**
 * Whatever a plugin keeps with an order can be written as JSON, and read again anywhere.
 */
final class JsonSanitizerTest extends TestCase {

	/**
	 * What it becomes, as JSON.
	 *
	 * @param mixed $value Anything.
	 */
	private function json( $value ): string {
		return Envelope::json( Json_Sanitizer::sanitize( $value ) );
	}

	/**
	 * Ordinary values.
	 */
	public function test_leaves_alone_what_json_can_hold(): void {
		$value = array(
			'a' => 1,
			'b' => array( 1.5, true, null, 'Öl 👕' ),
			'c' => (object) array(),
			'd' => array(),
			'e' => (object) array( '0' => 'x' ),
		);
		$this->assertSame( '{"a":1,"b":[1.5,true,null,"Öl 👕"],"c":{},"d":[],"e":{"0":"x"}}', $this->json( $value ) );
	}

	/**
	 * NUL bytes: in text, and in the names of private properties.
	 */
	public function test_shows_nul_bytes(): void {
		$private = new class() {
			/**
			 * Not for others.
			 *
			 * @var int
			 */
			private $secret = 1;

			/**
			 * As some plugins store objects.
			 *
			 * @return array<mixed>
			 */
			public function fields(): array {
				return array( 'secret' => $this->secret );
			}
		};
		$fields  = (array) $private;
		$this->assertSame( 1, $private->fields()['secret'] );
		foreach ( array( $fields, (object) $fields, serialize( array( "\0*\0a" => 1 ) ), "a\0b" ) as $value ) {
			$json = $this->json( $value );
			$this->assertSame( false, strpos( $json, '\\u0000' ), $json );
			$this->assertStringContainsString( '␀', $json );
			$this->assertNotSame( null, json_decode( $json ) );
		}
	}

	/**
	 * What JSON has no form for.
	 */
	public function test_turns_into_text_what_json_can_not_hold(): void {
		$this->assertSame( '["INF","NAN"]', $this->json( array( INF, NAN ) ) );
		$this->assertStringContainsString( '(resource', $this->json( array( fopen( 'php://memory', 'r' ) ) ) );
		$this->assertSame( '"a�b"', $this->json( "a\xffb" ) );
		$this->assertSame( '"2026-01-31T10:00:00+00:00"', $this->json( new DateTimeImmutable( '2026-01-31 10:00:00', new DateTimeZone( 'UTC' ) ) ) );
		$loop       = new stdClass();
		$loop->self = $loop;
		$this->assertSame( '{"self":"(contains itself)"}', $this->json( $loop ) );
		$deep = array();
		for ( $level = 0; $level < 600; $level++ ) {
			$deep = array( $deep );
		}
		$this->assertStringContainsString( '(nested too deeply)', $this->json( $deep ) );
		$this->assertSame( '{"__PHP_Incomplete_Class_Name":"Gone","a":1}', $this->json( unserialize( 'O:4:"Gone":1:{s:1:"a";i:1;}' ) ) );
	}
}
