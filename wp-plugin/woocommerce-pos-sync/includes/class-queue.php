<?php
/**
 * The queue.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * One row for every order and product the POS should know, and for every customer it is yet to erase: the sequence its changes have reached, and the one
 * that was delivered. A change only raises the sequence, so any number of changes is one delivery, and a change
 * during a delivery is never taken for delivered. Rows of what is delivered stay: they say what the POS has.
 */
final class Queue {

	public const ORDER   = 'order';
	public const PRODUCT = 'product';
	public const ERASURE = 'erasure';

	public const WAITING = 'waiting';
	public const SENT    = 'sent';
	public const FAILED  = 'failed';

	/**
	 * The state of an order that is not to be sent, since its status is not one of those, and of which something was noted
	 * that must be sent with it when it is.
	 */
	public const NOTED = 'noted';

	/**
	 * The error of one whose last attempt ended without a result.
	 */
	public const BROKE_OFF = 'The process that was sending it ended before it was done.';

	public const LIVE     = 0;
	public const BACKFILL = 1;

	/**
	 * Longer than building and sending can take. When a process dies, its delivery is done again after this time.
	 */
	private const LEASE = 120;

	/**
	 * The next of one priority and type that no process has claimed; read in the order of a key, so that one row is enough.
	 */
	private const FREE = "(SELECT next_attempt AS due FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND lease_until <= %d ORDER BY next_attempt LIMIT 1)";

	/**
	 * The next of one priority and type that a process has claimed; few are at a time.
	 */
	private const CLAIMED = "(SELECT MIN(GREATEST(next_attempt, lease_until)) AS due FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND lease_until > %d)";

	/**
	 * The table.
	 *
	 * @var Table
	 */
	private $table;

	/**
	 * Knows its table.
	 */
	public function __construct() {
		$this->table = new Table( 'pos_sync_queue' );
	}

	/**
	 * The table as dbDelta wants it.
	 */
	public function table_definition(): string {
		return $this->table->definition(
			'
			type varchar(10) NOT NULL,
			object_id bigint(20) unsigned NOT NULL,
			state varchar(10) NOT NULL,
			priority tinyint(3) unsigned NOT NULL DEFAULT 0,
			sequence bigint(20) unsigned NOT NULL,
			delivered bigint(20) unsigned NOT NULL DEFAULT 0,
			topic varchar(10) NOT NULL,
			changed_at int(10) unsigned NOT NULL,
			attempts smallint(5) unsigned NOT NULL DEFAULT 0,
			tries int(10) unsigned NOT NULL DEFAULT 0,
			tried_at int(10) unsigned NOT NULL DEFAULT 0,
			next_attempt int(10) unsigned NOT NULL,
			lease_until int(10) unsigned NOT NULL DEFAULT 0,
			status smallint(5) unsigned NOT NULL DEFAULT 0,
			error varchar(255) NOT NULL DEFAULT \'\',
			last_state longtext,
			stock_taken_at bigint(20) unsigned NOT NULL DEFAULT 0,
			fingerprint varchar(32) NOT NULL DEFAULT \'\',
			refunds text,
			PRIMARY KEY  (type,object_id),
			KEY next_one (state,priority,type,next_attempt,object_id),
			KEY claimed (state,lease_until)'
		);
	}

	/**
	 * Removes an index of earlier versions, which the database would otherwise prefer to the new ones.
	 */
	public function drop_old_index(): void {
		if ( $this->table->rows( "SHOW INDEX FROM {table} WHERE Key_name = 'due'", array() ) ) {
			$this->table->query( 'ALTER TABLE {table} DROP KEY due', array() );
		}
	}

