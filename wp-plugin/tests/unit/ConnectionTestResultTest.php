<?php
/**
 * The connection test.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Health\Connection_Test_Result;

/**
 * The connection test names the cause.
 */
final class ConnectionTestResultTest extends TestCase {

	private const NOW = 1795462217;

	/**
	 * Failures of the transport and a word that names each.
	 */
	public static function errors(): array {
		return array(
			'host'    => array( 'cURL error 6: Could not resolve host: pos.example', 'host was not found' ),
			'refused' => array( 'cURL error 7: Failed to connect to 127.0.0.1 port 1', 'refused' ),
			'timeout' => array( 'cURL error 28: Operation timed out', 'in time' ),
			'TLS'     => array( 'cURL error 60: SSL certificate problem: certificate has expired', 'secure connection (TLS)' ),
			'other'   => array( 'Something else', 'Something else' ),
		);
	}

	/**
	 * Each failure is named.
	 *
	 * @dataProvider errors
	 * @param string $error The transport's words.
	 * @param string $named What is said.
	 */
	public function test_names_why_no_answer_came( string $error, string $named ): void {
		$diagnosis = Connection_Test_Result::of_error( $error );
		$this->assertFalse( $diagnosis->ok );
		$this->assertStringContainsString( $named, $diagnosis->message );
	}

	/**
	 * Answers and a word that names what is wrong with each.
	 */
	public static function answers(): array {
		return array(
			'key'      => array( 401, '{"success":false}', '', 'API key' ),
			'URL'      => array( 404, '{"success":false}', '', '404' ),
			'page'     => array( 200, '<html>', '', 'web page' ),
			'firewall' => array( 403, '<html>', '', 'firewall' ),
			'login'    => array( 401, '<html>', '', 'web page' ),
			'redirect' => array( 301, '', 'https://pos.example/elsewhere', 'https://pos.example/elsewhere' ),
			'scope'    => array( 403, '{"success":false,"error":{"message":"This takes an API key with the scope orders; pos_abc has read."}}', '', 'does not allow it: This takes an API key with the scope orders; pos_abc has read.' ),
			'refusal'  => array( 403, '{"success":false}', '', 'does not allow it' ),
			'database' => array( 503, '{"success":false}', '', 'database' ),
			'limit'    => array( 429, '{"success":false}', '', 'wait' ),
			'other'    => array( 500, '{"success":false}', '', '500' ),
			'no word'  => array( 200, '{}', '', '200' ),
			'slow'     => array( 200, '{"success":true,"timestamp":"2026-11-23T19:20:17Z"}', '', 'clocks differ by 10 minutes' ),
		);
	}

	/**
	 * Each answer is named.
	 *
	 * @dataProvider answers
	 * @param int    $status   HTTP status.
	 * @param string $body     The body.
	 * @param string $location Where a redirect points.
	 * @param string $named    What is said.
	 */
	public function test_names_what_is_wrong_with_an_answer( int $status, string $body, string $location, string $named ): void {
		$diagnosis = Connection_Test_Result::of_answer( $status, $body, $location, self::NOW );
		$this->assertFalse( $diagnosis->ok );
		$this->assertStringContainsString( $named, $diagnosis->message );
	}

	/**
	 * All is well.
	 */
	public function test_names_the_store_it_reached(): void {
		$diagnosis = Connection_Test_Result::of_answer( 200, '{"success":true,"timestamp":"2026-11-23T19:30:00Z","store":{"id":"s","name":"Södra"}}', '', self::NOW );
		$this->assertTrue( $diagnosis->ok );
		$this->assertStringContainsString( 'Södra', $diagnosis->message );
	}
}
