<?php
/**
 * The settings page.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Menu "POS Sync" with the settings, the connection test and the sending of history.
 */
final class Settings_Page {

	public const SLUG = 'pos-sync';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The history.
	 *
	 * @var Backfill
	 */
	private $backfill;

	/**
	 * How it goes.
	 *
	 * @var Health
	 */
	private $health;

	/**
	 * Takes what it shows.
	 *
	 * @param Settings $settings The settings.
	 * @param Backfill $backfill The history.
	 * @param Health   $health   How it goes.
	 */
	public function __construct( Settings $settings, Backfill $backfill, Health $health ) {
		$this->settings = $settings;
		$this->backfill = $backfill;
		$this->health   = $health;
	}

	/**
	 * Registers the hooks.
	 */
	public function register(): void {
		add_action( 'admin_menu', array( $this, 'add_menu' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'enqueue' ) );
		add_filter( 'plugin_action_links_' . plugin_basename( PLUGIN_FILE ), array( $this, 'add_link' ) );
	}

	/**
	 * Adds the menu.
	 */
	public function add_menu(): void {
		add_menu_page( __( 'POS Sync', 'woocommerce-pos-sync' ), __( 'POS Sync', 'woocommerce-pos-sync' ), 'manage_woocommerce', self::SLUG, array( $this, 'show' ), 'dashicons-store', 56 );
		add_submenu_page( self::SLUG, __( 'POS Sync settings', 'woocommerce-pos-sync' ), __( 'Settings', 'woocommerce-pos-sync' ), 'manage_woocommerce', self::SLUG, array( $this, 'show' ) );
	}

	/**
	 * Loads script and style, only where they are needed.
	 *
	 * @param string $hook The page.
	 */
	public function enqueue( $hook ): void {
		$ours = array( 'toplevel_page_' . self::SLUG, get_plugin_page_hookname( Log_Page::SLUG, self::SLUG ) );
		if ( in_array( $hook, $ours, true ) || in_array( get_current_screen()->id ?? '', array( 'shop_order', 'edit-shop_order', wc_get_page_screen_id( 'shop-order' ) ), true ) ) {
			wp_enqueue_style( 'pos-sync', plugins_url( 'assets/admin.css', PLUGIN_FILE ), array(), VERSION );
		}
		if ( $hook === $ours[0] ) {
			wp_enqueue_script( 'pos-sync', plugins_url( 'assets/admin.js', PLUGIN_FILE ), array( 'wp-api-fetch', 'wp-i18n' ), VERSION, true );
			wp_set_script_translations( 'pos-sync', 'woocommerce-pos-sync' );
		}
	}

	/**
	 * Adds a link in the list of plugins.
	 *
	 * @param string[] $links The links.
	 * @return string[]
	 */
	public function add_link( array $links ): array {
		$link = sprintf( '<a href="%s">%s</a>', esc_url( admin_url( 'admin.php?page=' . self::SLUG ) ), esc_html__( 'Settings', 'woocommerce-pos-sync' ) );
		return array_merge( array( $link ), $links );
	}

	/**
	 * Shows the page.
	 */
	public function show(): void {
		?>
		<div class="wrap pos-sync">
			<h1><?php esc_html_e( 'POS Sync', 'woocommerce-pos-sync' ); ?></h1>
			<?php settings_errors(); ?>
			<form action="options.php" method="post" autocomplete="off">
				<?php settings_fields( Settings::GROUP ); ?>
				<table class="form-table" role="presentation">
					<?php
					$this->show_enabled();
					$this->show_address();
					$this->show_details();
					?>
				</table>
				<p class="submit">
					<?php submit_button( '', 'primary', 'submit', false ); ?>
					<button type="button" class="button" id="pos-sync-test"><?php esc_html_e( 'Test connection', 'woocommerce-pos-sync' ); ?></button>
					<span id="pos-sync-test-result" role="status" aria-live="polite"></span>
				</p>
			</form>
			<?php
			if ( $this->settings->live_since() ) {
				$this->show_history();
			}
			?>
		</div>
		<?php
	}

