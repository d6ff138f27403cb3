#!/usr/bin/env bash
# XPath makes one number of two elements, and a value of none.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "XML XPath".
# Guess: text() of two elements gives the first one or an error, and a path
#   that matches nothing is an error, as it is for JSONPath.
# Behaviour: all matched nodes are written one after the other. 5 and 7 become
#   57, which an unsigned item stores. No match is the empty text, with success.
#   An attribute comes with its name.
# Seen (both series) of <r><a n="1">5</a><a n="2">7</a></r>:
#   /r/a/text() -> 57; /r/b/text() -> an empty text, no error; /r/a/@n ->
#   ' n="1" n="2"'; string(/r/a) -> 5.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["unsigned", [["xpath", "/r/a/text()"]], ["<r><a n=\"1\">5</a><a n=\"2\">7</a></r>"]]
["text", [["xpath", "/r/b/text()"]], ["<r><a n=\"1\">5</a><a n=\"2\">7</a></r>"]]
["text", [["xpath", "/r/a/@n"]], ["<r><a n=\"1\">5</a><a n=\"2\">7</a></r>"]]
["unsigned", [["xpath", "string(/r/a)"]], ["<r><a n=\"1\">5</a><a n=\"2\">7</a></r>"]]
END
    expect "$series, two elements" '["57"]' "$(sed -n 1p "$work/out")"
    expect "$series, no element" '[""]' "$(sed -n 2p "$work/out")"
    expect "$series, attributes" '[" n=\"1\" n=\"2\""]' "$(sed -n 3p "$work/out")"
    expect "$series, string()" '["5"]' "$(sed -n 4p "$work/out")"
done
still "/r/a/text() of the elements 5 and 7 is the number 57 (Zabbix 6.0.14, 7.0.9)"
