#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# boot.sh RAVELIN sbi|opensbi|u-boot CPUS: the stock kernel reaches user space, sees every vCPU, and powers off with status 0.
# With RAVELIN_ENGINE=check, also: most of it was compared, and next to no difference went away when it was tried again.
. "$(dirname "$0")/guest.sh"
ravelin=$1 way=$2 cpus=$3

initramfs main <<'MAIN'
echo "cpus $(grep -c ^processor /proc/cpuinfo)"
echo "sum $(seq 1 1000 | awk '{ s += $1 * 1.5 } END { print s }')"
echo "user space reached"
MAIN

firmware=
case $way in
sbi) ;;
opensbi) firmware=/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin ;;
u-boot) firmware=/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_payload.elf ;;
esac
if [ "$way" = u-boot ]; then
    . "$(dirname "$0")/u-boot.sh"
    exit 0
fi
[ -z "$firmware" ] || [ -f "$firmware" ] || skip "no $firmware; install the package opensbi"

limit=150
[ "${RAVELIN_ENGINE:-jit}" != check ] || limit=600 # it does everything twice, and more

boot() {
    status=0
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$guest/vmlinuz" --initrd "$work/main.gz" --append "console=ttyS0" --cpus "$cpus" --memory 512M \
        ${firmware:+--firmware "$firmware"} --stats "$work/stats" --timeout $limit >"$work/console" 2>&1 </dev/null || status=$?
}
with_all_vcpus boot
[ "$status" -eq 0 ] || fail "exit status $status, expected 0"
console "cpus $cpus\$" || fail "the guest does not see $cpus vCPUs: $(grep -aE 'smp:|failed to come' "$work/console")"
console 'sum 750750$' || fail "arithmetic in the guest is wrong"
console 'user space reached' || fail "user space was not reached"
if grep -qE 'BUG:|Oops|WARNING: CPU|rcu: INFO' "$work/console"; then
    fail "the kernel complains"
fi

# count NAME: what the statistics say of the first member of that name, within "check" (which stands before "vcpus").
count() {
    sed -n '/^  "check": {/,/^  }/s/^ *"'"$1"'": \([0-9]*\),*$/\1/p' "$work/stats"
}
if [ "${RAVELIN_ENGINE:-jit}" = check ]; then
    echo "compared $(count instructions) instructions in $(count runs) runs, $(count pages) pages; interrupted $(count interrupted), repeated $(count repeated)"
    [ "$(count instructions)" -ge 1000000000 ] || fail "too few instructions were compared with the interpreter"
    [ "$(count repeated)" -le 3 ] || fail "differences come and go; devices do not write to memory that often"
fi
