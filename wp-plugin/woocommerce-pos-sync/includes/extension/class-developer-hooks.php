<?php

namespace POS_Sync\Extension;

use POS_Sync\Log\Delivery_Log;
use POS_Sync\Queue\Queue_Item;

/**
 * The filters and actions for a shop's developer; readme.txt describes each. A callback that fails, or returns what can't be used, is
 * logged, and the delivery goes on as if it were not there: neither a checkout nor an event may be lost by one.
 */
final class Developer_Hooks {

	/**
	 * What the POS can't do without, by type. A payload that lacks one, or has another kind of value in its place, gets the shop's own.
	 */
	private const REQUIRED = array(
		'order'    => array( 'id', 'status', 'currency', 'total', 'line_items', 'refunds' ),
		'product'  => array( 'id', 'sku' ),
		'customer' => array( 'email', 'orders' ),
	);

	/**
	 * A request that takes longer would outlast the time for which its row of the queue is claimed.
	 */
	private const LONGEST_TIMEOUT = 60;

	/**
	 * What was logged in this process, so that a thousand deliveries do not log the same fault a thousand times.
	 *
	 * @var array<string, true>
	 */
	private static array $logged = array();

	/**
	 * What is sent of an order, product or customer.
	 *
	 * @param array<string, mixed>       $data   What the plugin would send.
	 * @param string                     $type   Queue_Item::ORDER, PRODUCT or ERASURE.
	 * @param int                        $id     Id of the order or product.
	 * @param \WC_Order|\WC_Product|null $object The order or product; null for a customer.
	 * @return array<mixed>
	 */
	public static function payload( array $data, string $type, int $id, ?object $object = null ): array {
		$type    = self::public_type( $type );
		$changed = self::filter( 'pos_sync_payload', $data, $type, $id, $object );
		if ( $changed === $data ) {
			return $data;
		}
		if ( ! is_array( $changed ) ) {
			self::log( 'pos_sync_payload', 'returned no array; it is sent unfiltered' );
			return $data;
		}
		foreach ( array_intersect_key( $data, array_flip( self::REQUIRED[ $type ] ?? array() ) ) as $name => $value ) {
			if ( gettype( $changed[ $name ] ?? null ) !== gettype( $value ) || ( 'id' === $name && $changed['id'] !== $value ) ) {
				self::log( 'pos_sync_payload', "returned no usable \"$name\"; the shop's own is sent" );
				$changed[ $name ] = $value;
			}
		}
		return $changed;
	}

	/**
	 * Whether an order or product that the POS does not have yet is to be sent.
	 *
	 * @param string                $type   Queue_Item::ORDER or PRODUCT.
	 * @param int                   $id     Its id.
	 * @param \WC_Order|\WC_Product $object The order or product.
	 */
	public static function should_send( string $type, int $id, object $object ): bool {
		return (bool) self::filter( 'pos_sync_should_send', true, $type, $id, $object );
	}

	/**
	 * Whether changes are sent as soon as the request that made them ends.
	 */
	public static function send_at_once(): bool {
		return (bool) self::filter( 'pos_sync_send_at_once', true );
	}

	/**
	 * The arguments of a request to the POS. Method, body, the key and the signature stay as they are, and no redirect is followed: the key is
	 * meant for one address.
	 *
	 * @param array<string, mixed> $args As for wp_remote_request().
	 * @param string               $url  Where it goes.
	 * @return array<mixed>
	 */
	public static function request_args( array $args, string $url ): array {
		$changed = self::filter( 'pos_sync_request_args', $args, $url );
		if ( $changed === $args ) {
			return $args;
		}
		if ( ! is_array( $changed ) ) {
			self::log( 'pos_sync_request_args', 'returned no array; the request goes out unfiltered' );
			return $args;
		}
		$fixed = self::fixed_args( $args, $changed );
		foreach ( $fixed as $name => $value ) {
			if ( 'headers' !== $name && ( $changed[ $name ] ?? null ) !== $value ) {
				self::log( 'pos_sync_request_args', "changed \"$name\"; it is put back" );
			}
		}
		return array_merge( $changed, $fixed );
	}

	/**
	 * The POS accepted a delivery.
	 *
	 * @param string $type    Queue_Item::ORDER, PRODUCT or ERASURE.
	 * @param int    $id      Id of the order or product; for a customer a number that stands for the e-mail address.
	 * @param string $outcome What the POS did with it, such as created, updated or duplicate.
	 * @param string $event   What was sent, such as order.created.
	 */
	public static function delivered( string $type, int $id, string $outcome, string $event ): void {
		self::action( 'pos_sync_delivered', self::public_type( $type ), $id, $outcome, $event );
	}

	/**
	 * A delivery did not arrive, or was refused.
	 *
	 * @param string   $type         Queue_Item::ORDER, PRODUCT or ERASURE.
	 * @param int      $id           As for delivered().
	 * @param string   $message      Why, in English.
	 * @param int|null $next_attempt Unix time of the next attempt; null where there is none until somebody sends it again.
	 */
	public static function delivery_failed( string $type, int $id, string $message, ?int $next_attempt ): void {
		self::action( 'pos_sync_delivery_failed', self::public_type( $type ), $id, $message, $next_attempt );
	}

