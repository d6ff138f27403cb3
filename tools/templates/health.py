"""vPoller health: the proxy, its workers, and their agents for vSphere hosts."""

from common import FACT, HEALTH, STATE
from model import States, Template, chart, charts, javascript, jsonpath, number, step, texts, unchanged

AGENT = States("vPoller agent", failed=(0, "Failed"), connected=(1, "Connected"), connecting=(2, "Connecting"), idle=(3, "Idle"))


def build():
    made = Template(
        HEALTH,
        "vPoller's own state, as proxy and worker tell it. Link it to one host for each vPoller proxy that Zabbix asks. In Zabbix 6.0 the host needs an "
        "interface; 127.0.0.1 will do.",
        macros={
            "{$VPOLLER.NODATA}": ("5m", "After so long without an answer vPoller counts as down."),
            "{$VPOLLER.WORKERS.MIN}": ("1", "So many workers have to be there."),
            "{$VPOLLER.WAITING.MAX}": ("100", "So many waiting requests are worth a warning."),
            "{$VPOLLER.EXPIRED.MAX}": ("0.1", "So many clients a second that gave up are worth a warning."),
        },
        tags=[("class", "software"), ("target", "vpoller")],
    )
    proxy = made.item("Get proxy", "vpoller.status[]", delay="1m", type="TEXT", history="0", component="raw", description="The status document of vpoller-proxy.")

    def of_proxy(name, key, path, component="system", steps=(), **settings):
        return made.item(name, "vpoller.proxy[%s]" % key, of=proxy, component=component, steps=[jsonpath(path, settings.pop("unless", None)), *steps], **settings)

    rate = step("CHANGE_PER_SECOND")
    status = of_proxy("Proxy: status", "status", "$.status", "health", type="CHAR")
    status.trigger(
        "vPoller does not answer", "nodata({},{$VPOLLER.NODATA})=1", "DISASTER", scope="availability",
        description="Nothing that vPoller monitors has values. Is vpoller-proxy running where vPollerProxy in vpoller_module.conf points?")
    version = of_proxy("Proxy: version", "version", "$.version", steps=[unchanged(FACT)], type="CHAR")
    workers = of_proxy("Proxy: workers", "workers", "$.workers[?(@.leaving == 'false')].length()", "health", description="Connections of workers.")
    workers.trigger(
        "vPoller has too few workers", "last({})<{$VPOLLER.WORKERS.MIN}", "HIGH", scope="availability", data="Workers: {ITEM.LASTVALUE1}",
        description="Is vpoller-worker running, and does it reach the proxy's backend?")
    of_proxy("Proxy: requests in work", "pending", "$.pending")
    waiting = of_proxy("Proxy: requests waiting", "waiting", "$.waiting", description="For a worker with room.")
    waiting.trigger("vPoller cannot keep up", "min({},5m)>{$VPOLLER.WAITING.MAX}", "WARNING", scope="performance", data="Waiting: {ITEM.LASTVALUE1}",
                    description="Requests wait for workers: start more of them, or look at how long vSphere takes.")
    requests = of_proxy("Proxy: requests, rate", "requests", "$.counters.received", "performance", [rate], type="FLOAT", units="rps")
    answers = of_proxy("Proxy: answers, rate", "answers", "$.counters.answered", "performance", [rate], type="FLOAT", units="rps")
    expired = of_proxy("Proxy: clients that gave up, rate", "expired", "$.counters.expired.*.sum()", "health", [rate], type="FLOAT", units="rps")
    expired.trigger("vPoller answers too late", "min({},5m)>{$VPOLLER.EXPIRED.MAX}", "WARNING", scope="performance", data="Now: {ITEM.LASTVALUE1}")
    of_proxy("Proxy: errors of its own, rate", "refused", "$.counters.refused.*.sum()", "health", [rate], type="FLOAT", units="rps", unless=("value", "0"))
    of_proxy("Proxy: workers lost", "lost", "$.counters.workers_lost", "health", description="Since it started.")
    of_proxy("Proxy: requests saved from a lost worker", "redispatched", "$.counters.redispatched", "health", description="Since it started.")

    served = of_proxy("Proxy: vSphere hosts served", "served", "$.serving", "health", [javascript("return Object.keys(JSON.parse(value)).length;")],
                      description="vSphere hosts that a worker serves.")
    worker_rule(made, proxy)
    agent_rule(made, proxy)

    made.graph("vPoller: requests", (requests.key, "3333FF", "GRADIENT_LINE"), (answers.key, "00AA00"), (expired.key, "CC0000"), low=0)
    made.graph("vPoller: waiting", (waiting.key, "CC6600", "GRADIENT_LINE"), low=0)
    made.dashboard(
        "vPoller",
        [number(status, "Proxy"), number(workers, "Workers"), number(waiting, "Waiting"), number(served, "vSphere hosts"),
         number(requests, "Requests")],
        [chart("vPoller: requests"), chart("vPoller: waiting")],
        [charts("[{#VSPHERE}] Requests by {#WORKER}", width=16), texts(version, "Version", width=8)],
    )
    return made


