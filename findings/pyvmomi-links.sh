#!/usr/bin/env bash
# A member that pyVmomi declares as an object takes that object and gives a text back.
#
# Software: pyVmomi 9.1.1.0 (PyPI).
# Guess: HostVirtualSwitch.pnic, in the package's type stubs list[PhysicalNic],
#   holds adapters: their device names can be read from an answer.
# Behaviour: More than twenty members of the API are links: the wire has the key of what they
#   point at. An adapter may be assigned; its key alone is sent. Read back, the
#   element is a Link, a subclass of str, without any member of an adapter. The
#   stubs say nothing of it; govmomi declares the same member as []string.
# Seen: pnic = [PhysicalNic(key="key-vmnic0", device="vmnic0", …)] ->
#   <pnic>key-vmnic0</pnic>; read back: True Link, no "device".
. "$(dirname "$0")/lib/common.sh"

python_packages pyvmomi==9.1.1.0
cat >"$work/links.py" <<'END'
from pyVmomi import SoapAdapter, vim

host = vim.host
nic = host.PhysicalNic(
    key="key-vmnic0", device="vmnic0", pci="0000:0b:00.0", mac="00:50:56:00:00:01", wakeOnLanSupported=False,
    spec=host.PhysicalNic.Specification())
switch = host.VirtualSwitch(
    name="vSwitch0", key="key-vSwitch0", numPorts=128, numPortsAvailable=120, pnic=[nic],
    spec=host.VirtualSwitch.Specification(numPorts=128))
sent = SoapAdapter.SerializeToStr(switch)
print(sent[sent.index("<pnic"):sent.index("<spec")])
read = SoapAdapter.Deserialize(sent, host.VirtualSwitch).pnic[0]
print(isinstance(read, str), type(read).__name__, hasattr(read, "device"))
END
timeout 60 "$work/venv/bin/python" "$work/links.py" >"$work/out"
expect "what is sent of an adapter" '<pnic>key-vmnic0</pnic>' "$(sed -n 1p "$work/out")"
expect "what is read back" 'True Link False' "$(sed -n 2p "$work/out")"
still "members declared as objects are sent as keys and read as texts (pyVmomi 9.1.1.0)"
