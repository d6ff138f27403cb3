#!/usr/bin/env bash
# A Zabbix script reads the offset +0200 as 200 hours.
#
# Software: zabbix_js of Zabbix 6.0.14 and 7.0.9 (Debian).
# Guess: new Date("2024-07-01T12:00:00+0200"), what date +%z and many logs write,
#   is 10:00 UTC or an invalid date; a time without offset is local time.
# Behaviour: the digits up to a colon are hours, however many, so the date is
#   eight days off, without an error. A time without offset is UTC, whatever
#   the daemon's zone, while new Date(2024, 6, 1, 12) is local.
# Seen (both series, TZ=America/New_York): ...T12:00:00+0200 ->
#   2024-06-23T04:00:00Z; +02:00 -> 2024-07-01T10:00:00Z; no offset ->
#   2024-07-01T12:00:00Z; new Date(2024, 6, 1, 12) -> 2024-07-01T16:00:00Z.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
export TZ=America/New_York
for series in 6.0 7.0; do
    expect "$series, +0200" 2024-06-23T04:00:00.000Z "$(script "$series" 'return new Date("2024-07-01T12:00:00+0200").toISOString();')"
    expect "$series, +02:00" 2024-07-01T10:00:00.000Z "$(script "$series" 'return new Date("2024-07-01T12:00:00+02:00").toISOString();')"
    expect "$series, no offset" 2024-07-01T12:00:00.000Z "$(script "$series" 'return new Date("2024-07-01T12:00:00").toISOString();')"
    expect "$series, by parts" 2024-07-01T16:00:00.000Z "$(script "$series" 'return new Date(2024, 6, 1, 12).toISOString();')"
done
still "2024-07-01T12:00:00+0200 is read as 2024-06-23T04:00Z (Zabbix 6.0.14, 7.0.9)"
