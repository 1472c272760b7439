<?php

namespace POS_Sync\Screens;

use POS_Sync\Log\Request_Redactor;
use POS_Sync\Queue\Queue_Item;

/**
 * Request and answer of one attempt, as HTML. Personal data are those the order holds now, folded; the log has none.
 */
final class Delivery_Details {

	private Object_Labels $subjects;

	public function __construct( Object_Labels $subjects ) {
		$this->subjects = $subjects;
	}

	/**
	 * The details of one attempt.
	 *
	 * @param array<string, string> $entry A row of the log, with request and answer.
	 */
	public function html( array $entry ): string {
		return '<div class="pos-sync-details">'
			. $this->facts( $entry )
			. $this->request( $entry )
			. $this->answer( $entry )
			. '</div>';
	}

	/**
	 * What it was, in a list.
	 *
	 * @param array<string, string> $entry A row of the log.
	 */
	private function facts( array $entry ): string {
		$facts = array(
			__( 'Event', 'woocommerce-pos-sync' )         => $entry['event'],
			__( 'Delivery id', 'woocommerce-pos-sync' )   => $entry['delivery_id'],
			__( 'Attempt', 'woocommerce-pos-sync' )       => $entry['attempt'],
			/* translators: %s: number. */
			__( 'Duration', 'woocommerce-pos-sync' )      => sprintf( __( '%s ms', 'woocommerce-pos-sync' ), number_format_i18n( (int) $entry['milliseconds'] ) ),
			__( 'HTTP status', 'woocommerce-pos-sync' )   => '0' === $entry['status'] ? __( 'none', 'woocommerce-pos-sync' ) : trim( $entry['status'] . ' ' . $entry['outcome'] ),
			__( 'Original text', 'woocommerce-pos-sync' ) => $entry['message'],
		);
		$html  = '';
		foreach ( array_diff( $facts, array( '' ) ) as $label => $value ) {
			$html .= sprintf( '<dt>%s</dt><dd>%s</dd>', esc_html( $label ), esc_html( $value ) );
		}
		return "<dl>$html</dl>";
	}

	/**
	 * What was sent.
	 *
	 * @param array<string, string> $entry A row of the log.
	 */
	private function request( array $entry ): string {
		$html = '<h3>' . esc_html__( 'Request', 'woocommerce-pos-sync' ) . '</h3>';
		if ( '' === $entry['request'] ) {
			return $html . '<p>' . esc_html__( 'Not kept.', 'woocommerce-pos-sync' ) . '</p>';
		}
		$html .= $this->json( $entry['request'], __( 'Request', 'woocommerce-pos-sync' ) );
		if ( Queue_Item::ORDER === $entry['type'] ) {
			/* translators: %s: the mark that stands for personal data. */
			$html .= '<p class="description">' . esc_html( sprintf( __( '%s stands for personal data: they were sent, and are not kept in this log.', 'woocommerce-pos-sync' ), Request_Redactor::HIDDEN ) ) . '</p>';
			$html .= $this->personal( (int) $entry['object_id'] );
		}
		return $html;
	}

	/**
	 * What the order holds of its customer now, folded.
	 *
	 * @param int $id Id of the order.
	 */
	private function personal( int $id ): string {
		$order = $this->subjects->order( $id );
		if ( ! $order ) {
			return '';
		}
		$facts = array(
			__( 'Billing address', 'woocommerce-pos-sync' ) => (string) preg_replace( '#<br\s*/?>#i', ', ', $order->get_formatted_billing_address( '–' ) ),
			__( 'Shipping address', 'woocommerce-pos-sync' ) => (string) preg_replace( '#<br\s*/?>#i', ', ', $order->get_formatted_shipping_address( '–' ) ),
			__( 'E-mail', 'woocommerce-pos-sync' ) => $order->get_billing_email(),
			__( 'Phone', 'woocommerce-pos-sync' )  => $order->get_billing_phone(),
			__( 'Note', 'woocommerce-pos-sync' )   => $order->get_customer_note(),
		);
		$html  = '';
		foreach ( array_diff( $facts, array( '' ) ) as $label => $value ) {
			$html .= sprintf( '<dt>%s</dt><dd>%s</dd>', esc_html( $label ), esc_html( wp_strip_all_tags( $value ) ) );
		}
		return '<details><summary>' . esc_html__( 'Customer data, as the order has them now', 'woocommerce-pos-sync' ) . "</summary><dl>$html</dl></details>";
	}

	/**
	 * What came back.
	 *
	 * @param array<string, string> $entry A row of the log.
	 */
	private function answer( array $entry ): string {
		$html = '<h3>' . esc_html__( 'Answer', 'woocommerce-pos-sync' ) . '</h3>';
		if ( '' === $entry['answer'] ) {
			return $html . '<p>' . esc_html__( 'None came.', 'woocommerce-pos-sync' ) . '</p>';
		}
		return $html . $this->json( $entry['answer'], __( 'Answer', 'woocommerce-pos-sync' ) );
	}

	/**
	 * JSON in lines, other text as it is. It can be scrolled with the keyboard.
	 *
	 * @param string $label What it is.
	 */
	private function json( string $text, string $label ): string {
		$data   = json_decode( $text );
		$pretty = null === $data ? $text : (string) wp_json_encode( $data, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
		return sprintf( '<pre tabindex="0" role="region" aria-label="%s">%s</pre>', esc_attr( $label ), esc_html( $pretty ) );
	}
}
