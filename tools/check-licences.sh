#!/usr/bin/env bash
# Holds every dependency against the policy in deny.toml: by cargo-deny where it is installed, else the licences and the
# banned crates by what Cargo itself knows.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v cargo-deny >/dev/null; then
    exec cargo deny --offline check licenses bans sources
fi
cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu | /usr/bin/env python3 tools/licences.py deny.toml
