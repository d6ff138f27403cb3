#!/usr/bin/env bash
# Zabbix 7.0 keeps the first values of a new item without its preprocessing.
#
# Software: Zabbix server 6.0.14 and 7.0.9 (Debian), PostgreSQL 15.
# Guess: the preprocessing steps of an item apply from its first value on.
# Behaviour: a server reads its configuration table by table. In 7.0 a new item
#   is checked as soon as the items are read, and its steps apply only once the
#   last table is read. A value in between is stored as it came; an item of a
#   numeric type becomes "not supported". How long that lasts depends on the
#   size of the configuration and on the load. 6.0 does not do it.
# Here: a script item returns JSON, its one step takes a member. The table
#   trigger_depends, which is read after items and steps, is locked meanwhile;
#   that stands for a configuration that takes long to read.
# Seen (while it is read, then afterwards): 6.0: taken, taken;
#   7.0: {"member":"taken"}, taken.
# shellcheck disable=SC2317  # wait_for calls functions by their names
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-server-pgsql
zabbix_packages "$work/postgresql" 15.18-0+deb12u1 bookworm postgresql-15 postgresql-client-15
bin=$work/postgresql/usr/lib/postgresql/15/bin
chmod 755 "$work"

# PostgreSQL refuses to run as root.
unprivileged=()
[ "$(id -u)" != 0 ] || unprivileged=(setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all)

# wait_for WHAT COMMAND...: until the command succeeds, a minute at most.
wait_for() {
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || no_setup "waited in vain for $what"
        sleep 0.1
    done
}

sql() { "$bin/psql" -qAt -h 127.0.0.1 -p "$port" -U zabbix zabbix -c "$1"; }
# Tells the session that holds the lock what to do.
holder() { echo "$1" >&"${lock[1]}"; }
# make_item NUMBER: a host and its item, in one transaction as the frontend does it.
make_item() {
    sql "begin;
        insert into hosts (hostid, host, name, status) values ($1, 'host $1', 'host $1', 0);
        insert into items (itemid, type, hostid, name, key_, delay, value_type, history, params, timeout, status)
            values ($1, 21, $1, 'item', 'item', '1s', 4, '1d', 'return JSON.stringify({member: \"taken\"});', '3s', 0);
        insert into item_rtdata (itemid) values ($1);
        insert into item_preproc (item_preprocid, itemid, step, type, params, error_handler) values ($1, $1, 1, 12, '\$.member', 0);
        commit;"
}
# is_waiting MOMENT: whether the server waits for the table in a query that began later.
is_waiting() {
    local query="select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%from trigger_depends%' and query_start > '$1'"
    [ "$(sql "$query")" = 1 ]
}
# values ITEM CONDITION, has_values ITEM CONDITION
values() { sql "select distinct value from history_text where itemid = $1 and $2"; }
has_values() { [ "$(sql "select count(*) from history_text where itemid = $1 and $2")" -ge 2 ]; }

# observe SERIES: sets `during` and `after`, the values of a new item.
observe() {
    local folder=$work/$1 server database moment
    port=$((20000 + RANDOM % 10000))
    mkdir "$folder/data" "$folder/run"
    [ "$(id -u)" != 0 ] || chown nobody "$folder/data"
    cd "$folder/data"
    "${unprivileged[@]}" "$bin/initdb" -U zabbix -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D "$folder/data" >/dev/null
    "${unprivileged[@]}" "$bin/postgres" -D "$folder/data" -p "$port" -h 127.0.0.1 -k '' -F >"$folder/postgresql.log" 2>&1 &
    database=$!
    background+=("$database")
    wait_for PostgreSQL "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"
    "$bin/createdb" -h 127.0.0.1 -p "$port" -U zabbix zabbix
    (cd "$folder/usr/share/zabbix-server-pgsql" && zcat schema.sql.gz images.sql.gz data.sql.gz) |
        "$bin/psql" -q -h 127.0.0.1 -p "$port" -U zabbix zabbix >/dev/null

    # Once this item has a value, all processes of the server have read the configuration for the first time.
    make_item 900000
    cat >"$folder/server.conf" <<CONF
LogFile=$folder/server.log
PidFile=$folder/run/server.pid
SocketDir=$folder/run
ListenIP=127.0.0.1
ListenPort=$((port + 1))
DBHost=127.0.0.1
DBPort=$port
DBName=zabbix
DBUser=zabbix
CacheUpdateFrequency=1
AllowRoot=1
CONF
    "$folder/usr/sbin/zabbix_server" -f -c "$folder/server.conf" >/dev/null 2>&1 &
    server=$!
    # The first to be ended: it wants its database to the end.
    background=("$server" "${background[@]}")

    wait_for "the first item's values" has_values 900000 true

    # The lock is held, so that the item can be made while the server is known to wait in an earlier round.
    coproc lock { exec "$bin/psql" -qAt -h 127.0.0.1 -p "$port" -U zabbix zabbix; }
    holder "begin; lock table trigger_depends in access exclusive mode;"
    wait_for "the server to read its configuration" is_waiting epoch
    make_item 900001
    # The server goes on, and in its next round, the first with the item, waits again.
    moment=$(sql "select clock_timestamp()")
    holder "commit; begin; lock table trigger_depends in access exclusive mode;"
    wait_for "the server to read its configuration again" is_waiting "$moment"
    wait_for "values" has_values 900001 true
    during=$(values 900001 true)
    holder "commit;"
    # Values that were on their way may still be as before.
    moment=$(sql "select extract(epoch from clock_timestamp())::int + 2")
    wait_for "values afterwards" has_values 900001 "clock > $moment"
    after=$(values 900001 "clock > $moment")
    holder '\q'
    kill "$server"
    wait "$server" || true
    kill -INT "$database"
    wait "$database" || true
    background=()
}

observe 6.0
expect "6.0, while the configuration is read" taken "$during"
expect "6.0, afterwards" taken "$after"
observe 7.0
expect "7.0, while the configuration is read" '{"member":"taken"}' "$during"
expect "7.0, afterwards" taken "$after"
still "a new item's values are kept unprocessed while the configuration is read (Zabbix 7.0.9, not 6.0.14)"
