#!/usr/bin/env bash
# tests/demo.sh BUILD-FOLDER: vPoller's main job from end to end, on a machine of its own (tools/netns-run).
#
# Two simulated vCenters and an ESXi host, the configuration and the commands of the documents word for word, and real Zabbix
# agents with vpoller.so. Every answer is printed and checked; the exit status is 0 when all are as documented.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(readlink -f "$1")
top=$PWD
[ "$$" -lt 100 ] && ip link show lo | grep -q UP || { echo "run it as: tools/netns-run tests/demo.sh $1" >&2; exit 2; }
. tests/demo-lib.sh
PATH=$build:$PATH

uuid=5190e2a7-d2b7c58e-b1e2-90b11c29079d
module=$build/vpoller.so
[ -f "$module" ] || module=$build/libvpoller.so

# --- the vSphere hosts ---------------------------------------------------------------------------------------------------

certificates() {
    local make=(openssl req -x509 -newkey rsa:2048 -nodes -days 2) out=$work
    "${make[@]}" -subj "/CN=Example authority" -keyout "$out/ca.key" -out /etc/vpoller/vcenter-ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=vc01.example.org -keyout "$out/vc01.key" -out "$out/vc01.csr"
    openssl x509 -req -in "$out/vc01.csr" -CA /etc/vpoller/vcenter-ca.pem -CAkey "$out/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo subjectAltName=DNS:vc01.example.org) -out "$out/vc01.pem"
    for name in vc02 esxi-standalone; do
        "${make[@]}" -subj "/CN=$name.example.org" -addext "subjectAltName=DNS:$name.example.org" \
            -keyout "$out/$name.key" -out "$out/$name.pem"
    done
}

# vsphere NAME [FLAG...]: a simulated vSphere host on port 443 of the address that this machine's /etc/hosts gives it.
vsphere() {
    local name=$1 address
    address=$(getent hosts "$name.example.org" | cut -d' ' -f1)
    shift
    "$top/target/vcsim/vcsim-packaged" -l "$address:443" -username root -password p4ssw0rd \
        -tlscert "$work/$name.pem" -tlskey "$work/$name.key" "$@" >"$work/$name.log" 2>&1 &
    until_true 60 "$name.example.org" grep -q address "$work/$name.log"
}

sessions() { curl -sk --max-time 10 "https://$1.example.org/sessions" | jq length; }

certificates >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log"; exit 1; }
vsphere vc01 -vm 40
vsphere vc02
vsphere esxi-standalone -esx

# --- configuration, agents, services -------------------------------------------------------------------------------------

title "Configuration"
cat >/etc/vpoller/vpoller.conf <<'TXT'
[proxy]
frontend = tcp://*:10123
backend = tcp://*:10124
mgmt = tcp://*:9999
[worker]
db = /var/lib/vconnector/vconnector.db
proxy = tcp://localhost:10124
mgmt = tcp://*:10000
TXT
ask 'cat /etc/vpoller/vpoller.conf'

title "vSphere agents"
ask 'sudo vconnector-cli init'
exits 0
ask 'sudo vconnector-cli -H vc01.example.org -U root -P p4ssw0rd add'
exits 0
ask 'sudo vconnector-cli -H vc01.example.org enable'
exits 0
ask 'sudo vconnector-cli get'
is '+------------------+------------+------------+-----------+
| Hostname         | Username   | Password   |   Enabled |
+==================+============+============+===========+
| vc01.example.org | root       | p4ssw0rd   |         1 |
+------------------+------------+------------+-----------+'
note "This vCenter's certificate comes from a private authority:"
ask 'sudo vconnector-cli -H vc01.example.org trust --ca-file /etc/vpoller/vcenter-ca.pem'
exits 0

title "Services"
start proxy 'vpoller-proxy start'
log_has proxy 'Proxy process is ready and running'
log_in_order proxy MainProcess 'Starting Proxy Manager' 'Creating Proxy Manager sockets' 'Starting Proxy process' \
    'Proxy Manager is ready and running'
log_in_order proxy VPollerProxy-1 'Proxy process is starting' 'Creating Proxy process sockets' 'Proxy process is ready and running'
excerpt "$work/proxy.log"
start worker 'vpoller-worker --concurrency 1 start'
log_has worker 'Worker process is ready and running'
log_in_order worker MainProcess 'Starting Worker Manager' 'Starting Worker processes' 'Concurrency: 1 \(processes\)' \
    'Worker Manager is ready and running'
