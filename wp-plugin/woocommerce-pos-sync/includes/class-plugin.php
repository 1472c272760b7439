<?php

namespace POS_Sync;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Capture\Change_Collector;
use POS_Sync\Capture\Order_Hooks;
use POS_Sync\Capture\Product_Hooks;
use POS_Sync\Capture\Reconciler;
use POS_Sync\Cli\Cli_Command;
use POS_Sync\Database\Schema;
use POS_Sync\Health\Email_Alerts;
use POS_Sync\Health\Site_Health_Checks;
use POS_Sync\Health\Stock_Status;
use POS_Sync\Health\Sync_Status;
use POS_Sync\Jobs\Maintenance;
use POS_Sync\Jobs\Scheduler;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Payload\Envelope_Builder;
use POS_Sync\Payload\Order_Payload;
use POS_Sync\Payload\Product_Payload;
use POS_Sync\Payload\Shop_Query;
use POS_Sync\Privacy\Personal_Data;
use POS_Sync\Privacy\Privacy_Policy;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Claims;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Queue\Queue_Schedule;
use POS_Sync\Rest\Rest_Controller;
use POS_Sync\Screens\Admin_Notices;
use POS_Sync\Screens\Admin_Page;
use POS_Sync\Screens\Deliveries_Tab;
use POS_Sync\Screens\Orders_Screen;
use POS_Sync\Screens\Resend_Button;
use POS_Sync\Screens\Settings_Tab;
use POS_Sync\Screens\Stock_Tab;
use POS_Sync\Sending\Immediate_Sender;
use POS_Sync\Sending\Loopback_Request;
use POS_Sync\Sending\Pos_Client;
use POS_Sync\Sending\Queue_Runner;
use POS_Sync\Sending\Sender;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Settings_Sanitizer;
use POS_Sync\Settings\Settings_Save_Handler;
use POS_Sync\Settings\Site_Identity;
use POS_Sync\Stock\Stock_Contact;
use POS_Sync\Stock\Stock_History;
use POS_Sync\Stock\Stock_Log;
use POS_Sync\Stock\Stock_Movements;
use POS_Sync\Stock\Stock_Routes;
use POS_Sync\Stock\Stock_Tables;

/**
 * Makes the parts of the plugin, once, and lets each register its own hooks.
 */
final class Plugin {

	private Settings $settings;
	private Site_Identity $site;
	private Queue $queue;
	private Queue_Reader $reader;
	private Queue_Schedule $schedule;
	private Queue_Claims $claims;
	private Scheduler $scheduler;
	private Shop_Query $shop;
	private Order_Payload $orders;
	private Product_Payload $products;
	private Delivery_Log $log;
	private Pos_Client $client;
	private Backfill $backfill;
	private Sender $sender;
	private Queue_Runner $runner;
	private Sync_Status $status;
	private Stock_Log $stock;
	private Stock_Contact $contact;
	private Stock_Status $stock_status;
	private Email_Alerts $alerts;

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
	 * Declares that order tables (HPOS) and block checkout are supported.
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
			add_action( 'admin_notices', array( $this, 'show_requirement_notice' ) );
			return;
		}

		$this->make_services();
		foreach ( array_merge( $this->parts(), is_admin() ? $this->screens() : array() ) as $part ) {
			$part->register();
		}
	}

	/**
	 * Makes what the parts share.
	 */
	private function make_services(): void {
		$this->settings  = new Settings();
		$this->site      = new Site_Identity();
		$this->queue     = new Queue();
		$this->reader    = new Queue_Reader();
		$this->schedule  = new Queue_Schedule();
		$this->claims    = new Queue_Claims();
		$this->scheduler = new Scheduler();
		$this->shop      = new Shop_Query();
		$this->orders    = new Order_Payload();
		$this->products  = new Product_Payload();
		$this->log       = new Delivery_Log( $this->settings );
		$this->client    = new Pos_Client( $this->settings );
		$this->backfill  = new Backfill( $this->queue, $this->reader, $this->scheduler );

		$envelopes    = new Envelope_Builder( $this->settings, $this->site, $this->shop, $this->orders, $this->products );
		$this->sender = new Sender( $this->settings, $this->site, $this->queue, $this->reader, $this->claims, $this->shop, $envelopes, $this->client, $this->log );

		$this->runner = new Queue_Runner( $this->settings, $this->schedule, $this->reader, $this->backfill, $this->orders, $this->sender, $this->scheduler );
		$this->status = new Sync_Status( $this->settings, $this->site, $this->schedule, $this->reader, $this->log );

		$this->stock        = new Stock_Log();
		$this->contact      = new Stock_Contact();
		$this->stock_status = new Stock_Status( $this->stock, new Stock_History(), $this->contact, new Stock_Tables( new Stock_Movements( $this->stock ) ) );
		$this->alerts       = new Email_Alerts( $this->settings, $this->status, $this->reader, $this->stock_status );
	}

	/**
	 * What works in every request.
	 *
	 * @return Registers_Hooks[]
	 */
	private function parts(): array {
		$immediate  = new Immediate_Sender( $this->runner, $this->sender, $this->claims, $this->log, $this->scheduler, new Loopback_Request(), $this->alerts );
		$changes    = new Change_Collector( $this->settings, $this->queue, $this->scheduler, $immediate );
		$reconciler = new Reconciler( $this->settings, $this->queue, $this->reader, $this->shop, $this->products );
		return array(
			new Schema( $this->settings->keys() ),
			new Settings_Sanitizer( $this->settings ),
			$this->settings->keys(),
			new Settings_Save_Handler( $this->settings, $this->site, $this->backfill, $this->scheduler, $this->queue, $this->shop ),
			$this->backfill,
			$this->runner,
			$changes,
			$immediate, // After the changes, which are queued at the same moment.
			new Maintenance( $this->settings, $this->schedule, $this->log, $this->backfill, $this->scheduler, $reconciler, $this->alerts, $this->stock ),
			new Order_Hooks( $changes, $this->reader, $this->orders, $this->shop ),
			new Product_Hooks( $changes ),
			new Rest_Controller( $this->settings, $this->client, $this->backfill, $this->log ),
			new Stock_Routes( $this->settings, $this->site, $this->stock, $this->contact, $this->log ),
			new Site_Health_Checks( $this->status, $this->reader, $this->stock_status ),
			new Personal_Data( $this->settings, $this->queue, $this->reader, $this->log, $this->scheduler ),
			new Privacy_Policy(),
			new Cli_Command( $this->settings, $this->reader, $this->client, $this->sender, $this->runner, $this->backfill, $this->status, $this->stock_status ),
		);
	}

	/**
	 * What works in the admin area.
	 *
	 * @return Registers_Hooks[]
	 */
	private function screens(): array {
		$settings_tab = new Settings_Tab( $this->settings, $this->backfill, $this->status, $this->client );
		return array(
			$settings_tab,
			new Admin_Page( $settings_tab, new Deliveries_Tab( $this->log ), new Stock_Tab( new Stock_History(), $this->stock_status ) ),
			new Resend_Button( $this->reader, $this->sender ),
			new Orders_Screen( $this->reader, $this->log, $this->sender, $this->scheduler ),
			new Admin_Notices( $this->settings, $this->site, $this->queue, $this->scheduler, $this->status ),
		);
	}

	/**
	 * Says in the admin area why the plugin does nothing.
	 */
	public function show_requirement_notice(): void {
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
		Scheduler::unschedule_all();
	}
}
