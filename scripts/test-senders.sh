# One event of each kind of store, signed as its provider signs, with openssl: the part of test-webhook.sh for --all.
#
# It is read by test-webhook.sh, whose functions and settings it uses. It makes a store of each kind, test-KIND, with a
# fresh secret, and disconnects them in the end: openssl takes secrets as arguments, which others on this machine may
# see. Their events stay, in XTS; KasperoPay's payment stays unverified, in USD.

pos_api() { .venv/bin/pos-api "$@"; }

store() { # store KIND [OPTION]...: (re)make the store test-KIND with the secret $secret
  kind=$1
  shift
  printf '%s\n' "$secret" | pos_api store add "test-$kind" --kind "$kind" --currency XTS --secret - "$@" >/dev/null 2>&1 ||
    printf '%s\n' "$secret" | pos_api store set "test-$kind" --webhook-secret "$@" >/dev/null
}

hmac() { openssl dgst -sha256 -hmac "$secret" -r "$1" | cut -d ' ' -f 1; } # of a file, in hexadecimal

send() { # send NAME STATUS TEXT KIND HEADER...: post the body in $work/body with these headers
  name=$1 wanted=$2 text=$3 path=/api/webhooks/$4
  shift 4
  printf '%s\n' 'Content-Type: application/json' "$@" >"$work/headers"
  body=$(curl -sS --max-time 30 -X POST -H "@$work/headers" --data-binary "@$work/body" -w '\n%{http_code}' "$url$path" 2>&1)
  status=${body##*
}
  await_outcome
  expect "$name" "$wanted" "$text"
}

component_signature() { # the headers of a component signature of $work/body, whose keys are sorted and without blanks
  issued=$(date +%s)
  expires=$((issued + 300))
  printf '{"body":%s,"exp":%s,"iat":%s,"method":"post","query":{},"url":"/api/webhooks/paymentkit"}' \
    "$(cat "$work/body")" "$expires" "$issued" | openssl dgst -sha3-256 -binary >"$work/digest"
  openssl pkeyutl -sign -inkey "$work/private-key" -rawin -in "$work/digest" -out "$work/signature"
  printf 'x-component-sig: 0x%s\n' "$(od -An -v -tx1 "$work/signature" | tr -d ' \n')"
  printf 'x-component-sig-iat: %s\nx-component-sig-exp: %s\nx-component-sig-version: 1\n' "$issued" "$expires"
}

disconnect() {
  for kind in karma kaynko stripe paymentkit kasperopay; do
    pos_api store disconnect "test-$kind" >/dev/null 2>&1
  done
}

play_senders() {
  secret=$(openssl rand -hex 32)
  openssl genpkey -algorithm ed25519 -out "$work/private-key" 2>/dev/null
  public=$(openssl pkey -in "$work/private-key" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
  store karma
  store kaynko
  store stripe
  store paymentkit --public-key "0x$public" --livemode no
  pos_api store add test-kasperopay --kind kasperopay --currency USD --merchant-id kpm_test --store-name Test \
    --status-url 'https://kasperopay.invalid/{payment_id}' >/dev/null 2>&1 ||
    pos_api store set test-kasperopay --merchant-id kpm_test >/dev/null
  sleep 6 # every process of the service knows the stores after five seconds
  iso=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)

  cat >"$work/body" <<END
{"id": "evt_$run", "event": "purchase.confirmed", "resource": "purchase", "resourceId": "$run", "timestamp": "$iso",
 "apiVersion": "v1", "data": {"id": $run, "locationId": 100, "tabId": "tab_$run", "state": "confirmed", "psp": "stripe",
 "pspResponseRef": "pi_$run", "currencyCode": "XTS", "purchasedAt": "$iso", "lineItems": [{"id": 1, "type": "product",
 "title": "Soup", "finalAmountCents": 14500, "vatRateBasisPoints": 1200, "vatAmountCents": 1554, "quantity": 1},
 {"id": 2, "type": "tip", "title": "Tip", "finalAmountCents": 2000, "vatRateBasisPoints": 0, "vatAmountCents": 0, "quantity": 1}]}}
END
  send "Karma: a purchase with a tip" 200 '"outcome":"created"' karma "x-webhook-signature: $(hmac "$work/body")"
  send "Karma: with a wrong signature it is refused" 401 '"success":false' karma "x-webhook-signature: $(hmac /dev/null)"

  cat >"$work/body" <<END
{"event": "sale.completed", "timestamp": "$iso", "data": {"saleId": $run, "receiptNumber": "KNK-$run", "cashierId": 1,
 "subtotal": 15.50, "discountAmount": 0, "vatAmount": 0, "total": 15.50, "paymentMethod": "cash", "currency": "XTS",
 "customerName": null, "customerType": null, "createdAt": "$iso", "items": [{"productName": "Test",
 "productCode": null, "quantity": 2, "unitPrice": 7.75, "lineTotal": 15.50}]}}
END
  send "Kaynko: a sale" 200 '"outcome":"created"' kaynko \
    "X-Kaynko-Event: sale.completed" "X-Kaynko-Signature: sha256=$(hmac "$work/body")"
  send "Kaynko: the same again is a duplicate" 200 '"outcome":"duplicate"' kaynko \
    "X-Kaynko-Event: sale.completed" "X-Kaynko-Signature: sha256=$(hmac "$work/body")"

  intent="\"amount\":%s,\"amount_received\":%s,\"created\":$(date +%s),\"currency\":\"xts\",\"id\":\"pi_$run\",\"metadata\":{},\"object\":\"payment_intent\",\"status\":\"succeeded\""
  template="{\"created\":$(date +%s),\"data\":{\"object\":{$intent}},\"id\":\"evt_$run\",\"livemode\":false,\"object\":\"event\",\"type\":\"payment_intent.succeeded\"}"
  printf "$template" 1550 1550 >"$work/body"
  moment=$(date +%s)
  { printf '%s.' "$moment" && cat "$work/body"; } >"$work/signed"
  send "Stripe: a payment" 200 '"outcome":"created"' stripe "stripe-signature: t=$moment,v1=$(hmac "$work/signed")"

  printf "$template" '"1550"' '"1550"' >"$work/body"
  component_signature >"$work/component" 2>/dev/null
  if [ -s "$work/signature" ]; then
    send "PaymentKit: a payment, with a component signature" 200 '"outcome":"created"' paymentkit "$(cat "$work/component")"
  else # an openssl without Ed25519
    { printf '%s.' "$moment" && cat "$work/body"; } >"$work/signed"
    send "PaymentKit: a payment" 200 '"outcome":"created"' paymentkit \
      "x-paymentkit-signature: t=$moment,v1=$(hmac "$work/signed")"
  fi

  cat >"$work/body" <<END
{"event": "payment.completed", "timestamp": "$iso", "merchant_id": "kpm_test", "payment_id": "pay_$run",
 "amount_kas": "150.5", "amount_usd": "15.05", "transaction_id": "$run", "customer_address": "kaspa:test", "items": [],
 "metadata": {}}
END
  send "KasperoPay: a payment, which counts once it is found there" 200 '"success":true' kasperopay
}
