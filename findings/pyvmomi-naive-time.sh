#!/usr/bin/env bash
# pyVmomi sends a time without a zone with winter's offset, in summer too.
#
# Software: pyVmomi 9.1.1.0 (PyPI), Python 3.
# Guess: a datetime without tzinfo is sent without an offset, or with the local
#   one of that day (-04:00 in New York in July), or is refused.
# Behaviour: it gets the zone's standard offset whatever the date. So in summer
#   datetime.now() is sent as an instant one hour too late, and a query for the
#   last 30 minutes asks for the future. A time with tzinfo is sent as it is.
# Seen with TZ=America/New_York: naive 2024-07-01 12:00 -> 12:00:00-05:00
#   (17:00 UTC, one hour late); naive 2024-01-01 12:00 -> 12:00:00-05:00;
#   datetime.astimezone() of the first -> 12:00:00-04:00. With TZ=UTC -> Z.
. "$(dirname "$0")/lib/common.sh"

python_packages pyvmomi==9.1.1.0
cat >"$work/times.py" <<'END'
import datetime
from pyVmomi import SoapAdapter, vim

def sent(time):
    option = vim.option.OptionValue(key="k", value=time)
    return SoapAdapter.SerializeToStr(option).split("xsd:dateTime\">")[1].split("<")[0]

summer = datetime.datetime(2024, 7, 1, 12)
print(sent(summer), sent(datetime.datetime(2024, 1, 1, 12)), sent(summer.astimezone()))
END
seen=$(TZ=America/New_York timeout 60 "$work/venv/bin/python" "$work/times.py")
expect "New York, naive in July and in January, aware in July" \
    '2024-07-01T12:00:00-05:00 2024-01-01T12:00:00-05:00 2024-07-01T12:00:00-04:00' "$seen"
still "a naive time of July is sent with January's offset, an hour late (pyVmomi 9.1.1.0)"
