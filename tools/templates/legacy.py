"""The templates of the Python vPoller: their names and exactly their keys, so that history and links of a site go on.

Repaired where the originals were wrong: triggers look at the last value or five minutes instead of five seconds, percentages have
their inputs enabled, and MHz are 10^6 Hz.
"""

from model import Template, multiplier, step

GROUP = "Templates"
TAG = "Application"
MEBIBYTE, MEGAHERTZ, KIBIBYTE = 1048576, 1000000, 1024


class Style:
    """How a set of templates writes its keys and names."""

    def __init__(self, suffix, kind, history, script=None):
        self.suffix, self.kind, self.history, self.script = suffix, kind, history, script

    @property
    def native(self):
        return self.script is None

    def name(self, what):
        return "Template VMware vSphere %s- %s" % (what + " " if what else "", self.suffix)

    def key(self, method, path, owner, script=None):
        """`owner` is the macro that names the object; None means the vSphere host itself."""
        if self.native:
            if owner is None:
                return 'vpoller["%s", "{HOST.HOST}", "null", "%s", "null"]' % (method, path)
            return 'vpoller["%s", "{$VSPHERE.HOST}", "%s", "%s", "null"]' % (method, owner, path)
        words = ["-m", method, "-V", "{HOST.NAME}"] if owner is None else ["-m", method, "-V", "{$VSPHERE.HOST}", "-n", "{HOST.NAME}"]
        if path != "null":
            words += ["-p", path]
        return "%s[%s]" % (script or self.script, ", ".join('"%s"' % word for word in words))

    def rule_key(self, method, path, owner):
        """Discovery needs the macros that only the Python script's helper makes."""
        return self.key(method, path, owner, script="vpoller-zabbix")


STYLES = {
    "native": Style("vPoller Native", "SIMPLE", "7d"),
    "python": Style("vPoller", "EXTERNAL", "30d", "vpoller-zabbix"),
    "c": Style("vPoller with C client", "EXTERNAL", "30d", "cvpoller-zabbix"),
}

ON, OFF = True, False
UINT, FLOAT, CHAR, TEXT, BOOL = "UNSIGNED", "FLOAT", "CHAR", "TEXT", "boolean"

