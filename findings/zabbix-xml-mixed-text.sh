#!/usr/bin/env bash
# XML to JSON moves an element out of its parent when text stands beside it.
#
# Software: Zabbix proxy 6.0.14 and 7.0.9 (Debian), step "XML to JSON".
# Guess: text beside elements becomes "#text" of the parent, as it does beside
#   attributes, or is left out; <p> holds <b> in any case.
# Behaviour: with text before it, the child lands beside its parent, the parent
#   is null, and the text is lost. With text after it, the child stays, and the
#   text becomes a member with the parent's own name inside of the parent.
# Seen (both series): <r><p>one <b>two</b></p></r> -> {"r":{"b":"two","p":null}};
#   <r><p><b>two</b> one</p></r> -> {"r":{"p":{"b":"two","p":" one"}}}.
. "$(dirname "$0")/lib/common.sh"

both_series zabbix-proxy-sqlite3
for series in 6.0 7.0; do
    seen=$(preprocessed "$series" <<'END'
["text", [["xml to json", ""]], ["<r><p>one <b>two</b></p></r>", "<r><p><b>two</b> one</p></r>"]]
END
    )
    expect "$series" '["{\"r\":{\"b\":\"two\",\"p\":null}}", "{\"r\":{\"p\":{\"b\":\"two\",\"p\":\" one\"}}}"]' "$seen"
done
still "an element with text before it leaves its parent, and the text is lost (Zabbix 6.0.14, 7.0.9)"
