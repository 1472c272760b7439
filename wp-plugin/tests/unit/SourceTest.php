<?php
/**
 * The plugin's own source.
 *
 * @package POS_Sync
 */

use PHPUnit\Framework\TestCase;

/**
 * Classes stay small, typed, and where their names say.
 */
final class SourceTest extends TestCase {

	private const FOLDER = __DIR__ . '/../../woocommerce-pos-sync/includes';

	/**
	 * All classes and interfaces, by file.
	 *
	 * @return array<string, ReflectionClass<object>>
	 */
	private static function classes(): array {
		$classes = array();
		foreach ( array_merge( glob( self::FOLDER . '/*.php' ), glob( self::FOLDER . '/*/*.php' ) ) as $file ) {
			if ( preg_match( '/^namespace (\S+);.*?^(?:final class|interface) (\w+)/ms', file_get_contents( $file ), $match ) && 'WP_List_Table' !== $match[2] ) {
				$classes[ $file ] = $match[1] . '\\' . $match[2];
			}
		}
		if ( ! class_exists( 'WP_List_Table' ) ) {
			eval( 'class WP_List_Table {}' ); // phpcs:ignore Squiz.PHP.Eval -- the one WordPress class that one of them extends.
		}
		return array_map(
			static function ( string $name ): ReflectionClass {
				return new ReflectionClass( $name );
			},
			$classes
		);
	}

	public function test_each_class_is_in_the_file_that_its_name_says(): void {
		$this->assertTrue( count( self::classes() ) > 50 );
		foreach ( self::classes() as $file => $class ) {
			$this->assertSame( realpath( $file ), realpath( (string) $class->getFileName() ), 'The autoloader finds ' . $class->getName() );
		}
	}

	public function test_no_class_is_longer_than_350_lines_and_no_function_than_40(): void {
		foreach ( self::classes() as $class ) {
			$this->assertTrue( $class->getEndLine() - $class->getStartLine() <= 350 );
			foreach ( $class->getMethods() as $method ) {
				if ( $method->getDeclaringClass()->getName() === $class->getName() ) {
					$lines = $method->getEndLine() - $method->getStartLine() + 1;
					$this->assertSame( '', $lines > 40 ? "$lines lines: {$class->getName()}::{$method->getName()}" : '' );
				}
			}
		}
	}

	public function test_every_property_has_a_type(): void {
		foreach ( self::classes() as $class ) {
			foreach ( $class->getProperties() as $property ) {
				if ( $property->getDeclaringClass()->getName() === $class->getName() ) {
					$this->assertSame( '', $property->hasType() ? '' : $class->getName() . '::' . $property->getName() );
				}
			}
		}
	}
}
