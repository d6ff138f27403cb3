#!/usr/bin/env bash
# Installs what building and testing vPoller need, asks nothing, and does nothing that is done already (`make setup`).
# This is the one place that names those things. Debian 12 is the reference; on other systems it installs what they have
# under the same names and says what is missing.
#
# tools/setup.sh [build]: with `build`, only what `make build` needs.
set -euo pipefail
cd "$(dirname "$0")/.."

MIN_RUST=1.89
ZABBIX_SERIES=(6.0 7.0)
ZABBIX=$PWD/target/zabbix
PROMETHEUS=$PWD/target/prometheus

# C++ for libzmq, libsodium for CURVE.
BUILD_PACKAGES=(build-essential libsodium-dev ca-certificates)
# The simulated vCenter is Go on Debian's govmomi; a C host and valgrind check the module; python3-zmq and ruby-ffi-rzmq are foreign peers;
# unshare and ip make machines of our own; systemd's tools, supervisor and logrotate judge the services; the rest is for shell tests.
TEST_PACKAGES=(
    golang-go golang-github-vmware-govmomi-dev
    valgrind python3 python3-zmq sqlite3 openssl jq curl iproute2 util-linux procps git
    systemd supervisor logrotate shellcheck strace ruby-ffi-rzmq
)
RUST_PACKAGES=(rustc-web cargo-web rustfmt-web rust-web-clippy)

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: warning: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

. /etc/os-release 2>/dev/null || true
REFERENCE=no
if [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ]; then REFERENCE=yes; fi

# On the reference system everything must be there; elsewhere a gap is reported, and what needs it says so when it runs.
gap() { if [ "$REFERENCE" = yes ]; then fail "$*"; else warn "$*"; fi; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@" || fail "'$*' needs root, and sudo would not without a password"
    else
        fail "'$*' needs root: run 'make setup' once as root"
    fi
}

missing_packages() {
    local have
    # dpkg-query fails when it knows one of the names not at all; the others are printed all the same.
    have=$({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } | sed -n 's/ installed$//p')
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$have" | sort -u)
}

LISTS_FRESH=no
refresh_lists() {
    [ "$LISTS_FRESH" = yes ] && return
    say "refreshing apt's package lists"
    as_root apt-get update -qq || fail "apt-get update failed (no network, or no mirror?)"
    LISTS_FRESH=yes
}

install_packages() {
    local missing available=() name
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    refresh_lists
    for name in "${missing[@]}"; do
        if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ] || [ -n "$(apt-cache showpkg "$name" 2>/dev/null | sed -n '/^Reverse Provides/,$p' | sed 1d)" ]; then
            available+=("$name")
        else
            gap "this system has no package $name"
        fi
    done
    [ ${#available[@]} -gt 0 ] || return 0
    say "installing ${available[*]}"
    local log
    log=$(mktemp)
    if ! as_root apt-get install -y -qq --no-install-recommends "${available[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install: ${available[*]} (all of its output: $log)"
    fi
    rm -f "$log"
}

# --- Rust ------------------------------------------------------------------------------------------------------------

rust_is_new_enough() {
    command -v cargo >/dev/null && command -v rustc >/dev/null || return 1
    local have
    have=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$MIN_RUST" "$have" | sort -V | head -n1)" = "$MIN_RUST" ]
}

provide_rust() {
    PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
    rust_is_new_enough && return
    local found
    found=$(command -v cargo || true)
    case $found in
    '' | /usr/bin/cargo) [ "$HAVE_APT" = yes ] && install_packages "${RUST_PACKAGES[@]}" ;;
    *) fail "$found is older than $MIN_RUST: update it, or take it off PATH to use the system's" ;;
    esac
    hash -r
    rust_is_new_enough || fail "Rust >= $MIN_RUST is needed (found: $(rustc --version 2>/dev/null || echo none)); see rust-lang.org for how to get it"
}

# --- Zabbix ----------------------------------------------------------------------------------------------------------
# Agent and proxy of each series, unpacked and not installed: two series side by side, no service, nothing in /etc.

