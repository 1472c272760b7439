<?php

namespace POS_Sync\Stock;

/**
 * What became of one movement of stock.
 */
final class Stock_Result {

	/**
	 * One of Stock_Log's outcomes.
	 */
	public string $outcome;

	/**
	 * The stock read afterwards; null where it is not known.
	 */
	public ?float $quantity;

	public string $message;

	public function __construct( string $outcome, string $message = '', ?float $quantity = null ) {
		$this->outcome  = $outcome;
		$this->message  = $message;
		$this->quantity = $quantity;
	}

	/**
	 * As it is answered.
	 *
	 * @return array<string, int|float|string>
	 */
	public function answer( string $movement ): array {
		$answer = array(
			'movement' => $movement,
			'outcome'  => $this->outcome,
		);
		if ( null !== $this->quantity ) {
			$answer['quantity'] = self::number( $this->quantity );
		}
		if ( '' !== $this->message ) {
			$answer['message'] = $this->message;
		}
		return $answer;
	}

	/**
	 * A quantity as a JSON number: whole ones without decimals.
	 *
	 * @return int|float
	 */
	public static function number( float $quantity ) {
		$quantity = round( $quantity, 6 );
		return floor( $quantity ) === $quantity && abs( $quantity ) < 1e15 ? (int) $quantity : $quantity;
	}
}