	/**
	 * The switch, and before the first time the offer to send what is there.
	 */
	private function show_enabled(): void {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Enable Order Webhooks', 'woocommerce-pos-sync' ); ?></th>
			<td>
				<label><input type="checkbox" name="<?php echo esc_attr( Settings::OPTION ); ?>[enabled]" id="pos-sync-enabled" value="1" <?php checked( $this->settings->enabled() ); ?>>
				<?php esc_html_e( 'Send orders to the POS', 'woocommerce-pos-sync' ); ?></label>
				<?php if ( $this->settings->live_since() ) : ?>
					<p class="description">
						<?php
						/* translators: %s: how long ago, or "none yet". */
						echo esc_html( sprintf( __( 'Last delivery: %s.', 'woocommerce-pos-sync' ), $this->health->last_delivery() ) );
						?>
						<a href="<?php echo esc_url( admin_url( 'admin.php?page=' . Log_Page::SLUG ) ); ?>"><?php esc_html_e( 'Show deliveries', 'woocommerce-pos-sync' ); ?></a>
					</p>
				<?php else : ?>
					<p><label><input type="checkbox" name="<?php echo esc_attr( Settings::OPTION ); ?>[send_first]" id="pos-sync-send-first" value="1" <?php checked( $this->settings->send_first() ); ?>>
					<?php esc_html_e( 'When switched on, first send the catalogue with its stock, then the open and recent orders', 'woocommerce-pos-sync' ); ?></label></p>
					<p class="description"><?php esc_html_e( 'Recommended: the POS then starts with the stock of this shop and takes nothing twice. Without it, only new orders are sent, and the POS must know your SKUs already.', 'woocommerce-pos-sync' ); ?></p>
				<?php endif; ?>
			</td>
		</tr>
		<?php
	}

