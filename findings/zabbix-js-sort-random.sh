#!/usr/bin/env bash
# Sorting in a Zabbix script gives equal elements a new order at every run.
#
# Software: zabbix_js of Zabbix 6.0.14 and 7.0.9 (Debian), the engine of
#   preprocessing steps "JavaScript", webhooks and script items.
# Guess: Array.sort is stable, as in every engine of today; or at least the same
#   input gives the same output.
# Behaviour: the engine's quicksort takes random pivots. A list sorted by a key
#   that is not unique comes out in another order each time, so "discard
#   unchanged" behind it never discards, and a discovery rule is processed anew.
#   The order is right in the key; a second key makes it repeatable.
# Seen (both series): 40 elements of three keys, sorted by key: other orders in
#   a handful of runs. Sorted by key and number: one order in ten runs.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
orders() {
    local run
    for run in {1..10}; do
        script "$1" "var a = []; for (var i = 0; i < 40; i++) a.push({k: i % 3, i: i});
            a.sort(function (x, y) { return $2; }); return a.map(function (x) { return x.i; }).join(' ');" "$run"
    done | sort -u | wc -l
}
for series in 6.0 7.0; do
    [ "$(orders "$series" 'x.k - y.k')" -gt 1 ] || changed "$series: ten sorts by one key gave one order"
    expect "$series, orders by key and number" 1 "$(orders "$series" 'x.k - y.k || x.i - y.i')"
done
still "ten sorts of one list by a key that is not unique give several orders (Zabbix 6.0.14, 7.0.9)"
