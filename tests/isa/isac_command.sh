#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line of ravelin-isac: exit status, messages, and that an output is written whole or not at all.
# usage: isac_command.sh ISAC TOY.isa
isac=$1
toy=$2
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME CONDITION…
  name=$1
  shift
  if "$@"; then
    echo "ok: $name"
  else
    echo "FAILED: $name"
    failed=1
  fi
}

status() { # status EXPECTED ARGUMENTS…: runs isac, remembers what it said
  expected=$1
  shift
  "$isac" "$@" 2> "$work/said"
  [ $? -eq "$expected" ]
}

check 'no argument is a usage error' status 2
check 'usage names the kinds' grep -q 'interpreter' "$work/said"
check 'an unknown kind is a usage error' status 2 nonsense "$toy" -o "$work/out"
check 'an unknown option is a usage error' status 2 state "$toy" --fast -o "$work/out"
check 'a missing output is a usage error' status 2 state "$toy"
check 'an option without its value is a usage error' status 2 state "$toy" -o
check 'two descriptions are a usage error' status 2 state "$toy" "$toy" -o "$work/out"
check 'nothing was written' [ ! -e "$work/out" ]

check 'a missing description is an error' status 1 state "$work/none.isa" -o "$work/out"
check 'it is named' grep -q 'none.isa' "$work/said"
check 'an unwritable output is an error' status 1 state "$toy" -o "$work/no/such/folder/out"
check 'it is named too' grep -q 'no/such/folder/out' "$work/said"
(trap '' XFSZ; ulimit -f 2; exec "$isac" reference "$toy" -o "$work/large") 2> "$work/said"
check 'a disk that becomes full is an error' [ $? -eq 1 ]
check 'that names the output' grep -q 'large' "$work/said"
check 'and leaves nothing' sh -c "! ls '$work' | grep -q large"

check 'a good description is written' status 0 state "$toy" -o "$work/out" --depfile "$work/out.d"
check 'the depfile names the output and the description' grep -q "toy.isa" "$work/out.d"
cp "$work/out" "$work/before"
printf 'machine broken "x"\nregister pc\n' > "$work/broken.isa"
check 'a broken description is an error' status 1 state "$work/broken.isa" -o "$work/out"
check 'with its place' grep -q 'broken.isa:2:' "$work/said"
check 'the old output stays' cmp -s "$work/out" "$work/before"
check 'no draft stays' [ ! -e "$work/out.tmp" ]
cp "$toy" "$work/other.isa"
check 'the same text elsewhere gives the same output' status 0 interpreter "$work/other.isa" -o "$work/other"
check 'without the path' sh -c "! grep -q '$work' '$work/other'"
exit $failed
