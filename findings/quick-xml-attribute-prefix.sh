#!/usr/bin/env bash
# quick-xml's serde reader cannot read vSphere's references with both types.
#
# Software: quick-xml 0.42.0 (Rust crate), feature "serialize".
# Guess: the attributes type and xsi:type are two fields, @type and @xsi:type.
# Behaviour: the prefix is dropped before the names are compared. A field
#   renamed to "@xsi:type" is never filled, one renamed to "@type" takes either,
#   and an element with both, as every reference in a property's value has them
#   (<val type="HostSystem" xsi:type="ManagedObjectReference">), is an error.
# Seen: both attributes -> "duplicate field `@type`"; xsi:type alone -> the
#   field @type has it, the field @xsi:type is None.
. "$(dirname "$0")/lib/common.sh"

mkdir -p "$work/program/src"
cat >"$work/program/src/main.rs" <<'END'
#[derive(serde::Deserialize)]
struct Reference {
    #[serde(rename = "@type", default)]
    kind: Option<String>,
    #[serde(rename = "@xsi:type", default)]
    schema_type: Option<String>,
}

fn main() {
    for text in [
        r#"<val xmlns:xsi="x" type="HostSystem" xsi:type="ManagedObjectReference">host-1</val>"#,
        r#"<val xmlns:xsi="x" xsi:type="ManagedObjectReference">host-1</val>"#,
    ] {
        match quick_xml::de::from_str::<Reference>(text) {
            Ok(read) => println!("{:?} {:?}", read.kind, read.schema_type),
            Err(error) => println!("{error}"),
        }
    }
}
END
rust_program 'quick-xml = { version = "=0.42.0", features = ["serialize"] }' 'serde = { version = "=1.0.229", features = ["derive"] }'
timeout 20 "$program" >"$work/out"
# shellcheck disable=SC2016  # the marks are part of the error's text
expect "type and xsi:type" 'duplicate field `@type`' "$(sed -n 1p "$work/out")"
expect "xsi:type alone" 'Some("ManagedObjectReference") None' "$(sed -n 2p "$work/out")"
still "an element with type and xsi:type is a duplicate field (quick-xml 0.42.0)"
