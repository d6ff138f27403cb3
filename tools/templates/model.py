"""Zabbix templates as Python objects, written as an export file of format 6.0, which Zabbix 6.0 and later import.

Defaults are left out and lists are sorted as Zabbix itself writes them, so that importing a file again changes nothing.

Every scalar of such a file is a text. Identifiers are made from what an object is called within its template: they stay the same
as long as that does, so that a later import updates instead of adding.
"""

import hashlib

VERSION = "6.0"
DATE = "2026-01-01T00:00:00Z"
# Template groups and host groups must differ in name: since Zabbix 6.2 they are different things.
TEMPLATE_GROUP = "Templates/VMware vSphere by vPoller"


def uuid(*path):
    """A version 4 UUID without dashes, made from a path."""
    digits = list(hashlib.sha256("\0".join(("vpoller",) + path).encode()).hexdigest()[:32])
    digits[12] = "4"
    digits[16] = "89ab"[int(digits[16], 16) % 4]
    return "".join(digits)


def lines(*texts):
    return "\n".join(texts)


# --- preprocessing steps ---------------------------------------------------------------------------------------------


def step(kind, *parameters, unless=None):
    """One step. `unless` says what a failure does: "discard", or ("value", text), or ("error", text)."""
    made = {"type": kind, "parameters": list(parameters) or [""]}
    if unless == "discard":
        made["error_handler"] = "DISCARD_VALUE"
    elif unless:
        made["error_handler"] = {"value": "CUSTOM_VALUE", "error": "CUSTOM_ERROR"}[unless[0]]
        made["error_handler_params"] = unless[1]
    return made


def jsonpath(path, unless=None):
    return step("JSONPATH", path, unless=unless)


def javascript(*texts):
    return step("JAVASCRIPT", lines(*texts))


def multiplier(factor):
    return step("MULTIPLIER", str(factor))


def unchanged(heartbeat):
    return step("DISCARD_UNCHANGED_HEARTBEAT", heartbeat)


def boolean():
    return step("BOOL_TO_DECIMAL")


class States:
    """Words of the vSphere API as numbers, with the value map that shows them."""

    UNKNOWN = 255

    def __init__(self, name, **words):
        self.name = name
        self.words = words

    def number(self, word):
        return self.words[word][0]

    def step(self):
        pairs = ", ".join('"%s": %d' % (word, number) for word, (number, _) in self.words.items())
        return javascript(
            "var states = {%s};" % pairs,
            "return states.hasOwnProperty(value) ? states[value] : %d;" % self.UNKNOWN,
        )

    def mappings(self):
        shown = {number: text for number, text in self.words.values()}
        shown.setdefault(self.UNKNOWN, "Something new")
        return [{"value": str(number), "newvalue": text} for number, text in sorted(shown.items())]


class Booleans:
    def __init__(self, name, false, true):
        self.name, self.false, self.true = name, false, true

    def step(self):
        return boolean()

    def mappings(self):
        return [{"value": "0", "newvalue": self.false}, {"value": "1", "newvalue": self.true}]


# --- objects ---------------------------------------------------------------------------------------------------------


class Object:
    """What has items: a template or a discovery rule."""

    def __init__(self, template):
        self.template = template
        self.items = []
        self.graphs = []
        self.triggers = []

    def item(self, name, key, **settings):
        item = Item(self, name, key, **settings)
        self.items.append(item)
        return item

    def graph(self, name, *series, kind="NORMAL", low=None):
        """`series`: (key, colour) or (key, colour, drawing). `low` fixes the axis at 0 (and 100 where it is "percent")."""
        self.graphs.append((name, series, kind, low))
        return name

    def trigger(self, name, expression, priority, **settings):
        trigger = Trigger(self, name, expression, priority, **settings)
        self.triggers.append(trigger)
        return trigger


