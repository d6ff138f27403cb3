#!/bin/sh
# Starts the simulated vCenter and checks a handful of its answers.
#
#   smoke.sh [PROGRAM]      default: what build.sh builds
#
# Ends with status 1 and the offending answer at the first that is wrong.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
program=${1:-}
[ -n "$program" ] || program=$("$here/build.sh")
work=$(mktemp -d)
pid=
cleanup() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

die() {
    echo "smoke.sh: $*" >&2
    exit 1
}

# start FLAG...: starts the program and sets $url and $base.
start() {
    if [ -n "$pid" ]; then
        kill "$pid"
        wait "$pid" || die "the program did not end cleanly"
    fi
    rm -f "$work/ready" "$work/cookies"
    mkfifo "$work/ready"
    "$program" -write-ca "$work/ca.pem" "$@" >"$work/ready" &
    pid=$!
    IFS= read -r line <"$work/ready" || die "the program ended before it was ready"
    url=$(printf '%s' "$line" | sed -n 's/.*"url":"\([^"]*\)".*/\1/p')
    [ -n "$url" ] || die "no address in the line: $line"
    base=${url%/sdk}
    case $line in
        *"\"pid\":$pid}") ;;
        *) die "wrong process id in the line: $line" ;;
    esac
}

# soap BODY: sends one call, prints the answer.
soap() {
    curl -sS --max-time 20 --cacert "$work/ca.pem" -b "$work/cookies" -c "$work/cookies" \
        -H 'Content-Type: text/xml' -d "<?xml version=\"1.0\"?>
<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"
 xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>$1</soapenv:Body></soapenv:Envelope>" "$url"
}

# admin METHOD PATH [BODY]
admin() {
    curl -sS --max-time 20 --cacert "$work/ca.pem" -X "$1" -d "${3:-}" "$base$2"
}

# expect WHAT TEXT ANSWER: the answer must contain the text.
expect() {
    case $3 in
        *"$2"*) ;;
        *) die "$1: no '$2' in: $3" ;;
    esac
}

# count WHAT NUMBER TEXT ANSWER: the answer must contain the text that often.
count() {
    found=$(printf '%s' "$4" | grep -o -- "$3" | wc -l)
    [ "$found" -eq "$2" ] || die "$1: '$3' found $found times, not $2, in: $4"
}

login() {
    soap "<Login xmlns=\"urn:vim25\"><_this type=\"SessionManager\">${2:-SessionManager}</_this><userName>${user:-root}</userName><password>$1</password></Login>"
}

# props TYPE MOID PATH...: reads properties of one object.
props() {
    type=$1 moid=$2
    shift 2
    paths=
    for path in "$@"; do paths="$paths<pathSet>$path</pathSet>"; done
    soap "<RetrievePropertiesEx xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">${collector:-propertyCollector}</_this>
<specSet><propSet><type>$type</type>$paths</propSet><objectSet><obj type=\"$type\">$moid</obj></objectSet></specSet><options/></RetrievePropertiesEx>"
}

# Through a container view of all objects of a type.
view_spec() {
    view=$(soap "<CreateContainerView xmlns=\"urn:vim25\"><_this type=\"ViewManager\">ViewManager</_this>
<container type=\"Folder\">${root:-group-d1}</container><type>$1</type><recursive>true</recursive></CreateContainerView>" |
        sed -n 's/.*type="ContainerView">\([^<]*\)<.*/\1/p')
    [ -n "$view" ] || die "no container view of $1"
    printf '%s' "<propSet><type>$1</type><pathSet>$2</pathSet></propSet><objectSet><obj type=\"ContainerView\">$view</obj><skip>true</skip>
<selectSet xsi:type=\"TraversalSpec\"><name>view</name><type>ContainerView</type><path>view</path><skip>false</skip></selectSet></objectSet>"
}

every() {
    soap "<RetrievePropertiesEx xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">${collector:-propertyCollector}</_this>
<specSet>$(view_spec "$1" "$2")</specSet><options>${3:-}</options></RetrievePropertiesEx>"
}

processes() {
    soap "<ListProcessesInGuest xmlns=\"urn:vim25\"><_this type=\"GuestProcessManager\">guestOperationsProcessManager</_this>
<vm type=\"VirtualMachine\">$1</vm><auth xsi:type=\"NamePasswordAuthentication\"><interactiveSession>false</interactiveSession>
<username>root</username><password>$2</password></auth></ListProcessesInGuest>"
}

