<?php
/**
 * The settings.
 *
 * @package POS_Sync
 */

namespace POS_Sync;

/**
 * Reads, checks and keeps the settings: one autoloaded option, so reading costs no query. The API key has an option of its
 * own that is read only where it is needed, or is with the address in wp-config.php (POS_SYNC_API_KEY and POS_SYNC_URL).
 */
final class Settings {

	public const OPTION     = 'pos_sync_settings';
	public const KEY_OPTION = 'pos_sync_api_key';
	public const GROUP      = 'pos_sync';
	public const LIVE_SINCE = 'pos_sync_live_since';
	public const LIVE_AFTER = 'pos_sync_live_after';

	/**
	 * The option that says when the settings were last saved, in Unix time. There from the start, so that reading it costs no query.
	 */
	public const SAVED_AT = 'pos_sync_saved_at';

	public const LOG_ERRORS     = 'error';
	public const LOG_DELIVERIES = 'info';
	public const LOG_DEBUG      = 'debug';

	/**
	 * The constants for wp-config.php. They only count together: whoever may change the settings could otherwise have
	 * the key from there sent to an address of theirs.
	 */
	private const URL_CONSTANT = 'POS_SYNC_URL';
	private const KEY_CONSTANT = 'POS_SYNC_API_KEY';

	private const REFUSED = 'pos_sync_refused_url_';

	private const DEFAULTS = array(
		'enabled'     => false,
		'url'         => '',
		'max_retries' => 3,
		'statuses'    => array(),
		'log_level'   => self::LOG_ERRORS,
		'send_first'  => true,
		'alerts'      => true,
		'alert_email' => '',
	);

	/**
	 * Registers the option with its check.
	 */
	public function register(): void {
		add_action( 'admin_init', array( $this, 'register_option' ) );
		add_action( 'admin_init', array( $this, 'move_stored_key' ), 5 ); // Before the check: nobody typed anything in.
		// After the connection was tested with what is saved, before what is saved is compared with what was.
		add_filter( 'pre_update_option_' . self::OPTION, array( $this, 'take_out_key' ), 20 );
		add_filter( 'option_page_capability_' . self::GROUP, array( $this, 'capability' ) );
	}

	/**
	 * Tells WordPress how the option is checked before it is stored.
	 */
	public function register_option(): void {
		register_setting(
			self::GROUP,
			self::OPTION,
			array(
				'type'              => 'array',
				'sanitize_callback' => array( $this, 'check' ),
			)
		);
	}

	/**
	 * Who may save: whoever runs the shop, not only administrators.
	 */
	public function capability(): string {
		return 'manage_woocommerce';
	}

	/**
	 * Whether orders are sent.
	 */
	public function enabled(): bool {
		return (bool) $this->get( 'enabled' );
	}

	/**
	 * Whether everything that sending needs is there.
	 */
	public function ready(): bool {
		return $this->enabled() && '' !== $this->url() && '' === self::url_problem( $this->url() ) && '' !== $this->api_key();
	}

	/**
	 * Whether address and key are set in wp-config.php.
	 */
	public function is_connection_from_config(): bool {
		return '' !== self::constant( self::URL_CONSTANT ) && '' !== self::constant( self::KEY_CONSTANT );
	}

	/**
	 * What is wrong with the constants in wp-config.php: one without the other; empty where nothing is.
	 */
	public function config_problem(): string {
		if ( '' === self::constant( self::KEY_CONSTANT ) || $this->is_connection_from_config() ) {
			return '';
		}
		/* translators: 1: POS_SYNC_API_KEY, 2: POS_SYNC_URL. */
		return sprintf( __( '%1$s is set in wp-config.php, but not %2$s. The key is not used until both are set: it is only sent to the address that is set there.', 'woocommerce-pos-sync' ), self::KEY_CONSTANT, self::URL_CONSTANT );
	}

	/**
	 * Stops sending.
	 */
	public function switch_off(): void {
		update_option( self::OPTION, array_merge( $this->all(), array( 'enabled' => false ) ) );
	}

	/**
	 * Where orders are sent to; without a slash at its end, which the POS does not know.
	 */
	public function url(): string {
		return rtrim( $this->is_connection_from_config() ? self::constant( self::URL_CONSTANT ) : $this->text( 'url' ), '/' );
	}

	/**
	 * The key the POS knows this shop by; empty where it was saved for another server than the Webhook URL's.
	 */
	public function api_key(): string {
		return $this->key_for( $this->url() );
	}