	/**
	 * URL and key.
	 */
	private function show_address(): void {
		$has_key = '' !== $this->settings->api_key();
		?>
		<tr>
			<th scope="row"><label for="pos-sync-url"><?php esc_html_e( 'Webhook URL', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="url" class="code" name="<?php echo esc_attr( Settings::OPTION ); ?>[url]" id="pos-sync-url" value="<?php echo esc_attr( $this->settings->url() ); ?>" placeholder="https://pos.example.com/api/webhooks/orders">
				<p class="description"><?php esc_html_e( 'The POS shows it when you add this shop there. It begins with https:// unless the POS is on this machine or in your own network.', 'woocommerce-pos-sync' ); ?></p>
			</td>
		</tr>
		<tr>
			<th scope="row"><label for="pos-sync-api-key"><?php esc_html_e( 'API Key', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="password" class="regular-text code" name="<?php echo esc_attr( Settings::OPTION ); ?>[api_key]" id="pos-sync-api-key" value="" autocomplete="new-password" placeholder="<?php echo $has_key ? esc_attr( $this->masked_key() ) : ''; ?>">
				<?php if ( $has_key ) : ?>
					<p class="description"><?php esc_html_e( 'A key is saved. Leave the field empty to keep it.', 'woocommerce-pos-sync' ); ?></p>
				<?php endif; ?>
			</td>
		</tr>
		<?php
	}

	/**
	 * Retries, statuses, log level.
	 */
	private function show_details(): void {
		$levels = array(
			Settings::LOG_ERRORS     => __( 'Errors only', 'woocommerce-pos-sync' ),
			Settings::LOG_DELIVERIES => __( 'Every delivery', 'woocommerce-pos-sync' ),
			Settings::LOG_DEBUG      => __( 'Every delivery in detail', 'woocommerce-pos-sync' ),
		);
		$chosen = $this->settings->statuses();
		?>
		<tr>
			<th scope="row"><label for="pos-sync-retries"><?php esc_html_e( 'Max Retries', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="number" class="small-text" min="0" max="10" name="<?php echo esc_attr( Settings::OPTION ); ?>[max_retries]" id="pos-sync-retries" value="<?php echo esc_attr( (string) $this->settings->max_retries() ); ?>">
				<p class="description"><?php esc_html_e( 'How often a delivery is tried again within minutes. After that it is tried once an hour for three days.', 'woocommerce-pos-sync' ); ?></p>
			</td>
		</tr>
		<tr>
			<th scope="row"><?php esc_html_e( 'Statuses to send', 'woocommerce-pos-sync' ); ?></th>
			<td><fieldset>
				<legend class="screen-reader-text"><?php esc_html_e( 'Statuses to send', 'woocommerce-pos-sync' ); ?></legend>
				<?php foreach ( Settings::known_statuses() as $status ) : ?>
					<label><input type="checkbox" name="<?php echo esc_attr( Settings::OPTION ); ?>[statuses][]" value="<?php echo esc_attr( $status ); ?>" <?php checked( ! $chosen || in_array( $status, $chosen, true ) ); ?>>
					<?php echo esc_html( wc_get_order_status_name( $status ) ); ?></label><br>
				<?php endforeach; ?>
				<p class="description"><?php esc_html_e( 'An order is sent once it has reached one of these. From then on every change of it is sent, so that the stock in the POS stays right.', 'woocommerce-pos-sync' ); ?></p>
			</fieldset></td>
		</tr>
		<tr>
			<th scope="row"><label for="pos-sync-log-level"><?php esc_html_e( 'Log level', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<select name="<?php echo esc_attr( Settings::OPTION ); ?>[log_level]" id="pos-sync-log-level">
					<?php foreach ( $levels as $level => $label ) : ?>
						<option value="<?php echo esc_attr( $level ); ?>" <?php selected( $level, $this->settings->log_level() ); ?>><?php echo esc_html( $label ); ?></option>
					<?php endforeach; ?>
				</select>
				<p class="description"><?php esc_html_e( 'What is also written to WooCommerce → Status → Logs.', 'woocommerce-pos-sync' ); ?></p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Sending history, with its progress. The script fills it in.
	 */
	private function show_history(): void {
		?>
		<hr>
		<h2><?php esc_html_e( 'Send what is there already', 'woocommerce-pos-sync' ); ?></h2>
		<p><?php esc_html_e( 'Goes on in the background, also when you leave this page. What the POS has already is not counted twice.', 'woocommerce-pos-sync' ); ?></p>
		<p>
			<label for="pos-sync-since"><?php esc_html_e( 'All orders since', 'woocommerce-pos-sync' ); ?></label>
			<input type="date" id="pos-sync-since">
			<button type="button" class="button" data-pos-sync="since"><?php esc_html_e( 'Send orders', 'woocommerce-pos-sync' ); ?></button>
			<button type="button" class="button" data-pos-sync="catalogue"><?php esc_html_e( 'Send catalogue and open orders', 'woocommerce-pos-sync' ); ?></button>
		</p>
		<div id="pos-sync-progress" data-progress="<?php echo esc_attr( (string) wp_json_encode( $this->backfill->progress() ) ); ?>" hidden>
			<progress max="100" value="0"></progress>
			<span class="pos-sync-progress-text" role="status" aria-live="polite"></span>
			<button type="button" class="button" data-pos-sync="pause"><?php esc_html_e( 'Pause', 'woocommerce-pos-sync' ); ?></button>
			<button type="button" class="button" data-pos-sync="resume"><?php esc_html_e( 'Resume', 'woocommerce-pos-sync' ); ?></button>
		</div>
		<div id="pos-sync-history-error" class="pos-sync-error" role="alert"></div>
		<?php
	}

	/**
	 * The saved key, its end at most.
	 */
	private function masked_key(): string {
		$key = $this->settings->api_key();
		return str_repeat( '•', 12 ) . ( strlen( $key ) >= 16 ? substr( $key, -4 ) : '' );
	}
}
