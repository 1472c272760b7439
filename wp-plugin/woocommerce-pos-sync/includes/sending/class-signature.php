<?php

namespace POS_Sync\Sending;

/**
 * Standard Webhooks signatures (v1: HMAC-SHA256), the API key being the secret.
 */
final class Signature {

	/**
	 * The three headers that prove who sent exactly these bytes, and when.
	 *
	 * @param string $delivery_id Stays the same when the same bytes are sent again.
	 * @param int    $sent_at     Unix time of sending.
	 * @param string $body        The exact bytes of the body.
	 * @return array<string, string>
	 */
	public static function headers( string $key, string $delivery_id, int $sent_at, string $body ): array {
		return array(
			'webhook-id'        => $delivery_id,
			'webhook-timestamp' => (string) $sent_at,
			'webhook-signature' => self::sign( $key, $delivery_id, $sent_at, $body ),
		);
	}

	/**
	 * The signature alone.
	 *
	 * @param int    $sent_at     Unix time of sending.
	 * @param string $body        The exact bytes of the body.
	 */
	public static function sign( string $key, string $delivery_id, int $sent_at, string $body ): string {
		$signed = "{$delivery_id}.{$sent_at}.{$body}";
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- as Standard Webhooks has it.
		return 'v1,' . base64_encode( hash_hmac( 'sha256', $signed, $key, true ) );
	}
}
