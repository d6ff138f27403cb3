"""VMware vSphere Virtual Machine by vPoller."""

from common import (
    attributes, counted, counters, FACT, granted, HOST_MACRO, IDENTIFIED, instances_of, listed, MACHINE, MEBIBYTE, MEGAHERTZ, NAME_MACRO, names, POWER, STATE, STATUS, YES, Values, master,
    watch_percent, watch_restart, watch_status,
)
from model import States, Template, chart, charts, javascript, jsonpath, multiplier, number, texts, unchanged

CONNECTION = States(
    "VM connection", connected=(1, "Connected"), disconnected=(0, "Disconnected"), inaccessible=(2, "Inaccessible"),
    invalid=(3, "Invalid"), orphaned=(4, "Orphaned"),
)
TOOLS = States(
    "VMware Tools", guestToolsNotRunning=(0, "Not running"), guestToolsRunning=(1, "Running"), guestToolsExecutingScripts=(2, "Starting"),
)
TOOLS_VERSION = States(
    "VMware Tools version", guestToolsNotInstalled=(0, "Not installed"), guestToolsCurrent=(1, "Current"), guestToolsNeedUpgrade=(2, "Needs an upgrade"),
    guestToolsUnmanaged=(3, "Managed by the guest"), guestToolsSupportedNew=(4, "Newer than the host's"), guestToolsSupportedOld=(5, "Old, supported"),
    guestToolsTooOld=(6, "Too old"), guestToolsTooNew=(7, "Too new"), guestToolsBlacklisted=(8, "Known to be faulty"),
)
GUEST = States(
    "Guest state", running=(1, "Running"), shuttingdown=(2, "Shutting down"), resetting=(3, "Resetting"), standby=(4, "Standby"),
    notrunning=(0, "Not running"), unknown=(5, "Unknown"),
)

