#!/usr/bin/env bash
# Makes the committed generated files again and fails when they differ from what their sources say. The module's header is held by
# tests/structure/header.rs, the tables of privileges in docs/security.md by worker/tests/suite/privileges.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
status=0

differs() { # FILE OLD NEW HOW
    if ! diff -u "$2" "$3"; then
        echo "$1 is not what its source says; $4" >&2
        status=1
    fi
}

new=$(mktemp)
pages=$(mktemp -d)
trap 'rm -rf "$new" "$pages"' EXIT

# All of it: alone, a crate has other features, and what it stands on would be compiled again.
cargo build --quiet --locked --workspace
"$target/debug/vpoller-worker" --methods-markdown >"$new"
differs docs/methods.md docs/methods.md "$new" "run: $target/debug/vpoller-worker --methods-markdown >docs/methods.md"

"$target/debug/vpoller-manpages" metrics >"$new"
differs docs/metrics.md docs/metrics.md "$new" "run: $target/debug/vpoller-manpages metrics >docs/metrics.md"

"$target/debug/vpoller-manpages" "$pages"
for folder in man completions; do
    if ! diff -ru "contrib/$folder" "$pages/$folder"; then
        echo "contrib/$folder is not what the command lines say; run: $target/debug/vpoller-manpages contrib" >&2
        status=1
    fi
done

mkdir "$pages/templates"
python3 -B tools/templates "$pages/templates"
for file in "$pages"/templates/*.yaml templates/zabbix/*.yaml; do
    name=${file##*/}
    [ -e "$pages/templates/$name" ] || { echo "templates/zabbix/$name comes from no definition: remove it" >&2; status=1; continue; }
    differs "templates/zabbix/$name" "templates/zabbix/$name" "$pages/templates/$name" "run: python3 -B tools/templates"
done

mkdir "$pages/grafana"
"$target/debug/vpoller-manpages" metrics-json >"$new"
python3 -B tools/dashboards "$new" "$pages/grafana"
if ! diff -ru contrib/grafana "$pages/grafana"; then
    echo "contrib/grafana is not what its source says; run: $target/debug/vpoller-manpages metrics-json >METRICS && python3 -B tools/dashboards METRICS" >&2
    status=1
fi
exit "$status"
