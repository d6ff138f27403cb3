#!/usr/bin/env bash
# Builds the images of contrib/docker and runs them as its compose files say, with a simulated vCenter (`make test-containers`).
#
# tools/test-containers.sh [--programs FOLDER]: with the option the images get the programs of that folder (target/debug) and nothing is
# compiled; without it they are built as a user builds them, by the Dockerfile alone.
#
# No registry of images is asked. The image that the Dockerfile stands on is made of Debian's packages, by debootstrap from the mirror that
# apt uses here, and Podman finds it under the name that it has elsewhere, debian:bookworm-slim. Images, containers and networks are in a
# store of their own, /var/tmp/vpoller-containers; VPOLLER_CONTAINERS names another folder. `rm -r` on it takes all of it away. It needs root,
# the network, a free port 9272 and 10123, 10 GB of disk and, where there are two processors, half an hour.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'test-containers: %s\n' "$*"; }
fail() { printf 'test-containers: error: %s\n' "$*" >&2; exit 1; }

programs=
case ${1:-} in
'') ;;
--programs) programs=$(readlink -f "${2:?--programs needs a folder}") ;;
*) fail "usage: tools/test-containers.sh [--programs FOLDER]" ;;
esac
[ "$(id -u)" = 0 ] || fail "it needs root: run it with sudo"
work=${VPOLLER_CONTAINERS:-/var/tmp/vpoller-containers}
mkdir -p "$work"
# shellcheck source=/dev/null
. /etc/os-release

# --- what it needs -------------------------------------------------------------------------------------------------------------------

packages=(debootstrap podman runc netavark aardvark-dns podman-compose docker-compose curl jq)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
        fail "${missing[*]} cannot be installed: run apt-get update (all of the output: $work/apt.log)"
fi
simulator=$(tests/vcsim/build.sh)

# runc works with every kind of control groups; no more is asked of the limits than this process may have itself.
cat >"$work/containers.conf" <<TXT
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
base_hosts_file = "$work/hosts"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$work/networks"
TXT
cat >"$work/storage.conf" <<TXT
[storage]
driver = "overlay"
graphroot = "$work/storage"
runroot = "$work/run"
TXT
echo '127.0.0.1 localhost' >"$work/hosts"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
# An image of the other format has no health check.
export BUILDAH_FORMAT=docker BUILDAH_ISOLATION=chroot

project=vpoller-test
compose() { podman-compose -p "$project" "$@"; }
# All that is there is this script's: the store, its networks and its volumes are below $work. Where there is nothing, nothing is to be said.
clean() {
    podman rm -f -t 0 -a >/dev/null 2>&1 || true
    podman volume rm -f -a >/dev/null 2>&1 || true
    podman network prune -f >/dev/null 2>&1 || true
}
trap clean EXIT

# --- the image to stand on -----------------------------------------------------------------------------------------------------------

# mirror SUITE: where apt gets that suite.
mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 'Component: main' | head -n1
}

