"""VMware vSphere VM processes by vPoller."""

from common import HOST_MACRO, IDENTIFIED, NAME_MACRO, PROCESSES
from model import SECRET, Template, chart, charts, javascript, jsonpath, number, unchanged


def build():
    made = Template(
        PROCESSES,
        "Processes in the guest of a virtual machine, seen through VMware Tools: no agent in the guest, no network to it. Link it to a host "
        "that has the Virtual Machine template, and set the account and the list of processes there.",
        macros={
            "{$VSPHERE.HOST}": HOST_MACRO,
            "{$VSPHERE.NAME}": NAME_MACRO,
            "{$GUEST.USER}": ("", "Account in the guest that may list processes and nothing else."),
            "{$GUEST.PASSWORD}": ("", "Its password.", SECRET),
            "{$GUEST.PROCESSES}": ("", "Processes that have to run, separated by commas: parts of their command lines, e.g. /usr/sbin/apache2,sshd. The last one must not end in a backslash."),
            "{$GUEST.PROCESSES.MAX}": ("1000", "So many processes in all are worth a warning."),
        },
        tags=[("class", "software"), ("target", "vmware"), ("target", "vmware-vm")],
    )
    everything = made.item(
        "Get guest processes", 'vpoller.json["vm.process.get","{$VSPHERE.HOST}","{$VSPHERE.NAME}","cmdLine","","{$GUEST.USER}","{$GUEST.PASSWORD}"]',
        delay="5m", type="TEXT", history="0", component="raw", description="The command lines of all processes, in one guest operation.")
    total = made.item("Number of processes", "vpoller.process[total]", of=everything, component="system", steps=[jsonpath("$.length()")])
    total.trigger("Too many processes in the guest", "min({},10m)>{$GUEST.PROCESSES.MAX}", "WARNING", scope="capacity", data="Now: {ITEM.LASTVALUE1}")
    # The list is no part of a script, where backslashes and quotes would mean something else.
    listed = made.item("Get list of watched processes", 'vpoller.echo["{$GUEST.PROCESSES}"]', delay="5m", type="TEXT", history="0", component="raw",
                       description="What the macro says; asks nobody.")
    rule = made.rule(
        "Watched process discovery", "vpoller.process.discovery", of=listed, lifetime="1d", description="The processes listed in {$GUEST.PROCESSES}.",
        macros={"{#PROCESS.ID}": "$.id", "{#PROCESS.CODE}": "$.code", "{#PROCESS.NAME}": "$.name"},
        steps=[javascript(
            *IDENTIFIED,
            "return JSON.stringify(value.split(',').map(function (name) { return name.trim(); }).filter(Boolean).map(function (name) {",
            "  return {id: id(name), code: encodeURIComponent(name).replace(/'/g, '%27'), name: name};",
            "}));"), unchanged("1h")])
    count = rule.item(
        "[{#PROCESS.NAME}] Number of processes", "vpoller.process[count,{#PROCESS.ID}]", of=everything, component="system",
        tags=[("process", "{#PROCESS.NAME}")],
        steps=[javascript(
            "var name = decodeURIComponent('{#PROCESS.CODE}');",
            "return JSON.parse(value).filter(function (one) { return (one.cmdLine || '').indexOf(name) >= 0; }).length;")])
    count.trigger("[{#PROCESS.NAME}] Process does not run", "last({})=0", "HIGH", scope="availability")
    rule.graph("[{#PROCESS.NAME}] Processes", (count.key, "3333FF", "GRADIENT_LINE"), low=0)
    made.graph("Guest: processes", (total.key, "3333FF", "GRADIENT_LINE"), low=0)
    made.dashboard("Guest processes", [number(total, "Processes", width=4), chart("Guest: processes", width=20)], [charts("[{#PROCESS.NAME}] Processes")])
    return made
