<?php

namespace POS_Sync\Privacy;

use POS_Sync\Registers_Hooks;

/**
 * The plugin's text for the guide to the site's privacy policy.
 */
final class Privacy_Policy implements Registers_Hooks {

	public function register(): void {
		add_action( 'admin_init', array( $this, 'add_text' ) );
	}

	/**
	 * Adds a suggestion to the guide for the site's privacy policy.
	 */
	public function add_text(): void {
		$texts = array(
			__( 'When you place an order, we send it to our point of sale (POS): your name, billing and delivery address, e-mail address and phone number, your notes on the order, how you pay, and what you ordered, with every later change of it. The POS keeps our orders and stock together. Your IP address and your browser’s name are not sent there.', 'woocommerce-pos-sync' ),
			__( 'A list of these deliveries is kept on this site for 30 days. It names the order, but holds none of this data.', 'woocommerce-pos-sync' ),
			__( 'When we erase your personal data on this site, the POS erases them too.', 'woocommerce-pos-sync' ),
		);
		$guide = __( 'Say here who runs the POS and where, if that is not you, and how long it keeps orders.', 'woocommerce-pos-sync' );
		$html  = '<p class="privacy-policy-tutorial">' . esc_html( $guide ) . '</p>';
		foreach ( $texts as $text ) {
			$html .= '<p>' . esc_html( $text ) . '</p>';
		}
		wp_add_privacy_policy_content( 'WooCommerce POS Sync', $html );
	}
}
