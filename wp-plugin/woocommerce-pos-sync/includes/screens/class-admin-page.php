<?php

namespace POS_Sync\Screens;

use POS_Sync\Registers_Hooks;
use POS_Sync\Settings\Setup_Line;

use const POS_Sync\PLUGIN_FILE;
use const POS_Sync\VERSION;

/**
 * The page "WooCommerce → POS Sync" with its tabs, and the way to it.
 */
final class Admin_Page implements Registers_Hooks {

	public const SLUG     = 'pos-sync';
	public const SCREEN   = 'woocommerce_page_pos-sync';
	public const SETTINGS = 'settings';
	public const LOG      = 'deliveries';
	public const STOCK    = 'stock';

	private Settings_Tab $settings;
	private Deliveries_Tab $log;
	private Stock_Tab $stock;

	public function __construct( Settings_Tab $settings, Deliveries_Tab $log, Stock_Tab $stock ) {
		$this->settings = $settings;
		$this->log      = $log;
		$this->stock    = $stock;
	}

	public function register(): void {
		add_action( 'admin_menu', array( $this, 'add' ), 60 );
		add_action( 'admin_enqueue_scripts', array( $this, 'enqueue' ) );
		add_filter( 'plugin_action_links_' . plugin_basename( PLUGIN_FILE ), array( $this, 'add_links' ) );
	}

	/**
	 * The address of the settings.
	 */
	public static function settings_url(): string {
		return admin_url( 'admin.php?page=' . self::SLUG );
	}

	/**
	 * The address of the log.
	 *
	 * @param array<string, string|int> $more What it is filtered by.
	 */
	public static function log_url( array $more = array() ): string {
		return self::tab_url( self::LOG, $more );
	}

	/**
	 * The address of the changes of stock that the POS sent.
	 *
	 * @param array<string, string|int> $more What they are filtered by.
	 */
	public static function stock_url( array $more = array() ): string {
		return self::tab_url( self::STOCK, $more );
	}

	/**
	 * The address of a tab.
	 *
	 * @param string                    $tab  LOG or STOCK.
	 * @param array<string, string|int> $more What it is filtered by.
	 */
	private static function tab_url( string $tab, array $more ): string {
		return add_query_arg( array_map( 'rawurlencode', array_map( 'strval', $more ) ), admin_url( 'admin.php?page=' . self::SLUG . '&tab=' . $tab ) );
	}

	/**
	 * Adds the menu, where shop owners look: under WooCommerce.
	 */
	public function add(): void {
		add_submenu_page( 'woocommerce', __( 'POS Sync', 'woocommerce-pos-sync' ), __( 'POS Sync', 'woocommerce-pos-sync' ), 'manage_woocommerce', self::SLUG, array( $this, 'show' ) );
	}

	/**
	 * Loads script and style, only where they are needed.
	 */
	public function enqueue( string $hook ): void {
		$orders = array( 'shop_order', 'edit-shop_order', wc_get_page_screen_id( 'shop-order' ) );
		if ( self::SCREEN === $hook || in_array( get_current_screen()->id ?? '', $orders, true ) ) {
			wp_enqueue_style( 'pos-sync', plugins_url( 'assets/admin.css', PLUGIN_FILE ), array(), VERSION );
		}
		if ( self::SCREEN === $hook ) {
			wp_enqueue_script( 'pos-sync', plugins_url( 'assets/admin.js', PLUGIN_FILE ), array( 'wp-api-fetch' ), VERSION, true );
			wp_add_inline_script( 'pos-sync', 'window.posSync = ' . wp_json_encode( $this->texts() ) . ';', 'before' );
		}
	}

	/**
	 * Adds links in the list of plugins.
	 *
	 * @param array<int|string, string> $links The links.
	 * @return array<int|string, string>
	 */
	public function add_links( array $links ): array {
		$ours = array();
		foreach ( array(
			self::settings_url() => __( 'Settings', 'woocommerce-pos-sync' ),
			self::log_url()      => __( 'Deliveries', 'woocommerce-pos-sync' ),
		) as $url => $label ) {
			$ours[] = sprintf( '<a href="%s">%s</a>', esc_url( $url ), esc_html( $label ) );
		}
		return array_merge( $ours, $links );
	}

	/**
	 * Shows the page with the chosen tab.
	 */
	public function show(): void {
		$tabs = array(
			self::SETTINGS => array( self::settings_url(), __( 'Settings', 'woocommerce-pos-sync' ), $this->settings ),
			self::LOG      => array( self::log_url(), __( 'Deliveries', 'woocommerce-pos-sync' ), $this->log ),
			self::STOCK    => array( self::stock_url(), __( 'Stock from the POS', 'woocommerce-pos-sync' ), $this->stock ),
		);
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only chooses what is shown.
		$asked  = isset( $_GET['tab'] ) && is_string( $_GET['tab'] ) ? sanitize_key( $_GET['tab'] ) : '';
		$chosen = isset( $tabs[ $asked ] ) ? $asked : self::SETTINGS;
		?>
		<div class="wrap pos-sync">
			<h1><?php esc_html_e( 'POS Sync', 'woocommerce-pos-sync' ); ?></h1>
			<nav class="nav-tab-wrapper" aria-label="<?php esc_attr_e( 'POS Sync', 'woocommerce-pos-sync' ); ?>">
				<?php
				foreach ( $tabs as $name => $tab ) {
					$this->show_tab( $tab[0], $tab[1], $name === $chosen );
				}
				?>
			</nav>
			<?php $tabs[ $chosen ][2]->show(); ?>
		</div>
		<?php
	}

	/**
	 * One tab.
	 *
	 * @param bool $chosen Whether it is the one that is shown.
	 */
	private function show_tab( string $url, string $label, bool $chosen ): void {
		?>
		<a href="<?php echo esc_url( $url ); ?>" class="nav-tab <?php echo $chosen ? 'nav-tab-active' : ''; ?>" <?php echo $chosen ? 'aria-current="page"' : ''; ?>><?php echo esc_html( $label ); ?></a>
		<?php
	}

	/**
	 * What the script says.
	 *
	 * @return array<string, string>
	 */
	private function texts(): array {
		return array(
			'testing'      => __( 'Testing…', 'woocommerce-pos-sync' ),
			'lineFilledIn' => __( 'Webhook URL and API Key are filled in. Save the settings to use them.', 'woocommerce-pos-sync' ),
			'lineUnusable' => Setup_Line::problem(),
			/* translators: 1: number, 2: number. */
			'sent'         => __( '%1$d of %2$d sent', 'woocommerce-pos-sync' ),
			/* translators: 1: number, 2: number. */
			'allSent'      => __( 'All sent: %1$d of %2$d', 'woocommerce-pos-sync' ),
			/* translators: 1: number, 2: number, 3: number. */
			'someFailed'   => __( '%1$d of %2$d sent, %3$d failed', 'woocommerce-pos-sync' ),
			/* translators: 1: number, 2: number. */
			'paused'       => __( 'Paused: %1$d of %2$d sent', 'woocommerce-pos-sync' ),
			'loading'      => __( 'Loading…', 'woocommerce-pos-sync' ),
		);
	}
}
