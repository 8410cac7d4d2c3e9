#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# secure_kernel.sh RAVELIN WHAT CPUS: a stock Debian kernel under the built-in secure kernel.
#
#   quiet     enforcing: user space, static keys, modules unloaded and loaded again, vCPUs off and on: no false alarm
#   attack    enforcing: each attack is refused and told of, and the machine runs on
#   open      no secure kernel: each attack succeeds
#   observe   observing: each attack succeeds and is told of
#   service   what the guest may ask for: codes depend on what they are about and on nothing else; mistakes get errors
#   seal      enforcing: what was loaded before works on, and nothing new is executed as the kernel
#   hotplug   enforcing: a vCPU that was off has its registers pinned before anybody else runs there
#   map       a kernel without symbols is protected by its System.map, and by a secure kernel that is a file
#   reboot    the guest reboots, and is protected again
#   trace     the function tracers and probes work where the policy allows them, and nothing else does; else are refused
#   files     what cannot work is refused with one line
. "$(dirname "$0")/guest.sh"
ravelin=$1 what=$2 cpus=$3
kernel=$guest/vmlinuz
"$ravelin" run --help | grep -q secure-kernel || skip "this ravelin has no secure kernel"

boot() { # boot INITRD OPTION...: leaves its status
    initrd=$1
    shift
    status=0
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$kernel" --initrd "$initrd" \
        --append "console=ttyS0 quiet panic=-1" --cpus "$cpus" --memory 512M --timeout 150 "$@" \
        >"$work/console" 2>&1 </dev/null || status=$?
}

run_by() { # run_by BOOT INITRD OPTION...: boots by that function; the guest ends with status 0
    with_all_vcpus "$@"
    if grep -q 'built without a secure kernel' "$work/console"; then
        skip "no clang or lld when this ravelin was built"
    fi
    [ "$status" -eq 0 ] || fail "exit status $status, expected 0"
}

run() { # run INITRD OPTION...
    run_by boot "$@"
}

# For scripts of guests. On a busy host Linux may find that the vCPU has not stopped yet, or that it takes too long.
online='online() { # online NUMBER: that vCPU comes up
    for try in $(seq 300); do
        echo 1 2>/dev/null >/sys/devices/system/cpu/cpu$1/online
        [ "$(cat /sys/devices/system/cpu/cpu$1/online)" = 1 ] && return
        sleep 0.1
    done
    echo "failed: vCPU $1 does not come up"
}'

# The secure kernel's lines come between any two bytes of the guest's, so scripts of guests say "stty sane", which waits
# until everything is printed, before what is refused.
refusals() {
    grep -c '^secure kernel: \(refused\|observed\)' "$work/console" || true
}

