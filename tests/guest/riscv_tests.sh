#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# riscv_tests.sh RAVELIN [FOLDER]: every rv64 program of the published riscv-tests suite (built, isa/ folder) passes
# through `ravelin run --elf`. The folder is the argument or RAVELIN_RISCV_TESTS. Prints each failure and a count.
# Left out: Ziccid, which promises that instruction fetches see stores without fence.i; ravelin does not claim it.
set -u
ravelin=$1
folder=${2:-${RAVELIN_RISCV_TESTS:-}}
if [ -z "$folder" ]; then
    echo "skipped: set RAVELIN_RISCV_TESTS to the isa folder of a built riscv-tests (github.com/riscv-software-src/riscv-tests)"
    exit 77
fi
passed=0 failed=0
for elf in "$folder"/rv64*-[pv]-*; do
    case $elf in *.dump | *uziccid*) continue ;; esac
    if "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --elf "$elf" --cpu max --console none --timeout 20 >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAIL ${elf##*/}: status $?"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
