<?php

namespace POS_Sync\Screens;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Health\Sync_Status;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Pos_Client;
use POS_Sync\Sending\Pos_Response;
use POS_Sync\Settings\Config_Constants;
use POS_Sync\Settings\Refused_Url;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Settings_Sanitizer;
use POS_Sync\Settings\Webhook_Url;

/**
 * The settings, the connection test and the sending of history.
 */
final class Settings_Tab implements Registers_Hooks {

	private Settings $settings;
	private Backfill $backfill;
	private Sync_Status $status;
	private Pos_Client $client;

	public function __construct( Settings $settings, Backfill $backfill, Sync_Status $status, Pos_Client $client ) {
		$this->settings = $settings;
		$this->backfill = $backfill;
		$this->status   = $status;
		$this->client   = $client;
	}

	public function register(): void {
		add_filter( 'pre_update_option_' . Settings::OPTION, array( $this, 'test_on_saving' ) );
	}

	/**
	 * Tests the connection when the form is saved, whether anything changed in it or not, and says what came of it.
	 *
	 * @param mixed $settings The settings, checked, as they will be stored.
	 * @return mixed The same.
	 */
	public function test_on_saving( $settings ) {
		// phpcs:ignore WordPress.Security.NonceVerification.Missing -- options.php has checked it, and nothing is taken from it.
		$saved = isset( $_POST['option_page'] ) && Settings_Sanitizer::GROUP === $_POST['option_page'];
		$url   = is_array( $settings ) ? ( $settings['url'] ?? '' ) : '';
		$key   = is_array( $settings ) ? ( $settings['api_key'] ?? '' ) : '';
		if ( Config_Constants::are_set() ) {
			$url = $this->settings->url();
			$key = $this->settings->api_key();
		}
		if ( ! $saved || ! is_string( $url ) || ! is_string( $key ) || '' === $url || '' === $key || get_settings_errors( Settings::OPTION ) ) {
			return $settings;
		}
		$diagnosis = $this->client->test( $url, $key );
		/* translators: %s: what the connection test found. */
		$text = $diagnosis->ok ? __( 'Settings saved. %s', 'woocommerce-pos-sync' ) : __( 'Settings saved, but the connection to the POS does not work: %s', 'woocommerce-pos-sync' );
		add_settings_error( Settings::OPTION, 'pos_sync_connection', sprintf( $text, $diagnosis->message ), $diagnosis->ok ? 'success' : 'error' );
		return $settings;
	}

	/**
	 * Shows the tab.
	 */
	public function show(): void {
		settings_errors();
		?>
		<form action="options.php" method="post" autocomplete="off">
			<?php settings_fields( Settings_Sanitizer::GROUP ); ?>
			<table class="form-table" role="presentation">
				<?php
				if ( Config_Constants::are_set() ) {
					$this->show_constants();
				} else {
					$this->show_address();
				}
				$this->show_enabled();
				$this->show_details();
				?>
			</table>
			<?php submit_button(); ?>
		</form>
		<?php
		if ( $this->settings->live_since() ) {
			$this->show_history();
		}
	}

