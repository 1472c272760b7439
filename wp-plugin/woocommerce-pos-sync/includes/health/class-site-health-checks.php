<?php

namespace POS_Sync\Health;

use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Registers_Hooks;
use POS_Sync\Screens\Admin_Page;

use const POS_Sync\VERSION;

/**
 * Shows in Tools → Site Health whether orders reach the POS, and the stock of the POS the shop.
 */
final class Site_Health_Checks implements Registers_Hooks {

	private Sync_Status $status;
	private Queue_Reader $reader;
	private Stock_Status $stock;

	public function __construct( Sync_Status $status, Queue_Reader $reader, Stock_Status $stock ) {
		$this->status = $status;
		$this->reader = $reader;
		$this->stock  = $stock;
	}

	public function register(): void {
		add_filter( 'site_status_tests', array( $this, 'add_tests' ) );
		add_filter( 'debug_information', array( $this, 'add_information' ) );
	}

	/**
	 * Adds the tests; the one about stock only where the POS sends some.
	 *
	 * @param array<string, array<string, mixed>> $tests The tests.
	 * @return array<string, array<string, mixed>>
	 */
	public function add_tests( array $tests ): array {
		$tests['direct']['pos_sync'] = array(
			'label' => __( 'Orders reach the POS', 'woocommerce-pos-sync' ),
			'test'  => array( $this, 'test_orders' ),
		);
		if ( $this->stock->is_used() ) {
			$tests['direct']['pos_sync_stock'] = array(
				'label' => __( 'The stock of the POS reaches the shop', 'woocommerce-pos-sync' ),
				'test'  => array( $this, 'test_stock' ),
			);
		}
		return $tests;
	}

	/**
	 * Whether orders reach the POS, as Site Health wants it.
	 *
	 * @return array<string, mixed>
	 */
	public function test_orders(): array {
		return $this->result(
			'pos_sync',
			array( __( 'Orders reach the POS', 'woocommerce-pos-sync' ), __( 'Not all orders reach the POS', 'woocommerce-pos-sync' ) ),
			array( $this->status->outage(), $this->status->copy_warning() ),
			array( $this->status->failures() ),
			__( 'Everything that was to be sent has been sent.', 'woocommerce-pos-sync' ),
			array( Admin_Page::log_url(), __( 'Show deliveries', 'woocommerce-pos-sync' ) )
		);
	}

	/**
	 * Whether the stock of the POS reaches the shop, as Site Health wants it.
	 *
	 * @return array<string, mixed>
	 */
	public function test_stock(): array {
		return $this->result(
			'pos_sync_stock',
			array( __( 'The stock of the POS reaches the shop', 'woocommerce-pos-sync' ), __( 'Not all stock of the POS reaches the shop', 'woocommerce-pos-sync' ) ),
			$this->stock->obstacles(),
			array( $this->stock->refusals() ),
			__( 'Every change of stock that the POS sent within 7 days was applied.', 'woocommerce-pos-sync' ),
			array( Admin_Page::stock_url(), __( 'Show stock from the POS', 'woocommerce-pos-sync' ) )
		);
	}

	/**
	 * A result as Site Health wants it.
	 *
	 * @param string                $test     The test's name.
	 * @param array{string, string} $labels   Where all is well, and where it is not.
	 * @param string[]              $critical What stops everything; empty texts do not count.
	 * @param string[]              $problems What else is wrong.
	 * @param string                $good     Said where all is well.
	 * @param array{string, string} $link     URL and text.
	 * @return array<string, mixed>
	 */
	private function result( string $test, array $labels, array $critical, array $problems, string $good, array $link ): array {
		$critical = array_filter( $critical );
		$problems = array_filter( array_merge( $critical, $problems ) );
		return array(
			'label'       => $labels[ $problems ? 1 : 0 ],
			'status'      => $critical ? 'critical' : ( $problems ? 'recommended' : 'good' ),
			'badge'       => array(
				'label' => __( 'POS Sync', 'woocommerce-pos-sync' ),
				'color' => 'blue',
			),
			'description' => '<p>' . implode( '</p><p>', array_map( 'esc_html', $problems ? $problems : array( $good ) ) ) . '</p>',
			'actions'     => sprintf( '<p><a href="%s">%s</a></p>', esc_url( $link[0] ), esc_html( $link[1] ) ),
			'test'        => $test,
		);
	}

	/**
	 * Adds the plugin's figures to Site Health → Info.
	 *
	 * @param array<string, mixed> $information The information.
	 * @return array<string, mixed>
	 */
	public function add_information( array $information ): array {
		$fields = array(
			'version'  => array( __( 'Version', 'woocommerce-pos-sync' ), VERSION ),
			'last'     => array( __( 'Last delivery', 'woocommerce-pos-sync' ), $this->status->last_delivery() ),
			'waiting'  => array( __( 'Waiting', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::WAITING ) ),
			'failed'   => array( __( 'Failed', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::FAILED ) ),
			'known'    => array( __( 'Orders sent', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::SENT, Queue_Item::ORDER ) ),
			'products' => array( __( 'Products sent', 'woocommerce-pos-sync' ), $this->reader->count( Queue_Item::SENT, Queue_Item::PRODUCT ) ),
		);
		foreach ( $this->stock->figures() as $name => $figure ) {
			/* translators: %s: such as "Last received". */
			$fields[ "stock_$name" ] = array( sprintf( __( 'Stock from the POS: %s', 'woocommerce-pos-sync' ), $figure['label'] ), $figure['value'] );
		}
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