# Name, method, property, type, unit, seconds, factor, enabled, applications.
HYPERVISOR = [
    ("Bios UUID", "host.get", "hardware.systemInfo.uuid", CHAR, "", 3600, 0, OFF, "Hardware"),
    ("Bios version", "host.get", "hardware.biosInfo.biosVersion", CHAR, "", 3600, 0, OFF, "Hardware"),
    ("Cluster Name", "host.cluster.get", "cluster", CHAR, "", 3600, 0, ON, "General"),
    ("CPU Cores", "host.get", "hardware.cpuInfo.numCpuCores", UINT, "", 3600, 0, ON, "CPU, Hardware"),
    ("CPU Frequency", "host.get", "hardware.cpuInfo.hz", UINT, "Hz", 3600, 0, ON, "CPU, Hardware"),
    ("CPU Packages", "host.get", "hardware.cpuInfo.numCpuPackages", UINT, "", 3600, 0, OFF, "CPU, Hardware"),
    ("CPU Power Management Policy", "host.get", "hardware.cpuPowerManagementInfo.currentPolicy", CHAR, "", 3600, 0, OFF, "CPU, Hardware"),
    ("CPU Power Management Support", "host.get", "hardware.cpuPowerManagementInfo.hardwareSupport", CHAR, "", 3600, 0, OFF, "CPU, Hardware"),
    ("CPU Threads", "host.get", "hardware.cpuInfo.numCpuThreads", UINT, "", 3600, 0, OFF, "CPU, Hardware"),
    ("Distributed CPU fairness", "host.get", "summary.quickStats.distributedCpuFairness", UINT, "", 300, 0, OFF, "CPU, Hardware"),
    ("Distributed memory fairness", "host.get", "summary.quickStats.distributedMemoryFairness", UINT, "", 300, 0, OFF, "Hardware, Memory"),
    ("In Maintenance Mode", "host.get", "runtime.inMaintenanceMode", BOOL, "", 300, 0, OFF, "General"),
    ("Memory Size", "host.get", "hardware.memorySize", UINT, "B", 3600, 0, ON, "Hardware, Memory"),
    ("Model", "host.get", "hardware.systemInfo.model", CHAR, "", 3600, 0, OFF, "Hardware"),
    ("Overall CPU Usage", "host.get", "summary.quickStats.overallCpuUsage", UINT, "Hz", 300, MEGAHERTZ, ON, "CPU, Hardware"),
    ("Overall Memory Usage", "host.get", "summary.quickStats.overallMemoryUsage", UINT, "B", 300, MEBIBYTE, ON, "Hardware, Memory"),
    ("Overall Status", "host.get", "summary.overallStatus", CHAR, "", 300, 0, ON, "General"),
    ("Power state", "host.get", "runtime.powerState", CHAR, "", 300, 0, ON, "General"),
    ("Reboot Required", "host.get", "summary.rebootRequired", BOOL, "", 3600, 0, OFF, "General"),
    ("Uptime", "host.get", "summary.quickStats.uptime", UINT, "uptime", 300, 0, ON, "General"),
    ("Vendor", "host.get", "hardware.systemInfo.vendor", CHAR, "", 3600, 0, OFF, "Hardware"),
    ("VMware vSphere API Version", "host.get", "config.product.apiVersion", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere FullName", "host.get", "config.product.fullName", CHAR, "", 3600, 0, ON, "General"),
    ("VMware vSphere Name", "host.get", "config.product.name", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere Vendor", "host.get", "config.product.vendor", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere Version", "host.get", "config.product.version", CHAR, "", 3600, 0, OFF, "General"),
]

MACHINE = [
    ("Annotation", "vm.get", "config.annotation", CHAR, "", 3600, 0, OFF, "General"),
    ("Ballooned Memory", "vm.get", "summary.quickStats.balloonedMemory", UINT, "B", 300, MEBIBYTE, OFF, "Memory"),
    ("Compressed Memory", "vm.get", "summary.quickStats.compressedMemory", UINT, "B", 300, KIBIBYTE, OFF, "Memory"),
    ("Connection State", "vm.get", "runtime.connectionState", CHAR, "", 300, 0, OFF, "General"),
    ("Consumed Overhead Memory", "vm.get", "summary.quickStats.consumedOverheadMemory", UINT, "B", 300, MEBIBYTE, OFF, "Memory"),
    ("CPU Cores Per Socket", "vm.get", "config.hardware.numCoresPerSocket", UINT, "", 3600, 0, OFF, "CPU, Hardware"),
    ("CPU Usage (Percentage)", "vm.cpu.usage.percent", "vm.cpu.usage.percent", FLOAT, "%", 300, 0, OFF, "CPU"),
    ("Guest Family", "vm.get", "guest.guestFamily", CHAR, "", 3600, 0, OFF, "VMware Tools"),
    ("Guest Full Name", "vm.get", "config.guestFullName", CHAR, "", 3600, 0, OFF, "General"),
    ("Guest ID", "vm.get", "config.guestId", CHAR, "", 3600, 0, OFF, "General"),
    ("Guest Memory Usage", "vm.get", "summary.quickStats.guestMemoryUsage", UINT, "B", 300, MEBIBYTE, ON, "Memory"),
    ("Guest Name", "vm.get", "config.name", CHAR, "", 3600, 0, OFF, "General"),
    ("Guest UUID", "vm.get", "config.uuid", CHAR, "", 3600, 0, OFF, "General"),
    ("Host Memory Usage", "vm.get", "summary.quickStats.hostMemoryUsage", UINT, "B", 300, MEBIBYTE, ON, "Memory"),
    ("Memory Size", "vm.get", "config.hardware.memoryMB", UINT, "B", 3600, MEBIBYTE, ON, "Hardware, Memory"),
    ("Number of virtual CPUs", "vm.get", "config.hardware.numCPU", UINT, "", 3600, 0, OFF, "CPU, Hardware"),
    ("Overall CPU Demand", "vm.get", "summary.quickStats.overallCpuDemand", UINT, "Hz", 300, MEGAHERTZ, OFF, "CPU"),
    ("Overall CPU Usage", "vm.get", "summary.quickStats.overallCpuUsage", UINT, "Hz", 300, MEGAHERTZ, ON, "CPU"),
    ("Overall Status", "vm.get", "summary.overallStatus", CHAR, "", 300, 0, ON, "General"),
    ("Power State", "vm.get", "runtime.powerState", CHAR, "", 300, 0, ON, "General"),
    ("Private Memory", "vm.get", "summary.quickStats.privateMemory", UINT, "B", 300, MEBIBYTE, OFF, "Memory"),
    ("Running on hypervisor", "vm.host.get", "host", CHAR, "", 3600, 0, ON, "Hypervisor"),
    ("Shared Memory", "vm.get", "summary.quickStats.sharedMemory", UINT, "B", 300, MEBIBYTE, OFF, "Memory"),
    ("Swapped Memory", "vm.get", "summary.quickStats.swappedMemory", UINT, "B", 300, MEBIBYTE, OFF, "Memory"),
    ("Tools Running Status", "vm.get", "guest.toolsRunningStatus", CHAR, "", 3600, 0, ON, "VMware Tools"),
    ("Uptime", "vm.get", "summary.quickStats.uptimeSeconds", UINT, "uptime", 300, 0, ON, "General"),
    ("Virtual Hardware Version", "vm.get", "config.version", CHAR, "", 3600, 0, OFF, "General, Hardware"),
    ("VMware Tools Heartbeat Status", "vm.get", "guest.appHeartbeatStatus", CHAR, "", 3600, 0, OFF, "VMware Tools"),
    ("VMware Tools Sync Time With Host", "vm.get", "config.tools.syncTimeWithHost", BOOL, "", 3600, 0, OFF, "VMware Tools"),
    ("VMware Tools Upgrade Policy", "vm.get", "config.tools.toolsUpgradePolicy", CHAR, "", 3600, 0, OFF, "VMware Tools"),
    ("VMware Tools Version", "vm.get", "guest.toolsVersion", UINT, "", 3600, 0, OFF, "VMware Tools"),
]

DATASTORE = [
    ("Datastore Capacity", "datastore.get", "summary.capacity", UINT, "B", 300, 0, ON, "General"),
    ("Datastore Free Space", "datastore.get", "info.freeSpace", UINT, "B", 300, 0, ON, "General"),
    ("Datastore Is Accessible", "datastore.get", "summary.accessible", BOOL, "", 300, 0, ON, "General"),
    ("Datastore Maintenance Mode", "datastore.get", "summary.maintenanceMode", CHAR, "", 300, 0, OFF, "General"),
    ("Datastore Max File Size", "datastore.get", "info.maxFileSize", UINT, "B", 3600, 0, OFF, "General"),
    ("Datastore Max Virtual Disk Size", "datastore.get", "info.maxVirtualDiskCapacity", UINT, "B", 3600, 0, OFF, "General"),
    ("Datastore Multiple Host Access", "datastore.get", "summary.multipleHostAccess", BOOL, "", 3600, 0, OFF, "General"),
    ("Datastore Name", "datastore.get", "info.name", CHAR, "", 300, 0, ON, "General"),
    ("Datastore Type", "datastore.get", "summary.type", CHAR, "", 3600, 0, OFF, "General"),
    ("Datastore Uncommitted Space", "datastore.get", "summary.uncommitted", UINT, "B", 300, 0, OFF, "General"),
    ("Datastore URL", "datastore.get", "info.url", CHAR, "", 300, 0, OFF, "General"),
]

VCENTER = [
    ("VMware vSphere API Version", "about", "apiVersion", TEXT, "", 3600, 0, OFF, "General"),
    ("VMware vSphere Events", "event.latest", "event", "LOG", "", 60, 0, ON, "Events"),
    ("VMware vSphere FullName", "about", "fullName", CHAR, "", 3600, 0, ON, "General"),
    ("VMware vSphere Name", "about", "name", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere OS Type", "about", "osType", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere Vendor", "about", "vendor", CHAR, "", 3600, 0, OFF, "General"),
    ("VMware vSphere Version", "about", "version", CHAR, "", 3600, 0, OFF, "General"),
]


def interval(seconds):
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % unit == 0:
            return "%d%s" % (seconds // unit, letter)
    return "%ds" % seconds


class Legacy:
    """One template in the making."""

    def __init__(self, style, what, owner, rows):
        self.style, self.owner = style, owner
        self.template = Template(style.name(what), "As the Python vPoller had it.", group=GROUP)
        self.by_path = {}
        for name, method, path, kind, unit, seconds, factor, enabled, applications in rows:
            settings = {"enabled": enabled or not style.native}
            steps = [multiplier(factor)] if factor else []
            if kind == BOOL:
                kind = CHAR if style.native else UINT
                steps = [] if style.native else [step("BOOL_TO_DECIMAL")]
            item = self.item(self.template, name, style.key(method, path, owner), kind, unit, seconds, steps, applications, **settings)
            self.by_path[path] = item

    def item(self, place, name, key, kind, unit, seconds, steps=(), applications="", way=None, **settings):
        return place.item(
            name, key, kind=way or self.style.kind, delay=interval(seconds), type=kind, units=unit, steps=steps, history=self.style.history,
            trends="30d" if kind in (UINT, FLOAT) else None, tags=[(TAG, one) for one in applications.split(", ") if one], **settings)

    def percent(self, place, name, key, formula, seconds, applications, **settings):
        return self.item(place, name, key, FLOAT, "%", seconds, (), applications, way="CALCULATED", formula=formula, **settings)

    def rule(self, name, method, path="null", enabled=False, seconds=3600, lifetime="7d", conditions=(), key=None):
        style = self.style
        return self.template.rule(
            name, key or style.rule_key(method, path, self.owner), kind=style.kind, delay=interval(seconds), lifetime=lifetime, conditions=conditions,
            enabled=enabled or not style.native)

    def contains(self, path, word, name, priority, number=None):
        """A trigger for a word in the last value; in external checks some values are numbers."""
        item = self.by_path[path]
        expression = "last({})=%d" % number if number is not None and item.type == UINT else 'find({},,"like","%s")=1' % word
        item.trigger(name, expression, priority)

    def echo(self, rule, name, *texts, applications="", kind=CHAR, seconds=3600):
        return self.item(rule, name, "vpoller.echo[%s]" % ", ".join(texts), kind, "", seconds, (), applications)

    def counter(self, place, name, method, counter, instance, steps, seconds, unit, span="", applications="Performance"):
        key = 'vpoller["%s", "{$VSPHERE.HOST}", "{HOST.HOST}", "value", "", "", "", "%s", "%s", "%s"]' % (method, counter, instance, span)
        return self.item(place, name, key, UINT, unit, seconds, steps, applications)

    def traffic(self, method):
        """The network counters that hypervisors and machines have."""
        received = self.counter(self.template, "Data receive rate", method, 148, "", [multiplier(KIBIBYTE)], 300, "Bps", applications="Network, Performance")
        sent = self.counter(self.template, "Data transmit rate", method, 149, "", [multiplier(KIBIBYTE)], 300, "Bps", applications="Network, Performance")
        self.template.graph("Data traffic", (received.key, "00AA00", "GRADIENT_LINE"), (sent.key, "3333FF", "GRADIENT_LINE"))


def last(key):
    return "last(//%s)" % key


def hypervisor(style):
    owner = "{HOST.HOST}"
    made = Legacy(style, "Hypervisor", owner, HYPERVISOR)
    template, key = made.template, lambda path: style.key("host.get", path, owner)
    cpu = made.percent(
        template, "CPU Utilization (Percentage)", key("summary.quickStats.overallCpuUsagePercentage"),
        "%s / (%s * %s) * 100" % tuple(last(key(path)) for path in ("summary.quickStats.overallCpuUsage", "hardware.cpuInfo.numCpuCores", "hardware.cpuInfo.hz")),
        300, "CPU")
    memory = made.percent(
        template, "Memory Usage (Percentage)", key("summary.quickStats.overallMemoryUsagePercentage"),
        "%s / %s * 100" % tuple(last(key(path)) for path in ("summary.quickStats.overallMemoryUsage", "hardware.memorySize")), 300, "Memory")
    cpu.trigger("CPU utilization of {HOST.NAME} is above 90%", "min({},5m)>90", "WARNING")
    memory.trigger("Memory usage of {HOST.NAME} is above 90%", "min({},5m)>90", "WARNING")
    made.contains("runtime.inMaintenanceMode", "true", "{HOST.NAME} is in maintenance mode", "INFO", 1)
    made.contains("runtime.powerState", "poweredOff", "{HOST.NAME} is powered off", "INFO")
    made.contains("summary.overallStatus", "red", "Overall status of {HOST.NAME} is red", "HIGH")
    made.contains("summary.rebootRequired", "true", "{HOST.NAME} needs a reboot", "INFO", 1)
    if style.native:
        made.traffic("host.perf.metric.get")
        rule = made.rule(
            "Data usage discovery", None, enabled=True, conditions=[("{#VSPHERE.HOST.PERF.METRIC.INSTANCE}", "MATCHES_REGEX", "vmnic")],
            key='vpoller["host.perf.metric.info", "{$VSPHERE.HOST}", "{HOST.HOST}", "", "", "", "", "148", "", ""]')
        instance = "{#VSPHERE.HOST.PERF.METRIC.INSTANCE}"
        received = made.counter(rule, "Data receive rate on " + instance, "host.perf.metric.get", 148, instance, [multiplier(KIBIBYTE)], 300, "Bps",
                                applications="Network, Performance")
        sent = made.counter(rule, "Data transmit rate on " + instance, "host.perf.metric.get", 149, instance, [multiplier(KIBIBYTE)], 300, "Bps",
                            applications="Network, Performance")
        rule.graph("Data traffic on " + instance, (received.key, "00AA00", "GRADIENT_LINE"), (sent.key, "3333FF", "GRADIENT_LINE"))
        made.echo(made.rule("Discover VMware Datastores on Hypervisor", "host.datastore.get"),
                  'Datastore "{#VSPHERE.HOST.DATASTORE.NAME}" is used by hypervisor', '"{#VSPHERE.HOST.DATASTORE.INFO.URL}"', applications="Datastores")
        made.echo(made.rule("Discover VMware Virtual Machines on Hypervisor", "host.vm.get"),
                  'Virtual Machine "{#VSPHERE.HOST.VM.NAME}" runs on hypervisor', '"{#VSPHERE.HOST.VM.NAME}"', applications="Virtual Machines")
    return template


def machine(style):
    owner = "{HOST.HOST}"
    made = Legacy(style, "Virtual Machine", owner, MACHINE)
    made.contains("summary.overallStatus", "red", "Overall status of {HOST.NAME} is red", "HIGH")
    made.contains("runtime.powerState", "poweredOff", "{HOST.NAME} is powered off", "INFO")
    made.contains("guest.toolsRunningStatus", "guestToolsNotRunning", "VMware Tools do not run on {HOST.NAME}", "WARNING")
    rule = made.rule("Filesystem Discovery", "vm.disk.discover")
    path = "{#VSPHERE.VM.DISKPATH}"

    def key(part):
        # The path is not in quotes: C:\\ would be no valid key then.
        if style.native:
            return 'vpoller["vm.disk.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "%s", %s]' % (part, path)
        return 'vpoller-zabbix["-m", "vm.disk.get", "-V", "{$VSPHERE.HOST}", "-n", "{HOST.NAME}", "-k", %s, "-p", "%s"]' % (path, part)

    made.item(rule, "Capacity of %s filesystem" % path, key("capacity"), UINT, "B", 300, (), "Filesystem")
    made.item(rule, "Free space of %s filesystem" % path, key("freeSpace"), UINT, "B", 300, (), "Filesystem")
    free = made.percent(rule, "Free space of %s filesystem (percentage)" % path, key("freeSpacePercentage"),
                        "%s / %s * 100" % (last(key("freeSpace")), last(key("capacity"))), 300, "Filesystem")
    free.trigger("Less than 20%% are free on %s at {HOST.NAME}" % path, "max({},5m)<20", "HIGH")
    if style.native:
        made.traffic("vm.perf.metric.get")
        made.echo(made.rule("Discover VMware Datastores on Virtual Machine", "vm.datastore.get"),
                  'Datastore "{#VSPHERE.VM.DATASTORE.NAME}" is used by Virtual Machine', '"{#VSPHERE.VM.DATASTORE.INFO.URL}"', applications="Datastores")
    return made.template


def datastore(style):
    owner = "{HOST.NAME}"
    made = Legacy(style, "Datastore", owner, DATASTORE)

    def key(path):
        return style.key("datastore.get", path, owner)

    free = made.percent(made.template, "Datastore Free Space (Percentage)", key("freeSpacePercentage"),
                        "%s / %s * 100" % (last(key("info.freeSpace")), last(key("summary.capacity"))), 300, "General")
    made.contains("summary.accessible", "false", "Datastore {HOST.HOST} is not accessible", "WARNING", 0)
    free.trigger("Less than 20% are free on datastore {HOST.HOST}", "max({},5m)<20", "HIGH")
    if style.native:
        made.echo(made.rule("Discover VMware Hypervisors using the datastore", "datastore.host.get"),
                  'Hypervisor "{#VSPHERE.DATASTORE.HOST.NAME}" is using the datastore', '"{#VSPHERE.DATASTORE.HOST.NAME}"', applications="Hypervisors")
        made.echo(made.rule("Discover VMware Virtual Machines using the datastore", "datastore.vm.get"),
                  'Virtual Machine "{#VSPHERE.DATASTORE.VM.NAME}" is using the datastore', '"{#VSPHERE.DATASTORE.VM.NAME}"', applications="Virtual Machines")
    return made.template


def vcenter(style):
    made = Legacy(style, "", None, VCENTER)
    template = made.template
    ping = made.item(template, "Host Availability", "icmpping[{HOST.NAME},3,,,]", UINT, "", 60, (), "General", way="SIMPLE")
    ping.trigger("vSphere host {HOST.NAME} is unreachable", "max({},5m)=0", "HIGH")
    for plural, method, prefix, shown in (
        ("Clusters", "cluster", "{#VSPHERE.CLUSTER.NAME}", "cluster"),
        ("Datacenters", "datacenter", "{#VSPHERE.DATACENTER.NAME}", "datacenter"),
    ):
        rule = made.rule("Discover VMware %s" % plural, "%s.discover" % method, "name" if style.native else "null")
        if style.native:
            key = 'vpoller["%s.get", "{HOST.HOST}", "%s", "overallStatus", "null"]' % (method, prefix)
        else:
            key = '%s["-m", "%s.get", "-V", "{HOST.NAME}", "-n", "%s", "-p", "overallStatus"]' % (style.script, method, prefix)
        item = made.item(rule, 'Status of "%s" %s' % (prefix, shown), key, CHAR, "", 300, (), plural)
        item.trigger('Status of "%s" %s is red' % (prefix, shown), 'find({},,"like","red")=1', "HIGH")
    hosts = (
        ("Datastores", "datastore", "info.url", "{#VSPHERE.DATASTORE.NAME}", "{#VSPHERE.DATASTORE.INFO.URL}", "Datastores", "Datastore"),
        ("Hypervisors", "host", "name", "{#VSPHERE.HOST.NAME}", "{#VSPHERE.HOST.NAME}", "Hypervisors", "Hypervisor"),
        ("Virtual Machines", "vm", "name", "{#VSPHERE.VM.NAME}", "{#VSPHERE.VM.NAME}", "Virtual machines", "Virtual Machine"),
    )
    for plural, method, path, host, name, group, what in hosts:
        rule = made.rule("Discover VMware %s" % plural, "%s.discover" % method, path if style.native or path != "name" else "null")
        # The importer and these rules would make the same hosts twice, so they are disabled in every set.
        rule.enabled = False
        rule.host(host, name, [group], style.name(what))
    if style.native:
        rule = made.rule("Discover vSphere Sessions", "session.get", seconds=300, lifetime="1d")
        made.echo(
            rule, "{#VSPHERE.SESSION.USERNAME}@{#VSPHERE.SESSION.IPADDRESS} logged in at {#VSPHERE.SESSION.LOGINTIME} "
            "[call-count: {#VSPHERE.SESSION.CALLCOUNT}] [user-agent: {#VSPHERE.SESSION.USERAGENT}]",
            "{#VSPHERE.SESSION.KEY}", applications="Sessions", kind=TEXT, seconds=300)
    return template


def datacenter(style):
    made = Legacy(style, "Datacenter", "{HOST.HOST}", [])
    template = made.template
    series = []
    for name, counter, colour in (("power on", 256, "009900"), ("power off", 257, "CC0000"), ("suspend", 258, "BBBB00")):
        item = made.counter(template, "VM %s count (Past Day)" % name, "datacenter.perf.metric.get", counter, "", [], 86400, "", span="1")
        series.append((item.key, colour))
    template.graph("Virtual Machine Operations (Past Day)", *series)
    rule = made.rule("Discover Datacenter Alarms", None, enabled=True, seconds=300, lifetime="1d",
                     key='vpoller["datacenter.alarm.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "null"]')
    name = "{#VSPHERE.DATACENTER.ALARM.ENTITY} alarm: {#VSPHERE.DATACENTER.ALARM.INFO}"
    item = made.echo(rule, name, '"{#VSPHERE.DATACENTER.ALARM.OVERALLSTATUS}"', '"{#VSPHERE.DATACENTER.ALARM.KEY}"', applications="Alarms", seconds=300)
    item.trigger(name, 'find({},,"like","yellow")=1', "WARNING")
    item.trigger(name, 'find({},,"like","red")=1', "HIGH")
    return template


def cluster(style):
    made = Legacy(style, "Clusters", "{HOST.HOST}", [("Overall Status", "cluster.get", "overallStatus", CHAR, "", 30, 0, ON, "General")])
    made.contains("overallStatus", "red", "Overall status of cluster {HOST.NAME} is red", "NOT_CLASSIFIED")
    return made.template


def processes(style):
    template = Template("Template VMware Virtual Machine Processes - vPoller Native", "As the Python vPoller had it: change account and password.", group=GROUP)
    key = 'vpoller["vm.process.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "cmdLine", "%s", "root", "p4ssw0rd"]'
    settings = {"delay": "5m", "history": style.history, "trends": "30d", "tags": [(TAG, "Processes")]}
    apache = template.item("Number of Apache processes", key % "/usr/sbin/apache2", **settings)
    total = template.item("Total number of processes", key % "", **settings)
    apache.trigger("Apache does not run on {HOST.NAME}", "last({})=0", "HIGH")
    total.trigger("More than 100 processes run on {HOST.NAME}", "min({},5m)>100", "WARNING")
    return template


def templates(style):
    style = STYLES[style]
    linked = [machine(style), hypervisor(style), datastore(style)]
    if style.native:
        linked += [datacenter(style), cluster(style), processes(style)]
    return [*linked, vcenter(style)]