class Item:
    def __init__(self, owner, name, key, kind=None, delay=None, of=None, steps=(), type="UNSIGNED", units=None, states=None,
                 history="7d", trends=None, component=None, tags=(), description=None, enabled=True, formula=None, logtime=None):
        self.owner, self.name, self.key = owner, name, key
        self.kind = kind or ("DEPENDENT" if of else "SIMPLE")
        self.delay = "0" if of else delay
        self.of, self.steps, self.type, self.units, self.states = of, list(steps), type, units, states
        self.history = history
        self.trends = trends or (None if type in ("UNSIGNED", "FLOAT") else "0")
        self.component, self.tags, self.description, self.enabled = component, tags, description, enabled
        self.formula = formula
        self.triggers = []
        if states:
            owner.template.states[states.name] = states

    def trigger(self, name, expression, priority, **settings):
        """`{}` in the expression stands for `/template/key`."""
        trigger = Trigger(self.owner, name, expression.replace("{}", self.reference()), priority, **settings)
        self.triggers.append(trigger)
        return trigger

    def reference(self):
        return "/%s/%s" % (self.owner.template.name, self.key)

    def export(self, path, prototype):
        template = self.owner.template
        made = {"uuid": uuid(*path, "item", self.key), "name": self.name}
        if self.kind != "ZABBIX_PASSIVE":
            made["type"] = self.kind
        made["key"] = self.key
        if self.delay not in (None, "1m"):
            made["delay"] = self.delay
        made["history"] = self.history
        if self.trends is not None:
            made["trends"] = self.trends
        if not self.enabled:
            made["status"] = "DISABLED"
        if self.type != "UNSIGNED":
            made["value_type"] = self.type
        if self.units:
            made["units"] = self.units
        if self.formula:
            made["params"] = self.formula
        if self.description:
            made["description"] = self.description
        if self.states:
            made["valuemap"] = {"name": self.states.name}
        if self.steps:
            made["preprocessing"] = self.steps
        if self.of:
            made["master_item"] = {"key": self.of.key}
        tags = ([("component", self.component)] if self.component else []) + list(self.tags)
        if tags:
            made["tags"] = export_tags(tags)
        if self.triggers:
            made["trigger_prototypes" if prototype else "triggers"] = [trigger.export() for trigger in self.triggers]
        assert len(self.key) <= 255, "key of %d characters: %s" % (len(self.key), self.key)
        assert template is not None
        return made


class Trigger:
    def __init__(self, owner, name, expression, priority, scope=None, recovery=None, manual=False, data=None, after=(),
                 description=None, enabled=True, tags=None, event=None):
        self.owner, self.name, self.expression, self.priority = owner, name, expression, priority
        self.event = event
        self.scope, self.recovery, self.manual, self.data, self.after = scope, recovery, manual, data, after
        self.description, self.enabled = description, enabled

    def export(self):
        template = self.owner.template.name
        made = {"uuid": uuid(template, "trigger", self.name, self.expression), "expression": self.expression}
        if self.recovery:
            made["recovery_mode"] = "RECOVERY_EXPRESSION"
            made["recovery_expression"] = self.recovery
        made["name"] = self.name
        if self.event:
            made["event_name"] = self.event
        if self.data:
            made["opdata"] = self.data
        if not self.enabled:
            made["status"] = "DISABLED"
        if self.priority != "NOT_CLASSIFIED":
            made["priority"] = self.priority
        if self.description:
            made["description"] = self.description
        if self.manual:
            made["manual_close"] = "YES"
        if self.after:
            made["dependencies"] = [dependency(trigger) for trigger in self.after]
        if self.scope:
            made["tags"] = [{"tag": "scope", "value": self.scope}]
        return made


def dependency(trigger):
    made = {"name": trigger.name, "expression": trigger.expression}
    if trigger.recovery:
        made["recovery_expression"] = trigger.recovery
    return made


