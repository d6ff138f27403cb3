complete -c vpoller-client -s V -l vsphere-host -d 'The vSphere host to ask, as registered with vconnector-cli' -r
complete -c vpoller-client -s n -l name -d 'Name of the object; for a datastore its URL' -r
complete -c vpoller-client -s p -l properties -d 'Property names, separated by commas' -r
complete -c vpoller-client -s k -l key -d 'Guest disk, part of a command line, type of object, or events' -r
complete -c vpoller-client -s U -l guest-username -d 'User in the guest system' -r
complete -c vpoller-client -s P -l guest-password -d 'Password in the guest system; other users can see it in the process list' -r
complete -c vpoller-client -l password-file -d 'File whose first line is the guest password, - for stdin [without: $VPOLLER_GUEST_PASSWORD]' -r -F
complete -c vpoller-client -s c -l counter -d 'Performance counter: GROUP.NAME.UNIT.ROLLUP, or its number' -r
complete -c vpoller-client -s i -l instance -d 'Instance of the performance counter' -r
complete -c vpoller-client -s s -l max-sample -d 'Number of performance samples' -r
complete -c vpoller-client -s T -l perf-interval -d 'Historical performance interval' -r
complete -c vpoller-client -s e -l endpoint -d 'The proxy\'s frontend' -r
complete -c vpoller-client -s r -l retries -d 'How often the request is sent before giving up' -r
complete -c vpoller-client -s t -l timeout -d 'How long each attempt waits, in milliseconds' -r
complete -c vpoller-client -l local -d 'Ask the vSphere host from here, without proxy and workers: runs vpoller-worker, with its usual configuration or the one given' -r -F
complete -c vpoller-client -l watch -d 'Ask again every so many seconds, until interrupted; with --exit-code until there is no good reply' -r
complete -c vpoller-client -s m -l method -d 'What to do, such as vm.get or datastore.discover' -r -f -a "about\t''
event.latest\t''
event.get\t''
alarm.get\t''
session.get\t''
perf.counter.info\t''
perf.metric.info\t''
perf.interval.info\t''
perf.get\t''
object.discover\t''
object.get\t''
net.discover\t''
net.get\t''
net.host.get\t''
net.vm.get\t''
datacenter.discover\t''
datacenter.get\t''
datacenter.alarm.get\t''
datacenter.perf.counter.info\t''
datacenter.perf.metric.info\t''
datacenter.perf.metric.get\t''
datacenter.summary.get\t''
cluster.discover\t''
cluster.get\t''
cluster.alarm.get\t''
cluster.perf.counter.info\t''
cluster.perf.metric.info\t''
cluster.perf.metric.get\t''
cluster.summary.get\t''
resource.pool.discover\t''
resource.pool.get\t''
resource.pool.vm.get\t''
host.discover\t''
host.get\t''
host.alarm.get\t''
host.cluster.get\t''
host.vm.get\t''
host.net.get\t''
host.datastore.get\t''
host.perf.counter.info\t''
host.perf.metric.info\t''
host.perf.metric.get\t''
vm.discover\t''
vm.get\t''
vm.alarm.get\t''
vm.disk.discover\t''
vm.disk.get\t''
vm.guest.net.get\t''
vm.net.get\t''
vm.datastore.get\t''
vm.host.get\t''
vm.process.get\t''
vm.cpu.usage.percent\t''
vm.snapshot.get\t''
vm.snapshot.summary.get\t''
vm.perf.counter.info\t''
vm.perf.metric.info\t''
vm.perf.metric.get\t''
datastore.discover\t''
datastore.get\t''
datastore.alarm.get\t''
datastore.host.get\t''
datastore.vm.get\t''
datastore.perf.counter.info\t''
datastore.perf.metric.info\t''
datastore.perf.metric.get\t''
vsan.health.get\t''"
complete -c vpoller-client -s H -l helper -d 'How the reply is to be printed, such as vpoller.helpers.csvhelper' -r -f -a "vpoller.helpers.zabbix\t''
vpoller.helpers.czabbix\t''
vpoller.helpers.csvhelper\t''
vpoller.helpers.cclient\t''
vpoller.helpers.zabbix.raw\t''
vpoller.helpers.zabbix.json\t''"
complete -c vpoller-client -l exit-code -d 'Exit with 1 when the reply is a failure and with 2 when there is none, instead of 0'
complete -c vpoller-client -l pretty -d 'Indent a JSON reply'
complete -c vpoller-client -s d -l debug -d 'Log what is sent'
complete -c vpoller-client -s v -l version -d 'Print the version'
complete -c vpoller-client -s h -l help -d 'Print help'
