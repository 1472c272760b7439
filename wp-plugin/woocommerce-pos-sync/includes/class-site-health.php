<?php
/**
 * Site health.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Shows in Tools → Site Health whether orders reach the POS.
 */
final class Site_Health {

	/**
	 * How it goes.
	 *
	 * @var Health
	 */
	private $health;

	/**
	 * The queue.
	 *
	 * @var Queue
	 */
	private $queue;

	/**
	 * Takes what it shows.
	 *
	 * @param Health $health How it goes.
	 * @param Queue  $queue  The queue.
	 */
	public function __construct( Health $health, Queue $queue ) {
		$this->health = $health;
		$this->queue  = $queue;
	}

	/**
	 * Registers test and information.
	 */
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
		$critical = array_filter( array( $this->health->outage(), $this->health->copy() ) );
		$problems = array_filter( array_merge( $critical, array( $this->health->failures() ) ) );
		$status   = $critical ? 'critical' : ( $problems ? 'recommended' : 'good' );
		return array(
			'label'       => $problems ? __( 'Not all orders reach the POS', 'woocommerce-pos-sync' ) : __( 'Orders reach the POS', 'woocommerce-pos-sync' ),
			'status'      => $status,
			'badge'       => array(
				'label' => __( 'POS Sync', 'woocommerce-pos-sync' ),
				'color' => 'blue',
			),
			'description' => '<p>' . ( $problems ? implode( '</p><p>', array_map( 'esc_html', $problems ) ) : esc_html__( 'Everything that was to be sent has been sent.', 'woocommerce-pos-sync' ) ) . '</p>',
			'actions'     => sprintf( '<p><a href="%s">%s</a></p>', esc_url( Menu::log_url() ), esc_html__( 'Show deliveries', 'woocommerce-pos-sync' ) ),
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
			'last'     => array( __( 'Last delivery', 'woocommerce-pos-sync' ), $this->health->last_delivery() ),
			'waiting'  => array( __( 'Waiting', 'woocommerce-pos-sync' ), $this->queue->count( Queue::WAITING ) ),
			'failed'   => array( __( 'Failed', 'woocommerce-pos-sync' ), $this->queue->count( Queue::FAILED ) ),
			'known'    => array( __( 'Orders sent', 'woocommerce-pos-sync' ), $this->queue->count( Queue::SENT, Queue::ORDER ) ),
			'products' => array( __( 'Products sent', 'woocommerce-pos-sync' ), $this->queue->count( Queue::SENT, Queue::PRODUCT ) ),
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