	/**
	 * Notes changes: raises the sequence of each and makes it due now. One statement for up to 200 of them.
	 *
	 * @param string             $type    ORDER or PRODUCT.
	 * @param array<int, string> $changes Topic by id: updated, refunded, cancelled or restored.
	 * @param int                $now     Unix time.
	 * @param array<int, int>    $taken   When the shop took the stock of orders, in Unix milliseconds by id.
	 */
	public function raise( string $type, array $changes, int $now, array $taken = array() ): void {
		ksort( $changes ); // Everybody locks rows in the same order, so that two requests do not deadlock.
		foreach ( array_chunk( $changes, 200, true ) as $chunk ) {
			$values = array();
			foreach ( $chunk as $id => $topic ) {
				// A new row starts at the time, so that a sequence does not fall even where the table was lost.
				array_push( $values, $type, $id, $now, $topic, $now, $now, $taken[ $id ] ?? 0 );
			}
			$rows = implode( ', ', array_fill( 0, count( $chunk ), "(%s, %d, 'waiting', %d, %s, %d, %d, %d)" ) );
			// Of several changes on the way the most telling one is named; what the POS holds for deleted is there again.
			$this->table->query(
				"INSERT INTO {table} (type, object_id, state, sequence, topic, changed_at, next_attempt, stock_taken_at) VALUES $rows
				ON DUPLICATE KEY UPDATE
					stock_taken_at = GREATEST(stock_taken_at, VALUES(stock_taken_at)),
					topic = CASE WHEN topic = 'deleted' THEN 'restored'
						WHEN state = 'waiting' AND {$this->rank( 'topic' )} > {$this->rank( 'VALUES(topic)' )} THEN topic ELSE VALUES(topic) END,
					state = 'waiting', priority = 0, sequence = GREATEST(sequence + 1, VALUES(sequence)),
					changed_at = VALUES(changed_at), attempts = 0, next_attempt = VALUES(next_attempt), status = 0, error = ''",
				$values
			);
		}
	}

	/**
	 * Keeps how an order was that goes for good before the POS was told.
	 *
	 * @param int    $id         Id of the order.
	 * @param string $last_state What is to be told, as JSON.
	 */
	public function keep( int $id, string $last_state ): void {
		$this->table->query( "UPDATE {table} SET last_state = %s WHERE type = 'order' AND object_id = %d", array( $last_state, $id ) );
	}

	/**
	 * Sends again what was sent, or for the first time what never was, without calling it a change:
	 * what did not change goes out as the same bytes under the same delivery id.
	 *
	 * @param string $type     ORDER or PRODUCT.
	 * @param int[]  $ids      Their ids.
	 * @param int    $priority LIVE or BACKFILL.
	 * @param int    $now      Unix time.
	 */
	public function resend( string $type, array $ids, int $priority, int $now ): void {
		sort( $ids );
		foreach ( array_chunk( $ids, 200 ) as $chunk ) {
			$values = array();
			foreach ( $chunk as $id ) {
				array_push( $values, $type, $id, $priority, $now, $now, $now );
			}
			$rows = implode( ', ', array_fill( 0, count( $chunk ), "(%s, %d, 'waiting', %d, %d, 'updated', %d, %d)" ) );
			$this->table->query(
				"INSERT INTO {table} (type, object_id, state, priority, sequence, topic, changed_at, next_attempt) VALUES $rows
				ON DUPLICATE KEY UPDATE
					priority = IF(state = 'waiting', LEAST(priority, VALUES(priority)), VALUES(priority)),
					state = 'waiting', attempts = 0, next_attempt = VALUES(next_attempt), status = 0, error = ''",
				$values
			);
		}
	}

	/**
	 * Makes everything that failed for good wait again.
	 *
	 * @param int $now Unix time.
	 * @return int How many.
	 */
	public function resend_failed( int $now ): int {
		return $this->table->query( "UPDATE {table} SET state = 'waiting', attempts = 0, next_attempt = %d, status = 0, error = '' WHERE state = 'failed'", array( $now ) );
	}

