"""Writes templates/zabbix/*.yaml from the definitions in this folder: python3 tools/templates [FOLDER]."""

import pathlib
import sys

import groups
import health
import hypervisor
import legacy
import model
import processes
import storage
import vcenter
import vm


def files():
    """Name and templates of every file."""
    # Templates that host prototypes link come first, as Zabbix wants them there already.
    machine, host, store, cluster, datacenter = vm.build(), hypervisor.build(), storage.build(), groups.cluster(), groups.datacenter()
    linked = [machine, host, store, cluster, datacenter]
    center, guests, itself = vcenter.build(), processes.build(), health.build()
    yield "vpoller-vcenter.yaml", [center]
    yield "vpoller-hypervisor.yaml", [host]
    yield "vpoller-vm.yaml", [machine]
    yield "vpoller-datastore.yaml", [store]
    yield "vpoller-cluster.yaml", [cluster]
    yield "vpoller-datacenter.yaml", [datacenter]
    yield "vpoller-vm-processes.yaml", [guests]
    yield "vpoller-health.yaml", [itself]
    yield "legacy-native.yaml", legacy.templates("native")
    yield "legacy-external-checks.yaml", [*legacy.templates("python"), *legacy.templates("c")]
    yield "vpoller-all.yaml", [*linked, guests, center, itself]


def main():
    top = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else top / "templates" / "zabbix"
    folder.mkdir(parents=True, exist_ok=True)
    for name, templates in files():
        (folder / name).write_text(model.document(templates), encoding="utf-8")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
