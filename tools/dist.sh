#!/usr/bin/env bash
# tools/dist.sh VERSION BUILD-FOLDER: packs the source and the built programs into target/dist-archives (`make dist`).
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 build=$2
out=target/dist-archives
name=vpoller-$version
mkdir -p "$out"
git archive --format=tar.gz --prefix="$name/" -o "$out/$name.tar.gz" HEAD

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make --no-print-directory install RELEASE="$build" DESTDIR="$stage/$name" PREFIX=/usr/local >/dev/null
tar -C "$stage" -czf "$out/$name-$(uname -m)-linux-gnu.tar.gz" --owner=0 --group=0 "$name"
ls -l "$out"
