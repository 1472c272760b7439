<?php

namespace POS_Sync\Screens;

use POS_Sync\Log\Delivery_Log;
use POS_Sync\Messages\Labels;

/**
 * The tab "Deliveries": the log, with filters.
 */
final class Deliveries_Tab {

	private Delivery_Log $log;

	public function __construct( Delivery_Log $log ) {
		$this->log = $log;
	}

	/**
	 * Shows the tab.
	 */
	public function show(): void {
		$filter = new Deliveries_Filter();
		$table  = new Deliveries_Table( $this->log, $filter );
		$table->prepare_items();
		?>
		<div class="pos-sync-log">
			<h2 class="screen-reader-text"><?php esc_html_e( 'Deliveries', 'woocommerce-pos-sync' ); ?></h2>
			<?php $table->views(); ?>
			<form method="get" class="pos-sync-filters">
				<?php $this->show_filters( $filter ); ?>
			</form>
			<form method="get">
				<?php
				$this->show_hidden( $filter->parameters() );
				$table->display();
				?>
			</form>
			<p class="description"><?php esc_html_e( 'Kept for 30 days, without personal data.', 'woocommerce-pos-sync' ); ?></p>
		</div>
		<?php
	}

	/**
	 * Search, topic and dates; the status is chosen by the links above.
	 *
	 * @param Deliveries_Filter $filter What is chosen.
	 */
	private function show_filters( Deliveries_Filter $filter ): void {
		$chosen = $filter->parameters();
		$this->show_hidden( array_intersect_key( $chosen, array( 'result' => 1 ) ) );
		?>
		<p>
			<label for="pos-sync-search"><?php esc_html_e( 'Order, customer or text', 'woocommerce-pos-sync' ); ?></label>
			<input type="search" id="pos-sync-search" name="s" value="<?php echo esc_attr( $chosen['s'] ?? '' ); ?>" placeholder="<?php esc_attr_e( 'Number, name, error', 'woocommerce-pos-sync' ); ?>">
		</p>
		<p>
			<label for="pos-sync-topic"><?php esc_html_e( 'What happened', 'woocommerce-pos-sync' ); ?></label>
			<select id="pos-sync-topic" name="event">
				<option value=""><?php esc_html_e( 'Everything', 'woocommerce-pos-sync' ); ?></option>
				<?php foreach ( Labels::topics() as $event => $label ) : ?>
					<option value="<?php echo esc_attr( $event ); ?>" <?php selected( $event, $chosen['event'] ?? '' ); ?>><?php echo esc_html( $label ); ?></option>
				<?php endforeach; ?>
			</select>
		</p>
		<p>
			<label for="pos-sync-from"><?php esc_html_e( 'From', 'woocommerce-pos-sync' ); ?></label>
			<input type="date" id="pos-sync-from" name="from" value="<?php echo esc_attr( $chosen['from'] ?? '' ); ?>">
		</p>
		<p>
			<label for="pos-sync-to"><?php esc_html_e( 'To', 'woocommerce-pos-sync' ); ?></label>
			<input type="date" id="pos-sync-to" name="to" value="<?php echo esc_attr( $chosen['to'] ?? '' ); ?>">
		</p>
		<p class="pos-sync-filter-buttons">
			<button type="submit" class="button"><?php esc_html_e( 'Filter', 'woocommerce-pos-sync' ); ?></button>
			<?php if ( array_diff_key( $chosen, array( 'result' => 1 ) ) ) : ?>
				<a href="<?php echo esc_url( Admin_Page::log_url( array_intersect_key( $chosen, array( 'result' => 1 ) ) ) ); ?>"><?php esc_html_e( 'Clear', 'woocommerce-pos-sync' ); ?></a>
			<?php endif; ?>
		</p>
		<?php
	}

	/**
	 * Hidden fields that keep the tab and these parameters.
	 *
	 * @param array<string, string> $parameters Value by name.
	 */
	private function show_hidden( array $parameters ): void {
		foreach ( array(
			'page' => Admin_Page::SLUG,
			'tab'  => Admin_Page::LOG,
		) + $parameters as $name => $value ) {
			printf( '<input type="hidden" name="%s" value="%s">', esc_attr( $name ), esc_attr( $value ) );
		}
	}
}