	/**
	 * What can be sent next: products before orders, so that the POS knows what an order is about, and erasures after both;
	 * what happens now before history. It reads one row of each kind, however many wait.
	 *
	 * @param int  $now           Unix time.
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 */
	public function due( int $now, bool $with_orders, bool $with_backfill ): ?Item {
		$kinds  = self::kinds( $with_orders, $with_backfill );
		$values = array();
		foreach ( $kinds as $kind ) {
			array_push( $values, $kind[0], $kind[1], $now, $now );
		}
		$select = "(SELECT * FROM {table} WHERE state = 'waiting' AND priority = %d AND type = %s AND next_attempt <= %d AND lease_until <= %d ORDER BY next_attempt, object_id LIMIT 1)";
		$items  = $this->items( implode( ' UNION ALL ', array_fill( 0, count( $kinds ), $select ) ), $values );
		foreach ( $kinds as list( $priority, $type ) ) {
			foreach ( $items as $item ) {
				if ( $item->type === $type && $item->priority === $priority ) {
					return $item;
				}
			}
		}
		return null;
	}

	/**
	 * When the next one is due; null when nothing waits.
	 *
	 * @param int  $now           Unix time.
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 */
	public function next_due( int $now, bool $with_orders, bool $with_backfill ): ?int {
		return $this->earliest( self::kinds( $with_orders, $with_backfill ), array( self::FREE, self::CLAIMED ), $now );
	}

	/**
	 * The earliest time at which one of these kinds is due; null when none waits.
	 *
	 * @phpstan-param literal-string[] $selects
	 * @param array<int, array{int, string}> $kinds   Priority and type.
	 * @param string[]                       $selects FREE, CLAIMED or both; each is asked of every kind.
	 * @param int                            $now     Unix time.
	 */
	private function earliest( array $kinds, array $selects, int $now ): ?int {
		$parts  = array();
		$values = array();
		foreach ( $kinds as list( $priority, $type ) ) {
			foreach ( $selects as $select ) {
				$parts[] = $select;
				array_push( $values, $priority, $type, $now );
			}
		}
		$time = $this->table->value( 'SELECT MIN(due) FROM (' . implode( ' UNION ALL ', $parts ) . ') AS parts', $values );
		return null === $time ? null : (int) $time;
	}

	/**
	 * Priority and type of what may be sent, in the order in which it is.
	 *
	 * @param bool $with_orders   Whether orders may go, and erasures.
	 * @param bool $with_backfill Whether history may go.
	 * @return array<int, array{int, string}>
	 */
	private static function kinds( bool $with_orders, bool $with_backfill ): array {
		$kinds = array();
		foreach ( $with_backfill ? array( self::LIVE, self::BACKFILL ) : array( self::LIVE ) as $priority ) {
			foreach ( $with_orders ? array( self::PRODUCT, self::ORDER, self::ERASURE ) : array( self::PRODUCT ) as $type ) {
				$kinds[] = array( $priority, $type );
			}
		}
		return $kinds;
	}

	/**
	 * Notes that the POS is to erase a customer. The row is removed when it has arrived.
	 *
	 * @param int    $id      Stands for the customer.
	 * @param string $request What is sent, as JSON.
	 * @param int    $now     Unix time.
	 */
	public function erase( int $id, string $request, int $now ): void {
		$this->table->query(
			"INSERT INTO {table} (type, object_id, state, sequence, topic, changed_at, next_attempt, last_state) VALUES ('erasure', %d, 'waiting', %d, 'erased', %d, %d, %s)
			ON DUPLICATE KEY UPDATE
				state = 'waiting', sequence = GREATEST(sequence + 1, VALUES(sequence)), changed_at = VALUES(changed_at), attempts = 0,
				next_attempt = VALUES(next_attempt), status = 0, error = '', last_state = VALUES(last_state)",
			array( $id, $now, $now, $now, $request )
		);
	}

	/**
	 * Removes the texts that came back about these orders: nothing else in their rows is about a person.
	 *
	 * @param int[] $ids Their ids.
	 */
	public function remove_texts( array $ids ): void {
		if ( $ids ) {
			$holes = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
			$this->table->query( "UPDATE {table} SET error = '' WHERE type = 'order' AND object_id IN ($holes)", array_values( $ids ) );
		}
	}