log_in_order worker VPollerWorker-1 'Worker process is starting' 'Creating Worker sockets' 'Worker process is ready and running'
excerpt "$work/worker.log"

# --- the documents' examples ---------------------------------------------------------------------------------------------

title "Helpers"
ask 'vpoller-client --method datastore.discover --vsphere-host vc01.example.org \
--helper vpoller.helpers.zabbix'
json '.data | map(."{#VSPHERE.DATASTORE.NAME}") | sort == ["datastore1", "datastore2"]'
ask 'vpoller-client --method vm.get --vsphere-host vc01.example.org \
--name vm01.example.org --properties runtime.powerState \
--helper vpoller.helpers.zabbix'
is '"poweredOn"'
ask 'vpoller-client --method vm.discover --vsphere-host vc01.example.org \
--properties runtime.powerState \
--helper vpoller.helpers.csvhelper'
has '^name,runtime.powerState.?$'
has '^vm01.example.org,poweredOn.?$'
has '^vm02.example.org,poweredOff.?$'
has '^vm03.example.org,suspended.?$'

title "Datacenters, clusters, hosts"
ask 'vpoller-client --method datacenter.discover --vsphere-host vc01.example.org'
json '.success == 0 and .msg == "Successfully discovered objects" and (.result | map(.name) | sort == ["datacenter01", "datacenter02"])'
ask 'vpoller-client --method datacenter.get --vsphere-host vc01.example.org \
--name datacenter01 --properties name,overallStatus'
json '.success == 0 and .result == [{"name": "datacenter01", "overallStatus": .result[0].overallStatus}]'
ask 'vpoller-client --method cluster.discover --vsphere-host vc01.example.org'
json '.success == 0 and .result == [{"name": "cluster01"}]'
ask 'vpoller-client --method cluster.get --vsphere-host vc01.example.org \
--name cluster01 --properties name,overallStatus'
json '.success == 0 and .result[0].name == "cluster01" and .result[0].overallStatus == "green"'
ask 'vpoller-client --method host.discover --vsphere-host vc01.example.org'
json '.success == 0 and (.result | map(.name) | sort == ["esxi01.example.org", "esxi02.example.org", "esxi03.example.org", "esxi04.example.org"])'
ask 'vpoller-client --method host.get --vsphere-host vc01.example.org \
--name esxi01.example.org --properties runtime.powerState'
json '.success == 0 and .result == [{"name": "esxi01.example.org", "runtime.powerState": "poweredOn"}]'
ask 'vpoller-client --method host.vm.get --vsphere-host vc01.example.org \
--name esxi01.example.org'
json '.success == 0 and (.result | map(.name) | index("vm01.example.org") != null)'

title "Virtual machines"
ask 'vpoller-client --method vm.discover --vsphere-host vc01.example.org'
json '.success == 0 and (.result | length > 40) and (.result | all(keys == ["name"]))'
ask 'vpoller-client --method vm.get --vsphere-host vc01.example.org \
--name vm01.example.org --properties runtime.powerState'
json '.msg == "Successfully retrieved object properties" and .result == [{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]'
ask 'vpoller-client --method vm.disk.discover --vsphere-host vc01.example.org \
--name vm01.example.org'
json '.success == 0 and .result == [{"name": "vm01.example.org", "disk": [{"diskPath": "/"}, {"diskPath": "/var"}]}]'
ask 'vpoller-client --method vm.disk.get --vsphere-host vc01.example.org \
--name vm01.example.org --properties freeSpace --key /var'
json '.success == 0 and .result == [{"name": "vm01.example.org", "disk": {"diskPath": "/var", "freeSpace": 5368709120}}]'
ask 'vpoller-client --method vm.host.get --vsphere-host vc01.example.org \
--name vm01.example.org'
json '.success == 0 and .result == [{"name": "vm01.example.org", "host": "esxi01.example.org"}]'
ask 'vpoller-client --method vm.process.get --vsphere-host vc01.example.org \
--name vm01.example.org --properties name,owner,pid,cmdLine \
--guest-username root --guest-password p4ssw0rd'
json '.success == 0 and (.result | length == 87) and (.result | all(keys == ["cmdLine", "name", "owner", "pid"]))'
if [ "$(grep -o '"cmdLine"' <<<"$out" | wc -l)" = 87 ]; then verdict yes; else verdict no 'expected "cmdLine" once in each of 87 processes'; fi

