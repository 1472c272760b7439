<?php
/**
 * Plugin Name:          WooCommerce POS Sync
 * Description:          Sends every order to your point of sale and takes over its stock: in the background, with retries, nothing lost and nothing counted twice.
 * Version:              1.1.0
 * Requires at least:    6.4
 * Requires PHP:         7.4
 * Requires Plugins:     woocommerce
 * WC requires at least: 8.2
 * WC tested up to:      11.0
 * Author:               WooCommerce POS Sync
 * License:              GPL-2.0-or-later
 * License URI:          https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:          woocommerce-pos-sync
 * Domain Path:          /languages
 *
 * @package POS_Sync
 */

namespace POS_Sync;

defined( 'ABSPATH' ) || exit;

const VERSION     = '1.1.0';
const PLUGIN_FILE = __FILE__;

require __DIR__ . '/includes/autoload.php';

( new Plugin() )->register();
