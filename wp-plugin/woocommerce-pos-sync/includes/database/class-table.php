<?php

namespace POS_Sync\Database;

/**
 * Runs statements on one of the plugin's own tables, values always apart from the SQL. In the SQL, {table} is the table.
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
		return str_replace( '{table}', $this->database()->prefix . $this->name, $statement );
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