	/**
	 * The saved key, whatever it was saved for; never to be sent.
	 */
	public function saved_key(): string {
		return $this->is_connection_from_config() ? self::constant( self::KEY_CONSTANT ) : $this->stored_key()['key'];
	}

	/**
	 * All keys there are, to be kept out of logs.
	 *
	 * @return string[]
	 */
	public function secrets(): array {
		return array_values( array_filter( array( self::constant( self::KEY_CONSTANT ), $this->stored_key()['key'] ) ) );
	}

	/**
	 * The saved key where it may be sent to an address: one on the server (scheme, host, port) that it was saved for.
	 *
	 * @param string $url The address.
	 */
	public function key_for( string $url ): string {
		return self::origin( $url ) === $this->key_origin() ? $this->saved_key() : '';
	}

	/**
	 * Why the saved key is not sent to an address; empty where it is, or where no key is saved.
	 *
	 * @param string $url The address.
	 */
	public function key_problem( string $url ): string {
		if ( '' === $url || '' === $this->saved_key() || '' !== $this->key_for( $url ) ) {
			return '';
		}
		if ( '' === $this->key_origin() ) {
			return __( 'Please enter the API key for this Webhook URL again.', 'woocommerce-pos-sync' );
		}
		/* translators: %s: the beginning of a URL, such as https://pos.example.com */
		return sprintf( __( 'Please enter the API key for the new address. The saved key is only sent to %s.', 'woocommerce-pos-sync' ), $this->key_origin() );
	}

	/**
	 * The server that the saved key was entered for.
	 */
	private function key_origin(): string {
		return $this->is_connection_from_config() ? self::origin( $this->url() ) : $this->stored_key()['for'];
	}

	/**
	 * The stored key with the server it was entered for: together, so that no other process pairs a key with the server
	 * of another.
	 *
	 * @return array{key: string, for: string}
	 */
	private function stored_key(): array {
		$stored = get_option( self::KEY_OPTION );
		$stored = is_array( $stored ) ? $stored : array();
		return array(
			'key' => self::string( $stored['key'] ?? '' ),
			'for' => self::string( $stored['for'] ?? '' ),
		);
	}

	/**
	 * Puts the key, where settings that are about to be stored hold one, into its own option, which is not loaded with
	 * every page. None is stored while it is in wp-config.php.
	 *
	 * @param mixed $settings The settings.
	 * @return mixed The settings without the key.
	 */
	public function take_out_key( $settings ) {
		if ( ! is_array( $settings ) || ! array_intersect_key( $settings, array_flip( array( 'api_key', 'key_for' ) ) ) ) {
			return $settings;
		}
		$key = self::string( $settings['api_key'] ?? $this->stored_key()['key'] );
		$for = self::string( $settings['key_for'] ?? '' );
		if ( '' === $key || $this->is_connection_from_config() ) {
			delete_option( self::KEY_OPTION );
		} else {
			$stored = array(
				'key' => $key,
				'for' => '' !== $for ? $for : self::origin( self::string( $settings['url'] ?? '' ) ),
			);
			update_option( self::KEY_OPTION, $stored, false );
		}
		return array_diff_key( $settings, array_flip( array( 'api_key', 'key_for' ) ) );
	}

	/**
	 * Moves a key out of the settings, where earlier versions stored it, and removes one that is in wp-config.php now.
	 */
	public function move_stored_key(): void {
		$settings = get_option( self::OPTION );
		if ( is_array( $settings ) && isset( $settings['api_key'] ) ) {
			update_option( self::OPTION, $settings );
		}
		if ( $this->is_connection_from_config() && false !== get_option( self::KEY_OPTION ) ) {
			delete_option( self::KEY_OPTION );
		}
	}

	/**
	 * Retries with growing delays, before the hourly ones.
	 */
	public function max_retries(): int {
		$value = $this->get( 'max_retries' );
		return is_numeric( $value ) ? (int) $value : 3;
	}

	/**
	 * The statuses that make an order be sent for the first time, without "wc-"; empty means all.
	 *
	 * @return string[]
	 */
	public function statuses(): array {
		$value = $this->get( 'statuses' );
		return is_array( $value ) ? array_values( array_filter( $value, 'is_string' ) ) : array();
	}

	/**
	 * What goes into WooCommerce's own log: one of the LOG_ constants.
	 */
	public function log_level(): string {
		return $this->text( 'log_level' );
	}

