#!/usr/bin/env bash
# The usual "never" of databases is beyond the last moment that jiff knows.
#
# Software: jiff 0.2.43 (Rust crate).
# Guess: years go to 9999, so 9999-12-31T23:59:59Z, what many systems write for
#   "never expires", is read as a Timestamp.
# Behaviour: a Timestamp ends at 9999-12-30T22:00:00.999999999Z, 26 hours
#   earlier, so that any offset of up to 25:59:59 still gives a year of four
#   digits. The text is an error, although civil::DateTime takes it.
# Seen: Timestamp 9999-12-31T23:59:59Z -> error; 9999-12-30T22:00:00Z -> read;
#   9999-12-30T22:00:01Z -> error; civil::DateTime 9999-12-31T23:59:59 -> read.
. "$(dirname "$0")/lib/common.sh"

mkdir -p "$work/program/src"
cat >"$work/program/src/main.rs" <<'END'
fn main() {
    for text in ["9999-12-31T23:59:59Z", "9999-12-30T22:00:00Z", "9999-12-30T22:00:01Z"] {
        println!("{}", text.parse::<jiff::Timestamp>().is_ok());
    }
    println!("{}", "9999-12-31T23:59:59".parse::<jiff::civil::DateTime>().is_ok());
    println!("{}", jiff::Timestamp::MAX);
}
END
rust_program 'jiff = "=0.2.43"'
seen=$(timeout 20 "$program" | tr '\n' ' ')
expect "the end of 9999, the last second, one later, the civil time, the maximum" \
    'false true false true 9999-12-30T22:00:00.999999999Z ' "$seen"
still "9999-12-31T23:59:59Z is no Timestamp (jiff 0.2.43)"
