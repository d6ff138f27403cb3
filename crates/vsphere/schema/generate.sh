#!/bin/sh
# generate.sh [FILE]: writes src/schema_table.txt (or FILE) anew from a pinned release of govmomi. Needs Go and its module
# proxy; or, without the proxy, GOVMOMI=<folder with the sources of that release>.
set -eu

version=v0.55.1
here=$(cd "$(dirname "$0")" && pwd)
case ${1:-} in
    "") out=$here/../src/schema_table.txt ;;
    /*) out=$1 ;;
    *) out=$PWD/$1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

if [ -z "${GOVMOMI:-}" ]; then
    cd "$work"
    GOVMOMI=$(GOFLAGS=-mod=mod GO111MODULE=on go mod download -json "github.com/vmware/govmomi@$version" |
        sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$GOVMOMI" ] || { echo "generate.sh: cannot fetch govmomi $version" >&2; exit 1; }
fi

# Written aside first: a failing run leaves the old table.
cd "$here"
GO111MODULE=off go run generate.go "$GOVMOMI" "$version" >"$work/table"
cat "$work/table" >"$out"
