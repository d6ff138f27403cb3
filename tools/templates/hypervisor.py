"""VMware vSphere Hypervisor by vPoller."""

from common import (
    FACT, HOST_MACRO, HYPERVISOR, MEBIBYTE, MEGAHERTZ, NAME_MACRO, POWER, STATUS, VCENTER, YES, Values, master, watch_percent, watch_status,
)
from model import States, Template, chart, number, texts, unchanged

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
            "{$VSPHERE.HV.MEMORY.WARN}": ("90", "Memory usage in percent that is worth a warning."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-hypervisor")],
    )
    everything = master(host, "Get hypervisor", "host.get", "@host.base", "All properties in one request; the other items take their part of it.")
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
    uptime.trigger("Hypervisor was restarted", "last({})<10m and last({})>0", "WARNING", scope="notice", manual=True, data="Uptime: {ITEM.LASTVALUE1}")
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

    machines = get.count("Number of virtual machines", "vms", "vm", "system")
    get.count("Number of datastores", "datastores", "datastore", "datastore")
    get.count("Number of networks", "networks", "network", "network")
    get.fact("Network adapters", "nics", "summary.hardware.numNics", "network", type="UNSIGNED")
    get.fact("Storage adapters", "hbas", "summary.hardware.numHBAs", "storage", type="UNSIGNED")

    get.fact("Name", "name", "name", "system", optional=False)
    get.fact("Vendor", "vendor", "summary.hardware.vendor", "system")
    get.fact("Model", "model", "summary.hardware.model", "system")
    get.fact("Hardware UUID", "uuid", "summary.hardware.uuid", "system")
    get.fact("BIOS version", "bios", "hardware.biosInfo.biosVersion", "system")
    product = get.fact("ESXi, full name", "product", "config.product.fullName", "system")
    get.fact("ESXi version", "version", "config.product.version", "system")
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
    host.dashboard(
        "Hypervisor",
        [number(connection, "Connection"), number(status, "Status"), number(machines, "Virtual machines"), number(uptime, "Uptime"),
         number(percent, "CPU"), number(percent_memory, "Memory")],
        [chart("Hypervisor: CPU in percent"), chart("Hypervisor: memory")],
        [texts(where, "Cluster"), texts(product, "ESXi")],
    )
    return host

