#!/usr/bin/env bash
# pyVmomi refuses a required object that was not set, but sends 0 for a number.
#
# Software: pyVmomi 9.1.1.0 (PyPI).
# Guess: a required member that was not set is None when read, and is refused
#   when the object is sent, whatever its type.
# Behaviour: objects, enumerations and times are refused so. Numbers, texts and
#   truth values begin as 0, "" and False, are sent so without a word, and read
#   back so: unset cannot be told from zero. Optional members are None and left
#   out. So VirtualDisk() asks for device key 0 and a capacity of 0 KB, and
#   MetricId() for counter 0 with the instance "".
# Seen: VirtualDisk() -> <key>0</key><capacityInKB>0</capacityInKB>; MetricId()
#   -> <counterId>0</counterId><instance></instance>; QuerySpec() -> TypeError,
#   'Field "entity" is not optional'; VirtualDisk().unitNumber -> None.
. "$(dirname "$0")/lib/common.sh"

python_packages pyvmomi==9.1.1.0
cat >"$work/unset.py" <<'END'
from pyVmomi import SoapAdapter, vim

def sent(thing):
    return SoapAdapter.SerializeToStr(thing).split(">", 1)[1].rsplit("<", 1)[0]

disk = vim.vm.device.VirtualDisk()
print(sent(disk))
print(sent(vim.PerformanceManager.MetricId()))
print(disk.key, disk.unitNumber)
try:
    print(sent(vim.PerformanceManager.QuerySpec()))
except TypeError as error:
    print("refused", "entity" in str(error))
END
timeout 60 "$work/venv/bin/python" "$work/unset.py" >"$work/out"
expect "a new disk" '<key>0</key><capacityInKB>0</capacityInKB>' "$(sed -n 1p "$work/out")"
expect "a new metric id" '<counterId>0</counterId><instance></instance>' "$(sed -n 2p "$work/out")"
expect "key and unit number" '0 None' "$(sed -n 3p "$work/out")"
expect "a new query" 'refused True' "$(sed -n 4p "$work/out")"
still "required numbers and texts that were not set are sent as 0 and \"\" (pyVmomi 9.1.1.0)"