	/**
	 * Takes one for sending, so that nobody else sends it at the same time. The attempt counts from here on. Where the
	 * process dies before it notes a result, the next attempt comes later each time, an hour at most: an order that
	 * no process survives does not hold up the others.
	 *
	 * @param string $type ORDER or PRODUCT.
	 * @param int    $id   Its id.
	 * @param int    $now  Unix time.
	 * @return Item|null Null when another process has it, or it needs no sending any more.
	 */
	public function claim( string $type, int $id, int $now ): ?Item {
		$claimed = $this->table->query(
			"UPDATE {table} SET status = IF(lease_until > 0, %d, status), error = IF(lease_until > 0, %s, error),
				lease_until = %d, attempts = attempts + 1, tries = tries + 1, tried_at = %d,
				next_attempt = %d + LEAST(attempts * %d, 3600)
			WHERE type = %s AND object_id = %d AND state = 'waiting' AND next_attempt <= %d AND lease_until <= %d",
			array( Reply::NOT_SENT, self::BROKE_OFF, $now + self::LEASE, $now, $now, self::LEASE, $type, $id, $now, $now )
		);
		return $claimed ? $this->find( $type, $id ) : null;
	}

	/**
	 * How many are being sent by some process.
	 *
	 * @param int $now Unix time.
	 */
	public function count_claimed( int $now ): int {
		return (int) $this->table->value( "SELECT COUNT(*) FROM {table} WHERE state = 'waiting' AND lease_until > %d", array( $now ) );
	}

	/**
	 * Which of these products the POS does not have as they are now.
	 *
	 * @param int[] $ids Ids of products.
	 * @return int[]
	 */
	public function waiting_products( array $ids ): array {
		if ( ! $ids ) {
			return array();
		}
		$holes = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
		$rows  = $this->table->rows( "SELECT object_id FROM {table} WHERE type = 'product' AND object_id IN ($holes) AND state = 'waiting'", array_values( $ids ) );
		return array_map( 'intval', array_column( $rows, 'object_id' ) );
	}

	/**
	 * The POS confirmed it. What changed meanwhile goes on waiting.
	 *
	 * @param Item   $item        As it was claimed.
	 * @param string $topic       The topic it was sent under, so that sending it again gives the same bytes.
	 * @param string $fingerprint The fingerprint of the product that was sent; empty for orders.
	 * @param int[]  $refunds     Ids of the refunds that were sent with the order.
	 */
	public function note_sent( Item $item, string $topic, string $fingerprint = '', array $refunds = array() ): void {
		$this->table->query(
			"UPDATE {table} SET delivered = GREATEST(delivered, %d), lease_until = 0,
				topic = IF(sequence = %d, %s, topic), state = IF(sequence = %d, 'sent', state), attempts = 0, status = 0, error = '',
				last_state = IF(sequence = %d, NULL, last_state), fingerprint = %s, refunds = %s
			WHERE type = %s AND object_id = %d",
			array( $item->sequence, $item->sequence, $topic, $item->sequence, $item->sequence, $fingerprint, implode( ',', $refunds ), $item->type, $item->id )
		);
	}

	/**
	 * It did not arrive. What changed meanwhile starts anew.
	 *
	 * @param Item     $item   As it was claimed.
	 * @param Reply    $reply  What came back.
	 * @param string   $error  What went wrong, fit for being shown.
	 * @param int|null $next   Unix time of the next attempt; null when given up.
	 */
	public function note_failed( Item $item, Reply $reply, string $error, ?int $next ): void {
		$this->table->query(
			'UPDATE {table} SET lease_until = 0,
				status = IF(sequence = %d, %d, status), error = IF(sequence = %d, %s, error),
				next_attempt = IF(sequence = %d, %d, next_attempt), state = IF(sequence = %d, %s, state)
			WHERE type = %s AND object_id = %d',
			array( $item->sequence, $reply->status, $item->sequence, mb_substr( $error, 0, 255 ), $item->sequence, (int) $next, $item->sequence, null === $next ? self::FAILED : self::WAITING, $item->type, $item->id )
		);
	}

