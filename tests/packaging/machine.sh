#!/usr/bin/env bash
# tests/packaging/machine.sh PACKAGE: installs the Debian package, runs its services and takes it away again, on a copy of this
# machine that vanishes afterwards (tools/netns-run). Every answer is printed and checked.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
package=$(readlink -f "$1")
if [ "$$" -gt 100 ] || ! ip link show lo | grep -q UP; then
    echo "run it as: tools/netns-run $0 $1" >&2
    exit 2
fi
. tests/demo-lib.sh

# The machine: everything as it is here, what is written goes to memory. It lies outside of $work, which is cleared away at the
# end, and has devices of its own, so that nothing done to it can reach those of the real machine.
mount -t tmpfs -o mode=755 tmpfs /mnt
machine=/mnt/machine
mkdir $machine /mnt/changes /mnt/overlay
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/overlay $machine
mount -t proc proc $machine/proc
mount -t tmpfs tmpfs $machine/run
mount -t tmpfs -o mode=755 tmpfs $machine/dev
for device in null zero full random urandom tty; do
    touch $machine/dev/$device
    mount --bind /dev/$device $machine/dev/$device
done
ln -s /proc/self/fd $machine/dev/fd
cp "$package" $machine/tmp/vpoller.deb
on() { ask "chroot $machine $1"; }

ours() {
    (cd "$machine" && find etc usr/bin usr/lib usr/share run var/lib var/log -xdev \( -name '*vpoller*' -o -name '*vconnector*' \) | sort
        grep -l vpoller etc/passwd etc/group etc/shadow)
}
running() { pgrep -x "$1" >"$work/pids"; }
gone() { ! running "$1"; }
is_running() { until_true 20 "a running $1" running "$1"; }
is_gone() { until_true 20 "the end of $1" gone "$1"; }
process() { pgrep -x "$1" | head -n1; }

title "Installing into another root, with the scripts outside of it"
other=/mnt/other
mkdir -p $other/etc $other/var/lib/dpkg/info $other/var/lib/dpkg/updates
touch $other/var/lib/dpkg/status
printf 'root:x:0:0:root:/root:/bin/sh\nsomebody:x:995:995::/:/bin/sh\n' >$other/etc/passwd
printf 'root:x:0:\nsomebody:x:995:\n' >$other/etc/group
from_outside="dpkg --root=$other --log=/mnt/dpkg.log --force-script-chrootless --force-depends"
ask "$from_outside -i $package"
exits 0
ask "cut -d: -f1,6 $other/etc/passwd"
has '^vpoller:/var/lib/vconnector$'
ask "stat -c %u $other/var/lib/vconnector"
is "$(sed -n 's/^vpoller:x:\([0-9]*\):.*/\1/p' $other/etc/passwd)"
ask "$from_outside -P vpoller"
exits 0
ask "find $other -name '*vpoller*' -o -name '*vconnector*'; grep vpoller $other/etc/passwd"
is ''

title "Installing"
before=$(ours)
on 'dpkg -i /tmp/vpoller.deb'
exits 0
on 'getent passwd vpoller'
has '^vpoller:x:[0-9]+:[0-9]+:vPoller:/var/lib/vconnector:/usr/sbin/nologin$'
ask "stat -c '%U %a' $machine/var/log/vpoller; chroot $machine stat -c '%U:%G %a' /var/lib/vconnector"
has '^root 755$'
has '^vpoller:vpoller 750$'
ask "ls $machine/etc/rc2.d | grep vpoller"
has '^K.*vpoller-proxy$'
ask 'pgrep -c vpoller'
is 0