	/**
	 * Whether catalogue and open orders are sent when the plugin is first switched on.
	 */
	public function send_first(): bool {
		return (bool) $this->get( 'send_first' );
	}

	/**
	 * Whether an e-mail is sent when orders can't be delivered.
	 */
	public function alerts(): bool {
		return (bool) $this->get( 'alerts' );
	}

	/**
	 * The address that was entered for such e-mails; empty where none was.
	 */
	public function entered_email(): string {
		return $this->text( 'alert_email' );
	}

	/**
	 * Where such an e-mail goes: the address that was entered, else that of the site's administrator.
	 */
	public function alert_email(): string {
		$entered = $this->entered_email();
		return '' !== $entered ? $entered : self::string( get_option( 'admin_email' ) );
	}

	/**
	 * When the plugin was first switched on, in Unix time; 0 before that.
	 */
	public function live_since(): int {
		$value = get_option( self::LIVE_SINCE, 0 );
		return is_numeric( $value ) ? (int) $value : 0;
	}

	/**
	 * Whether the POS got the whole catalogue when the shop went live, so that it should know every product.
	 */
	public function sent_catalogue(): bool {
		$live_after = get_option( self::LIVE_AFTER );
		return is_array( $live_after ) && ! empty( $live_after['catalogue'] );
	}

	/**
	 * Whether an order that the plugin did not see taking its stock is from before it was first switched on. Its date
	 * and its id both have to say so: dates can be set by hand, and ids fall where a database is restored.
	 *
	 * @param int $id      Id of the order.
	 * @param int $created Unix time it was created; 0 when not known.
	 */
	public function is_from_before( int $id, int $created ): bool {
		$live_after = get_option( self::LIVE_AFTER );
		$last       = is_array( $live_after ) ? ( $live_after['order'] ?? null ) : null;
		if ( ! is_numeric( $last ) ) { // Of shops that went live when ids were not noted.
			return $created && $created < $this->live_since();
		}
		return $id <= (int) $last && $created <= $this->live_since();
	}

	/**
	 * Checks what was typed in: keeps what is stored where the new value can't be used, and says what is wrong with it.
	 *
	 * @param mixed $input What the form sent.
	 * @return array<string, mixed>
	 */
	public function check( $input ): array {
		$input = is_array( $input ) ? $input : array();
		$kept  = $this->all();

		list( $url, $key, $key_for ) = $this->checked_address( $input );

		$enabled = ! empty( $input['enabled'] );
		if ( $enabled && ! $this->is_connection_from_config() && ( '' === $url || '' === $key ) ) {
			add_settings_error( self::OPTION, 'pos_sync_enabled', __( 'Nothing is sent yet: the Webhook URL and the API key are both needed.', 'woocommerce-pos-sync' ) );
			$enabled = false;
		}

		$email = trim( self::string( $input['alert_email'] ?? $kept['alert_email'] ) );
		if ( '' !== $email && ! is_email( $email ) ) {
			add_settings_error( self::OPTION, 'pos_sync_alert_email', __( 'This is not an e-mail address; the one before is kept.', 'woocommerce-pos-sync' ) );
			$email = self::string( $kept['alert_email'] );
		}

		$retries = $input['max_retries'] ?? self::DEFAULTS['max_retries'];
		$levels  = array( self::LOG_ERRORS, self::LOG_DELIVERIES, self::LOG_DEBUG );
		$level   = self::string( $input['log_level'] ?? '' );
		// All of them means: also those that other plugins will add.
		$statuses = array_map( 'sanitize_key', array_filter( (array) ( $input['statuses'] ?? array() ), 'is_string' ) );
		if ( ! array_diff( self::known_statuses(), $statuses ) ) {
			$statuses = array();
		}

		return array(
			'enabled'     => $enabled,
			'url'         => $url,
			'api_key'     => $key,
			'key_for'     => $key_for,
			'max_retries' => max( 0, min( 10, is_numeric( $retries ) ? (int) $retries : 3 ) ),
			'statuses'    => array_values( $statuses ),
			'send_first'  => ! empty( $input['send_first'] ),
			'log_level'   => in_array( $level, $levels, true ) ? $level : self::LOG_ERRORS,
			'alerts'      => isset( $input['alert_email'] ) ? ! empty( $input['alerts'] ) : (bool) $kept['alerts'],
			'alert_email' => $email,
		);
	}