	/**
	 * Removes one that need not be sent, unless it changed meanwhile. Where it may have to be sent later, what was noted of
	 * it is kept, as if it had never been tried.
	 *
	 * @param Item $item     As it was claimed.
	 * @param bool $for_good Whether it will never be sent.
	 */
	public function remove( Item $item, bool $for_good ): void {
		if ( ! $for_good && $item->stock_taken_at ) {
			$this->table->query(
				'UPDATE {table} SET lease_until = 0, state = IF(sequence = %d, %s, state), attempts = 0, tries = 0 WHERE type = %s AND object_id = %d',
				array( $item->sequence, self::NOTED, $item->type, $item->id )
			);
			return;
		}
		$gone = $this->table->query( 'DELETE FROM {table} WHERE type = %s AND object_id = %d AND sequence = %d', array( $item->type, $item->id, $item->sequence ) );
		if ( ! $gone ) {
			$this->table->query( 'UPDATE {table} SET lease_until = 0 WHERE type = %s AND object_id = %d', array( $item->type, $item->id ) );
		}
	}

	/**
	 * The POS is back: what waits for its hourly attempt because of the outage, or was tried for three days, need not
	 * wait any longer.
	 *
	 * @param int $max_retries Only what was tried more often.
	 * @param int $now         Unix time.
	 */
	public function hurry( int $max_retries, int $now ): void {
		$statuses = Reply::away_statuses();
		$holes    = implode( ', ', array_fill( 0, count( $statuses ), '%d' ) );
		$this->table->query(
			"UPDATE {table} SET next_attempt = %d, attempts = IF(state = 'failed', 0, attempts), state = 'waiting'
			WHERE ((state = 'waiting' AND next_attempt > %d) OR state = 'failed') AND attempts > %d AND tried_at < %d AND status IN ($holes)",
			array_merge( array( $now, $now, $max_retries, $now - 5 * MINUTE_IN_SECONDS ), $statuses )
		);
	}

	/**
	 * The settings changed: everything that waits is due now, also what failed because the POS could not be reached.
	 *
	 * @param int $now Unix time.
	 */
	public function hurry_all( int $now ): void {
		$statuses = Reply::away_statuses();
		$holes    = implode( ', ', array_fill( 0, count( $statuses ), '%d' ) );
		$this->table->query(
			"UPDATE {table} SET next_attempt = %d, attempts = 0, state = 'waiting'
			WHERE (state = 'waiting' AND next_attempt > %d) OR (state = 'failed' AND status IN ($holes))",
			array_merge( array( $now, $now ), $statuses )
		);
	}

	/**
	 * One row, or null when it was never queued.
	 *
	 * @param string $type ORDER or PRODUCT.
	 * @param int    $id   Its id.
	 */
	public function find( string $type, int $id ): ?Item {
		$items = $this->items( 'SELECT * FROM {table} WHERE type = %s AND object_id = %d', array( $type, $id ) );
		return $items[0] ?? null;
	}

	/**
	 * The rows of these, by id, as far as there are any.
	 *
	 * @param string $type ORDER or PRODUCT.
	 * @param int[]  $ids  Their ids.
	 * @return array<int, Item>
	 */
	public function find_all( string $type, array $ids ): array {
		if ( ! $ids ) {
			return array();
		}
		$holes = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
		$found = array();
		foreach ( $this->items( "SELECT * FROM {table} WHERE type = %s AND object_id IN ($holes)", array_merge( array( $type ), array_values( $ids ) ) ) as $item ) {
			$found[ $item->id ] = $item;
		}
		return $found;
	}

	/**
	 * What the POS has and was not sent as deleted: ids of the refunds that were sent, by id, in the order of ids.
	 *
	 * @param string $type  ORDER or PRODUCT.
	 * @param int    $after Only ids above this one.
	 * @param int    $limit How many at most.
	 * @return array<int, int[]>
	 */
	public function sent( string $type, int $after, int $limit ): array {
		$rows = $this->table->rows(
			"SELECT object_id, refunds FROM {table} WHERE type = %s AND object_id > %d AND state = 'sent' AND topic <> 'deleted' ORDER BY object_id LIMIT %d",
			array( $type, $after, $limit )
		);
		$sent = array();
		foreach ( $rows as $row ) {
			$sent[ (int) $row['object_id'] ] = array_map( 'intval', array_filter( explode( ',', $row['refunds'] ) ) );
		}
		return $sent;
	}

