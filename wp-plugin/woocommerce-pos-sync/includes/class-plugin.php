<?php
/**
 * The wiring.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Makes the parts of the plugin, once, and lets each register its own hooks.
 */
final class Plugin {

	/**
	 * Hooks the plugin into WordPress. Nothing else happens before WooCommerce is known to be there.
	 */
	public function register(): void {
		add_action( 'before_woocommerce_init', array( $this, 'declare_compatibility' ) );
		add_action( 'plugins_loaded', array( $this, 'start' ) );
		add_action( 'init', array( $this, 'load_translations' ), 1 );
		add_filter( 'load_textdomain_mofile', array( $this, 'find_translation' ), 10, 2 );
		register_deactivation_hook( PLUGIN_FILE, array( $this, 'deactivate' ) );
	}

	/**
	 * Tells WooCommerce that its order tables (HPOS) and block checkout are supported.
	 */
	public function declare_compatibility(): void {
		if ( class_exists( \Automattic\WooCommerce\Utilities\FeaturesUtil::class ) ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', PLUGIN_FILE );
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'cart_checkout_blocks', PLUGIN_FILE );
		}
	}

	/**
	 * Loads translations that come with the plugin.
	 */
	public function load_translations(): void {
		load_plugin_textdomain( 'woocommerce-pos-sync', false, dirname( plugin_basename( PLUGIN_FILE ) ) . '/languages' );
	}

	/**
	 * German and Swedish of every kind (Austria, Switzerland, formal, Finland) use the translation there is.
	 *
	 * @param string $file   The translation that WordPress looks for.
	 * @param string $domain Whose it is.
	 */
	public function find_translation( $file, $domain ): string {
		$file = (string) $file;
		if ( 'woocommerce-pos-sync' !== $domain || is_readable( $file ) || ! preg_match( '/-(de|sv)(_\w+)?\.mo$/', $file, $match ) ) {
			return $file;
		}
		return dirname( PLUGIN_FILE ) . '/languages/woocommerce-pos-sync-' . ( 'de' === $match[1] ? 'de_DE' : 'sv_SE' ) . '.mo';
	}

	/**
	 * Starts every part, or only says what is missing.
	 */
	public function start(): void {
		if ( ! function_exists( 'WC' ) || version_compare( WC()->version, '8.2', '<' ) ) {
			add_action( 'admin_notices', array( $this, 'say_what_is_missing' ) );
			return;
		}

		$settings    = new Settings();
		$site        = new Site();
		$queue       = new Queue();
		$log         = new Log( $settings );
		$client      = new Client( $settings );
		$scheduler   = new Scheduler();
		$backfill    = new Backfill( $queue, $scheduler );
		$payload     = new Payload();
		$sender      = new Sender( $settings, $site, $queue, $backfill, $payload, $client, $log, $scheduler );
		$health      = new Health( $settings, $site, $queue, $log );
		$alarm       = new Alarm( $settings, $health, $queue );
		$at_once     = new At_Once( $queue, $sender, $log, $scheduler, new Loopback(), $alarm );
		$changes     = new Changes( $settings, $queue, $scheduler, $at_once );
		$maintenance = new Maintenance( $settings, $queue, $log, $backfill, $scheduler, new Sweep( $settings, $queue, $payload ), $alarm );

		$parts = array(
			new Schema( $queue, $log, $settings ),
			$settings,
			new Go_Live( $settings, $site, $backfill, $scheduler, $queue, $payload ),
			$backfill,
			$sender,
			$changes,
			$at_once, // After the changes, which are queued at the same moment.
			$maintenance,
			new Order_Hooks( $changes, $queue, $payload ),
			new Product_Hooks( $changes ),
			new Rest( $settings, $client, $backfill, $log ),
			new Site_Health( $health, $queue ),
			new Privacy( $settings, $queue, $log, $scheduler ),
			new Cli( $settings, $queue, $client, $sender, $backfill, $health ),
		);
		if ( is_admin() ) {
			$page    = new Settings_Page( $settings, $backfill, $health, $client );
			$parts[] = $page;
			$parts[] = new Menu( $page, new Log_Page( $log ) );
			$parts[] = new Resend( $queue, $sender );
			$parts[] = new Orders_Screen( $queue, $log, $sender, $scheduler );
			$parts[] = new Notices( $settings, $site, $queue, $scheduler, $health );
		}
		foreach ( $parts as $part ) {
			$part->register();
		}
	}

	/**
	 * Says in the admin area why the plugin does nothing.
	 */
	public function say_what_is_missing(): void {
		if ( ! current_user_can( 'activate_plugins' ) ) {
			return;
		}
		printf(
			'<div class="notice notice-error"><p>%s</p></div>',
			esc_html__( 'WooCommerce POS Sync sends nothing: it needs WooCommerce 8.2 or newer. Please install and activate WooCommerce.', 'woocommerce-pos-sync' )
		);
	}

	/**
	 * Takes the plugin's jobs off the schedule; what waits in the queue stays and is sent after the next activation.
	 */
	public function deactivate(): void {
		Scheduler::clear();
	}
}
