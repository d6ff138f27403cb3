#!/usr/bin/env bash
# Zabbix's scripts read 2^53 + 1 as 2^53 + 2.
#
# Software: zabbix_js of Zabbix 6.0.14 and 7.0.9 (Debian).
# Guess: as in every ECMAScript engine a number that lies half between two goes
#   to the even one: 9007199254740993 is 9007199254740992, as Zabbix's own
#   JSONPath step has it, and 2^53 - 1 + 2.
# Behaviour: literals, JSON.parse and Number() round the half up, so the same
#   digits are another number than in the step before, and no longer equal to
#   what arithmetic gives.
# Seen (both series): all three -> 9007199254740994; 9007199254740991 + 2 ->
#   9007199254740992; 9007199254740993 === 9007199254740991 + 2 -> false.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    seen=
    for code in 'return 9007199254740993' 'return JSON.parse("9007199254740993")' 'return Number("9007199254740993")' \
        'return 9007199254740991 + 2' 'return 9007199254740993 === 9007199254740991 + 2'; do
        seen="$seen $(script "$series" "$code")"
    done
    expect "$series" ' 9007199254740994 9007199254740994 9007199254740994 9007199254740992 false' "$seen"
done
still "digits half between two numbers become the larger one (Zabbix 6.0.14, 7.0.9)"