# watch SPEC: adds a filter.
watch() {
    soap "<CreateFilter xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">propertyCollector</_this>
<spec>$1</spec><partialUpdates>${2:-false}</partialUpdates></CreateFilter>"
}

wait_for_updates() {
    soap "<WaitForUpdatesEx xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">propertyCollector</_this>
<version>$1</version><options><maxWaitSeconds>5</maxWaitSeconds></options></WaitForUpdatesEx>"
}

echo "vCenter"
start -vm 3 -quoted-cookie
expect "content without a session" VirtualCenter \
    "$(soap '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent>')"
expect "read without a session" NotAuthenticatedFault "$(props VirtualMachine vm-101 name)"
expect "wrong password" InvalidLoginFault "$(login wrong)"
expect "login" '<userName>root</userName>' "$(login p4ssw0rd)"
grep -q '	"[^"]*"$' "$work/cookies" || die "the cookie is not quoted: $(cat "$work/cookies")"
count "sessions" 1 '"key"' "$(admin GET /sessions)"
vms=$(every VirtualMachine name)
count "VMs" 17 '<obj type="VirtualMachine">' "$vms"
expect "filler VM" '>vm-00003<' "$vms"
count "VMs of the same name" 2 '>vm-twin<' "$vms"
count "hosts" 4 '<obj type="HostSystem">' "$(every HostSystem name)"
expect "down host" '>notResponding<' "$(every HostSystem runtime.connectionState)"
expect "datastore" 'ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/' "$(every Datastore info.url)"
expect "guest disk" '<diskPath>/var</diskPath><capacity>21474836480</capacity><freeSpace>5368709120</freeSpace>' \
    "$(props VirtualMachine vm-101 guest.disk)"
