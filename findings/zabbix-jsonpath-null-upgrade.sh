#!/usr/bin/env bash
# The same JSONPath over the same JSON gives other answers after an upgrade.
#
# Software: Zabbix proxy 6.0.14 against 7.0.9 (Debian), step JSONPath.
# Guess: both long-term series read a path and a document alike.
# Behaviour: for 6.0 a null exists and is the text "null", for 7.0 it neither
#   exists nor is more than an empty text: existence, comparison and negation
#   turn round. 6.0 knows a number by its spelling (1.0 equals nothing that is
#   written 1), 7.0 by its value. Of two equal names 6.0 takes the first, 7.0
#   the last.
# Seen, 6.0 / 7.0: [?(@.k)] a,null / a; [?(!@.k)] none / null,none;
#   [?(@.k > 5)] null / an error, no match; [?(@.k == 1.0)] an error / a;
#   $.a of {"a":1,"a":2} 1 / 2.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["jsonpath", "$[?(@.k)].n"]], ["[{\"k\":1,\"n\":\"a\"},{\"k\":null,\"n\":\"null\"},{\"n\":\"none\"}]"]]
["text", [["jsonpath", "$[?(!@.k)].n"]], ["[{\"k\":1,\"n\":\"a\"},{\"k\":null,\"n\":\"null\"},{\"n\":\"none\"}]"]]
["text", [["jsonpath", "$[?(@.k > 5)].n"]], ["[{\"k\":1,\"n\":\"a\"},{\"k\":null,\"n\":\"null\"},{\"n\":\"none\"}]"]]
["text", [["jsonpath", "$[?(@.k == 1.0)].n"]], ["[{\"k\":1,\"n\":\"a\"},{\"k\":null,\"n\":\"null\"},{\"n\":\"none\"}]"]]
["text", [["jsonpath", "$.a"]], ["{\"a\":1,\"a\":2}"]]
END
    # An error's text is not part of the finding.
    sed 's/^.*"error".*$/error/; s/[\\"]//g; s/^\[//; s/\]$//' "$work/out" | tr '\n' ' ' >"$work/seen-$series"
done
expect "6.0" '[a,null] [none] [null] error 1 ' "$(cat "$work/seen-6.0")"
expect "7.0" '[a] [null,none] error [a] 2 ' "$(cat "$work/seen-7.0")"
still "null, 1.0 and repeated names mean other things in Zabbix 7.0.9 than in 6.0.14"
