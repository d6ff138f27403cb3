#!/bin/sh
# Builds the simulated vCenter of the tests.
#
#   build.sh [--bed packaged|current] [--output FILE]
#
# packaged  govmomi as the distribution packages it; needs no network.
# current   the govmomi release pinned in go.mod; needs a Go module proxy the
#           first time.
#
# Does nothing when the program is newer than what it is made of. Prints the
# program's path. Exit status: 0 built or up to date, 1 the build failed,
# 2 wrong usage, 3 this bed cannot be built on this machine.
set -eu

bed=packaged
output=
while [ $# -gt 0 ]; do
    case $1 in
        --bed | --output)
            [ $# -ge 2 ] || { echo "build.sh: $1 needs a value" >&2; exit 2; }
            if [ "$1" = --bed ]; then bed=$2; else output=$2; fi
            shift 2
            ;;
        *)
            echo "usage: build.sh [--bed packaged|current] [--output FILE]" >&2
            exit 2
            ;;
    esac
done
case $bed in
    packaged | current) ;;
    *) echo "build.sh: --bed $bed: write packaged or current" >&2; exit 2 ;;
esac

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
: "${output:=$root/target/vcsim/vcsim-$bed}"
case $output in /*) ;; *) output=$PWD/$output ;; esac
gocode=/usr/share/gocode

unavailable() {
    echo "build.sh: the $bed bed cannot be built here: $*" >&2
    exit 3
}

go=$(command -v go || true)
[ -n "$go" ] || { [ -x /usr/lib/go/bin/go ] && go=/usr/lib/go/bin/go; } ||
    unavailable "no Go compiler; install the package golang-go"
if [ "$bed" = packaged ] && [ ! -d "$gocode/src/github.com/vmware/govmomi/simulator" ]; then
    unavailable "no govmomi in $gocode; install the package golang-github-vmware-govmomi-dev"
fi

mkdir -p "$(dirname -- "$output")"
cd "$here"

# One build at a time; the second caller finds the first one's result.
exec 9>"$output.lock"
if command -v flock >/dev/null 2>&1; then
    flock 9
fi

# The library and the compiler are part of what the program is made of. Asking
# outside the module keeps a newer Go from looking for another toolchain.
recipe=$(
    {
        (cd / && GOTOOLCHAIN=local "$go" version)
        cat -- *.go *.json build.sh go.mod go.sum
        [ "$bed" = current ] || ls -l --time-style=+%s "$gocode/src/github.com/vmware/govmomi/simulator"
    } | sha256sum
)
if [ -x "$output" ] && [ "$(cat "$output.recipe" 2>/dev/null)" = "$recipe" ]; then
    echo "$output"
    exit 0
fi

# Nothing here needs C, and HOME is where the compiler keeps its cache.
export CGO_ENABLED=0
: "${HOME:=$root/target}"
export HOME
fresh=$output.new.$$
trap 'rm -f "$fresh"' EXIT

if [ "$bed" = packaged ]; then
    GO111MODULE=off GOFLAGS= GOPATH=$gocode \
        "$go" build -tags govmomi024 -trimpath -o "$fresh" . >&2 || {
        echo "build.sh: building the packaged bed failed" >&2
        exit 1
    }
else
    minimum=$(sed -n 's/^go \([0-9.]*\).*/\1/p' go.mod)
    have=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION | sed 's/^go\([0-9.]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$minimum" "$have" | sort -V | head -n 1)
    [ "$oldest" = "$minimum" ] || unavailable "it needs Go $minimum, $go is Go $have"
    # Modules already in the cache need no proxy.
    GO111MODULE=on GOFLAGS=-mod=readonly GOTOOLCHAIN=local timeout 300 "$go" mod download >&2 ||
        unavailable "no Go module proxy answers (GOPROXY is $("$go" env GOPROXY))"
    GO111MODULE=on GOFLAGS=-mod=readonly GOTOOLCHAIN=local \
        "$go" build -trimpath -o "$fresh" . >&2 || {
        echo "build.sh: building the current bed failed" >&2
        exit 1
    }
fi
mv -f "$fresh" "$output"
printf '%s\n' "$recipe" >"$output.recipe"
echo "$output"
