#!/usr/bin/env bash
# Sums and means over Prometheus series leave out NaN.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "Prometheus pattern"
#   with a function.
# Guess: as in PromQL and IEEE 754 a sum or mean with a NaN is NaN, which a
#   numeric item refuses, and count counts the series.
# Behaviour: series whose value is NaN are taken out before any function, count
#   included: what could not be measured is nothing, and the total looks whole.
#   With NaN alone count is 0 and the others fail. Without a function NaN comes
#   through, and infinity counts in all of them.
# Seen (both series) over NaN and 2: sum 2, avg 2, min 2, count 1; over NaN: count
#   0, sum an error, value NaN.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
cases=()
for function in sum avg min count; do
    cases+=("[\"text\", [[\"prometheus pattern\", \"a\\nfunction\\n$function\"]], [\"a{x=\\\"1\\\"} NaN\\na{x=\\\"2\\\"} 2\\n\"]]")
done
cases+=('["text", [["prometheus pattern", "a\nfunction\ncount"]], ["a NaN\n"]]')
cases+=('["text", [["prometheus pattern", "a\nvalue\n"]], ["a NaN\n"]]')
cases+=('["text", [["prometheus pattern", "a\nfunction\nsum"]], ["a NaN\n"]]')
for series in 6.0 7.0; do
    printf '%s\n' "${cases[@]}" | preprocessed "$series" >"$work/out"
    expect "$series, NaN beside 2, NaN alone" '["2"] ["2"] ["2"] ["1"] ["0"] ["NaN"]' "$(head -n 6 "$work/out" | paste -sd ' ')"
    expect "$series, a sum of NaN alone" 1 "$(sed -n 7p "$work/out" | grep -c 'no data (at least one value is required)')"
done
still "functions over series take NaN for nothing (Zabbix 6.0.14, 7.0.9)"
