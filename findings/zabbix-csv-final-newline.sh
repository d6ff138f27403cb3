#!/usr/bin/env bash
# The newline at the end of a CSV text becomes a row of empty fields.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "CSV to JSON".
# Guess: a line feed ends the last row, as in every text file, so two lines
#   with a header row are one object.
# Behaviour: what follows the last line feed is a row of its own. A discovery
#   rule behind it gets one object more, with all macros empty, and a count is
#   one too high. An empty line within gives such a row, too.
# Seen (both series): "a,b\n1,2" -> one object; "a,b\n1,2\n" -> two, the second
#   {"a":"","b":""}; the same with CRLF; JSONPath .length() behind it -> 2.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["csv to json", ",\n\"\n1"]], ["a,b\n1,2", "a,b\n1,2\n", "a,b\r\n1,2\r\n"]]
["text", [["csv to json", ",\n\"\n1"], ["jsonpath", "$.length()"]], ["a,b\n1,2\n"]]
END
    extra='[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"\",\"b\":\"\"}]'
    expect "$series, the rows" "[\"[{\\\"a\\\":\\\"1\\\",\\\"b\\\":\\\"2\\\"}]\", \"$extra\", \"$extra\"]" "$(sed -n 1p "$work/out")"
    expect "$series, the count" '["2"]' "$(sed -n 2p "$work/out")"
done
still "a final newline gives an object of empty fields (Zabbix 6.0.14, 7.0.9)"
