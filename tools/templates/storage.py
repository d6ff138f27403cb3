"""VMware vSphere Datastore by vPoller."""

from common import DATASTORE, HOST_MACRO, NAME_MACRO, STATUS, VCENTER, YES, Values, attributes, counted, counters, master, names, watch_status
from model import States, Template, chart, multiplier, number, texts

MAINTENANCE = States(
    "Datastore maintenance", normal=(0, "Normal"), enteringMaintenance=(1, "Entering maintenance"), inMaintenance=(2, "In maintenance")
)

# No share is made of sizes that are not told or not possible: an inaccessible datastore has a capacity of 0.
SIZES = (
    "var size = o['summary.capacity'], free = o['summary.freeSpace'];",
    "if (!(size > 0 && free >= 0 && free <= size)) return null;",
)


def build():
    store = Template(
        DATASTORE,
        "A datastore, asked for with one request. Hosts with this template are made by the discovery of '%s', or by hand: set "
        "{$VSPHERE.HOST} and {$VSPHERE.NAME} (moid:datastore-11, its URL or its name)." % VCENTER,
        macros={
            "{$VSPHERE.HOST}": HOST_MACRO,
            "{$VSPHERE.NAME}": NAME_MACRO,
            "{$VSPHERE.DATASTORE.LATENCY.WARN}": ("0.05", "Latency in seconds that is worth a warning."),
            "{$VSPHERE.DATASTORE.SPACE.WARN}": ("20", "Free space in percent that is worth a warning."),
            "{$VSPHERE.DATASTORE.SPACE.CRIT}": ("10", "Free space in percent that is a serious problem."),
            "{$VSPHERE.DATASTORE.PROVISIONED.WARN}": ("200", "Promised space in percent of the capacity that is worth a warning."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-datastore")],
    )
    everything = master(
        store, "Get datastore", "datastore.get", "@datastore.base," + attributes("datastore"),
        "All properties in one request; the other items take their part of it.", "5m")
    get = Values(store, everything, "datastore")

    status = get.state("Overall status", "status", "overallStatus", STATUS, "health")
    watch_status(status, "Datastore")
    accessible = get.state("Accessible", "accessible", "summary.accessible", YES, "health", optional=False)
    accessible.trigger("Datastore is not accessible", "last({})=0", "HIGH", scope="availability", description="No host can reach it.")
    maintenance = get.state("Maintenance", "maintenance", "summary.maintenanceMode", MAINTENANCE, "health")
    maintenance.trigger("Datastore is in maintenance", "last({})>0", "INFO", scope="notice", data="Now: {ITEM.LASTVALUE1}")
    get.alarms()

    capacity = get.number("Capacity", "capacity", "summary.capacity", "datastore", units="B")
    free = get.number("Free space", "free", "summary.freeSpace", "datastore", units="B")
    get.number("Uncommitted space", "uncommitted", "summary.uncommitted", "datastore", units="B", description="By which thin disks can grow.")
    percent = get.computed(
        "Free space in percent", "pfree", "datastore",
        *SIZES, "return free / size * 100;",
        type="FLOAT", units="%")
    critical = percent.trigger(
        "Datastore is almost full", "last({})<{$VSPHERE.DATASTORE.SPACE.CRIT}", "HIGH", scope="capacity", data="Free: {ITEM.LASTVALUE1}",
        description="Less than {$VSPHERE.DATASTORE.SPACE.CRIT} % are free.")
    percent.trigger(
        "Datastore gets full", "last({})<{$VSPHERE.DATASTORE.SPACE.WARN}", "WARNING", scope="capacity", data="Free: {ITEM.LASTVALUE1}",
        after=[critical], description="Less than {$VSPHERE.DATASTORE.SPACE.WARN} % are free.")
    promised = get.computed(
        "Promised space in percent", "pprovisioned", "datastore",
        *SIZES, "return (size - free + (o['summary.uncommitted'] || 0)) / size * 100;",
        of=["summary.uncommitted"], type="FLOAT", units="%", description="What all thin disks may grow to, in percent of the capacity.")
    promised.trigger(
        "Datastore has promised more than it has", "last({})>{$VSPHERE.DATASTORE.PROVISIONED.WARN}", "INFO", scope="capacity",
        data="Promised: {ITEM.LASTVALUE1}")

    perf = counters(store, "datastore", "@datastore.perf", "5m", "Past day")

    def counter(name, key, counter, *steps, **settings):
        return store.item(name, "vpoller.datastore[perf,%s]" % key, of=perf, component="datastore", steps=[counted(counter), *steps], **settings)

    read = counter("Read rate", "read", "datastore.read.average", multiplier(1024), units="Bps")
    write = counter("Write rate", "write", "datastore.write.average", multiplier(1024), units="Bps")
    counter("Reads per second", "reads", "datastore.numberReadAveraged.average")
    counter("Writes per second", "writes", "datastore.numberWriteAveraged.average")
    latency = counter("Latency", "latency", "datastore.throughput.contention.average", multiplier(0.001), type="FLOAT", units="s",
                      description="What a command waits on average, as all hosts see it.")
    latency.trigger("Datastore is slow", "min({},15m)>{$VSPHERE.DATASTORE.LATENCY.WARN}", "WARNING", scope="performance", data="Now: {ITEM.LASTVALUE1}")

    machines = get.count("Number of virtual machines", "vms", "vm", "system")
    hosts = get.count("Number of hypervisors", "hosts", "host", "system")
    guests = names(store, "Virtual machines", "datastore.vm.get", "system", "Those with files on the datastore")
    users = names(store, "Hypervisors", "datastore.host.get", "system", "Those that can reach the datastore")
    get.attributes("datastore")
    get.fact("Name", "name", "name", "system", optional=False)
    kind = get.fact("Type", "type", "summary.type", "system")
    get.fact("URL", "url", "summary.url", "system")
    get.state("Used by several hypervisors", "shared", "summary.multipleHostAccess", YES, "system")
    get.fact("Largest file", "maxfile", "info.maxFileSize", "datastore", type="UNSIGNED", units="B", description="That the datastore can hold.")
    get.fact("Largest virtual disk", "maxdisk", "info.maxVirtualDiskCapacity", "datastore", type="UNSIGNED", units="B",
             description="That the datastore can hold; ESXi before 5.5 does not say.")

    store.graph("Datastore: space", (capacity.key, "888888"), (free.key, "00AA00", "GRADIENT_LINE"), low=0)
    store.graph("Datastore: free space in percent", (percent.key, "00AA00", "GRADIENT_LINE"), low="percent")
    store.graph("Datastore: data rate", (read.key, "00AA00", "GRADIENT_LINE"), (write.key, "3333FF", "GRADIENT_LINE"), low=0)
    store.graph("Datastore: latency", (latency.key, "CC6600", "GRADIENT_LINE"), low=0)
    store.dashboard(
        "Datastore",
        [number(accessible, "Accessible"), number(status, "Status"), number(capacity, "Capacity"), number(free, "Free"),
         number(percent, "Free"), number(promised, "Promised")],
        [chart("Datastore: space"), chart("Datastore: free space in percent")],
        [chart("Datastore: data rate"), chart("Datastore: latency")],
        [number(machines, "Virtual machines"), number(hosts, "Hypervisors"), texts(kind, "Type", width=16, height=3)],
        [texts(guests, "Virtual machines"), texts(users, "Hypervisors")],
    )
    return store
