#!/usr/bin/env bash
# "Discard unchanged" throws away a changed text when both are the same number.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), item of type text.
# Guess: texts are compared as texts, numbers only for numeric items.
# Behaviour: two values that both look like numbers are compared as numbers,
#   whatever the item's type. A version that goes from 6.1 to 6.10, a number
#   from 7 to 007 or a counter from 9007199254740992 to ...93 is "unchanged",
#   and the old text stays in history. With "discard unchanged with heartbeat"
#   the same until the next heartbeat.
# Seen (both series): 6.1 6.10 6.2 -> 6.1 6.2; 7 007 7a -> 7 7a;
#   9007199254740992 9007199254740993 9007199254740994 -> the first and third.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["discard unchanged", ""]], ["6.1", "6.10", "6.2"]]
["text", [["discard unchanged", ""]], ["7", "007", "7a"]]
["text", [["discard unchanged", ""]], ["9007199254740992", "9007199254740993", "9007199254740994"]]
["text", [["discard unchanged", ""]], ["v6.1", "v6.10", "v6.2"]]
END
    expect "$series, a version" '["6.1", "6.2"]' "$(sed -n 1p "$work/out")"
    expect "$series, leading zeros" '["7", "7a"]' "$(sed -n 2p "$work/out")"
    expect "$series, beyond a double" '["9007199254740992", "9007199254740994"]' "$(sed -n 3p "$work/out")"
    expect "$series, no numbers" '["v6.1", "v6.10", "v6.2"]' "$(sed -n 4p "$work/out")"
done
still "in a text item 6.10 after 6.1 is discarded as unchanged (Zabbix 6.0.14, 7.0.9)"
