#!/usr/bin/env bash
# Signing a request gives an X.509 version 1 certificate in Debian 12, 3 in 13.
#
# Software: OpenSSL 3.0.20 (Debian 12) and 3.5.9 (Debian 13).
# Guess: "openssl x509 -req" without an extension file makes version 3, as "req
#   -x509" does, or version 1 in both, and takes over the names that the request
#   asks for.
# Behaviour: 3.0 writes version 1 without any extension, 3.5 version 3 with key
#   identifiers. Strict readers (webpki) refuse version 1. Neither takes over
#   subjectAltName without -copy_extensions, yet both say that the host name of
#   the common name matches, which browsers, Go and rustls deny.
# Seen: 3.0 "Version: 1", 3.5 "Version: 3", no subjectAltName in both, -checkhost
#   "does match" in both.
. "$(dirname "$0")/lib/common.sh"

debian_packages "$work/12" bookworm openssl=3.0.20-1~deb12u2 libssl3=3.0.20-1~deb12u2 libc6
debian_packages "$work/13" trixie openssl=3.5.9-1~deb13u1 libssl3t64=3.5.9-1~deb13u1 libc6 libzstd1 zlib1g

# on RELEASE ARGUMENT...: the release's openssl with the release's libraries.
on() {
    local root=$work/$1 libraries loader
    libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
    loader=$(find "$root" -name 'ld-linux-x86-64.so.2' | head -n 1)
    shift
    OPENSSL_CONF=$work/12/etc/ssl/openssl.cnf timeout 60 "$loader" --library-path "$libraries" "$root/usr/bin/openssl" "$@"
}

for release in 12 13; do
    made=$work/made-$release
    mkdir "$made"
    {
        on "$release" req -x509 -newkey rsa:2048 -nodes -keyout "$made/ca.key" -out "$made/ca.pem" -subj /CN=CA -days 2
        on "$release" req -newkey rsa:2048 -nodes -keyout "$made/key" -out "$made/csr" -subj /CN=vc01.example.org \
            -addext subjectAltName=DNS:vc01.example.org
        on "$release" x509 -req -in "$made/csr" -CA "$made/ca.pem" -CAkey "$made/ca.key" -CAcreateserial -days 2 -out "$made/pem"
    } >"$work/log" 2>&1 || no_setup "openssl of Debian $release: $(tail -n 1 "$work/log")"
    on "$release" x509 -in "$made/pem" -noout -text >"$made/text"
done
expect "the version in Debian 12" 'Version: 1 (0x0)' "$(grep -o 'Version: .*' "$work/made-12/text")"
expect "the version in Debian 13" 'Version: 3 (0x2)' "$(grep -o 'Version: .*' "$work/made-13/text")"
for release in 12 13; do
    expect "the names in Debian $release" 0 "$(grep -c 'Subject Alternative Name' "$work/made-$release/text" || true)"
    expect "-checkhost in Debian $release" 'Hostname vc01.example.org does match certificate' \
        "$(on "$release" x509 -in "$work/made-$release/pem" -noout -checkhost vc01.example.org)"
done
still "x509 -req writes version 1 with OpenSSL 3.0.20 and version 3 with 3.5.9"
