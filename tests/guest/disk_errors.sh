#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Disks that go wrong, seen from a guest that is told each request (bare/disk.c): full, cut, deleted, read-only, out of
# range. The guest gets an error and lives on; what was completed stays on the host. Prints TAP.
#
#     tests/guest/disk_errors.sh RAVELIN
set -u
ravelin=$(realpath "$1") || exit 1
folder=$(realpath "$(dirname "$0")")/bare
work=$(mktemp -d) || exit 1
guest=
trap '[ -z "$guest" ] || kill "$guest" 2> /dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1
"$folder/build" disk program -DHARTS=1 -DSEED=1 || exit
count=0

result() { # ok|not ok, what, detail
    count=$((count + 1))
    echo "$1 $count - $2"
    [ "$1" = ok ] || [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# boot LIMIT OPTION...: starts the guest; no file may grow beyond LIMIT KiB ("unlimited"; the JIT needs larger ones).
boot() {
    local limit=$1 line engine=${RAVELIN_ENGINE:-jit}
    shift
    [ "$limit" = unlimited ] || engine=interp
    rm -f in out
    mkfifo in out
    (
        ulimit -f "$limit"
        exec "$ravelin" run --engine "$engine" --elf program --memory 4M --timeout 60 "$@" < in > out 2> err
    ) &
    guest=$!
    exec 3> in 4< out
    read -r -t 30 line <&4
    if [ "$line" != ready ]; then
        result "not ok" "the guest starts" "$line $(cat err)"
        exit 1
    fi
}

# ask COMMAND ANSWER WHAT: the guest is told COMMAND and says ANSWER.
ask() {
    local line
    printf '%s\n' "$1" >&3
    read -r -t 30 line <&4
    if [ "$line" = "$2" ]; then
        result ok "$3"
    else
        result "not ok" "$3" "to '$1' the answer is '$line', not '$2'; $(cat err)"
    fi
}

quit() {
    local status
    printf 'q\n' >&3
    wait "$guest"
    status=$?
    guest=
    exec 3>&- 4<&-
    if [ "$status" -eq 0 ] && ! grep -qv '^ravelin: loading ' err; then # a slow host may say that
        result ok "$1"
    else
        result "not ok" "$1" "exit status $status; $(cat err)"
    fi
}

# -- Two disks, each its own ------------------------------------------------------------------------------------------

truncate -s 4M first
truncate -s 2M second
boot unlimited --disk first --disk second
ask 'c 0' 'c 0x2000' 'the first disk has its size'
ask 'c 1' 'c 0x1000' 'and the second'
ask 'w 0 0 64 1' 'w 0x0' 'a write to the first disk'
ask 'w 1 0 64 2' 'w 0x0' 'and to the second'
ask 'r 0 0 64 1' 'r 0x0 same' 'the first has its own'
ask 'r 1 0 64 2' 'r 0x0 same' 'and the second'
ask 'w 0 8128 64 3' 'w 0x0' 'the last sectors are written'
ask 'f 0' 'f 0x0' 'a flush'
ask 'w 0 8192 1 9' 'w 0x1' 'behind the end is an error'
ask 'w 0 8191 2 9' 'w 0x1' 'so is across it'
ask 'r 0 8191 2 9' 'r 0x1 other' 'for reads, too'
ask 'r 0 8128 64 3' 'r 0x0 same' 'and nothing of it was written'
ask 'w 0 36028797018963967 1 9' 'w 0x1' 'so is a sector whose byte does not fit into 64 bits'
ask 'w 0 18446744073709551615 2 9' 'w 0x1' 'and the greatest there is'
ask 'w 0 100 40 4' 'w 0x0' 'before a discard'
ask 'd 0 104 8' 'd 0x0' 'a discard'
ask 'r 0 100 4 4' 'r 0x0 same' 'leaves what is before it'
ask 'r 0 112 28 4' 'r 0x0 same' 'and what is behind it'
ask 'd 0 8190 8' 'd 0x1' 'a discard across the end is an error'
ask 'z 0 120 8' 'z 0x0' 'zeroes are written'
ask 'r 0 120 8 4' 'r 0x0 zero' 'and read'
ask 'z 0 18446744073709551615 2' 'z 0x1' 'but not beyond the end'
ask 'r 0 128 12 4' 'r 0x0 same' 'and nothing else is touched'
quit 'the guest powers off'
[ "$(stat -c %s first second | tr '\n' ' ')" = '4194304 2097152 ' ] && result ok 'both images keep their sizes' ||
    result "not ok" 'both images keep their sizes'
cp first kept

boot unlimited --disk first,readonly
ask 'r 0 0 64 1' 'r 0x0 same' 'another machine reads what the first wrote'
ask 'w 0 0 1 5' 'w 0x1' 'a read-only disk is not written'
ask 'd 0 0 8' 'd 0x2' 'nor discarded'
ask 'z 0 0 8' 'z 0x2' 'nor filled with zeroes'
ask 'f 0' 'f 0x0' 'a flush of it is nothing'
quit 'the guest powers off'
cmp -s first kept && result ok 'the image is as it was' || result "not ok" 'the image is as it was'

# -- A full file system: stood in for by a limit on the size of files -------------------------------------------------

truncate -s 16M large
boot 8192 --disk large
ask 'w 0 0 64 1' 'w 0x0' 'a write while there is room'
ask 'w 0 16352 64 2' 'w 0x1' 'a write that no longer fits is an error'
ask 'w 0 20000 64 3' 'w 0x1' 'every time'
ask 'w 0 1000 64 4' 'w 0x0' 'where there is room, writes still go'
ask 'f 0' 'f 0x0' 'and are flushed'
ask 'r 0 0 64 1' 'r 0x0 same' 'the first write is still there'
quit 'the guest powers off'
boot unlimited --disk large,readonly
ask 'r 0 0 64 1' 'r 0x0 same' 'completed writes are on the host'
ask 'r 0 1000 64 4' 'r 0x0 same' 'all of them'
ask 'r 0 20000 64 3' 'r 0x0 zero' 'and nothing of the others'
quit 'the guest powers off'

# -- Images that change under the machine -----------------------------------------------------------------------------

truncate -s 4M image
boot unlimited --disk image
ask 'w 0 0 64 1' 'w 0x0' 'before the image is cut'
ask 'w 0 4096 64 2' 'w 0x0' 'a write to its end'
truncate -s 1M image
ask 'r 0 4096 64 2' 'r 0x1 other' 'what was cut off is an error'
ask 'r 0 2040 16 2' 'r 0x1 other' 'across the new end, too'
ask 'r 0 0 64 1' 'r 0x0 same' 'the rest is there'
rm image
ask 'r 0 0 64 1' 'r 0x0 same' 'a deleted image lives as long as the machine'
ask 'w 0 0 64 5' 'w 0x0' 'writes included'
quit 'the guest powers off'
[ ! -e image ] && result ok 'and is gone then' || result "not ok" 'and is gone then'
echo "1..$count"
