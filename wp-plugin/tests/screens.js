/**
 * Clicks through the plugin's screens in headless Chromium as the shop's owner would:
 * node screens.js SHOP_URL POS_URL [FOLDER FOR PICTURES]
 * The shop has WooCommerce and products, the plugin is active and not yet set up. The POS's key is in $POS_API_KEY,
 * $SHOP is the shop's folder for "shop act".
 */
const { execFileSync, spawn } = require( 'child_process' );
const { createHmac } = require( 'crypto' );
const path = require( 'path' );
const puppeteer = require( 'puppeteer-core' );

const [ , , shop, pos, pictures ] = process.argv;
const key = process.env.POS_API_KEY;
let kept = 0;

function check( ok, promise ) {
	if ( ! ok ) {
		throw new Error( 'NOT OK: ' + promise );
	}
	kept++;
}

function act( what, input = {} ) {
	const out = execFileSync( path.join( __dirname, 'shop' ), [ 'act', process.env.SHOP, what, JSON.stringify( input ) ], { encoding: 'utf8' } );
	return JSON.parse( out.trim().split( '\n' ).pop() );
}

/* A POS that refuses everything for good, in a process of its own: this one waits while the shop sends. It counts its requests. */
function refusing() {
	const answer = JSON.stringify( { success: false, error: { code: 'validation_failed', message: 'The order is not valid, says anna@example.se.' } } );
	const server = spawn( process.execPath, [ '-e', `
		let asked = 0;
		const server = require( 'http' ).createServer( ( request, response ) => {
			if ( request.url === '/asked' ) {
				response.end( String( asked ) );
				return;
			}
			asked++;
			response.writeHead( 422, { 'Content-Type': 'application/json' } );
			response.end( ${ JSON.stringify( answer ) } );
		} ).listen( 0, '127.0.0.1', () => console.log( server.address().port ) );
	` ], { stdio: [ 'ignore', 'pipe', 'inherit' ] } );
	return new Promise( ( resolve ) => server.stdout.once( 'data', ( port ) => resolve( { server, url: `http://127.0.0.1:${ port.toString().trim() }/api/webhooks/orders` } ) ) );
}

/* Sends movements of stock as the POS does; the signature is by another key, or older, where that is wanted. */
async function sendStock( items, { by = key, age = 0 } = {} ) {
	const body = JSON.stringify( { store: 'default', items } );
	const [ id, time ] = [ 'stock_' + Math.random(), Math.floor( Date.now() / 1000 ) - age ];
	const derived = createHmac( 'sha256', by ).update( 'pos-sync stock' ).digest();
	const headers = {
		'Content-Type': 'application/json',
		'webhook-id': id,
		'webhook-timestamp': String( time ),
		'webhook-signature': 'v1,' + createHmac( 'sha256', derived ).update( `${ id }.${ time }.${ body }` ).digest( 'base64' ),
	};
	const answer = await fetch( shop + '/wp-json/pos-sync/v1/stock', { method: 'POST', headers, body } );
	return { status: answer.status, ...( await answer.json() ) };
}

/* The line that the POS prints for a shop. */
const lineOf = ( url ) => 'pos-sync:' + Buffer.from( JSON.stringify( { url, key } ) ).toString( 'base64url' );

