<?php

namespace POS_Sync\Database;

/**
 * Runs statements on one of the plugin's own tables, values always apart from the SQL. In the SQL, {table} is the table,
 * {postmeta} WordPress's table of what is stored with a post, and {lookup} WooCommerce's of what it looks products up by.
 */
final class Table {

	public const QUEUE = 'pos_sync_queue';
	public const LOG   = 'pos_sync_log';
	public const STOCK = 'pos_sync_stock';

	/**
	 * Name without the site's prefix.
	 */
	private string $name;

	/**
	 * Takes the name.
	 *
	 * @param string $name Name without the site's prefix.
	 */
	public function __construct( string $name ) {
		$this->name = $name;
	}

	/**
	 * A table definition as dbDelta wants it.
	 *
	 * @phpstan-param literal-string $columns
	 * @phpstan-param literal-string $engine
	 * @param string $columns Columns and keys.
	 * @param string $engine  Its storage engine; empty: the database's own choice.
	 */
	public function definition( string $columns, string $engine = '' ): string {
		$engine = '' === $engine ? '' : "ENGINE=$engine ";
		return $this->sql( 'CREATE TABLE {table} (' . $columns . "\n) " . $engine, array() ) . $this->database()->get_charset_collate() . ';';
	}

	// phpcs:disable WordPress.DB -- this is the one place with SQL for tables WordPress does not know; a queue must not be cached.

	/**
	 * Changes rows. What failed, as in a deadlock, is tried once more.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 * @return int Rows changed.
	 */
	public function query( string $sql, array $values ): int {
		$statement = $this->sql( $sql, $values );
		$rows      = $this->database()->query( $statement );
		if ( false === $rows ) {
			$rows = $this->database()->query( $statement );
		}
		return (int) $rows;
	}

	/**
	 * Changes rows, once. What failed is neither repeated nor shown.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 * @return int|null Rows changed; null where the database failed, so that nothing changed.
	 */
	public function attempt( string $sql, array $values ): ?int {
		$shown = $this->database()->suppress_errors( true );
		$rows  = $this->database()->query( $this->sql( $sql, $values ) );
		$this->database()->suppress_errors( $shown );
		return false === $rows ? null : (int) $rows;
	}

	/**
	 * Keeps what the database says of a failed statement out of what is answered; it still goes into PHP's log.
	 */
	public function hide_errors(): void {
		$this->database()->hide_errors();
	}

	/**
	 * What the database said of the last statement that failed; empty where it did not.
	 */
	public function last_error(): string {
		return $this->database()->last_error;
	}

	/**
	 * Adds a row.
	 *
	 * @param array<string, int|string> $row Value by column.
	 */
	public function insert( array $row ): void {
		$this->database()->insert( $this->database()->prefix . $this->name, $row );
	}

	/**
	 * Reads rows.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 * @return array<array<string, string>>
	 */
	public function rows( string $sql, array $values ): array {
		$rows = array();
		foreach ( (array) $this->database()->get_results( $this->sql( $sql, $values ), ARRAY_A ) as $found ) {
			$row = array();
			foreach ( is_array( $found ) ? $found : array() as $column => $value ) {
				$row[ (string) $column ] = is_scalar( $value ) ? (string) $value : '';
			}
			$rows[] = $row;
		}
		return $rows;
	}

	/**
	 * Reads one value; null where there is none.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 */
	public function value( string $sql, array $values ): ?string {
		return $this->database()->get_var( $this->sql( $sql, $values ) );
	}

	/**
	 * Placeholders for so many numbers, for an IN.
	 *
	 * @phpstan-param int<0, max> $count
	 * @phpstan-return literal-string
	 */
	public static function placeholders( int $count ): string {
		return implode( ', ', array_fill( 0, $count, '%d' ) );
	}

	/**
	 * A text without the characters that a column can't hold, such as emojis in old tables. With one of them, WordPress would
	 * refuse the whole statement.
	 */
	public function fit( string $column, string $text ): string {
		$fits = $this->database()->strip_invalid_text_for_column( $this->database()->prefix . $this->name, $column, $text );
		return is_string( $fits ) ? $fits : '';
	}

	/**
	 * Any text for a LIKE that finds it anywhere.
	 */
	public function like( string $text ): string {
		return '%' . $this->database()->esc_like( $text ) . '%';
	}

	/**
	 * The statement.
	 *
	 * @phpstan-param literal-string $sql
	 * @param string            $sql    SQL with placeholders.
	 * @param array<int|string> $values Their values.
	 */
	private function sql( string $sql, array $values ): string {
		$statement = $values ? (string) $this->database()->prepare( $sql, $values ) : $sql;
		$prefix    = $this->database()->prefix;
		return str_replace( array( '{table}', '{postmeta}', '{lookup}' ), array( $prefix . $this->name, $this->database()->postmeta, $prefix . 'wc_product_meta_lookup' ), $statement );
	}

	// phpcs:enable

	/**
	 * WordPress's database.
	 */
	private function database(): \wpdb {
		global $wpdb;
		/**
		 * The global one.
		 *
		 * @var \wpdb $wpdb
		 */
		return $wpdb;
	}
}
