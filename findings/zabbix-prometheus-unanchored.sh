#!/usr/bin/env bash
# Zabbix's Prometheus patterns find a regular expression anywhere in a label.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "Prometheus pattern".
# Guess: the pattern language is PromQL's, where =~ must match the whole value:
#   disk=~"sda" does not mean sda1.
# Behaviour: the expression may match a part, in labels and in __name__ alike, so
#   a sum takes in more series than the same selector in Prometheus.
# Seen (both series): sum of io{disk=~"sda"} over sda 1, sda1 2, nvme-sda 4 -> 7;
#   with ^sda$ -> 1; count of {__name__=~"io"} over io, ratio, total -> 2.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["prometheus pattern", "io{disk=~\"sda\"}\nfunction\nsum"]], ["io{disk=\"sda\"} 1\nio{disk=\"sda1\"} 2\nio{disk=\"nvme-sda\"} 4\n"]]
["text", [["prometheus pattern", "io{disk=~\"^sda$\"}\nfunction\nsum"]], ["io{disk=\"sda\"} 1\nio{disk=\"sda1\"} 2\nio{disk=\"nvme-sda\"} 4\n"]]
["text", [["prometheus pattern", "{__name__=~\"io\"}\nfunction\ncount"]], ["io 1\nratio 2\ntotal 3\n"]]
END
    expect "$series, part, whole, name" '["7"] ["1"] ["2"]' "$(paste -sd ' ' "$work/out")"
done
still "=~ matches a part of the label's value (Zabbix 6.0.14, 7.0.9)"
