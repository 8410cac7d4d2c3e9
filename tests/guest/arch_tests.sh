#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# arch_tests.sh RAVELIN [LIST]: programs of riscv-arch-test leave the signature that the reference model left. LIST (or
# RAVELIN_ARCH_TEST) names a file of tab-separated lines:
#
#   ELF   expected signature, 8 bytes a line in hexadecimal   ISA it needs   notes, separated by ; or -
#
# Notes that count: Svadu / Svade (who sets accessed and dirty bits: the hart, or software after a page fault) and
# misaligned=trap (for harts that do not do misaligned accesses; ravelin does). Passed over, because ravelin does not
# have them: scalar cryptography (Zkn*, Zks*). Prints each failure and a count.
set -u
ravelin=$1
list=${2:-${RAVELIN_ARCH_TEST:-}}
if [ -z "$list" ]; then
    echo "skipped: set RAVELIN_ARCH_TEST to a list of built riscv-arch-test programs (see tests/guest/arch_tests.sh)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0 passed_over=0
while IFS='	' read -r elf expected isa notes; do
    case $isa,$notes in
    *_zkn* | *_zks* | *misaligned=trap*)
        passed_over=$((passed_over + 1))
        continue
        ;;
    *Svadu*) model=max,-svade,+svadu ;;
    *) model=max,-svadu,+svade ;;
    esac
    rm -f "$work/signature"
    if "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --elf "$elf" --cpu "$model" --console none --timeout 60 --signature "$work/signature" \
        >"$work/log" 2>&1 </dev/null && cmp -s "$work/signature" "$expected"; then
        passed=$((passed + 1))
    else
        echo "FAIL ${elf##*/} ($notes): $(tail -n 1 "$work/log")"
        failed=$((failed + 1))
    fi
done <"$list"
echo "passed over: $passed_over"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
