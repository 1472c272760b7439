<?php
/**
 * The log as a table.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

if ( ! class_exists( \WP_List_Table::class ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

/**
 * Deliveries with search, filter and pages.
 */
final class Log_Table extends \WP_List_Table {

	private const PER_PAGE = 50;

	/**
	 * The log.
	 *
	 * @var Log
	 */
	private $log;

	/**
	 * Takes the log.
	 *
	 * @param Log $log The log.
	 */
	public function __construct( Log $log ) {
		parent::__construct(
			array(
				'singular' => 'delivery',
				'plural'   => 'deliveries',
				'ajax'     => false,
			)
		);
		$this->log = $log;
	}

	/**
	 * The columns.
	 *
	 * @return array<string, string>
	 */
	public function get_columns(): array {
		return array(
			'sent_at'      => __( 'Time', 'woocommerce-pos-sync' ),
			'object'       => __( 'Order', 'woocommerce-pos-sync' ),
			'event'        => __( 'Topic', 'woocommerce-pos-sync' ),
			'result'       => __( 'Result', 'woocommerce-pos-sync' ),
			'attempt'      => __( 'Attempt', 'woocommerce-pos-sync' ),
			'status'       => __( 'Status', 'woocommerce-pos-sync' ),
			'milliseconds' => __( 'Duration', 'woocommerce-pos-sync' ),
			'message'      => __( 'Error or note', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * Reads what is to be shown.
	 */
	public function prepare_items(): void {
		$this->_column_headers = array( $this->get_columns(), array(), array(), 'sent_at' );

		$filter      = array(
			'result' => $this->chosen_result(),
			'search' => $this->query_value( 's' ),
		);
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
		esc_html_e( 'No deliveries found.', 'woocommerce-pos-sync' );
	}

	/**
	 * The links above the table, by result.
	 *
	 * @return array<string, string>
	 */
	protected function get_views(): array {
		$views  = array();
		$search = $this->query_value( 's' );
		foreach ( array_merge( array( '' => __( 'All', 'woocommerce-pos-sync' ) ), self::results() ) as $result => $label ) {
			$url = add_query_arg(
				array_filter(
					array(
						'page'   => Log_Page::SLUG,
						'result' => $result,
						's'      => $search,
					)
				),
				admin_url( 'admin.php' )
			);

			$views[ '' === $result ? 'all' : $result ] = sprintf(
				'<a href="%s"%s>%s <span class="count">(%s)</span></a>',
				esc_url( $url ),
				$result === $this->chosen_result() ? ' class="current" aria-current="page"' : '',
				esc_html( $label ),
				esc_html( number_format_i18n( $this->log->count( compact( 'result', 'search' ) ) ) )
			);
		}
		return $views;
	}

	/**
	 * One cell.
	 *
	 * @param array<string, string> $item        The delivery.
	 * @param string                $column_name The column.
	 */
	protected function column_default( $item, $column_name ): string {
		switch ( $column_name ) {
			case 'sent_at':
				return esc_html( (string) wp_date( 'Y-m-d H:i:s', (int) $item['sent_at'] ) );
			case 'object':
				return self::link( $item['type'], (int) $item['object_id'] );
			case 'result':
				return self::badge( $item['result'] );
			case 'status':
				return '0' === $item['status'] ? '–' : esc_html( trim( $item['status'] . ' ' . $item['outcome'] ) );
			case 'milliseconds':
				/* translators: %s: number. */
				return esc_html( sprintf( __( '%s ms', 'woocommerce-pos-sync' ), number_format_i18n( (int) $item['milliseconds'] ) ) );
			default:
				return esc_html( $item[ $column_name ] ?? '' );
		}
	}

	/**
	 * What can come of a delivery.
	 *
	 * @return array<string, string>
	 */
	private static function results(): array {
		return array(
			Reply::SENT   => __( 'Sent', 'woocommerce-pos-sync' ),
			Reply::RETRY  => __( 'To be retried', 'woocommerce-pos-sync' ),
			Reply::FAILED => __( 'Failed', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * A result in colour.
	 *
	 * @param string $result The result.
	 */
	public static function badge( string $result ): string {
		return sprintf( '<span class="pos-sync-badge is-%s">%s</span>', esc_attr( $result ), esc_html( self::results()[ $result ] ?? $result ) );
	}

	/**
	 * The number of an order or product, with a link to it.
	 *
	 * @param string $type Queue::ORDER or Queue::PRODUCT.
	 * @param int    $id   Its id.
	 */
	private static function link( string $type, int $id ): string {
		if ( Queue::PRODUCT === $type ) {
			/* translators: %d: product id. */
			$label = sprintf( __( 'Product %d', 'woocommerce-pos-sync' ), $id );
			$url   = (string) get_edit_post_link( $id );
		} else {
			$order = wc_get_order( $id );
			$label = '#' . ( $order instanceof \WC_Order ? $order->get_order_number() : $id );
			$url   = $order instanceof \WC_Order ? $order->get_edit_order_url() : '';
		}
		return '' === $url ? esc_html( $label ) : sprintf( '<a href="%s">%s</a>', esc_url( $url ), esc_html( $label ) );
	}

	/**
	 * The result that is filtered by; empty for all.
	 */
	private function chosen_result(): string {
		$result = $this->query_value( 'result' );
		return isset( self::results()[ $result ] ) ? $result : '';
	}

	/**
	 * One value of the page's address.
	 *
	 * @param string $name Its name.
	 */
	private function query_value( string $name ): string {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only filters what is shown.
		$value = isset( $_GET[ $name ] ) && is_string( $_GET[ $name ] ) ? sanitize_text_field( wp_unslash( $_GET[ $name ] ) ) : '';
		return $value;
	}
}
