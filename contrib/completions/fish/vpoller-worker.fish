# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vpoller_worker_global_optspecs
    string join \n d/debug f/file= o/output= p/pidfile= W/warning check-config v/version c/concurrency= e/endpoint= h/help
end

function __fish_vpoller_worker_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vpoller_worker_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vpoller_worker_using_subcommand
    set -l cmd (__fish_vpoller_worker_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s c -l concurrency -d 'Number of threads with a socket; as many as processors when not given, or not above 0' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s e -l endpoint -d 'Management endpoint for stop, status and health, such as tcp://localhost:10000' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s v -l version -d 'Print the version'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -s h -l help -d 'Print help'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -f -a "start" -d 'Serve, in the foreground'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -f -a "stop" -d 'Stop a running worker'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -f -a "status" -d 'Ask a running worker how it is'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -f -a "health" -d 'Ask a running worker, by default that of the configuration file, whether it does its work: exit code 0 or 1, and one line'
complete -c vpoller-worker -n "__fish_vpoller_worker_needs_command" -f -a "run" -d 'Executes one request in this process and prints the reply'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s c -l concurrency -d 'Number of threads with a socket; as many as processors when not given, or not above 0' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s e -l endpoint -d 'Management endpoint for stop, status and health, such as tcp://localhost:10000' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s v -l version -d 'Print the version'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand start" -s h -l help -d 'Print help'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s c -l concurrency -d 'Number of threads with a socket; as many as processors when not given, or not above 0' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s e -l endpoint -d 'Management endpoint for stop, status and health, such as tcp://localhost:10000' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s v -l version -d 'Print the version'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand stop" -s h -l help -d 'Print help'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s c -l concurrency -d 'Number of threads with a socket; as many as processors when not given, or not above 0' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s e -l endpoint -d 'Management endpoint for stop, status and health, such as tcp://localhost:10000' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s v -l version -d 'Print the version'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand status" -s h -l help -d 'Print help'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s c -l concurrency -d 'Number of threads with a socket; as many as processors when not given, or not above 0' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s e -l endpoint -d 'Management endpoint for stop, status and health, such as tcp://localhost:10000' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s v -l version -d 'Print the version'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand health" -s h -l help -d 'Print help'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s V -l vsphere-host -d 'vSphere host, as registered' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s n -l name -d 'Name of the object; URL or name of a datastore' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s p -l properties -d 'Properties, separated by commas' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s k -l key -d 'Disk path, or part of a command line' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s U -l guest-username -d 'Guest user' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s P -l guest-password -d 'Guest password; "-" reads it from standard input' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s c -l counter -d 'Performance counter' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s i -l instance -d 'Instance of the counter' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s s -l max-sample -d 'Number of samples' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s T -l perf-interval -d 'Historical interval' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s t -l timeout -d 'How long to wait, in milliseconds' -r
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s f -l file -l config -d 'Configuration file that names the database' -r -F
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s m -l method -d 'Method to perform' -r -f -a "about\t''
event.latest\t''
event.get\t''
alarm.get\t''
session.get\t''
privilege.missing.get\t''
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
vsan.health.get\t''
vpoller.status\t''"
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s H -l helper -d 'Helper that prints the reply' -r -f -a "vpoller.helpers.zabbix\t''
vpoller.helpers.czabbix\t''
vpoller.helpers.csvhelper\t''
vpoller.helpers.cclient\t''
vpoller.helpers.zabbix.raw\t''
vpoller.helpers.zabbix.json\t''"
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s d -l debug -d 'Log everything on standard error'
complete -c vpoller-worker -n "__fish_vpoller_worker_using_subcommand run" -s h -l help -d 'Print help'
