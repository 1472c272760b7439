<?php

namespace POS_Sync\Screens;

use POS_Sync\Messages\Failure_Messages;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Sending\Sender;

/**
 * The button "Resend" for one order or product: sends it at once and says what came of it.
 */
final class Resend_Button implements Registers_Hooks {

	private const ACTION = 'pos_sync_resend';
	private const DONE   = 'pos_sync_resent';
	private const FORM   = 'pos-sync-resend';

	private Queue_Reader $reader;
	private Sender $sender;

	public function __construct( Queue_Reader $reader, Sender $sender ) {
		$this->reader = $reader;
		$this->sender = $sender;
	}

	public function register(): void {
		add_action( 'admin_post_' . self::ACTION, array( $this, 'handle' ) );
		add_action( 'admin_notices', array( $this, 'show_result_notice' ) );
		add_action( 'admin_footer', array( $this, 'show_form' ) );
		add_filter( 'removable_query_args', array( $this, 'removable_query_args' ) );
	}

	/**
	 * The button, as HTML. Its form is at the end of the page, because forms can't be in one another.
	 *
	 * @param string $type  Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param string $name  What it is called.
	 * @param string $label Instead of "Resend".
	 */
	public static function button( string $type, int $id, string $name, string $label = '' ): string {
		$label = '' === $label ? __( 'Resend', 'woocommerce-pos-sync' ) : $label;
		return sprintf(
			'<button type="submit" class="button button-small" form="%s" name="what" value="%s" aria-label="%s">%s</button>',
			esc_attr( self::FORM ),
			esc_attr( "$type:$id" ),
			esc_attr( $label . ': ' . $name ),
			esc_html( $label )
		);
	}

	/**
	 * The form of the buttons, on the pages that have some.
	 */
	public function show_form(): void {
		if ( ! in_array( get_current_screen()->id ?? '', array( Admin_Page::SCREEN, 'shop_order', wc_get_page_screen_id( 'shop-order' ) ), true ) ) {
			return;
		}
		printf( '<form id="%s" action="%s" method="post" hidden><input type="hidden" name="action" value="%s">', esc_attr( self::FORM ), esc_url( admin_url( 'admin-post.php' ) ), esc_attr( self::ACTION ) );
		wp_nonce_field( self::ACTION, 'pos_sync_nonce' );
		echo '</form>';
	}

	/**
	 * Sends it, and goes back to where the button was.
	 */
	public function handle(): void {
		check_admin_referer( self::ACTION, 'pos_sync_nonce' );
		if ( ! current_user_can( 'manage_woocommerce' ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'woocommerce-pos-sync' ), '', array( 'response' => 403 ) );
		}
		$what = isset( $_POST['what'] ) && is_string( $_POST['what'] ) ? sanitize_text_field( wp_unslash( $_POST['what'] ) ) : '';
		if ( preg_match( '/^(order|product):(\d+)$/', $what, $match ) ) {
			if ( $this->sender->may_send() ) {
				foreach ( $this->sender->resend( $match[1], array( (int) $match[2] ) ) as $id ) {
					$this->sender->send( $match[1], $id );
				}
			}
		}
		$back = wp_get_referer();
		wp_safe_redirect( add_query_arg( self::DONE, rawurlencode( $what ), $back ? $back : Admin_Page::log_url() ) );
		exit;
	}

	/**
	 * Says what came of it.
	 */
	public function show_result_notice(): void {
		// phpcs:ignore WordPress.Security.NonceVerification.Recommended -- only says how far something is.
		$what = isset( $_GET[ self::DONE ] ) && is_string( $_GET[ self::DONE ] ) ? sanitize_text_field( wp_unslash( $_GET[ self::DONE ] ) ) : '';
		if ( ! preg_match( '/^(order|product):(\d+)$/', $what, $match ) || ! current_user_can( 'manage_woocommerce' ) ) {
			return;
		}
		$name                = ( new Object_Labels() )->name( $match[1], (int) $match[2] );
		list( $kind, $text ) = $this->result_notice( $this->reader->find( $match[1], (int) $match[2] ), $name );
		printf( '<div class="notice notice-%s is-dismissible"><p>%s</p></div>', esc_attr( $kind ), esc_html( $text ) );
	}

	/**
	 * Takes what came of it out of the address, so that it is not said again.
	 *
	 * @param string[] $names Names of such parameters.
	 * @return string[]
	 */
	public function removable_query_args( array $names ): array {
		return array_merge( $names, array( self::DONE ) );
	}

	/**
	 * The kind of notice and its text.
	 *
	 * @param Queue_Item|null $item The row, as it is now.
	 * @param string          $name What it is called.
	 * @return array{string, string}
	 */
	private function result_notice( ?Queue_Item $item, string $name ): array {
		if ( ! $this->sender->may_send() ) {
			return array( 'warning', __( 'Nothing was sent: sending is switched off in the settings of POS Sync, or this is a copy of the shop.', 'woocommerce-pos-sync' ) );
		}
		if ( ! $item || Queue_Item::NOTED === $item->state ) {
			/* translators: %s: name of an order or product. */
			return array( 'info', sprintf( __( '%s needs no sending: its status is not one of those that are sent, the product has no SKU, or another plugin holds it back.', 'woocommerce-pos-sync' ), $name ) );
		}
		if ( Queue_Item::SENT === $item->state ) {
			/* translators: %s: name of an order or product. */
			return array( 'success', sprintf( __( '%s was sent to the POS.', 'woocommerce-pos-sync' ), $name ) );
		}
		if ( '' === $item->error ) {
			/* translators: %s: name of an order or product. */
			return array( 'info', sprintf( __( '%s will be sent to the POS.', 'woocommerce-pos-sync' ), $name ) );
		}
		/* translators: 1: name of an order or product, 2: what went wrong. */
		$text = Queue_Item::FAILED === $item->state ? __( '%1$s could not be delivered: %2$s.', 'woocommerce-pos-sync' ) : __( '%1$s waits and is tried again: %2$s.', 'woocommerce-pos-sync' );
		return array( Queue_Item::FAILED === $item->state ? 'error' : 'warning', sprintf( $text, $name, rtrim( Failure_Messages::describe( $item->status, $item->error ), '.' ) ) );
	}
}