	/**
	 * Address, key and what the key is for, as they will be stored. The saved address stays where the new one can't be
	 * used, or is on another server and came without a key: the saved key must not get there.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @return array{string, string, string}
	 */
	private function checked_address( array $input ): array {
		if ( $this->is_connection_from_config() ) {
			return array( $this->text( 'url' ), '', '' );
		}
		list( $url, $key ) = $this->typed_address( $input );

		$problem = self::url_problem( $url );
		$problem = '' === $problem && $url !== $this->text( 'url' ) ? self::host_problem( $url ) : $problem;
		$code    = 'pos_sync_url';
		if ( '' !== $key && ! self::is_usable_key( $key ) ) {
			add_settings_error( self::OPTION, 'pos_sync_api_key', __( 'The API key holds characters that no key has. Please copy it again.', 'woocommerce-pos-sync' ) );
			$key = '';
		}
		if ( '' === $problem && '' === $key ) {
			$problem = $this->key_problem( esc_url_raw( $url ) );
			$code    = 'pos_sync_key_for';
		}
		if ( '' !== $problem ) {
			add_settings_error( self::OPTION, $code, $problem );
			$this->keep_refused_url( $url );
			$url = $this->text( 'url' );
		}
		$url = esc_url_raw( $url );
		// A key that came with a refused address is for that one, not for the saved one.
		return '' === $key || '' !== $problem ? array( $url, $this->saved_key(), $this->key_origin() ) : array( $url, $key, self::origin( $url ) );
	}

	/**
	 * Address and key as they were typed in; both from the POS's line where one was pasted, into whichever field.
	 *
	 * @param array<mixed> $input What the form sent.
	 * @return array{string, string}
	 */
	private function typed_address( array $input ): array {
		$url  = trim( self::string( $input['url'] ?? '' ) );
		$key  = trim( self::string( $input['api_key'] ?? '' ) );
		$line = trim( self::string( $input['line'] ?? '' ) );
		foreach ( array( $key, $url ) as $typed ) {
			$line = '' === $line && Setup_Line::is_one( $typed ) ? $typed : $line;
		}
		$read = Setup_Line::read( $line );
		if ( '' !== $line && ! $read ) {
			add_settings_error( self::OPTION, 'pos_sync_line', self::line_problem() );
		}
		$url = Setup_Line::is_one( $url ) ? self::string( $this->get( 'url' ) ) : $url;
		$key = Setup_Line::is_one( $key ) ? '' : $key;
		return $read ? array( $read['url'], $read['key'] ) : array( $url, $key );
	}

	/**
	 * What is said of a line from the POS that can not be read.
	 */
	public static function line_problem(): string {
		return __( 'The line from the POS can not be read. It begins with “pos-sync:”; please copy all of it, to its end.', 'woocommerce-pos-sync' );
	}

	/**
	 * Keeps an address that was refused, for the page that is shown next, so that it can be corrected there; never a
	 * name or password in it.
	 *
	 * @param string $url The address.
	 */
	private function keep_refused_url( string $url ): void {
		set_transient( self::REFUSED . get_current_user_id(), (string) preg_replace( '#//[^/?\#]*@#', '//', $url ), MINUTE_IN_SECONDS );
	}

	/**
	 * The address that was refused just now, once; empty where none was.
	 */
	public function take_refused_url(): string {
		$name = self::REFUSED . get_current_user_id();
		$url  = self::string( get_transient( $name ) );
		if ( '' !== $url ) {
			delete_transient( $name );
		}
		return $url;
	}

	/**
	 * What is wrong with a webhook URL; empty when nothing is.
	 *
	 * @param string $url The URL.
	 */
	public static function url_problem( string $url ): string {
		if ( '' === $url ) {
			return '';
		}
		$parts = wp_parse_url( $url );
		$host  = is_array( $parts ) ? strtolower( $parts['host'] ?? '' ) : '';
		if ( ! is_array( $parts ) || '' === $host || ! in_array( $parts['scheme'] ?? '', array( 'http', 'https' ), true ) || preg_match( '/\s/', $url ) ) {
			return __( 'The Webhook URL is not a web address. It looks like https://pos.example.com/api/webhooks/orders', 'woocommerce-pos-sync' );
		}
		if ( isset( $parts['user'] ) || isset( $parts['pass'] ) ) {
			return __( 'The Webhook URL must not hold a user name or password; the API key has a field of its own.', 'woocommerce-pos-sync' );
		}
		if ( Address::is_refused( $host ) ) {
			return self::refusal();
		}
		if ( 'http' === $parts['scheme'] && ! self::is_local( $host ) ) {
			return __( 'The Webhook URL must begin with https:// so that orders can not be read on the way.', 'woocommerce-pos-sync' );
		}
		return '';
	}

