<?php

namespace POS_Sync\Queue;

/**
 * One row of the queue: what the POS has and lacks of one order or product.
 */
final class Queue_Item {

	public const ORDER   = 'order';
	public const PRODUCT = 'product';
	public const ERASURE = 'erasure';

	public const WAITING = 'waiting';
	public const SENT    = 'sent';
	public const FAILED  = 'failed';

	/**
	 * The state of an order that is not to be sent (yet), and of which something was noted that must be sent with it when it is.
	 */
	public const NOTED = 'noted';

	/**
	 * The error of one whose last attempt ended without a result.
	 */
	public const BROKE_OFF = 'The process that was sending it ended before it was done.';

	public const LIVE     = 0;
	public const BACKFILL = 1;

	/**
	 * ORDER, PRODUCT or ERASURE.
	 */
	public string $type;

	/**
	 * Id of the order or product.
	 */
	public int $id;

	/**
	 * WAITING, SENT, FAILED or NOTED.
	 */
	public string $state;

	/**
	 * LIVE or BACKFILL.
	 */
	public int $priority;

	/**
	 * Raised by every change, and never falls.
	 */
	public int $sequence;

	/**
	 * The sequence the POS last confirmed; 0 if it never did.
	 */
	public int $delivered;

	/**
	 * What happened: created, updated, cancelled, refunded, restored.
	 */
	public string $topic;

	/**
	 * Unix time of the change.
	 */
	public int $changed_at;

	/**
	 * Attempts for this state.
	 */
	public int $attempts;

	/**
	 * Attempts ever that may have reached the POS.
	 */
	public int $tries;

	/**
	 * Unix time of the last attempt ever; 0 if there was none.
	 */
	public int $tried_at;

	/**
	 * Unix time of the next attempt.
	 */
	public int $next_attempt;

	/**
	 * HTTP status of the last attempt that did not arrive; 0 when no answer came.
	 */
	public int $status;

	/**
	 * What went wrong last, in English; Failure_Messages translates it.
	 */
	public string $error;

	/**
	 * The last state of an order that was deleted before the POS received it, or what is sent of an erasure, as JSON; empty for others.
	 */
	public string $last_state;

	/**
	 * When the shop last took the order's stock, in Unix milliseconds; 0 when that was not noted.
	 */
	public int $stock_taken_at;

	/**
	 * The fingerprint of the product that was sent; empty for orders.
	 */
	public string $fingerprint;

	/**
	 * Reads a database row.
	 *
	 * @param array<string, string> $row The row.
	 */
	public function __construct( array $row ) {
		$this->type           = $row['type'] ?? '';
		$this->id             = (int) ( $row['object_id'] ?? 0 );
		$this->state          = $row['state'] ?? '';
		$this->priority       = (int) ( $row['priority'] ?? 0 );
		$this->sequence       = (int) ( $row['sequence'] ?? 0 );
		$this->delivered      = (int) ( $row['delivered'] ?? 0 );
		$this->topic          = $row['topic'] ?? '';
		$this->changed_at     = (int) ( $row['changed_at'] ?? 0 );
		$this->attempts       = (int) ( $row['attempts'] ?? 0 );
		$this->tries          = (int) ( $row['tries'] ?? 0 );
		$this->tried_at       = (int) ( $row['tried_at'] ?? 0 );
		$this->next_attempt   = (int) ( $row['next_attempt'] ?? 0 );
		$this->status         = (int) ( $row['status'] ?? 0 );
		$this->error          = $row['error'] ?? '';
		$this->last_state     = $row['last_state'] ?? '';
		$this->stock_taken_at = (int) ( $row['stock_taken_at'] ?? 0 );
		$this->fingerprint    = $row['fingerprint'] ?? '';
	}

	/**
	 * Reads database rows.
	 *
	 * @param array<array<string, string>> $rows The rows.
	 * @return self[]
	 */
	public static function from_rows( array $rows ): array {
		return array_map(
			static function ( array $row ): self {
				return new self( $row );
			},
			$rows
		);
	}

	/**
	 * Whether the POS may have it: an attempt arrived, or ended without an answer. From then on every change of it is sent.
	 */
	public function may_be_known(): bool {
		return $this->delivered || $this->tries > 1;
	}

	/**
	 * Whether another row is the same order or product in the same state.
	 */
	public function is_same_as( ?Queue_Item $other ): bool {
		return $other && array( $this->type, $this->id, $this->sequence ) === array( $other->type, $other->id, $other->sequence );
	}
}
