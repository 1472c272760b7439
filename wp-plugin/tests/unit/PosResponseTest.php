<?php
/**
 * Answers.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Sending\Pos_Response;

/**
 * What follows from an answer of the POS.
 */
final class PosResponseTest extends TestCase {

	/**
	 * An answer.
	 *
	 * @param int    $status HTTP status.
	 * @param string $body   Its body.
	 * @param string $after  Retry-After.
	 */
	private function reply( int $status, string $body = '', string $after = '' ): Pos_Response {
		return Pos_Response::from_http( $status, $body, $after, 1795462217 );
	}

	/**
	 * Success.
	 */
	public function test_counts_as_sent_only_what_the_pos_confirms(): void {
		$this->assertSame( Pos_Response::SENT, $this->reply( 200, '{"success":true,"data":{"outcome":"created"}}' )->result );
		$this->assertSame( Pos_Response::SENT, $this->reply( 202, '{"success":true}' )->result, 'stored, processed later' );
		$this->assertSame( Pos_Response::RETRY, $this->reply( 200, '<html>Please log in</html>' )->result, 'a page of a firewall' );
		$this->assertSame( Pos_Response::RETRY, $this->reply( 200, '' )->result );
		$this->assertSame( Pos_Response::RETRY, $this->reply( 200, '{"success":"true"}' )->result );
		$this->assertSame( Pos_Response::RETRY, $this->reply( 200, 'true' )->result );
	}

	/**
	 * Statuses worth another try, and those that are not.
	 */
	public function test_tries_again_what_can_pass_and_only_that(): void {
		foreach ( array( 301, 302, 408, 429, 500, 502, 503, 504 ) as $status ) {
			$this->assertSame( Pos_Response::RETRY, $this->reply( $status )->result, (string) $status );
		}
		foreach ( array( 401, 403, 404, 405, 409, 410 ) as $status ) {
			$this->assertSame( Pos_Response::RETRY, $this->reply( $status, '{"success":false}' )->result, "$status: the key or the address can be corrected" );
		}
		foreach ( array( 400, 413, 415, 422 ) as $status ) {
			$this->assertSame( Pos_Response::FAILED, $this->reply( $status, '{"success":false}' )->result, (string) $status );
			$this->assertSame( Pos_Response::RETRY, $this->reply( $status, '<html>' )->result, "$status of a server in front of the POS" );
		}
		$this->assertSame( Pos_Response::RETRY, Pos_Response::unreadable( 'broken' )->result );
		$this->assertSame( Pos_Response::RETRY, Pos_Response::no_answer( 'timeout' )->result );
	}

	/**
	 * Retry-After in both of its forms.
	 */
	public function test_reads_retry_after_as_seconds_or_date(): void {
		$this->assertSame( 120, $this->reply( 503, '', '120' )->retry_after );
		$this->assertSame( 60, $this->reply( 503, '', gmdate( 'D, d M Y H:i:s', 1795462217 + 60 ) . ' GMT' )->retry_after );
		$this->assertSame( 0, $this->reply( 503, '', gmdate( 'D, d M Y H:i:s', 1 ) . ' GMT' )->retry_after );
		$this->assertNull( $this->reply( 503, '', 'soon enough, perhaps' )->retry_after );
		$this->assertNull( $this->reply( 503 )->retry_after );
	}

	/**
	 * Messages.
	 */
	public function test_repeats_what_the_pos_says(): void {
		$this->assertSame( 'SKU X is unknown; Y too', $this->reply( 200, '{"success":true,"data":{"outcome":"created","warnings":["SKU X is unknown",{"message":"Y too"}]}}' )->message );
		$this->assertSame( 'No such key.', $this->reply( 401, '{"success":false,"error":{"code":"unauthorized","message":"No such key."}}' )->message );
		$this->assertSame( 'The POS answered with status 502.', $this->reply( 502, '<html>' )->message );
		$this->assertSame( 'created', $this->reply( 200, '{"success":true,"data":{"outcome":"created"}}' )->outcome() );
		$this->assertSame( '', $this->reply( 200, '{"success":true,"data":[]}' )->outcome() );
	}
}
