#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stuck.sh RAVELIN VCPUS: however a guest gets stuck (bare/stuck.c), --timeout ends it, soon, and SIGTERM does.
set -u
ravelin=$1 vcpus=$2
folder=$(dirname "$0")/bare
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

for way in 0 1 2 3 4 5 6 7 8 9; do
    "$folder/build" stuck "$work/program" -DSEED=$way -DHARTS="$vcpus" || exit
    for end in timeout signal; do
        seconds=0.5 expected=124
        [ $end = timeout ] || seconds=60 expected=143
        if [ $end = timeout ]; then
            timeout -s KILL 20 "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --elf "$work/program" --cpus "$vcpus" \
                --timeout $seconds </dev/null >"$work/console" 2>&1
        else
            timeout -k 20 --preserve-status -s TERM 0.5 "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --elf "$work/program" \
                --cpus "$vcpus" --timeout $seconds </dev/null >"$work/console" 2>&1
        fi
        status=$?
        if [ $status -ne $expected ]; then
            echo "FAIL: way $way, by $end: status $status, not $expected"
            tail -c 500 "$work/console"
            exit 1
        fi
    done
done
