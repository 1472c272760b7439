<?php
/**
 * Runs on any PHP, without a test runner: loads every file of the plugin and runs the tests of the pure classes.
 *
 * @package POS_Sync
 */

namespace PHPUnit\Framework {

	/**
	 * As much of PHPUnit as those tests use.
	 */
	abstract class TestCase { // phpcs:ignore
		// phpcs:disable
		private static function check( bool $ok, $message ): void {
			if ( ! $ok ) {
				throw new \Exception( (string) $message );
			}
		}
		public function assertSame( $expected, $actual, $message = '' ): void {
			self::check( $expected === $actual, $message . ' expected ' . var_export( $expected, true ) . ', got ' . var_export( $actual, true ) );
		}
		public function assertNotSame( $unexpected, $actual, $message = '' ): void {
			self::check( $unexpected !== $actual, $message );
		}
		public function assertEquals( $expected, $actual ): void {
			self::check( $expected == $actual, 'not equal' );
		}
		public function assertTrue( $actual ): void {
			$this->assertSame( true, $actual );
		}
		public function assertFalse( $actual ): void {
			$this->assertSame( false, $actual );
		}
		public function assertNull( $actual ): void {
			$this->assertSame( null, $actual );
		}
		public function assertCount( int $count, array $actual ): void {
			$this->assertSame( $count, count( $actual ) );
		}
		public function assertStringContainsString( string $part, string $whole ): void {
			self::check( false !== strpos( $whole, $part ), "'$part' is not in '$whole'" );
		}
		public function assertStringNotContainsString( string $part, string $whole ): void {
			self::check( false === strpos( $whole, $part ), "'$part' is in '$whole'" );
		}
		public function assertNotEmpty( $actual, $message = '' ): void {
			self::check( ! empty( $actual ), $message . ' is empty' );
		}
		public function assertMatchesRegularExpression( string $pattern, string $text ): void {
			self::check( (bool) preg_match( $pattern, $text ), $text );
		}
		// phpcs:enable
	}
}

namespace {

	error_reporting( E_ALL ); // phpcs:ignore WordPress.PHP
	set_error_handler( // phpcs:ignore WordPress.PHP
		static function ( int $level, string $message, string $file, int $line ): bool {
			throw new \ErrorException( $message, 0, $level, $file, $line );
		}
	);

	// The one WordPress class that the plugin's classes extend.
	class WP_List_Table {} // phpcs:ignore
	require __DIR__ . '/unit/bootstrap.php';
	$loaded = 0;
	foreach ( array_merge( glob( __DIR__ . '/../woocommerce-pos-sync/includes/*.php' ), glob( __DIR__ . '/../woocommerce-pos-sync/includes/*/*.php' ) ) as $file ) {
		require_once $file;
		++$loaded;
	}
	foreach ( array( '/woocommerce-pos-sync.php', '/uninstall.php' ) as $file ) {
		token_get_all( file_get_contents( __DIR__ . '/../woocommerce-pos-sync' . $file ), TOKEN_PARSE ); // Throws where it can not be parsed.
		++$loaded;
	}

	$passed = 0;
	$failed = 0;
	foreach ( glob( __DIR__ . '/unit/*Test.php' ) as $file ) {
		require_once $file;
		$class = new \ReflectionClass( basename( $file, '.php' ) );
		foreach ( $class->getMethods( \ReflectionMethod::IS_PUBLIC ) as $method ) {
			if ( 0 !== strpos( $method->getName(), 'test' ) ) {
				continue;
			}
			preg_match( '/@dataProvider (\w+)/', (string) $method->getDocComment(), $provider );
			foreach ( $provider ? $class->getMethod( $provider[1] )->invoke( null ) : array( array() ) as $name => $arguments ) {
				try {
					$method->invokeArgs( $class->newInstance(), $arguments );
					++$passed;
				} catch ( \Throwable $problem ) {
					++$failed;
					echo $class->getName(), '::', $method->getName(), " ($name): ", $problem->getMessage(), "\n";
				}
			}
		}
	}
	printf( "PHP %s: %d files loaded, %d passed, %d failed\n", PHP_VERSION, $loaded, $passed, $failed );
	exit( $failed ? 1 : 0 );
}
