/**
 * Clicks through the plugin's screens in headless Chromium as the shop's owner would:
 * node screens.js SHOP_URL POS_URL [FOLDER FOR PICTURES]
 * The shop has WooCommerce and products, the plugin is active and not yet set up. The POS's key is in $POS_API_KEY,
 * $SHOP is the shop's folder for "shop act".
 */
const { execFileSync } = require( 'child_process' );
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

async function main() {
	const browser = await puppeteer.launch( {
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: [ '--no-sandbox', '--disable-gpu', '--window-size=1400,1000', '--lang=en-US' ],
		defaultViewport: { width: 1400, height: 1000 },
	} );
	const page = await browser.newPage();
	const problems = [];
	page.on( 'pageerror', ( error ) => problems.push( 'script: ' + error.message ) );
	page.setDefaultTimeout( 60000 );

	const picture = async ( name ) => pictures && page.screenshot( { path: path.join( pictures, name + '.png' ), fullPage: true } );
	const text = ( selector = 'body' ) => page.$eval( selector, ( element ) => element.innerText );
	const go = ( where ) => page.goto( shop + where, { waitUntil: 'domcontentloaded' } );
	const click = async ( selector ) => {
		await page.waitForSelector( selector );
		await Promise.all( [ page.waitForNavigation( { waitUntil: 'domcontentloaded' } ), page.$eval( selector, ( element ) => element.click() ) ] );
	};
	const fill = ( selector, value ) => page.$eval( selector, ( element, to ) => { element.value = to; }, value );
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

		// Settings: wrong first, then right.
		await go( '/wp-admin/admin.php?page=pos-sync' );
		check( ( await text( '#adminmenu' ) ).includes( 'POS Sync' ), 'there is a menu' );
		check( await page.$( '#pos-sync-send-first' ), 'before the first time it offers to send the catalogue' );
		await picture( '1-settings-new' );
		check( ( await test() ).includes( 'enter the Webhook URL' ), 'the test asks for what is missing' );
		await fill( '#pos-sync-url', 'http://pos.example.com/api/webhooks/orders' );
		await tick( '#pos-sync-enabled', true );
		await click( '#submit' );
		check( ( await text() ).includes( 'must begin with https://' ), 'a plain http address is refused with the reason' );
		check( ( await text() ).includes( 'Nothing is sent yet' ), 'it can not be switched on without URL and key' );
		await picture( '2-settings-wrong' );
		check( ! ( await page.$eval( '#pos-sync-enabled', ( element ) => element.checked ) ), 'and stays off' );

		await fill( '#pos-sync-url', 'http://127.0.0.1:9/api/webhooks/orders' );
		await fill( '#pos-sync-api-key', key );
		check( ( await test() ).includes( 'refused' ), 'the test names a refused connection' );
		await picture( '3-test-refused' );
		await fill( '#pos-sync-url', pos );
		await fill( '#pos-sync-api-key', 'wrong-key' );
		check( ( await test() ).includes( 'API key' ), 'the test names a wrong key' );
		await fill( '#pos-sync-api-key', '  ' + key + '  ' );
		const connected = await test();
		check( connected.startsWith( 'Connected' ), 'the test connects: ' + connected );
		await tick( '#pos-sync-enabled', true );
		await click( '#submit' );
		check( ( await text() ).includes( 'Settings saved' ), 'it is saved' );
		check( ! ( await page.content() ).includes( key ), 'the saved key is nowhere on the page' );
		check( ( await text() ).includes( 'Leave the field empty to keep it' ), 'the field says that a key is saved' );
		await click( '#submit' );
		check( ( await test() ).startsWith( 'Connected' ), 'an empty field keeps the key' );

		// The catalogue goes by itself.
		await page.waitForSelector( '#pos-sync-progress:not([hidden])' );
		await page.$eval( '[data-pos-sync="pause"]', ( element ) => element.click() );
		await page.waitForFunction( () => document.querySelector( '.pos-sync-progress-text' ).textContent.startsWith( 'Paused' ) );
		await picture( '4-paused' );
		await page.$eval( '[data-pos-sync="resume"]', ( element ) => element.click() );
		await page.waitForFunction( () => document.querySelector( '[data-pos-sync="resume"]' ).hidden );
		act( 'run_jobs' );
		await page.waitForFunction( () => document.querySelector( '.pos-sync-progress-text' ).textContent.startsWith( 'All sent' ) );
		await picture( '5-settings-live' );

		// Orders: one sent, one that fails for good, one that waits.
		const product = act( 'products' ).ids[ 0 ];
		const order = () => act( 'create_order', { lines: [ [ product, 1 ] ] } ).id;
		const sent = order();
		act( 'status', { id: sent, to: 'processing' } );
		act( 'run_jobs' );
		act( 'setting', { api_key: 'wrong-key' } );
		const failed = order();
		act( 'run_jobs' );
		act( 'setting', { api_key: key, url: 'http://127.0.0.1:9/api/webhooks/orders' } );
		const waiting = order();
		act( 'run_jobs' );
		act( 'setting', { url: pos } );

		const cell = ( id ) => text( `#order-${ id } .column-pos_sync, #post-${ id } .column-pos_sync` );
		await go( act( 'urls' ).orders );
		check( ( await cell( sent ) ).trim() === 'Sent', 'the column shows what was sent' );
		check( ( await cell( waiting ) ).trim() === 'Waiting', 'the column shows what waits' );
		check( ( await cell( failed ) ).trim() === 'Failed', 'the column shows what failed' );
		check( ( await text() ).includes( '1 order or product could not be delivered' ), 'a notice tells of the failure' );
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
		const box = await text( '#pos-sync' );
		check( box.includes( 'Sent' ) && box.includes( 'Failed' ), 'the box shows the last deliveries' );
		await picture( '7-order' );
		const before = act( 'queue' ).log.length;
		await page.select( 'select[name="wc_order_action"]', 'pos_sync_send' );
		await click( '#woocommerce-order-actions .save_order, #woocommerce-order-actions button.wc-reload' );
		act( 'run_jobs' );
		check( act( 'queue' ).log.length > before, 'the order action sends it' );

		// The log.
		await go( '/wp-admin/admin.php?page=pos-sync-log' );
		check( ( await text( '.wp-list-table' ) ).includes( 'order.created' ), 'the log shows deliveries' );
		await picture( '8-log' );
		await click( '.subsubsub .failed a' );
		check( ( await page.$$( '.wp-list-table tbody tr' ) ).length === 1, 'it can be filtered' );
		await go( '/wp-admin/admin.php?page=pos-sync-log' );
		await fill( '#pos-sync-search-input', '#' + waiting );
		await click( '#search-submit' );
		check( ( await page.$$eval( '.wp-list-table tbody td.column-object', ( cells ) => cells.map( ( each ) => each.innerText ) ) ).every( ( each ) => each.startsWith( '#' + waiting ) ), 'it can be searched by order' );
		check( ! ( await page.content() ).includes( 'wrong-key' ), 'it holds no key' );

		// Site health.
		await go( '/wp-admin/site-health.php' );
		await page.waitForSelector( '#health-check-site-status-good, .health-check-accordion' );
		check( ( await page.content() ).includes( 'pos_sync' ), 'site health has the test' );

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
		await browser.close();
	}
	console.log( `Screens: ${ kept } passed, 0 failed` );
}

main().catch( ( error ) => {
	console.error( error.message );
	process.exit( 1 );
} );