	/**
	 * The arguments that no callback can change, with the headers that it added and a time limit that is a number.
	 *
	 * @param array<string, mixed> $args    The plugin's own.
	 * @param array<mixed>         $changed What the callbacks made of them.
	 * @return array<string, mixed>
	 */
	private static function fixed_args( array $args, array $changed ): array {
		$own     = is_array( $args['headers'] ?? null ) ? $args['headers'] : array();
		$headers = is_array( $changed['headers'] ?? null ) ? $changed['headers'] : array();
		$timeout = $changed['timeout'] ?? null;
		$fixed   = array(
			'headers'     => self::fixed_headers( $own, $headers ),
			'redirection' => 0,
			'blocking'    => true,
			'timeout'     => is_numeric( $timeout ) && $timeout > 0 ? min( $timeout + 0, self::LONGEST_TIMEOUT ) : $args['timeout'],
		);
		return $fixed + array_intersect_key( $args, array_flip( array( 'method', 'body' ) ) );
	}

	/**
	 * The plugin's own headers, and what the callbacks added to them; upper and lower case are the same header.
	 *
	 * @param array<mixed> $own     The plugin's own.
	 * @param array<mixed> $changed What the callbacks made of them.
	 * @return array<mixed>
	 */
	private static function fixed_headers( array $own, array $changed ): array {
		$missing = array_change_key_case( $own );
		$added   = array();
		foreach ( $changed as $name => $value ) {
			$lower = strtolower( (string) $name );
			if ( ! array_key_exists( $lower, array_change_key_case( $own ) ) ) {
				$added[ $name ] = $value;
			} elseif ( ( $missing[ $lower ] ?? null ) === $value ) {
				unset( $missing[ $lower ] );
			}
		}
		if ( $missing ) {
			self::log( 'pos_sync_request_args', 'removed or changed headers; they are put back: ' . implode( ', ', array_keys( $missing ) ) );
		}
		return $own + $added;
	}

	/**
	 * The type as developers know it.
	 *
	 * @param string $type Queue_Item::ORDER, PRODUCT or ERASURE.
	 */
	private static function public_type( string $type ): string {
		return Queue_Item::ERASURE === $type ? 'customer' : $type;
	}

	/**
	 * What the callbacks of a filter make of a value; the value itself where one of them fails.
	 *
	 * @phpstan-param non-empty-string $hook
	 * @param string $hook         The filter.
	 * @param mixed  $value        The value.
	 * @param mixed  ...$arguments Further arguments.
	 * @return mixed
	 */
	private static function filter( string $hook, $value, ...$arguments ) {
		$result = $value;
		self::guard(
			$hook,
			static function () use ( &$result, $hook, $value, $arguments ): void {
				$result = apply_filters( $hook, $value, ...$arguments ); // phpcs:ignore WordPress.NamingConventions -- all begin with pos_sync_.
			}
		);
		return $result;
	}

	/**
	 * Calls the callbacks of an action.
	 *
	 * @phpstan-param non-empty-string $hook
	 * @param string $hook         The action.
	 * @param mixed  ...$arguments Its arguments.
	 */
	private static function action( string $hook, ...$arguments ): void {
		self::guard(
			$hook,
			static function () use ( $hook, $arguments ): void {
				do_action( $hook, ...$arguments ); // phpcs:ignore WordPress.NamingConventions -- all begin with pos_sync_.
			}
		);
	}

	/**
	 * Calls something of another plugin, and logs where it fails.
	 *
	 * @phpstan-param callable(): void $call
	 * @param string   $hook The hook.
	 * @param callable $call What calls it.
	 */
	private static function guard( string $hook, callable $call ): void {
		global $wp_current_filter;
		$depth = is_array( $wp_current_filter ) ? count( $wp_current_filter ) : 0;
		try {
			$call();
		} catch ( \Throwable $problem ) {
			// WordPress would otherwise believe that it is in this hook for the rest of the request.
			if ( is_array( $wp_current_filter ) ) {
				array_splice( $wp_current_filter, $depth );
			}
			self::log( $hook, sprintf( 'failed (%s in %s, line %d: %s); what the plugin does goes on without it', get_class( $problem ), basename( $problem->getFile() ), $problem->getLine(), $problem->getMessage() ) );
		}
	}

	/**
	 * Logs what is wrong with a callback, once.
	 *
	 * @param string $hook  The hook.
	 * @param string $fault What is wrong.
	 */
	private static function log( string $hook, string $fault ): void {
		if ( ! isset( self::$logged[ $hook . $fault ] ) ) {
			self::$logged[ $hook . $fault ] = true;
			wc_get_logger()->error( "A callback of $hook $fault.", array( 'source' => Delivery_Log::SOURCE ) );
		}
	}
}