quiet() {
    {
        echo "$online"
        cat <<'MAIN'
dmesg -n 4
do_() { sh -c "$1" || echo "failed: $1"; }
do_ 'echo 1 >/proc/sys/kernel/sched_schedstats; echo 0 >/proc/sys/kernel/sched_schedstats'
if [ -e /sys/devices/system/cpu/cpu1/online ]; then
    for cpu in 1 0; do
        do_ "echo 0 >/sys/devices/system/cpu/cpu$cpu/online"
        online $cpu
    done
fi
for round in 1 2 3; do
    do_ 'rmmod ext4 jbd2 mbcache virtio_net virtio_rng'
    for module in /lib/modules/*.ko; do insmod $module 2>/dev/null; done
done
do_ '[ -d /sys/module/ext4 ] && [ -d /sys/module/virtio_net ]'
echo "cpus $(grep -c ^processor /proc/cpuinfo)"
echo "memory $(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)"
MAIN
    } | initramfs main
    run "$work/main.gz" --secure-kernel builtin
    console 'secure kernel: locked' || fail "the secure kernel did not lock the kernel"
    [ "$(refusals)" -eq 0 ] || fail "false alarms: $(refusals)"
    ! console 'failed' || fail "something did not work"
    console "cpus $cpus\$" || fail "the guest does not see $cpus vCPUs at the end"
    ! grep -qE 'BUG:|Oops|WARNING: CPU|rcu: INFO' "$work/console" || fail "the kernel complains"
}

# Translated filters 7 and 6 share a page. Filter 5 is to be translated after the seal: it lets nothing pass.
seal() {
    command -v clang-19 >/dev/null || command -v clang >/dev/null || skip "no clang to build the guest's programs with"
    "$(dirname "$0")/../../guests/attack/build" "$guest" "$work/attack.ko" "$work/filter"
    cat >"$work/seal.script" <<'MAIN'
dmesg -n 1
echo 1 >/proc/sys/net/core/bpf_jit_enable
mkfifo /tmp/7 /tmp/6
told() { # told NUMBER COUNT: the filter has told so many answers
    for try in $(seq 100); do
        [ "$(grep -c . /tmp/told$1)" -ge "$2" ] && return
        sleep 0.1
    done
    echo "failed: filter $1 tells nothing"
}
/filter 7 </tmp/7 >/tmp/told7 &
seven=$!
/filter 6 </tmp/6 >/tmp/told6 &
six=$!
exec 3>/tmp/7 4>/tmp/6
printf . >&3
printf . >&4
told 7 1
told 6 1
insmod /attack.ko what=seal map=$(grep -m 1 ' kernel_map$' /proc/kallsyms | cut -d ' ' -f 1) && echo sealed
exec 4>&-
wait $six
sleep 0.3
printf . >&3
echo 0 >/proc/sys/net/core/bpf_jit_enable
printf . | /filter 4
rmmod ext4 && echo "module unloaded"
dmesg | grep -E 'Oops|Unable to handle|BUG:' || echo "no complaint"
echo 1 >/proc/sys/net/core/bpf_jit_enable
mkfifo /tmp/5
/filter 5 </tmp/5 >/tmp/told5 &
five=$!
exec 5>/tmp/5
printf . >&5
for try in $(seq 100); do # until it waits in vain: by read(), not from standard input
    grep -q '^63 0x[1-9a-f]' /proc/$five/syscall && break
    [ -s /tmp/told5 ] && break
    sleep 0.1
done
[ $try -lt 100 ] || echo "failed: filter 5 does not come to its socket"
kill $five
printf . >&3
told 7 3
exec 3>&-
wait $seven
cat /tmp/told?
echo "still running"
MAIN
    "$TOOLS/make-initramfs" "$guest" "$work/seal.script" "$work/seal.gz" "$work/attack.ko" "$work/filter"
    run "$work/seal.gz" "$@"
}

service() {
    command -v clang-19 >/dev/null || command -v clang >/dev/null || skip "no clang to build the guest's programs with"
    "$(dirname "$0")/../../guests/attack/build" "$guest" "$work/attack.ko"
    cat >"$work/service.script" <<'MAIN'
dmesg -n 1
map=$(grep -m 1 ' kernel_map$' /proc/kallsyms | cut -d ' ' -f 1)
ask() { # ask NAME PARAMETER...
    name=$1
    shift
    dmesg -c >/dev/null
    stty sane
    insmod /attack.ko "$@" map=$map 2>/dev/null
    dmesg | sed -n "/ succeeded\$/d; /was refused/d; s/.*attack: /answer $name /p"
    rmmod attack 2>/dev/null
}
ask ask what=ask
ask sign what=sign value=1
ask sign-again what=sign value=1
ask sign-other what=sign value=2
ask sign-page what=sign at=80200000 value=1000
ask sign-end what=sign at=80200fff value=1
ask sign-nothing what=sign at=80200fff value=0
ask sign-too-much what=sign at=80200000 value=1001
ask sign-two-pages what=sign at=80200fff value=2
ask sign-hidden what=sign at=9ffff000 value=8
ask sign-nowhere what=sign at=100000000000 value=8
ask attest what=attest value=1
ask attest-again what=attest value=1
ask attest-other what=attest value=2
ask unknown what=call value=4
ask stvec what=stvec
ask attest-refused what=attest value=1
ask seal what=seal value=1
MAIN
    "$TOOLS/make-initramfs" "$guest" "$work/service.script" "$work/service.gz" "$work/attack.ko"
    run "$work/service.gz" "$@"
}

# answer NAME: what the guest was told.
answer() {
    tr -d '\r' <"$work/console" | sed -n "s/^answer $1 //p"
}

answers() { # answers NAME PATTERN
    answer "$1" | grep -q "^$2\$" || fail "to $1 the answer was '$(answer "$1")', expected $2"
}

same() {
    [ "$(answer "$1")" = "$(answer "$2")" ] || fail "$1 and $2 have different answers"
}

differ() { # differ NAME...: no two have the same code
    codes=$(for name in "$@"; do answer "$name" | cut -d ' ' -f 2; done)
    [ "$(echo "$codes" | sort -u | wc -l)" -eq $# ] || fail "two of $* have the same code: $codes"
}

# No process runs on the vCPU after it was off: the shell and its children stay on the first.
hotplug() {
    command -v clang-19 >/dev/null || command -v clang >/dev/null || skip "no clang to build the attacks with"
    "$(dirname "$0")/../../guests/attack/build" "$guest" "$work/attack.ko"
    {
        echo "$online"
        cat <<'MAIN'
dmesg -n 3 # still tells of a vCPU that does not come up
of() { grep -m 1 " $1\$" /proc/kallsyms | cut -d ' ' -f 1; }
map=$(of kernel_map) call=$(of smp_call_function_single)
taskset -p 1 $$ >/dev/null || echo "no taskset"
for round in 1 2 3; do
    echo 0 >/sys/devices/system/cpu/cpu1/online
    online 1
    stty sane
    insmod /attack.ko what=remote at=$call value=1 map=$map 2>/dev/null
    echo "attack $?"
    rmmod attack 2>/dev/null
done
echo "cpus $(grep -c ^processor /proc/cpuinfo)"
MAIN
    } >"$work/hotplug.script"
    "$TOOLS/make-initramfs" "$guest" "$work/hotplug.script" "$work/hotplug.gz" "$work/attack.ko"
    run "$work/hotplug.gz" "$@"
}

# The attacks, each with its own module; the last ends its process.
attacks() {
    command -v clang-19 >/dev/null || command -v clang >/dev/null || skip "no clang to build the attacks with"
    "$(dirname "$0")/../../guests/attack/build" "$guest" "$work/attack.ko"
    cat >"$work/attacks.script" <<'MAIN'
dmesg -n 1
of() { grep -m 1 " $1\$" /proc/kallsyms | cut -d ' ' -f 1; }
map=$(of kernel_map)
attack() {
    stty sane
    insmod /attack.ko "$@" map=$map 2>/dev/null
    echo "attack $1 $?"
    rmmod attack 2>/dev/null
}
echo "umask $(umask)"
attack what=text at=$(of __riscv_sys_umask)
echo "after text $(umask)"
attack what=rodata at=$(printf %x $((0x$(of sys_call_table) + 166 * 8))) value=$(of __riscv_sys_getpid)
echo "after rodata $(umask)"
attack what=stvec
attack what=read at=9ffff000
attack what=sign
dmesg | grep 'attack: signed'
attack what=data
echo "still running"
MAIN
    "$TOOLS/make-initramfs" "$guest" "$work/attacks.script" "$work/attacks.gz" "$work/attack.ko"
    run "$work/attacks.gz" "$@"
    console 'still running' || fail "the machine does not run on"
}

expect() {
    console "$1" || fail "the console has no line that begins with: $1"
}

refused() { # refused STATUS TEXT OPTION...: one line that has TEXT, but for what a slow host says of its loading
    wanted=$1 text=$2
    shift 2
    status=0
    "$ravelin" run --append "console=ttyS0" --timeout 20 "$@" >"$work/console" 2>&1 </dev/null || status=$?
    [ "$status" -eq "$wanted" ] || fail "exit status $status instead of $wanted with $*"
    [ "$(grep -cv '^ravelin: loading ' "$work/console")" -eq 1 ] || fail "more than one line with $*"
    grep -qF -e "$text" "$work/console" || fail "another message than '$text' with $*"
}

case $what in
quiet) quiet ;;
attack)
    attacks --secure-kernel builtin --events "$work/events"
    for attack in text rodata stvec read; do
        expect "attack what=$attack 1\$"
    done
    expect 'after text 0022' && expect 'after rodata 0022'
    expect 'attack what=data 139' # its process was ended
    expect 'attack what=sign 0' && grep -q 'attack: signed: [0-9a-f]\{64\}' "$work/console" || fail "nothing was signed"
    for told in 'to write to kernel text __riscv_sys_umask+0x0 by' 'to write to read-only data sys_call_table+0x530 by' \
        'to change stvec to' "to reach the secure kernel's memory at 0x9ffff000 by" 'to execute as kernel'; do
        grep -qF "\"event\":\"message\",\"vcpu\"" "$work/events" && grep -qF "secure kernel: refused $told" "$work/events" ||
            fail "the event log has nothing of: $told"
    done
    ! grep -q 'secure kernel' "$work/console" || fail "told on the console too"
    ;;
open)
    attacks
    for attack in text rodata stvec read data; do
        expect "attack what=$attack 0\$"
    done
    expect 'after text 2471' && expect 'attack what=sign 1'
    ;;
observe)
    echo 'mode observe' >"$work/policy"
    attacks --secure-kernel builtin --policy "$work/policy"
    for attack in text rodata stvec data; do
        expect "attack what=$attack 0\$"
    done
    expect 'after text 2471'
    expect 'attack what=read 1' # its own memory is hidden in any case
    for told in 'to write to kernel text' 'to write to read-only data' 'to change stvec' 'to execute as kernel'; do
        expect "secure kernel: observed $told"
    done
    ;;
seal)
    seal --secure-kernel builtin --events "$work/events"
    for line in sealed 'filter 6: 6' 'filter 4: 4' 'module unloaded' 'no complaint' 'still running'; do
        expect "$line"
    done
    [ "$(tr -d '\r' <"$work/console" | grep -c '^filter 7: 7$')" -eq 3 ] || fail "a program from before the seal ended with another"
    ! console 'failed' || fail "something did not work"
    ! console 'filter 5' || fail "a new program was executed after the seal"
    grep -qF 'secure kernel: refused to write to sealed code' "$work/events" || fail "new code was written after the seal"
    ;;
service)
    code='[0-9a-f]\{64\}'
    service --secure-kernel builtin
    expect 'secure kernel: locked'
    answers ask 'version 1, permitted f, locked 1'
    for signed in sign sign-other sign-page sign-end sign-nothing; do
        answers $signed "signed: $code"
    done
    for wrong in too-much two-pages; do
        answers sign-$wrong 'sign gave -3'
    done
    for denied in hidden nowhere; do
        answers sign-$denied 'sign gave -4'
    done
    answers unknown 'call gave -2'
    for attested in attest attest-other; do
        answers $attested "attested: $code state 1001f000f"
    done
    answers attest-refused "attested: $code state 3001f000f" # something was refused meanwhile
    answers seal "attested: $code state 3001f0009"
    same sign sign-again
    same attest attest-again
    differ sign sign-other sign-page sign-end sign-nothing attest attest-other attest-refused seal
    before=$(answer sign) attested=$(answer attest)
    service --secure-kernel builtin
    answers sign "signed: $code"
    [ "$(answer sign)" != "$before" ] || fail "the key to sign with is the same after another start"
    [ "$(answer attest)" != "$attested" ] || fail "the key to attest with is the same after another start"
    ;;
hotplug)
    hotplug --secure-kernel builtin
    ! console 'no taskset' || skip "the guest's busybox has no taskset"
    [ "$(tr -d '\r' <"$work/console" | grep -c '^attack 1$')" -eq 3 ] || fail "a vCPU's registers were not pinned in time"
    expect "cpus $cpus\$"
    grep -q 'secure kernel: refused to change stvec' "$work/console" || fail "the refusals were not told of"
    [ "$(refusals)" -ge 3 ] || fail "$(refusals) refusals, expected 3 or more"
    ;;
map)
    command -v clang-19 >/dev/null || command -v clang >/dev/null || skip "no clang to build a secure kernel with"
    truncate -s 16M "$work/disk"
    initramfs main <<'MAIN'
gzip -c </proc/kallsyms | dd of=/dev/vda bs=64k conv=notrunc 2>/dev/null
MAIN
    run "$work/main.gz" --disk "$work/disk"
    gzip -dc <"$work/disk" >"$work/map" || [ $? -eq 2 ] # there is more on the disk
    kernel=$work/image
    "$(dirname "$0")/hide_symbols.py" "$guest/vmlinuz" "$kernel"
    refused 1 'give its System.map with --symbols' --kernel "$kernel" --secure-kernel builtin
    "$(dirname "$0")/../../guests/secure-kernel/build" "$work/secure-kernel.elf"
    attacks --secure-kernel "$work/secure-kernel.elf" --symbols "$work/map"
    expect 'secure kernel: locked'
    for attack in text rodata stvec read; do
        expect "attack what=$attack 1\$"
    done
    expect 'after text 0022' && expect 'after rodata 0022'
    expect 'attack what=data 139'
    expect 'secure kernel: refused to write to kernel text __riscv_sys_umask+0x0 by'
    ;;
reboot)
    boot_first() {
        rm -f "$work/disk"
        truncate -s 1M "$work/disk"
        boot "$@"
    }
    initramfs main <<'MAIN'
dmesg -n 1
if [ "$(head -c 5 /dev/vda)" = again ]; then
    echo "second start"
else
    echo "first start"
    printf again | dd of=/dev/vda conv=notrunc 2>/dev/null
    sync
    stty sane
    reboot -f
fi
MAIN
    run_by boot_first "$work/main.gz" --secure-kernel builtin --disk "$work/disk"
    expect 'first start' && expect 'second start'
    [ "$(grep -c '^secure kernel: locked' "$work/console")" -eq 2 ] || fail "not protected after the reboot"
    [ "$(refusals)" -eq 0 ] || fail "false alarms: $(refusals)"
    ;;
trace)
    initramfs main <<'MAIN'
dmesg -n 1
mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
echo function >current_tracer && echo "function on" # all functions: that is slow
cat /proc/version >/dev/null                        # some thousands of them
echo 0 >tracing_on
[ "$(head -n 2000 trace | grep -c .)" -gt 1000 ] && echo "function traced"
echo nop >current_tracer && echo "function off"
echo 1 >tracing_on
echo 'vfs_*' >set_ftrace_filter
echo function_graph >current_tracer && echo "function_graph on"
cat /proc/version >/dev/null
grep -q 'vfs_read()' trace && echo "function_graph traced"
echo nop >current_tracer && echo "function_graph off"
echo do_sys_openat2 >set_ftrace_filter
echo 1 >options/func_stack_trace
echo function >current_tracer
cat /proc/version >/dev/null
grep -q 'do_sys_openat2 <-' trace && echo "one function traced"
echo nop >current_tracer
for offset in 8 10 12 14 16 18 20 24; do # Linux refuses those where no instruction begins
    echo "p:probe$offset do_sys_openat2+$offset" >>kprobe_events && echo 1 >events/kprobes/probe$offset/enable
done 2>/dev/null
cat /proc/version >/dev/null
awk '$2 > 0 { n++ } END { print "probes hit " n }' kprobe_profile
for event in events/kprobes/probe*; do echo 0 >$event/enable; done
echo >kprobe_events && echo "probes gone"
cat /proc/version >/dev/null && echo "still running"
MAIN
    echo 'tracing allow' >"$work/policy"
    run "$work/main.gz" --secure-kernel builtin --policy "$work/policy"
    [ "$(refusals)" -eq 0 ] || fail "false alarms: $(refusals)"
    for told in 'function on' 'function traced' 'function off' 'function_graph on' 'function_graph traced' \
        'function_graph off' 'one function traced' 'probes hit [1-9]' 'probes gone' 'still running'; do
        expect "$told"
    done
    run "$work/main.gz" --secure-kernel builtin
    [ "$(refusals)" -gt 0 ] || fail "the tracer was not refused"
    ! console 'probes hit [1-9]' || fail "probes were not refused"
    expect 'still running'
    attacks --secure-kernel builtin --policy "$work/policy"
    expect 'after text 0022'
    expect 'attack what=data 139'
    ;;
files)
    protected="--kernel $guest/vmlinuz --secure-kernel builtin"
    printf 'mode enforce\nmodules some\n' >"$work/policy"
    printf 'no ELF file' >"$work/text"
    cp "$guest/vmlinuz" "$work/image"
    size=$(wc -c <"$work/image")
    truncate -s 4M "$work/image"
    truncate -s "$size" "$work/image" # without its symbols
    echo 'ffffffff80000000 T _start' >"$work/map"
    for name in _start _etext __init_begin __start_rodata _data _end handle_exception system_state; do
        echo "ffffffff80000000 T $name"
    done >"$work/wrong-map"
    # shellcheck disable=SC2086 # the guest's path has no blanks
    {
        refused 1 "$work/policy:2: modules some: write" $protected --policy "$work/policy"
        refused 1 "$work/none" $protected --policy "$work/none"
        refused 1 "$work/text" --kernel "$guest/vmlinuz" --secure-kernel "$work/text"
        refused 2 '--secure-kernel' --kernel "$guest/vmlinuz" --policy "$work/policy"
        refused 2 '--secure-kernel' $protected --firmware "$guest/vmlinuz"
        refused 2 'check' $protected --engine check
        refused 1 'give its System.map with --symbols' --kernel "$work/image" --secure-kernel builtin
        refused 1 "$work/map: it has no symbol _etext" $protected --symbols "$work/map"
        refused 1 'are not those of' $protected --symbols "$work/wrong-map"
        refused 1 '--memory' $protected --memory 33M
    }
    ;;
*) echo "secure_kernel.sh: what is $what?" >&2; exit 2 ;;
esac
