#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# custom_instruction.sh RAVELIN SOURCE: does what docs/manual/custom-instruction.md says, in a copy of the source tree:
# its sh blocks are run, its isa block is appended to the description, its asm block is the guest program, and the lines
# of its text blocks must be printed, in order.
set -eu
ravelin=$(realpath "$1") source=$(realpath "$2")
command -v clang-19 >/dev/null || { echo "skipped: no clang-19; install the packages clang-19 and lld-19"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir "$work/tree" "$work/tree/build"
for part in meson.build meson_options.txt isa src include guests tests docs bench examples tools; do
    cp -r "$source/$part" "$work/tree"
done
ln -s "$ravelin" "$work/tree/build/ravelin"

awk -v expected="$work/expected" '
/^```$/ && block != "" { if (block != "sh" && block != "text") print "END_OF_BLOCK"; block = ""; next }
/^```/ {
    block = substr($0, 4)
    if (block == "isa") print "cat >>my-isa/riscv64.isa <<\"END_OF_BLOCK\""
    if (block == "asm") print "cat >guest.s <<\"END_OF_BLOCK\""
    next
}
block == "text" { print >expected; next }
block != "" { print }
' "$source/docs/manual/custom-instruction.md" >"$work/script"
cd "$work/tree"
if ! sh -eu "$work/script" >"$work/output" 2>&1 </dev/null; then
    tail -n 40 "$work/output"
    exit 1
fi

# Each expected line stands in the output (as a whole or as a line's end), after the one before it.
awk -v output="$work/output" '
{
    found = 0
    while (!found && (getline line <output) > 0) {
        gsub(/[ \t]+/, " ", line)
        found = length(line) >= length($0) && substr(line, length(line) - length($0) + 1) == $0
    }
    if (!found) { print "not printed: " $0; missing = 1; exit }
}
END { exit missing || NR == 0 }
' "$work/expected" || { tail -n 20 "$work/output"; exit 1; }
