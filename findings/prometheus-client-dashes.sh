#!/usr/bin/env bash
# prometheus_client takes names with dashes, and two of them become one series.
#
# Software: prometheus_client 0.26.0 (PyPI).
# Guess: a metric or label name with a dash or point is refused with ValueError,
#   as it was for years, or at the latest when the page clashes.
# Behaviour: any name is taken. For readers that do not ask for UTF-8 names the
#   page writes "_" in the place of what they cannot read, and nothing looks for
#   clashes then: vm-cpu, vm.cpu and vm_cpu are three families with one name,
#   and labels host-name and host_name come twice in one sample.
# Seen in text format 0.0.4: "vm_cpu 1.0", "vm_cpu 2.0" and "vm_cpu 3.0", each
#   with a TYPE line; up{host_name="x",host_name="y"} 1.0. No exception.
. "$(dirname "$0")/lib/common.sh"

python_packages prometheus_client==0.26.0
cat >"$work/page.py" <<'END'
from prometheus_client import CollectorRegistry, Gauge, generate_latest

registry = CollectorRegistry()
for value, name in enumerate(["vm-cpu", "vm.cpu", "vm_cpu"], 1):
    Gauge(name, "h", registry=registry).set(value)
Gauge("up", "h", ["host-name", "host_name"], registry=registry).labels("x", "y").set(1)
print(generate_latest(registry).decode(), end="")
END
timeout 60 "$work/venv/bin/python" "$work/page.py" >"$work/out" 2>&1 ||
    changed "it refuses: $(tail -n 1 "$work/out")"
expect "samples" 'vm_cpu 1.0 vm_cpu 2.0 vm_cpu 3.0 up{host_name="x",host_name="y"} 1.0 ' "$(grep -v '^#' "$work/out" | tr '\n' ' ')"
expect "TYPE lines of vm_cpu" 3 "$(grep -c '^# TYPE vm_cpu gauge' "$work/out")"
still "vm-cpu, vm.cpu and vm_cpu are written as one series three times (prometheus_client 0.26.0)"
