/* The page "POS Sync": the POS's line, connection test, sending of history with its progress, details of deliveries. */
( function () {
	'use strict';

	const texts = window.posSync;
	const byId = ( id ) => document.getElementById( id );
	const fill = ( text, values ) => text.replace( /%(\d)\$d/g, ( whole, number ) => values[ number - 1 ] );

	/* The line from the POS fills in address and key, whichever field it is pasted into. */
	const readLine = ( line ) => {
		try {
			const code = line.replace( /\s+/g, '' ).slice( 'pos-sync:'.length ).replace( /-/g, '+' ).replace( /_/g, '/' );
			const bytes = Uint8Array.from( atob( code ), ( letter ) => letter.charCodeAt( 0 ) );
			const data = JSON.parse( new TextDecoder().decode( bytes ) );
			return typeof data.url === 'string' && typeof data.key === 'string' && data.url && data.key ? data : null;
		} catch ( error ) {
			return null;
		}
	};
	const fields = byId( 'pos-sync-line' ) ? [ 'pos-sync-line', 'pos-sync-url', 'pos-sync-api-key' ].map( byId ) : [];
	fields.forEach( ( field ) => {
		field.addEventListener( 'input', () => {
			const said = byId( 'pos-sync-line-result' );
			const line = field.value.trim();
			said.textContent = '';
			if ( ! /^pos-sync:/i.test( line ) && ( field.id !== 'pos-sync-line' || ! line ) ) {
				return;
			}
			const data = /^pos-sync:/i.test( line ) ? readLine( line ) : null;
			said.className = data ? 'pos-sync-ok' : 'pos-sync-error';
			said.textContent = data ? texts.lineFilledIn : texts.lineUnusable;
			if ( data ) {
				field.value = '';
				byId( 'pos-sync-url' ).value = data.url;
				byId( 'pos-sync-api-key' ).value = data.key;
			}
		} );
	} );

	/* Request and answer of a delivery, below its row. */
	document.querySelectorAll( '.pos-sync-open' ).forEach( ( link ) => {
		let row = link.dataset.opened === '1' ? link.closest( 'tr' ).nextElementSibling : null;
		const mark = () => link.setAttribute( 'aria-expanded', row && ! row.hidden ? 'true' : 'false' );
		const load = async () => {
			row = document.createElement( 'tr' );
			row.className = 'pos-sync-details-row';
			const cell = row.appendChild( document.createElement( 'td' ) );
			cell.colSpan = link.closest( 'tr' ).cells.length;
			cell.textContent = texts.loading;
			link.closest( 'tr' ).after( row );
			try {
				cell.innerHTML = ( await wp.apiFetch( { path: '/pos-sync/v1/deliveries/' + link.dataset.delivery } ) ).html;
			} catch ( error ) {
				cell.textContent = error.message;
			}
		};
		link.setAttribute( 'role', 'button' );
		mark();
		link.addEventListener( 'click', ( event ) => {
			event.preventDefault();
			if ( row ) {
				row.hidden = ! row.hidden;
			} else {
				load();
			}
			mark();
		} );
		link.addEventListener( 'keydown', ( event ) => {
			if ( event.key === ' ' ) {
				event.preventDefault();
				link.click();
			}
		} );
	} );

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
			show( texts.testing, '' );
			try {
				const answer = await wp.apiFetch( {
					path: '/pos-sync/v1/test',
					method: 'POST',
					// A key that is set in wp-config.php has no field.
					data: { url: byId( 'pos-sync-url' ).value, api_key: byId( 'pos-sync-api-key' )?.value || '' },
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
		bar.value = progress.finished && ! progress.failed ? bar.max : progress.done;
		let line = texts.sent;
		if ( progress.failed ) {
			line = texts.someFailed;
		} else if ( progress.finished ) {
			line = texts.allSent;
		} else if ( progress.paused ) {
			line = texts.paused;
		}
		text.textContent = fill( line, [ progress.done, progress.total, progress.failed ] );
		text.classList.toggle( 'pos-sync-error', progress.failed > 0 );
		box.querySelector( '.pos-sync-failed-link' ).hidden = ! progress.failed;
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
