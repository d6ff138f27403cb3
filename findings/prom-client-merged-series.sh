#!/usr/bin/env bash
# prom-client keeps one value for two series whose label values hold ",name:".
#
# Software: prom-client 15.1.3 (npm), Node.js.
# Guess: two sets of label values that differ are two series.
# Behaviour: series are told apart by one text of all names and values, joined
#   with ":" and "," without escapes. {l: "a,m:b", m: "c"} and {l: "a",
#   m: "b,m:c"} give the same text, so a gauge has the second value only, and
#   a counter the sum of both under the first's labels. Distinguished names,
#   paths and addresses hold such characters.
# Seen: g{l="a",m="b,m:c"} 5 after set(..., 1) and set(..., 5);
#   c{l="a,m:b",m="c"} 2 after one inc() under each.
. "$(dirname "$0")/lib/common.sh"

npm_packages prom-client@15.1.3
cat >"$work/page.js" <<'END'
const { Counter, Gauge, Registry } = require("prom-client");

const registers = [new Registry()];
const labelNames = ["l", "m"];
const one = { l: "a,m:b", m: "c" };
const other = { l: "a", m: "b,m:c" };
const gauge = new Gauge({ name: "g", help: "h", labelNames, registers });
gauge.set(one, 1);
gauge.set(other, 5);
const counter = new Counter({ name: "c", help: "h", labelNames, registers });
counter.inc(one);
counter.inc(other);
registers[0].metrics().then((page) => console.log(page.split("\n").filter((line) => /^[gc]{/.test(line)).join(" ")));
END
seen=$(cd "$work" && timeout 60 node page.js)
expect "the samples" 'g{l="a",m="b,m:c"} 5 c{l="a,m:b",m="c"} 2' "$seen"
still "two series with \",\" and \":\" in their labels are kept as one (prom-client 15.1.3)"
