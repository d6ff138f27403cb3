#!/usr/bin/env bash
# A form that a Zabbix script posts is sent as text/plain, an empty GET as form.
#
# Software: zabbix_js of Zabbix 6.0.14 and 7.0.9 (Debian), HttpRequest.
# Guess: post("a=1&b=2") is sent as application/x-www-form-urlencoded, the
#   default of the library beneath (libcurl), and a GET has no content type.
# Behaviour: without a header of one's own the type is taken from the body:
#   application/json where it parses as JSON, else text/plain, so servers see
#   no form fields. With no body at all, GET too, the form type is sent.
# Seen (both series): post("a=1&b=2") -> text/plain; post('{"a":1}') ->
#   application/json; get() -> application/x-www-form-urlencoded.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
cat >"$work/server.py" <<'END'
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = (self.headers.get("Content-Type") or "none").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
END
timeout 180 python3 "$work/server.py" >"$work/port" &
background+=($!)
for _ in {1..100}; do
    [ -s "$work/port" ] && break
    sleep 0.1
done
port=$(cat "$work/port")
[ -n "$port" ] || no_setup "the test server did not start"
for series in 6.0 7.0; do
    url="http://127.0.0.1:$port/"
    expect "$series, a form" text/plain "$(script "$series" "return new HttpRequest().post('$url', 'a=1&b=2');")"
    expect "$series, JSON" application/json "$(script "$series" "return new HttpRequest().post('$url', '{\"a\":1}');")"
    expect "$series, a GET" application/x-www-form-urlencoded "$(script "$series" "return new HttpRequest().get('$url');")"
done
still "HttpRequest.post of a form is sent as text/plain, a GET without body as form (Zabbix 6.0.14, 7.0.9)"
