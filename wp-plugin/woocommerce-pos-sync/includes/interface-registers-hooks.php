<?php

namespace POS_Sync;

/**
 * A part of the plugin that hooks itself into WordPress or WooCommerce, once for each request.
 */
interface Registers_Hooks {

	/**
	 * Adds its actions and filters.
	 */
	public function register(): void;
}
