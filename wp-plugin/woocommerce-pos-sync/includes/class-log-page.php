<?php
/**
 * The page with the log.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Menu "POS Sync → Deliveries".
 */
final class Log_Page {

	public const SLUG = 'pos-sync-log';

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
		$this->log = $log;
	}

	/**
	 * Registers the menu.
	 */
	public function register(): void {
		add_action( 'admin_menu', array( $this, 'add_menu' ), 11 );
	}

	/**
	 * Adds the menu.
	 */
	public function add_menu(): void {
		add_submenu_page( Settings_Page::SLUG, __( 'POS deliveries', 'woocommerce-pos-sync' ), __( 'Deliveries', 'woocommerce-pos-sync' ), 'manage_woocommerce', self::SLUG, array( $this, 'show' ) );
	}

	/**
	 * Shows the page.
	 */
	public function show(): void {
		$table = new Log_Table( $this->log );
		$table->prepare_items();
		?>
		<div class="wrap pos-sync-log">
			<h1><?php esc_html_e( 'POS deliveries', 'woocommerce-pos-sync' ); ?></h1>
			<?php $table->views(); ?>
			<form method="get">
				<input type="hidden" name="page" value="<?php echo esc_attr( self::SLUG ); ?>">
				<?php
				$table->search_box( __( 'Search', 'woocommerce-pos-sync' ), 'pos-sync' );
				$table->display();
				?>
			</form>
			<p class="description"><?php esc_html_e( 'Kept for 30 days. Search for the number of an order, a delivery id, or part of an error.', 'woocommerce-pos-sync' ); ?></p>
		</div>
		<?php
	}
}
