# Shared by tests/demo.sh: runs a command as the documents print it, shows the answer, and checks it.
# shellcheck shell=bash

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
commands=0
checks=0
mismatches=0
out='' err='' code=0

title() { printf '\n\n== %s\n' "$*"; }
note() { printf '\n%s\n' "$*"; }

# ask 'COMMAND': runs it in a shell, prints it and the beginning of what it answers; sets out, err, code.
ask() {
    commands=$((commands + 1))
    printf '\n$ %s\n' "$1"
    code=0
    timeout 60 bash -c "$1" </dev/null >"$work/out" 2>"$work/err" || code=$?
    out=$(<"$work/out")
    err=$(<"$work/err")
    excerpt "$work/out"
    excerpt "$work/err"
}

# excerpt FILE: the first lines, none longer than the screen is wide.
excerpt() {
    head -n "${LINES_SHOWN:-12}" "$1" | cut -c "1-${COLUMNS_SHOWN:-160}"
    local lines
    lines=$(wc -l <"$1")
    if [ "$lines" -gt "${LINES_SHOWN:-12}" ]; then printf '... (%s lines)\n' "$lines"; fi
}

verdict() { # OK WHAT
    checks=$((checks + 1))
    [ "$1" = yes ] && return
    mismatches=$((mismatches + 1))
    printf 'MISMATCH: %s\n  exit code: %s\n  output: %s\n  error output: %s\n' "$2" "$code" "$out" "$err"
}

# What the last command must have answered.
is() { if [ "$out" = "$1" ]; then verdict yes; else verdict no "expected exactly: $1"; fi; }
has() { if grep -qE -- "$1" <<<"$out"; then verdict yes; else verdict no "expected in the output: $1"; fi; }
has_error() { if grep -qE -- "$1" <<<"$err"; then verdict yes; else verdict no "expected in the error output: $1"; fi; }
exits() { if [ "$code" = "$1" ]; then verdict yes; else verdict no "expected exit code $1"; fi; }
# json 'CONDITION': the output is JSON for which the jq condition holds.
json() { if jq -e "$1" <<<"$out" >/dev/null 2>&1; then verdict yes; else verdict no "expected of the JSON: $1"; fi; }

# until_true SECONDS WHAT COMMAND...: waits for a condition.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -gt $deadline ]; then
            verdict no "waited in vain for: $what"
            return
        fi
        read -rt 0.05 <> <(:) || true
    done
    verdict yes
}

# start NAME 'COMMAND': runs it in the background; its output is in $work/NAME.log, its process id in pid[NAME].
declare -A pid
start() {
    commands=$((commands + 1))
    printf '\n$ %s\n' "$2"
    set -m # in a process group of its own, so that Ctrl+C can be sent to it alone and is not ignored
    # shellcheck disable=SC2086
    bash -c "exec $2" </dev/null >"$work/$1.log" 2>&1 &
    set +m
    pid[$1]=$!
}

# log_has NAME 'PATTERN': a line of a background command's output.
log_has() { until_true 20 "$2 in the output of $1" grep -qE -- "$2" "$work/$1.log"; }

# log_in_order NAME PROCESS TEXT...: these lines, of this process, in this order, in the documents' format.
log_in_order() {
    local name=$1 process=$2 from=1 text line
    shift 2
    for text in "$@"; do
        line=$(tail -n "+$from" "$work/$name.log" |
            grep -nE -m1 "^\[[0-9]{4}(-[0-9]{2}){2} [0-9:]{8},[0-9]{3} - INFO/$process\] $text\$" | cut -d: -f1)
        if [ -z "$line" ]; then
            out=$(<"$work/$name.log") err='' code=-
            verdict no "expected after line $from in the log of $name: INFO/$process] $text"
            return
        fi
        from=$((from + line))
    done
    verdict yes
}

# ended NAME SECONDS: the background command ends by itself, with exit code 0.
ended() {
    until_true "$2" "the end of $1" eval "! kill -0 ${pid[$1]}"
    code=0
    wait "${pid[$1]}" || code=$?
    out=$(tail -n 5 "$work/$1.log") err=''
    exits 0
}

summary() {
    printf '\n\n%s commands, %s answers checked, %s not as documented; %s s\n' "$commands" "$checks" "$mismatches" "$SECONDS"
    [ "$mismatches" = 0 ]
}