	/**
	 * The switch, and before the first time the offer to send what is there.
	 */
	private function show_enabled(): void {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Enable Order Webhooks', 'woocommerce-pos-sync' ); ?></th>
			<td>
				<label><input type="checkbox" name="<?php echo esc_attr( Settings::OPTION ); ?>[enabled]" id="pos-sync-enabled" value="1" <?php checked( $this->settings->is_enabled() ); ?>>
				<?php esc_html_e( 'Send orders to the POS', 'woocommerce-pos-sync' ); ?></label>
				<?php if ( $this->settings->live_since() ) : ?>
					<p class="description">
						<?php
						/* translators: %s: how long ago, or "none yet". */
						echo esc_html( sprintf( __( 'Last delivery: %s.', 'woocommerce-pos-sync' ), $this->status->last_delivery() ) );
						?>
						<a href="<?php echo esc_url( Admin_Page::log_url() ); ?>"><?php esc_html_e( 'Show deliveries', 'woocommerce-pos-sync' ); ?></a>
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
	 * The POS's line, or URL and key.
	 */
	private function show_address(): void {
		$refused = Refused_Url::take();
		$problem = Webhook_Url::problem( $refused );
		$problem = '' !== $problem ? $problem : Webhook_Url::host_problem( $refused );
		$shown   = '' !== $refused ? $refused : $this->settings->url();
		?>
		<tr>
			<th scope="row"><label for="pos-sync-line"><?php esc_html_e( 'Line from the POS', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="password" class="regular-text code" name="<?php echo esc_attr( Settings::OPTION ); ?>[line]" id="pos-sync-line" value="" autocomplete="off" placeholder="pos-sync:…" aria-describedby="pos-sync-line-help">
				<p id="pos-sync-line-result" class="pos-sync-ok" role="status" aria-live="polite"></p>
				<p class="description" id="pos-sync-line-help"><?php esc_html_e( 'The POS prints it when you add this shop there. Paste it here: it fills in the two fields below.', 'woocommerce-pos-sync' ); ?></p>
			</td>
		</tr>
		<tr>
			<th scope="row"><label for="pos-sync-url"><?php esc_html_e( 'Webhook URL', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="text" inputmode="url" class="code" name="<?php echo esc_attr( Settings::OPTION ); ?>[url]" id="pos-sync-url" value="<?php echo esc_attr( $shown ); ?>" placeholder="https://pos.example.com/api/webhooks/orders" spellcheck="false" aria-describedby="<?php echo '' !== $problem ? 'pos-sync-url-problem ' : ''; ?>pos-sync-url-help"<?php echo '' !== $problem ? ' aria-invalid="true"' : ''; ?>>
				<?php if ( '' !== $problem ) : ?>
					<p class="pos-sync-error" id="pos-sync-url-problem"><?php echo esc_html( $problem ); ?>
					<?php
					if ( '' !== $this->settings->url() ) {
						/* translators: %s: URL. */
						echo esc_html( sprintf( __( 'Until it is corrected, %s is used.', 'woocommerce-pos-sync' ), $this->settings->url() ) );
					}
					?>
					</p>
				<?php endif; ?>
				<p class="description" id="pos-sync-url-help"><?php esc_html_e( 'It begins with https:// unless the POS is on this machine or in your own network.', 'woocommerce-pos-sync' ); ?></p>
			</td>
		</tr>
		<?php
		$this->show_key( '' === $problem ? $shown : '' );
	}

	/**
	 * The API key: whether one is saved, and why it is not used for the address in the form where it is not.
	 *
	 * @param string $url That address; empty where it can't be used anyway.
	 */
	private function show_key( string $url ): void {
		$has_key   = '' !== $this->settings->keys()->saved();
		$problem   = $this->settings->keys()->problem( $url );
		$described = '' !== $problem ? 'pos-sync-api-key-problem' : ( $has_key ? 'pos-sync-api-key-help' : '' );
		?>
		<tr>
			<th scope="row"><label for="pos-sync-api-key"><?php esc_html_e( 'API Key', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<input type="password" class="regular-text code" name="<?php echo esc_attr( Settings::OPTION ); ?>[api_key]" id="pos-sync-api-key" value="" autocomplete="new-password" placeholder="<?php echo $has_key && '' === $problem ? '••••••••••••' : ''; ?>" aria-describedby="<?php echo esc_attr( $described ); ?>"<?php echo '' !== $problem ? ' aria-invalid="true"' : ''; ?>>
				<?php if ( '' !== $problem ) : ?>
					<p class="pos-sync-error" id="pos-sync-api-key-problem"><?php echo esc_html( $problem ); ?>
					<?php
					if ( '' !== $this->settings->api_key() ) {
						/* translators: %s: URL. */
						echo esc_html( sprintf( __( 'Until then, %s is used.', 'woocommerce-pos-sync' ), $this->settings->url() ) );
					}
					?>
					</p>
				<?php elseif ( $has_key ) : ?>
					<p class="description" id="pos-sync-api-key-help"><?php esc_html_e( 'A key is saved. Leave the field empty to keep it.', 'woocommerce-pos-sync' ); ?></p>
				<?php endif; ?>
				<?php if ( '' !== Config_Constants::problem() ) : ?>
					<p class="pos-sync-error"><?php echo esc_html( Config_Constants::problem() ); ?></p>
				<?php endif; ?>
				<?php $this->show_test(); ?>
			</td>
		</tr>
		<?php
	}

	/**
	 * Address and key where they are set in wp-config.php: the address to be read, the key not even that.
	 */
	private function show_constants(): void {
		$problem = Webhook_Url::problem( $this->settings->url() );
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Webhook URL', 'woocommerce-pos-sync' ); ?></th>
			<td>
				<code class="pos-sync-url"><?php echo esc_html( $this->settings->url() ); ?></code>
				<?php if ( '' !== $problem ) : ?>
					<p class="pos-sync-error"><?php echo esc_html( $problem ); ?></p>
				<?php endif; ?>
				<p class="description">
					<?php
					/* translators: %s: POS_SYNC_URL. */
					echo esc_html( sprintf( __( 'Set in wp-config.php (%s), and only changed there.', 'woocommerce-pos-sync' ), 'POS_SYNC_URL' ) );
					?>
				</p>
				<input type="hidden" id="pos-sync-url" value="<?php echo esc_attr( $this->settings->url() ); ?>">
			</td>
		</tr>
		<tr>
			<th scope="row"><?php esc_html_e( 'API Key', 'woocommerce-pos-sync' ); ?></th>
			<td>
				<p>
					<?php
					/* translators: %s: POS_SYNC_API_KEY. */
					echo esc_html( sprintf( __( 'Set in wp-config.php (%s). It is neither stored in the database nor shown here.', 'woocommerce-pos-sync' ), 'POS_SYNC_API_KEY' ) );
					?>
				</p>
				<?php $this->show_test(); ?>
			</td>
		</tr>
		<?php
	}

	/**
	 * The button that tests the connection.
	 */
	private function show_test(): void {
		?>
		<p>
			<button type="button" class="button" id="pos-sync-test"><?php esc_html_e( 'Test connection', 'woocommerce-pos-sync' ); ?></button>
			<span id="pos-sync-test-result" role="status" aria-live="polite"></span>
		</p>
		<?php
	}

	/**
	 * E-mails when something is wrong.
	 */
	private function show_alerts(): void {
		?>
		<tr>
			<th scope="row"><label for="pos-sync-alert-email"><?php esc_html_e( 'E-mail', 'woocommerce-pos-sync' ); ?></label></th>
			<td>
				<label><input type="checkbox" name="<?php echo esc_attr( Settings::OPTION ); ?>[alerts]" id="pos-sync-alerts" value="1" <?php checked( $this->settings->alerts() ); ?>>
				<?php esc_html_e( 'Write when orders could not be delivered, nothing got through for an hour, or stock from the POS could not be applied', 'woocommerce-pos-sync' ); ?></label>
				<p><input type="email" class="regular-text" name="<?php echo esc_attr( Settings::OPTION ); ?>[alert_email]" id="pos-sync-alert-email" value="<?php echo esc_attr( $this->settings->entered_email() ); ?>" placeholder="<?php echo esc_attr( $this->settings->alert_email() ); ?>" aria-describedby="pos-sync-alert-help"></p>
				<p class="description" id="pos-sync-alert-help"><?php esc_html_e( 'Once a day at most for each cause. Leave the address empty for that of the site’s administrator.', 'woocommerce-pos-sync' ); ?></p>
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
		$this->show_alerts();
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
		<p class="pos-sync-history">
			<label for="pos-sync-since"><?php esc_html_e( 'All orders since', 'woocommerce-pos-sync' ); ?></label>
			<input type="date" id="pos-sync-since">
			<button type="button" class="button" data-pos-sync="since"><?php esc_html_e( 'Send orders', 'woocommerce-pos-sync' ); ?></button>
			<button type="button" class="button" data-pos-sync="catalogue"><?php esc_html_e( 'Send catalogue and open orders', 'woocommerce-pos-sync' ); ?></button>
		</p>
		<div id="pos-sync-progress" data-progress="<?php echo esc_attr( (string) wp_json_encode( $this->backfill->progress() ) ); ?>" hidden>
			<progress max="100" value="0" aria-label="<?php esc_attr_e( 'Progress', 'woocommerce-pos-sync' ); ?>"></progress>
			<span class="pos-sync-progress-text" role="status" aria-live="polite"></span>
			<a class="pos-sync-failed-link" href="<?php echo esc_url( Admin_Page::log_url( array( 'result' => Pos_Response::FAILED ) ) ); ?>" hidden><?php esc_html_e( 'Show what failed', 'woocommerce-pos-sync' ); ?></a>
			<button type="button" class="button" data-pos-sync="pause"><?php esc_html_e( 'Pause', 'woocommerce-pos-sync' ); ?></button>
			<button type="button" class="button" data-pos-sync="resume"><?php esc_html_e( 'Resume', 'woocommerce-pos-sync' ); ?></button>
		</div>
		<div id="pos-sync-history-error" class="pos-sync-error" role="alert"></div>
		<?php
	}
}
