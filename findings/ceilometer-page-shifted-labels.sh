#!/usr/bin/env bash
# Ceilometer's own Prometheus page shows a user under the label of a project.
#
# Software: Ceilometer 27.0.0, prometheus_client 0.26.0.
# Guess: a sample without a project has no label `project`, or an empty one;
#   what is in a label is what its name says.
# Behaviour: labels without a value are left out of a sample, the names of a
#   metric's labels are those of its first sample, and the values of later
#   samples are filled in by position. Two samples that each lack something
#   else have as many values, and the second gets the wrong names, without a
#   line in the log.
# Seen: of a sample with the user u-2 and no project, after one with a project
#   and no user: project="u-2",publisher="ceilometer",resource="vm-2".
. "$(dirname "$0")/lib/common.sh"

python_packages ceilometer==27.0.0 prometheus_client==0.26.0
cat >"$work/page.py" <<'END'
import re

import prometheus_client
from ceilometer.polling import prom_exporter


def sample(resource, project, user):
    return {"counter_name": "cpu_util", "counter_unit": "%", "counter_volume": 1.0, "resource_id": resource,
            "project_id": project, "user_id": user, "resource_metadata": {}}


prom_exporter.collect_metrics([sample("vm-1", "p-1", None), sample("vm-2", None, "u-2")])
page = prometheus_client.generate_latest(prom_exporter.CEILOMETER_REGISTRY).decode()
line = next(line for line in page.splitlines() if "vm-2" in line)
print(",".join(re.findall('(?:project|publisher|user|resource)="[^"]*"', line)))
END
seen=$(timeout 60 "$work/venv/bin/python" -W ignore "$work/page.py" 2>"$work/log") ||
    no_setup "the page could not be made: $(tail -n 1 "$work/log")"
expect "the labels of vm-2" 'project="u-2",publisher="ceilometer",resource="vm-2"' "$seen"
still "a user is shown as the project where the first sample had a project (Ceilometer 27.0.0)"
