#!/usr/bin/env bash
# tools/bench.sh RELEASE_DIR: what `make bench` measures (run it inside tools/netns-run: it uses the documents' ports).
#
# `vm.get` through proxy and worker, against simulated vCenters of two sizes, with 1 and 16 clients; beside it, in the same run
# and through the same proxy, a worker that gives requests back unread (the raw hop). Counts the calls that vCenter saw.
# Writes target/bench/latest.json and latest.md.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(readlink -f "$1")
target=${CARGO_TARGET_DIR:-target}
out=$target/bench
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

wait_for() { # wait_for SECONDS COMMAND...: until the command succeeds
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $limit ] || { echo "bench: gave up waiting for: $*" >&2; tail -n 5 "$work"/*.log >&2; exit 1; }
        read -rt 0.05 <> <(:) || :
    done
}

measure() { # measure VMS CLIENTS COUNT
    local before after calls
    before=$(calls)
    "$bin/vpoller-bench" --json -n "$2" -c "$3" -w 200 --echo tcp://localhost:10124 -r \
        '{"method": "vm.get", "hostname": "vc01.example.org", "name": "vm-000{10-49}", "properties": ["runtime.powerState"], "helper": "vpoller.helpers.czabbix"}' \
        >"$work/one.json"
    after=$(calls)
    calls=$((after - before))
    jq -c --argjson vms "$1" --argjson calls "$calls" --argjson sent $(($3 + 200)) \
        '. + {vms: $vms, vcenter_calls: $calls, vcenter_calls_per_check: ($calls / $sent)}' "$work/one.json" >>"$work/all.json"
}

calls() { curl -sk https://vc01.example.org/calls | jq .total; }

cat >/etc/vpoller/vpoller.conf <<'TXT'
[worker]
proxy = tcp://localhost:10124
TXT
"$bin/vconnector-cli" init 2>/dev/null
printf 'p4ssw0rd\n' | "$bin/vconnector-cli" -H vc01.example.org -U root --pwd-stdin add 2>/dev/null
"$bin/vconnector-cli" -H vc01.example.org enable 2>/dev/null
"$bin/vpoller-proxy" start 2>"$work/proxy.log" &
for vms in ${VPOLLER_BENCH_VMS:-50 1000}; do
    "$target/vcsim/vcsim-packaged" -l 127.0.0.2:443 -vm "$vms" >"$work/vcsim.log" 2>&1 &
    simulator=$!
    wait_for 120 curl -skf https://vc01.example.org/calls
    "$bin/vconnector-cli" -H vc01.example.org trust --yes >/dev/null 2>&1
    "$bin/vpoller-worker" start 2>"$work/worker.log" &
    worker=$!
    wait_for 30 "$bin/vpoller-client" --exit-code -r 1 -t 2000 -m vm.get -V vc01.example.org -n vm-00001
    measure "$vms" 1 "${VPOLLER_BENCH_COUNT:-2000}"
    measure "$vms" 16 "${VPOLLER_BENCH_COUNT:-2000}"
    kill -INT $worker && wait $worker
    kill $simulator && wait $simulator || :
done

{
    echo "| VMs | clients | checks/s | p50 ms | p99 ms | echo/s | echo p50 ms | echo p99 ms | vCenter calls per check |"
    echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    jq -r 'def ms: . / 1000;
        [.vms, .clients, .requests.per_second, (.requests.latency_us.p50 | ms), (.requests.latency_us.p99 | ms),
            .echo.per_second, (.echo.latency_us.p50 | ms), (.echo.latency_us.p99 | ms), .vcenter_calls_per_check]
        | map(if type == "number" then (. * 1000 | round) / 1000 else . end) | "| " + (map(tostring) | join(" | ")) + " |"' "$work/all.json"
} | tee "$out/latest.md"
jq -s . "$work/all.json" >"$out/latest.json"