title "Datastores"
ask 'vpoller-client --method datastore.discover --vsphere-host vc01.example.org'
json '.success == 0 and (.result | map(.name) | sort == ["datastore1", "datastore2"])'
for option in -name --name; do
    ask "vpoller-client --method datastore.get --vsphere-host vc01.example.org \\
$option ds:///vmfs/volumes/$uuid/ \\
--properties summary.capacity"
    json '.success == 0 and (.result | length == 1) and (.result[0] | keys == ["info.url", "name", "summary.capacity"])'
    json '.result[0].name == "datastore1" and .result[0]."summary.capacity" > 0'
done
ask "vpoller-client --method datastore.host.get --vsphere-host vc01.example.org \\
--name ds:///vmfs/volumes/$uuid/"
json '.success == 0 and (.result | map(.name) | index("esxi01.example.org") != null)'

title "From a bare ZeroMQ socket"
cat >"$work/discover.py" <<'PY'
import zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect("tcp://localhost:10123")
socket.send_string('{"method": "vm.discover", "hostname": "vc01.example.org"}')
print(socket.recv_string())
PY
ask "cat $work/discover.py; /usr/bin/python3 $work/discover.py | tail -n 1 >$work/reply"
out=$(<"$work/reply")
json '.success == 0 and (.result | all(has("name")))'
cat >"$work/get.py" <<'PY'
import json, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect("tcp://localhost:10123")
socket.send_json({'method': 'vm.get', 'hostname': 'vc01.example.org', 'name': 'vm01.example.org', 'properties': ['name', 'runtime.powerState']})
print(json.dumps(json.loads(socket.recv()), indent=4, sort_keys=True))
PY
ask "/usr/bin/python3 $work/get.py"
is '{
    "msg": "Successfully retrieved object properties",
    "result": [
        {
            "name": "vm01.example.org",
            "runtime.powerState": "poweredOn"
        }
    ],
    "success": 0
}'

# --- management, more vSphere hosts --------------------------------------------------------------------------------------

title "Management"
ask 'vpoller-proxy --endpoint tcp://localhost:9999 status'
json '.success == 0 and .msg == "vPoller Proxy status" and .result.status == "running" and .result.frontend == "tcp://*:10123"'
ask 'vpoller-worker --endpoint tcp://localhost:10000 status'
json '.success == 0 and .msg == "vPoller Worker status" and .result.status == "running" and .result.concurrency == 1'
note "Ctrl+C ends the worker; its session at the vCenter is logged out:"
kill -INT "${pid[worker]}"
ended worker 10
out=$(sessions vc01)
is 0

title "A vCenter with a certificate of its own making, and an ESXi host"
ask 'sudo vconnector-cli -H vc02.example.org -U root -P p4ssw0rd add'
ask 'sudo vconnector-cli -H vc02.example.org enable'
ask 'sudo vconnector-cli -H esxi-standalone.example.org -U root -P p4ssw0rd add'
ask 'sudo vconnector-cli -H esxi-standalone.example.org trust --yes'
exits 0
ask 'sudo vconnector-cli -H esxi-standalone.example.org enable'
cat >/etc/vpoller/vpoller.conf <<'TXT'
[proxy]
frontend = tcp://*:10123
backend = tcp://*:10124
mgmt = tcp://*:9999
[worker]
db = /var/lib/vconnector/vconnector.db
proxy = tcp://localhost:10124
mgmt = tcp://*:10000
helpers = vpoller.helpers.zabbix,vpoller.helpers.czabbix
TXT
start worker 'vpoller-worker --concurrency 4 start'
for number in 1 2 3 4; do
    log_has worker "VPollerWorker-$number\] Worker process is ready and running"
