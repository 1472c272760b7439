<?php

namespace POS_Sync\Screens;

use Automattic\WooCommerce\Utilities\OrderUtil;
use POS_Sync\Messages\Labels;

/**
 * The filter of the log's page, read from its address. What can not be used is left out.
 */
final class Deliveries_Filter {

	private const MOST_ORDERS = 100;

	/**
	 * Chosen values by their names in the address; those that are not chosen are not there.
	 *
	 * @var array<string, string>
	 */
	private array $chosen;

	/**
	 * Orders that the searched text finds; null before they were looked for.
	 *
	 * @var int[]|null
	 */
	private ?array $orders = null;

	public function __construct() {
		$chosen = array_map( array( $this, 'query_value' ), array_combine( array( 's', 'event', 'result', 'from', 'to', 'delivery' ), array( 's', 'event', 'result', 'from', 'to', 'delivery' ) ) );

		$chosen['event']    = isset( Labels::topics()[ $chosen['event'] ] ) ? $chosen['event'] : '';
		$chosen['result']   = isset( Labels::results()[ $chosen['result'] ] ) ? $chosen['result'] : '';
		$chosen['from']     = self::day( $chosen['from'] ) ? $chosen['from'] : '';
		$chosen['to']       = self::day( $chosen['to'] ) ? $chosen['to'] : '';
		$chosen['delivery'] = ctype_digit( $chosen['delivery'] ) ? $chosen['delivery'] : '';

		$this->chosen = array_diff( $chosen, array( '' ) );
	}

	/**
	 * What is chosen, by its names in the address.
	 *
	 * @return array<string, string>
	 */
	public function parameters(): array {
		return array_diff_key( $this->chosen, array( 'delivery' => 1 ) );
	}

	/**
	 * The one delivery that is opened; 0 where none is.
	 */
	public function opened(): int {
		return (int) ( $this->chosen['delivery'] ?? 0 );
	}

	/**
	 * The filter as the log takes it.
	 *
	 * @param string|null $result Instead of the chosen result.
	 * @return array{result: string, event: string, search: string, orders: int[], from?: int, to?: int}
	 */
	public function for_log( ?string $result = null ): array {
		$filter = array(
			'result' => $result ?? $this->chosen['result'] ?? '',
			'event'  => $this->chosen['event'] ?? '',
			'search' => $this->chosen['s'] ?? '',
			'orders' => $this->orders(),
		);
		$from   = self::day( $this->chosen['from'] ?? '' );
		$to     = self::day( $this->chosen['to'] ?? '' );
		if ( $from ) {
			$filter['from'] = $from->getTimestamp();
		}
		if ( $to ) {
			$filter['to'] = $to->modify( '+1 day' )->getTimestamp();
		}
		return $filter;
	}

	/**
	 * Orders that the searched text finds as it does in WooCommerce's list: by number, where a plugin gives them numbers
	 * of its own, or by their customer.
	 *
	 * @return int[]
	 */
	private function orders(): array {
		if ( null !== $this->orders ) {
			return $this->orders;
		}
		$this->orders = array();
		$text         = ltrim( $this->chosen['s'] ?? '', '#' );
		$same         = ctype_digit( $text ) ? wc_get_order( (int) $text ) : null;
		// A delivery id is nothing that orders have, and where numbers are ids there is nothing to look for.
		if ( strlen( $text ) < 2 || 0 === strpos( $text, 'msg_' ) || ( $same instanceof \WC_Order && $same->get_order_number() === $text ) ) {
			return $this->orders;
		}
		$found = OrderUtil::custom_orders_table_usage_is_enabled()
			? wc_get_orders(
				array(
					's'      => $text,
					'return' => 'ids',
					'limit'  => self::MOST_ORDERS,
				)
			)
			: wc_order_search( $text );
		foreach ( array_slice( is_array( $found ) ? $found : array(), 0, self::MOST_ORDERS ) as $id ) {
			$order = is_numeric( $id ) ? wc_get_order( (int) $id ) : null;
			if ( $order instanceof \WC_Order && ( ! ctype_digit( $text ) || $order->get_order_number() === $text ) ) {
				$this->orders[] = $order->get_id();
			}
		}
		return $this->orders;
	}

	/**
	 * The beginning of a day in the shop's time zone; null for what is no day.
	 *
	 * @param string $text Such as 2026-11-28.
	 */
	private static function day( string $text ): ?\DateTimeImmutable {
		$day = \DateTimeImmutable::createFromFormat( '!Y-m-d', $text, wp_timezone() );
		return $day ? $day : null;
	}

	/**
	 * One value of the page's address.
	 */
	private function query_value( string $name ): string {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only filters what is shown.
		$value = isset( $_GET[ $name ] ) && is_string( $_GET[ $name ] ) ? sanitize_text_field( wp_unslash( $_GET[ $name ] ) ) : '';
		return trim( $value );
	}
}
