#!/bin/sh
# generate.sh [FOLDER]: writes src/schema_table.txt, src/managed_types.txt and schema/privileges.txt (or those files in FOLDER) anew from
# pinned releases of govmomi and pyVmomi. Needs Go and Python with their package clients; or, without, GOVMOMI and PYVMOMI: folders with the sources of
# those releases.
set -eu

govmomi=v0.55.1
pyvmomi=9.1.1.0
here=$(cd "$(dirname "$0")" && pwd)
case ${1:-} in
    "") out=$here/../src ;;
    /*) out=$1 ;;
    *) out=$PWD/$1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cd "$work"
if [ -z "${GOVMOMI:-}" ]; then
    GOVMOMI=$(GOFLAGS=-mod=mod GO111MODULE=on go mod download -json "github.com/vmware/govmomi@$govmomi" |
        sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$GOVMOMI" ] || { echo "generate.sh: cannot fetch govmomi $govmomi" >&2; exit 1; }
fi
if [ -z "${PYVMOMI:-}" ]; then
    PYVMOMI=$work/pyvmomi
    python3 -m pip install --quiet --no-deps --no-compile --target "$PYVMOMI" "pyvmomi==$pyvmomi" >&2 ||
        { echo "generate.sh: cannot fetch pyVmomi $pyvmomi" >&2; exit 1; }
fi

# Written aside first: a failing run leaves the old tables.
cd "$here"
python3 -B facts.py "$PYVMOMI" >"$work/facts"
python3 -B privileges.py "$PYVMOMI" "$pyvmomi" >"$work/privileges"
GO111MODULE=off go run generate.go merge.go "$GOVMOMI" "$govmomi" "$work/facts" "$pyvmomi" "$work/names" >"$work/table"
cat "$work/table" >"$out/schema_table.txt"
cat "$work/names" >"$out/managed_types.txt"
case ${1:-} in "") out=$here ;; esac
cat "$work/privileges" >"$out/privileges.txt"