done
log_has worker 'Concurrency: 4 \(processes\)'
ask 'vpoller-client -m about -V esxi-standalone.example.org -p apiType,fullName'
json '.success == 0 and .result[0].apiType == "HostAgent"'
ask 'vpoller-client -m vm.discover -V esxi-standalone.example.org'
json '.success == 0 and (.result | map(.name) | sort == ["esxi-vm01", "esxi-vm02"])'
note "vPoller sends no password to a vCenter that cannot show who it is, and says what to do:"
ask 'vpoller-client -m vm.get -V vc02.example.org -n vm01.example.org -p runtime.powerState'
json '.success == 1 and (.msg | test("certificate") and test("vconnector-cli.*vc02.example.org.*trust"))'
ask 'sudo vconnector-cli -H vc02.example.org trust --yes'
exits 0
has '[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}|[0-9a-f]{64}'
note "The worker is told to stop, and started again with the other form of the helpers setting:"
ask 'vpoller-worker --endpoint tcp://localhost:10000 stop'
json '.success == 0 and .msg == "Shutdown time has arrived"'
ended worker 10
sed -i 's/^helpers = .*/helpers = vpoller.helpers.zabbix, vpoller.helpers.czabbix/' /etc/vpoller/vpoller.conf
start worker 'vpoller-worker --concurrency 4 start'
log_has worker 'VPollerWorker-4\] Worker process is ready and running'
ask 'vpoller-worker --endpoint tcp://localhost:10000 status'
json '.result.concurrency == 4 and (.result.helpers | map(ltrimstr(" ")) | contains(["vpoller.helpers.zabbix", "vpoller.helpers.czabbix"]))'
ask 'vpoller-client -m vm.get -V vc02.example.org -n vm01.example.org -p runtime.powerState'
json '.success == 0 and .result[0]."runtime.powerState" == "poweredOn"'

# --- Zabbix --------------------------------------------------------------------------------------------------------------

printf 'vPollerTimeout=10000\nvPollerRetries=1\nvPollerProxy=tcp://localhost:10123\n' >/etc/zabbix/vpoller_module.conf

zabbix_agent() { # SERIES
    local programs=$top/target/zabbix/$1/usr
    if [ -e "$top/target/zabbix/$1.unavailable" ]; then
        note "NOT RUN: $(<"$top/target/zabbix/$1.unavailable")"
        return
    fi
    title "Zabbix $1"
    PATH=$programs/sbin:$programs/bin:$PATH
    cat >/etc/zabbix/zabbix_agentd.conf <<TXT
Server=127.0.0.1
Hostname=testbed
LogType=file
LogFile=$work/agentd.log
PidFile=$work/agentd.pid
AllowRoot=1
LoadModulePath=/usr/local/lib/zabbix
LoadModule=vpoller.so
TXT
    : >"$work/agentd.log"
    ask "sudo cp $module /usr/local/lib/zabbix/vpoller.so"
    start agent 'zabbix_agentd -f -c /etc/zabbix/zabbix_agentd.conf'
    until_true 20 "the agent's port" zabbix_get -s 127.0.0.1 -k agent.ping
    cp "$work/agentd.log" "$work/agent.log"
    ask "grep -E 'vPoller|loaded modules|Starting' $work/agentd.log"
    has '[0-9]+:[0-9]{8}:[0-9]{6}\.[0-9]{3} Loading vPoller module configuration file /etc/zabbix/vpoller_module\.conf'
    has 'loaded modules: vpoller\.so'
    ask 'zabbix_get -s 127.0.0.1 -p 10050 -k "vpoller[vm.get, vc01.example.org, ns01.example.org, runtime.powerState]"'
    is '"poweredOn"'
    ask "zabbix_get -s 127.0.0.1 \\
-p 10050 \\
-k 'vpoller[vm.process.get, vc01.example.org, vm01.example.org, cmdLine, \"\", root, p4ssw0rd]'"
    is 87
    ask "zabbix_get -s 127.0.0.1 \\
-p 10050 \\
-k 'vpoller[vm.process.get, vc01.example.org, vm01.example.org, cmdLine, \"/usr/sbin/apache2\", root, p4ssw0rd]'"
    is 6
    ask "zabbix_get -s 127.0.0.1 -p 10050 -k 'vpoller.raw[host.get, vc01.example.org, esxi01.example.org, runtime.powerState]'"
    is poweredOn
    note "What is wrong is said, and is no value:"
    ask 'zabbix_get -s 127.0.0.1 -p 10050 -k "vpoller[vm.get, vc01.example.org, no-such-vm, runtime.powerState]"'
    has '^ZBX_NOTSUPPORTED: Cannot find object no-such-vm'
    kill "${pid[agent]}"
    ended agent 10
}
zabbix_agent 7.0
zabbix_agent 6.0

# --- the end -------------------------------------------------------------------------------------------------------------

title "Stopping"
ask 'vpoller-worker --endpoint tcp://localhost:10000 stop'
json '.success == 0 and .msg == "Shutdown time has arrived"'
ended worker 10
ask 'vpoller-proxy --endpoint tcp://localhost:9999 stop'
json '.success == 0 and .msg == "Shutdown time has arrived"'
ended proxy 10
for name in vc01 vc02 esxi-standalone; do
    out=$(sessions "$name") err='' code=0
    is 0
done
note "No session is left at any of the three vSphere hosts."
summary
