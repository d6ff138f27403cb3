#!/usr/bin/env bash
# Builds, shows and tests vPoller on the Debian release that this machine does not run: 13 on 12, and 12 on 13 (`make test-other-debian`).
#
# tools/test-other-debian.sh [STEP...]: each step is `demo`, `test`, `deb` or a command for bash in the copied tree; without any, these three.
#
# The release gets a root folder of its own, made by debootstrap from the mirror that apt uses here, and a copy of this tree in it; both stay, so
# a second run only brings them up to date. `rm -r` on the folder takes it all away. It needs root, the network, 12 GB of disk and an hour.
# VPOLLER_OTHER_DEBIAN names another folder.
set -euo pipefail
self=$(readlink -f "$0")
cd "$(dirname "$self")/.."

say() { printf 'test-other-debian: %s\n' "$*"; }
fail() { printf 'test-other-debian: error: %s\n' "$*" >&2; exit 1; }

# What runs inside the new mount and process namespace: DIR becomes /, with devices and processes of its own and the network of this machine.
if [ "${1:-}" = --inside ]; then
    dir=$2
    shift 2
    mount --bind "$dir" "$dir"
    cd "$dir"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    mkdir dev/pts dev/shm dev/old
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "dev/${stream%:*}"; done
    # chroot would do, but a process in one may not make namespaces with users of their own.
    pivot_root . dev/old
    umount -l /dev/old
    rmdir /dev/old
    cd /srv/vpoller
    exec "$@"
fi

[ "$(id -u)" = 0 ] || fail "it needs root: run it with sudo"
# shellcheck source=/dev/null
. /etc/os-release
case ${ID:-}:${VERSION_ID:-} in
debian:12) here=bookworm other=trixie number=13 ;;
debian:13) here=trixie other=bookworm number=12 ;;
*) fail "this is ${PRETTY_NAME:-an unknown system}; it runs on Debian 12 and 13" ;;
esac
root=${VPOLLER_OTHER_DEBIAN:-/var/tmp/vpoller-debian-$number}
steps=("$@")
[ $# -gt 0 ] || steps=(demo test deb)

# mirror SUITE: where apt gets that suite of this machine's release.
mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 'Component: main' | head -n1
}
archive=$(mirror "$here")
security=$(mirror "$here-security")
[ -n "$archive" ] || fail "apt knows no mirror of $here: run apt-get update"

# The marker says that debootstrap has ended; what it left half-made is no use.
if [ ! -e "$root/.made" ]; then
    command -v debootstrap >/dev/null || {
        say "installing debootstrap"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null ||
            fail "the package debootstrap cannot be installed: run apt-get update"
    }
    say "making Debian $number ($other) in $root from $archive"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates,git,make "$other" "$root" "$archive" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        fail "debootstrap could not make $other (all of its output: $root.log)"
    }
    touch "$root/.made"
fi
{
    printf 'deb %s %s main\n' "$archive" "$other" "$archive" "$other-updates"
    [ -z "$security" ] || printf 'deb %s %s main\n' "$security" "$other-security"
} >"$root/etc/apt/sources.list"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
# Authorities that this machine trusts besides Debian's, of a proxy on the way out for instance.
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"

# The last commit as a repository, and over it what is not committed.
say "copying the tree of $(git rev-parse --short HEAD) and what is not committed"
copy=$root/srv/vpoller
[ -d "$copy/.git" ] || git clone -q --no-checkout "file://$PWD" "$copy"
git -C "$copy" fetch -q "file://$PWD" HEAD
git -C "$copy" checkout -q --force --detach FETCH_HEAD
git -C "$copy" clean -fdq
{
    git diff -z --name-only HEAD
    git ls-files -z --others --exclude-standard
} | while IFS= read -r -d '' file; do
    if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; else rm -f "$copy/$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory="$copy"

# Settings of the tools that fetch, which a machine behind a proxy needs.
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}")
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY GOPROXY CARGO_BUILD_JOBS; do
    [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
on_it() {
    unshare --mount --pid --fork --kill-child --propagation private "$self" --inside "$root" \
        env -i "${environment[@]}" bash -c "$1"
}

on_it 'update-ca-certificates >/dev/null 2>&1 && apt-get update -qq' || fail "apt-get update fails in $root"
# Cargo is Debian's there; git sees a tree that belongs to another user when the clone was made by one.
on_it 'git config --global safe.directory /srv/vpoller'
for step in "${steps[@]}"; do
    started=$SECONDS
    case $step in
    demo) command='make demo' ;;
    test) command='make test' ;;
    # Its programs come from `make build`; the package has to install beside nothing else.
    deb) command='make deb && dpkg -i target/deb/vpoller_*.deb && vpoller-proxy --version && dpkg -P vpoller' ;;
    *) command=$step ;;
    esac
    say "on Debian $number: $command"
    on_it "$command" || fail "'$command' failed on Debian $number; look at it again with: $0 '$command'"
    say "on Debian $number: '$command' passed in $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s"
done
