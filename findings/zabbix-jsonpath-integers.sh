#!/usr/bin/env bash
# JSONPath reads whole numbers as floating point and writes them so.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "JSONPath".
# Guess: $.n cuts the number's text out of the JSON, as a text's: a 64-bit counter
#   reaches an unsigned item whole.
# Behaviour: above 2^53 the last digits change, above 10^17 the result has an
#   exponent, which an unsigned item of 6.0 refuses. Numbers deep in an object
#   that the path returns change as well. In quotes they come through.
# Seen (both series): 9007199254740993 -> 9007199254740992, alone and within an
#   object; 18446744073709551615 -> 1.8446744073709552E+19, and as unsigned 6.0:
#   "not suitable for value type"; "9007199254740993" -> 9007199254740993.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["jsonpath", "$.n"]], ["{\"n\":9007199254740993}", "{\"n\":18446744073709551615}", "{\"n\":\"9007199254740993\"}"]]
["text", [["jsonpath", "$.o"]], ["{\"o\":{\"n\":9007199254740993}}"]]
["unsigned", [["jsonpath", "$.n"]], ["{\"n\":18446744073709551615}"]]
END
    expect "$series, a number, a larger one, a text" '["9007199254740992", "1.8446744073709552E+19", "9007199254740993"]' "$(sed -n 1p "$work/out")"
    expect "$series, within an object" '["{\"n\":9007199254740992}"]' "$(sed -n 2p "$work/out")"
    [ "$series" = 7.0 ] || expect "$series, unsigned" 1 "$(sed -n 3p "$work/out" | grep -c 'not suitable for value type')"
done
still "JSONPath changes whole numbers above 2^53 (Zabbix 6.0.14, 7.0.9)"
