<?php

namespace POS_Sync\Screens;

use POS_Sync\Health\Sync_Status;
use POS_Sync\Jobs\Scheduler;
use POS_Sync\Queue\Queue;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Pos_Response;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;

/**
 * Notices about what needs whoever runs the shop, with a button that does it.
 */
final class Admin_Notices implements Registers_Hooks {

	private const ACTION = 'pos_sync_do';

	private Settings $settings;
	private Site_Identity $site;
	private Queue $queue;
	private Scheduler $scheduler;
	private Sync_Status $status;

	public function __construct( Settings $settings, Site_Identity $site, Queue $queue, Scheduler $scheduler, Sync_Status $status ) {
		$this->settings  = $settings;
		$this->site      = $site;
		$this->queue     = $queue;
		$this->scheduler = $scheduler;
		$this->status    = $status;
	}

	public function register(): void {
		add_action( 'admin_notices', array( $this, 'show' ) );
		add_action( 'admin_post_' . self::ACTION, array( $this, 'handle' ) );
	}

	/**
	 * Shows what there is to be said, on the dashboard and in the screens of shop and plugin.
	 */
	public function show(): void {
		if ( ! current_user_can( 'manage_woocommerce' ) || ! $this->is_our_screen() ) {
			return;
		}
		if ( $this->is_new() ) {
			$this->show_welcome();
			return;
		}
		$copy = $this->status->copy_warning();
		if ( '' !== $copy ) {
			$this->notice(
				'warning',
				$copy,
				array(
					'moved' => __( 'The shop has moved here: go on sending', 'woocommerce-pos-sync' ),
					'copy'  => __( 'This is a copy: switch sending off', 'woocommerce-pos-sync' ),
				)
			);
		}
		$outage = $this->status->outage();
		if ( '' !== $outage ) {
			$this->notice( 'error', $outage, array() );
		}
		$failures = $this->status->failures();
		if ( '' !== $failures ) {
			$this->notice( 'error', $failures, array( 'resend' => __( 'Resend all failed', 'woocommerce-pos-sync' ) ) );
		}
	}

	/**
	 * Whether the plugin was activated and never set up.
	 */
	private function is_new(): bool {
		return '' === $this->settings->url() && '' === $this->settings->api_key();
	}

	/**
	 * Shows the way to the settings, where one is after activating a plugin.
	 */
	private function show_welcome(): void {
		if ( ! in_array( get_current_screen()->id ?? '', array( 'dashboard', 'plugins' ), true ) ) {
			return;
		}
		printf(
			'<div class="notice notice-info pos-sync-welcome"><p><strong>%s</strong> %s</p><p><a class="button button-primary" href="%s">%s</a></p></div>',
			esc_html__( 'WooCommerce POS Sync is active.', 'woocommerce-pos-sync' ),
			esc_html__( 'Nothing is sent yet: enter the address of your POS, which is under WooCommerce → POS Sync.', 'woocommerce-pos-sync' ),
			esc_url( Admin_Page::settings_url() ),
			esc_html__( 'Set up POS Sync', 'woocommerce-pos-sync' )
		);
	}

	/**
	 * Does what a button says.
	 */
	public function handle(): void {
		check_admin_referer( self::ACTION );
		if ( ! current_user_can( 'manage_woocommerce' ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'woocommerce-pos-sync' ), '', array( 'response' => 403 ) );
		}
		$what = isset( $_POST['what'] ) && is_string( $_POST['what'] ) ? sanitize_key( $_POST['what'] ) : '';
		switch ( $what ) {
			case 'resend':
				$this->queue->resend_failed( time() );
				break;
			case 'moved':
				$this->site->confirm();
				break;
			case 'copy':
				$this->settings->switch_off();
				$this->queue->discard_unsent();
				break;
		}
		if ( 'copy' !== $what ) {
			$this->scheduler->run_soon( Scheduler::SEND );
		}
		$back = wp_get_referer();
		wp_safe_redirect( $back ? $back : Admin_Page::settings_url() );
		exit;
	}

	/**
	 * One notice.
	 *
	 * @param string                $kind    error or warning.
	 * @param string                $text    What it says.
	 * @param array<string, string> $buttons Label by what the button does.
	 */
	private function notice( string $kind, string $text, array $buttons ): void {
		?>
		<div class="notice notice-<?php echo esc_attr( $kind ); ?> pos-sync-notice">
			<p><strong><?php esc_html_e( 'POS Sync', 'woocommerce-pos-sync' ); ?>:</strong> <?php echo esc_html( $text ); ?></p>
			<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
				<input type="hidden" name="action" value="<?php echo esc_attr( self::ACTION ); ?>">
				<?php wp_nonce_field( self::ACTION, '_wpnonce' ); ?>
				<p>
					<?php foreach ( $buttons as $what => $label ) : ?>
						<button type="submit" class="button" name="what" value="<?php echo esc_attr( $what ); ?>"><?php echo esc_html( $label ); ?></button>
					<?php endforeach; ?>
					<a href="<?php echo esc_url( Admin_Page::log_url( $buttons ? array( 'result' => Pos_Response::FAILED ) : array() ) ); ?>"><?php esc_html_e( 'Show deliveries', 'woocommerce-pos-sync' ); ?></a>
				</p>
			</form>
		</div>
		<?php
	}

	/**
	 * Whether notices belong on this screen.
	 */
	private function is_our_screen(): bool {
		$screen = get_current_screen();
		if ( ! $screen ) {
			return false;
		}
		return in_array( $screen->id, array( 'dashboard', 'plugins', 'edit-shop_order', 'shop_order', wc_get_page_screen_id( 'shop-order' ) ), true )
			|| false !== strpos( $screen->id, 'pos-sync' );
	}
}
