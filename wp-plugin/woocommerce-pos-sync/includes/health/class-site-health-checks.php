<?php

namespace POS_Sync\Health;

use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Screens\Admin_Page;

use const POS_Sync\VERSION;

/**
 * Shows in Tools → Site Health whether orders reach the POS.
 */
final class Site_Health_Checks implements Registers_Hooks {

	private Sync_Status $status;
	private Queue_Reader $reader;

	public function __construct( Sync_Status $status, Queue_Reader $reader ) {
		$this->status = $status;
		$this->reader = $reader;
	}

	public function register(): void {
		add_filter( 'site_status_tests', array( $this, 'add_test' ) );
		add_filter( 'debug_information', array( $this, 'add_information' ) );
	}

	/**
	 * Adds the test.
	 *
	 * @param array<string, array<string, mixed>> $tests The tests.
	 * @return array<string, array<string, mixed>>
	 */
	public function add_test( array $tests ): array {
		$tests['direct']['pos_sync'] = array(
			'label' => __( 'Orders reach the POS', 'woocommerce-pos-sync' ),
			'test'  => array( $this, 'test' ),
		);
		return $tests;
	}

	/**
	 * The test's result, as Site Health wants it.
	 *
	 * @return array<string, mixed>
	 */
	public function test(): array {
		$critical = array_filter( array( $this->status->outage(), $this->status->copy_warning() ) );
		$problems = array_filter( array_merge( $critical, array( $this->status->failures() ) ) );
		$status   = $critical ? 'critical' : ( $problems ? 'recommended' : 'good' );
		return array(
			'label'       => $problems ? __( 'Not all orders reach the POS', 'woocommerce-pos-sync' ) : __( 'Orders reach the POS', 'woocommerce-pos-sync' ),
			'status'      => $status,
			'badge'       => array(
				'label' => __( 'POS Sync', 'woocommerce-pos-sync' ),
				'color' => 'blue',
			),
			'description' => '<p>' . ( $problems ? implode( '</p><p>', array_map( 'esc_html', $problems ) ) : esc_html__( 'Everything that was to be sent has been sent.', 'woocommerce-pos-sync' ) ) . '</p>',
			'actions'     => sprintf( '<p><a href="%s">%s</a></p>', esc_url( Admin_Page::log_url() ), esc_html__( 'Show deliveries', 'woocommerce-pos-sync' ) ),
			'test'        => 'pos_sync',
		);
	}

	/**
	 * Adds the plugin's figures to Site Health → Info.
	 *
	 * @param array<string, mixed> $information The information.
	 * @return array<string, mixed>
	 */
	public function add_information( array $information ): array {
		$fields                  = array(
			'version'  => array( __( 'Version', 'woocommerce-pos-sync' ), VERSION ),
			'last'     => array( __( 'Last delivery', 'woocommerce-pos-sync' ), $this->status->last_delivery() ),
			'waiting'  => array( __( 'Waiting', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::WAITING ) ),
			'failed'   => array( __( 'Failed', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::FAILED ) ),
			'known'    => array( __( 'Orders sent', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::SENT, Queue_Item::ORDER ) ),
			'products' => array( __( 'Products sent', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::SENT, Queue_Item::PRODUCT ) ),
		);
		$information['pos-sync'] = array(
			'label'  => __( 'POS Sync', 'woocommerce-pos-sync' ),
			'fields' => array_map(
				static function ( array $field ): array {
					return array(
						'label' => $field[0],
						'value' => $field[1],
					);
				},
				$fields
			),
		);
		return $information;
	}
}