	/**
	 * Which of these orders, by id and time of their last change, were not noted since.
	 *
	 * @param array<int, int> $modified Unix time by order id.
	 * @return int[]
	 */
	public function missing( array $modified ): array {
		if ( ! $modified ) {
			return array();
		}
		$holes = implode( ', ', array_fill( 0, count( $modified ), '%d' ) );
		$noted = array();
		foreach ( $this->items( "SELECT * FROM {table} WHERE type = 'order' AND object_id IN ($holes)", array_keys( $modified ) ) as $item ) {
			$noted[ $item->id ] = $item->changed_at;
		}
		$missing = array();
		foreach ( $modified as $id => $time ) {
			if ( ! isset( $noted[ $id ] ) || $noted[ $id ] < $time ) {
				$missing[] = $id;
			}
		}
		return $missing;
	}

	/**
	 * How many are in a state.
	 *
	 * @param string      $state WAITING, SENT or FAILED.
	 * @param string|null $type  ORDER or PRODUCT; null for both.
	 */
	public function count( string $state, ?string $type = null ): int {
		return (int) $this->table->value( 'SELECT COUNT(*) FROM {table} WHERE state = %s AND type LIKE %s', array( $state, $type ?? '%' ) );
	}

	/**
	 * How many of the history still wait, or failed for good.
	 *
	 * @param string $type  ORDER or PRODUCT.
	 * @param string $state WAITING or FAILED.
	 */
	public function count_backfill( string $type, string $state = self::WAITING ): int {
		return (int) $this->table->value( 'SELECT COUNT(*) FROM {table} WHERE state = %s AND priority = 1 AND type = %s', array( $state, $type ) );
	}

	/**
	 * Whether products wait that the POS should know before it gets orders; those that keep failing hold up nothing.
	 *
	 * @param int $max_retries Up to so many attempts are waited for.
	 */
	public function products_first( int $max_retries ): bool {
		return (bool) $this->table->value( "SELECT 1 FROM {table} WHERE state = 'waiting' AND priority IN (0, 1) AND type = 'product' AND attempts <= %d LIMIT 1", array( $max_retries ) );
	}

	/**
	 * Whether anything waits.
	 */
	public function has_waiting(): bool {
		return (bool) $this->table->value( "SELECT 1 FROM {table} WHERE state = 'waiting' LIMIT 1", array() );
	}

	/**
	 * Since when something could be sent that nobody sends; null when nothing is overdue.
	 */
	public function overdue_since(): ?int {
		return $this->earliest( self::kinds( true, false ), array( self::FREE ), time() );
	}

	/**
	 * The last few that failed for good.
	 *
	 * @param int $limit How many at most.
	 * @return Item[]
	 */
	public function failed( int $limit ): array {
		return $this->items( "SELECT * FROM {table} WHERE state = 'failed' ORDER BY tried_at DESC LIMIT %d", array( $limit ) );
	}

	/**
	 * Throws away what waits: for a copy of the shop whose test orders must not be sent later.
	 */
	public function clear_waiting(): void {
		$this->table->query( 'DELETE FROM {table} WHERE state <> %s', array( self::SENT ) );
	}

	/**
	 * How telling a topic is, in SQL.
	 *
	 * @phpstan-param literal-string $topic
	 * @phpstan-return literal-string
	 * @param string $topic SQL for the topic.
	 */
	private function rank( string $topic ): string {
		return "FIELD($topic, 'updated', 'refunded', 'cancelled', 'restored')";
	}

	/**
	 * Reads rows.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 * @return Item[]
	 */
	private function items( string $sql, array $values ): array {
		return array_map(
			static function ( array $row ): Item {
				return new Item( $row );
			},
			$this->table->rows( $sql, $values )
		);
	}
}
