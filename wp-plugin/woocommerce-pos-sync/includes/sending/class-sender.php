<?php

namespace POS_Sync\Sending;

use POS_Sync\Backfill\Backfill;
use POS_Sync\Extension\Developer_Hooks;
use POS_Sync\Log\Delivery_Log;
use POS_Sync\Payload\Envelope;
use POS_Sync\Payload\Envelope_Builder;
use POS_Sync\Payload\Shop_Query;
use POS_Sync\Queue\Queue;
use POS_Sync\Queue\Queue_Claims;
use POS_Sync\Queue\Queue_Item;
use POS_Sync\Queue\Queue_Reader;
use POS_Sync\Settings\Api_Key_Storage;
use POS_Sync\Settings\Settings;
use POS_Sync\Settings\Site_Identity;

/**
 * Sends one order, product or erasure, and records what came of it.
 */
final class Sender {

	/**
	 * The options that are read for each delivery and are not loaded with every page.
	 */
	private const OPTIONS = array( Api_Key_Storage::OPTION, Settings::LIVE_AFTER, Backfill::OPTION );

	private Settings $settings;
	private Site_Identity $site;
	private Queue $queue;
	private Queue_Reader $reader;
	private Queue_Claims $claims;
	private Shop_Query $shop;
	private Envelope_Builder $envelopes;
	private Pos_Client $client;
	private Delivery_Log $log;

	/**
	 * Whether this process has reached the POS, and made due what waited for that.
	 */
	private bool $is_reachable = false;

	public function __construct( Settings $settings, Site_Identity $site, Queue $queue, Queue_Reader $reader, Queue_Claims $claims, Shop_Query $shop, Envelope_Builder $envelopes, Pos_Client $client, Delivery_Log $log ) {
		$this->settings  = $settings;
		$this->site      = $site;
		$this->queue     = $queue;
		$this->reader    = $reader;
		$this->claims    = $claims;
		$this->shop      = $shop;
		$this->envelopes = $envelopes;
		$this->client    = $client;
		$this->log       = $log;
	}

	/**
	 * Whether anything may be sent from here at all.
	 */
	public function may_send(): bool {
		return $this->is_switched_on() && $this->settings->is_ready();
	}

	/**
	 * Whether sending is switched on at this site. Costs no query; what else sending needs is looked at where nobody waits for it.
	 */
	public function is_switched_on(): bool {
		return $this->settings->is_enabled() && ! $this->site->is_copy();
	}

	/**
	 * Sends one, if it waits and nobody else is at it.
	 *
	 * @param string   $type    Queue_Item::ORDER, Queue_Item::PRODUCT or Queue_Item::ERASURE.
	 * @param int|null $timeout Seconds that the POS has for its answer; null for the usual.
	 * @return string Pos_Response::SENT, RETRY or FAILED; empty when nothing was sent.
	 */
	public function send( string $type, int $id, ?int $timeout = null ): string {
		$item = $this->may_send() ? $this->claims->claim( $type, $id, time() ) : null;
		if ( ! $item ) {
			return '';
		}
		if ( Queue_Item::BROKE_OFF === $item->error && null === Retry_Schedule::delay( $item->attempts, $this->settings->max_retries(), null, 0 ) ) {
			return $this->record( $item, $this->envelopes->placeholder( $item ), Pos_Response::unreadable( Queue_Item::BROKE_OFF ) );
		}
		// What this process read earlier may have changed since: without this an old state could go out under the new sequence.
		wp_cache_flush_runtime();
		wp_prime_option_caches( self::OPTIONS );

		try {
			$envelope = $this->envelopes->build( $item );
		} catch ( \Throwable $problem ) {
			return $this->record( $item, $this->envelopes->placeholder( $item ), Pos_Response::unreadable( $problem->getMessage() ) );
		}
		if ( ! $envelope ) {
			$this->claims->remove( $item, Queue_Item::ORDER !== $type || ! wc_get_order( $id ) );
			return '';
		}
		if ( '' === $envelope->body ) {
			return $this->record( $item, $envelope, Pos_Response::unreadable( __( 'It holds data that can not be written as JSON.', 'woocommerce-pos-sync' ) ) );
		}
		$reply = $this->client->post( $envelope, $timeout ?? Pos_Client::TIMEOUT );
		$reply->add_note( $envelope->left_out_note() );
		return $this->record( $item, $envelope, $reply );
	}

	/**
	 * Has orders or products of this shop sent again. Ids of anything else do nothing.
	 *
	 * @param string $type Queue_Item::ORDER or Queue_Item::PRODUCT.
	 * @param int[]  $ids  Their ids; also of what is gone, where it was queued.
	 * @return int[] Those that are sent again.
	 */
	public function resend( string $type, array $ids ): array {
		$queued = array_keys( $this->reader->find_all( $type, $ids ) );
		$ids    = array_values( array_intersect( $ids, array_merge( $queued, $this->shop->of_this_shop( $type, $ids ) ) ) );
		$this->queue->resend( $type, $ids, Queue_Item::LIVE, time() );
		return $ids;
	}

	/**
	 * Records what came of it.
	 *
	 * @param Queue_Item   $item     As it was claimed.
	 * @param Envelope     $envelope What was sent.
	 * @param Pos_Response $response What came back.
	 * @return string Pos_Response::SENT, RETRY or FAILED.
	 */
	private function record( Queue_Item $item, Envelope $envelope, Pos_Response $response ): string {
		return Pos_Response::SENT === $response->result ? $this->record_success( $item, $envelope, $response ) : $this->record_failure( $item, $envelope, $response );
	}

	/**
	 * The POS has it.
	 *
	 * @return string Pos_Response::SENT.
	 */
	private function record_success( Queue_Item $item, Envelope $envelope, Pos_Response $response ): string {
		if ( Queue_Item::ERASURE === $item->type ) {
			$this->claims->remove( $item, true ); // Nothing of the customer is kept.
		} else {
			$this->claims->mark_sent( $item, substr( (string) strrchr( $envelope->event, '.' ), 1 ), $envelope->fingerprint, $envelope->refunds );
		}
		if ( ! $this->is_reachable ) {
			$this->queue->retry_after_outage( $this->settings->max_retries(), time() );
			$this->is_reachable = true;
		}
		$this->log->add( $item, $envelope, $response, Pos_Response::SENT );
		Developer_Hooks::delivered( $item->type, $item->id, $response->outcome(), $envelope->event );
		return Pos_Response::SENT;
	}

	/**
	 * It did not arrive, or was refused.
	 *
	 * @return string Pos_Response::RETRY or FAILED.
	 */
	private function record_failure( Queue_Item $item, Envelope $envelope, Pos_Response $response ): string {
		$delay = null;
		if ( Pos_Response::RETRY === $response->result ) {
			$delay = Retry_Schedule::delay( $item->attempts, $this->settings->max_retries(), $response->retry_after, wp_rand( 0, 1000 ) / 1000 );
		}
		$next    = null === $delay ? null : time() + $delay;
		$result  = null === $delay ? Pos_Response::FAILED : Pos_Response::RETRY;
		$message = $this->log->clean( $response->message );
		$this->claims->mark_failed( $item, $response, $message, $next );
		$this->log->add( $item, $envelope, $response, $result );
		Developer_Hooks::delivery_failed( $item->type, $item->id, $message, $next );
		return $result;
	}
}
