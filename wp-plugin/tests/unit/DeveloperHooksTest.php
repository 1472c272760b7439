<?php
/**
 * Filters and actions for a shop's developer.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;
use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Queue\Queue_Item;

/**
 * What a callback may do, and what it can't: break anything.
 */
final class DeveloperHooksTest extends TestCase {

	private const ORDER = array(
		'id'             => 7,
		'status'         => 'processing',
		'currency'       => 'SEK',
		'total'          => '100.00',
		'line_items'     => array( array( 'id' => 1 ) ),
		'refunds'        => array(),
		'customer_note'  => 'Ring twice',
		'payment_method' => 'cod',
	);

	private const ARGS = array(
		'method'      => 'POST',
		'headers'     => array(
			'X-API-Key'         => 'secret',
			'webhook-signature' => 'v1,abc',
		),
		'body'        => '{}',
		'timeout'     => 15,
		'redirection' => 0,
		'user-agent'  => 'WooCommerce-POS-Sync/test',
	);

	/**
	 * Adds a callback, instead of those of other tests, and empties the log.
	 */
	private static function hook( string $hook, callable $callback ): void {
		$GLOBALS['test_callbacks']    = array();
		$GLOBALS['test_log']          = array();
		$GLOBALS['wp_current_filter'] = array( 'shutdown' );
		$logged                       = new ReflectionProperty( Developer_Hooks::class, 'logged' );
		if ( PHP_VERSION_ID < 80100 ) {
			$logged->setAccessible( true );
		}
		$logged->setValue( null, array() );
		add_filter( $hook, $callback );
	}

	/**
	 * What was logged, in one text.
	 */
	private static function logged(): string {
		return implode( "\n", $GLOBALS['test_log'] );
	}

	/**
	 * An order with what a callback makes of it.
	 *
	 * @return array<mixed>
	 */
	private static function payload( callable $callback ): array {
		self::hook( 'pos_sync_payload', $callback );
		return Developer_Hooks::payload( self::ORDER, Queue_Item::ORDER, 7, new stdClass() );
	}

	public function test_a_payload_can_be_changed(): void {
		$seen = array();
		$sent = self::payload(
			static function ( array $data, string $type, int $id, object $order_object ) use ( &$seen ): array {
				$seen = array( $type, $id, get_class( $order_object ) );
				unset( $data['customer_note'] );
				$data['branch'] = 'Malmö';
				return $data;
			}
		);
		$this->assertSame( array( 'order', 7, 'stdClass' ), $seen );
		$this->assertFalse( isset( $sent['customer_note'] ) );
		$this->assertSame( 'Malmö', $sent['branch'] );
		$this->assertSame( '', self::logged() );
	}

	public function test_what_is_no_array_is_not_sent_and_logged_once(): void {
		foreach ( array( null, false, 'text', new stdClass() ) as $wrong ) {
			$callback = static function () use ( $wrong ) {
				return $wrong;
			};
			$this->assertSame( self::ORDER, self::payload( $callback ) );
			Developer_Hooks::payload( self::ORDER, Queue_Item::ORDER, 7 );
			$this->assertCount( 1, $GLOBALS['test_log'] );
			$this->assertStringContainsString( 'pos_sync_payload returned no array', self::logged() );
		}
	}

	public function test_what_the_pos_can_not_do_without_stays(): void {
		$broken = array(
			'removed'        => static function (): array {
				return array( 'branch' => 'Malmö' );
			},
			'of other types' => static function ( array $data ): array {
				return array_merge( $data, array_fill_keys( array( 'id', 'status', 'currency', 'total', 'line_items', 'refunds' ), null ) );
			},
			'of another id'  => static function ( array $data ): array {
				return array( 'id' => 8 ) + $data;
			},
		);
		foreach ( $broken as $name => $callback ) {
			$sent = array_intersect_key( self::payload( $callback ), self::ORDER );
			foreach ( array( 'id', 'status', 'currency', 'total', 'line_items', 'refunds' ) as $field ) {
				$this->assertSame( self::ORDER[ $field ], $sent[ $field ], $name );
			}
			$this->assertStringContainsString( 'returned no usable "id"', self::logged() );
		}
	}

	public function test_of_a_customer_who_is_to_be_erased_the_address_stays(): void {
		$data = array(
			'email'  => 'anna@example.se',
			'orders' => true,
		);
		$type = '';
		self::hook(
			'pos_sync_payload',
			static function ( array $data, string $given ) use ( &$type ): array {
				$type = $given;
				return array();
			}
		);
		$this->assertEquals( $data, Developer_Hooks::payload( $data, Queue_Item::ERASURE, 42 ) );
		$this->assertSame( 'customer', $type );
	}

