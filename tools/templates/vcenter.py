"""VMware vSphere by vPoller: the vCenter (or lone ESXi host), and the discovery of everything in it."""

from common import CLUSTER, DATACENTER, DATASTORE, FACT, HOST_MACRO, HYPERVISOR, LINES, MACHINE, REFUSED, STATE, STATUS, VCENTER
from model import Template, chart, javascript, jsonpath, number, texts, unchanged

# What the hosts that discovery makes are called: the name for people, and what makes it unique among all vSphere hosts. Zabbix makes no
# host whose technical name has other characters than these, and none with a longer name. vSphere's names are longer, and the id of an
# NFS datastore of a lone ESXi host is a path. Nothing else of an object is left, so that nothing is discovered again because it was switched off.
#
# An object without a name is none yet, or none any more, and gets no host; one whose name may not be read has its id in place of it. The
# secondary of a fault-tolerant pair has the name and the values of the primary, which has the host of the pair.
NAMED = (
    *REFUSED,
    "var longest = 128, ellipsis = String.fromCharCode(0x2026);",
    "function cut(text, room) {",
    "  if (text.length <= room) { return text; }",
    "  return text.slice(0, room - 1).replace(/[\\uD800-\\uDBFF]$/, '') + ellipsis;",
    "}",
    "return JSON.stringify(JSON.parse(value).filter(function (row) {",
    "  row.name = row.name || (refused(row, 'name') ? row.moid : '');",
    "  return row.moid && row.name && !(row['config.ftInfo.role'] > 1);",
    "}).map(function (row) {",
    "  var id = row.hostname + ' ' + row.moid, plain = id.replace(/[^0-9A-Za-z_. -]/g, '_').slice(0, 119);",
    "  var template = row['summary.config.template'], made = {moid: row.moid, name: row.name, hostname: row.hostname};",
    "  made.template = template === undefined ? 'unknown' : String(template);",
    "  made.key = id === plain ? id : plain + '-' + md5(id).slice(0, 8);",
    "  var place = ' (' + row.moid + ' at ' + row.hostname + ')';",
    "  if (place.length > 96) { place = ' (' + md5(id).slice(0, 8) + ')'; }",
    "  made.label = cut(row.name, longest - place.length) + place;",
    "  return made;",
    "}));",
)


def readable(*paths):
    """A step that gives no value where one of the paths may not be read of one of the objects, and otherwise leaves the list as it is."""
    names = ", ".join("'%s'" % path for path in paths)
    return javascript(*REFUSED, "return JSON.parse(value).some(function (row) { return refused(row, %s); }) ? null : value;" % names)


def matching(condition):
    return "$[?(%s)]" % " && ".join("@['%s'] %s '%s'" % part for part in condition)


TECHNICAL, VISIBLE = "{#KEY}", "{#LABEL}"


