#!/usr/bin/env bash
# tools/deb.sh VERSION BUILD-FOLDER [OUTPUT-FOLDER]: makes a Debian package of the built programs (`make deb`).
#
# Environment: DEB_MAINTAINER, who answers for the package; DEB_COMPRESSION, xz unless said otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1-1 build=$(readlink -f "$2") out=${3:-target/deb}
architecture=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/root
umask 022
chmod 755 "$stage"

make --no-print-directory install RELEASE="$build" DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc >/dev/null
mv "$root/usr/share/doc/vpoller/LICENSE" "$root/usr/share/doc/vpoller/copyright"
find "$root/usr/share/man" -type f -exec gzip -9n {} +
install -d "$root/etc/vpoller/workers" "$root/var/log/vpoller" "$root/var/lib/vconnector" "$root/DEBIAN"

# What the programs need from the system, as Debian's tool sees it; it wants to run in a source package.
mkdir "$stage/debian"
printf 'Source: vpoller\n\nPackage: vpoller\nArchitecture: any\n' >"$stage/debian/control"
mapfile -t binaries < <(find "$root/usr/bin" "$root/usr/lib/zabbix/modules" -type f)
depends=$(cd "$stage" && dpkg-shlibdeps -O "${binaries[@]}" 2>"$stage/log" | sed -n 's/^shlibs:Depends=//p') || depends=''
[ -n "$depends" ] || { cat "$stage/log" >&2; echo "deb: cannot tell what the programs depend on" >&2; exit 1; }

(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
install -m 755 contrib/deb/postinst contrib/deb/prerm contrib/deb/postrm "$root/DEBIAN"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@SIZE@|$size|" -e "s|@DEPENDS@|$depends|" \
    -e "s|@MAINTAINER@|${DEB_MAINTAINER:-vPoller maintainers <root@localhost>}|" contrib/deb/control.in >"$root/DEBIAN/control"

# The same commit gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
mkdir -p "$out"
package=$out/vpoller_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${DEB_COMPRESSION:-xz}" --build "$root" "$package" >/dev/null
ls -l "$package"
