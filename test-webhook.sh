#!/bin/sh
# Drive a running service with curl, as a shop and its staff would, and tell what works.
#
#   ./test-webhook.sh [--url URL] [--key API_KEY] [--token TOKEN] [--all]
#
# With --all also one event of each other kind of store: an ordering app, a till, payment providers. It needs pos-api
# and the .env of the service, to make a store of each kind.
#
# What is not given is taken from the environment, then from .env: PORT and WEBHOOK_API_KEY; the token of staff is made
# by `pos-api token`. It leaves nothing behind that counts: its product is archived, its orders are marked deleted, they
# are in XTS, the currency code for tests, and its token is logged out. With --all a payment of 15.05 USD stays too, as
# KasperoPay knows no other currency; it is unverified, so it counts nowhere.
set -u
cd "$(dirname "$0")" || exit 2

usage() {
  echo "usage: $0 [--url URL] [--key API_KEY] [--token TOKEN] [--all]" >&2
  exit 2
}

setting() { # a setting of the environment, else of .env
  eval "value=\${$1:-}"
  [ -n "$value" ] || value=$(sed -n "s/^ *$1 *= *//p" .env 2>/dev/null | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//")
  printf '%s' "$value"
}

url='' key='' token='' all=''
while [ $# -gt 0 ]; do
  if [ "$1" = --all ]; then
    all=1
    shift
    continue
  fi
  [ $# -ge 2 ] || usage
  case $1 in
    --url) url=${2%/} ;;
    --key) key=$2 ;;
    --token) token=$2 ;;
    *) usage ;;
  esac
  shift 2
done
port=$(setting PORT)
url=${url:-http://localhost:${port:-8080}}
key=${key:-$(setting WEBHOOK_API_KEY)}
[ -n "$key" ] || { echo "No API key: give --key, or run this where .env is." >&2; exit 2; }
own_token=
if [ -z "$token" ]; then
  own_token=1
  token=$(.venv/bin/pos-api token test-webhook --role manager --hours 1 2>/dev/null)
fi
[ -n "$token" ] || { echo "No token: give --token, made by 'pos-api token NAME --role manager'." >&2; exit 2; }

work=$(mktemp -d) || exit 2
[ -z "$all" ] || . scripts/test-senders.sh
umask 077
printf 'X-API-Key: %s\n' "$key" > "$work/key"         # in files, as anybody may see a command's arguments
printf 'X-API-Key: not-the-key\n' > "$work/wrong-key"
printf 'Authorization: Bearer %s\n' "$token" > "$work/token"

run=$(date +%s)$(($$ % 1000))
sku="TEST WEBHOOK/$run"
first=${run}1 second=${run}2
moment=$(date -u +%Y-%m-%dT%H:%M:%S)
passed=0 failed=0

call() { # call WHO METHOD PATH [BODY]: sets $status and $body
  who=$1 method=$2 path=$3
  shift 3
  body=$(curl -sS --max-time 30 -X "$method" -H "@$work/$who" -H 'Content-Type: application/json' \
    ${1+--data-binary "$1"} -w '\n%{http_code}' "$url$path" 2>&1)
  status=${body##*
}
}

expect() { # expect NAME STATUS [TEXT]...: one line, for the last call
  name=$1 wanted=$2 problem=''
  shift 2
  [ "$status" = "$wanted" ] || problem="status $status instead of $wanted"
  for text in "$@"; do
    case $body in
      *"$text"*) ;;
      *) problem="${problem:-no $text in the answer}" ;;
    esac
  done
  if [ -z "$problem" ]; then
    passed=$((passed + 1))
    echo "✓ $name"
  else
    failed=$((failed + 1))
    echo "✗ $name: $problem"
    printf '%s\n' "${body%"$status"}" | head -c 600 | sed 's/^/    /'
  fi
}

await_outcome() { # where the service has stored the last delivery for later, wait until it is done
  [ "$status" = 202 ] || return 0
  event=$(printf '%s' "$body" | sed -n 's/.*"event_key":"\([0-9a-f]*\)".*/\1/p')
  for pause in 0.2 0.3 0.5 1 1 2 2 3; do
    sleep "$pause"
    call token GET "/api/inbox/$event"
    case $body in *'"state":"waiting"'*) ;; *) break ;; esac
  done
}

deliver() { # deliver NAME OUTCOME BODY: post it as the shop
  call key POST /api/webhooks/orders "$3"
  await_outcome
  expect "$1" 200 "\"outcome\":\"$2\""
}

