#!/usr/bin/env bash
# A JSONPath filter for small numbers also finds objects without the member.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), preprocessing step JSONPath.
# Guess: a comparison with a member that an object lacks is false, and a text
#   is not greater than a number; so $[?(@.free < 10)] lists what is nearly
#   full, and $[?(@.free > 10)] what is not.
# Behaviour: a missing member counts as an empty text; where one side is no
#   number both are compared as texts. So "< 10" finds the objects that have no
#   such member, and "> 10" finds the word "unknown", true and {}.
# Seen (both series): free < 10 -> full, absent, empty; free > 10 -> plenty,
#   word, yes, object; free != 10 -> all of them.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
document='[{"n":"full","free":3},{"n":"plenty","free":90},{"n":"absent"},{"n":"empty","free":""},{"n":"word","free":"unknown"},{"n":"yes","free":true},{"n":"object","free":{"b":1}}]'
for operator in '<' '>' '!='; do
    python3 -c 'import json, sys; print(json.dumps(["text", [["jsonpath", "$[?(@.free %s 10)].n" % sys.argv[1]]], [sys.argv[2]]]))' \
        "$operator" "$document"
done >"$work/cases"
for series in 6.0 7.0; do
    preprocessed "$series" <"$work/cases" | tr -d '\\"' >"$work/out"
    expect "$series, < 10" '[[full,absent,empty]]' "$(sed -n 1p "$work/out")"
    expect "$series, > 10" '[[plenty,word,yes,object]]' "$(sed -n 2p "$work/out")"
    expect "$series, != 10" '[[full,plenty,absent,empty,word,yes,object]]' "$(sed -n 3p "$work/out")"
done
still "@.free < 10 also matches objects without 'free' (Zabbix 6.0.14, 7.0.9)"