def build():
    vm = Template(
        MACHINE,
        "A virtual machine, asked for with one request a minute. Hosts with this template are made by the discovery of '%s', or by hand: "
        "set {$VSPHERE.HOST} and {$VSPHERE.NAME}." % "VMware vSphere by vPoller",
        macros={
            "{$VSPHERE.HOST}": HOST_MACRO,
            "{$VSPHERE.NAME}": NAME_MACRO,
            "{$VSPHERE.VM.CPU.WARN}": ("90", "CPU usage in percent that is worth a warning."),
            "{$VSPHERE.VM.MEMORY.WARN}": ("90", "Memory usage of the guest in percent that is worth a warning."),
            "{$VSPHERE.VM.LATENCY.WARN}": ("0.1", "Disk latency in seconds that is worth a warning."),
            "{$VSPHERE.VM.DISK.WARN}": ("20", "Free space of a guest's filesystem in percent that is worth a warning. Its context is the path, without backslashes at its end: C: or /var."),
            "{$VSPHERE.VM.DISK.CRIT}": ("5", "Free space of a guest's filesystem in percent that is a serious problem. Its context is the path, without backslashes at its end."),
            "{$VSPHERE.VM.DISK.MATCHES}": (".*", "Filesystems to discover, a regular expression for the path."),
            "{$VSPHERE.VM.DISK.NOT_MATCHES}": ("CHANGE_IF_NEEDED", "Filesystems to leave out, a regular expression for the path."),
            "{$VSPHERE.VM.SNAPSHOT.AGE}": ("7d", "Age of a snapshot that is worth a warning."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-vm")],
    )
    everything = master(vm, "Get virtual machine", "vm.get", "@vm.base," + attributes("vm"), "All properties in one request; the other items take their part of it.")
    get = Values(vm, everything, "vm")

    # Health
    status = get.state("Overall status", "status", "overallStatus", STATUS, "health")
    watch_status(status, "Virtual machine")
    power = get.state("Power state", "power", "runtime.powerState", POWER, "power", optional=False)
    power.trigger("Virtual machine is powered off", "last({})=0", "INFO", scope="availability", manual=True)
    power.trigger("Virtual machine is suspended", "last({})=2", "INFO", scope="availability", manual=True)
    connection = get.state("Connection state", "connection", "runtime.connectionState", CONNECTION, "health", optional=False)
    connection.trigger(
        "Virtual machine is not reachable for vCenter", "last({})<>1", "AVERAGE", scope="availability", data="Now: {ITEM.LASTVALUE1}",
        description="Its host is disconnected, or the files of the machine are not accessible.")
    uptime = get.number("Uptime", "uptime", "summary.quickStats.uptimeSeconds", "system", units="uptime")
    watch_restart(vm, "Virtual machine", uptime, power)
    get.fact("Boot time", "boottime", "runtime.bootTime", "system")
    get.alarms()

    # CPU
    usage = get.number("CPU usage", "cpu.usage", "summary.quickStats.overallCpuUsage", "cpu", MEGAHERTZ, units="Hz")
    demand = get.number("CPU demand", "cpu.demand", "summary.quickStats.overallCpuDemand", "cpu", MEGAHERTZ, units="Hz")
    percent = get.computed(
        "CPU usage in percent", "cpu.pused", "cpu",
        "var used = o['summary.quickStats.overallCpuUsage'], most = o['runtime.maxCpuUsage'];",
        "if (o['runtime.powerState'] && o['runtime.powerState'] !== 'poweredOn') return 0;",
        "if (used === undefined || !most) return null;",
        "return Math.min(100, used / most * 100);",
        type="FLOAT", units="%", description="Of what all virtual CPUs of the machine could use.")
    watch_percent(percent, "CPU usage", "VSPHERE.VM.CPU.WARN")
    get.fact("Number of virtual CPUs", "cpu.num", "config.hardware.numCPU", "cpu", type="UNSIGNED")
    get.fact("Cores per socket", "cpu.cores", "config.hardware.numCoresPerSocket", "cpu", type="UNSIGNED")

    # Memory
    memory = vm.item(
        "Memory size", "vpoller.vm[memory.size]", of=everything, component="memory", units="B",
        steps=[jsonpath("$[0]['config.hardware.memoryMB']", unless="discard"), multiplier(MEBIBYTE), unchanged(FACT)])
    parts = [
        ("Guest memory usage", "memory.guest", "guestMemoryUsage", "Memory that the guest uses actively."),
        ("Host memory usage", "memory.host", "hostMemoryUsage", "Memory of the host that the machine occupies."),
        ("Ballooned memory", "memory.ballooned", "balloonedMemory", "Memory that the balloon driver took back from the guest."),
        ("Compressed memory", "memory.compressed", "compressedMemory", None),
        ("Swapped memory", "memory.swapped", "swappedMemory", "Memory that the host swapped out."),
        ("Private memory", "memory.private", "privateMemory", None),
        ("Shared memory", "memory.shared", "sharedMemory", None),
        ("Overhead memory", "memory.overhead", "consumedOverheadMemory", "What the host needs to run the machine."),
    ]
    for name, key, path, text in parts:
        factor = 1024 if path == "compressedMemory" else MEBIBYTE
        get.number(name, key, "summary.quickStats." + path, "memory", factor, units="B", description=text)
    percent_memory = get.computed(
        "Guest memory usage in percent", "memory.pused", "memory",
        "var used = o['summary.quickStats.guestMemoryUsage'], size = o['config.hardware.memoryMB'];",
        "if (used === undefined || !size) return null;",
        "return used / size * 100;",
        type="FLOAT", units="%")
    watch_percent(percent_memory, "Guest memory usage", "VSPHERE.VM.MEMORY.WARN")

    # Performance counters
    perf = counters(vm, "vm", "@vm.perf")

    def counter(name, key, counter, component, *steps, **settings):
        return vm.item(name, "vpoller.vm[perf,%s]" % key, of=perf, component=component, steps=[counted(counter), *steps], **settings)

    ready = counter("CPU ready time", "cpu.ready", "cpu.ready.summation", "cpu", multiplier(0.001), type="FLOAT", units="s",
                    description="How long in the last 20 seconds the virtual CPUs waited for a real one, all together.")
    counter("Memory swapped in, rate", "memory.swapin", "mem.swapinRate.average", "memory", multiplier(1024), units="Bps")
    counter("Memory swapped out, rate", "memory.swapout", "mem.swapoutRate.average", "memory", multiplier(1024), units="Bps")
    received = counter("Network received", "net.in", "net.received.average", "network", multiplier(1024), units="Bps")
    sent = counter("Network sent", "net.out", "net.transmitted.average", "network", multiplier(1024), units="Bps")
    latency = counter("Highest disk latency", "disk.latency", "disk.maxTotalLatency.latest", "storage", multiplier(0.001), type="FLOAT", units="s")
    latency.trigger("Disk latency is high", "min({},5m)>{$VSPHERE.VM.LATENCY.WARN}", "WARNING", scope="performance", data="Now: {ITEM.LASTVALUE1}")

    drives = vm.rule(
        "Virtual disk discovery", "vpoller.vm.drive.discovery", of=perf, macros={"{#DRIVE}": "$.instance"},
        steps=instances_of("virtualDisk.read.average", "virtualDisk.write.average", "virtualDisk.totalReadLatency.average"),
        description="Disks of the machine with performance counters of their own.")
    for name, key, path, factor, settings in (
        ("Read rate", "read", "virtualDisk.read.average", 1024, {"units": "Bps"}),
        ("Write rate", "write", "virtualDisk.write.average", 1024, {"units": "Bps"}),
        ("Reads per second", "reads", "virtualDisk.numberReadAveraged.average", None, {}),
        ("Writes per second", "writes", "virtualDisk.numberWriteAveraged.average", None, {}),
        ("Read latency", "readlatency", "virtualDisk.totalReadLatency.average", 0.001, {"units": "s", "type": "FLOAT"}),
        ("Write latency", "writelatency", "virtualDisk.totalWriteLatency.average", 0.001, {"units": "s", "type": "FLOAT"}),
    ):
        drives.item("[{#DRIVE}] " + name, "vpoller.vm.drive[%s,{#DRIVE}]" % key, of=perf, component="storage", tags=[("disk", "{#DRIVE}")],
                    steps=[counted(path, "{#DRIVE}"), *([multiplier(factor)] if factor else [])], **settings)
    drives.graph("[{#DRIVE}] Data rate", ("vpoller.vm.drive[read,{#DRIVE}]", "00AA00", "GRADIENT_LINE"), ("vpoller.vm.drive[write,{#DRIVE}]", "3333FF", "GRADIENT_LINE"), low=0)
    drives.graph("[{#DRIVE}] Reads and writes", ("vpoller.vm.drive[reads,{#DRIVE}]", "00AA00", "GRADIENT_LINE"), ("vpoller.vm.drive[writes,{#DRIVE}]", "3333FF", "GRADIENT_LINE"), low=0)

    # Storage and snapshots
    get.number("Storage used", "storage.committed", "summary.storage.committed", "storage", units="B", description="On all datastores.")
    get.number("Storage that may still be used", "storage.uncommitted", "summary.storage.uncommitted", "storage", units="B",
               description="By which thin disks can grow.")
    get.number("Storage not shared", "storage.unshared", "summary.storage.unshared", "storage", units="B")
    used = names(vm, "Datastores", "vm.datastore.get", "storage", "Those with files of the machine")
    tree = (
        "function taken(one) { return Date.parse(one.createTime.slice(0, 19).replace(' ', 'T') + 'Z'); }",
        "function walk(list) { (list || []).forEach(function (one) { visit(one); walk(one.childSnapshotList); }); }",
        "walk(o['snapshot.rootSnapshotList']);",
    )
    get.computed(
        "Number of snapshots", "snapshot.count", "snapshot", "var count = 0;", "function visit() { count++; }", *tree, "return count;",
        of=["snapshot.rootSnapshotList"])
    age = get.computed(
        "Age of the oldest snapshot", "snapshot.age", "snapshot",
        "var oldest = Date.now();",
        "function visit(one) { if (taken(one) < oldest) oldest = taken(one); }", *tree, "return Math.round((Date.now() - oldest) / 1000);",
        of=["snapshot.rootSnapshotList"], units="s", description="0 without snapshots.")
    age.trigger(
        "Virtual machine has an old snapshot", "last({})>{$VSPHERE.VM.SNAPSHOT.AGE}", "WARNING", scope="capacity", data="Age: {ITEM.LASTVALUE1}",
        description="Snapshots grow and slow the machine down: delete the ones that are not needed any more.")
    get.computed(
        "Date of the newest snapshot", "snapshot.newest", "snapshot",
        "var newest = 0;", "function visit(one) { if (taken(one) > newest) newest = taken(one); }", *tree, "return Math.round(newest / 1000);",
        of=["snapshot.rootSnapshotList"], heartbeat=STATE, units="unixtime", trends="0", description="Never, or 0, without snapshots.")
    consolidation = get.state("Consolidation of disks needed", "snapshot.consolidation", "runtime.consolidationNeeded", YES, "snapshot")
    consolidation.trigger(
        "Disks of the virtual machine need consolidation", "last({})=1", "AVERAGE", scope="capacity",
        description="Files of deleted snapshots are still in use and grow: consolidate the disks in vSphere.")

    vm.item(
        "Size of all snapshots", 'vpoller.raw["vm.snapshot.summary.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","size"]', delay="1h",
        component="snapshot", units="B", description="vSphere has to look at the files of the machine for this.")

    # Tools and guest
    tools = get.state("VMware Tools", "tools.running", "guest.toolsRunningStatus", TOOLS, "tools")
    version = get.state("VMware Tools version state", "tools.state", "guest.toolsVersionStatus2", TOOLS_VERSION, "tools")
    vm.trigger(
        "VMware Tools are not running",
        "last(%s)=0 and last(%s)=1 and last(%s)<>0" % (tools.reference(), power.reference(), version.reference()), "WARNING",
        scope="availability", description="They are installed, and the machine is powered on.")
    version.trigger("VMware Tools need an upgrade", "last({})=2 or last({})>=6", "INFO", scope="notice", manual=True, data="Now: {ITEM.LASTVALUE1}")
    heartbeat = get.state("Guest heartbeat", "tools.heartbeat", "summary.quickStats.guestHeartbeatStatus", STATUS, "tools")
    heartbeat.trigger(
        "Guest does not respond", "last({})=3", "AVERAGE", scope="availability", description="VMware Tools miss the guest's heartbeat.")
    get.fact("VMware Tools version", "tools.version", "guest.toolsVersion", "tools")
    get.state("Time is synchronised by VMware Tools", "tools.time", "config.tools.syncTimeWithHost", YES, "tools")
    get.fact("VMware Tools upgrade policy", "tools.policy", "config.tools.toolsUpgradePolicy", "tools")
    get.state("Guest state", "guest.state", "guest.guestState", GUEST, "system")
    get.fact("Guest host name", "guest.hostname", "guest.hostName", "system")
    get.fact("Guest IP address", "guest.ip", "guest.ipAddress", "network")
    get.fact("Guest operating system, as it runs", "guest.fullname", "guest.guestFullName", "system")
    get.fact("Guest family", "guest.family", "guest.guestFamily", "system")
    get.fact("Guest application heartbeat", "guest.app", "guest.appHeartbeatStatus", "tools")

    # Facts
    get.fact("Name", "name", "name", "system", optional=False)
    get.fact("Operating system, as configured", "os", "config.guestFullName", "system")
    get.fact("Guest ID", "guestid", "config.guestId", "system")
    get.fact("Virtual hardware version", "hardware", "config.version", "system")
    get.fact("Instance UUID", "uuid", "config.instanceUuid", "system")
    get.fact("BIOS UUID", "uuid.bios", "config.uuid", "system")
    get.fact("Annotation", "annotation", "config.annotation", "system", type="TEXT")
    where = vm.item(
        "Hypervisor", 'vpoller.raw["vm.host.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","host"]', delay="15m", type="CHAR",
        steps=[unchanged(FACT)], component="system", description="The ESXi host that the machine runs on.")

    # Filesystems of the guest
    disks = vm.item(
        "Get guest filesystems", "vpoller.vm[disks]", of=everything, type="TEXT", history="0", component="raw",
        steps=[granted("guest.disk"), javascript(
            *IDENTIFIED,
            "var disks = JSON.parse(value)[0]['guest.disk'] || [];",
            "return JSON.stringify(disks.filter(function (disk) { return disk.diskPath; }).map(function (disk) {",
            "  var size = disk.capacity, free = disk.freeSpace, known = size >= 0 && free >= 0 && free <= size;",
            # A member that is undefined is left out: no number is made of a size that is not told or not possible.
            "  return {id: id(disk.diskPath), path: disk.diskPath, size: size, free: free, used: known ? size - free : undefined,",
            "          pfree: known && size > 0 ? free / size * 100 : undefined,",
            # A macro's context in quotes must not end in a backslash, and every path of Windows does.
            "          context: disk.diskPath.replace(/\\\\+$/, '')};",
            "}));")])
    rule = vm.rule(
        "Guest filesystem discovery", "vpoller.vm.disk.discovery", of=disks, steps=listed("id", "path", "context"),
        macros={"{#DISK.ID}": "$.id", "{#DISK.PATH}": "$.path", "{#DISK.CONTEXT}": "$.context"},
        conditions=[("{#DISK.PATH}", "MATCHES_REGEX", "{$VSPHERE.VM.DISK.MATCHES}"),
                    ("{#DISK.PATH}", "NOT_MATCHES_REGEX", "{$VSPHERE.VM.DISK.NOT_MATCHES}")],
        description="Filesystems that VMware Tools report.")
    tags = [("filesystem", "{#DISK.PATH}")]

    def disk(name, key, part, **settings):
        return rule.item("[{#DISK.PATH}] " + name, "vpoller.vm.disk[%s,{#DISK.ID}]" % key, of=disks, component="storage", tags=tags,
                         steps=[jsonpath("$[?(@.id == '{#DISK.ID}')].%s.first()" % part, unless="discard")], **settings)

    disk("Capacity", "size", "size", units="B")
    disk("Free space", "free", "free", units="B")
    disk("Used space", "used", "used", units="B")
    free = disk("Free space in percent", "pfree", "pfree", type="FLOAT", units="%")
    critical = free.trigger("[{#DISK.PATH}] Filesystem is almost full", "max({},5m)<{$VSPHERE.VM.DISK.CRIT:\"{#DISK.CONTEXT}\"}", "HIGH", scope="capacity",
                            data="Free: {ITEM.LASTVALUE1}")
    free.trigger("[{#DISK.PATH}] Filesystem gets full", "max({},5m)<{$VSPHERE.VM.DISK.WARN:\"{#DISK.CONTEXT}\"}", "WARNING", scope="capacity",
                 data="Free: {ITEM.LASTVALUE1}", after=[critical])
    rule.graph("[{#DISK.PATH}] Space", ("vpoller.vm.disk[size,{#DISK.ID}]", "3333FF"), ("vpoller.vm.disk[free,{#DISK.ID}]", "00AA00", "GRADIENT_LINE"), low=0)

    get.attributes("machine")

    # Network adapters of the guest
    adapters = vm.item(
        "Get guest network adapters", "vpoller.vm[adapters]", of=everything, type="TEXT", history="0", component="raw",
        steps=[granted("guest.net"), javascript(
            "var adapters = JSON.parse(value)[0]['guest.net'] || [];",
            "return JSON.stringify(adapters.filter(function (net) { return net.deviceConfigId > 0; }).map(function (net) {",
            "  return {id: net.deviceConfigId, network: net.network || '', mac: net.macAddress || '', connected: net.connected === undefined ? undefined : Number(net.connected),",
            "          ip: (net.ipAddress || []).join(', ')};",
            "}));")])
    nets = vm.rule(
        "Guest network adapter discovery", "vpoller.vm.net.discovery", of=adapters, steps=listed("id", "network", "mac"),
        macros={"{#NET.ID}": "$.id", "{#NET.NAME}": "$.network", "{#NET.MAC}": "$.mac"}, description="Adapters that VMware Tools report.")
    tags = [("adapter", "{#NET.MAC}"), ("network", "{#NET.NAME}")]

    def adapter(name, key, part, steps=(), **settings):
        return nets.item("[{#NET.MAC}] " + name, "vpoller.vm.net[%s,{#NET.ID}]" % key, of=adapters, component="network", tags=tags,
                         steps=[jsonpath("$[?(@.id == {#NET.ID})].%s.first()" % part, unless="discard"), *steps], **settings)

    vm.states[YES.name] = YES
    link = adapter("Connected", "connected", "connected", [unchanged("1h")], states=YES)
    link.trigger("[{#NET.MAC}] Network adapter is disconnected", "last({})=0", "WARNING", scope="availability", manual=True)
    adapter("IP addresses", "ip", "ip", [unchanged(FACT)], type="TEXT")

    # Pictures
    vm.graph("Virtual machine: CPU", (usage.key, "3333FF", "GRADIENT_LINE"), (demand.key, "CC6600"), low=0)
    vm.graph("Virtual machine: CPU in percent", (percent.key, "3333FF", "GRADIENT_LINE"), low="percent")
    vm.graph("Virtual machine: memory", (memory.key, "888888"), ("vpoller.vm[memory.host]", "CC6600"),
             ("vpoller.vm[memory.guest]", "3333FF", "GRADIENT_LINE"), ("vpoller.vm[memory.ballooned]", "AA00AA"), ("vpoller.vm[memory.swapped]", "CC0000"), low=0)
    vm.graph("Virtual machine: storage", ("vpoller.vm[storage.committed]", "3333FF", "GRADIENT_LINE"), ("vpoller.vm[storage.uncommitted]", "888888"), low=0)
    vm.graph("Virtual machine: network", (received.key, "00AA00", "GRADIENT_LINE"), (sent.key, "3333FF", "GRADIENT_LINE"), low=0)
    vm.graph("Virtual machine: CPU ready", (ready.key, "CC6600", "GRADIENT_LINE"), low=0)
    vm.dashboard(
        "Virtual machine",
        [number(power, "Power"), number(status, "Status"), number(tools, "VMware Tools"), number(uptime, "Uptime"), number(percent, "CPU"), number(percent_memory, "Memory")],
        [chart("Virtual machine: CPU in percent"), chart("Virtual machine: memory")],
        [chart("Virtual machine: network"), chart("Virtual machine: storage")],
        [chart("Virtual machine: CPU ready"), texts(where, "Hypervisor")],
        [charts("[{#DISK.PATH}] Space")],
        [charts("[{#DRIVE}] Data rate")],
        [charts("[{#DRIVE}] Reads and writes")],
        [texts(used, "Datastores")],
    )
    return vm
