<?php
/**
 * What the plugin uses of WP-CLI, for reading and running its commands without it.
 *
 * @package POS_Sync
 */

/**
 * Prints what WP-CLI would.
 */
class WP_CLI {

	/**
	 * Commands by name.
	 *
	 * @var array<string, mixed>
	 */
	public static $commands = array();

	/**
	 * Registers a command.
	 *
	 * @param string $name    Its name.
	 * @param mixed  $command Its class.
	 */
	public static function add_command( string $name, $command ): void {
		self::$commands[ $name ] = $command;
	}

	/**
	 * Prints a line.
	 *
	 * @param string $text The line.
	 */
	public static function log( string $text ): void {
		echo "$text\n";
	}

	/**
	 * Prints a success.
	 *
	 * @param string $text What succeeded.
	 */
	public static function success( string $text ): void {
		echo "Success: $text\n";
	}

	/**
	 * Prints an error and ends.
	 *
	 * @param string $text What failed.
	 * @return never
	 */
	public static function error( string $text ): void {
		echo "Error: $text\n";
		exit( 1 );
	}
}
