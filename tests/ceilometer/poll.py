"""The real agent of Ceilometer, which polls when a test wants it to and says what it would have put on the message bus.

poll.py FOLDER --config-file FILE --polling-namespaces central: polls once for each SIGUSR1, and writes N.json into the folder for
the Nth time (0 for the start): `samples` as they were sent, and `complaints`, which is what was logged as warning or error. Then it
prints the file's name. The configuration has `telemetry_driver = test`, which keeps notifications in memory.
"""
import itertools
import json
import logging
import pathlib
import signal
import sys

from ceilometer.cmd import polling
from ceilometer.polling import manager
from oslo_messaging.notify import _impl_test as bus


class Complaints(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        text = record.getMessage()
        if record.exc_info:
            text += ": %s: %s" % (record.exc_info[0].__name__, record.exc_info[1])
        self.lines.append(text)

    def take(self):
        lines, self.lines = self.lines, []
        return lines


def main():
    folder = pathlib.Path(sys.argv.pop(1))

    def say(number, **what):
        name = "%d.json" % number
        (folder / name).write_text(json.dumps(what), encoding="utf-8")
        print(name, flush=True)

    # Before there is a thread, so that none of them takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    conf = polling._prepare_config()
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    # As ceilometer-polling's own service starts it, but for the clock.
    agent = manager.AgentManager(0, conf, namespaces=conf.polling_namespaces)
    agent.polling_manager = manager.PollingManager(conf)
    tasks = list(agent.setup_polling_tasks().values())
    pollsters = sorted(pollster.name for task in tasks for found in task.pollster_matches.values() for pollster in found)
    say(0, pollsters=pollsters, complaints=complaints.take())
    for number in itertools.count(1):
        signal.sigwait({signal.SIGUSR1})
        bus.reset()
        for task in tasks:
            agent.interval_task(task)
        samples = [sample for _, message, _, _ in bus.NOTIFICATIONS for sample in message["payload"]["samples"]]
        say(number, samples=samples, complaints=complaints.take())


if __name__ == "__main__":
    sys.exit(main())