def build():
    made = Template(
        VCENTER,
        "A vCenter Server or ESXi host by way of vPoller. Link it to one host, set {$VSPHERE.HOST}, and hosts for everything in it are made. "
        "In Zabbix 6.0 the host needs an interface; 127.0.0.1 will do.",
        macros={
            "{$VSPHERE.HOST}": HOST_MACRO,
            "{$VSPHERE.DISCOVERY}": ("10m", "How often the lists of objects are read."),
            "{$VSPHERE.NODATA}": ("5m", "After so long without a value the vSphere host counts as not answering."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-vcenter")],
    )
    about = made.item(
        "Get about", 'vpoller.json["about","{$VSPHERE.HOST}","","@about"]', delay="1m", type="TEXT", history="0", component="raw")

    def fact(name, key, part, **settings):
        return made.item(name, "vpoller.vsphere[%s]" % key, of=about, type="CHAR", component="system",
                         steps=[jsonpath("$[0].%s" % part, unless="discard"), *([] if part == "fullName" else [unchanged(FACT)])], **settings)

    full = fact("Product", "product", "fullName")
    full.trigger(
        "vSphere does not answer", "nodata({},{$VSPHERE.NODATA})=1", "HIGH", scope="availability",
        description="No answer to the simplest question: look at the item 'Get about' for the reason.")
    fact("Name", "name", "name")
    fact("Vendor", "vendor", "vendor")
    fact("Version", "version", "version")
    build_number = fact("Build", "build", "build")
    build_number.trigger("vSphere was updated", "last({},#1)<>last({},#2) and length(last({}))>0", "INFO", scope="notice", manual=True)
    fact("API version", "api", "apiVersion")
    fact("Kind of API", "api.type", "apiType", description="VirtualCenter or HostAgent.")
    fact("Operating system", "os", "osType")
    fact("Instance UUID", "uuid", "instanceUuid")

    alarms(made)
    privileges(made)
    latest = made.item(
        "Latest event", 'vpoller.raw["event.latest","{$VSPHERE.HOST}","","event"]', delay="1m", type="LOG", component="log", steps=[unchanged(FACT)],
        description="What vCenter wrote into its event log last.")
    made.item(
        "Warnings and errors among the events", 'vpoller.json["event.get","{$VSPHERE.HOST}","","","severity=warning,error limit=20"]', delay="5m",
        type="TEXT", component="log", description="The last 20, newest first; stored when there is a new one.",
        steps=[javascript(
            "return JSON.parse(value).reverse().map(function (event) {",
            "  return [event.time.slice(0, 19), event.severity, event.user || '-', event.entity || '-', event.message].join(' | ');",
            "}).join('\\n') || 'None';"), unchanged(FACT)])
    sessions = made.item(
        "Get sessions", 'vpoller.json["session.get","{$VSPHERE.HOST}","",""]', delay="5m", type="TEXT", history="0", component="raw", enabled=False,
        steps=[javascript("return JSON.stringify(JSON.parse(value).map(function (session) { delete session.key; return session; }));")],
        description="Enable it with 'Sessions' and 'List of sessions' if vPoller's account may see sessions (privilege Sessions.TerminateSession). "
                    "The key of a session is as good as a password, so no item has it.")
    made.item("Sessions", "vpoller.vsphere[sessions]", of=sessions, component="security", steps=[jsonpath("$.length()")], enabled=False,
              description="How many logins there are.")
    made.item(
        "List of sessions", "vpoller.vsphere[sessions.list]", of=sessions, type="TEXT", component="security", enabled=False,
        description="Who is logged in, the last one first: user, address, time of the login, calls, program.",
        steps=[javascript(
            *LINES,
            "var sessions = JSON.parse(value).sort(function (a, b) { return a.loginTime < b.loginTime ? 1 : -1; });",
            "return lines(sessions.map(function (session) {",
            "  return ['userName', 'ipAddress', 'loginTime', 'callCount', 'userAgent'].map(function (field) {",
            "    return String(session[field]).replace(/\\s+/g, ' ');",
            "  }).join(' | ');",
            "}));"), unchanged(FACT)])

    discover(made, "virtual machine", "vm", "@vm.list", MACHINE, "VM", {"{#TEMPLATE}": "$.template"},
             [("{#TEMPLATE}", "NOT_MATCHES_REGEX", "true")])
    discover(made, "hypervisor", "host", "@host.list", HYPERVISOR, "HV")
    discover(made, "datastore", "datastore", "@datastore.list", DATASTORE, "DATASTORE")
    discover(made, "cluster", "cluster", "@cluster.list", CLUSTER, "CLUSTER")
    discover(made, "datacenter", "datacenter", "@datacenter.list", DATACENTER, "DATACENTER")
    by_key = {item.key: item for item in made.items}

    def count(name, of, key, condition):
        """Of how many objects the condition holds: names of paths and the values that they must have, or must not have. What the account
        may not read of one of them gives no value: a number without it may be a smaller one."""
        listed = by_key["vpoller.json[\"%s.discover\",\"{$VSPHERE.HOST}\",\"\",\"@%s.list\"]" % (of, of)]
        steps = [readable(*[path for path, _, _ in condition]), jsonpath(matching(condition) + ".length()")] if condition else [jsonpath("$.length()")]
        return made.item(name, "vpoller.vsphere[%s]" % key, of=listed, component="system", steps=steps)

    machines = count("Virtual machines", "vm", "vms", [("summary.config.template", "==", "false")])
    running = count("Virtual machines powered on", "vm", "vms.on", [("runtime.powerState", "==", "poweredOn")])
    count("Virtual machines powered off", "vm", "vms.off", [("runtime.powerState", "==", "poweredOff"), ("summary.config.template", "==", "false")])
    count("Virtual machines suspended", "vm", "vms.suspended", [("runtime.powerState", "==", "suspended")])
    count("Virtual machine templates", "vm", "vms.templates", [("summary.config.template", "==", "true")])
    count("Virtual machines with status red", "vm", "vms.red", [("overallStatus", "==", "red")])
    count("Virtual machines not reachable", "vm", "vms.lost", [("runtime.connectionState", "!=", "connected")])
    count("Virtual machines without VMware Tools running", "vm", "vms.tools",
          [("runtime.powerState", "==", "poweredOn"), ("guest.toolsRunningStatus", "==", "guestToolsNotRunning")])
    hosts = count("Hypervisors", "host", "hosts", [])
    lost = count("Hypervisors not connected", "host", "hosts.lost", [("runtime.connectionState", "!=", "connected")])
    count("Hypervisors in maintenance mode", "host", "hosts.maintenance", [("runtime.inMaintenanceMode", "==", "true")])
    stores = count("Datastores", "datastore", "datastores", [])
    broken = count("Datastores not accessible", "datastore", "datastores.lost", [("summary.accessible", "==", "false")])
    count("Clusters", "cluster", "clusters", [])
    count("Datacenters", "datacenter", "datacenters", [])
    lists = by_key['vpoller.json["datastore.discover","{$VSPHERE.HOST}","","@datastore.list"]']
    capacity = made.item("Capacity of all datastores", "vpoller.vsphere[capacity]", of=lists, component="storage", units="B",
                         steps=[readable("summary.capacity"), jsonpath("$[*]['summary.capacity'].sum()")])
    free = made.item("Free space of all datastores", "vpoller.vsphere[free]", of=lists, component="storage", units="B",
                     steps=[readable("summary.freeSpace"), jsonpath("$[*]['summary.freeSpace'].sum()")])

    made.graph("vSphere: virtual machines", (machines.key, "888888"), (running.key, "00AA00", "GRADIENT_LINE"), low=0)
    made.graph("vSphere: space on datastores", (capacity.key, "888888"), (free.key, "00AA00", "GRADIENT_LINE"), low=0)
    made.dashboard(
        "vSphere",
        [number(machines, "Virtual machines"), number(running, "Powered on"), number(hosts, "Hypervisors"), number(lost, "Not connected"),
         number(stores, "Datastores"), number(broken, "Not accessible")],
        [chart("vSphere: virtual machines"), chart("vSphere: space on datastores")],
        [texts(latest, "Latest events", width=16), texts(full, "Product", width=8)],
    )
    return made


def alarms(made):
    """Everything that is triggered, in one request; an alarm that is gone is green."""
    listed = made.item(
        "Get alarms", 'vpoller.json["alarm.get","{$VSPHERE.HOST}","",""]', delay="1m", type="TEXT", history="0", component="raw",
        description="All triggered alarms of the vCenter.")
    for colour in ("red", "yellow"):
        made.item("Triggered %s alarms" % colour, "vpoller.vsphere[alarms,%s]" % colour, of=listed, component="health",
                  steps=[jsonpath("$[?(@.overallStatus == '%s')].length()" % colour, unless=("value", "0"))])
    rule = made.rule(
        "Alarm discovery", "vpoller.alarm.discovery", of=listed, lifetime="1d", description="Triggered alarms, wherever they are.",
        macros={"{#KEY}": "$.key", "{#ENTITY}": "$.entity", "{#INFO}": "$.info"}, 
        # An alarm whose name or entity may not be read, or that has none, is an alarm still.
        steps=[javascript(
            "return JSON.stringify(JSON.parse(value).map(function (row) {",
            "  return {key: row.key, entity: row.entity || 'an object without a name', info: row.info || 'an alarm without a name'};",
            "}));"), unchanged(STATE)])
    status = rule.item(
        "Alarm on {#ENTITY}: {#INFO}", "vpoller.alarm[{#KEY}]", of=listed, component="health", states=STATUS, tags=[("entity", "{#ENTITY}"), ("alarm", "{#INFO}")],
        steps=[jsonpath("$[?(@.key == '{#KEY}')].overallStatus.first()", unless=("value", "green")), STATUS.step(), unchanged(STATE)])
    red = status.trigger("{#ENTITY}: {#INFO} (red)", "last({})=3", "HIGH", scope="notice")
    status.trigger("{#ENTITY}: {#INFO} (yellow)", "last({})=2", "WARNING", scope="notice", after=[red])


def privileges(made):
    """What the account of vPoller may not read. The items of the objects have no value then, so this is the one problem that says why."""
    missing = made.item(
        "Get missing privileges", 'vpoller.json["privilege.missing.get","{$VSPHERE.HOST}","",""]', delay="1m", type="TEXT", history="0",
        component="raw", description="What vSphere refused to vPoller's account. From vPoller's memory: it costs vSphere nothing.")
    listed = made.item(
        "Missing privileges", "vpoller.vsphere[privileges]", of=missing, type="TEXT", component="security",
        description="Each privilege that vPoller's account lacks, and of how many objects it hides which properties; 'None' if all may be read.",
        steps=[javascript(
            *LINES,
            "return lines(JSON.parse(value).map(function (row) {",
            "  var paths = row.paths || [], shown = paths.slice(0, 5).join(', ') + (paths.length > 5 ? ' and ' + (paths.length - 5) + ' more' : '');",
            "  return (row.privilege || row.fault) + ' hides ' + shown + ' of ' + row.objects + ' ' + (row.types || []).join(', ');",
            "}));"), unchanged(STATE)])
    listed.trigger(
        "vPoller's account lacks privileges", "last({})<>\"None\"", "WARNING", scope="security", event="vPoller's account lacks privileges: {ITEM.LASTVALUE}",
        data="{ITEM.LASTVALUE}",
        description="Items without a right to their value have no value, and their triggers keep their state. Give the account the privilege on "
                    "these objects, in a role that propagates from the root folder.")


def discover(made, what, method, properties, template, prefix, macros=None, conditions=()):
    """One request lists all objects of a type; the rule depends on it, and so do the numbers about them."""
    plural = what + "s"
    listed = made.item(
        "Get %s" % plural, 'vpoller.json["%s.discover","{$VSPHERE.HOST}","","%s"]' % (method, properties), delay="{$VSPHERE.DISCOVERY}", type="TEXT",
        history="0", component="raw", description="One request for all of them.")
    matches, others = "{$VSPHERE.%s.MATCHES}" % prefix, "{$VSPHERE.%s.NOT_MATCHES}" % prefix
    made.macros[matches] = (".*", "Which %s to discover, a regular expression for the name." % plural)
    made.macros[others] = ("CHANGE_IF_NEEDED", "Which %s to leave out, a regular expression for the name." % plural)
    rule = made.rule(
        "%s discovery" % what.capitalize(), "vpoller.%s.discovery" % method, of=listed, steps=[javascript(*NAMED), unchanged(STATE)],
        macros={"{#MOID}": "$.moid", "{#NAME}": "$.name", "{#HOSTNAME}": "$.hostname", "{#KEY}": "$.key", "{#LABEL}": "$.label", **(macros or {})},
        conditions=[("{#NAME}", "MATCHES_REGEX", matches), ("{#NAME}", "NOT_MATCHES_REGEX", others), *conditions],
        description="Makes a host with the template '%s' for each." % template)
    rule.host(
        TECHNICAL, VISIBLE, ["VMware vSphere/%s" % plural.capitalize()], template,
        macros={
            "{$VSPHERE.HOST}": ("{#HOSTNAME}", "The vCenter or ESXi host."),
            "{$VSPHERE.NAME}": ("moid:{#MOID}", "The %s, whatever its name becomes." % what),
        },
        tags=[("vsphere", "{#HOSTNAME}"), ("moid", "{#MOID}")])
