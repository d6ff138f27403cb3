#!/usr/bin/env bash
# Builds a Prometheus 3 below target/prometheus3 from its Go module, for `make test-prometheus3`: no Debian packages one yet.
#
# The version and the hash of the module are pinned here; its go.sum pins everything beneath. Needs a Go module proxy and some minutes
# the first time. Where the system's Go is too old, the one that the module asks for comes from the same proxy.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=v0.316.0 # Prometheus 3.16.0
HASH=h1:f1GRFerhTMKQma+awCoC9T820ecWeGSdF+xAlMHzZzM=
GO_VERSION=1.26.7
FOLDER=$PWD/target/prometheus3

say() { printf 'prometheus3: %s\n' "$*"; }
fail() { printf 'prometheus3: error: %s\n' "$*" >&2; exit 1; }

grep -qsx "$VERSION" "$FOLDER/.complete" && exit 0

go=$(command -v go || true)
[ -n "$go" ] || fail "there is no Go: run 'make setup'"
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false

# download MODULE@VERSION: prints what the proxy says of it.
download() { (cd / && "$go" mod download -json "$1") || fail "the Go module $1 cannot be had (no network, or no proxy?)"; }
member() { sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}$/\1/p"; }

have=$(cd / && "$go" env GOVERSION)
if [ "$(printf '%s\n' "go$GO_VERSION" "$have" | sort -V | head -n1)" != "go$GO_VERSION" ]; then
    say "$have is older than go$GO_VERSION, which comes from the module proxy"
    toolchain=$(download "golang.org/toolchain@v0.0.1-go$GO_VERSION.$("$go" env GOOS)-$("$go" env GOARCH)" | member Dir)
    # Modules carry no permissions.
    rm -rf "$FOLDER/go"
    mkdir -p "$FOLDER"
    cp -r --no-preserve=mode "$toolchain" "$FOLDER/go"
    chmod -R +x "$FOLDER/go/bin" "$FOLDER/go/pkg/tool"
    go=$FOLDER/go/bin/go
fi

say "downloading Prometheus $VERSION"
told=$(download "github.com/prometheus/prometheus@$VERSION")
[ "$(member Sum <<<"$told")" = "$HASH" ] || fail "Prometheus $VERSION is not what it was: $(member Sum <<<"$told") in place of $HASH"
rm -rf "$FOLDER/src"
mkdir -p "$FOLDER/usr/bin"
cp -r --no-preserve=mode "$(member Dir <<<"$told")" "$FOLDER/src"
say "building it with $("$go" env GOVERSION), which takes some minutes"
# Targets are named by address in our tests: the clients of every cloud's API would be most of the program.
version=$(cat "$FOLDER/src/VERSION")
(cd "$FOLDER/src" && CGO_ENABLED=0 "$go" build -trimpath -tags remove_all_sd \
    -ldflags "-X github.com/prometheus/common/version.Version=$version" -o "$FOLDER/usr/bin/" ./cmd/prometheus ./cmd/promtool)
rm -rf "$FOLDER/src"
"$FOLDER/usr/bin/prometheus" --version >"$FOLDER/version" 2>&1 || fail "what was built does not run: $(cat "$FOLDER/version")"
echo "$VERSION" >"$FOLDER/.complete"
say "ready: $(head -n1 "$FOLDER/version")"
