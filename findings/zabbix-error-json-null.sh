#!/usr/bin/env bash
# "Check for error in JSON" takes null, false, 0 and {} for errors.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "Check for error in
#   JSON".
# Guess: a JSON-RPC 1.0 success, {"result":5,"error":null}, passes; so do false,
#   0 and an empty object, which stand for "no error" in many answers.
# Behaviour: everything that the path finds is an error, except an empty text:
#   null makes the item unsupported with the text "null". Only an empty text, or
#   no such member, passes; a text of one blank passes, too.
# Seen (both series): null, false, 0, {} -> errors with these texts; "", " " and
#   no member -> the value.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["error in json", "$.error"]], ["{\"error\":null}", "{\"error\":false}", "{\"error\":0}", "{\"error\":{}}"]]
["text", [["error in json", "$.error"]], ["{\"error\":\"\"}", "{\"error\":\" \"}", "{\"result\":5}"]]
END
    expect "$series, the errors" 'null false 0 {}' \
        "$(sed -n 1p "$work/out" | python3 -c 'import json, sys; print(*[v["error"].split("Failed: ")[1] for v in json.load(sys.stdin)])')"
    expect "$series, what passes" '["{\"error\":\"\"}", "{\"error\":\" \"}", "{\"result\":5}"]' "$(sed -n 2p "$work/out")"
done
still "an error of null, false, 0 or {} is an error, an empty text is none (Zabbix 6.0.14, 7.0.9)"
