#!/usr/bin/env bash
# XPath arithmetic keeps six decimals, so small numbers become 0.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "XML XPath".
# Guess: a number that an expression gives is written with a double's digits,
#   as JSONPath's sum() and avg() write theirs.
# Behaviour: what comes out as a number is written with at most six digits
#   after the point. A text() or string() keeps the document's digits.
# Seen (both series): 1 div 3 -> 0.333333; 1 div 10000000 -> 0;
#   number(/r) of 0.123456789 -> 0.123457; string(/r) -> 0.123456789;
#   JSONPath .sum() of [0.123456789] -> 0.123456789.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["xpath", "1 div 3"]], ["<r/>"]]
["text", [["xpath", "1 div 10000000"]], ["<r/>"]]
["text", [["xpath", "number(/r)"]], ["<r>0.123456789</r>"]]
["text", [["xpath", "string(/r)"]], ["<r>0.123456789</r>"]]
["text", [["jsonpath", "$.sum()"]], ["[0.123456789]"]]
END
    expect "$series, a third" '["0.333333"]' "$(sed -n 1p "$work/out")"
    expect "$series, a ten-millionth" '["0"]' "$(sed -n 2p "$work/out")"
    expect "$series, number()" '["0.123457"]' "$(sed -n 3p "$work/out")"
    expect "$series, string()" '["0.123456789"]' "$(sed -n 4p "$work/out")"
    expect "$series, JSONPath" '["0.123456789"]' "$(sed -n 5p "$work/out")"
done
still "1 div 10000000 is 0 and number() keeps six decimals (Zabbix 6.0.14, 7.0.9)"
