<?php

namespace POS_Sync\Screens;

use POS_Sync\Messages\Stock_Messages;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Stock\Stock_History;

if ( ! class_exists( \WP_List_Table::class ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

/**
 * Changes of stock that the POS sent, with pages, and what became of each.
 */
final class Stock_Table extends \WP_List_Table {

	private const PER_PAGE = 50;

	private Stock_History $history;
	private Stock_Filter $filter;
	private Object_Labels $products;

	public function __construct( Stock_History $history, Stock_Filter $filter ) {
		parent::__construct(
			array(
				'singular' => 'stock-change',
				'plural'   => 'stock-changes',
				'ajax'     => false,
				'screen'   => Admin_Page::SCREEN,
			)
		);
		$this->history  = $history;
		$this->filter   = $filter;
		$this->products = new Object_Labels();
	}

	/**
	 * The columns.
	 *
	 * @return array<string, string>
	 */
	public function get_columns(): array {
		return array(
			'product'  => __( 'Product', 'woocommerce-pos-sync' ),
			'change'   => __( 'Change', 'woocommerce-pos-sync' ),
			'quantity' => __( 'Stock after', 'woocommerce-pos-sync' ),
			'reason'   => __( 'Why', 'woocommerce-pos-sync' ),
			'received' => __( 'When', 'woocommerce-pos-sync' ),
			'outcome'  => __( 'Result', 'woocommerce-pos-sync' ),
		);
	}

	/**
	 * Reads what is to be shown.
	 */
	public function prepare_items(): void {
		$this->_column_headers = array( $this->get_columns(), array(), array(), 'product' );

		$filter      = $this->filter->for_history();
		$this->items = $this->history->entries( $filter, self::PER_PAGE, ( $this->get_pagenum() - 1 ) * self::PER_PAGE );
		$this->set_pagination_args(
			array(
				'total_items' => $this->history->count( $filter ),
				'per_page'    => self::PER_PAGE,
			)
		);
	}

	/**
	 * Said where there is nothing.
	 */
	public function no_items(): void {
		esc_html_e( 'No changes found. Another filter may show some.', 'woocommerce-pos-sync' );
	}

	/**
	 * Classes of the table.
	 *
	 * @return string[]
	 */
	protected function get_table_classes(): array {
		return array( 'widefat', 'fixed', 'pos-sync-table', 'pos-sync-stock-table' );
	}

	/**
	 * The links above the table, by what became of the changes.
	 *
	 * @return array<string, string>
	 */
	protected function get_views(): array {
		$labels = array(
			''                         => __( 'All', 'woocommerce-pos-sync' ),
			Stock_History::APPLIED     => __( 'Applied', 'woocommerce-pos-sync' ),
			Stock_History::NOT_APPLIED => __( 'Not applied', 'woocommerce-pos-sync' ),
		);
		$views  = array();
		foreach ( $labels as $result => $label ) {
			$views[ '' === $result ? 'all' : $result ] = sprintf(
				'<a href="%s"%s>%s <span class="count">(%s)</span></a>',
				esc_url(
					Admin_Page::stock_url(
						array_diff(
							array(
								'result' => $result,
								's'      => $this->filter->search,
							),
							array( '' )
						)
					)
				),
				$result === $this->filter->result ? ' class="current" aria-current="page"' : '',
				esc_html( $label ),
				esc_html( number_format_i18n( $this->history->count( $this->filter->for_history( $result ) ) ) )
			);
		}
		return $views;
	}

	/**
	 * One cell.
	 *
	 * @param array<string, string> $item The change.
	 */
	protected function column_default( $item, $column_name ): string {
		switch ( $column_name ) {
			case 'product':
				return $this->product( $item );
			case 'change':
				return self::change( $item );
			case 'quantity':
				return '' === $item['quantity'] ? '–' : esc_html( Stock_Messages::quantity( $item['quantity'] ) );
			case 'reason':
				return esc_html( Stock_Messages::reason( $item['reason'] ) );
			case 'received':
				return self::time( (int) $item['received_at'] );
			default:
				return self::badge( $item ) . self::explanation( $item );
		}
	}

	/**
	 * The product with a link, its SKU where the product is gone, and on phones the change beside it.
	 *
	 * @param array<string, string> $item The change.
	 */
	private function product( array $item ): string {
		$id   = (int) $item['variation_id'] ? (int) $item['variation_id'] : (int) $item['product_id'];
		$name = $this->products->link( Queue_Item::PRODUCT, $id );
		if ( '' !== $item['sku'] && false === strpos( wp_strip_all_tags( $name ), $item['sku'] ) ) {
			$name .= ' <span class="pos-sync-sku">' . esc_html( $item['sku'] ) . '</span>';
		}
		return "<strong>$name</strong>" . sprintf( '<span class="pos-sync-small">%s · %s %s %s</span>', self::change( $item ), self::time( (int) $item['received_at'] ), self::badge( $item ), self::explanation( $item ) );
	}

	/**
	 * By how much the stock was to change, with its sign.
	 *
	 * @param array<string, string> $item The change.
	 */
	private static function change( array $item ): string {
		return '<span class="pos-sync-change">' . esc_html( Stock_Messages::change( $item['delta'] ) ) . '</span>';
	}

	/**
	 * What became of it, in colour.
	 *
	 * @param array<string, string> $item The change.
	 */
	private static function badge( array $item ): string {
		list( $class, $label ) = Stock_Messages::result( $item );
		return sprintf( '<span class="pos-sync-badge is-%s">%s</span>', esc_attr( $class ), esc_html( $label ) );
	}

	/**
	 * Why it was not taken over, and what to do.
	 *
	 * @param array<string, string> $item The change.
	 */
	private static function explanation( array $item ): string {
		$text = Stock_Messages::explain( $item );
		return '' === $text ? '' : sprintf( '<span class="pos-sync-explanation">%s</span>', esc_html( $text ) );
	}

	/**
	 * A time in the shop's time zone.
	 *
	 * @param int $time Unix time.
	 */
	private static function time( int $time ): string {
		return sprintf( '<time datetime="%s">%s</time>', esc_attr( gmdate( 'c', $time ) ), esc_html( (string) wp_date( 'Y-m-d H:i:s', $time ) ) );
	}
}