async function main() {
	const refuser = await refusing();
	const browser = await puppeteer.launch( {
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: [ '--no-sandbox', '--disable-gpu', '--window-size=1400,1000', '--lang=en-US' ],
		defaultViewport: { width: 1400, height: 1000 },
	} );
	const page = await browser.newPage();
	const problems = [];
	// WordPress fades from page to page; that a picture or another width comes between is nobody's fault.
	page.on( 'pageerror', ( error ) => /^Transition was|InvalidStateError: Transition/.test( error.message ) || problems.push( 'script: ' + error.message ) );
	page.setDefaultTimeout( 60000 );

	const picture = async ( name ) => pictures && page.screenshot( { path: path.join( pictures, name + '.png' ), fullPage: true } );
	const text = ( selector = 'body' ) => page.$eval( selector, ( element ) => element.innerText );
	const go = ( where ) => page.goto( shop + where, { waitUntil: 'domcontentloaded' } );
	const click = async ( selector ) => {
		await page.waitForSelector( selector );
		await Promise.all( [ page.waitForNavigation( { waitUntil: 'domcontentloaded' } ), page.$eval( selector, ( element ) => element.click() ) ] );
	};
	const fill = ( selector, value ) => page.$eval( selector, ( element, to ) => {
		element.value = to;
		element.dispatchEvent( new Event( 'input', { bubbles: true } ) );
	}, value );
	const valueOf = ( selector ) => page.$eval( selector, ( element ) => element.value );
	const fits = async ( what, width = 400 ) => {
		await page.setViewport( { width, height: 800 } );
		const over = await page.evaluate( () => document.documentElement.scrollWidth - document.documentElement.clientWidth );
		await picture( `${ what }-${ width }` );
		check( over <= 0, `${ what } fits at a width of ${ width }, but is ${ over } pixels too wide` );
		await page.setViewport( { width: 1280, height: 1000 } );
	};
	const tick = ( selector, on ) => page.$eval( selector, ( element, to ) => { element.checked = to; }, on );
	const test = async () => {
		await page.$eval( '#pos-sync-test', ( element ) => element.click() );
		await page.waitForFunction( () => ! document.getElementById( 'pos-sync-test' ).disabled && document.getElementById( 'pos-sync-test-result' ).className !== '' );
		return text( '#pos-sync-test-result' );
	};

	try {
		await go( '/wp-login.php' );
		await fill( '#user_login', 'admin' );
		await fill( '#user_pass', 'admin' );
		await click( '#wp-submit' );

		// After activation there is a way to the settings.
		await go( '/wp-admin/plugins.php?activate=true' );
		check( ( await page.$eval( '.pos-sync-welcome a', ( link ) => link.href ) ).endsWith( 'admin.php?page=pos-sync' ), 'after activation a notice leads to the settings' );
		check( await page.$( 'tr[data-slug="woocommerce-pos-sync"] .row-actions a[href$="page=pos-sync"]' ), 'and the list of plugins has a link to them' );
		await picture( '0-plugins' );
		await click( '.pos-sync-welcome a' );

		// Settings: wrong first, then right.
		check( await page.$( '#toplevel_page_woocommerce .wp-submenu li.current a[href$="page=pos-sync"]' ), 'the menu is under WooCommerce' );
		check( await page.$( '#pos-sync-send-first' ), 'before the first time it offers to send the catalogue' );
		const unlabelled = await page.$$eval( '.pos-sync input:not([type=hidden]):not([type=submit]), .pos-sync select', ( fields ) => fields.filter( ( field ) => ! field.labels.length ).map( ( field ) => field.id ) );
		check( unlabelled.length === 0, 'every field has a label, but not ' + unlabelled );
		await picture( '1-settings-new' );
		await fits( '1-settings-new' );
		check( ( await test() ).includes( 'enter the Webhook URL' ), 'the test asks for what is missing' );
		await fill( '#pos-sync-url', 'http://pos.example.com/api/webhooks/orders' );
		await tick( '#pos-sync-enabled', true );
		await click( '#submit' );
		check( ( await text() ).includes( 'must begin with https://' ), 'a plain http address is refused with the reason' );
		check( ( await text() ).includes( 'Nothing is sent yet' ), 'it can not be switched on without URL and key' );
		await picture( '2-settings-wrong' );
		check( ( await valueOf( '#pos-sync-url' ) ) === 'http://pos.example.com/api/webhooks/orders', 'the refused address stays in its field' );
		check( ( await text( '#pos-sync-url-problem' ) ).includes( 'must begin with https://' ), 'with the reason beside it' );
		check( ! ( await page.$eval( '#pos-sync-enabled', ( element ) => element.checked ) ), 'and stays off' );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		check( ( await valueOf( '#pos-sync-url' ) ) === '', 'the next time the field shows what is saved' );

		// The line from the POS.
		await fill( '#pos-sync-line', 'pos-sync:cut-of' );
		check( ( await text( '#pos-sync-line-result' ) ).includes( 'can not be read' ), 'a line that was not copied to its end is named' );
		await fill( '#pos-sync-line', lineOf( pos ) );
		check( ( await valueOf( '#pos-sync-url' ) ) === pos && ( await valueOf( '#pos-sync-api-key' ) ) === key, 'the line of the POS fills in address and key' );
		check( ( await valueOf( '#pos-sync-line' ) ) === '', 'and is not kept' );
		await fill( '#pos-sync-api-key', '' );
		await fill( '#pos-sync-url', lineOf( pos ).slice( 0, 40 ) + '\n' + lineOf( pos ).slice( 40 ) );
		check( ( await valueOf( '#pos-sync-api-key' ) ) === key, 'also when it is pasted into another field, broken into lines' );

		await fill( '#pos-sync-url', 'http://127.0.0.1:9/api/webhooks/orders' );
		await fill( '#pos-sync-api-key', key );
		check( ( await test() ).includes( 'refused' ), 'the test names a refused connection' );
		await picture( '3-test-refused' );
		await fill( '#pos-sync-url', pos );
		await fill( '#pos-sync-api-key', 'wrong-key' );
		check( ( await test() ).includes( 'API key' ), 'the test names a wrong key' );
		await click( '#submit' );
		check( ( await text( '#setting-error-pos_sync_connection' ) ).includes( 'does not know this API key' ), 'saving a wrong key says so at once' );
		await picture( '3-saved-wrong-key' );
		await fill( '#pos-sync-api-key', '  ' + key + '  ' );
		const connected = await test();
		check( connected.startsWith( 'Connected' ), 'the test connects: ' + connected );
		await tick( '#pos-sync-enabled', true );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved. Connected' ), 'it is saved, and connects' );
		check( ! ( await page.content() ).includes( key ), 'the saved key is nowhere on the page' );
		check( ( await text() ).includes( 'Leave the field empty to keep it' ), 'the field says that a key is saved' );
		await click( '#submit' );
		check( ( await test() ).startsWith( 'Connected' ), 'an empty field keeps the key' );
		act( 'setting', { url: 'http://127.0.0.1:9/', api_key: 'wrong-key' } );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		// As without a script: the line comes with the form.
		await page.$eval( '#pos-sync-line', ( element, line ) => { element.value = line; }, lineOf( pos ) );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved. Connected' ), 'a pasted line is saved as address and key' );
		check( ( await valueOf( '#pos-sync-url' ) ) === pos && ! ( await page.content() ).includes( key ) && ! ( await page.content() ).includes( lineOf( pos ).slice( 20, 60 ) ), 'and never shown again' );
		await page.$eval( '#pos-sync-line', ( element ) => { element.value = 'pos-sync:nonsense'; } );
		await click( '#submit' );
		check( ( await text() ).includes( 'The line from the POS can not be read' ), 'one that can not be read is refused in words' );
		check( ( await test() ).startsWith( 'Connected' ), 'and changes nothing' );

		// The catalogue goes by itself.
		await page.waitForSelector( '#pos-sync-progress:not([hidden])' );
		// On a slow machine WooCommerce's scheduler has sent it by now: once more, and held at once.
		await page.$eval( '[data-pos-sync="catalogue"]', ( element ) => element.click() );
		await page.waitForSelector( '[data-pos-sync="pause"]:not([hidden])' );
		await page.$eval( '[data-pos-sync="pause"]', ( element ) => element.click() );
		await page.waitForFunction( () => document.querySelector( '.pos-sync-progress-text' ).textContent.startsWith( 'Paused' ) );
		await picture( '4-paused' );
		await page.$eval( '[data-pos-sync="resume"]', ( element ) => element.click() );
		await page.waitForFunction( () => document.querySelector( '[data-pos-sync="resume"]' ).hidden );
		act( 'run_jobs' );
		await page.waitForFunction( () => document.querySelector( '.pos-sync-progress-text' ).textContent.startsWith( 'All sent' ) );
		await picture( '5-settings-live' );
		await fits( '5-settings-live' );

		// The saved key goes to no other server than the one it was saved for.
		const asked = async () => ( await fetch( refuser.url.replace( '/api/webhooks/orders', '/asked' ) ) ).text();
		const ask = 'Please enter the API key for the new address. The saved key is only sent to ' + new URL( pos ).origin;
		await fill( '#pos-sync-url', refuser.url );
		check( ( await test() ).startsWith( ask ), 'the test of another server asks for its key: ' + ( await text( '#pos-sync-test-result' ) ) );
		await click( '#submit' );
		check( ( await text( '#pos-sync-api-key-problem' ) ).startsWith( ask ), 'so does saving, beside the field' );
		check( ( await text( '#pos-sync-api-key-problem' ) ).endsWith( `Until then, ${ pos } is used.` ), 'and says what goes on meanwhile' );
		check( ( await valueOf( '#pos-sync-url' ) ) === refuser.url, 'the new address stays in its field' );
		await picture( '3-key-for-another-server' );
		await fits( '3-key-for-another-server' );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		check( ( await valueOf( '#pos-sync-url' ) ) === pos && ( await test() ).startsWith( 'Connected' ), 'and the saved one is used' );
		await fill( '#pos-sync-url', '' );
		await tick( '#pos-sync-enabled', false );
		await click( '#submit' );
		await fill( '#pos-sync-url', refuser.url );
		check( ( await test() ).startsWith( ask ), 'also after the address was taken away' );
		await click( '#submit' );
		check( ( await text( '#pos-sync-api-key-problem' ) ) === ask + '.', 'on saving, too' );
		act( 'setting', { url: refuser.url, key_for: new URL( pos ).origin, enabled: true } );
		for ( const command of [ 'test', 'send', 'backfill', 'status' ] ) {
			let said = '';
			try {
				act( 'cli', { command } );
			} catch ( error ) {
				said = error.stdout + error.stderr + error.message;
			}
			check( said.includes( ask ), `wp pos-sync ${ command } asks for the key where the address was changed in the database: ${ said }` );
		}
		await go( '/wp-admin/' );
		check( ( await text( '.pos-sync-notice' ) ).includes( ask ), 'and a notice does' );
		act( 'run_jobs' );
		check( ( await asked() ) === '0', 'the other server was never asked anything' );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		await fill( '#pos-sync-url', pos.replace( '/orders', '/orders/' ) );
		await tick( '#pos-sync-enabled', true );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved. Connected' ), 'another path on its own server needs no key' );

		// Orders: one sent, one that fails for good, one that waits.
		const product = act( 'products' ).ids[ 0 ];
		const order = () => act( 'create_order', { lines: [ [ product, 1 ] ] } ).id;
		const sent = order();
		act( 'status', { id: sent, to: 'processing' } );
		act( 'run_jobs' );
		act( 'setting', { url: refuser.url } );
		const failed = order();
		act( 'run_jobs' );
		act( 'setting', { url: 'http://127.0.0.1:9/api/webhooks/orders' } );
		const waiting = order();
		act( 'run_jobs' );
		act( 'setting', { url: pos } );

		const cell = ( id ) => text( `#order-${ id } .column-pos_sync, #post-${ id } .column-pos_sync` );
		await go( act( 'urls' ).orders );
		check( ( await cell( sent ) ).trim() === 'Sent', 'the column shows what was sent' );
		check( ( await cell( waiting ) ).trim() === 'Waiting', 'the column shows what waits' );
		check( ( await cell( failed ) ).trim() === 'Failed', 'the column shows what failed' );
		check( ( await text() ).includes( '1 order or product could not be delivered to the POS: The POS can not use it' ), 'a notice says what failed, and why' );
		check( ( await page.$eval( `#order-${ waiting } .pos-sync-badge, #post-${ waiting } .pos-sync-badge`, ( badge ) => badge.title ) ) === 'The POS did not answer (connection refused)', 'the column has the reason in words' );
		await picture( '6-orders' );

		// Bulk action.
		await page.$eval( `#order-${ waiting } input[type=checkbox], #post-${ waiting } input[type=checkbox]`, ( element ) => { element.checked = true; } );
		await page.select( '#bulk-action-selector-top', 'pos_sync_send' );
		await click( '#doaction' );
		check( ( await text() ).includes( '1 order will be sent' ), 'the bulk action says what it does' );
		act( 'run_jobs' );
		await go( act( 'urls' ).orders );
		check( ( await cell( waiting ) ).trim() === 'Sent', 'and does it' );

		// Resend all failed.
		await click( '.pos-sync-notice button[value="resend"]' );
		act( 'run_jobs' );
		await go( act( 'urls' ).orders );
		check( ( await cell( failed ) ).trim() === 'Sent', 'one button resends what failed' );
		check( ! ( await page.$( '.pos-sync-notice' ) ), 'and then the notice is gone' );

		// The order's own screen.
		await go( act( 'urls', { id: failed } ).order );
		const box = await text( '#side-sortables #pos-sync' );
		check( box.includes( 'Sent' ) && box.includes( 'Failed' ), 'the box in the side column shows the state and the last deliveries' );
		check( box.includes( 'The POS can not use it' ), 'in words' );
		await picture( '7-order' );
		const before = act( 'queue' ).log.length;
		await click( '#pos-sync button[name="what"]' );
		check( ( await text( '.notice-success' ) ).includes( `Order #${ failed } was sent to the POS.` ), 'its button sends it again and says so' );
		check( act( 'queue' ).log.length === before + 1, 'at once' );
		await page.select( 'select[name="wc_order_action"]', 'pos_sync_send' );
		await click( '#woocommerce-order-actions .save_order, #woocommerce-order-actions button.wc-reload' );
		act( 'run_jobs' );
		check( act( 'queue' ).log.length > before + 1, 'the order action sends it too' );
		await go( act( 'urls' ).new_order );
		check( ( await page.$( '#woocommerce-order-actions' ) ) && ! ( await page.$( '#pos-sync' ) ), 'a new order has no box' );

		// The log.
		await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries' );
		const rows = ( column ) => page.$$eval( `.wp-list-table tbody .column-${ column }`, ( cells ) => cells.map( ( each ) => each.innerText.trim() ) );
		const heads = await page.$$eval( '.wp-list-table thead th', ( cells ) => cells.map( ( each ) => each.innerText ) );
		check( new Set( heads ).size === 7, 'its columns have different names' );
		const rowOf = async ( what ) => ( await rows( 'about' ) ).findIndex( ( each ) => each.startsWith( what ) );
		check( ( await rows( 'event' ) ).includes( 'New order' ), 'the log shows deliveries in words' );
		check( ( await page.$$eval( '.column-about a', ( links ) => links.map( ( each ) => each.innerText ) ) ).includes( 'Mug (MUG-1)' ), 'products by name, linked' );
		check( ( await page.$eval( '.column-about a', ( link ) => link.innerText ) ).startsWith( 'Order #' ), 'orders by number, linked' );
		check( ( await page.$eval( '.column-customer a', ( link ) => link.innerText ) ) === 'Anna Öberg', 'and customers by name, linked' );
		check( ( await rows( 'answer' ) ).includes( 'The POS did not answer (connection refused)' ), 'messages are in words' );
		check( await page.$( '.column-answer span[title*="cURL error 7"]' ), 'the original text is behind them' );
		await picture( '8-log' );
		await fits( '8-log' );

		// A row opens; personal data are folded.
		const open = async ( index ) => {
			await page.$$eval( '.pos-sync-open', ( links, at ) => links[ at ].click(), index );
			await page.waitForSelector( '.pos-sync-details' );
			return text( '.pos-sync-details' );
		};
		const details = await open( await rowOf( 'Order #' + failed ) );
		check( details.includes( '"line_items"' ) && details.includes( '"success": true' ), 'a row opens request and answer' );
		check( ! details.includes( 'anna@example.se' ) && ! details.includes( 'Storgatan' ), 'without personal data' );
		await picture( '8-log-open' );
		await fits( '8-log-open' );
		await page.$eval( '.pos-sync-details summary', ( element ) => element.click() );
		check( ( await text( '.pos-sync-details details' ) ).includes( 'Storgatan' ), 'which unfold from the order' );
		check( ! JSON.stringify( act( 'log_texts' ) ).match( /Anna|berg|anna@|Storgatan/ ), 'and are not in the log' );
		check( ( await page.$eval( '.pos-sync-open[aria-expanded="true"]', ( link ) => link.getAttribute( 'role' ) ) ) === 'button', 'and a screen reader knows that it is open' );
		await page.$eval( '.pos-sync-open[aria-expanded="true"]', ( link ) => link.focus() );
		await page.keyboard.press( 'Space' );
		check( ! ( await page.$( '.pos-sync-open[aria-expanded="true"]' ) ), 'the keyboard closes it' );
		await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries&delivery=1' );
		check( ( await text( '.pos-sync-details' ) ).includes( 'Request' ), 'it opens without a script, too' );

		// Resend on each row.
		const sentBefore = act( 'queue' ).log.length;
		await page.goto( shop + '/wp-admin/admin.php?page=pos-sync&tab=deliveries&result=failed' );
		await click( '.column-actions button[name="what"]' );
		check( ( await text( '.notice-success' ) ).includes( 'was sent to the POS' ) && act( 'queue' ).log.length === sentBefore + 1, 'each row can be resent' );
		check( page.url().includes( 'result=failed' ), 'and the filter stays' );

		// Only what the shop has: an id of anything else does nothing.
		await page.$eval( '.column-actions button[name="what"]', ( button, id ) => { button.value = 'order:' + id; }, product );
		await click( '.column-actions button[name="what"]' );
		check( ( await text( '.notice-info' ) ).includes( 'needs no sending' ) && act( 'queue' ).rows.length === 0, 'a product is not resent as an order' );

		// A customer that was erased.
		act( 'erase_person', { email: 'erased@example.se' } );
		act( 'run_jobs' );
		await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries' );
		check( ( await rows( 'about' ) )[ 0 ].startsWith( 'Erased customer' ) && ( await rows( 'event' ) )[ 0 ] === 'Customer erased', 'an erasure is in the log' );
		check( ! ( await open( 0 ) ).includes( 'erased@example.se' ), 'without the address' );
		check( ! ( await page.$( '.wp-list-table tbody tr:first-child button[name="what"]' ) ), 'and has no button "Resend", for nothing of it is kept' );
		await picture( '8-log-erased' );
		await page.goto( shop + '/wp-admin/admin.php?page=pos-sync&tab=deliveries&result=failed' );

		// Filters.
		await click( '.subsubsub .failed a' );
		check( ( await rows( 'result' ) ).join() === 'Failed', 'it can be filtered by status' );
		await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries' );
		await page.select( '#pos-sync-topic', 'product.created' );
		await click( '.pos-sync-filters button' );
		const topics = await rows( 'event' ); // More than one where the first attempt took too long.
		check( topics.length > 0 && topics.every( ( each ) => each === 'New product' ), 'by topic: ' + topics );
		await click( '.pos-sync-filter-buttons a' );
		await fill( '#pos-sync-search', '#' + waiting );
		await click( '.pos-sync-filters button' );
		const found = await rows( 'about' );
		check( found.length > 1 && found.every( ( each ) => each.startsWith( 'Order #' + waiting ) ), 'by order' );
		await fill( '#pos-sync-search', 'Öberg' );
		await click( '.pos-sync-filters button' );
		check( ( await rows( 'about' ) ).length > 3 && ( await rows( 'customer' ) ).every( ( each ) => each === 'Anna Öberg' ), 'by customer' );
		const today = new Date().toISOString().slice( 0, 10 );
		await go( `/wp-admin/admin.php?page=pos-sync&tab=deliveries&from=${ today }&to=${ today }` );
		check( ( await rows( 'about' ) ).length > 1, 'by date' );
		await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries&to=2020-01-01' );
		check( ( await text( '.wp-list-table' ) ).includes( 'No deliveries found' ), 'and where there are none it says so' );

		// History of which some fails does not count as sent.
		act( 'setting', { url: refuser.url } );
		act( 'backfill_since', { days: 1 } );
		act( 'run_jobs' );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		await page.waitForSelector( '#pos-sync-progress:not([hidden])' );
		check( ( await text( '.pos-sync-progress-text' ) ) === '0 of 3 sent, 3 failed', 'what failed is not counted as sent: ' + ( await text( '.pos-sync-progress-text' ) ) );
		await picture( '8-history-failed' );
		await click( '.pos-sync-failed-link' );
		check( ( await rows( 'result' ) ).every( ( each ) => each === 'Failed' ), 'and a link shows it' );
		act( 'setting', { url: pos } );
		act( 'resend_failed' );
		act( 'run_jobs' );

		// Address and key from wp-config.php: nothing to type in, and the key nowhere.
		act( 'constants', { POS_SYNC_API_KEY: key } );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		check( ( await text() ).includes( 'POS_SYNC_API_KEY is set in wp-config.php, but not POS_SYNC_URL' ), 'a key from wp-config.php alone is not used, and the page says so' );
		await picture( '5-settings-half-config' );
		act( 'constants', { POS_SYNC_API_KEY: key, POS_SYNC_URL: pos } );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		check( ! ( await page.$( '#pos-sync-api-key, #pos-sync-line' ) ) && ( await page.$eval( '#pos-sync-url', ( field ) => field.type ) ) === 'hidden', 'address and key have no fields' );
		check( ( await text() ).includes( 'Set in wp-config.php (POS_SYNC_URL)' ) && ! ( await page.content() ).includes( key ), 'where they come from is said, and the key is not on the page' );
		check( ( await test() ).startsWith( 'Connected' ), 'the test uses them' );
		await picture( '5-settings-config' );
		await fits( '5-settings-config' );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved. Connected' ), 'so does saving' );
		check( act( 'stored_settings', { key } ).key === false, 'which removes the stored key' );
		act( 'constants' );
		await go( '/wp-admin/admin.php?page=pos-sync' );
		await fill( '#pos-sync-api-key', key );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved. Connected' ), 'without them it is entered again' );

		// Stock from the POS: first none, then some, of which the shop does not take all.
		const stockTab = '/wp-admin/admin.php?page=pos-sync&tab=stock';
		await go( stockTab );
		check( ( await text( '.nav-tab-active' ) ) === 'Stock from the POS', 'there is a tab for the stock from the POS' );
		check( ( await text( '.pos-sync-stock' ) ).includes( 'pos-api store set NAME --stock-sync on' ) && ( await text( '.pos-sync-stock' ) ).includes( 'No change has come yet.' ), 'before any came it says how it is switched on' );
		await picture( '10-stock-empty' );
		await fits( '10-stock-empty' );
		check( ( await sendStock( [] ) ).status === 200, 'the POS may look whether stock can be sent' );
		await go( stockTab );
		check( ( await text( '.pos-sync-stock' ) ).includes( 'The POS has reached this shop' ), 'which the tab says' );
		const untracked = act( 'new_product', { name: 'Gift card', sku: 'GIFT', manage_stock: false } ).id;
		act( 'run_jobs' );
		const sentStock = await sendStock( [
			{ movement: 'm1', product_id: product, sku: 'MUG-1', delta: -1, reason: 'order' },
			{ movement: 'm2', product_id: product, sku: 'MUG-1', delta: 4, reason: 'broken <b>cup</b>' },
			{ movement: 'm3', product_id: untracked, sku: 'GIFT', delta: -1, reason: 'order' },
			{ movement: 'm4', product_id: 999999, sku: 'OLD-1', delta: -1, reason: 'count' },
			{ movement: 'm5', product_id: product, sku: 'MUG-1', delta: -0.5, reason: 'count' },
		] );
		check( sentStock.items.map( ( each ) => each.outcome ).join() === 'applied,applied,not_managed,unknown,refused', 'the shop takes what it can: ' + JSON.stringify( sentStock ) );
		await go( stockTab );
		check( ( await rows( 'product' ) )[ 4 ].startsWith( 'Mug (MUG-1)' ) && ( await rows( 'change' ) ).join() === '−0.5,−1,−1,+4,−1', 'changes are listed, the latest first' );
		check( ( await rows( 'quantity' ) )[ 3 ] === String( sentStock.items[ 1 ].quantity ), 'with the stock after each' );
		check( ( await rows( 'reason' ) )[ 4 ] === 'Sold (counter or another shop)' && ( await rows( 'reason' ) )[ 3 ] === 'Changed in the POS: broken <b>cup</b>', 'and why, in words, and as the staff wrote it' );
		const results = await rows( 'outcome' );
		check( results[ 4 ] === 'Applied' && results[ 2 ].includes( 'not tracked here' ) && results[ 1 ].includes( 'no such product' ) && results[ 0 ].includes( 'whole units' ), 'and what to do about what was not applied: ' + results );
		check( ( await page.$$eval( '.column-product strong > a', ( links ) => links.map( ( each ) => each.href ) ) ).every( ( each ) => each.includes( 'action=edit' ) ), 'products are linked' );
		check( ( await text( '.pos-sync-figures' ) ).replace( /\s+/g, ' ' ).includes( 'Applied today 2' ), 'the figures say how many' );
		await picture( '10-stock' );
		await fits( '10-stock' );
		await click( '.subsubsub .not_applied a' );
		check( ( await rows( 'outcome' ) ).length === 3, 'it shows only what was not applied' );
		await fill( '#pos-sync-search', 'gift' );
		await click( '.pos-sync-filters button' );
		check( ( await rows( 'product' ) ).length === 1 && ( await text( '.subsubsub .current' ) ).startsWith( 'Not applied' ), 'of one product, found by its name' );
		await fill( '#pos-sync-search', 'old-1' );
		await click( '.pos-sync-filters button' );
		check( ( await rows( 'product' ) ).length === 1, 'or by the SKU of one that is gone' );
		check( ( await sendStock( [], { by: 'another key' } ) ).status === 401, 'another key opens nothing' );
		await go( stockTab );
		check( ( await text( '.pos-sync-stock .notice-error' ) ).includes( 'API key' ), 'and the owner sees that' );
		check( ( await sendStock( [], { age: 1200 } ) ).status === 401 && ( await sendStock( [] ) ).status === 200, 'nor does an old request' );
		await go( stockTab );
		check( ! ( await page.$( '.pos-sync-stock .notice-error' ) ), 'until one is signed rightly' );
		let status = '';
		try {
			act( 'cli', { command: 'status' } );
		} catch ( error ) {
			status = error.stdout + error.message;
		}
		check( status.includes( '2 applied today, 2 in 7 days, 3 not applied' ), 'wp pos-sync status has the figures: ' + status );

		// Site health.
		await go( '/wp-admin/site-health.php' );
		await page.waitForSelector( '#health-check-site-status-good, .health-check-accordion' );
		check( ( await page.content() ).includes( 'pos_sync' ), 'site health has the test' );
		check( ( await page.content() ).includes( 'changes of stock from the POS were not applied' ), 'and the one about stock' );
		await go( '/wp-admin/site-health.php?tab=debug' );
		check( ( await page.content() ).includes( 'Stock from the POS: Last received' ), 'its information has the figures' );

		// In the language of whoever looks, the POS's messages included.
		for ( const [ locale, tab, said, sold ] of [
			[ 'sv_SE', 'Leveranser', 'Kassan kan inte använda den', 'Sålt (kassan eller en annan butik)' ],
			[ 'de_DE', 'Lieferungen', 'Die Kasse kann es nicht verwenden', 'Verkauft (Ladentheke oder anderer Shop)' ],
			[ 'de_CH', 'Lieferungen', 'Die Kasse kann es nicht verwenden', 'Verkauft (Ladentheke oder anderer Shop)' ],
		] ) {
			act( 'language', { locale } );
			await go( '/wp-admin/admin.php?page=pos-sync&tab=deliveries' );
			check( ( await text( '.nav-tab-active' ) ) === tab, `the screens speak ${ locale }` );
			check( ( await text( '.wp-list-table' ) ).includes( said ), `so do the messages of the POS: ${ said }` );
			await picture( '8-log-' + locale );
			await fits( '8-log-' + locale );
			await go( '/wp-admin/admin.php?page=pos-sync' );
			await fits( '5-settings-' + locale );
			await go( stockTab );
			check( ( await rows( 'reason' ) ).includes( sold ), `and the changes of stock: ${ sold }` );
			await picture( '10-stock-' + locale );
			await fits( '10-stock-' + locale );
			await fits( '10-stock-' + locale, 800 );
		}
		act( 'language', { locale: 'en_US' } );

		// A copy of the shop stops by itself.
		act( 'pretend_copy' );
		order();
		act( 'run_jobs' );
		await go( '/wp-admin/' );
		check( ( await text( '.pos-sync-notice' ) ).includes( 'Is it a copy' ), 'a copy says that it sends nothing' );
		check( act( 'queue' ).rows.length === 1, 'and sends nothing' );
		await picture( '9-copy' );
		await click( '.pos-sync-notice button[value="moved"]' );
		act( 'run_jobs' );
		check( act( 'queue' ).rows.length === 0, 'until somebody confirms' );

		// Somebody else.
		check( act( 'as_customer' ).denied, 'a customer may do none of this' );
		check( problems.length === 0, problems.join( '; ' ) );
	} catch ( error ) {
		await picture( 'problem' );
		throw error;
	} finally {
		refuser.server.kill();
		await browser.close();
	}
	console.log( `Screens: ${ kept } passed, 0 failed` );
}

main().catch( ( error ) => {
	console.error( error.message );
	process.exit( 1 );
} );
