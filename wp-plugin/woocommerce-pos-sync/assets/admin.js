/* The settings page: connection test, and sending of history with its progress. */
( function () {
	'use strict';

	const { __, sprintf } = wp.i18n;
	const byId = ( id ) => document.getElementById( id );

	/* Connection test, with what is typed in, saved or not. */
	const button = byId( 'pos-sync-test' );
	const result = byId( 'pos-sync-test-result' );
	if ( button && result ) {
		const show = ( text, kind ) => {
			result.textContent = text;
			result.className = kind;
		};
		button.addEventListener( 'click', async () => {
			button.disabled = true;
			show( __( 'Testing…', 'woocommerce-pos-sync' ), '' );
			try {
				const answer = await wp.apiFetch( {
					path: '/pos-sync/v1/test',
					method: 'POST',
					data: { url: byId( 'pos-sync-url' ).value, api_key: byId( 'pos-sync-api-key' ).value },
				} );
				show( answer.message, answer.ok ? 'pos-sync-ok' : 'pos-sync-error' );
			} catch ( error ) {
				show( error.message, 'pos-sync-error' );
			}
			button.disabled = false;
		} );
	}

	/* Sending of history. */
	const box = byId( 'pos-sync-progress' );
	if ( ! box ) {
		return;
	}
	const bar = box.querySelector( 'progress' );
	const text = box.querySelector( '.pos-sync-progress-text' );
	const problem = byId( 'pos-sync-history-error' );
	let timer = 0;

	const render = ( progress ) => {
		box.hidden = progress.kind === '';
		bar.max = progress.total || 1;
		bar.value = progress.finished ? bar.max : progress.done;
		let line = __( '%1$d of %2$d sent', 'woocommerce-pos-sync' );
		if ( progress.finished ) {
			line = __( 'All sent: %1$d of %2$d', 'woocommerce-pos-sync' );
		} else if ( progress.paused ) {
			line = __( 'Paused: %1$d of %2$d sent', 'woocommerce-pos-sync' );
		}
		text.textContent = sprintf( line, progress.done, progress.total );
		box.querySelector( '[data-pos-sync="pause"]' ).hidden = progress.finished || progress.paused;
		box.querySelector( '[data-pos-sync="resume"]' ).hidden = progress.finished || ! progress.paused;
		clearTimeout( timer );
		if ( ! progress.finished && ! progress.paused && progress.kind !== '' ) {
			timer = setTimeout( () => call( {} ), 3000 );
		}
	};

	const call = async ( options ) => {
		problem.textContent = '';
		try {
			render( await wp.apiFetch( { path: '/pos-sync/v1/backfill', ...options } ) );
		} catch ( error ) {
			problem.textContent = error.message;
		}
	};

	document.querySelectorAll( '[data-pos-sync]' ).forEach( ( control ) => {
		control.addEventListener( 'click', () =>
			call( { method: 'POST', data: { do: control.dataset.posSync, since: byId( 'pos-sync-since' ).value } } )
		);
	} );
	render( JSON.parse( box.dataset.progress ) );
} )();
