<?php

namespace POS_Sync\Screens;

use POS_Sync\Log\Delivery_Log;
use POS_Sync\Messages\Delivery_Messages;
use POS_Sync\Messages\Labels;
use POS_Sync\Queue\Queue_Item;

if ( ! class_exists( \WP_List_Table::class ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

/**
 * Deliveries with filter and pages; each can be opened and resent.
 */
final class Deliveries_Table extends \WP_List_Table {

	private const PER_PAGE = 50;

	private Delivery_Log $log;
	private Deliveries_Filter $filter;
	private Object_Labels $subjects;

	public function __construct( Delivery_Log $log, Deliveries_Filter $filter ) {
		parent::__construct(
			array(
				'singular' => 'delivery',
				'plural'   => 'deliveries',
				'ajax'     => false,
				'screen'   => Admin_Page::SCREEN,
			)
		);
		$this->log      = $log;
		$this->filter   = $filter;
		$this->subjects = new Object_Labels();
	}

	/**
	 * The columns.
	 *
	 * @return array<string, string>
	 */
	public function get_columns(): array {
		return array(
			'about'    => __( 'Order or product', 'woocommerce-pos-sync' ),
			'customer' => __( 'Customer', 'woocommerce-pos-sync' ),
			'event'    => __( 'What happened', 'woocommerce-pos-sync' ),
			'sent_at'  => __( 'Sent at', 'woocommerce-pos-sync' ),
			'result'   => __( 'Delivery', 'woocommerce-pos-sync' ),
			'answer'   => __( 'Answer', 'woocommerce-pos-sync' ),
			'actions'  => __( 'Actions', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * Reads what is to be shown.
	 */
	public function prepare_items(): void {
		$this->_column_headers = array( $this->get_columns(), array(), array(), 'about' );

		$filter      = $this->filter->for_log();
		$this->items = $this->log->entries( $filter, self::PER_PAGE, ( $this->get_pagenum() - 1 ) * self::PER_PAGE );
		$this->set_pagination_args(
			array(
				'total_items' => $this->log->count( $filter ),
				'per_page'    => self::PER_PAGE,
			)
		);
	}

	/**
	 * Said where there is nothing.
	 */
	public function no_items(): void {
		if ( $this->filter->parameters() ) {
			esc_html_e( 'No deliveries found. Another filter may show some.', 'woocommerce-pos-sync' );
		} else {
			esc_html_e( 'Nothing has been sent yet. Orders appear here as soon as they are sent.', 'woocommerce-pos-sync' );
		}
	}

	/**
	 * One row, and below it the details of the one that is opened.
	 *
	 * @param array<string, string> $item The delivery.
	 */
	public function single_row( $item ): void {
		printf( '<tr id="pos-sync-delivery-%d">', (int) $item['id'] );
		$this->single_row_columns( $item );
		echo '</tr>';
		if ( (int) $item['id'] === $this->filter->opened() ) {
			$entry = $this->log->find( (int) $item['id'] );
			printf( '<tr class="pos-sync-details-row"><td colspan="%d">%s</td></tr>', count( $this->get_columns() ), $entry ? ( new Delivery_Details( $this->subjects ) )->html( $entry ) : '' ); // phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- HTML made there.
		}
	}

	/**
	 * Classes of the table; without stripes, which opened rows would shift.
	 *
	 * @return string[]
	 */
	protected function get_table_classes(): array {
		return array( 'widefat', 'fixed', 'pos-sync-table', 'deliveries' );
	}

	/**
	 * The links above the table, by result.
	 *
	 * @return array<string, string>
	 */
	protected function get_views(): array {
		$views      = array();
		$parameters = $this->filter->parameters();
		$chosen     = $parameters['result'] ?? '';
		foreach ( array_merge( array( '' => __( 'All', 'woocommerce-pos-sync' ) ), Labels::results() ) as $result => $label ) {
			$views[ '' === $result ? 'all' : $result ] = sprintf(
				'<a href="%s"%s>%s <span class="count">(%s)</span></a>',
				esc_url( Admin_Page::log_url( array_diff( array_merge( $parameters, array( 'result' => $result ) ), array( '' ) ) ) ),
				$result === $chosen ? ' class="current" aria-current="page"' : '',
				esc_html( $label ),
				esc_html( number_format_i18n( $this->log->count( $this->filter->for_log( $result ) ) ) )
			);
		}
		return $views;
	}

	/**
	 * One cell.
	 *
	 * @param array<string, string> $item        The delivery.
	 */
	protected function column_default( $item, $column_name ): string {
		$id = (int) $item['object_id'];
		switch ( $column_name ) {
			case 'about':
				$time = self::time( (int) $item['sent_at'] );
				return '<strong>' . $this->subjects->link( $item['type'], $id ) . '</strong>'
					. sprintf( '<span class="pos-sync-small">%s %s</span>', $time, self::badge( $item['result'] ) );
			case 'customer':
				return $this->subjects->customer( $item['type'], $id );
			case 'event':
				return esc_html( Labels::topics()[ $item['event'] ] ?? $item['event'] );
			case 'sent_at':
				return self::time( (int) $item['sent_at'] );
			case 'result':
				return self::badge( $item['result'] ) . self::attempts( (int) $item['attempt'] );
			case 'answer':
				return sprintf( '<span title="%s">%s</span>', esc_attr( $item['message'] ), esc_html( Delivery_Messages::describe( $item ) ) );
			default:
				return $this->actions( $item );
		}
	}

	/**
	 * A result in colour.
	 */
	public static function badge( string $result ): string {
		return sprintf( '<span class="pos-sync-badge is-%s">%s</span>', esc_attr( $result ), esc_html( Labels::results()[ $result ] ?? $result ) );
	}

	/**
	 * A time in the shop's time zone.
	 *
	 * @param int $time Unix time.
	 */
	private static function time( int $time ): string {
		return sprintf( '<time datetime="%s">%s</time>', esc_attr( gmdate( 'c', $time ) ), esc_html( (string) wp_date( 'Y-m-d H:i:s', $time ) ) );
	}

	/**
	 * Which attempt it was, where it was not the first.
	 *
	 * @param int $attempt The number of the attempt.
	 */
	private static function attempts( int $attempt ): string {
		/* translators: %d: number. */
		return $attempt > 1 ? '<span class="pos-sync-attempt">' . esc_html( sprintf( __( 'Attempt %d', 'woocommerce-pos-sync' ), $attempt ) ) . '</span>' : '';
	}

	/**
	 * The buttons of a row.
	 *
	 * @param array<string, string> $item The delivery.
	 */
	private function actions( array $item ): string {
		$name   = $this->subjects->name( $item['type'], (int) $item['object_id'] );
		$opened = (int) $item['id'] === $this->filter->opened();
		$url    = Admin_Page::log_url( $this->filter->parameters() + ( $opened ? array() : array( 'delivery' => (int) $item['id'] ) ) ) . '#pos-sync-delivery-' . $item['id'];
		return sprintf(
			'<a class="button button-small pos-sync-open" href="%s" data-delivery="%d" data-opened="%d" aria-label="%s">%s</a> %s',
			esc_url( $url ),
			(int) $item['id'],
			$opened ? 1 : 0,
			/* translators: %s: name of an order or product. */
			esc_attr( sprintf( __( 'Details of %s', 'woocommerce-pos-sync' ), $name ) ),
			esc_html__( 'Details', 'woocommerce-pos-sync' ),
			Queue_Item::ERASURE === $item['type'] ? '' : Resend_Button::button( $item['type'], (int) $item['object_id'], $name )
		);
	}
}
