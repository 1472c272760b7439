<?php
/**
 * Signatures.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Signature;

/**
 * What is sent is signed as the service verifies it: both read the same vectors.
 */
final class SignatureTest extends TestCase {

	/**
	 * The vectors, by name.
	 */
	public static function vectors(): array {
		$file = json_decode( file_get_contents( __DIR__ . '/../../../tests/contract/signatures.json' ), true );
		return array_map(
			static function ( array $vector ): array {
				return array( $vector );
			},
			array_column( $file['vectors'], null, 'name' )
		);
	}

	/**
	 * Each vector comes out.
	 *
	 * @dataProvider vectors
	 * @param array $vector One vector.
	 */
	public function test_signs_the_exact_bytes_as_the_contract_says( array $vector ): void {
		$this->assertSame(
			array(
				'webhook-id'        => $vector['id'],
				'webhook-timestamp' => (string) $vector['timestamp'],
				'webhook-signature' => $vector['signature'],
			),
			Signature::headers( $vector['key'], $vector['id'], $vector['timestamp'], $vector['body'] )
		);
	}
}
