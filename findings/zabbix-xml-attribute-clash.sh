#!/usr/bin/env bash
# XML to JSON gives two attributes of one local name the first one's value.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "XML to JSON".
# Guess: attributes keep their prefixes (@xsi:type and @type); or the prefixes go
#   and the later value wins.
# Behaviour: prefixes are dropped, both attributes are written under one name,
#   and both carry the value of the first: the other value is nowhere in the
#   text. SOAP answers, where xsi:type and type meet, lose their type.
# Seen (both series): <e xsi:type="VmEvent" type="info"/> gives
#   {"e":{"@type":"VmEvent","@type":"VmEvent"}}; id="8" a:id="7" gives 8 twice,
#   a:id="7" id="8" gives 7 twice.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    preprocessed "$series" >"$work/out" <<'END'
["text", [["xml to json", ""]], ["<e xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"VmEvent\" type=\"info\"/>"]]
["text", [["xml to json", ""]], ["<r xmlns:a=\"u\" id=\"8\" a:id=\"7\"/>", "<r xmlns:a=\"u\" a:id=\"7\" id=\"8\"/>"]]
END
    expect "$series, xsi:type and type" '["{\"e\":{\"@type\":\"VmEvent\",\"@type\":\"VmEvent\"}}"]' "$(sed -n 1p "$work/out")"
    expect "$series, id and a:id" '["{\"r\":{\"@id\":\"8\",\"@id\":\"8\"}}", "{\"r\":{\"@id\":\"7\",\"@id\":\"7\"}}"]' "$(sed -n 2p "$work/out")"
done
still "the second of two attributes with one local name loses its value (Zabbix 6.0.14, 7.0.9)"
