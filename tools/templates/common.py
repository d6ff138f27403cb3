"""What the templates of the several object types have in common."""

import json
import re

from model import Booleans, Item, States, javascript, jsonpath, multiplier, step, unchanged  # noqa: F401

VCENTER = "VMware vSphere by vPoller"
HYPERVISOR = "VMware vSphere Hypervisor by vPoller"
MACHINE = "VMware vSphere Virtual Machine by vPoller"
DATASTORE = "VMware vSphere Datastore by vPoller"
CLUSTER = "VMware vSphere Cluster by vPoller"
DATACENTER = "VMware vSphere Datacenter by vPoller"
PROCESSES = "VMware vSphere VM processes by vPoller"
HEALTH = "vPoller health"

HOST_MACRO = ("", "The vCenter or ESXi host, by the name that vconnector-cli knows it under.")
NAME_MACRO = ("", "The object: its managed object id as moid:vm-42, or its name.")

STATUS = States("vSphere status", gray=(0, "Gray"), green=(1, "Green"), yellow=(2, "Yellow"), red=(3, "Red"))
POWER = States(
    "vSphere power state", poweredOff=(0, "Off"), poweredOn=(1, "On"), suspended=(2, "Suspended"), standBy=(3, "Standby"), unknown=(4, "Unknown")
)
YES = Booleans("vSphere yes or no", "No", "Yes")

# A fact is stored when it changes and once a day; a state when it changes and once an hour.
FACT, STATE = "1d", "1h"
MEBIBYTE, MEGAHERTZ = 1048576, 1000000


def master(template, name, method, properties, description, delay="1m"):
    """The one check that everything else of an object is taken from. Stored nowhere: its value is used when it arrives.

    The interval is no macro: Zabbix 6.0 may read a host that discovery has just made before it reads the templates of the host, and
    then gives up on items whose interval it cannot resolve.
    """
    return template.item(
        name, 'vpoller.json["%s","{$VSPHERE.HOST}","{$VSPHERE.NAME}","%s"]' % (method, properties),
        delay=delay, type="TEXT", history="0", component="raw", description=description,
    )


def above(path):
    """A path and what it is a part of: whoever may not read `snapshot` may not read `snapshot.rootSnapshotList`."""
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def granted(path):
    """A step that gives no value where vSphere refuses the path. Without it a count would make 0 of what the account may not read.
    It reads the member `refused` of the answer, a flat object of flat objects by path, and leaves the answer as it is."""
    text = r'"(?:[^"\\]|\\.)*"'
    paths = "|".join(re.escape(one) for one in above(path))
    refused = r'"refused":\s*\{\s*(?:%s:\s*\{[^{}]*\},?\s*)*"(?:%s)"' % (text, paths)
    return step("NOT_MATCHES_REGEX", refused, unless="discard")


# Whether one of the paths of an object may not be read: no value is made of it then.
REFUSED = (
    "function refused(row) {",
    "  var paths = Array.prototype.slice.call(arguments, 1), names = Object.keys(row.refused || {});",
    "  return names.some(function (name) {",
    "    return paths.some(function (path) { return path === name || path.indexOf(name + '.') === 0; });",
    "  });",
    "}",
)


def member(path, optional=False):
    """A property of the one object in the answer. What vSphere does not set is not in the answer: optional ones are discarded then."""
    return jsonpath("$[0]['%s']" % path, unless="discard" if optional else None)


def counters(template, kind, properties, delay="1m", interval=""):
    """The one check for all performance counters of an object, with all their instances."""
    return template.item(
        "Get performance counters", 'vpoller.json["perf.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","%s","%s","","","","%s","%s"]'
        % (properties, kind, "" if interval else "*", interval),
        delay=delay, type="TEXT", history="0", component="raw", description="All performance counters in one request.")


def listed(*members):
    """Steps of a discovery rule that is fed with values: only what names the things is left, so that nothing is discovered again because a
    value changed."""
    return [javascript(
        "var members = %s;" % json.dumps(members),
        "return JSON.stringify(JSON.parse(value).map(function (row) {",
        "  var named = {};",
        "  members.forEach(function (member) { named[member] = row[member]; });",
        "  return named;",
        "}));"), unchanged(STATE)]


def instances_of(*counters):
    """Steps of a discovery rule for the instances that have one of these counters, whatever the instances are called; it leaves things as
    they are while the object is off."""
    return [jsonpath("$[?(@.instance != '')]", unless="discard"), javascript(
        "var counters = %s;" % json.dumps(counters),
        "var rows = JSON.parse(value).filter(function (row) {",
        "  return counters.some(function (counter) { return typeof row[counter] === 'number'; });",
        "}).map(function (row) { return {instance: row.instance}; });",
        "return rows.length ? JSON.stringify(rows) : null;"), unchanged(STATE)]


def counted(counter, instance=""):
    """The newest sample of a counter; there is none while the object is off."""
    return jsonpath("$[?(@.instance == '%s')]['%s'].first()" % (instance, counter), unless="discard")


# One text of many: one a line, "None" if there is none, cut where the history of Zabbix would cut it (65535 bytes).
LINES = (
    "function lines(texts) {",
    "  var room = 60000, kept = [], i;",
    "  for (i = 0; i < texts.length; i++) {",
    "    room -= texts[i].replace(/[^ -~]/g, '????').length + 1;",
    "    if (room < 0) return kept.concat('and ' + (texts.length - i) + ' more').join('\\n');",
    "    kept.push(texts[i]);",
    "  }",
    "  return kept.join('\\n') || 'None';",
    "}",
)


