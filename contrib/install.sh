#!/bin/sh
# contrib/install.sh install | uninstall: puts services, scripts, manual pages, completions and sample configuration in place, or
# takes them away again.
# `make install` calls it and says where things go: DESTDIR, PREFIX, BINDIR, SYSCONFDIR, SCRIPTDIR.
set -eu
cd "$(dirname "$0")"
: "${DESTDIR:=}" "${PREFIX:=/usr/local}" "${BINDIR:=$PREFIX/bin}" "${SYSCONFDIR:=/etc}" "${SCRIPTDIR:=$PREFIX/lib/zabbix/externalscripts}"
# zsh looks into one folder for packages and into another one for everybody else.
if [ "$PREFIX" = /usr ]; then zsh=vendor-completions; else zsh=site-functions; fi

# Mode, file, and where it goes. "keep" is configuration: never written over, never removed.
files() {
    cat <<TXT
644 systemd/vpoller-proxy.service $PREFIX/lib/systemd/system/vpoller-proxy.service
644 systemd/vpoller-worker.service $PREFIX/lib/systemd/system/vpoller-worker.service
644 systemd/vpoller-worker@.service $PREFIX/lib/systemd/system/vpoller-worker@.service
644 systemd/vpoller-exporter.service $PREFIX/lib/systemd/system/vpoller-exporter.service
644 systemd/vpoller-.service.d/sandbox.conf $PREFIX/lib/systemd/system/vpoller-.service.d/sandbox.conf
644 sysusers.d/vpoller.conf $PREFIX/lib/sysusers.d/vpoller.conf
644 tmpfiles.d/vpoller.conf $PREFIX/lib/tmpfiles.d/vpoller.conf
644 init.d/functions $PREFIX/share/vpoller/init-functions
755 init.d/vpoller-proxy $SYSCONFDIR/init.d/vpoller-proxy
755 init.d/vpoller-worker $SYSCONFDIR/init.d/vpoller-worker
755 init.d/vpoller-workers $SYSCONFDIR/init.d/vpoller-workers
644 logrotate.d/vpoller $SYSCONFDIR/logrotate.d/vpoller
644 supervisord/vpoller.conf $PREFIX/share/vpoller/supervisord/vpoller.conf
644 prometheus/vpoller.yml $PREFIX/share/vpoller/prometheus/vpoller.yml
644 prometheus/vsphere.yml $PREFIX/share/vpoller/prometheus/vsphere.yml
644 bench-checks.txt $PREFIX/share/vpoller/bench-checks.txt
644 vcli.source $PREFIX/share/vpoller/vcli.source
644 zabbix-vsphere-import.yaml $PREFIX/share/vpoller/zabbix-vsphere-import.yaml
755 docker/vpoller-start $PREFIX/share/vpoller/docker/vpoller-start
755 externalscripts/vpoller-zabbix $SCRIPTDIR/vpoller-zabbix
755 externalscripts/cvpoller-zabbix $SCRIPTDIR/cvpoller-zabbix
755 externalscripts/cvpoller-zabbix-vm-disk-get $SCRIPTDIR/cvpoller-zabbix-vm-disk-get
keep vpoller.conf $SYSCONFDIR/vpoller/vpoller.conf
keep vpoller_module.conf $SYSCONFDIR/zabbix/vpoller_module.conf
TXT
    for page in man/*; do echo "644 $page $PREFIX/share/man/man${page##*.}/${page#man/}"; done
    for file in completions/bash/*; do echo "644 $file $PREFIX/share/bash-completion/completions/${file##*/}"; done
    for file in completions/zsh/*; do echo "644 $file $PREFIX/share/zsh/$zsh/${file##*/}"; done
    for file in completions/fish/*; do echo "644 $file $PREFIX/share/fish/vendor_completions.d/${file##*/}"; done
}

# The files name our programs where a package has them.
place() { # MODE FILE DESTINATION
    mkdir -p "$(dirname "$3")"
    sed -e "s|/usr/bin/\(v[a-z]*-\)|$BINDIR/\1|g" -e "s|/usr/share/\(doc/\)\{0,1\}vpoller|$PREFIX/share/\1vpoller|g" "$2" >"$3.new"
    chmod "$1" "$3.new"
    mv -f "$3.new" "$3"
}

files | while read -r mode file target; do
    case $1,$mode in
    install,keep) [ -e "$DESTDIR$target" ] || place 644 "$file" "$DESTDIR$target" ;;
    install,*) place "$mode" "$file" "$DESTDIR$target" ;;
    uninstall,keep) ;;
    uninstall,*)
        rm -f "$DESTDIR$target"
        # Folders of our own go with their last file.
        case $(dirname "$target") in
        *vpoller*) rmdir "$(dirname "$DESTDIR$target")" 2>/dev/null || true ;;
        esac
        ;;
    *) echo "usage: contrib/install.sh install|uninstall" >&2 && exit 2 ;;
    esac
done
