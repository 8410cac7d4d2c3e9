#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# no_exec.sh RAVELIN SHIM ELF: where executable memory is forbidden the interpreter runs the guest, and one line says so.
set -u
ravelin=$1 shim=$2 elf=$3
message=$(LD_PRELOAD=$shim "$ravelin" run --elf "$elf" --timeout 20 2>&1 >/dev/null)
status=$?
[ "$status" -eq 0 ] || { echo "FAIL: exit status $status, expected 0: $message"; exit 1; }
case $message in
*'the interpreter runs the guest') ;;
*) echo "FAIL: expected one line about the interpreter, got: $message"; exit 1 ;;
esac
[ "$(printf '%s\n' "$message" | wc -l)" -eq 1 ] || { echo "FAIL: more than one line: $message"; exit 1; }
