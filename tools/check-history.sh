#!/usr/bin/env bash
# Holds the messages of all commits since the rules began against them, where there is a history.
set -euo pipefail
cd "$(dirname "$0")/.."
# An archive has no history, a shallow clone not enough of it.
[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$PWD" ] || exit 0
first=$(git log --diff-filter=A --format=%H --reverse -- tools/commit-msg | head -n1)
[ -n "$first" ] || exit 0
tools/commit-msg --range "$first..HEAD"
