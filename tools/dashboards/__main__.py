"""Writes Grafana's dashboards on vSphere: python3 -B tools/dashboards METRICS.json [FOLDER]

METRICS.json is what `vpoller-manpages metrics-json` prints. A query that names a metric which is not in it ends the run, and units and
descriptions of panels come from it.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNITS = {"bytes": "bytes", "seconds": "s", "ratio": "percentunit", "hertz": "hertz", "bytes_per_second": "Bps"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
NAMED = "* on (vcenter, moid) group_left (name) {info}"


class Table:
    def __init__(self, path):
        self.rows = {row["name"]: row for row in json.loads(pathlib.Path(path).read_text())}

    def of(self, query):
        """The row of the first metric in a query, all of which have one."""
        names = re.findall(r"\b(?:vsphere|vpoller)_[a-z_]+", query)
        rows = [self.rows.get(name) or self.rows.get(re.sub(r"_(bucket|sum|count)$", "", name)) for name in names]
        if None in rows:
            sys.exit(f"{names[rows.index(None)]} is no metric: {query}")
        return rows[0]


def panel(table, title, query, *, kind="timeseries", legend="{{name}}", unit=None, width=12, height=8):
    row = table.of(query)
    target = {"refId": "A", "expr": query, "legendFormat": legend, "datasource": SOURCE}
    if kind in ("bargauge", "stat", "table"):
        target["instant"] = True
    if kind == "table":
        target["format"] = "table"
    unit = UNITS.get(row["unit"], "short") if unit is None else unit
    return {
        "type": kind,
        "title": title,
        "description": row["help"],
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"orientation": "horizontal"} if kind == "bargauge" else {},
        "targets": [target],
        "gridPos": {"w": width, "h": height},
    }


def variable(name, query, label):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "sort": 1,
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard(uid, title, panels, variables):
    x = y = tallest = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > 24:
            x, y, tallest = 0, y + tallest, 0
        place.update(x=x, y=y)
        x, tallest = x + place["w"], max(tallest, place["h"])
        one["id"] = number
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["vpoller", "vsphere"],
        "schemaVersion": 36,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "title": "vPoller", "tags": ["vpoller"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": [source, *variables]},
        "panels": panels,
    }


def top(table, title, expression, info, **options):
    query = f"topk(10, {expression} {NAMED.format(info=info)})"
    return panel(table, title, query, kind="bargauge", **options)


def dashboards(table):
    vcenter = variable("vcenter", "label_values(vpoller_vcenter_up, vcenter)", "vCenter")
    all_of = '{vcenter=~"$vcenter"}'
    vm, host, store = (f"vsphere_{kind}_info{all_of}" for kind in ("vm", "host", "datastore"))

    def stat(title, query, **options):
        return panel(table, title, query, kind="stat", legend="", width=4, height=4, unit="short", **options)

    yield "estate", dashboard("vpoller-estate", "vSphere: estate", [
        stat("vCenters that are connected", f"sum(vpoller_vcenter_up{all_of})"),
        stat("ESXi hosts", f"count(vsphere_host_info{all_of})"),
        stat("Machines", f"count(vsphere_vm_info{all_of})"),
        stat("Machines that run", f'sum(vsphere_vm_power_state{{vcenter=~"$vcenter",state="poweredOn"}})'),
        stat("Datastores", f"count(vsphere_datastore_info{all_of})"),
        stat("Snapshots", f"sum(vsphere_vm_snapshots{all_of})"),
        top(table, "Machines that wait for a processor", f"vsphere_vm_cpu_ready_ratio{all_of}", vm),
        top(table, "Machines by use of processors", f"vsphere_vm_cpu_usage_hertz{all_of}", vm),
        top(table, "Machines by memory of the host", f"vsphere_vm_memory_consumed_bytes{all_of}", vm),
        top(table, "Machines by space", f"vsphere_vm_storage_committed_bytes{all_of}", vm),
        top(table, "Longest chains of snapshots", f"vsphere_vm_snapshot_chain_depth{all_of}", vm),
        top(table, "ESXi hosts by memory in use", f"vsphere_host_memory_usage_bytes{all_of}", host),
        top(table, "ESXi hosts by use of processors", f"vsphere_host_cpu_usage_hertz{all_of}", host),
        top(table, "Datastores by share in use",
            f"(1 - vsphere_datastore_free_bytes{all_of} / (vsphere_datastore_size_bytes{all_of} > 0))", store, unit="percentunit"),
    ], [vcenter])

    named = variable("cluster", 'label_values(vsphere_cluster_info{vcenter=~"$vcenter"}, name)', "Cluster")
    chosen = 'vsphere_cluster_info{vcenter=~"$vcenter",name=~"$cluster"}'
    members = 'on (vcenter, moid) group_left (cluster) vsphere_host_info{vcenter=~"$vcenter",cluster=~"$cluster"}'

    def of_cluster(title, metric):
        return panel(table, title, f"{metric} {NAMED.format(info=chosen)}")

    def of_members(title, metric):
        return panel(table, title, f"sum by (vcenter, cluster) ({metric} * {members})", legend="{{cluster}}")

    yield "cluster", dashboard("vpoller-cluster", "vSphere: cluster", [
        of_cluster("ESXi hosts", "vsphere_cluster_hosts"),
        of_cluster("ESXi hosts that machines can use", "vsphere_cluster_effective_hosts"),
        of_cluster("Processors that machines can use", "vsphere_cluster_cpu_effective_hertz"),
        of_members("Use of processors", "vsphere_host_cpu_usage_hertz"),
        of_cluster("Memory", "vsphere_cluster_memory_size_bytes"),
        of_members("Use of memory", "vsphere_host_memory_usage_bytes"),
    ], [vcenter, named])

    for word, kind, title, metrics in [
        ("hypervisor", "host", "ESXi host", [
            "cpu_usage_hertz", "cpu_usage_ratio", "memory_usage_bytes", "memory_consumed_bytes", "memory_active_bytes",
            "memory_granted_bytes", "memory_ballooned_bytes", "network_receive_bytes_per_second",
            "network_transmit_bytes_per_second", "maintenance_mode",
        ]),
        ("machine", "vm", "machine", [
            "cpu_usage_hertz", "cpu_usage_ratio", "cpu_ready_ratio", "cpu_costop_ratio", "memory_consumed_bytes",
            "memory_active_bytes", "memory_ballooned_bytes", "memory_swapped_bytes", "storage_max_latency_seconds",
            "storage_committed_bytes", "network_receive_bytes_per_second", "network_transmit_bytes_per_second", "snapshots",
        ]),
        ("datastore", "datastore", "datastore", ["free_bytes", "size_bytes", "uncommitted_bytes", "accessible"]),
    ]:
        named = variable(word, f'label_values(vsphere_{kind}_info{{vcenter=~"$vcenter"}}, name)', title)
        chosen = f'vsphere_{kind}_info{{vcenter=~"$vcenter",name=~"${word}"}}'

        def line(metric):
            words = metric.rsplit("_bytes_per_second", 1)[0]
            for unit in ("_bytes", "_hertz", "_ratio", "_seconds"):
                words = words.removesuffix(unit) if metric.endswith(unit) and unit != "_ratio" else words
            text = words.replace("_", " ").replace("cpu", "CPU").replace(" ratio", ", share")
            return panel(table, text[0].upper() + text[1:], f"vsphere_{kind}_{metric} {NAMED.format(info=chosen)}")

        yield word, dashboard(f"vpoller-{word}", f"vSphere: {title}", [line(metric) for metric in metrics], [vcenter, named])

    def own(title, query, legend="{{vcenter}}", **options):
        return panel(table, title, query, legend=legend, **options)

    yield "vpoller", dashboard("vpoller-itself", "vSphere: vPoller itself", [
        own("Connected", f"vpoller_vcenter_up{all_of}"),
        own("Age of what is known", f"vpoller_vcenter_cache_age_seconds{all_of}"),
        own("Calls a second", f"sum by (vcenter, method) (rate(vpoller_vcenter_soap_requests_total{all_of}[5m]))",
            "{{vcenter}} {{method}}"),
        own("Bytes a second", f"rate(vpoller_vcenter_soap_bytes_total{all_of}[5m])", "{{vcenter}} {{direction}}", unit="Bps"),
        own("Time of nine calls of ten",
            f"histogram_quantile(0.9, sum by (vcenter, le) (rate(vpoller_vcenter_soap_request_duration_seconds_bucket{all_of}[5m])))",
            unit="s"),
        own("Sessions opened", f"vpoller_vcenter_logins_total{all_of}"),
        own("Objects", f"vpoller_vcenter_objects{all_of}", "{{vcenter}} {{type}}"),
        own("Time of a cycle", f"vpoller_exporter_last_cycle_duration_seconds{all_of}", "{{vcenter}} {{interval}} s"),
        own("Objects that failed", f"vpoller_exporter_last_cycle_failures{all_of}", "{{vcenter}} {{interval}} s"),
        own("Time since the start", "vpoller_exporter_uptime_seconds", "{{instance}}"),
    ], [vcenter])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "contrib" / "grafana"
    folder.mkdir(parents=True, exist_ok=True)
    for name, board in dashboards(Table(sys.argv[1])):
        (folder / f"{name}.json").write_text(json.dumps(board, indent=2) + "\n")


if __name__ == "__main__":
    main()
