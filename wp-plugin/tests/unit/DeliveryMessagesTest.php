<?php
/**
 * Deliveries in words.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Messages\Delivery_Messages;
use POS_Sync\Messages\Failure_Messages;
use POS_Sync\Messages\Warning_Messages;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Sending\Pos_Response;

/**
 * What is shown of a delivery can be read by a shop owner.
 */
final class DeliveryMessagesTest extends TestCase {

	/**
	 * Failures, and what is said of each.
	 */
	public static function failures(): array {
		return array(
			'refused'   => array( 0, 'cURL error 7: Failed to connect to 127.0.0.1 port 9', 'The POS did not answer (connection refused)' ),
			'host'      => array( 0, 'cURL error 6: Could not resolve host: pos.example', 'unknown host name' ),
			'timeout'   => array( 0, 'cURL error 28: Operation timed out', 'in time' ),
			'TLS'       => array( 0, 'cURL error 60: SSL certificate problem', 'secure connection' ),
			'broken'    => array( 0, 'cURL error 52: Empty reply from server', 'broke off' ),
			'no cURL'   => array( 0, 'stream_socket_client(): Unable to connect (Connection refused)', 'connection refused' ),
			'unknown'   => array( 0, 'It holds data that can not be written as JSON.', 'It holds data' ),
			'not read'  => array( Pos_Response::NOT_SENT, 'WooCommerce could not read the order.', 'WooCommerce could not read the order.' ),
			'broke off' => array( Pos_Response::NOT_SENT, Queue_Item::BROKE_OFF, 'broke off; another plugin' ),
			'key'       => array( 401, 'The API key is not valid.', 'does not know the API key' ),
			'page'      => array( 200, 'The address did not answer like the POS', 'Something other than the POS' ),
			'redirect'  => array( 302, 'The POS answered with status 302.', 'redirects' ),
			'not valid' => array( 422, 'The order is not valid.', 'The POS can not use it: The order is not valid.' ),
			'bare 422'  => array( 422, 'The POS answered with status 422.', 'The POS can not use it' ),
			'away'      => array( 503, 'The database can not be reached.', 'not available just now' ),
			'strange'   => array( 418, 'I am a teapot', 'status 418' ),
		);
	}

	/**
	 * Each failure is said in words.
	 *
	 * @dataProvider failures
	 * @param int    $status HTTP status.
	 * @param string $raw    The original message.
	 * @param string $said   What is said.
	 */
	public function test_says_why_a_delivery_did_not_arrive( int $status, string $raw, string $said ): void {
		$words = Failure_Messages::describe( $status, $raw );
		$this->assertStringContainsString( $said, $words );
		$this->assertStringNotContainsString( 'cURL', $words );
	}

	/**
	 * Warnings go by their codes, so that they can be translated.
	 */
	public function test_says_warnings_by_their_codes(): void {
		$answer = '{"success":true,"data":{"warnings":["English.","Not known here.","Incomplete."],"warning_codes":[{"code":"unknown_sku","values":{"sku":"A-1"}},{"code":"new_one","values":{}},{"code":"unknown_sku","values":{}}]}}';
		$this->assertSame( 'The POS does not know the SKU A-1; its stock does not move. Not known here. Incomplete.', Warning_Messages::translate( $answer, 'raw' ) );
		$this->assertSame( 'raw', Warning_Messages::translate( '{"success":true,"data":{"warnings":["English."]}}', 'raw' ), 'of an older POS' );
		$this->assertSame( 'raw', Warning_Messages::translate( '{"cut off', 'raw' ) );
		$this->assertSame( '', Warning_Messages::translate( '{"success":true,"data":{"warnings":[],"warning_codes":[]}}', '' ) );
	}

	/**
	 * The fields that the POS could not use are named.
	 */
	public function test_names_the_fields_that_could_not_be_used(): void {
		$entry = array(
			'result'  => 'failed',
			'status'  => '422',
			'outcome' => '',
			'message' => 'The order is not valid.',
			'answer'  => '{"success":false,"error":{"code":"validation_failed","message":"The order is not valid.","details":{"fields":{"data.total":"not an amount of money"}}}}',
		);
		$this->assertSame( 'The POS can not use it: The order is not valid. (total: not an amount of money)', Delivery_Messages::describe( $entry ) );
		$this->assertSame( 'The POS can not use it: The order is not valid.', Delivery_Messages::describe( array( 'answer' => '' ) + $entry ) );
	}

	/**
	 * Translations of warnings have the same values.
	 */
	public function test_translations_keep_the_names_of_values(): void {
		foreach ( glob( __DIR__ . '/../../woocommerce-pos-sync/languages/*.po' ) as $file ) {
			preg_match_all( '/^msgid "(.*\{.*)"\nmsgstr "(.*)"$/m', (string) file_get_contents( $file ), $found, PREG_SET_ORDER );
			$this->assertNotEmpty( $found, $file );
			foreach ( $found as list( , $english, $translated ) ) {
				preg_match_all( '/\{\w+\}/', $english, $wanted );
				preg_match_all( '/\{\w+\}/', $translated, $there );
				sort( $wanted[0] );
				sort( $there[0] );
				$this->assertSame( $wanted[0], $there[0], "$file: $english" );
			}
		}
	}

	/**
	 * Every code that the service has, with its values.
	 */
	public function test_knows_every_warning_of_the_service(): void {
		$service = __DIR__ . '/../../../pos_api';
		$files   = array_merge( glob( "$service/*/warning_messages.py" ), glob( "$service/*/*/warning_messages.py" ) );
		$this->assertCount( 1, $files );
		$source = (string) file_get_contents( $files[0] );
		preg_match( '/SENTENCES[^{]*\{(.*?)\n\}/s', $source, $table );
		preg_match_all( '/^    "(\w+)": (.*?),\n(?=    "|$)/ms', $table[1] . "\n", $found, PREG_SET_ORDER );
		$codes = array();
		foreach ( $found as list( , $code, $sentence ) ) {
			preg_match_all( '/\{(\w+)\}/', $sentence, $values );
			sort( $values[1] );
			$codes[ $code ] = $values[1];
		}
		$this->assertNotEmpty( $codes );
		$here = array();
		foreach ( Warning_Messages::sentences() as $code => $sentence ) {
			preg_match_all( '/\{(\w+)\}/', $sentence, $values );
			sort( $values[1] );
			$here[ $code ] = $values[1];
		}
		foreach ( $codes as $code => $values ) {
			$this->assertSame( $values, $here[ $code ] ?? null, "$code has a text in class-warning-messages.php, with the values that the service sends" );
		}
	}
}