# apt options that make it look at an own source list as well, filled once per run.
BACKPORTS_OPTIONS=()
use_backports() {
    [ ${#BACKPORTS_OPTIONS[@]} -eq 0 ] || return 0
    local state=$ZABBIX/apt mirror key=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" 'Component: main' | head -n1)
    [ -n "$mirror" ] || return 1
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    printf 'deb %s %s %s-backports main\n' "$([ -f $key ] && echo "[signed-by=$key]")" "$mirror" "$VERSION_CODENAME" >"$state/sources.list"
    BACKPORTS_OPTIONS=(-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root)
    say "reading the package list of $VERSION_CODENAME-backports (for this step only)"
    apt-get "${BACKPORTS_OPTIONS[@]}" update -qq
}

# download SERIES PACKAGE: leaves the package of that series in the current folder, from the system's own lists or backports.
download() {
    local series=$1 package=$2 version
    version=$(apt-cache madison "$package" | awk -F'|' '{gsub(/ /,"",$2); print $2}' | grep -m1 "^1:$series\." || true)
    if [ -n "$version" ]; then
        apt-get -o APT::Sandbox::User=root download -qq "$package=$version"
        return
    fi
    use_backports || return 1
    version=$(apt-cache "${BACKPORTS_OPTIONS[@]}" madison "$package" | awk -F'|' '{gsub(/ /,"",$2); print $2}' | grep -m1 "^1:$series\." || true)
    [ -n "$version" ] || return 1
    apt-get "${BACKPORTS_OPTIONS[@]}" download -qq "$package=$version"
}

unpack_zabbix() {
    local series=$1 folder=$2 work deb libraries=()
    work=$(mktemp -d)
    say "downloading Zabbix $series (agent and SQLite proxy) into $folder"
    if ! (cd "$work" && download "$series" zabbix-agent && download "$series" zabbix-proxy-sqlite3); then
        rm -rf "$work"
        mkdir -p "$(dirname "$folder")"
        echo "no package of Zabbix $series was found by make setup" >"$folder.unavailable"
        gap "no package of Zabbix $series is available here: its tests cannot run"
        return 0
    fi
    rm -rf "$folder" "$folder.unavailable"
    mkdir -p "$folder"
    for deb in "$work"/*.deb; do
        dpkg-deb -x "$deb" "$folder"
        # Of what the packages depend on, the libraries are enough: nothing is installed as a service.
        mapfile -t -O "${#libraries[@]}" libraries < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' |
            sed -E 's/^ *//; s/[ (|].*//' | grep -E '^(lib|zlib)')
    done
    rm -rf "$work"
    install_packages "${libraries[@]}"
    local program unresolved
    for program in "$folder/usr/sbin/zabbix_agentd" "$folder/usr/sbin/zabbix_proxy" "$folder/usr/bin/zabbix_get"; do
        [ -x "$program" ] || fail "$program is missing in the packages"
        unresolved=$(ldd "$program" | sed -n 's/^\t\(.*\) => not found$/\1/p')
        [ -z "$unresolved" ] || fail "$program lacks: $unresolved"
    done
    touch "$folder/.complete"
}

provide_zabbix() {
    local series folder
    for series in "${ZABBIX_SERIES[@]}"; do
        folder=$ZABBIX/$series
        [ -e "$folder/.complete" ] && continue
        if [ "$HAVE_APT" = yes ] && { [ "${ID:-}" = debian ] || [ -n "$(apt-cache madison zabbix-agent 2>/dev/null)" ]; }; then
            refresh_lists
            unpack_zabbix "$series" "$folder"
        else
            mkdir -p "$ZABBIX"
            echo "no package manager with Zabbix was found by make setup" >"$folder.unavailable"
            warn "no Zabbix $series on this system: its tests cannot run"
        fi
    done
}

# --- Prometheus ------------------------------------------------------------------------------------------------------
# It judges our metrics. Unpacked and not installed, for the same reasons.

provide_prometheus() {
    [ -e "$PROMETHEUS/.complete" ] && return
    mkdir -p "$PROMETHEUS"
    if [ "$HAVE_APT" = yes ] && refresh_lists && [ -n "$(apt-cache madison prometheus 2>/dev/null)" ]; then
        local work
        work=$(mktemp -d)
        say "downloading Prometheus into $PROMETHEUS"
        if (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq prometheus) && dpkg-deb -x "$work"/prometheus_*.deb "$PROMETHEUS"; then
            rm -f "$PROMETHEUS/unavailable"
            touch "$PROMETHEUS/.complete"
        fi
        rm -rf "$work"
    fi
    [ -e "$PROMETHEUS/.complete" ] && return
    echo "no package of Prometheus was found by make setup" >"$PROMETHEUS/unavailable"
    gap "no package of Prometheus is available here: its test cannot run"
}

# --- all of it -------------------------------------------------------------------------------------------------------

WHAT=${1:-all}
PACKAGES=("${BUILD_PACKAGES[@]}")
[ "$WHAT" = build ] || PACKAGES+=("${TEST_PACKAGES[@]}")
HAVE_APT=no
command -v apt-get >/dev/null && HAVE_APT=yes
if [ "$HAVE_APT" = yes ]; then
    install_packages "${PACKAGES[@]}"
else
    warn "no apt-get here; install the like of these yourself: ${PACKAGES[*]}"
fi
provide_rust
if [ "$WHAT" = build ]; then exit 0; fi
provide_zabbix
provide_prometheus
[ "$REFERENCE" = yes ] || warn "this is not Debian 12, where everything is tested; what is missing shows above"
say "ready ($(rustc --version), Zabbix ${ZABBIX_SERIES[*]} in target/zabbix, Prometheus in target/prometheus)"
