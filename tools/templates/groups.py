"""VMware vSphere Cluster and Datacenter by vPoller."""

from common import (
    attributes, CLUSTER, counted, counters, DATACENTER, granted, HOST_MACRO, MEBIBYTE, MEGAHERTZ, NAME_MACRO, STATUS, VCENTER, YES, Values, master, watch_percent,
    watch_status,
)
from model import Template, chart, javascript, jsonpath, number, texts

TEXT = ("%s, asked for with one request. Hosts with this template are made by the discovery of '" + VCENTER + "', or by hand: set {$VSPHERE.HOST} and "
        "{$VSPHERE.NAME}.")


def macros():
    return {"{$VSPHERE.HOST}": HOST_MACRO, "{$VSPHERE.NAME}": NAME_MACRO}


def cluster():
    made = Template(CLUSTER, TEXT % "A cluster", macros=macros(), tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-cluster")])
    everything = master(made, "Get cluster", "cluster.get", "@cluster.base," + attributes("cluster"), "All properties in one request; the other items take their part of it.")
    get = Values(made, everything, "cluster")
    status = get.state("Overall status", "status", "overallStatus", STATUS, "health")
    watch_status(status, "Cluster")
    get.alarms()
    hosts = get.number("Number of hypervisors", "hosts", "summary.numHosts", "cluster")
    usable = get.number("Number of usable hypervisors", "hosts.usable", "summary.numEffectiveHosts", "cluster",
                        description="Connected, and not in maintenance mode.")
    made.trigger(
        "Cluster has unusable hypervisors", "last(%s)<last(%s)" % (usable.reference(), hosts.reference()), "WARNING", scope="availability",
        data="Usable: {ITEM.LASTVALUE1} of {ITEM.LASTVALUE2}")
    get.fact("CPU cores", "cpu.cores", "summary.numCpuCores", "cpu", type="UNSIGNED")
    get.fact("CPU threads", "cpu.threads", "summary.numCpuThreads", "cpu", type="UNSIGNED")
    total = get.number("CPU of all hypervisors", "cpu.total", "summary.totalCpu", "cpu", MEGAHERTZ, units="Hz")
    effective = get.number("CPU for virtual machines", "cpu.effective", "summary.effectiveCpu", "cpu", MEGAHERTZ, units="Hz")
    memory = get.number("Memory of all hypervisors", "memory.total", "summary.totalMemory", "memory", units="B")
    usable_memory = get.number("Memory for virtual machines", "memory.effective", "summary.effectiveMemory", "memory", MEBIBYTE, units="B")
    ha = get.state("HA", "ha", "configurationEx.dasConfig.enabled", YES, "cluster")
    get.state("HA admission control", "ha.admission", "configurationEx.dasConfig.admissionControlEnabled", YES, "cluster")
    drs = get.state("DRS", "drs", "configurationEx.drsConfig.enabled", YES, "cluster")
    get.fact("DRS automation", "drs.mode", "configurationEx.drsConfig.defaultVmBehavior", "cluster")
    failover = get.number("Hypervisors that may fail", "failover", "summary.currentFailoverLevel", "cluster", description="Without a virtual machine losing its resources.")
    get.number("Virtual machines moved by vMotion", "vmotions", "summary.numVmotions", "cluster", description="Since vCenter counts.")
    get.count("Number of datastores", "datastores", "datastore", "datastore")
    get.count("Number of networks", "networks", "network", "network")
    name = get.fact("Name", "name", "name", "system", optional=False)
    get.attributes("cluster")
    totals(made, "cluster")
    made.graph("Cluster: CPU", (total.key, "888888"), (effective.key, "3333FF", "GRADIENT_LINE"), low=0)
    made.graph("Cluster: memory", (memory.key, "888888"), (usable_memory.key, "3333FF", "GRADIENT_LINE"), low=0)
    made.dashboard(
        "Cluster",
        [number(status, "Status"), number(hosts, "Hypervisors"), number(usable, "Usable"), number(ha, "HA"), number(drs, "DRS"), number(failover, "May fail")],
        [chart("Cluster: CPU usage"), chart("Cluster: memory usage")],
        [chart("Cluster: CPU"), chart("Cluster: memory")],
        [texts(name, "Name", width=24, height=3)],
    )
    return made


def totals(made, what):
    """Sums over everything in a cluster or datacenter."""
    shown = what.capitalize()
    listed = made.item(
        "Get totals", 'vpoller.json["%s.summary.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}",""]' % what, delay="5m", type="TEXT", history="0", component="raw",
        description="Sums over everything in it.")

    def total(name, key, path, component, **settings):
        return made.item(name, "vpoller.%s[total,%s]" % (what, key), of=listed, component=component, steps=[granted(path), jsonpath("$[0]['%s']" % path, unless="discard")], **settings)

    def percent(name, key, path, component):
        script = javascript(
            "var o = JSON.parse(value)[0], all = o['%s.total'], used = o['%s.usage'];" % (path, path),
            "return all > 0 && used >= 0 ? used / all * 100 : null;")
        return made.item(name, "vpoller.%s[total,%s]" % (what, key), of=listed, component=component,
                         steps=[granted(path + ".total"), granted(path + ".usage"), script], type="FLOAT", units="%")

    hosts = total("Hypervisors", "hosts", "hosts", "system")
    total("Hypervisors connected", "hosts.connected", "hosts.connected", "system")
    machines = total("Virtual machines", "vms", "vms", "system")
    running = total("Virtual machines powered on", "vms.on", "vms.on", "system")
    total("Virtual machine templates", "templates", "templates", "system")
    total("CPU capacity", "cpu.total", "cpu.total", "cpu", units="Hz")
    total("CPU usage", "cpu.usage", "cpu.usage", "cpu", units="Hz")
    cpu = percent("CPU usage in percent", "cpu.pused", "cpu", "cpu")
    total("Memory capacity", "memory.total", "memory.total", "memory", units="B")
    total("Memory usage", "memory.usage", "memory.usage", "memory", units="B")
    memory = percent("Memory usage in percent", "memory.pused", "memory", "memory")
    total("Datastores", "datastores", "datastores", "datastore")
    total("Capacity of the datastores", "datastore.capacity", "datastore.capacity", "datastore", units="B")
    total("Free space of the datastores", "datastore.free", "datastore.free", "datastore", units="B")
    watch_percent(cpu, "CPU usage", "VSPHERE.%s.CPU.WARN" % what.upper(), minutes=15, scope="capacity")
    watch_percent(memory, "Memory usage", "VSPHERE.%s.MEMORY.WARN" % what.upper(), minutes=15, scope="capacity")
    for part in ("CPU", "MEMORY"):
        made.macros["{$VSPHERE.%s.%s.WARN}" % (what.upper(), part)] = ("90", "%s usage in percent that is worth a warning." % ("CPU" if part == "CPU" else "Memory"))
    made.graph("%s: CPU usage" % shown, (cpu.key, "3333FF", "GRADIENT_LINE"), low="percent")
    made.graph("%s: memory usage" % shown, (memory.key, "3333FF", "GRADIENT_LINE"), low="percent")
    return machines, running, hosts


def datacenter():
    made = Template(DATACENTER, TEXT % "A datacenter", macros=macros(), tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-datacenter")])
    everything = master(made, "Get datacenter", "datacenter.get", "@datacenter.base," + attributes("datacenter"), "All properties in one request; the other items take their part of it.")
    get = Values(made, everything, "datacenter")
    status = get.state("Overall status", "status", "overallStatus", STATUS, "health")
    watch_status(status, "Datacenter")
    get.alarms()
    machines, running, hosts = totals(made, "datacenter")
    get.count("Number of networks", "networks", "network", "network")
    name = get.fact("Name", "name", "name", "system", optional=False)
    get.attributes("datacenter")
    perf = counters(made, "datacenter", "@datacenter.perf", "1h", "Past day")
    operations = []
    for shown, key, counter, colour in (
        ("Power-on operations", "on", "vmop.numPoweron.latest", "00AA00"),
        ("Power-off operations", "off", "vmop.numPoweroff.latest", "CC0000"),
        ("Suspend operations", "suspended", "vmop.numSuspend.latest", "BBBB00"),
        ("Migrations with vMotion", "moved", "vmop.numVMotion.latest", "3333FF"),
    ):
        item = made.item(shown, "vpoller.datacenter[perf,%s]" % key, of=perf, component="system", steps=[counted(counter)],
                         description="As vCenter counts them, in its newest sample of five minutes.")
        operations.append((item.key, colour))
    made.graph("Datacenter: operations", *operations, low=0)
    red = next(item for item in made.items if item.key == "vpoller.datacenter[alarms,red]")
    yellow = next(item for item in made.items if item.key == "vpoller.datacenter[alarms,yellow]")
    made.graph("Datacenter: alarms", (red.key, "CC0000"), (yellow.key, "BBBB00"), low=0)
    made.dashboard(
        "Datacenter",
        [number(status, "Status"), number(red, "Red alarms"), number(yellow, "Yellow alarms"), number(hosts, "Hypervisors"), number(machines, "Virtual machines"),
         number(running, "Powered on")],
        [chart("Datacenter: CPU usage"), chart("Datacenter: memory usage")],
        [chart("Datacenter: alarms"), chart("Datacenter: operations")],
        [texts(name, "Name", width=24, height=3)],
    )
    return made
