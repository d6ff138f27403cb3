#!/usr/bin/env bash
# Installs what building and testing vPoller need, asks nothing, and does nothing that is done already (`make setup`).
# This is the one place that names those things. Debian 12 and 13 are the reference; on other systems it installs what they have
# under the same names and says what is missing.
#
# tools/setup.sh [build|demo]: only what `make build` or `make demo` needs.
set -euo pipefail
cd "$(dirname "$0")/.."

MIN_RUST=1.89
ZABBIX_SERIES=(6.0 7.0)
ZABBIX=$PWD/target/zabbix
PROMETHEUS=$PWD/target/prometheus
CEILOMETER=$PWD/target/ceilometer
# Unpacked, never installed: these packages refuse each other's company, and nothing of them shall run as a service or stand in /etc.
ZABBIX_PACKAGES=(zabbix-agent zabbix-proxy-sqlite3 zabbix-server-pgsql zabbix-frontend-php)
# Of the second the demonstration runs zabbix_get only, which needs no library that the agent does not need.
ZABBIX_DEMO_PACKAGES=(zabbix-agent zabbix-proxy-sqlite3)

# C++ for libzmq, libsodium for CURVE.
BUILD_PACKAGES=(build-essential libsodium-dev ca-certificates)
# The simulated vCenter is Go on Debian's govmomi; python3-zmq is a foreign peer; unshare and ip make machines of our own.
DEMO_PACKAGES=(golang-go golang-github-vmware-govmomi-dev python3 python3-zmq openssl jq curl iproute2 util-linux procps)
# A C host and valgrind check the module; ruby-ffi-rzmq is another peer; systemd's tools, supervisor and logrotate judge the services,
# groff and two more shells manual pages and completions; PHP, fping and locales are what Zabbix's frontend and server use; Chromium
# looks at the pages, Python's client of Prometheus reads them with its strict parsers; python3-venv makes Ceilometer's folder; the
# rest is for shell tests.
TEST_PACKAGES=(
    valgrind sqlite3 git python3-prometheus-client
    systemd supervisor logrotate shellcheck strace ruby-ffi-rzmq
    groff-base zsh fish
    python3-venv
    php-cli php-pgsql php-bcmath php-gd php-mbstring php-xml fping locales tzdata fonts-dejavu-core chromium chromium-driver
)
RUST_PACKAGES=(rustc-web cargo-web rustfmt-web rust-web-clippy)

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: warning: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

. /etc/os-release 2>/dev/null || true
REFERENCE=no
case ${ID:-}:${VERSION_ID:-} in debian:12 | debian:13) REFERENCE=yes ;; esac

# Series of Zabbix that a reference system does not package.
NOT_PACKAGED=()
[ "${ID:-}:${VERSION_ID:-}" != debian:13 ] || NOT_PACKAGED=(6.0)

# On the reference systems everything must be there; elsewhere a gap is reported, and what needs it says so when it runs.
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
# Agent, proxy, server and frontend of each series side by side, and a PostgreSQL for the servers.

