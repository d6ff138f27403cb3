complete -c vpoller-cclient -s V -d 'The vSphere host to ask, as registered with vconnector-cli' -r
complete -c vpoller-cclient -s n -d 'Name of the object; for a datastore its URL' -r
complete -c vpoller-cclient -s p -d 'Property names, separated by commas' -r
complete -c vpoller-cclient -s r -d 'How often the request is sent before giving up' -r
complete -c vpoller-cclient -s t -d 'How long each attempt waits, in milliseconds' -r
complete -c vpoller-cclient -s e -d 'The proxy\'s frontend' -r
complete -c vpoller-cclient -s k -d 'Path of a guest disk, or a part of a command line' -r
complete -c vpoller-cclient -s c -d 'Performance counter: GROUP.NAME.UNIT.ROLLUP, or its number' -r
complete -c vpoller-cclient -s s -d 'Number of performance samples' -r
complete -c vpoller-cclient -s i -d 'Instance of the performance counter' -r
complete -c vpoller-cclient -s T -d 'Historical performance interval' -r
complete -c vpoller-cclient -s U -d 'User in the guest system' -r
complete -c vpoller-cclient -s P -d 'Password in the guest system; other users can see it in the process list' -r
complete -c vpoller-cclient -s m -d 'What to do, such as vm.get or datastore.discover' -r -f -a "about\t''
event.latest\t''
event.get\t''
alarm.get\t''
session.get\t''
object.discover\t''
object.get\t''
net.discover\t''
net.get\t''
net.host.get\t''
net.vm.get\t''
datacenter.discover\t''
datacenter.get\t''
datacenter.alarm.get\t''
datacenter.summary.get\t''
cluster.discover\t''
cluster.get\t''
cluster.alarm.get\t''
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
datastore.discover\t''
datastore.get\t''
datastore.alarm.get\t''
datastore.host.get\t''
datastore.vm.get\t''
vsan.health.get\t''"
complete -c vpoller-cclient -s H -d 'How the reply is to be printed' -r -f -a "vpoller.helpers.zabbix\t''
vpoller.helpers.czabbix\t''
vpoller.helpers.csvhelper\t''
vpoller.helpers.cclient\t''
vpoller.helpers.zabbix.raw\t''
vpoller.helpers.zabbix.json\t''"