class Rule(Object):
    """A discovery rule."""

    def __init__(self, template, name, key, kind=None, delay=None, of=None, steps=(), macros=None, conditions=(), lifetime="14d",
                 description=None, enabled=True):
        super().__init__(template)
        self.name, self.key = name, key
        self.kind = kind or ("DEPENDENT" if of else "SIMPLE")
        self.delay = "0" if of else delay
        self.of, self.steps, self.macros, self.conditions = of, list(steps), macros or {}, conditions
        self.lifetime, self.description, self.enabled = lifetime, description, enabled
        self.hosts = []

    def host(self, host, name, groups, template, macros=None, own_groups=(), tags=()):
        self.hosts.append((host, name, groups, template, macros or {}, own_groups, tags))

    def export(self):
        path = (self.template.name, "rule", self.key)
        made = {"uuid": uuid(*path), "name": self.name}
        if self.kind != "ZABBIX_PASSIVE":
            made["type"] = self.kind
        made["key"] = self.key
        made["delay"] = self.delay
        if not self.enabled:
            made["status"] = "DISABLED"
        if self.conditions:
            made["filter"] = {
                "evaltype": "AND",
                "conditions": [
                    {"macro": macro, "value": value, **({"operator": operator} if operator != "MATCHES_REGEX" else {}), "formulaid": "ABCDEF"[index]}
                    for index, (macro, operator, value) in enumerate(self.conditions)
                ],
            }
        made["lifetime"] = self.lifetime
        if self.description:
            made["description"] = self.description
        if self.items:
            made["item_prototypes"] = [item.export(path, True) for item in self.items]
        if self.triggers:
            made["trigger_prototypes"] = [trigger.export() for trigger in self.triggers]
        if self.graphs:
            made["graph_prototypes"] = [export_graph(self, graph, path) for graph in self.graphs]
        if self.hosts:
            made["host_prototypes"] = [self.export_host(host, path) for host in self.hosts]
        if self.of:
            made["master_item"] = {"key": self.of.key}
        if self.macros:
            made["lld_macro_paths"] = [{"lld_macro": macro, "path": place} for macro, place in sorted(self.macros.items())]
        if self.steps:
            made["preprocessing"] = self.steps
        assert len(self.key) <= 255, self.key
        return made

    def export_host(self, prototype, path):
        host, name, groups, template, macros, own_groups, tags = prototype
        made = {"uuid": uuid(*path, "host", host), "host": host, "name": name}
        made["group_links"] = [{"group": {"name": group}} for group in groups]
        if own_groups:
            made["group_prototypes"] = [{"name": group} for group in own_groups]
        made["templates"] = [{"name": template}]
        if macros:
            made["macros"] = [{"macro": macro, "value": value, "description": text} for macro, (value, text) in sorted(macros.items())]
        if tags:
            made["tags"] = export_tags(tags)
        return made


class Template(Object):
    def __init__(self, name, description, macros=None, tags=(), group=TEMPLATE_GROUP):
        super().__init__(self)
        self.name, self.description, self.macros, self.tags, self.group = name, description, macros or {}, tags, group
        self.rules, self.states, self.pages = [], {}, []

    def rule(self, name, key, **settings):
        rule = Rule(self, name, key, **settings)
        self.rules.append(rule)
        return rule

    def dashboard(self, name, *rows):
        """Rows of widgets; a widget is `number(...)`, `chart(...)`, `charts(...)` or `texts(...)`."""
        self.pages.append((name, rows))

    def export(self):
        made = {"uuid": uuid(self.name), "template": self.name, "name": self.name, "description": self.description,
                "groups": [{"name": self.group}]}
        if self.items:
            made["items"] = [item.export((self.name,), False) for item in self.items]
        if self.rules:
            made["discovery_rules"] = [rule.export() for rule in self.rules]
        if self.tags:
            made["tags"] = export_tags(self.tags)
        if self.macros:
            made["macros"] = [export_macro(macro, *self.macros[macro]) for macro in sorted(self.macros, key=lambda macro: macro.strip("{}"))]
        if self.pages:
            made["dashboards"] = [export_dashboard(self, page) for page in self.pages]
        if self.states:
            made["valuemaps"] = [
                {"uuid": uuid(self.name, "valuemap", states.name), "name": states.name, "mappings": states.mappings()}
                for _, states in sorted(self.states.items())
            ]
        return made


SECRET = object()


def export_tags(tags):
    return [{"tag": tag, "value": value} for tag, value in sorted(tags)]


def export_macro(macro, value, description, kind=None):
    made = {"macro": macro}
    if kind is SECRET:
        made["type"] = "SECRET_TEXT"
    if value:
        made["value"] = value
    made["description"] = description
    return made


def export_graph(owner, graph, path):
    name, series, kind, low = graph
    template = owner.template.name
    made = {"uuid": uuid(*path, "graph", name), "name": name}
    if low == "percent":
        made["ymax_type_1"] = "FIXED"
    if low is not None:
        made["ymin_type_1"] = "FIXED"
    if kind != "NORMAL":
        made["type"] = kind
    made["graph_items"] = []
    for index, (key, colour, *drawing) in enumerate(series):
        entry = {"sortorder": str(index)} if index else {}
        if drawing:
            entry["drawtype"] = drawing[0]
        entry["color"] = colour
        entry["item"] = {"host": template, "key": key}
        made["graph_items"].append(entry)
    return made


# --- dashboards (24 columns) -------------------------------------------------------------------------------------------