	public function test_a_callback_that_fails_changes_nothing_and_is_logged(): void {
		$fail = static function (): void {
			throw new TypeError( 'A fault of another plugin' );
		};
		$this->assertSame( self::ORDER, self::payload( $fail ) );
		$this->assertStringContainsString( 'TypeError in DeveloperHooksTest.php', self::logged() );
		$this->assertSame( array( 'shutdown' ), $GLOBALS['wp_current_filter'], 'WordPress is where it was' );
		self::hook( 'pos_sync_should_send', $fail );
		$this->assertTrue( Developer_Hooks::should_send( Queue_Item::ORDER, 7, new stdClass() ) );
		self::hook( 'pos_sync_send_at_once', $fail );
		$this->assertTrue( Developer_Hooks::send_at_once() );
		self::hook( 'pos_sync_request_args', $fail );
		$this->assertSame( self::ARGS, Developer_Hooks::request_args( self::ARGS, 'https://pos.example' ) );
		self::hook( 'pos_sync_delivered', $fail );
		Developer_Hooks::delivered( Queue_Item::ORDER, 7, 'created', 'order.created' );
		self::hook( 'pos_sync_delivery_failed', $fail );
		Developer_Hooks::delivery_failed( Queue_Item::ORDER, 7, 'No.', null );
		$this->assertStringContainsString( 'pos_sync_delivery_failed failed', self::logged() );
	}

	public function test_an_order_can_be_held_back(): void {
		self::hook(
			'pos_sync_should_send',
			static function (): bool {
				return false;
			}
		);
		$this->assertFalse( Developer_Hooks::should_send( Queue_Item::ORDER, 7, new stdClass() ) );
	}

	public function test_a_request_can_be_given_headers_and_time(): void {
		self::hook(
			'pos_sync_request_args',
			static function ( array $args ): array {
				$args['headers']['X-Tenant'] = 'a';
				$args['timeout']             = 600;
				$args['sslcertificates']     = '/etc/ca.pem';
				return $args;
			}
		);
		$args = Developer_Hooks::request_args( self::ARGS, 'https://pos.example' );
		$this->assertSame( self::ARGS['headers'] + array( 'X-Tenant' => 'a' ), $args['headers'] );
		$this->assertSame( array( 60, '/etc/ca.pem' ), array( $args['timeout'], $args['sslcertificates'] ) );
		$this->assertStringNotContainsString( 'headers', self::logged() );
	}

	public function test_key_signature_body_and_address_can_not_be_lost(): void {
		$broken = array(
			static function (): array {
				return array( 'headers' => array() );
			},
			static function ( array $args ): array {
				$args['headers'] = array( 'x-api-key' => 'another' );
				return $args;
			},
			static function ( array $args ): array {
				return array(
					'headers'     => 'X-API-Key: another',
					'method'      => 'GET',
					'body'        => 'other',
					'redirection' => 5,
					'blocking'    => false,
				) + $args;
			},
		);
		foreach ( $broken as $callback ) {
			self::hook( 'pos_sync_request_args', $callback );
			$args = Developer_Hooks::request_args( self::ARGS, 'https://pos.example' );
			$this->assertSame( self::ARGS['headers'], $args['headers'] );
			$this->assertSame( array( 'POST', '{}', 0, true, 15 ), array( $args['method'], $args['body'], $args['redirection'], $args['blocking'], $args['timeout'] ) );
			$this->assertStringContainsString( 'they are put back: x-api-key, webhook-signature', self::logged() );
			$this->assertStringNotContainsString( 'secret', self::logged() );
		}
		self::hook(
			'pos_sync_request_args',
			static function (): bool {
				return false;
			}
		);
		$this->assertSame( self::ARGS, Developer_Hooks::request_args( self::ARGS, 'https://pos.example' ) );
	}

	public function test_what_came_of_a_delivery_is_announced(): void {
		$announced = array();
		$note      = static function ( ...$arguments ) use ( &$announced ): void {
			$announced[] = $arguments;
		};
		self::hook( 'pos_sync_delivered', $note );
		Developer_Hooks::delivered( Queue_Item::ORDER, 7, 'created', 'order.created' );
		self::hook( 'pos_sync_delivery_failed', $note );
		Developer_Hooks::delivery_failed( Queue_Item::PRODUCT, 9, 'It is not valid.', null );
		$this->assertSame( array( array( 'order', 7, 'created', 'order.created' ), array( 'product', 9, 'It is not valid.', null ) ), $announced );
	}
}
