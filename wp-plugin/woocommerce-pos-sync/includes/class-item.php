<?php
/**
 * One row of the queue.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * What the POS has and lacks of one order or product.
 */
final class Item {

	/**
	 * Queue::ORDER, Queue::PRODUCT or Queue::ERASURE.
	 *
	 * @var string
	 */
	public $type;

	/**
	 * Id of the order or product.
	 *
	 * @var int
	 */
	public $id;

	/**
	 * Queue::WAITING, Queue::SENT, Queue::FAILED or Queue::NOTED.
	 *
	 * @var string
	 */
	public $state;

	/**
	 * Queue::LIVE or Queue::BACKFILL.
	 *
	 * @var int
	 */
	public $priority;

	/**
	 * Raised by every change, and never falls.
	 *
	 * @var int
	 */
	public $sequence;

	/**
	 * The sequence the POS last confirmed; 0 if it never did.
	 *
	 * @var int
	 */
	public $delivered;

	/**
	 * What happened: created, updated, cancelled, refunded, restored.
	 *
	 * @var string
	 */
	public $topic;

	/**
	 * Unix time of the change.
	 *
	 * @var int
	 */
	public $changed_at;

	/**
	 * Attempts for this state.
	 *
	 * @var int
	 */
	public $attempts;

	/**
	 * Attempts ever.
	 *
	 * @var int
	 */
	public $tries;

	/**
	 * Unix time of the last attempt ever; 0 if there was none.
	 *
	 * @var int
	 */
	public $tried_at;

	/**
	 * Unix time of the next attempt.
	 *
	 * @var int
	 */
	public $next_attempt;

	/**
	 * HTTP status of the last attempt that did not arrive; 0 when no answer came.
	 *
	 * @var int
	 */
	public $status;

	/**
	 * What went wrong last, in English; Words has it for people.
	 *
	 * @var string
	 */
	public $error;

	/**
	 * The last state of an order that was deleted before the POS received it, or what is sent of an erasure, as JSON; empty for others.
	 *
	 * @var string
	 */
	public $last_state;

	/**
	 * When the shop last took the order's stock, in Unix milliseconds; 0 when that was not noted.
	 *
	 * @var int
	 */
	public $stock_taken_at;

	/**
	 * The fingerprint of the product that was sent; empty for orders.
	 *
	 * @var string
	 */
	public $fingerprint;

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
	 * Whether another row is the same order or product in the same state.
	 *
	 * @param Item|null $other The other row.
	 */
	public function is_same_as( ?Item $other ): bool {
		return $other && array( $this->type, $this->id, $this->sequence ) === array( $other->type, $other->id, $other->sequence );
	}
}
