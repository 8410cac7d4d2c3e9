#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# boot_repeatedly.sh RAVELIN TIMES: boots on two vCPUs succeed every time.
. "$(dirname "$0")/guest.sh"
ravelin=$1 times=$2

initramfs main <<'MAIN'
echo "user space reached"
MAIN
for boot in $(seq "$times"); do
    status=0
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$guest/vmlinuz" --initrd "$work/main.gz" --append "console=ttyS0" --cpus 2 --memory 256M \
        --timeout 100 >"$work/console" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || fail "boot $boot of $times: exit status $status, expected 0"
    console 'user space reached' || fail "boot $boot of $times: user space was not reached"
done