def number(item, title=None, width=4):
    fields = [field("ITEM", "itemid", lambda template: {"host": template, "key": item.key})]
    # Value, its change and the title: no clutter.
    fields += [field("INTEGER", "show", value) for value in ("1", "2", "4")]
    # Sizes in percent of the height: "100 days, 01:02:03" is to fit six times beside each other.
    sizes = [("desc_size", "12"), ("decimal_size", "14"), ("units_size", "14"), ("value_size", "14"), ("adv_conf", "1")]
    fields += [field("STRING", "description", title or item.name)] + [field("INTEGER", name, size) for name, size in sizes]
    # Zabbix 7.0.22 writes "Red (3.00)" where 7.0.9 writes "Red (3)".
    if item.type == "UNSIGNED" and not item.units:
        fields.append(field("INTEGER", "decimal_places", "0"))
    return ("ITEM", title or "", width, 3, fields)


def chart(name, width=12, height=5):
    return ("GRAPH_CLASSIC", "", width, height, [field("GRAPH", "graphid", lambda template: {"host": template, "name": name}),
                                                 field("INTEGER", "source_type", "0")])


def charts(name, width=24, height=5, columns="2"):
    return ("GRAPH_PROTOTYPE", "", width, height,
            [field("INTEGER", "columns", columns), field("INTEGER", "rows", "1"),
             field("GRAPH_PROTOTYPE", "graphid", lambda template: {"host": template, "name": name})])


def texts(item, title, width=12, height=5):
    return ("PLAIN_TEXT", title, width, height, [field("ITEM", "itemids", lambda template: {"host": template, "key": item.key})])


# Kinds of widget fields, in Zabbix's order.
FIELDS = ["INTEGER", "STRING", "ITEM", "GRAPH", "GRAPH_PROTOTYPE"]


def field(kind, name, value):
    return (kind, name, value)


def export_dashboard(template, page):
    name, rows = page
    widgets, top = [], 0
    for row in rows:
        left = 0
        for kind, title, width, height, fields in row:
            widget = {"type": kind}
            if title and kind != "ITEM":
                widget["name"] = title
            # Zabbix leaves out what is 0.
            widget.update({axis: str(place) for axis, place in (("x", left), ("y", top)) if place})
            widget.update({"width": str(width), "height": str(height)})
            if kind == "ITEM":
                widget["hide_header"] = "YES"
            widget["fields"] = [
                {"type": of, "name": called, "value": value(template.name) if callable(value) else value} for of, called, value in sorted(fields, key=lambda one: (FIELDS.index(one[0]), one[1]))
            ]
            widgets.append(widget)
            left += width
        assert left <= 24, (name, left)
        top += max(height for _, _, _, height, _ in row)
    widgets.sort(key=lambda widget: widget.get("name", ""))
    return {"uuid": uuid(template.name, "dashboard", name), "name": name, "pages": [{"widgets": widgets}]}


# --- files -------------------------------------------------------------------------------------------------------------


def document(templates):
    """The export of these templates, as Zabbix writes it."""
    groups = {template.group for template in templates}
    groups |= {group for template in templates for rule in template.rules for host in rule.hosts for group in host[2]}
    export = {"version": VERSION, "date": DATE, "groups": [{"uuid": uuid("group", group), "name": group} for group in sorted(groups)],
              "templates": [template.export() for template in templates]}
    triggers = [trigger.export() for template in templates for trigger in template.triggers]
    if triggers:
        export["triggers"] = triggers
    graphs = [export_graph(template, graph, (template.name,)) for template in templates for graph in template.graphs]
    if graphs:
        export["graphs"] = graphs
    return "\n".join(yaml({"zabbix_export": export}, 0)) + "\n"


def yaml(value, depth):
    indent = "  " * depth
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield "%s%s:" % (indent, key)
            yield from yaml(inner, depth + 1)
        elif isinstance(inner, list):
            yield "%s%s:" % (indent, key)
            for element in inner:
                yield from listed(element, depth + 1)
        else:
            yield from scalar("%s%s: " % (indent, key), inner, depth + 1)


def listed(element, depth):
    indent = "  " * depth
    if isinstance(element, dict):
        first, *others = yaml(element, depth + 1)
        yield indent + "- " + first.lstrip()
        yield from others
    else:
        yield from scalar(indent + "- ", element, depth + 1)


def scalar(start, text, depth):
    assert isinstance(text, str), (start, text)
    if "\n" in text:
        yield start + "|-"
        for line in text.split("\n"):
            yield "  " * depth + line if line else ""
    else:
        yield start + "'%s'" % text.replace("'", "''")
