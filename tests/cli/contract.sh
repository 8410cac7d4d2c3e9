#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The contract of the command line: every refusal with its exit status and its one line, every way a guest can end,
# and what is left on disk. Prints TAP.
#
#     tests/cli/contract.sh RAVELIN MAKE_GUEST
set -u
ravelin=$(realpath "$1") || exit 1
make_guest=$(realpath "$2") || exit 1
docs=$(realpath "$(dirname "$0")/../../docs") || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
count=0

result() { # ok|not ok, what, detail
    count=$((count + 1))
    echo "$1 $count - $2"
    [ "$1" = ok ] || [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# refuse STATUS PATTERN ARGUMENT...: exits so, prints nothing, says one line that matches, leaves no file behind.
refuse() {
    local status=$1 pattern=$2 actual before after words
    shift 2
    words=$*
    before=$(find . -type f ! -name out ! -name err -exec ls -l {} + | sort)
    timeout 20 "$ravelin" "$@" > out 2> err < /dev/null
    actual=$?
    after=$(find . -type f ! -name out ! -name err -exec ls -l {} + | sort)
    if [ "$actual" -ne "$status" ]; then
        result "not ok" "refused: $*" "exit status $actual, not $status; $(head -c 400 err)"
    elif [ -s out ] || [ "$(wc -l < err)" -ne 1 ] || ! grep -q '^ravelin: ' err; then
        result "not ok" "refused: $*" "not one line on standard error: $(head -c 400 out err)"
    elif ! grep -Eq -e "$pattern" err; then
        result "not ok" "refused: $*" "does not match /$pattern/: $(cat err)"
    elif [ "$before" != "$after" ]; then
        result "not ok" "refused: $*" "files changed: $(diff <(echo "$before") <(echo "$after"))"
    else
        result ok "refused: ${words:0:200}"
    fi
}

# ends STATUS WHAT ARGUMENT...: exits so; standard input is the caller's.
ends() {
    local status=$1 what=$2 actual
    shift 2
    timeout 60 "$ravelin" "$@" > out 2> err
    actual=$?
    if [ "$actual" -eq "$status" ]; then
        result ok "$what"
    else
        result "not ok" "$what" "exit status $actual, not $status; $(head -c 400 out err)"
    fi
}

# holds WHAT COMMAND...: the command succeeds.
holds() {
    local what=$1
    shift
    if "$@" > holds.out 2>&1; then
        result ok "$what"
    else
        result "not ok" "$what" "$(head -c 400 holds.out)"
    fi
    rm -f holds.out
}

for kind in pass reset loop hello echo flood wild image kernel kernel-reset; do
    "$make_guest" $kind $kind || exit 1
done
for number in 0 1 7 255 256 65535; do
    "$make_guest" fail fail$number $number || exit 1
done
for number in 1 3 7 85; do
    "$make_guest" tohost tohost$number $number || exit 1
done
"$make_guest" rounds rounds 1000000 || exit 1 # enough to be translated
: > empty
printf 'ffffffff80000000 T _start\nffffffff80001000 B _end\n' > map
printf '0000000000000000 T _start\n' > zeromap
head -c 100 pass > short
head -c 2000 /dev/zero > zeros
printf '\001\000\004\200\377\377\377\377\001\000\001\000' > noise
echo "just some text, no code" > text
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\076\000' > foreign
head -c 100 /dev/zero >> foreign
head -c 5000000 /dev/urandom > big
gzip -c image > image.gz
head -c 40 image.gz > short.gz
head -c 1048576 /dev/zero > disk
head -c 1000000 /dev/zero > odd-disk
mkdir directory
mkfifo fifo 2> /dev/null

# -- Usage ------------------------------------------------------------------------------------------------------------

refuse 2 'no command'
refuse 2 'unknown command rnu: did you mean run\?' rnu
refuse 2 'unknown command frobnicate: see ravelin help' frobnicate
refuse 2 'unknown option --frobnicate' --frobnicate
refuse 2 'isa needs a second word: give ravelin isa check' isa
refuse 2 'isa needs a second word: give ravelin isa check' isa --all
refuse 2 'unknown command isa look: give ravelin isa check' isa look
refuse 2 'nothing to boot' run
refuse 2 'unknown option --kernal: did you mean --kernel' run --kernal image
refuse 2 'unknown option --qqqqqqq: see ravelin run --help' run --qqqqqqq
refuse 2 'unknown option -k' run -k image
refuse 2 '--kernel needs an argument' run --kernel
refuse 2 '--kernel needs an argument' run --kernel --initrd big
refuse 2 '--kernel has an empty argument' run --kernel ''
refuse 2 '--memory was given twice' run --elf pass --memory 64M --memory 64M
refuse 2 '--no-reboot was given twice' run --elf pass --no-reboot --no-reboot
refuse 2 '--no-reboot takes no argument' run --elf pass --no-reboot=yes
refuse 2 'takes no operands' run image
refuse 2 'boots a bare-metal program alone' run --elf pass --kernel image
refuse 2 'boots a bare-metal program alone' run --elf pass --firmware image
refuse 2 '--trust-levels needs a kernel' run --elf pass --trust-levels 2
refuse 2 '--trust-levels needs a kernel' run --firmware image --trust-levels 2
refuse 2 'has no trust levels' run --kernel image --trust-levels 2 --engine check
refuse 2 '--trust-levels 1 is out of range: give 2 to 16' run --kernel image --trust-levels 1
refuse 2 '--trust-levels 17 is out of range' run --kernel image --trust-levels 17
refuse 2 'are for a kernel' run --elf pass --initrd big
refuse 2 'are for a kernel' run --elf pass --append x
refuse 2 'is for a kernel' run --firmware pass --initrd big
refuse 2 'between trust levels: give --trust-levels' run --kernel image --events events
refuse 2 'give --events FILE or --secure-kernel' run --kernel image --trust-levels 2 --symbols map
refuse 2 'the same file' run --kernel image --trust-levels 2 --events map --symbols map
refuse 2 '--cpus 0 is out of range: give 1 to 128' run --elf pass --cpus 0
refuse 2 '--cpus 129 is out of range' run --elf pass --cpus 129
refuse 2 '--cpus 1000 is out of range' run --elf pass --cpus 1000
refuse 2 '--cpus -1 is not a number' run --elf pass --cpus -1
refuse 2 '--cpus two is not a number' run --elf pass --cpus two
refuse 2 '--cpus 99999999999999999999 is not a number' run --elf pass --cpus 99999999999999999999
refuse 2 '--memory 0 is too little' run --elf pass --memory 0
refuse 2 '--memory 512 is too little' run --elf pass --memory 512
refuse 2 '--memory 1048575 is too little: give at least 1M' run --elf pass --memory 1048575
refuse 2 'multiple of 4K' run --elf pass --memory 1048577
refuse 2 '--memory 12Q is not a size' run --elf pass --memory 12Q
refuse 2 '--memory -1G is not a size' run --elf pass --memory -1G
refuse 2 '--memory "" is not a size' run --elf pass --memory ''
refuse 2 '--memory 99999999999T is not a size' run --elf pass --memory 99999999999T
refuse 1 'more than this host has' run --elf pass --memory 16000T
refuse 1 'more than this host has' run --elf pass --memory 1000T
refuse 1 'ask for less' run --elf pass --memory 16000T --overcommit
refuse 1 'ask for less' run --elf pass --memory 1000T --overcommit
refuse 2 '--memory 99999999999T is not a size' run --elf pass --memory 99999999999T --overcommit
refuse 2 '--timeout 0 is out of range: give 0.001 to 1000000000 seconds' run --elf pass --timeout 0
refuse 2 '--timeout 0.000999999 is out of range' run --elf pass --timeout 0.000999999
refuse 2 '--timeout 1000000000.000000001 is out of range' run --elf pass --timeout 1000000000.000000001
refuse 2 '--timeout "" is not a time' run --elf pass --timeout ''
refuse 2 '--timeout soon is not a time' run --elf pass --timeout soon
refuse 2 '--engine kvm is not known: give interp' run --elf pass --engine kvm
refuse 2 '--net tap is not known' run --elf pass --net tap
refuse 2 '--console modem is not known' run --elf pass --console modem
refuse 2 '--console file: is not known' run --elf pass --console file:
refuse 2 '--console "" is not known' run --elf pass --console ''
refuse 2 'z80' run --elf pass --cpu z80
refuse 2 'zfoo' run --elf pass --cpu rv64gc,+zfoo
refuse 2 '--engine "" is not known' run --elf pass --engine ''
refuse 2 '--engine check runs one vCPU: give --cpus 1' run --elf pass --engine check --cpus 2
refuse 2 '--dump prints what the JIT generates' run --elf pass --engine interp --dump ir
refuse 2 '--dump asm is not known: give ir, host or ir,host' run --elf pass --dump asm
refuse 2 '--trace has no name of a file' run --elf pass --trace ,instructions
refuse 2 '--trust-target is for trust levels' run --kernel image --trust-target restricted
refuse 2 '--trust-target up is not known' run --kernel image --trust-levels 2 --trust-target up
refuse 2 '--trust-levels 1 is out of range: give 2 to 16' run --kernel image --trust-levels 1
refuse 2 '--trust-levels 17 is out of range' run --kernel image --trust-levels 17
refuse 2 '--forward needs a network' run --elf pass --forward tcp:8080:80
refuse 2 'tcp:8080' run --elf pass --net user --forward tcp:8080
refuse 2 '0' run --elf pass --net user --forward tcp:0:80
refuse 2 '65536' run --elf pass --net user --forward tcp:8080:65536
refuse 2 'sctp' run --elf pass --net user --forward sctp:1:1
refuse 2 'ports 1 to 65535' run --elf pass --net user --forward tcp:65536:80
refuse 2 'ports 1 to 65535' run --elf pass --net user --forward tcp:8080:0
refuse 2 '--forward was given more than 16 times' run --elf pass --net user $(printf ' --forward tcp:8080:%d' $(seq 17))
refuse 2 'more than 4 disks' run --elf pass $(printf ' --disk disk,readonly%.0s' 1 2 3 4 5)
refuse 2 'disk was given twice: give it once, or both times with ,readonly' run --elf pass --disk disk --disk disk
refuse 2 'disk was given twice' run --elf pass --disk disk,readonly --disk ./disk
refuse 2 'name of a disk is empty' run --elf pass --disk ''
refuse 2 'name of a disk is empty' run --elf pass --disk ,readonly
refuse 2 'has 4096 bytes: give at most 4095' run --kernel image --append "$(head -c 4096 /dev/zero | tr '\0' x)"
for option in --stats --trace --events; do
    refuse 2 'tell of a guest that runs' run --dump-dtb tree.dtb --trust-levels 2 $option file
done
refuse 2 'there is no command frobnicate' help frobnicate
refuse 2 '--completion csh is not known' help --completion csh
refuse 2 'prints one script for all commands: leave out run' help --completion bash run
refuse 2 'prints one script for all commands: leave out --man' help --completion bash --man
refuse 2 'takes no operands' version extra
refuse 2 'disassemble needs a FILE' disassemble
refuse 2 'takes at most 1 FILE' disassemble pass pass
refuse 2 '--base x is not a number' disassemble --base x pass
refuse 2 'isa check needs a FILE' isa check

# -- Files of the host ------------------------------------------------------------------------------------------------

for option in kernel firmware elf; do
    refuse 1 'cannot open missing: No such file' run --$option missing
    refuse 1 'is a directory' run --$option directory
    refuse 1 'empty is empty' run --$option empty
    refuse 1 'cut short' run --$option short
    refuse 1 'ELF file for x86-64' run --$option foreign
done
refuse 1 'text is not an ELF file' run --elf text
refuse 1 'text is a text file' run --kernel text
refuse 1 'only zeros' run --kernel zeros
refuse 1 'noise does not begin with RISC-V code' run --kernel noise
refuse 1 'noise does not begin with RISC-V code' run --firmware noise
refuse 1 'cut short inside its gzip data' run --kernel short.gz
refuse 1 'give it with --kernel' run --firmware image
refuse 1 'unpack it with gunzip' run --firmware image.gz
refuse 1 'cannot open missing' run --kernel image --initrd missing
refuse 1 'cannot open missing' run --kernel image --trust-levels 2 --events events --symbols missing
refuse 1 'text:1: this is no line of a System.map' run --kernel image --trust-levels 2 --events events --symbols text
for slide in '' 0 0x 2000000 0x2000000x 0x12345678123456789 -0x1000 0x1000,slide= 0xg; do
    refuse 2 'is no slide: give it in hexadecimal' run --kernel image --trust-levels 2 --events events --symbols "map,slide=$slide"
done
refuse 2 '--symbols has no name of a file' run --kernel image --trust-levels 2 --events events --symbols ,slide=0x1000
refuse 2 'cannot move itself by 0xfff' run --kernel image --trust-levels 2 --events events --symbols map,slide=0xfff
refuse 2 'cannot move itself by 0x1001' run --kernel image --trust-levels 2 --events events --symbols map,slide=0x1001
refuse 2 'the same file' run --kernel image --trust-levels 2 --events map --symbols map,slide=0x1000
refuse 1 'cannot open map,slid=0x1000' run --kernel image --trust-levels 2 --events events --symbols map,slid=0x1000
refuse 1 'addresses of 0' run --kernel image --trust-levels 2 --events events --symbols zeromap
refuse 1 'empty is empty' run --kernel image --initrd empty
refuse 1 'big does not fit into .* at least --memory' run --kernel image --initrd big --memory 6M
refuse 1 'big is larger than' run --kernel image --initrd big --memory 4M
refuse 1 'needs .* MiB of memory' run --kernel image --memory 1M
refuse 1 'both want the memory' run --firmware kernel --kernel image
refuse 1 'missing' run --elf pass --disk missing
refuse 1 'missing' run --elf pass --disk missing,readonly
refuse 1 'empty' run --elf pass --disk empty
refuse 1 'directory' run --elf pass --disk directory
refuse 1 'multiple of 512' run --elf pass --disk odd-disk
refuse 1 'cannot open missing' run --kernel image --secure-kernel builtin --policy missing
refuse 1 'big is larger than 1 MiB: give a smaller one' run --kernel image --secure-kernel builtin --policy big
refuse 1 'image: it has no symbol _start.*System.map with --symbols' run --kernel image --secure-kernel builtin
refuse 1 'map: it has no symbol _etext.*give the System.map of image' run --kernel image --secure-kernel builtin --symbols map
refuse 1 'text:1: this is no line of a System.map' run --kernel image --secure-kernel builtin --symbols text
refuse 1 'cannot open missing' run --kernel image --secure-kernel builtin --symbols missing
refuse 1 'cannot open missing' disassemble missing
refuse 1 'ELF file for x86-64' disassemble foreign
refuse 1 'empty is empty' disassemble empty
for option in stats trace dump-dtb; do
    refuse 1 "--$option nowhere/file cannot be written" run --elf pass --$option nowhere/file
    refuse 1 "--$option directory cannot be written" run --elf pass --$option directory
    refuse 1 'cannot open missing' run --elf missing --$option result
done
refuse 2 '--stats and --elf are the same file, pass' run --elf pass --stats pass
refuse 2 '--console and --disk are the same file' run --elf pass --disk disk --console file:./disk
refuse 2 '--trace and --disk are the same file' run --elf pass --disk disk,readonly --trace disk,instructions
ln disk hard-link && refuse 2 'are the same file' run --elf pass --disk disk --dump-dtb hard-link && rm hard-link
refuse 2 '--stats and --trace are the same file, new' run --elf pass --stats new --trace new
refuse 1 '--console nowhere/log cannot be written' run --elf pass --console file:nowhere/log
refuse 1 'cannot open missing' run --elf missing --console file:log

# -- How guests end ---------------------------------------------------------------------------------------------------

ends 0 'a guest that passes gives 0' run --elf pass
ends 0 'a guest may have more memory than the host, if both know' run --elf pass --memory 4T --overcommit
ends 7 'a guest gives its own code' run --elf fail7
ends 255 'a guest gives its own code up to 255' run --elf fail255
ends 255 'a code of 256 is no success' run --elf fail256
ends 255 'a code of 65535 is no success' run --elf fail65535
ends 1 'a failure without a code is no success' run --elf fail0
ends 0 'tohost 1 is success' run --elf tohost1
ends 1 'tohost 3 is code 1' run --elf tohost3
ends 3 'tohost 7 is code 3' run --elf tohost7
ends 42 'tohost 85 is code 42' run --elf tohost85
ends 0 'a reset ends a guest that may not reboot' run --elf reset --no-reboot
ends 0 'an SBI reset ends a guest that may not reboot' run --kernel kernel-reset --no-reboot
ends 124 'a guest that resets for ever runs into its time' run --elf reset --timeout 0.5
ends 124 'a guest that loops runs into its time' run --elf loop --timeout 0.5
holds 'the time-out is told in one line' test "$(wc -l < err)" -eq 1
ends 0 'a Linux Image starts in S-mode' run --kernel image
ends 0 'with trust levels and their events' run --kernel image --trust-levels 2 --events events --symbols map
ends 0 'and a kernel that moves itself' run --kernel image --trust-levels 2 --events events --symbols map,slide=0x2000000
holds 'leaves a file of events' test -f events
rm -f events
ends 0 'a packed Image too' run --kernel image.gz
ends 0 'an ELF kernel too' run --kernel kernel
ends 0 'with many vCPUs' run --kernel image --cpus 128 --memory 64M
ends 0 'with the least memory' run --elf pass --memory 1M
ends 0 'with a page more' run --elf pass --memory 1052672
ends 0 'with the longest command line' run --kernel image --append "$(head -c 4095 /dev/zero | tr '\0' x)"
ends 0 'with the longest time' run --elf pass --timeout 1000000000
ends 0 'with as many disks as there can be' run --elf pass $(printf ' --disk disk,readonly%.0s' 1 2 3 4)
ends 0 'options take their argument after =' run --elf=pass --memory=64M --cpus=2
ends 0 'numbers may be hexadecimal' run --elf pass --cpus 0x2
ends 0 'a wild access is the guest'\''s own affair' run --elf wild --trace trace
holds 'but is traced' grep -q 'load_access_fault, value 0x0' trace
holds 'with the end' grep -q '^machine: the guest ends with code 0' trace
ends 0 'instructions can be traced' run --elf wild --trace trace,instructions
holds 'each with its text' grep -Eq '^hart 0 M 0x0000000080000040 00000397 auipc +t2, 0x0' trace
ends 0 'a read-only disk' run --elf pass --disk disk,readonly
ends 0 'a network' run --elf pass --net user

# -- Console ----------------------------------------------------------------------------------------------------------

ends 0 'the console prints to standard output' run --elf hello < /dev/null
holds 'every byte of it' test "$(cat out)" = hello
ends 0 'the console reads from a pipe' run --elf echo < <(printf 'abcq')
holds 'every byte typed is echoed' test "$(cat out)" = abcq
ends 0 'Ctrl-A Ctrl-A types a Ctrl-A' run --elf echo < <(printf 'a\001\001bq')
holds 'it arrived' test "$(od -An -c out | tr -d ' ')" = 'a001bq'
ends 0 'Ctrl-A x ends the machine' run --elf loop --timeout 30 < <(printf '\001x'; sleep 5)
ends 0 'Ctrl-A h tells the keys' run --elf echo < <(printf '\001hq')
holds 'on standard error' grep -q 'Ctrl-A x' err
ends 0 'the console goes to a file' run --elf hello --console file:log
holds 'all of it' test "$(cat log)" = hello
holds 'and not to standard output' test ! -s out
ends 0 'no console at all' run --elf hello --console none
holds 'prints nothing' test ! -s out
ends 0 'a pseudo-terminal' run --elf hello --console pty
holds 'whose name is told' grep -q '/dev/pts/' err
ends 0 'a pseudo-terminal that nobody opens takes any amount of output' run --elf flood --console pty --timeout 30
ends 0 'a pipe takes any amount of output' run --elf flood
holds 'without loss' test "$(tr -d '*' < out | wc -c) $(wc -c < out)" = '0 200000'
"$ravelin" run --elf echo --console pty --timeout 60 > out 2> err < /dev/null &
machine=$!
while ! terminal=$(grep -o '/dev/pts/[0-9]*' err) && kill -0 $machine 2> /dev/null; do
    sleep 0.05
done
# In a subshell: a session's leader (which a test runner may make of this one) would get it as its own terminal.
: > typed
(
    exec 9<> "$terminal" || exit
    timeout 30 dd bs=1 count=4 status=none <&9 > typed &
    printf abc >&9
    while [ "$(cat typed)" != abc ] && kill -0 $! 2> /dev/null; do
        sleep 0.05
    done
    printf q >&9 # the guest ends, and the terminal waits a few seconds for who reads it: by now somebody does
    wait
)
holds 'what is typed at a pseudo-terminal comes back' test "$(cat typed)" = abcq
wait $machine
holds 'and the guest ends' test $? -eq 0
if [ -w /dev/full ]; then
    "$ravelin" run --elf hello > /dev/full 2> err
    holds 'output that is lost is a failure' test $? -eq 1
    "$ravelin" help > /dev/full 2> err
    holds 'of help too' test $? -eq 1
    "$ravelin" run --elf pass --stats /dev/full 2> err
    holds 'statistics that are lost are a failure' test $? -eq 1
    holds 'told in one line' test "$(wc -l < err)" -eq 1
    "$ravelin" run --dump-dtb /dev/full 2> err
    holds 'a device tree that is lost is a failure, told in one line' test $? -eq 1 -a "$(wc -l < err)" -eq 1
fi
"$ravelin" run --elf hello < /dev/null <&- > out 2> err
holds 'standard input may be closed' test $? -eq 0

rm -f stats.json
"$ravelin" run --elf hello --stats stats.json >&- 2> err
holds 'standard output may be closed' test -s stats.json
holds 'the console is not written to a file that was opened in its place' test "$(grep -c hello stats.json)" -eq 0
"$ravelin" run --elf loop --timeout 0.2 --stats stats.json 2>&- > out
holds 'standard error may be closed' test $? -eq 124
holds 'messages are not written to a file that was opened in its place' test "$(grep -c ravelin: stats.json)" -eq 0

# -- Outputs ----------------------------------------------------------------------------------------------------------

ends 0 'statistics are written' run --elf pass --stats stats.json
for member in instructions seconds mips tlb_misses traps exits vcpus; do
    holds "statistics have $member" grep -q "\"$member\":" stats.json
done
ends 124 'statistics are written after a time-out' run --elf loop --timeout 0.2 --stats stats.json
holds 'with its end' grep -q '"end": "timeout"' stats.json
if [ "$(uname -m)" = x86_64 ]; then # a host that translates
    # A guest that ends by itself: one that a time-out ends has run nothing if the host stood still.
    ends 0 'statistics of code that is hot' run --elf rounds --stats stats.json
    holds 'tell what was translated' grep -q '"regions": [1-9]' stats.json
    ends 0 'the engine that checks' run --engine check --elf rounds --stats stats.json
    holds 'counts what it has compared' grep -q '"runs": [1-9]' stats.json
    holds 'and what went away when it was tried again' grep -q '"repeated": 0' stats.json
    for engine in jit check; do
        ends 0 "--dump with --engine $engine" run --engine $engine --elf rounds --dump ir,host
        holds 'prints what was translated' grep -Eq '^region 00000000800[0-9a-f]+ hart 0: [1-9][0-9]* instructions' err
        holds 'its IR' grep -q '^block @0 pc=0x' err
        holds 'and host code' grep -Eq '^[0-9a-f]+  mov ' err
        holds 'and nothing to standard output' test ! -s out
    done
    ends 0 '--dump ir alone' run --elf rounds --dump ir
    holds 'prints IR' grep -q '^block @0 pc=0x' err
    holds 'without host code' test "$(grep -Ec '^[0-9a-f]+  mov ' err)" -eq 0
    ends 0 '--dump host alone' run --elf rounds --dump host
    holds 'prints host code' grep -Eq '^[0-9a-f]+  mov ' err
    holds 'without IR' test "$(grep -c '^block' err)" -eq 0
fi
ends 0 'the device tree is written and the guest runs' run --elf pass --dump-dtb tree.dtb
holds 'it begins as one' test "$(head -c 4 tree.dtb | od -An -tx1 | tr -d ' ')" = d00dfeed
ends 0 'the device tree alone needs nothing to boot' run --dump-dtb alone.dtb --cpus 3 --memory 2G --append 'a b'
if command -v dtc > /dev/null; then
    holds 'dtc reads it' dtc -q -I dtb -O dts -o alone.dts alone.dtb
    holds 'three harts' test "$(grep -c 'cpu@' alone.dts)" -eq 3
    holds 'the command line' grep -q 'bootargs = "a b"' alone.dts
fi
holds 'no temporary file is left' test -z "$(find . -name '*.??????' -newer pass -name '*.json.*' -o -name '*.dtb.*')"
echo before > real
ln -s real link
ends 0 'a link takes an output' run --elf pass --stats link
holds 'stays one' test -L link
holds 'and leads to it' grep -q '"end"' real
ends 0 'standard output takes an output' run --elf hello --stats /dev/stdout
holds 'after what was there' test "$(head -n 1 out)" = hello
ln -sf /dev/null null
ends 0 'a device takes an output' run --elf pass --stats null
holds 'and stays one' test -c null

# -- Signals ----------------------------------------------------------------------------------------------------------

set -m # else what runs in the background ignores SIGINT
for signal in TERM INT HUP; do
    rm -f started.dtb
    "$ravelin" run --elf loop --stats signal.json --dump-dtb started.dtb --timeout 30 > out 2> err < /dev/null &
    machine=$!
    for _ in $(seq 200); do
        [ -e started.dtb ] && break
        sleep 0.05
    done
    kill -$signal $machine
    wait $machine
    holds "SIG$signal ends the machine" test $? -eq $((128 + $(kill -l $signal)))
    holds "with its statistics" grep -q '"end": "stopped"' signal.json
done
set +m

for signal in TERM INT HUP USR1 ALRM; do
    timeout --preserve-status -s $signal 0.5 "$ravelin" run --kernel fifo --stats fifo.json > out 2> err < /dev/null
    holds "SIG$signal ends it while it waits for a file" test $? -eq $((128 + $(kill -l $signal)))
    holds 'and leaves nothing behind' test -z "$(find . -name 'fifo.json*')"
done
(
    ulimit -f 1
    exec "$ravelin" run --elf hello --memory 1M --stats limited.json > out 2> err < /dev/null
)
holds 'a limit on the size of files is an error' test $? -eq 1
holds 'with its reason' grep -q 'File too large' err
holds 'and leaves nothing behind, too' test -z "$(find . -name 'limited.json*')"

# -- Help, version, completion, manual ------------------------------------------------------------------------------

ends 0 'help' help
holds 'lists the commands' grep -q '  disassemble' out
ends 0 'help run' help run
holds 'shows an example' grep -q 'ravelin run --kernel' out
"$ravelin" run --help > other
holds 'is run --help' cmp out other
ends 0 'help isa' help isa
cp out other
ends 0 'isa --help' isa --help
holds 'is the same' cmp out other
holds 'tells of isa check' grep -q 'isa check' out
ends 0 'version' --version
holds 'prints it' grep -Eq '^ravelin [0-9]+\.[0-9]+\.[0-9]+$' out
ends 0 'bash completion' help --completion bash
holds 'is bash' bash -n out
holds 'completes options' bash -c '
    source out
    COMP_WORDS=(ravelin run --ker) COMP_CWORD=2
    _ravelin
    [ "${COMPREPLY[*]}" = --kernel ]'
ends 0 'zsh completion' help --completion zsh
ends 0 'fish completion' help --completion fish
for words in '' run disassemble 'isa check' help version; do
    # shellcheck disable=SC2086
    ends 0 "manual page: ravelin $words" help --man $words
    holds 'has a header' grep -q '^\.TH' out
    if command -v man > /dev/null && man --warnings -l /dev/null > /dev/null 2>&1; then
        holds 'is formatted without warnings' bash -c '[ -z "$(man --warnings -l out 2>&1 > /dev/null)" ]'
    fi
done

# -- Every option everywhere ------------------------------------------------------------------------------------------

# agrees WHAT: the file listed, a line an option, is what help tells of.
agrees() {
    sort listed > other
    holds "$1 has the options of ravelin $words, all and no others" diff options other
}

# shellcheck disable=SC2086 # a command may be two words
for words in run disassemble 'isa check' help version; do
    { "$ravelin" help $words | grep -o '^  --[a-z-]*' | tr -d ' '; } | sort > options
    holds "help tells of options of ravelin $words" grep -q -e --help options
    "$ravelin" help --man $words | sed -n 's/\\-/-/g; s/^\\fB\(--[a-z-]*\)\\fR.*/\1/p; s/^\.B \(--[a-z-]*\)$/\1/p' \
        > listed
    agrees 'the manual page'
    "$ravelin" help --completion bash > script
    bash -c 'source ./script; COMP_WORDS=(ravelin "$@" --) COMP_CWORD=$(($# + 1)); _ravelin; printf "%s\n" "${COMPREPLY[@]}"' \
        bash $words > listed
    agrees bash
    "$ravelin" help --completion zsh |
        sed -n "/^    '$words')/,/;;/s/^ *'\**\(--[a-z-]*\)\[.*/\1/p" > listed
    agrees zsh
    "$ravelin" help --completion fish |
        sed -n "s/^complete -c ravelin .*_from ${words% *}' -l \([a-z-]*\) .*/--\1/p; s/^complete -c ravelin -l \(help\) .*/--\1/p" \
        > listed
    agrees fish
done
"$ravelin" help run | grep -o '^  --[a-z-]*' | tr -d ' ' | while read -r option; do
    grep -rq -e "$option" "$docs" || echo "docs/ does not tell of $option"
done > untold
holds 'docs/ tells of every option of ravelin run' diff /dev/null untold

# -- Disassembly ------------------------------------------------------------------------------------------------------

ends 0 'disassemble an ELF file' disassemble pass
holds 'with labels' grep -q '<_start>:' out
holds 'and instructions' grep -Eq 'lui +t0, 0x100' out
tail -c +65 image > code
ends 0 'disassemble raw code' disassemble --base 0x80200040 code
holds 'from its address' grep -Eq '^80200040: ' out
printf '\001' > byte
ends 0 'a single byte is disassembled too' disassemble byte

echo "1..$count"
