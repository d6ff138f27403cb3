#!/usr/bin/env bash
# atob in a Zabbix script gives a text before an upgrade and bytes after it.
#
# Software: zabbix_js of Zabbix 6.0.14 and 7.0.9 (Debian).
# Guess: atob gives a string in both, as in browsers and Node.
# Behaviour: 6.0 gives the decoded UTF-8 text; 7.0 gives a Uint8Array. Joined to
#   a text it is the words "[object Uint8Array]", which a text item stores;
#   it has no split(), and JSON.parse throws. In 7.0 each byte has to be turned
#   into a character; btoa of a text is the same in both.
# Seen: return atob("YTox") -> a:1 in 6.0, [object Uint8Array] in 7.0;
#   typeof atob("YTox").split -> function, undefined; JSON.parse of one that
#   holds {"a":1} -> 1, SyntaxError; btoa("a:1") -> YTox in both.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
both() {
    printf '%s %s' "$(script 6.0 "$1")" "$(script 7.0 "$1")"
}
expect "the value, 6.0 and 7.0" 'a:1 [object Uint8Array]' "$(both 'return atob("YTox");')"
expect "its split, 6.0 and 7.0" 'function undefined' "$(both 'return typeof atob("YTox").split;')"
expect "JSON in it, 6.0 and 7.0" '1 SyntaxError' "$(both 'try { return JSON.parse(atob("eyJhIjoxfQ==")).a; } catch (e) { return e.name; }')"
expect "btoa, 6.0 and 7.0" 'YTox YTox' "$(both 'return btoa("a:1");')"
expect "by bytes, 6.0 and 7.0" 'a:1 a:1' "$(both 'var d = atob("YTox"), t = ""; for (var i = 0; i < d.length; i++) t += typeof d === "string" ? d[i] : String.fromCharCode(d[i]); return t;')"
still "atob gives a text in Zabbix 6.0.14 and a Uint8Array in 7.0.9"
