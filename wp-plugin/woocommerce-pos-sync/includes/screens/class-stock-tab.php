<?php

namespace POS_Sync\Screens;

use POS_Sync\Health\Stock_Status;
use POS_Sync\Stock\Stock_History;
use POS_Sync\Stock\Stock_Log;

/**
 * The tab "Stock from the POS": whether stock comes from there, what it changed here, and what the shop could not take over.
 */
final class Stock_Tab {

	private Stock_History $history;
	private Stock_Status $status;

	public function __construct( Stock_History $history, Stock_Status $status ) {
		$this->history = $history;
		$this->status  = $status;
	}

	/**
	 * Shows the tab.
	 */
	public function show(): void {
		?>
		<div class="pos-sync-stock">
			<h2 class="screen-reader-text"><?php esc_html_e( 'Stock from the POS', 'woocommerce-pos-sync' ); ?></h2>
			<?php
			foreach ( $this->status->obstacles() as $problem ) {
				printf( '<div class="notice notice-error inline"><p>%s</p></div>', esc_html( $problem ) );
			}
			if ( $this->status->has_received() ) {
				$this->show_figures();
				$this->show_changes();
			} else {
				$this->show_introduction();
			}
			?>
		</div>
		<?php
	}

	/**
	 * Said before the first change has come.
	 */
	private function show_introduction(): void {
		$checked = $this->status->last_contact();
		?>
		<div class="pos-sync-introduction">
			<h3><?php esc_html_e( 'One stock for counter and shop', 'woocommerce-pos-sync' ); ?></h3>
			<p><?php esc_html_e( 'What is sold at the counter, counted or corrected in the POS, or sold in another shop of yours changes the stock here too, within seconds. Each change is listed here with its reason.', 'woocommerce-pos-sync' ); ?></p>
			<p><?php esc_html_e( 'It is switched on in the POS, for each shop:', 'woocommerce-pos-sync' ); ?></p>
			<pre><code>pos-api store set NAME --stock-sync on</code></pre>
			<p><?php esc_html_e( 'Before anything changes, the POS compares its stock with that of the shop and asks which of the two is right.', 'woocommerce-pos-sync' ); ?></p>
			<p><strong>
				<?php
				if ( $checked ) {
					/* translators: %s: how long ago, such as "2 minutes". */
					echo esc_html( sprintf( __( 'The POS has reached this shop %s ago. No change has come yet.', 'woocommerce-pos-sync' ), human_time_diff( $checked ) ) );
				} else {
					esc_html_e( 'No change has come yet.', 'woocommerce-pos-sync' );
				}
				?>
			</strong></p>
		</div>
		<?php
	}

	/**
	 * When something was received last, and how much lately.
	 */
	private function show_figures(): void {
		$facts = array();
		foreach ( $this->status->figures() as $figure ) {
			$facts[] = sprintf( '<div><dt>%s</dt><dd>%s</dd></div>', esc_html( $figure['label'] ), esc_html( $figure['value'] ) );
		}
		printf( '<dl class="pos-sync-figures">%s</dl>', implode( '', $facts ) ); // phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- escaped above.
	}

	/**
	 * The changes, with search and pages.
	 */
	private function show_changes(): void {
		$filter = new Stock_Filter();
		$table  = new Stock_Table( $this->history, $filter );
		$table->prepare_items();
		$table->views();
		?>
		<form method="get" class="pos-sync-filters">
			<?php $this->show_hidden( array( 'result' => $filter->result ) ); ?>
			<p>
				<label for="pos-sync-search"><?php esc_html_e( 'Product or SKU', 'woocommerce-pos-sync' ); ?></label>
				<input type="search" id="pos-sync-search" name="s" value="<?php echo esc_attr( $filter->search ); ?>">
			</p>
			<p class="pos-sync-filter-buttons">
				<button type="submit" class="button"><?php esc_html_e( 'Filter', 'woocommerce-pos-sync' ); ?></button>
				<?php if ( '' !== $filter->search ) : ?>
					<a href="<?php echo esc_url( Admin_Page::stock_url( array_diff( array( 'result' => $filter->result ), array( '' ) ) ) ); ?>"><?php esc_html_e( 'Clear', 'woocommerce-pos-sync' ); ?></a>
				<?php endif; ?>
			</p>
		</form>
		<form method="get">
			<?php
			$this->show_hidden(
				array(
					'result' => $filter->result,
					's'      => $filter->search,
				)
			);
			$table->display();
			?>
		</form>
		<p class="description">
		<?php
		/* translators: %d: number of days. */
		echo esc_html( sprintf( __( 'Kept for %d days.', 'woocommerce-pos-sync' ), Stock_Log::DAYS ) );
		?>
		</p>
		<?php
	}

	/**
	 * Hidden fields that keep the tab and what is chosen.
	 *
	 * @param array<string, string> $chosen Value by name; empty ones are left out.
	 */
	private function show_hidden( array $chosen ): void {
		foreach ( array(
			'page' => Admin_Page::SLUG,
			'tab'  => Admin_Page::STOCK,
		) + array_diff( $chosen, array( '' ) ) as $name => $value ) {
			printf( '<input type="hidden" name="%s" value="%s">', esc_attr( $name ), esc_attr( $value ) );
		}
	}
}
