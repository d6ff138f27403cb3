#!/usr/bin/env bash
# Zabbix's daemons refuse to listen on half of all ports.
#
# Software: zabbix_agentd and zabbix_proxy 6.0.14 and 7.0.9 (Debian).
# Guess: ListenPort takes 1 (or 1024) to 65535.
# Behaviour: the range ends at 32767. A port of the dynamic range of IANA, of
#   Windows or of a test that took a free one from the kernel (32768 and up on
#   Linux) ends the daemon at once. Ports to connect to (ServerActive) may be
#   higher.
# Seen (both daemons, both series): ListenPort=32768 -> 'wrong value of
#   "ListenPort" in config file'; ListenPort=32767 is read. The agent's
#   ServerActive=127.0.0.1:65535 is taken.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-agent zabbix-proxy-sqlite3

# Whether a daemon complains of the port. Asked without a place for its log, an
# agent or a proxy that reads the port ends with another complaint.
refuses() {
    local own=ServerActive=127.0.0.1:65535
    [ "$2" = zabbix_agentd ] || own=DBName=$work/nowhere/db
    printf '%s\n' "ListenPort=$3" Hostname=h Server=127.0.0.1 AllowRoot=1 LogType=file "LogFile=$work/nowhere/log" "$own" >"$work/conf"
    timeout 10 "$work/$1/usr/sbin/$2" -c "$work/conf" -f >"$work/log" 2>&1 || true
    if grep -q 'wrong value of "ListenPort"' "$work/log"; then echo yes; else echo no; fi
}
for series in 6.0 7.0; do
    for daemon in zabbix_agentd zabbix_proxy; do
        expect "$series, $daemon, 32768 and 32767 refused" 'yes no' \
            "$(refuses "$series" "$daemon" 32768) $(refuses "$series" "$daemon" 32767)"
        grep -q nowhere "$work/log" || changed "$series: $daemon with port 32767 says: $(head -n 1 "$work/log")"
    done
done
still "ListenPort above 32767 is a wrong value (Zabbix 6.0.14, 7.0.9)"
