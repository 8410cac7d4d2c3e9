#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# print.sh RAVELIN: what a guest prints faster than it is read arrives whole, by SBI calls and by HTIF; and a reader that
# never comes does not keep the machine from ending.
set -u
ravelin=$1
folder=$(dirname "$0")/bare
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

"$folder/build" s_print "$work/s_print" || exit
"$folder/build" htif_print "$work/htif_print" || exit
yes 0123456789abcde | head -n 100000 >"$work/expected"
for program in s_print htif_print; do
    boot=--elf
    [ "$program" = htif_print ] || boot=--kernel
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" $boot "$work/$program" --memory 16M --timeout 60 </dev/null 2>"$work/err" |
        { sleep 1; cat; } >"$work/out"
    if ! cmp "$work/out" "$work/expected"; then
        echo "FAIL: $program: $(wc -c <"$work/out") bytes arrived; $(cat "$work/err")"
        exit 1
    fi
    {
        "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" $boot "$work/$program" --memory 16M --timeout 0.5 </dev/null 2>"$work/err"
        echo $? >"$work/status"
    } | sleep 6
    status=$(cat "$work/status")
    if [ "$status" != 124 ]; then
        echo "FAIL: $program that nobody reads ended with status $status; $(cat "$work/err")"
        exit 1
    fi
done
