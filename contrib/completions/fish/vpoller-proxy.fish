complete -c vpoller-proxy -s f -l file -l config -d 'Configuration file [default: /etc/vpoller/vpoller.conf]' -r -F
complete -c vpoller-proxy -s o -l output -d 'Append the log to a file instead of stderr; "-" is stderr' -r -F
complete -c vpoller-proxy -s p -l pidfile -d 'Write the process id to a file' -r -F
complete -c vpoller-proxy -s e -l endpoint -d 'Management endpoint of the proxy to ask, for example tcp://localhost:9999 (stop, status and health)' -r
complete -c vpoller-proxy -s d -l debug -d 'Log everything, each request included'
complete -c vpoller-proxy -s W -l warning -d 'Log only what needs attention'
complete -c vpoller-proxy -l check-config -d 'Print the configuration that is in force and what is wrong with it, and do nothing else'
complete -c vpoller-proxy -s v -l version -d 'Print the version'
complete -c vpoller-proxy -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vpoller-proxy -n "not __fish_seen_subcommand_from start stop status health" -f -a start -d 'Run in the foreground and log to stderr'
complete -c vpoller-proxy -n "not __fish_seen_subcommand_from start stop status health" -f -a stop -d 'Stop a running proxy'
complete -c vpoller-proxy -n "not __fish_seen_subcommand_from start stop status health" -f -a status -d 'Ask a running proxy how it is'
complete -c vpoller-proxy -n "not __fish_seen_subcommand_from start stop status health" -f -a health -d 'Ask a running proxy, by default that of the configuration file, whether it does its work: exit code 0 or 1, and one line'
