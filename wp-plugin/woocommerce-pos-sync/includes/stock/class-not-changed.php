<?php

namespace POS_Sync\Stock;

/**
 * Thrown in the middle of WooCommerce's function where the stock was not changed, so that nothing that follows a change is done.
 */
final class Not_Changed extends \Exception {
}
