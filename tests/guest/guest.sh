# SPDX-License-Identifier: Apache-2.0
# Sourced by the guest tests: a private folder that goes away, the cached Debian guest, and helpers.
set -eu
work=$(mktemp -d)
background=
cleanup() {
    for process in $background; do
        kill "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAIL: $1" >&2
    [ ! -f "$work/console" ] || tail -n 40 "$work/console" >&2
    exit 1
}

skip() {
    echo "skipped: $1"
    exit 77
}

guest=$("$TOOLS/fetch-guest") || skip "the Debian guest cannot be fetched here"

# initramfs NAME < SCRIPT: makes $work/NAME.gz whose init runs SCRIPT and powers off.
initramfs() {
    cat >"$work/$1.script"
    "$TOOLS/make-initramfs" "$guest" "$work/$1.script" "$work/$1.gz"
}

# console TEXT: the guest printed a line that begins with TEXT.
console() {
    tr -d '\r' <"$work/console" | grep -q "^$1"
}

# with_all_vcpus COMMAND...: boots a guest by COMMAND, which leaves its console. Linux gives another processor one second
# of the host's time to come up. A host that is busy with others may not run a vCPU's thread for so long; then, and only
# then, the boot says little of us, and is done again.
with_all_vcpus() {
    "$@"
    for _ in 1 2; do
        grep -aq 'failed to come online' "$work/console" || return 0
        echo "the host starved a vCPU: $(grep -a 'failed to come online' "$work/console"); booting again"
        "$@"
    done
}

# loopback_server SCRIPT ARG...: starts a python3 server that prints the port it got on its first line; sets $port.
loopback_server() {
    python3 -u "$@" >"$work/port" 2>"$work/server.log" &
    background="$background $!"
    port=
    for _ in $(seq 100); do
        port=$(head -n 1 "$work/port" 2>/dev/null || true)
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    fail "the loopback server did not start: $(cat "$work/server.log")"
}
