<?php

namespace POS_Sync\Stock;

/**
 * Why a request of the POS is answered as a whole with an error. The texts are read by the POS, so they are not translated.
 */
final class Stock_Error extends \Exception {

	/**
	 * Short name, such as pos_sync_body.
	 */
	public string $name;

	/**
	 * HTTP status.
	 */
	public int $status;

	public function __construct( string $name, int $status, string $message ) {
		parent::__construct( $message );
		$this->name   = $name;
		$this->status = $status;
	}
}
