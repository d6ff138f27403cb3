#!/usr/bin/env bash
# A series without the label is found by no condition on it.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "Prometheus pattern".
# Guess: as in PromQL a label that a series lacks is an empty one, so up{job!="x"},
#   up{job!~"x"} and up{job=""} find a series without job.
# Behaviour: a condition on a label that is not there is false, the negative ones
#   too. Series that lack the label drop out of sums and counts.
# Seen (both series), count over up, up{job=""}, up{job="y"}: job!="x" -> 2,
#   job!~"x" -> 2, job="" -> 1, job=~".*" -> 2, no condition -> 3.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
cases=()
for condition in '{job!=\"x\"}' '{job!~\"x\"}' '{job=\"\"}' '{job=~\".*\"}' ''; do
    cases+=("[\"text\", [[\"prometheus pattern\", \"up$condition\\nfunction\\ncount\"]], [\"up 1\\nup{job=\\\"\\\"} 1\\nup{job=\\\"y\\\"} 1\\n\"]]")
done
for series in 6.0 7.0; do
    seen=$(printf '%s\n' "${cases[@]}" | preprocessed "$series" | paste -sd ' ')
    expect "$series, the counts" '["2"] ["2"] ["1"] ["2"] ["3"]' "$seen"
done
still "no condition finds a series that lacks the label (Zabbix 6.0.14, 7.0.9)"
