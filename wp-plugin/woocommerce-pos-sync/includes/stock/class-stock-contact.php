<?php

namespace POS_Sync\Stock;

/**
 * Notes when the POS last sent a request about stock that was signed rightly, and when one was refused because of its signature, so that
 * the shop's owner sees why nothing comes. Written once a minute at most: requests may come several times a second, and from anybody.
 */
final class Stock_Contact {

	public const OPTION = 'pos_sync_stock_contact';

	public const WRONG_KEY = 'key';
	public const CLOCK     = 'clock';

	private const AT_MOST_EVERY = 60;

	/**
	 * Notes a request. One that is not signed at all is anybody's, and so is one by another key where the POS never reached the shop.
	 *
	 * @param string $problem   As Stock_Signature has it; empty where it was signed rightly.
	 * @param int    $timestamp Unix time at which it was signed.
	 * @param int    $now       Unix time.
	 */
	public function note( string $problem, int $timestamp, int $now ): void {
		if ( '' === $problem ) {
			$this->note_reached( $now );
		} elseif ( 0 === strpos( $problem, Stock_Signature::WRONG_KEY ) ) {
			$this->note_refused( self::WRONG_KEY, 0, $now );
		} elseif ( $timestamp ) {
			$this->note_refused( self::CLOCK, $timestamp - $now, $now );
		}
	}

	/**
	 * A request was signed rightly.
	 */
	private function note_reached( int $now ): void {
		$known = $this->read();
		if ( $known['refused_at'] || $known['reached_at'] <= $now - self::AT_MOST_EVERY ) {
			update_option( self::OPTION, array( 'reached_at' => $now ), false );
		}
	}

	/**
	 * A request was refused because of its signature.
	 *
	 * @param string $cause   WRONG_KEY or CLOCK.
	 * @param int    $seconds By how much the sender's clock was ahead of this one; negative where it was behind.
	 */
	private function note_refused( string $cause, int $seconds, int $now ): void {
		$known = $this->read();
		if ( $known['reached_at'] && $known['refused_at'] <= $now - self::AT_MOST_EVERY ) {
			$note = array(
				'refused_at' => $now,
				'cause'      => $cause,
				'seconds'    => $seconds,
			);
			update_option( self::OPTION, $note + $known, false );
		}
	}

	/**
	 * Unix time of the last request that was signed rightly, about to a minute; 0 where there was none.
	 */
	public function reached_at(): int {
		return $this->read()['reached_at'];
	}

	/**
	 * The last refusal, if nothing was signed rightly since then; null otherwise.
	 *
	 * @return array{at: int, cause: string, seconds: int}|null
	 */
	public function refusal(): ?array {
		$known = $this->read();
		return $known['refused_at'] ? array(
			'at'      => $known['refused_at'],
			'cause'   => $known['cause'],
			'seconds' => $known['seconds'],
		) : null;
	}

	/**
	 * What is noted.
	 *
	 * @return array{reached_at: int, refused_at: int, cause: string, seconds: int}
	 */
	private function read(): array {
		$stored = get_option( self::OPTION );
		$stored = is_array( $stored ) ? $stored : array();
		$number = static function ( string $name ) use ( $stored ): int {
			return is_numeric( $stored[ $name ] ?? null ) ? (int) $stored[ $name ] : 0;
		};
		return array(
			'reached_at' => $number( 'reached_at' ),
			'refused_at' => $number( 'refused_at' ),
			'cause'      => self::CLOCK === ( $stored['cause'] ?? '' ) ? self::CLOCK : self::WRONG_KEY,
			'seconds'    => $number( 'seconds' ),
		);
	}
}