# apt options that make it look at an own source list as well, filled once per run.
BACKPORTS_OPTIONS=()
use_backports() {
    [ ${#BACKPORTS_OPTIONS[@]} -eq 0 ] || return 0
    local state=$ZABBIX/apt mirror key=/usr/share/keyrings/debian-archive-keyring.gpg
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" 'Component: main' | head -n1)
    [ -n "$mirror" ] || return 1
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    printf 'deb %s %s %s-backports main\n' "$([ -f $key ] && echo "[signed-by=$key]")" "$mirror" "$VERSION_CODENAME" >"$state/sources.list"
    BACKPORTS_OPTIONS=(-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root)
    say "reading the package list of $VERSION_CODENAME-backports (for this step only)"
    apt-get "${BACKPORTS_OPTIONS[@]}" update -qq
}

# download SERIES PACKAGE FOLDER: leaves the package of that series in the folder, from the system's own lists or backports.
download() {
    local series=$1 package=$2 folder=$3 version options=(-o APT::Sandbox::User=root)
    version=$(apt-cache madison "$package" | awk -F'|' '{gsub(/ /,"",$2); print $2}' | grep -m1 "^1:$series\." || true)
    if [ -z "$version" ]; then
        use_backports || return 1
        options=("${BACKPORTS_OPTIONS[@]}")
        version=$(apt-cache "${options[@]}" madison "$package" | awk -F'|' '{gsub(/ /,"",$2); print $2}' | grep -m1 "^1:$series\." || true)
        [ -n "$version" ] || return 1
    fi
    (cd "$folder" && apt-get "${options[@]}" download -qq "$package=$version")
}

# unpack FOLDER DEB...: and installs the libraries that the packages depend on, which is all their programs need.
unpack() {
    local folder=$1 deb libraries=()
    shift
    rm -rf "$folder"
    mkdir -p "$folder"
    for deb in "$@"; do
        dpkg-deb -x "$deb" "$folder"
        if [ "$WHAT" = demo ] && [[ $deb != */zabbix-agent_* ]]; then continue; fi
        # LLVM would only compile queries, and is bigger than everything else together.
        mapfile -t -O "${#libraries[@]}" libraries < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' |
            sed -E 's/^ *//; s/[ (|].*//' | grep -E '^(lib|zlib)' | grep -v '^libllvm')
    done
    install_packages "${libraries[@]}"
}

check_programs() {
    local program unresolved
    for program in "$@"; do
        [ -x "$program" ] || fail "$program is missing in the packages"
        unresolved=$(ldd "$program" | sed -n 's/^\t\(.*\) => not found$/\1/p')
        [ -z "$unresolved" ] || fail "$program lacks: $unresolved"
    done
}

# unpack_zabbix SERIES FOLDER PACKAGE...
unpack_zabbix() {
    local series=$1 folder=$2 work package
    shift 2
    work=$(mktemp -d)
    say "downloading Zabbix $series ($*) into $folder"
    for package in "$@"; do
        if ! download "$series" "$package" "$work"; then
            rm -rf "$work"
            mkdir -p "$(dirname "$folder")"
            echo "no package $package of Zabbix $series was found by make setup" >"$folder.unavailable"
            local words="no package $package of Zabbix $series is available here: its tests cannot run"
            if [[ " ${NOT_PACKAGED[*]} " = *" $series "* ]]; then warn "$words"; else gap "$words"; fi
            return 0
        fi
    done
    unpack "$folder" "$work"/*.deb
    rm -rf "$work" "$folder.unavailable"
    check_programs "$folder/usr/sbin/zabbix_agentd" "$folder/usr/bin/zabbix_get"
    if [ "$WHAT" = demo ]; then
        echo "$*" >"$folder/.demo"
        return 0
    fi
    check_programs "$folder"/usr/sbin/zabbix_{proxy,server}
    frontend_settings "$folder/usr/share/zabbix"
    echo "$*" >"$folder/.complete"
}

# The frontend as packaged knows one settings file in /etc; ours lies beside it and asks the environment, so that many run at a time.
frontend_settings() {
    local pages=$1 source=$1/include/classes/core/CConfigFile.php
    sed -i "s|'/etc/zabbix/zabbix.conf.php'|__DIR__.'/../../../conf/zabbix.conf.php'|" "$source"
    grep -q '__DIR__' "$source" || fail "$source names its settings file in a way that is new"
    cp crates/testkit/src/zabbix/frontend.conf.php "$pages/conf/zabbix.conf.php"
    # The packages link to the font of the system by a relative path.
    ln -sfn /usr/share/fonts "$pages/../fonts"
}

provide_zabbix() {
    local series folder packages=("${ZABBIX_PACKAGES[@]}")
    [ "$WHAT" != demo ] || packages=("${ZABBIX_DEMO_PACKAGES[@]}")
    for series in "${ZABBIX_SERIES[@]}"; do
        folder=$ZABBIX/$series
        grep -qsx "${ZABBIX_PACKAGES[*]}" "$folder/.complete" && continue
        if [ "$WHAT" = demo ] && grep -qsx "${packages[*]}" "$folder/.demo"; then continue; fi
        if [ "$HAVE_APT" = yes ] && { [ "${ID:-}" = debian ] || [ -n "$(apt-cache madison zabbix-agent 2>/dev/null)" ]; }; then
            refresh_lists
            unpack_zabbix "$series" "$folder" "${packages[@]}"
        else
            mkdir -p "$ZABBIX"
            echo "no package manager with Zabbix was found by make setup" >"$folder.unavailable"
            warn "no Zabbix $series on this system: its tests cannot run"
        fi
    done
}

# A PostgreSQL without a cluster of its own, for the servers of the tests.
provide_postgresql() {
    local folder=$ZABBIX/postgresql work release programs
    [ -e "$folder/.complete" ] && return
    [ "$HAVE_APT" = yes ] || { warn "no PostgreSQL on this system: tests with a Zabbix server cannot run"; return; }
    refresh_lists
    release=$(apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p')
    [ -n "$release" ] || { gap "this system has no package postgresql"; return; }
    work=$(mktemp -d)
    say "downloading PostgreSQL $release into $folder"
    (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "postgresql-$release" "postgresql-client-$release") ||
        fail "PostgreSQL $release could not be downloaded"
    unpack "$folder" "$work"/*.deb
    rm -rf "$work"
    programs=$folder/usr/lib/postgresql/$release
    check_programs "$programs"/bin/{postgres,initdb,psql}
    # What only serves to compile queries, and what is for people.
    rm -rf "$programs"/lib/{bitcode,llvmjit*} "$folder"/usr/share/{doc,locale,lintian,man} "${folder:?}/etc"
    ln -sfn "usr/lib/postgresql/$release/bin" "$folder/bin"
    touch "$folder/.complete"
}

# Zabbix's pages say so in red on every page when the system lacks this locale.
provide_locale() {
    local folder=$ZABBIX/locale
    [ -e "$folder/en_US.UTF-8" ] && return
    command -v localedef >/dev/null || { gap "localedef is missing"; return; }
    mkdir -p "$folder"
    localedef -i en_US -f UTF-8 "$folder/en_US.UTF-8" || gap "the locale en_US.UTF-8 could not be made"
}

# --- Prometheus ------------------------------------------------------------------------------------------------------
# It judges our metrics. Unpacked and not installed, for the same reasons.

provide_prometheus() {
    [ -e "$PROMETHEUS/.complete" ] && return
    mkdir -p "$PROMETHEUS"
    if [ "$HAVE_APT" = yes ] && refresh_lists && [ -n "$(apt-cache madison prometheus 2>/dev/null)" ]; then
        local work package packages=(prometheus)
        # A package of its own since Debian 13.
        [ -z "$(apt-cache madison promtool 2>/dev/null)" ] || packages+=(promtool)
        work=$(mktemp -d)
        say "downloading Prometheus into $PROMETHEUS"
        if (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "${packages[@]}"); then
            for package in "$work"/*.deb; do dpkg-deb -x "$package" "$PROMETHEUS"; done
            check_programs "$PROMETHEUS"/usr/bin/{prometheus,promtool}
            rm -f "$PROMETHEUS/unavailable"
            touch "$PROMETHEUS/.complete"
        fi
        rm -rf "$work"
    fi
    [ -e "$PROMETHEUS/.complete" ] && return
    echo "no package of Prometheus was found by make setup" >"$PROMETHEUS/unavailable"
    gap "no package of Prometheus is available here: its test cannot run"
}

# --- Ceilometer ------------------------------------------------------------------------------------------------------
# It polls our exporter. Debian 12's has no page for Prometheus yet, so PyPI's lies in a folder of its own.

provide_ceilometer() {
    local list=tools/ceilometer-requirements.txt python=/usr/bin/python3 log
    # The packages belong to one Python.
    [ -x "$python" ] || python=$(command -v python3 || echo python3)
    "$CEILOMETER/bin/python3" --version 2>/dev/null | cat - "$list" | cmp -s - "$CEILOMETER/.complete" && return
    rm -rf "$CEILOMETER"
    mkdir -p "$CEILOMETER"
    log=$(mktemp)
    say "downloading Ceilometer into $CEILOMETER"
    # What the system trusts, the authority of a proxy on the way out included.
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export PIP_CERT=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
    if "$python" -m venv "$CEILOMETER" >"$log" 2>&1 &&
        "$CEILOMETER/bin/python3" -m pip install --quiet --no-deps --disable-pip-version-check --requirement "$list" >>"$log" 2>&1 &&
        "$CEILOMETER/bin/python3" "$CEILOMETER/bin/ceilometer-polling" --version >>"$log" 2>&1; then
        "$CEILOMETER/bin/python3" --version | cat - "$list" >"$CEILOMETER/.complete"
        rm -f "$log"
        return
    fi
    tail -n 5 "$log" >&2
    echo "Ceilometer could not be had from PyPI by make setup" >"$CEILOMETER/unavailable"
    gap "Ceilometer could not be installed into $CEILOMETER (all of the output: $log): its test cannot run"
}

# --- all of it -------------------------------------------------------------------------------------------------------

WHAT=${1:-all}
PACKAGES=("${BUILD_PACKAGES[@]}")
case $WHAT in
build) ;;
demo) PACKAGES+=("${DEMO_PACKAGES[@]}") ;;
all) PACKAGES+=("${DEMO_PACKAGES[@]}" "${TEST_PACKAGES[@]}") ;;
*) fail "usage: tools/setup.sh [build|demo]" ;;
esac
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
[ "$REFERENCE" = yes ] || warn "this is neither Debian 12 nor 13, where everything is tested; what is missing shows above"
if [ "$WHAT" = demo ]; then exit 0; fi
tools/commit-msg --install
provide_postgresql
provide_locale
provide_prometheus
provide_ceilometer
ready=()
for series in "${ZABBIX_SERIES[@]}"; do [ ! -e "$ZABBIX/$series/.complete" ] || ready+=("$series"); done
say "ready ($(rustc --version), Zabbix ${ready[*]} in target/zabbix, Prometheus in target/prometheus, Ceilometer in target/ceilometer)"
