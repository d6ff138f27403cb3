#!/bin/sh
# Builds the reference program of the measurements on the govmomi that the distribution packages; prints its path.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
output=$(CDPATH= cd -- "$here/../.." && pwd)/target/reference/reference
mkdir -p "${output%/*}"
go=$(command -v go || echo /usr/lib/go/bin/go)
cd "$here"
CGO_ENABLED=0 GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode "$go" build -trimpath -o "$output" .
echo "$output"
