# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vpoller_exporter_global_optspecs
    string join \n d/debug f/file= o/output= p/pidfile= W/warning check-config v/version web.listen-address= web.config.file= h/help
end

function __fish_vpoller_exporter_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vpoller_exporter_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vpoller_exporter_using_subcommand
    set -l cmd (__fish_vpoller_exporter_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -l web.listen-address -d 'Where to listen, such as :9272 or 127.0.0.1:9272; may be repeated' -r
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -l web.config.file -d 'File with certificates, users and tokens of the pages' -r -F
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s v -l version -d 'Print the version'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -s h -l help -d 'Print help'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -f -a "health" -d 'Ask an exporter with these settings whether it lives: exit code 0 or 1, and one line'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_needs_command" -f -a "ceilometer-config" -d 'Print the files that make a Ceilometer poll an exporter with these settings: its pollsters, polling.yaml, and a module that sends a token'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand health" -s h -l help -d 'Print help'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -l url -d 'Where Ceilometer reaches the exporter [default: where it listens, as this machine reaches it]' -r
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -l token-file -d 'File in which Ceilometer finds its token, read for every poll' -r
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -l page -d 'Have Ceilometer ask for pages of this many entries, 1000 at least' -r
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -l folder -d 'Write the files below this folder, such as /etc/ceilometer, instead of printing them' -r -F
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -l lists -d 'Ask for all meters of devices that have one unit at once: fewer requests, but on Ceilometer\'s own page for Prometheus devices that are gone stay'
complete -c vpoller-exporter -n "__fish_vpoller_exporter_using_subcommand ceilometer-config" -s h -l help -d 'Print help'