	/**
	 * What is wrong with the addresses that the host of a URL stands for just now; empty when nothing is.
	 *
	 * @param string $url The URL.
	 */
	public static function host_problem( string $url ): string {
		$host = (string) wp_parse_url( $url, PHP_URL_HOST );
		return array_filter( Address::of( $host ), array( Address::class, 'is_refused_ip' ) ) ? self::refusal() : '';
	}

	/**
	 * What is said of an address that is never a POS.
	 */
	public static function refusal(): string {
		return __( 'The Webhook URL leads to a link-local or metadata address, which is never a POS. Nothing is sent there.', 'woocommerce-pos-sync' );
	}

	/**
	 * The server that an address is on: scheme, host and, where it is not the usual one, port. Empty where it is no address.
	 *
	 * @param string $url The address.
	 */
	public static function origin( string $url ): string {
		$parts = wp_parse_url( $url );
		if ( ! is_array( $parts ) || ! isset( $parts['scheme'], $parts['host'] ) ) {
			return '';
		}
		$scheme = strtolower( $parts['scheme'] );
		$port   = $parts['port'] ?? 0;
		$usual  = ! $port || ( 'https' === $scheme ? 443 : 80 ) === $port;
		return $scheme . '://' . strtolower( $parts['host'] ) . ( $usual ? '' : ":$port" );
	}

	/**
	 * Where the POS says how it is: beside the webhook URL.
	 *
	 * @param string $url The webhook URL.
	 */
	public static function health_url( string $url ): string {
		$path = (string) preg_replace( '#[?\#].*$#', '', $url );
		return (string) preg_replace( '#/orders/?$#', '', rtrim( $path, '/' ) ) . '/health';
	}

	/**
	 * The shop's order statuses without "wc-"; never drafts.
	 *
	 * @return string[]
	 */
	public static function known_statuses(): array {
		$statuses = array();
		foreach ( array_keys( wc_get_order_statuses() ) as $status ) {
			$statuses[] = (string) preg_replace( '/^wc-/', '', (string) $status );
		}
		return array_values( array_diff( $statuses, Payload::DRAFTS ) );
	}

	/**
	 * Whether a host is on this machine or in a private network, where plain http is all right.
	 *
	 * @param string $host Lower-case host name or address.
	 */
	private static function is_local( string $host ): bool {
		$ip = Address::ip( $host );
		if ( '' !== $ip ) {
			return ! filter_var( $ip, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE );
		}
		return false === strpos( $host, '.' ) || (bool) preg_match( '/\.(localhost|local|test|internal|lan)$/', $host );
	}

	/**
	 * Whether a key can be sent in a header.
	 *
	 * @param string $key The key.
	 */
	private static function is_usable_key( string $key ): bool {
		return (bool) preg_match( '/^[\x21-\x7e]{1,255}$/', $key );
	}

	/**
	 * All settings, with defaults for what was never saved.
	 *
	 * @return array<string, mixed>
	 */
	private function all(): array {
		$stored = get_option( self::OPTION, array() );
		return is_array( $stored ) ? array_replace( self::DEFAULTS, array_intersect_key( $stored, self::DEFAULTS ) ) : self::DEFAULTS;
	}

	/**
	 * One setting.
	 *
	 * @param string $name Its name.
	 * @return mixed
	 */
	private function get( string $name ) {
		return $this->all()[ $name ] ?? null;
	}

	/**
	 * One setting as text.
	 *
	 * @param string $name Its name.
	 */
	private function text( string $name ): string {
		return self::string( $this->get( $name ) );
	}

	/**
	 * A constant's text; empty where it is not defined.
	 *
	 * @param string $name Its name.
	 */
	private static function constant( string $name ): string {
		return defined( $name ) ? trim( self::string( constant( $name ) ) ) : '';
	}

	/**
	 * A value if it is text, else nothing.
	 *
	 * @param mixed $value Anything.
	 */
	private static function string( $value ): string {
		return is_string( $value ) ? $value : '';
	}
}