order() { # order EVENT ID STATUS QUANTITY SEQUENCE [MORE]: an envelope as the plugin sends it
  cat <<END
{"event": "$1", "sequence": $5, "data": {"id": $2, "number": "$2", "status": "$3", "currency": "XTS",
 "date_created_gmt": "$moment", "date_modified_gmt": "$moment",
 "total": "$4.00", "payment_method": "cod", "payment_method_title": "Cash on delivery",
 "line_items": [{"id": 1, "name": "Test", "sku": "$sku", "quantity": $4, "subtotal": "$4.00", "total": "$4.00"}]${6:-}}}
END
}

stock_is() { # stock_is NAME NUMBER
  call token GET "/api/products?sku=$query"
  expect "$1" 200 "\"stock\":$2,"
}

clean_up() {
  for id in "$first" "$second"; do
    call key POST /api/webhooks/orders "{\"event\": \"order.deleted\", \"data\": {\"id\": $id}}"
  done
  call token PATCH "/api/products/item?sku=$query" '{"archived": true}'
  leave
}
leave() { # end what was made here: the token, the secrets of stores
  [ -z "$all" ] || disconnect
  [ -z "$own_token" ] || curl -sS --max-time 30 -X POST -H "@$work/token" -o /dev/null "$url/api/auth/logout" 2>/dev/null
  rm -rf "$work"
}
query=$(printf '%s' "$sku" | sed 's| |%20|g; s|/|%2F|g')
trap clean_up EXIT
trap 'exit 130' INT TERM

echo "Testing $url"
call key GET /api/webhooks/health
expect "health" 200 '"status":"ok"'
if [ "$status" != 200 ]; then
  case $status in
    000) echo "The service does not answer at $url; ./scripts/serve starts it." ;;
    401) echo "The service does not know this API key; WEBHOOK_API_KEY in its .env is one it knows." ;;
    403) echo "This API key may not send orders, or not from this address; 'pos-api key list' shows what it may." ;;
    429) echo "Too many requests with a wrong API key came from here; wait a minute." ;;
    503) echo "The service runs, but can't reach its database." ;;
    *) echo "What answers at $url is not this service, or not well." ;;
  esac
  trap leave EXIT
  exit 1
fi
call wrong-key POST /api/webhooks/orders "$(order order.created "$first" processing 3 1)"
expect "wrong key is refused" 401 '"success":false'

call token POST /api/products "{\"sku\": \"$sku\", \"name\": \"Test\", \"price\": \"1.00\", \"stock\": 10}"
expect "product with 10 in stock" 201 "$sku"
deliver "order of 3" created "$(order order.created "$first" processing 3 1)"
call key POST /api/webhooks/orders "$(order order.created "$first" processing 3 1)"
expect "the same delivery again is a duplicate" 200 '"outcome":"duplicate"'
stock_is "stock went down to 7, once" 7
deliver "order cancelled" updated "$(order order.cancelled "$first" cancelled 3 2)"
stock_is "stock is back at 10" 10

deliver "another order of 4" created "$(order order.created "$second" completed 4 1)"
deliver "1 of them refunded and returned" updated "$(order order.updated "$second" completed 4 2 ', "refunds": [{"id": 1,
 "amount": "1.00", "line_items": [{"quantity": -1, "total": "-1.00", "meta_data": [{"key": "_refunded_item_id", "value": "1"}]}]}]')"
stock_is "stock is at 7" 7

call token GET "/api/webhooks/orders?sku=$query"
expect "both are in the list" 200 "$first" "$second"
call token GET "/api/webhooks/orders/$first"
expect "the first shows its history" 200 '"cancelled"' '"processing"'
day=$(printf '%s' "$body" | sed -n 's/.*"day":"\([0-9-]*\)".*/\1/p') # the shop's, which may be another than UTC's
call token GET "/api/webhooks/orders/stats?store=default&currency=XTS&from=$day&to=$day"
expect "figures: 1 order, 3 items, 3.00 net" 200 '"XTS"' '"orders_count":1,' '"num_items_sold":3,' '"net_revenue":"3.00"'
call token GET "/api/products/movements?sku=$query"
expect "the ledger tells why" 200 '"balance":7'

[ -z "$all" ] || play_senders

clean_up
expect "cleaned up" 200 '"archived":true'
trap - EXIT
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
