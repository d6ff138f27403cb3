#!/usr/bin/env bash
# A JSONPath union gives its members in the reverse of the order asked for.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), preprocessing step JSONPath.
# Guess: $.a[0,1,2] gives the elements as named, or in the document's order;
#   $.a[0,2].first() gives element 0.
# Behaviour: the last one named comes first, for indexes and for names, whatever
#   the document's order; .first() gives the last one named. A whole list, a
#   slice and a wildcard keep their order.
# Seen (both series), a = [x, y, z]: [0,1,2] -> z y x; [2,0] -> x z;
#   [0,2].first() -> z; [0:2] -> x y; ['a','b'] of {"a":1,"b":2} -> [2,1],
#   and the same of {"b":2,"a":1}.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["jsonpath", "$.a[0,1,2]"]], ["{\"a\":[\"x\",\"y\",\"z\"]}"]]
["text", [["jsonpath", "$.a[2,0]"]], ["{\"a\":[\"x\",\"y\",\"z\"]}"]]
["text", [["jsonpath", "$.a[0,2].first()"]], ["{\"a\":[\"x\",\"y\",\"z\"]}"]]
["text", [["jsonpath", "$.a[0:2]"]], ["{\"a\":[\"x\",\"y\",\"z\"]}"]]
["text", [["jsonpath", "$['a','b']"]], ["{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"]]
END
    expect "$series, [0,1,2]" '["[\"z\",\"y\",\"x\"]"]' "$(sed -n 1p "$work/out")"
    expect "$series, [2,0]" '["[\"x\",\"z\"]"]' "$(sed -n 2p "$work/out")"
    expect "$series, [0,2].first()" '["z"]' "$(sed -n 3p "$work/out")"
    expect "$series, a slice" '["[\"x\",\"y\"]"]' "$(sed -n 4p "$work/out")"
    expect "$series, names" '["[2,1]", "[2,1]"]' "$(sed -n 5p "$work/out")"
done
still "\$.a[0,1,2] gives the elements 2, 1, 0 (Zabbix 6.0.14, 7.0.9)"