# The marker says that debootstrap has ended.
base=$work/base
if [ ! -e "$base.made" ]; then
    archive=$(mirror "$VERSION_CODENAME")
    security=$(mirror "$VERSION_CODENAME-security")
    [ -n "$archive" ] || fail "apt knows no mirror of $VERSION_CODENAME: run apt-get update"
    say "making Debian 12 in $base from $archive"
    rm -rf "$base"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$base" "$archive" >"$base.log" 2>&1 ||
        fail "debootstrap could not make it (all of its output: $base.log)"
    {
        printf 'deb %s %s main\n' "$archive" bookworm "$archive" bookworm-updates
        [ -z "$security" ] || printf 'deb %s bookworm-security main\n' "$security"
    } >"$base/etc/apt/sources.list"
    # Authorities that this machine trusts besides Debian's, of a proxy on the way out for instance.
    cp -r /usr/local/share/ca-certificates "$base/usr/local/share/"
    chroot "$base" update-ca-certificates >/dev/null 2>&1
    rm -rf "$base"/var/cache/apt/archives/*.deb "$base"/var/lib/apt/lists/*
    touch "$base.made"
fi
clean
podman image exists localhost/debian:bookworm-slim ||
    tar -C "$base" --numeric-owner --create . | podman import - debian:bookworm-slim >/dev/null 2>&1 ||
    fail "Podman cannot make an image of $base"
podman run --rm debian:bookworm-slim true ||
    fail "Podman cannot run a container here: in a container, start that with --privileged"

# --- the images ----------------------------------------------------------------------------------------------------------------------

context=$PWD
dockerfile=contrib/docker/Dockerfile
if [ -n "$programs" ]; then
    # The same file, but that its first stage takes what is there.
    context=$work/programs
    rm -rf "$context"
    mkdir -p "$context/out" "$context/contrib/docker"
    for name in vpoller-exporter vpoller-worker vpoller-proxy vpoller-client vconnector-cli; do
        install -s -t "$context/out" "$programs/$name"
    done
    install -t "$context/contrib/docker" contrib/docker/vpoller-start
    install -m 644 -t "$context/out" "$base/etc/ssl/certs/ca-certificates.crt"
    # shellcheck disable=SC2016
    {
        printf 'ARG BASE=debian:bookworm-slim\nFROM ${BASE} AS build\nCOPY out /out\n'
        sed -n '/ AS runtime$/,$p' "$dockerfile"
    } >"$context/Dockerfile"
    dockerfile=$context/Dockerfile
fi
arguments=()
[ -z "${CARGO_BUILD_JOBS:-}" ] || arguments+=(--build-arg "CARGO_BUILD_JOBS=$CARGO_BUILD_JOBS")
for target in exporter worker proxy; do
    since=$SECONDS
    say "building the image of vpoller-$target"
    podman build "${arguments[@]}" --target "$target" -f "$dockerfile" -t "vpoller-$target:latest" "$context" >"$work/$target.log" 2>&1 || {
        tail -n 20 "$work/$target.log" >&2
        fail "the image of vpoller-$target cannot be built (all of the output: $work/$target.log)"
    }
    say "built in $((SECONDS - since)) s, $(podman image inspect "vpoller-$target" | jq '.[0].Size / 1e6 | round') MB"
done

# --- helpers of the checks -----------------------------------------------------------------------------------------------------------

checks=0
ok() {
    checks=$((checks + 1))
    say "ok: $*"
}

# wait_for WHAT COMMAND...: until the command succeeds.
wait_for() {
    local what=$1 tries=0
    shift
    until "$@" >"$work/last" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { cat "$work/last" >&2; fail "in vain: $what"; }
        sleep 0.2
    done
    ok "$what"
}

# refused TEXT COMMAND...: the command fails and says so.
refused() {
    local text=$1
    shift
    if "$@" >"$work/last" 2>&1; then fail "it succeeds: $*"; fi
    grep -qF -- "$text" "$work/last" || { cat "$work/last" >&2; fail "it does not say '$text': $*"; }
    ok "refused: $text"
}

# quiet COMMAND...: Podman says at every start that no systemd is there to ask for health; here this script asks.
quiet() { "$@" >"$work/quiet" 2>&1 || { cat "$work/quiet" >&2; fail "it fails: $*"; }; }
pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }
healthy() { podman healthcheck run "$1"; }
unhealthy() { ! healthy "$1"; }
page() { curl -sS -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:9272$1" | grep -qx "$2"; }

# shows_the_collectors: the page has the collector's metrics, with its labels.
shows_the_collectors() {
    curl -sS http://127.0.0.1:9272/metrics >"$work/metrics"
    for name in vcenter_vm_disk_write_iops vcenter_vm_disk_write_throughput_mbps vcenter_vm_disk_write_latency_ms vcenter_vm_disk_provisioned_gb; do
        grep -qE "^$name\{vm_name=\"[^\"]+\",vm_moref=\"vm-[0-9]+\",cluster=\"[^\"]*\",host=\"[^\"]*\",datacenter=\"[^\"]+\"\} [0-9.]+$" "$work/metrics" ||
            fail "there is no $name with its labels: $(grep "^$name" "$work/metrics" | head -n 1)"
    done
    for name in last_collection_timestamp_seconds last_collection_duration_seconds last_vm_count cycles_total; do
        grep -qE "^vcenter_collector_$name [0-9.e+]+$" "$work/metrics" || fail "there is no vcenter_collector_$name"
    done
    ok "the collector's metrics of $(grep -c '^vcenter_vm_disk_write_iops{' "$work/metrics") machines are there"
}

# confined CONTAINER PROGRAM: one process, of that program, without rights and secrets.
confined() {
    local name=$1 program=$2 pid
    pid=$(pid_of "$name")
    [ "$(podman top "$name" pid args | tail -n +2 | wc -l)" = 1 ] || { podman top "$name" >&2; fail "$name is more than one process"; }
    [ "$(basename "$(readlink "/proc/$pid/exe")")" = "$program" ] || fail "$name is no $program: $(readlink "/proc/$pid/exe")"
    grep -qP '^Uid:\t10001\t10001\t10001\t10001$' "/proc/$pid/status" || fail "$name runs as $(grep ^Uid "/proc/$pid/status")"
    grep -qP '^CapEff:\t0+$' "/proc/$pid/status" || fail "$name has capabilities: $(grep ^CapEff "/proc/$pid/status")"
    grep -qP '^NoNewPrivs:\t1$' "/proc/$pid/status" || fail "$name may get new rights"
    awk '$5 == "/" { exit !($6 ~ /^ro,/ || $6 == "ro") }' "/proc/$pid/mountinfo" || fail "the root folder of $name may be written"
    if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -F supersecret; then fail "the command line of $name holds the password"; fi
    ok "$name is one process, $program, as user 10001 without capabilities, on a root folder that cannot be written"
}

# frozen CONTAINER: a process that does nothing is not healthy, and is again when it goes on.
frozen() {
    local pid
    pid=$(pid_of "$1")
    kill -STOP "$pid"
    wait_for "$1 is not healthy while it does nothing" unhealthy "$1"
    kill -CONT "$pid"
    wait_for "$1 is healthy again" healthy "$1"
}

# ends CONTAINER SECONDS: SIGTERM ends it in that time, with exit code 0.
ends() {
    local started=$SECONDS code
    quiet podman stop -t 30 "$1"
    code=$(podman inspect --format '{{.State.ExitCode}}' "$1")
    [ "$code" = 0 ] || { podman logs --tail 5 "$1" >&2; fail "$1 ended with exit code $code"; }
    [ $((SECONDS - started)) -le "$2" ] || fail "$1 took $((SECONDS - started)) s to end"
    ok "$1 ends by SIGTERM within $2 s"
}

# vcenter OPTION...: the simulated one, with options of `podman run`; its authority is in the folder ca.
mkdir -p "$work/ca"
vcenter() {
    quiet podman run -d --name vcenter "$@" --read-only -v "$simulator:/vcsim:ro" -v "$work/ca:/ca" debian:bookworm-slim \
        /vcsim -l 0.0.0.0:443 -username svc-readonly@vsphere.local -password supersecret -write-ca /ca/ca.pem
}
names=(--network-alias vcenter.corp.example --network-alias vc01.example.org)

# --- what is in the images -----------------------------------------------------------------------------------------------------------

for target in exporter worker proxy; do
    podman image inspect "vpoller-$target" >"$work/image.json"
    jq -e --arg health "vpoller-$target" \
        '.[0] | .User == "10001:10001" and .Healthcheck.Test == ["CMD", $health, "health"]' "$work/image.json" >/dev/null ||
        fail "the image of vpoller-$target has another user or health check: $(jq -c '.[0] | [.User, .Healthcheck]' "$work/image.json")"
    if jq -r '.[0].Config.Env[]' "$work/image.json" | grep -iE 'password|secret|token'; then fail "there are secrets in the image"; fi
done
ok "every image runs as user 10001 and has its health check"
for file in contrib/docker/compose*.yaml; do
    VCENTER_PASSWORD=supersecret docker-compose -f "$file" config -q || fail "docker-compose does not take $file"
done
ok "docker-compose takes the compose files"
refused 'the password of VCENTER_USER is missing' docker-compose -f contrib/docker/compose.yaml config -q

# --- the exporter, by the compose file -----------------------------------------------------------------------------------------------

quiet podman network create "${project}_back-tier"
vcenter --network "${project}_back-tier" "${names[@]}"
export VCENTER_PASSWORD=supersecret
quiet compose -f contrib/docker/compose.yaml up -d zroc-planner
unset VCENTER_PASSWORD
wait_for "the exporter is healthy" healthy zroc-planner
wait_for "its page /health is 200" page /health 200
confined zroc-planner vpoller-exporter
shows_the_collectors
frozen zroc-planner
ends zroc-planner 5
if podman logs zroc-planner 2>&1 | grep -F supersecret; then fail "the log holds the password"; fi
quiet podman rm zroc-planner

# --- the exporter, by docker run, with a secret; vCenter goes and comes --------------------------------------------------------------

refused 'VCENTER_PASSWORD' podman run --rm -e VCENTER_HOST=vcenter.corp.example vpoller-exporter
printf supersecret >"$work/vcenter_password"
chown 10001 "$work/vcenter_password"
chmod 400 "$work/vcenter_password"
quiet podman run -d --name zroc-planner --network "${project}_back-tier" -p 9272:9272 --read-only --cap-drop all --security-opt no-new-privileges \
    -v "$work/vcenter_password:/run/secrets/vcenter_password:ro" -e VCENTER_HOST=vcenter.corp.example -e VCENTER_USER=svc-readonly@vsphere.local \
    -e VCENTER_PASSWORD_FILE=/run/secrets/vcenter_password -e POLL_INTERVAL=2 -e BATCH_SIZE=100 vpoller-exporter
asks_health() { podman exec zroc-planner vpoller-exporter health /health; }
fails_health() { ! asks_health; }
wait_for "with the password in a file it reads vCenter" asks_health
confined zroc-planner vpoller-exporter
if podman inspect zroc-planner | grep -F supersecret; then fail "the container's settings show the password"; fi
quiet podman rm -f -t 0 vcenter
wait_for "vCenter is away: health /health fails" fails_health
wait_for "its page /health is 503" page /health 503
healthy zroc-planner || fail "the exporter itself is well, and called unhealthy"
vcenter --network "${project}_back-tier" "${names[@]}"
wait_for "vCenter is back: health /health succeeds" asks_health
ends zroc-planner 5

# --- the exporter, with the certificate checked --------------------------------------------------------------------------------------

verified() {
    quiet podman rm -f -t 0 zroc-planner
    quiet podman run -d --name zroc-planner --network "${project}_back-tier" --read-only -e VCENTER_HOST=vc01.example.org -e VCENTER_SSL_VERIFY=true \
        -e VCENTER_USER=svc-readonly@vsphere.local -e VCENTER_PASSWORD=supersecret "$@" vpoller-exporter
}
says() { podman logs zroc-planner 2>&1 | grep -qi "$1"; }
verified
wait_for "an authority that Debian does not know is refused" says certificate
refused ' 503 ' asks_health
verified -v "$work/ca/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro"
wait_for "with the authority's file in its place vCenter is read" asks_health
quiet podman rm -f -t 0 zroc-planner vcenter

# --- the exporter, by the command of the guide ---------------------------------------------------------------------------------------

vcenter
printf '127.0.0.1 localhost\n%s vcenter.corp.example\n' "$(podman inspect --format '{{.NetworkSettings.IPAddress}}' vcenter)" >"$work/hosts"
example=$(sed -n '/^docker run/,/[^\\]$/p' docs/migrate-exporters.md)
docker() { quiet podman "$@"; }
eval "$example"
wait_for "the guide's docker run starts it" page /health 200
shows_the_collectors
quiet podman rm -f -t 0 zroc-planner vcenter
echo '127.0.0.1 localhost' >"$work/hosts"

# --- proxy and worker, by the compose file -------------------------------------------------------------------------------------------

quiet podman network create "${project}_vpoller"
vcenter --network "${project}_vpoller" "${names[@]}"
# service NAME: the container of a service.
service() { podman ps -a --filter "label=com.docker.compose.service=$1" --format '{{.Names}}'; }
start_both() {
    quiet compose -f contrib/docker/compose-worker.yaml up -d
    proxy=$(service proxy) worker=$(service worker)
    wait_for "the proxy is healthy" healthy "$proxy"
    wait_for "the worker is healthy" healthy "$worker"
}
start_both
confined "$proxy" vpoller-proxy
confined "$worker" vpoller-worker
printf 'supersecret\n' | podman exec -i "$worker" vconnector-cli -H vcenter.corp.example -U svc-readonly@vsphere.local --pwd-stdin add ||
    fail "the vSphere host cannot be added"
podman exec "$worker" vconnector-cli -H vcenter.corp.example trust --off || fail "the vSphere host cannot be trusted"
podman exec "$worker" vconnector-cli -H vcenter.corp.example enable || fail "the vSphere host cannot be enabled"
quiet podman kill -s HUP "$worker"
[ "$(podman exec "$worker" stat -c '%u %g %a' /var/lib/vconnector/vconnector.db)" = '10001 10001 600' ] ||
    fail "the database is not the worker's own: $(podman exec "$worker" ls -l /var/lib/vconnector)"
ok "the database in the volume is the worker's own"
# asks CLIENT...: how it asks.
asks() { "$@" -m vm.discover -V vcenter.corp.example -p runtime.powerState | grep -q '"runtime.powerState": "poweredOn"'; }
wait_for "a client in the proxy's container is answered" asks podman exec "$proxy" vpoller-client
wait_for "a client in a container of its own is answered" asks podman run --rm --network "${project}_vpoller" --entrypoint vpoller-client \
    vpoller-proxy -e tcp://proxy:10123
[ -z "$programs" ] || wait_for "a client on this machine is answered" asks "$programs/vpoller-client" -e tcp://127.0.0.1:10123
frozen "$proxy"
frozen "$worker"

connected() { podman exec "$worker" vpoller-worker -e tcp://127.0.0.1:10000 status | jq -e '[.result.agents[].state] == ["connected"]'; }
apart() { ! connected; }
wait_for "the worker is connected to vCenter" connected
quiet podman rm -f -t 0 vcenter
wait_for "vCenter is away: the worker's status says so" apart
healthy "$worker" || fail "the worker itself is well, and called unhealthy"
vcenter --network "${project}_vpoller" "${names[@]}"
wait_for "vCenter is back: the worker is connected again" connected
ends "$worker" 10
ends "$proxy" 5

quiet podman rm "$worker" "$proxy"
start_both
wait_for "new containers have the vSphere hosts of the volume" asks podman exec "$proxy" vpoller-client
ends "$worker" 10
ends "$proxy" 5

# --- the exporter, with a settings file and the worker's database --------------------------------------------------------------------

printf '[exporter]\nhttp = :9272\nmetrics = zroc\n' >"$work/exporter.conf"
quiet podman run -d --name zroc-planner --network "${project}_vpoller" -p 9272:9272 --read-only -v "$work/exporter.conf:/etc/vpoller/vpoller.conf:ro" \
    -v "${project}_vconnector:/var/lib/vconnector" vpoller-exporter
wait_for "with a settings file and a database the exporter reads vCenter" page /health 200
wait_for "its health check reads the file, too" healthy zroc-planner
shows_the_collectors
ends zroc-planner 5

# --- what is wrong is said -----------------------------------------------------------------------------------------------------------

refused 'can neither write nor read /etc/vpoller/vpoller.conf: mount a tmpfs at /etc/vpoller' podman run --rm --read-only vpoller-proxy
mkdir -p "$work/owned-by-root"
refused 'give it the folder that is mounted there (chown 10001)' podman run --rm -v "$work/owned-by-root:/var/lib/vconnector" vpoller-worker
printf '[proxy]\nfrontend = tcp://127.0.0.1:20123\n' >"$work/own.conf"
podman run --rm --read-only -v "$work/own.conf:/etc/vpoller/vpoller.conf:ro" vpoller-proxy vpoller-proxy --check-config 2>"$work/quiet" | grep -q 20123 ||
    fail "a mounted vpoller.conf is not taken"
ok "a mounted vpoller.conf is taken"
say "$checks checks passed"