# A worker that is started again goes by the name it had, so its items go on.
ONE_ROW_EACH = (
    "var seen = {}, rows = [];",
    "function add(row) { var key = JSON.stringify(row); if (!seen.hasOwnProperty(key)) { seen[key] = true; rows.push(row); } }",
    "JSON.parse(value).workers.forEach(function (worker) { if (!worker.leaving && worker.name) { %s } });",
    "return JSON.stringify(rows);",
)


def discovery(what):
    return [javascript(*[line.replace("%s", what) for line in ONE_ROW_EACH]), unchanged(STATE)]


def worker_rule(made, proxy):
    rule = made.rule("Worker discovery", "vpoller.worker.discovery", of=proxy, steps=discovery("add({worker: worker.name});"),
                     macros={"{#WORKER}": "$.worker"}, description="The worker processes that are connected to the proxy.")
    worker = rule.item("[{#WORKER}] Get worker", 'vpoller.status["","@worker:{#WORKER}"]', delay="1m", type="TEXT", history="0", component="raw",
                       tags=[("worker", "{#WORKER}")], description="The status document of this worker.")

    def item(name, key, path, component="system", steps=(), **settings):
        return rule.item("[{#WORKER}] " + name, "vpoller.worker[%s,{#WORKER}]" % key, of=worker, component=component, tags=[("worker", "{#WORKER}")],
                         steps=[jsonpath(path), *steps], **settings)

    item("Version", "version", "$.version", steps=[unchanged(FACT)], type="CHAR")
    item("vSphere hosts", "agents", "$.agents.length()", "health", description="That it can serve.")
    item("vSphere hosts connected", "connected", "$.agents[?(@.connected == 'true')].length()", "health",
         description="The proxy has each vSphere host served by two workers; to the others it stays idle.")


def agent_rule(made, proxy):
    rule = made.rule(
        "vSphere host discovery", "vpoller.agent.discovery", of=proxy,
        steps=discovery("worker.hosts.forEach(function (host) { add({worker: worker.name, host: host}); });"),
        macros={"{#VSPHERE}": "$.host", "{#WORKER}": "$.worker"}, description="The vSphere hosts that each worker can serve.")
    tags = [("vsphere", "{#VSPHERE}"), ("worker", "{#WORKER}")]
    status = rule.item("[{#VSPHERE}] Get agent of {#WORKER}", 'vpoller.status["agents.{#VSPHERE}","@worker:{#WORKER}"]', delay="1m", type="TEXT",
                       history="0", component="raw", tags=tags, description="What this worker says of this vSphere host.")

    def agent(name, key, component, steps=(), **settings):
        return rule.item("[{#VSPHERE}] %s at {#WORKER}" % name, "vpoller.agent[%s,{#VSPHERE},{#WORKER}]" % key, of=status, component=component, tags=tags,
                         steps=[jsonpath("$.%s" % key), *steps], **settings)

    state = agent("State", "state", "health", [AGENT.step()], states=AGENT)
    state.trigger("[{#VSPHERE}] {#WORKER} cannot reach the vSphere host", "max({},3m)=0", "HIGH", scope="availability",
                  description="The worker's log and its status say why: address, certificate, account.")
    rate = step("CHANGE_PER_SECOND")
    asked = agent("Requests, rate", "requests", "performance", [rate], type="FLOAT", units="rps")
    failed = agent("Failed requests, rate", "failures", "health", [rate], type="FLOAT", units="rps")
    agent("Requests that took too long", "timeouts", "health", description="Since the worker started.")
    agent("Requests refused", "refused", "health", description="Since the worker started: more than it takes on at once.")
    rule.graph("[{#VSPHERE}] Requests by {#WORKER}", (asked.key, "00AA00", "GRADIENT_LINE"), (failed.key, "CC0000"), low=0)
