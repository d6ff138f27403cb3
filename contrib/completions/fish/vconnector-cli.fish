complete -c vconnector-cli -s d -l database -d 'The database' -r -F
complete -c vconnector-cli -s H -l host -d 'The vSphere host, as requests will name it' -r
complete -c vconnector-cli -s U -l user -d 'User on that host' -r
complete -c vconnector-cli -s P -l pwd -d 'The user\'s password; other users can see it in the process list' -r
complete -c vconnector-cli -l port -d 'Port of the host\'s API, with add and update [default: 443]' -r
complete -c vconnector-cli -l fingerprint -d 'With trust: pin the certificate with this SHA-256 fingerprint' -r
complete -c vconnector-cli -l ca-file -d 'With trust: accept certificates that an authority in this PEM file vouches for' -r -F
complete -c vconnector-cli -s o -l output -d 'Append log lines to a file instead of printing them on stderr' -r -F
complete -c vconnector-cli -l pwd-stdin -d 'Read the password from the first line of stdin; on a terminal, and without -P, it is asked for'
complete -c vconnector-cli -l hide -d 'Print no passwords, with get'
complete -c vconnector-cli -l wide -d 'Print ports and certificate checks too, with get'
complete -c vconnector-cli -l yes -d 'With trust: pin the certificate that the host presents without asking'
complete -c vconnector-cli -l verify -d 'With trust: accept certificates that the system\'s authorities vouch for'
complete -c vconnector-cli -l off -d 'With trust: accept any certificate; whoever sits in between can read the password'
complete -c vconnector-cli -s D -l debug -d 'Log more'
complete -c vconnector-cli -s v -l version -d 'Print the version'
complete -c vconnector-cli -s h -l help -d 'Print help'
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a init
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a add
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a update
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a enable
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a disable
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a remove
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a get
complete -c vconnector-cli -n "not __fish_seen_subcommand_from init add update enable disable remove get trust" -f -a trust
