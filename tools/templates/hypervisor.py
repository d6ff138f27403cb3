"""VMware vSphere Hypervisor by vPoller."""

from common import (
    attributes, counted, counters, FACT, HOST_MACRO, HYPERVISOR, instances_of, MEBIBYTE, MEGAHERTZ, NAME_MACRO, names, POWER, STATUS, VCENTER, YES, Values, master,
    watch_percent, watch_restart, watch_status,
)
from model import States, Template, chart, charts, multiplier, number, texts, unchanged

CONNECTION = States("Hypervisor connection", connected=(1, "Connected"), notResponding=(0, "Not responding"), disconnected=(2, "Disconnected"))

VSAN = States("Virtual SAN health", unhealthy=(0, "Unhealthy"), healthy=(1, "Healthy"), unknown=(2, "Unknown"))


def build():
    host = Template(
        HYPERVISOR,
        "An ESXi host, asked for with one request a minute. Hosts with this template are made by the discovery of '%s', or by hand: set "
        "{$VSPHERE.HOST} and {$VSPHERE.NAME}." % VCENTER,
        macros={
            "{$VSPHERE.HOST}": HOST_MACRO,
            "{$VSPHERE.NAME}": NAME_MACRO,
            "{$VSPHERE.HV.CPU.WARN}": ("90", "CPU usage in percent that is worth a warning."),
            "{$VSPHERE.HV.LATENCY.WARN}": ("0.1", "Disk latency in seconds that is worth a warning."),
            "{$VSPHERE.HV.MEMORY.WARN}": ("90", "Memory usage in percent that is worth a warning."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-hypervisor")],
    )
    everything = master(host, "Get hypervisor", "host.get", "@host.base," + attributes("hv"), "All properties in one request; the other items take their part of it.")
    get = Values(host, everything, "hv")

    status = get.state("Overall status", "status", "overallStatus", STATUS, "health")
    watch_status(status, "Hypervisor")
    connection = get.state("Connection state", "connection", "runtime.connectionState", CONNECTION, "health", optional=False)
    lost = connection.trigger(
        "Hypervisor is not connected to vCenter", "last({})<>1", "HIGH", scope="availability", data="Now: {ITEM.LASTVALUE1}",
        description="vCenter cannot reach the host, or somebody disconnected it: its values are old.")
    power = get.state("Power state", "power", "runtime.powerState", POWER, "power", optional=False)
    power.trigger("Hypervisor is not powered on", "last({})<>1", "AVERAGE", scope="availability", data="Now: {ITEM.LASTVALUE1}", after=[lost])
    maintenance = get.state("Maintenance mode", "maintenance", "runtime.inMaintenanceMode", YES, "health")
    maintenance.trigger("Hypervisor is in maintenance mode", "last({})=1", "INFO", scope="notice")
    reboot = get.state("Reboot required", "reboot", "summary.rebootRequired", YES, "health")
    reboot.trigger("Hypervisor has to be rebooted", "last({})=1", "INFO", scope="notice")
    uptime = get.number("Uptime", "uptime", "summary.quickStats.uptime", "system", units="uptime")
    watch_restart(host, "Hypervisor", uptime, power)
    get.fact("Boot time", "boottime", "runtime.bootTime", "system")
    get.alarms()

    usage = get.number("CPU usage", "cpu.usage", "summary.quickStats.overallCpuUsage", "cpu", MEGAHERTZ, units="Hz")
    percent = get.computed(
        "CPU usage in percent", "cpu.pused", "cpu",
        "var used = o['summary.quickStats.overallCpuUsage'], most = o['summary.hardware.cpuMhz'] * o['summary.hardware.numCpuCores'];",
        "if (used === undefined || !most) return null;",
        "return used / most * 100;",
        type="FLOAT", units="%")
    watch_percent(percent, "CPU usage", "VSPHERE.HV.CPU.WARN")
    get.fact("CPU model", "cpu.model", "summary.hardware.cpuModel", "cpu")
    get.number("CPU frequency", "cpu.frequency", "summary.hardware.cpuMhz", "cpu", MEGAHERTZ, units="Hz")
    get.fact("CPU packages", "cpu.packages", "summary.hardware.numCpuPkgs", "cpu", type="UNSIGNED")
    get.fact("CPU cores", "cpu.cores", "summary.hardware.numCpuCores", "cpu", type="UNSIGNED")
    get.fact("CPU threads", "cpu.threads", "summary.hardware.numCpuThreads", "cpu", type="UNSIGNED")
    get.fact("CPU power policy", "cpu.policy", "hardware.cpuPowerManagementInfo.currentPolicy", "cpu")
    get.fact("CPU power management", "cpu.powermanagement", "hardware.cpuPowerManagementInfo.hardwareSupport", "cpu",
             description="What the hardware supports: ACPI P-states change the clock, C-states let processors sleep.")
    get.number("CPU fairness", "cpu.fairness", "summary.quickStats.distributedCpuFairness", "cpu", description="Of the host within its cluster, in thousandths.")

    memory = get.fact("Memory size", "memory.size", "summary.hardware.memorySize", "memory", type="UNSIGNED", units="B")
    used = get.number("Memory usage", "memory.used", "summary.quickStats.overallMemoryUsage", "memory", MEBIBYTE, units="B")
    percent_memory = get.computed(
        "Memory usage in percent", "memory.pused", "memory",
        "var used = o['summary.quickStats.overallMemoryUsage'], size = o['summary.hardware.memorySize'];",
        "if (used === undefined || !size) return null;",
        "return used * %d / size * 100;" % MEBIBYTE,
        type="FLOAT", units="%")
    watch_percent(percent_memory, "Memory usage", "VSPHERE.HV.MEMORY.WARN")
    get.number("Memory fairness", "memory.fairness", "summary.quickStats.distributedMemoryFairness", "memory",
               description="Of the host within its cluster, in thousandths.")

    perf = counters(host, "host", "@host.perf")

    def counter(name, key, counter, component, *steps, **settings):
        return host.item(name, "vpoller.hv[perf,%s]" % key, of=perf, component=component, steps=[counted(counter), *steps], **settings)

    received = counter("Network received", "net.in", "net.received.average", "network", multiplier(1024), units="Bps")
    sent = counter("Network sent", "net.out", "net.transmitted.average", "network", multiplier(1024), units="Bps")
    counter("Disk read rate", "disk.read", "disk.read.average", "storage", multiplier(1024), units="Bps")
    counter("Disk write rate", "disk.write", "disk.write.average", "storage", multiplier(1024), units="Bps")
    latency = counter("Highest disk latency", "disk.latency", "disk.maxTotalLatency.latest", "storage", multiplier(0.001), type="FLOAT", units="s")
    latency.trigger("Disk latency is high", "min({},5m)>{$VSPHERE.HV.LATENCY.WARN}", "WARNING", scope="performance", data="Now: {ITEM.LASTVALUE1}")
    counter("Memory swapped in, rate", "memory.swapin", "mem.swapinRate.average", "memory", multiplier(1024), units="Bps")
    counter("Memory swapped out, rate", "memory.swapout", "mem.swapoutRate.average", "memory", multiplier(1024), units="Bps")
    counter("Power", "power.watt", "power.power.average", "power", units="!W")

    def instances(what, rule_key, macro, parts, tag):
        rule = host.rule(
            what + " discovery", rule_key, of=perf, macros={macro: "$.instance"}, steps=instances_of(*[path for _, _, path, _, _ in parts]),
            description="Those with performance counters of their own.")
        for name, key, path, factor, settings in parts:
            steps = [counted(path, macro)] + ([multiplier(factor)] if factor else [])
            rule.item("[%s] %s" % (macro, name), "%s[%s,%s]" % (rule_key.replace(".discovery", ""), key, macro), of=perf, component=tag, tags=[(tag, macro)],
                      steps=steps, **settings)
        return rule

    rate, seconds = {"units": "Bps"}, {"units": "s", "type": "FLOAT"}
    nics = instances("Network adapter", "vpoller.hv.nic.discovery", "{#NIC}", [
        ("Received", "in", "net.received.average", 1024, rate), ("Sent", "out", "net.transmitted.average", 1024, rate),
        ("Dropped on receipt", "dropped.in", "net.droppedRx.summation", None, {}), ("Dropped on sending", "dropped.out", "net.droppedTx.summation", None, {}),
        ("Errors on receipt", "errors.in", "net.errorsRx.summation", None, {}), ("Errors on sending", "errors.out", "net.errorsTx.summation", None, {}),
    ], "network")
    nics.graph("[{#NIC}] Traffic", ("vpoller.hv.nic[in,{#NIC}]", "00AA00", "GRADIENT_LINE"), ("vpoller.hv.nic[out,{#NIC}]", "3333FF", "GRADIENT_LINE"), low=0)
    stores = instances("Datastore", "vpoller.hv.datastore.discovery", "{#DATASTORE}", [
        ("Read rate", "read", "datastore.read.average", 1024, rate), ("Write rate", "write", "datastore.write.average", 1024, rate),
        ("Read latency", "readlatency", "datastore.totalReadLatency.average", 0.001, seconds),
        ("Write latency", "writelatency", "datastore.totalWriteLatency.average", 0.001, seconds),
    ], "datastore")
    stores.graph("[{#DATASTORE}] Latency", ("vpoller.hv.datastore[readlatency,{#DATASTORE}]", "00AA00"),
                 ("vpoller.hv.datastore[writelatency,{#DATASTORE}]", "3333FF"), low=0)

    machines = get.count("Number of virtual machines", "vms", "vm", "system")
    get.count("Number of datastores", "datastores", "datastore", "datastore")
    get.count("Number of networks", "networks", "network", "network")
    guests = names(host, "Virtual machines", "host.vm.get", "system", "Those registered on the hypervisor")
    mounted = names(host, "Datastores", "host.datastore.get", "datastore", "Those the hypervisor can reach")
    get.attributes("hypervisor")
    get.fact("Network adapters", "nics", "summary.hardware.numNics", "network", type="UNSIGNED")
    get.fact("Storage adapters", "hbas", "summary.hardware.numHBAs", "storage", type="UNSIGNED")

    get.fact("Name", "name", "name", "system", optional=False)
    get.fact("Vendor", "vendor", "summary.hardware.vendor", "system")
    get.fact("Model", "model", "summary.hardware.model", "system")
    get.fact("Hardware UUID", "uuid", "summary.hardware.uuid", "system")
    get.fact("BIOS version", "bios", "hardware.biosInfo.biosVersion", "system")
    product = get.fact("ESXi, full name", "product", "config.product.fullName", "system")
    get.fact("ESXi, name", "product.name", "config.product.name", "system")
    get.fact("ESXi, vendor", "product.vendor", "config.product.vendor", "system")
    get.fact("ESXi version", "version", "config.product.version", "system")
    get.fact("API version", "api", "config.product.apiVersion", "system")
    build_number = get.fact("ESXi build", "build", "config.product.build", "system")
    build_number.trigger("ESXi was updated", "last({},#1)<>last({},#2) and length(last({}))>0", "INFO", scope="notice", manual=True)
    where = host.item(
        "Cluster", 'vpoller.raw["host.cluster.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","cluster"]', delay="15m", type="CHAR",
        steps=[unchanged(FACT)], component="cluster", description="The cluster of the host; its own name where it has none.")

    host.item(
        "Virtual SAN health", 'vpoller.raw["vsan.health.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","health"]', delay="5m", component="health", states=VSAN,
        steps=[VSAN.step(), unchanged("1h")], enabled=False, description="Enable it on hosts that take part in a virtual SAN.",
    ).trigger("Virtual SAN is unhealthy", "last({})=0", "HIGH", scope="availability")

    host.graph("Hypervisor: CPU in percent", (percent.key, "3333FF", "GRADIENT_LINE"), low="percent")
    host.graph("Hypervisor: CPU", (usage.key, "3333FF", "GRADIENT_LINE"), low=0)
    host.graph("Hypervisor: memory", (memory.key, "888888"), (used.key, "3333FF", "GRADIENT_LINE"), low=0)
    host.graph("Hypervisor: network", (received.key, "00AA00", "GRADIENT_LINE"), (sent.key, "3333FF", "GRADIENT_LINE"), low=0)
    host.graph("Hypervisor: disk latency", (latency.key, "CC6600"), low=0)
    host.dashboard(
        "Hypervisor",
        [number(connection, "Connection"), number(status, "Status"), number(machines, "Virtual machines"), number(uptime, "Uptime"),
         number(percent, "CPU"), number(percent_memory, "Memory")],
        [chart("Hypervisor: CPU in percent"), chart("Hypervisor: memory")],
        [chart("Hypervisor: network"), chart("Hypervisor: disk latency")],
        [charts("[{#NIC}] Traffic")],
        [charts("[{#DATASTORE}] Latency")],
        [texts(where, "Cluster"), texts(product, "ESXi")],
        [texts(guests, "Virtual machines"), texts(mounted, "Datastores")],
    )
    return host

