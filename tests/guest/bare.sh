#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bare.sh RAVELIN PROGRAM VCPUS [OPTION...]: builds bare/PROGRAM.c for the bare machine and runs it; it passes if it ends
# with status 0. Programs that need the built-in SBI are named s_*: they start in S-mode as a kernel does. DISK among the
# options stands for an image that is made for the run, EVENTS for a file of events, which must tell of a transfer; -DNAME is for the compiler. RAVELIN_SEED chooses what wild
# programs do; it is printed, as are the rules that a program has shown ("ok N - …").
set -u
ravelin=$1 program=$2 vcpus=$3
shift 3
folder=$(dirname "$0")/bare
seed=${RAVELIN_SEED:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

case $program in
    s_*) boot=--kernel ;;
    *) boot=--elf ;;
esac
defines=
for option; do
    shift
    case $option in
        -D*)
            defines="$defines $option"
            continue
            ;;
    esac
    if [ "$option" = DISK ]; then
        truncate -s 4M "$work/disk" || exit 1
        option=$work/disk
    fi
    [ "$option" = EVENTS ] && option=$work/events
    set -- "$@" "$option"
done
# shellcheck disable=SC2086 # several options
"$folder/build" "$program" "$work/program" -DHARTS="$vcpus" -DSEED="$seed" $defines || exit
echo "$program with $vcpus vCPUs, RAVELIN_SEED=$seed"
"$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" $boot "$work/program" --cpus "$vcpus" --timeout "${RAVELIN_BARE_TIMEOUT:-150}" "$@" </dev/null >"$work/console" 2>&1
status=$?
grep -a '^ok \|^not ok \|^1\.\.\|^# ' "$work/console"
if [ "$status" -ne 0 ]; then
    echo "FAIL: status $status"
    tail -c 2000 "$work/console" | tr -cd '[:print:]\n'
    exit 1
fi
if [ -f "$work/events" ] && ! grep -q '"event":"transfer","level":0,.*"access":"write","size":4096,' "$work/events"; then
    echo "FAIL: the event log has nothing of a device's refused access"
    exit 1
fi
if [ -f "$work/disk" ] && [ "$(stat -c %s "$work/disk")" -ne 4194304 ]; then
    echo "FAIL: the disk image has another size now"
    exit 1
fi
