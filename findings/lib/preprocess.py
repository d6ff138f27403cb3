#!/usr/bin/env python3
"""Shows what a real Zabbix proxy makes of values with preprocessing steps.

    preprocess.py FOLDER < cases

FOLDER is an unpacked zabbix-proxy-sqlite3 package. A case is a line of JSON:
[value type, [[step, parameters], ...], [value, ...]], for example
["text", [["jsonpath", "$.a"]], ["{\"a\":1}"]]. For each case one line of JSON
is printed: the values that the proxy would send to its server, in order, an
error as {"error": text}. The proxy runs without a server and listens on
loopback. Values of a case get times a second apart. Ends with 3 when the
proxy cannot be started.
"""

import gzip
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

VALUE_TYPES = {"float": 0, "character": 1, "unsigned": 3, "text": 4}
STEPS = {
    "multiplier": 1, "xpath": 11, "jsonpath": 12, "error in json": 16, "discard unchanged": 19,
    "prometheus pattern": 22, "csv to json": 24, "xml to json": 27,
}
TRAPPER_ITEM = 2
STATE_NOT_SUPPORTED = 1
FLAG_NO_VALUE = 2


def seed(folder, database, cases):
    """Makes a proxy's database with one host and a trapper item a case."""
    schema = os.path.join(folder, "usr/share/zabbix-proxy-sqlite3/schema.sql.gz")
    db = sqlite3.connect(database)
    with gzip.open(schema, "rt") as text:
        db.executescript("pragma synchronous=off; pragma journal_mode=memory;" + text.read())
    db.execute("insert into hosts (hostid, host, name, status) values (1, 'host', 'host', 0)")
    step_id = 0
    for item, (value_type, steps, _) in enumerate(cases, 1):
        db.execute(
            "insert into items (itemid, type, hostid, name, key_, delay, value_type, status, flags)"
            " values (?, ?, 1, ?, ?, '0', ?, 0, 0)",
            (item, TRAPPER_ITEM, f"item{item}", f"item{item}", VALUE_TYPES[value_type]),
        )
        db.execute("insert into item_rtdata (itemid) values (?)", (item,))
        for number, (step, parameters) in enumerate(steps, 1):
            step_id += 1
            db.execute(
                "insert into item_preproc (item_preprocid, itemid, step, type, params, error_handler)"
                " values (?, ?, ?, ?, ?, 0)",
                (step_id, item, number, STEPS[step], parameters),
            )
    db.commit()
    db.close()


def free_port():
    """A port that Zabbix takes: it refuses those above 32767."""
    for port in range(21000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(3)


def send(port, data):
    """Sends values as an active agent would, and gives the answer."""
    body = json.dumps({"request": "sender data", "data": data}).encode()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"ZBXD\x01" + struct.pack("<Q", len(body)) + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return json.loads(answer[13:])


def accepts(port, process):
    """Waits until the proxy takes values for its first item."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if send(port, []).get("response") == "success":
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.2)
    return False


def stored(database):
    """All values that wait for the server, by item."""
    rows = sqlite3.connect(database).execute("select itemid, value, state, flags from proxy_history order by id")
    found = {}
    for item, value, state, flags in rows:
        if state == STATE_NOT_SUPPORTED:
            found.setdefault(item, []).append({"error": value})
        elif not flags & FLAG_NO_VALUE:
            found.setdefault(item, []).append(value)
    return found


def main():
    folder = sys.argv[1]
    cases = [json.loads(line) for line in sys.stdin if line.strip()]
    with tempfile.TemporaryDirectory() as work:
        database = os.path.join(work, "proxy.db")
        seed(folder, database, cases)
        port = free_port()
        settings = {
            "ProxyMode": 0, "Server": "127.0.0.1:1", "Hostname": "proxy", "LogType": "file",
            "LogFile": f"{work}/log", "PidFile": f"{work}/pid", "SocketDir": work, "DBName": database,
            "ListenIP": "127.0.0.1", "ListenPort": port, "StartTrappers": 1, "StartPollers": 1,
            "StartPollersUnreachable": 1, "StartPreprocessors": 1, "StartPingers": 0, "StartDiscoverers": 0,
            "StartHTTPPollers": 0, "Timeout": 4, "AllowRoot": 1,
        }
        with open(f"{work}/conf", "w") as conf:
            conf.writelines(f"{key}={value}\n" for key, value in settings.items())
        command = [os.path.join(folder, "usr/sbin/zabbix_proxy"), "-c", f"{work}/conf", "-f"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            if not accepts(port, process):
                sys.exit(3)
            begin = int(time.time()) - 1000
            for turn in range(max(len(values) for _, _, values in cases)):
                data = [
                    {"host": "host", "key": f"item{item}", "value": values[turn], "clock": begin + turn, "ns": 0}
                    for item, (_, _, values) in enumerate(cases, 1)
                    if turn < len(values)
                ]
                # The first values may come before the proxy has read its items.
                for _ in range(50):
                    if "failed: 0" in send(port, data).get("info", ""):
                        break
                    time.sleep(0.2)
                else:
                    sys.exit(3)
            # The proxy writes what it keeps within a second, and the rest at its end.
            time.sleep(2)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        found = stored(database)
        for item in range(1, len(cases) + 1):
            print(json.dumps(found.get(item, []), ensure_ascii=False))


if __name__ == "__main__":
    main()
