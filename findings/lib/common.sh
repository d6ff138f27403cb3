# shellcheck shell=bash
# Sourced by the scripts in the folder above. Gives each of them a temporary
# folder that goes away at the end, three ways to end, and installers that
# take pinned packages from the registries that the machine's clients know.
#
# Ends: 0 the surprise is still there, 1 the behaviour changed, 2 the package
# could not be had or started, which says nothing about the behaviour.

set -euo pipefail

work=$(mktemp -d)
background=()

clean_up() {
    local pid
    for pid in "${background[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

name=$(basename "$0" .sh)

still() {
    printf '%s: still so: %s\n' "$name" "$1"
    exit 0
}

changed() {
    printf '%s: BEHAVIOUR CHANGED: %s\n' "$name" "$1" >&2
    exit 1
}

no_setup() {
    printf '%s: cannot be tried here: %s\n' "$name" "$1" >&2
    exit 2
}

# expect WHAT SEEN NOW: ends the script when NOW differs from what was SEEN.
expect() {
    [ "$2" = "$3" ] || changed "$1: was '$2', is now '$3'"
}

# python_packages NAME==VERSION...: a virtual environment in $work/venv.
python_packages() {
    timeout 60 python3 -m venv "$work/venv" >"$work/log" 2>&1 ||
        no_setup "python3 -m venv: $(tail -n 1 "$work/log")"
    timeout 240 "$work/venv/bin/pip" install -q --disable-pip-version-check "$@" >"$work/log" 2>&1 ||
        no_setup "pip install $*: $(tail -n 1 "$work/log")"
}

# npm_packages NAME@VERSION...: node_modules in $work.
npm_packages() {
    (cd "$work" && timeout 30 npm init -y && timeout 240 npm install --no-audit --no-fund "$@") >"$work/log" 2>&1 ||
        no_setup "npm install $*: $(tail -n 1 "$work/log")"
}

# rust_program 'DEPENDENCY LINE'...: builds $work/program/src/main.rs, which
# the caller has written, and leaves its path in $program.
rust_program() {
    {
        printf '[package]\nname = "program"\nversion = "0.1.0"\nedition = "2021"\n'
        printf '[profile.dev]\ndebug = 0\n[dependencies]\n'
        printf '%s\n' "$@"
    } >"$work/program/Cargo.toml"
    (cd "$work/program" && CARGO_TARGET_DIR="$work/target" CARGO_BUILD_JOBS=1 timeout 540 cargo build -q) >"$work/log" 2>&1 ||
        no_setup "cargo build: $(grep -m 1 '^error' "$work/log" || tail -n 1 "$work/log")"
    # shellcheck disable=SC2034  # read by the caller
    program=$work/target/debug/program
}

# debian_packages FOLDER SUITE PACKAGE=VERSION...: Debian packages, unpacked and
# not installed. The mirror is the machine's own.
debian_packages() {
    local folder=$1 suite=$2 mirror apt=$work/apt-$2 package
    shift 2
    mkdir -p "$folder" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
    mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Component: main' | grep -m 1 '/debian/$') ||
        no_setup "apt knows no Debian mirror"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$apt/sources.list"
    local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -q)
    timeout 180 apt-get "${options[@]}" update >"$work/log" 2>&1 ||
        no_setup "apt-get update for $suite: $(tail -n 1 "$work/log")"
    (cd "$apt/debs" && timeout 180 apt-get "${options[@]}" download "$@") >"$work/log" 2>&1 ||
        no_setup "apt-get download $*: $(tail -n 1 "$work/log")"
    for package in "$apt/debs"/*.deb; do
        dpkg-deb -x "$package" "$folder"
    done
}

# zabbix_packages FOLDER VERSION SUITE PACKAGE...: Debian packages of one
# version, which have to run with the machine's own libraries.
zabbix_packages() {
    local folder=$1 version=$2 suite=$3 program
    shift 3
    debian_packages "$folder" "$suite" "${@/%/=$version}"
    for program in "$folder"/usr/bin/* "$folder"/usr/sbin/*; do
        if ldd "$program" 2>/dev/null | grep -q 'not found'; then
            no_setup "$(basename "$program") lacks libraries: $(ldd "$program" | awk '/not found/ {printf "%s ", $1}')"
        fi
    done
}

# both_series PACKAGE...: Zabbix 6.0 in $work/6.0, Zabbix 7.0 in $work/7.0.
both_series() {
    zabbix_packages "$work/6.0" '1:6.0.14+dfsg-1+b1' bookworm "$@"
    zabbix_packages "$work/7.0" '1:7.0.9+dfsg-1~bpo12+1' bookworm-backports "$@"
}

# script SERIES TEXT [VALUE]: what Zabbix's JavaScript engine returns for it.
script() {
    printf '%s' "$2" >"$work/step.js"
    timeout 20 "$work/$1/usr/bin/zabbix_js" -s "$work/step.js" -p "${3-x}" 2>&1 | sed '/^$/d'
}

# preprocessed SERIES: cases on standard input, a line of results for each
# (see preprocess.py).
preprocessed() {
    timeout 180 python3 -B "$(dirname "$0")/lib/preprocess.py" "$work/$1" ||
        no_setup "the proxy of series $1 did not start"
}

# go_program MODULE@VERSION...: builds $work/go/main.go, which the caller has
# written, and leaves its path in $program. Go's own caches are used.
go_program() {
    local module
    (
        cd "$work/go" && go mod init program
        for module in "$@"; do go mod edit -require="$module"; done
        GOFLAGS=-mod=mod timeout 540 go build -p 1 -o program .
    ) >"$work/log" 2>&1 || no_setup "go build with $*: $(tail -n 1 "$work/log")"
    # shellcheck disable=SC2034  # read by the caller
    program=$work/go/program
}
