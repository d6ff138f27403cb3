#!/usr/bin/env bash
# A custom multiplier of an unsigned item cuts the fraction before it multiplies.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "custom multiplier".
# Guess: the value is multiplied, the product becomes an integer: 0.75 seconds
#   times 1000 is 750 milliseconds; a negative product is an error.
# Behaviour: with the item's type "numeric (unsigned)" the value is made an
#   unsigned integer first. The same step in a float or text item gives 750.
#   An integer times -1 is no error but wraps at 2^64, and so does an overflow.
# Seen (both series), unsigned: 0.75 x 1000 -> 0; 1023.999 x 1000 -> 1023000;
#   5 x -1 -> 18446744073709551611; 18446744073709551615 x 8 ->
#   18446744073709551608. Float and text: 0.75 x 1000 -> 750.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["unsigned", [["multiplier", "1000"]], ["0.75", "1023.999"]]
["float", [["multiplier", "1000"]], ["0.75"]]
["text", [["multiplier", "1000"]], ["0.75"]]
["unsigned", [["multiplier", "-1"]], ["5"]]
["unsigned", [["multiplier", "8"]], ["18446744073709551615"]]
END
    expect "$series, unsigned" '["0", "1023000"]' "$(sed -n 1p "$work/out")"
    expect "$series, float" '["750"]' "$(sed -n 2p "$work/out")"
    expect "$series, text" '["750"]' "$(sed -n 3p "$work/out")"
    expect "$series, times -1" '["18446744073709551611"]' "$(sed -n 4p "$work/out")"
    expect "$series, overflow" '["18446744073709551608"]' "$(sed -n 5p "$work/out")"
done
still "0.75 x 1000 is 0 in an unsigned item, 750 in a float one (Zabbix 6.0.14, 7.0.9)"