title "Services: init scripts"
on 'vconnector-cli init'
exits 0
on "stat -c '%U:%G %a' /var/lib/vconnector/vconnector.db"
is 'vpoller:vpoller 600'
on '/etc/init.d/vpoller-proxy status'
exits 3
on '/etc/init.d/vpoller-proxy start'
exits 0
on '/etc/init.d/vpoller-worker start'
exits 0
ask 'ps -o uid= -C vpoller-proxy,vpoller-worker | sort -u'
has "^ *$(chroot "$machine" id -u vpoller)\$"
proxy=$(process vpoller-proxy)
on '/etc/init.d/vpoller-proxy start'
exits 0
if [ "$(process vpoller-proxy)" = "$proxy" ]; then verdict yes; else verdict no "a second start changes nothing"; fi
on '/etc/init.d/vpoller-proxy status'
exits 0
has '"success": 0'
on '/etc/init.d/vpoller-worker fullstatus'
exits 0
has '"concurrency"'
on 'vpoller-client -m about -V vc01.example.org'
has 'Unknown or missing agent name'
on '/etc/init.d/vpoller-worker reload'
exits 0
until_true 20 'hosts read again' grep -q 'vSphere hosts read again' "$machine/var/log/vpoller/vpoller-worker.log"
on '/etc/init.d/vpoller-proxy restart'
exits 0
if [ "$(process vpoller-proxy)" != "$proxy" ]; then verdict yes; else verdict no "a restart makes a new process"; fi

title "Services: several workers"
printf '[worker]\nmgmt = tcp://*:10001\n' >"$machine/etc/vpoller/workers/first.conf"
printf '[worker]\nmgmt = tcp://*:10002\n' >"$machine/etc/vpoller/workers/the second.conf"
printf '[worker]\nmgmt = nowhere\n' >"$machine/etc/vpoller/workers/wrong.conf"
on '/etc/init.d/vpoller-workers start'
exits 1
has_error 'mgmt = "nowhere"'
rm "$machine/etc/vpoller/workers/wrong.conf"
on '/etc/init.d/vpoller-workers status'
exits 0
has 'tcp://.*:10001'
has 'tcp://.*:10002'
on '/etc/init.d/vpoller-workers stop'
exits 0
on '/etc/init.d/vpoller-workers status'
exits 3
on '/etc/init.d/vpoller-worker status'
exits 0

title "Logs"
on 'logrotate --force /etc/logrotate.d/vpoller'
exits 0
on '/etc/init.d/vpoller-worker reload'
until_true 20 'a new line in the emptied log' grep -q 'vSphere hosts read again' "$machine/var/log/vpoller/vpoller-worker.log"
ask "head -n 1 $machine/var/log/vpoller/vpoller-worker.log $machine/var/log/vpoller/vpoller-worker.log.1"
has 'INFO/MainProcess\] Starting Worker Manager$'

title "An upgrade starts anew what runs, and only that"
on '/etc/init.d/vpoller-worker stop'
exits 0
proxy=$(process vpoller-proxy)
on 'dpkg -i /tmp/vpoller.deb'
exits 0
if [ "$(process vpoller-proxy)" != "$proxy" ]; then verdict yes; else verdict no "a new proxy process"; fi
is_running vpoller-proxy
is_gone vpoller-worker
on '/etc/init.d/vpoller-proxy stop'
exits 0
is_gone vpoller-proxy

title "Services: supervisord"
cp "$machine/usr/share/vpoller/supervisord/vpoller.conf" "$machine/etc/supervisor/conf.d/vpoller.conf"
on supervisord
exits 0
is_running vpoller-proxy
is_running vpoller-worker
both_run() { [ "$(chroot "$machine" supervisorctl status | grep -c RUNNING)" = 2 ]; }
until_true 20 'two programs that supervisord counts as running' both_run
on 'vpoller-proxy --endpoint tcp://localhost:9999 status'
has '"status": "running"'
on 'supervisorctl stop vpoller-worker'
has 'vpoller-worker: stopped'
is_gone vpoller-worker
ask "tail -n 1 $machine/var/log/vpoller/vpoller-worker.log"
has 'Closing Worker process sockets|shutting down'
on 'supervisorctl shutdown'
is_gone vpoller-proxy
rm -f "$machine/etc/supervisor/conf.d/vpoller.conf"

title "Removing and purging"
on '/etc/init.d/vpoller-proxy start'
on 'dpkg -r vpoller'
exits 0
is_gone vpoller-proxy
on '/etc/init.d/vpoller-proxy start'
exits 0
ask "ls $machine/var/lib/vconnector/vconnector.db $machine/etc/vpoller/vpoller.conf"
exits 0
on 'dpkg -P vpoller'
exits 0
on 'dpkg -s vpoller'
exits 1
out=$(ours)
is "$before"

summary