expect "wrong path" InvalidPropertyFault "$(props VirtualMachine vm-101 name nonsense)"
expect "wrong object" ManagedObjectNotFoundFault "$(props VirtualMachine vm-999 name)"
page=$(every VirtualMachine name '<maxObjects>10</maxObjects>')
count "first page" 10 '<objects>' "$page"
token=$(printf '%s' "$page" | sed -n 's/.*<token>\([^<]*\)<.*/\1/p')
count "second page" 7 '<objects>' "$(soap "<ContinueRetrievePropertiesEx xmlns=\"urn:vim25\">
<_this type=\"PropertyCollector\">propertyCollector</_this><token>$token</token></ContinueRetrievePropertiesEx>")"
guest=$(processes vm-101 p4ssw0rd)
count "guest processes" 87 '<returnval>' "$guest"
count "web server processes" 6 '/usr/sbin/apache2' "$guest"
expect "guest login" InvalidGuestLoginFault "$(processes vm-101 wrong)"
admin POST /set '{"type":"VirtualMachine","name":"ns01.example.org","path":"guest.toolsRunningStatus","value":"guestToolsNotRunning"}' >/dev/null
expect "guest without Tools" GuestOperationsUnavailableFault "$(processes vm-102 p4ssw0rd)"
count "snapshots" 4 '<createTime>' "$(props VirtualMachine vm-101 snapshot)"
count "alarms" 3 '<AlarmState>' "$(props Folder group-d1 triggeredAlarmState)"
count "events" 1 '<returnval xsi:type="GeneralUserEvent"\|type="GeneralUserEvent">' "$(soap '<QueryEvents xmlns="urn:vim25">
<_this type="EventManager">EventManager</_this><filter><category>user</category></filter></QueryEvents>')"
collector_of_events=$(soap '<CreateCollectorForEvents xmlns="urn:vim25"><_this type="EventManager">EventManager</_this>
<filter><category>error</category></filter></CreateCollectorForEvents>' | sed -n 's/.*type="EventHistoryCollector">\([^<]*\)<.*/\1/p')
count "latest page" 2 '<Event ' "$(props EventHistoryCollector "$collector_of_events" latestPage)"
count "intervals" 4 '<PerfInterval>' "$(props PerformanceManager PerfMgr historicalInterval)"
expect "performance data" '<sampleInfoCSV>20,' "$(soap '<QueryPerf xmlns="urn:vim25"><_this type="PerformanceManager">PerfMgr</_this>
<querySpec><entity type="VirtualMachine">vm-101</entity><maxSample>1</maxSample><metricId><counterId>2</counterId><instance/></metricId>
<intervalId>20</intervalId><format>csv</format></querySpec></QueryPerf>')"

echo "updates"
soap "<CreateFilter xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">propertyCollector</_this>
<spec>$(view_spec VirtualMachine runtime.powerState)</spec><partialUpdates>false</partialUpdates></CreateFilter>" >/dev/null
first=$(wait_for_updates '')
count "first update" 17 '<objectSet>' "$first"
version=$(printf '%s' "$first" | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
expect "set" '"changed":1' "$(admin POST /set '{"type":"VirtualMachine","name":"vm01.example.org","path":"runtime.powerState","value":"poweredOff"}')"
expect "update" '>poweredOff<' "$(wait_for_updates "$version")"
expect "calls" '"WaitForUpdatesEx":2' "$(admin GET /calls)"
admin POST /deny '{"type":"VirtualMachine","path":"config.annotation","privilege":"System.Read"}' >/dev/null
expect "denied property" 'NoPermission' "$(props VirtualMachine vm-101 config.annotation)"
expect "event" '"key":10' "$(admin POST /event '{"_type":"GeneralUserEvent","message":"x"}')"
expect "sessions dropped" '"dropped":1' "$(admin POST /sessions/drop)"
expect "read after the drop" NotAuthenticatedFault "$(props VirtualMachine vm-101 name)"

echo "churn"
start -fixtures none -vm 2
login p4ssw0rd >/dev/null
soap "<CreateFilter xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">propertyCollector</_this>
<spec>$(view_spec VirtualMachine summary.quickStats.overallCpuUsage)</spec><partialUpdates>false</partialUpdates></CreateFilter>" >/dev/null
first=$(wait_for_updates '')
version=$(printf '%s' "$first" | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
expect "churn" '"ok":true' "$(admin POST /churn '{"together":0.1}')"
expect "update of the churn" 'summary.quickStats.overallCpuUsage' "$(wait_for_updates "$version")"
expect "churn below nothing" 'must not be negative' "$(admin POST /churn '{"rate":-1}')"

echo "declared types"
start -library-updates=false
login p4ssw0rd >/dev/null
cluster=$(every ClusterComputeResource name | sed -n 's/.*type="ClusterComputeResource">\([^<]*\)<.*/\1/p')
expect "member of the base type" '<name>summary.numHosts</name>' "$(props ClusterComputeResource "$cluster" summary.numHosts)"
for path in summary.currentFailoverLevel summary.numVmotions configurationEx.dasConfig.enabled configurationEx.drsConfig.enabled \
    Summary.numHosts; do
    expect "member of a subtype, $path" InvalidPropertyFault "$(props ClusterComputeResource "$cluster" "$path")"
    expect "filter on a member of a subtype, $path" InvalidPropertyFault "$(watch "$(view_spec ClusterComputeResource "$path")")"
done
expect "declared subtype" '<name>configuration.dasConfig</name>' "$(props ClusterComputeResource "$cluster" configuration.dasConfig)"
expect "whole property" 'ClusterComputeResourceSummary' "$(props ClusterComputeResource "$cluster" summary)"
watch "$(view_spec ClusterComputeResource summary)" true >/dev/null
version=$(wait_for_updates '' | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
admin POST /set "{\"type\":\"ClusterComputeResource\",\"moid\":\"$cluster\",\"path\":\"summary.numVmotions\",\"value\":7}" >/dev/null
expect "partial update of a subtype" '<name>summary</name>' "$(wait_for_updates "$version")"

echo "accounts that see a part"
start
login p4ssw0rd >/dev/null
folder=$(props VirtualMachine vm-112 parent | sed -n 's/.*type="Folder"[^>]*>\([^<]*\)<.*/\1/p')
host=$(props VirtualMachine vm-112 runtime.host | sed -n 's/.*type="HostSystem"[^>]*>\([^<]*\)<.*/\1/p')
admin POST /deny '{"type":"VirtualMachine","path":"config.annotation","privilege":"System.Read","below":"VirtualMachine:vm-101"}' >/dev/null
count "denied on one object" 1 'NoPermission"' "$(every VirtualMachine config.annotation)"
expect "account" '"ok":true' "$(admin POST /account "{\"user\":\"tenant\",\"password\":\"x\",\"below\":[\"Folder:$folder\"]}")"
rm -f "$work/cookies"
user=tenant
expect "wrong password of a tenant" InvalidLoginFault "$(login p4ssw0rd)"
expect "login of a tenant" '<userName>tenant</userName>' "$(login x)"
count "VMs of a tenant" 1 '<obj type="VirtualMachine">' "$(every VirtualMachine name)"
count "hosts of a tenant" 0 '<obj type="HostSystem">' "$(every HostSystem name)"
count "what is above" 1 '<obj type="Datacenter">' "$(every Datacenter name)"
expect "root folder's name" '>Datacenters<' "$(props Folder group-d1 name)"
expect "root folder's alarms" '>System.Read<' "$(props Folder group-d1 triggeredAlarmState)"
count "children of the root folder" 1 '<ManagedObjectReference ' "$(props Folder group-d1 childEntity)"
expect "hidden object" '>System.View<' "$(props HostSystem "$host" name overallStatus)"
counters() {
    soap "<QueryAvailablePerfMetric xmlns=\"urn:vim25\"><_this type=\"PerformanceManager\">PerfMgr</_this>
<entity type=\"$1\">$2</entity><intervalId>20</intervalId></QueryAvailablePerfMetric>"
}
expect "counters of a hidden object" NoPermissionFault "$(counters HostSystem "$host")"
expect "counters" '<counterId>' "$(counters VirtualMachine vm-112)"
watch "$(view_spec VirtualMachine runtime.powerState)" >/dev/null
first=$(wait_for_updates '')
count "first update of a tenant" 1 '<objectSet>' "$first"
version=$(printf '%s' "$first" | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
admin POST /set '{"type":"VirtualMachine","moid":"vm-111","path":"runtime.powerState","value":"suspended"}' >/dev/null
admin POST /set '{"type":"VirtualMachine","moid":"vm-112","path":"runtime.powerState","value":"poweredOff"}' >/dev/null
expect "update of a tenant" '>poweredOff<' "$(wait_for_updates "$version")"
admin POST /account "{\"user\":\"tenant\",\"below\":[\"Folder:$folder\"],\"gone\":true}" >/dev/null
expect "counters of an object that is gone for a tenant" ManagedObjectNotFoundFault "$(counters HostSystem "$host")"
expect "object that is gone for a tenant" ManagedObjectNotFound "$(props HostSystem "$host" name)"
start -api-version 8.0.1.0
user=
login p4ssw0rd >/dev/null
admin POST /deny '{"type":"VirtualMachine","path":"config.annotation","privilege":"System.Read"}' >/dev/null
expect "newer NoPermission" '<missingPrivileges><entity type="VirtualMachine">vm-101</entity><privilegeIds>System.Read</privilegeIds></missingPrivileges>' \
    "$(props VirtualMachine vm-101 config.annotation)"

echo "objects that are not whole"
start -library-updates=false
login p4ssw0rd >/dev/null
watch "$(view_spec VirtualMachine name)" >/dev/null
version=$(wait_for_updates '' | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
expect "half-made VM" '"moid":"vm-1015"' "$(admin POST /vm/create '{"name":"clone","only":[]}')"
entered=$(wait_for_updates "$version")
expect "half-made VM enters" '<kind>enter</kind><obj type="VirtualMachine">vm-1015</obj></objectSet>' "$entered"
version=$(printf '%s' "$entered" | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
listed=$(every VirtualMachine name)
expect "half-made VM is listed" '>vm-1015<' "$listed"
count "its name is not" 0 '>clone<' "$listed"
expect "whole VM" '"changed":1' "$(admin POST /mask '{"type":"VirtualMachine","moid":"vm-1015"}')"
whole=$(wait_for_updates "$version")
expect "whole VM's name" '>clone<' "$whole"
version=$(printf '%s' "$whole" | sed -n 's/.*<version>\([^<]*\)<.*/\1/p')
expect "phantom" '"filters":1' "$(admin POST /update '{"kind":"enter","type":"VirtualMachine","moid":"vm-9001","removed":["name"]}')"
expect "phantom enters" '<name>name</name><op>indirectRemove</op>' "$(wait_for_updates "$version")"
expect "phantom is not there" ManagedObjectNotFoundFault "$(props VirtualMachine vm-9001 name)"
admin POST /mask '{"type":"VirtualMachine","moid":"vm-102","hide":["name"]}' >/dev/null
count "nameless VM" 0 'ns01.example.org' "$(every VirtualMachine name)"
admin POST /vanish '{"type":"VirtualMachine","moid":"vm-103","times":2}' >/dev/null
expect "vanishing VM" ManagedObjectNotFoundFault "$(every VirtualMachine name)"
expect "statistics of a vanishing VM" ManagedObjectNotFoundFault "$(counters VirtualMachine vm-103)"
count "after it" 15 '<obj type="VirtualMachine">' "$(every VirtualMachine name)"
expect "alarm" '"alarm":"alarm-901"' "$(admin POST /alarm '{"on":"Folder:group-d1","entities":["VirtualMachine:vm-9001","VirtualMachine:vm-9002"],"status":"red","systemName":"alarm.x"}')"
count "alarms on what is not there" 2 '<entity type="VirtualMachine">vm-900' "$(props Folder group-d1 triggeredAlarmState)"
expect "nameless alarm" '<systemName>alarm.x</systemName>' "$(props Alarm alarm-901 info)"

echo "events"
start -first-event-key 2147483644
login p4ssw0rd >/dev/null
collector_of_events=$(soap '<CreateCollectorForEvents xmlns="urn:vim25"><_this type="EventManager">EventManager</_this>
<filter/></CreateCollectorForEvents>' | sed -n 's/.*type="EventHistoryCollector">\([^<]*\)<.*/\1/p')
read_events() {
    soap "<$1 xmlns=\"urn:vim25\"><_this type=\"EventHistoryCollector\">$collector_of_events</_this>${2:+<maxCount>$2</maxCount>}</$1>"
}
keys() {
    printf '%s' "$1" | grep -o '<key>[^<]*</key><chainId>' | sed 's/<key>//;s/<.*//' | tr '\n' ' '
}
read_events RewindCollector >/dev/null
expect "keys that wrap" '2147483644 2147483645 2147483646 2147483647 -2147483648 -2147483647 ' "$(keys "$(read_events ReadNextEvents 6)")"
expect "backwards" '-2147483647 -2147483648 2147483647 2147483646 ' "$(keys "$(read_events ReadPreviousEvents 4)")"
read_events ResetCollector >/dev/null
admin POST /events/hide '{"types":["VmPoweredOnEvent","ExtendedEvent","GeneralUserEvent","UserLoginSessionEvent"]}' >/dev/null
read_events SetCollectorPageSize 3 >/dev/null
read_events ResetCollector >/dev/null
count "page with gaps" 0 '<chainId>' "$(props EventHistoryCollector "$collector_of_events" latestPage)"
count "older events" 3 '<chainId>' "$(read_events ReadPreviousEvents 4)"
view_events() {
    soap "<QueryEvents xmlns=\"urn:vim25\"><_this type=\"EventManager\">EventManager</_this><filter><maxCount>2</maxCount></filter>
<eventViewSpec xsi:type=\"EventManagerViewByStartId\"><startEventId>$1</startEventId><isForward>$2</isForward></eventViewSpec></QueryEvents>"
}
expect "view of an old server" InvalidRequestFault "$(view_events 1003 true)"
start -api-version 9.0.0.0
login p4ssw0rd >/dev/null
expect "newer events" '1004 1005 ' "$(keys "$(view_events 1003 true)")"
expect "older events" '1002 1001 ' "$(keys "$(view_events 1003 false)")"

echo "sessions"
start -versions-page 503
page() {
    curl -sS --max-time "${1:-20}" --cacert "$work/ca.pem" -w ' status %{http_code}' "$base/sdk/vimServiceVersions.xml" 2>&1 || true
}
expect "versions page without service" 'status 503' "$(page)"
admin POST /versions '{"hang":true}' >/dev/null
expect "versions page that hangs" 'timed out' "$(page 0.3)"
admin POST /versions '{"prefix":"uA046D008"}' >/dev/null
expect "versions page after a word" 'uA046D008<?xml' "$(page)"
admin POST /login/refuse '{"times":1}' >/dev/null
expect "refused login" InvalidLoginFault "$(login p4ssw0rd)"
expect "login after it" '<userName>root</userName>' "$(login p4ssw0rd)"
expect "stale sessions" '"sessions":1' "$(admin POST /sessions/stale '{}')"
expect "guest of a stale session" NotAuthenticatedFault "$(processes vm-101 p4ssw0rd)"
expect "read of a stale session" 'vm01.example.org' "$(props VirtualMachine vm-101 name)"
rm -f "$work/cookies"
login p4ssw0rd >/dev/null
count "guest of a new session" 87 '<returnval>' "$(processes vm-101 p4ssw0rd)"

echo "reads and samples"
start -max-query-metrics 2 -oversized-query 500 -sparse-capacity absent -unset-removed -library-updates=false \
    -sample-clock 2026-01-01T10:20:00Z
login p4ssw0rd >/dev/null
admin POST /pages '{"size":10,"refuse":true}' >/dev/null
page=$(every VirtualMachine name)
count "page of the server's size" 10 '<objects>' "$page"
token=$(printf '%s' "$page" | sed -n 's/.*<token>\([^<]*\)<.*/\1/p')
expect "refused page" '<privilegeId>System.View<' "$(soap "<ContinueRetrievePropertiesEx xmlns=\"urn:vim25\">
<_this type=\"PropertyCollector\">propertyCollector</_this><token>$token</token></ContinueRetrievePropertiesEx>")"
counter() {
    props PerformanceManager PerfMgr perfCounter | sed 's/<PerfCounterInfo>/\n&/g' |
        sed -n "s/.*<key>\([0-9]*\)<\/key>.*<key>$2<\/key><\/nameInfo>.*<key>$1<\/key><\/groupInfo>.*<rollupType>latest<.*/\1/p" | head -n 1
}
store_samples() {
    soap "<QueryPerf xmlns=\"urn:vim25\"><_this type=\"PerformanceManager\">PerfMgr</_this>
<querySpec><entity type=\"Datastore\">datastore-11</entity><startTime>2026-01-01T09:20:00Z</startTime>$1
<intervalId>300</intervalId><format>csv</format></querySpec></QueryPerf>"
}
metric() {
    printf '<metricId><counterId>%s</counterId><instance></instance></metricId>' "$1"
}
used=$(counter disk used)
[ -n "$used" ] || die "no counter disk.used"
expect "sparse samples" '<sampleInfoCSV>300,2026-01-01T09:30:00Z,300,2026-01-01T10:00:00Z</sampleInfoCSV>' "$(store_samples "$(metric "$used")")"
count "oversized query" 0 'Envelope' "$(store_samples "$(metric 1)$(metric 2)$(metric "$used")")"
admin POST /filters/silence '{"next":1,"type":"VirtualMachine"}' >/dev/null
expect "silent filter" 'PropertyFilter' "$(watch "$(view_spec VirtualMachine name)")"
watch "$(view_spec VirtualMachine guest.disk)" >/dev/null
first=$(wait_for_updates '')
count "first values" 0 '>vm01.example.org<' "$first"
expect "unset first value" '<name>guest.disk</name><op>indirectRemove</op>' "$first"

echo "odd things"
start -fixtures odd
login p4ssw0rd >/dev/null
odd=$(every VirtualMachine name)
count "VMs" 33 '<obj type="VirtualMachine">' "$odd"
for name in 'vm0\*' '\*' 'host: old' 'cluster:2' 'a%2fb' ' padded '; do
    count "VM $name" 1 ">$name</val>" "$odd"
done
count "pair" 2 '>ft-pair</val>' "$odd"
expect "primary" '>1</val>' "$(props VirtualMachine vm-332 config.ftInfo.role)"
expect "secondary" 'FaultToleranceSecondaryConfigInfo' "$(props VirtualMachine vm-331 config.ftInfo)"
expect "broken VM" '>inaccessible</val>' "$(props VirtualMachine vm-333 config runtime.connectionState runtime.host)"
stores=$(every Datastore summary.url)
for spelled in 'ds:///vmfs/volumes/vsan:' 'ds:///vmfs/volumes/vvol:' '>/vmfs/volumes/' 'b1e2-90b11c2907a1</val>'; do
    count "datastore $spelled" 1 "$spelled" "$stores"
done
expect "samples of vSAN" '<instance>vsan:52d1ab2f5b6ef2d8-c3a7d1f6e0b94a11</instance>' "$(counters HostSystem \
    "$(props VirtualMachine vm-301 runtime.host | sed -n 's/.*type="HostSystem"[^>]*>\([^<]*\)<.*/\1/p')")"
start -fixtures odd -esx
login p4ssw0rd ha-sessionmgr >/dev/null
root=ha-folder-root collector=ha-property-collector
expect "datastore of a host" '>/vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079f</val>' "$(every Datastore summary.url)"
unset root collector

echo "ESXi host"
start -esx
content=$(soap '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent>')
expect "content" HostAgent "$content"
count "instance UUID" 0 instanceUuid "$content"
login p4ssw0rd ha-sessionmgr >/dev/null
root=ha-folder-root collector=ha-property-collector
expect "host" '>esxi-standalone.example.org<' "$(every HostSystem name)"
count "VMs" 2 '<obj type="VirtualMachine">' "$(every VirtualMachine name)"
kill "$pid"
wait "$pid" || die "the program did not end cleanly"
pid=
echo "all good"
