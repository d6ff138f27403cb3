complete -c zabbix-vsphere-import -s f -l file -d 'The configuration, in YAML' -r -F
complete -c zabbix-vsphere-import -l max-delete -d 'With -d: delete up to so many hosts of each type, or such a share of them; otherwise none (default: 10 or 20%, whichever is more)' -r
complete -c zabbix-vsphere-import -s d -l delete -d 'Delete hosts of ours whose object is gone'
complete -c zabbix-vsphere-import -l allow-empty -d 'With -d: delete them also when vSphere lists no object of their type at all'
complete -c zabbix-vsphere-import -l dry-run -d 'Print what would be done, and do nothing'
complete -c zabbix-vsphere-import -s D -l debug -d 'Log every request'
complete -c zabbix-vsphere-import -s v -l version -d 'Print the version'
complete -c zabbix-vsphere-import -s h -l help -d 'Print help'
