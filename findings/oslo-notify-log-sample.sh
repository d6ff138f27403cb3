#!/usr/bin/env bash
# The log driver of oslo.messaging drops notifications of the priority SAMPLE.
#
# Software: oslo.messaging 18.3.1.
# Guess: `driver=log` writes every notification to the log. So
#   `telemetry_driver = log` shows what Ceilometer's polling agent sends.
# Behaviour: the driver calls the logger's method that is named after the
#   priority. Python's loggers have info, warn, error and others, but none for
#   Notifier.sample(), which is what telemetry is sent with: the notification is
#   dropped with a Python warning, which programs that show none keep to
#   themselves.
# Seen: after info() and sample() of one notifier one line in the log, "one".
. "$(dirname "$0")/lib/common.sh"

python_packages oslo.messaging==18.3.1
cat >"$work/notify.py" <<'END'
import json
import logging

import oslo_messaging
from oslo_config import cfg


class Lines(logging.Handler):
    def emit(self, record):
        print(json.loads(record.getMessage())["payload"])


log = logging.getLogger("oslo.messaging.notification")
log.addHandler(Lines())
log.setLevel(logging.DEBUG)
conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_notification_transport(conf, url="fake://")
notifier = oslo_messaging.Notifier(transport, driver="log", publisher_id="here", topics=["there"])
notifier.info({}, "event", "one")
notifier.sample({}, "event", "two")
END
seen=$(timeout 60 "$work/venv/bin/python" -W ignore "$work/notify.py" 2>"$work/log") ||
    no_setup "the notifier could not be tried: $(tail -n 1 "$work/log")"
expect "the notifications in the log" one "$seen"
still "info() is logged, sample() is not (oslo.messaging 18.3.1)"
