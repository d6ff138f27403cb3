#!/usr/bin/env bash
# pyVmomi names every Python int xsd:int where the member has no fixed type.
#
# Software: pyVmomi 9.1.1.0 (PyPI).
# Guess: where a member takes any value (OptionValue.value and the like), an int
#   is sent as xsd:int while it fits and as xsd:long beyond, a float as
#   xsd:double, which holds it.
# Behaviour: int is xsd:int whatever its size, so 2^31 makes a message that no
#   XML Schema reader has to take (govmomi's simulator answers InvalidRequest,
#   "value out of range"). float is xsd:float, which has seven digits. The types
#   have to be asked for: VmomiSupport.long and .double.
# Seen: 5 -> xsd:int; 2147483648 -> xsd:int; 1099511627776 -> xsd:int;
#   1.5 -> xsd:float; long(1099511627776) -> xsd:long; double(1.5) -> xsd:double.
. "$(dirname "$0")/lib/common.sh"

python_packages pyvmomi==9.1.1.0
cat >"$work/untyped.py" <<'END'
from pyVmomi import SoapAdapter, VmomiSupport, vim

def named(value):
    option = vim.option.OptionValue(key="k", value=value)
    return SoapAdapter.SerializeToStr(option).split("<value ")[1].split('"')[1]

values = [5, 2**31, 2**40, 1.5, VmomiSupport.long(2**40), VmomiSupport.double(1.5)]
print(" ".join(named(value) for value in values))
END
seen=$(timeout 60 "$work/venv/bin/python" "$work/untyped.py")
expect "5, 2^31, 2^40, 1.5, a long, a double" 'xsd:int xsd:int xsd:int xsd:float xsd:long xsd:double' "$seen"
still "2^40 is sent as xsd:int and 1.5 as xsd:float in a member of any type (pyVmomi 9.1.1.0)"