def names(template, name, method, component, description):
    """The names of the objects that this one refers to. vPoller knows them: that costs vSphere nothing."""
    return template.item(
        name, 'vpoller.json["%s","{$VSPHERE.HOST}","{$VSPHERE.NAME}","name"]' % method, delay="1h", type="TEXT", component=component,
        steps=[javascript(*LINES, "return lines(JSON.parse(value).map(function (one) { return one.name || '?'; }).sort());"), unchanged(FACT)],
        description=description + ", by name, one a line.")


# What a guest or a user named may hold anything, so keys and paths are made of a number in its place, one that stays short however
# long the text is.
IDENTIFIED = (
    "function id(text) {",
    "  var out = '', i;",
    "  for (i = 0; i < text.length; i++) out += (text.charCodeAt(i) + 65536).toString(16).slice(1);",
    "  return text.length > 40 ? md5(out) : out;",
    "}",
)


class Values:
    """Items taken from one master item."""

    def __init__(self, template, master, prefix):
        self.template, self.master, self.prefix = template, master, prefix

    def _item(self, name, key, steps, **settings):
        return self.template.item(name, "vpoller.%s[%s]" % (self.prefix, key), of=self.master, steps=steps, **settings)

    def number(self, name, key, path, component, factor=None, optional=True, **settings):
        steps = [member(path, optional)] + ([multiplier(factor)] if factor else [])
        return self._item(name, key, steps, component=component, **settings)

    def fact(self, name, key, path, component, optional=True, **settings):
        settings.setdefault("type", "CHAR")
        return self._item(name, key, [member(path, optional), unchanged(FACT)], component=component, **settings)

    def state(self, name, key, path, states, component, optional=True, **settings):
        return self._item(name, key, [member(path, optional), states.step(), unchanged(STATE)], states=states, component=component, **settings)

    def count(self, name, key, path, component, **settings):
        """How many elements a list has; a list that is not set has none, one that may not be read gives no value."""
        length = jsonpath("$[0]['%s'].length()" % path, unless=("value", "0"))
        return self._item(name, key, [granted(path), length], component=component, **settings)

    def alarms(self):
        for colour, shown in (("red", "red"), ("yellow", "yellow")):
            path = "$[0]['triggeredAlarmState'][?(@.overallStatus == '%s')].length()" % colour
            steps = [granted("triggeredAlarmState"), jsonpath(path, unless=("value", "0"))]
            self._item("Triggered %s alarms" % shown, "alarms,%s" % colour, steps, component="health")

    def computed(self, name, key, component, *script, of=(), heartbeat=None, **settings):
        """`o` is the object in the answer; a script that returns null gives no value, and neither does one of whose paths, which `of`
        lists, one may not be read."""
        steps = [*map(granted, of), javascript("var o = JSON.parse(value)[0];", *script)] + ([unchanged(heartbeat)] if heartbeat else [])
        return self._item(name, key, steps, component=component, **settings)

    def attributes(self, what):
        """An item for each custom attribute that the macro names; the master asks for what the macro says."""
        macro = attributes(self.prefix)
        self.template.macros[macro] = ("", "Custom attributes to show, by name and separated by commas: customValue.Owner,customValue.Backup")
        values = self._item("Get custom attributes", "attributes", [javascript(
            *IDENTIFIED,
            "var o = JSON.parse(value)[0], rows = [], name;",
            "Object.keys(o).forEach(function (path) {",
            "  if (path.indexOf('customValue') !== 0) return;",
            "  name = path.replace(/^customValue\\.?/, '').replace(/^\\[\"(.*)\"\\]$/, '$1');",
            "  rows.push({id: id(name), name: name, value: String(o[path])});",
            "});",
            "return JSON.stringify(rows);")], type="TEXT", history="0", component="raw")
        rule = self.template.rule(
            "Custom attribute discovery", "vpoller.%s.attribute.discovery" % self.prefix, of=values, steps=listed("id", "name"),
            macros={"{#ATTRIBUTE.ID}": "$.id", "{#ATTRIBUTE.NAME}": "$.name"}, description="Those listed in %s that the %s has." % (macro, what))
        rule.item(
            "[{#ATTRIBUTE.NAME}] Custom attribute", "vpoller.%s.attribute[{#ATTRIBUTE.ID}]" % self.prefix, of=values, type="TEXT", component="system",
            tags=[("attribute", "{#ATTRIBUTE.NAME}")],
            steps=[jsonpath("$[?(@.id == '{#ATTRIBUTE.ID}')].value.first()", unless="discard"), unchanged(FACT)])


def attributes(prefix):
    """The macro with the custom attributes to ask for."""
    return "{$VSPHERE.%s.ATTRIBUTES}" % prefix.upper()


def watch_status(item, what):
    """Triggers for the colour that vSphere gives an object."""
    red = item.trigger(
        "%s: status is red" % what, "last({})=%d" % STATUS.number("red"), "HIGH", scope="notice",
        description="vSphere itself rates the object red: look at its triggered alarms.")
    item.trigger(
        "%s: status is yellow" % what, "last({})=%d" % STATUS.number("yellow"), "WARNING", scope="notice", after=[red],
        description="vSphere itself rates the object yellow: look at its triggered alarms.")


def watch_percent(item, what, macro, minutes=5, scope="performance"):
    item.trigger(
        "%s is high" % what, "min({},%dm)>{$%s}" % (minutes, macro), "WARNING", scope=scope, data="Now: {ITEM.LASTVALUE1}",
        description="Above {$%s} %% for %d minutes." % (macro, minutes))


def watch_restart(template, what, uptime, power):
    """What is off has no uptime, and the last one stays."""
    since = uptime.reference()
    template.trigger(
        "%s was restarted" % what, "last(%s)<10m and last(%s)>0 and last(%s)=1" % (since, since, power.reference()), "WARNING", scope="notice",
        manual=True, data="Uptime: {ITEM.LASTVALUE1}")
