#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bare.sh RAVELIN PROGRAM VCPUS [OPTION...]: builds bare/PROGRAM.c for the bare machine and runs it; it passes if it ends
# with status 0. Programs that need the built-in SBI are named s_*: they start in S-mode as a kernel does. DISK among the
# options stands for an image that is made for the run. RAVELIN_SEED chooses what wild programs do; it is printed.
set -u
ravelin=$1 program=$2 vcpus=$3
shift 3
folder=$(dirname "$0")/bare
seed=${RAVELIN_SEED:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

case $program in
    s_*) boot=--kernel base=0x80200000 mode=-DBARE_S ;;
    *) boot=--elf base=0x80000000 mode=-DBARE_M ;;
esac

if command -v clang-19 >/dev/null && command -v ld.lld-19 >/dev/null; then
    compiler="clang-19 --target=riscv64-unknown-elf -fuse-ld=lld"
elif command -v clang >/dev/null && command -v ld.lld >/dev/null && clang --print-targets | grep -q riscv64; then
    compiler="clang --target=riscv64-unknown-elf -fuse-ld=lld"
elif command -v riscv64-linux-gnu-gcc >/dev/null; then
    compiler="riscv64-linux-gnu-gcc -Wl,--no-warn-rwx-segments"
elif command -v riscv64-unknown-elf-gcc >/dev/null; then
    compiler=riscv64-unknown-elf-gcc
else
    echo "skipped: no compiler for RISC-V; install clang-19 and lld-19, or gcc-riscv64-linux-gnu"
    exit 77
fi

$compiler -O2 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-stack-protector -mcmodel=medany -march=rv64gc -mabi=lp64d \
    -nostdlib -static "$mode" -DHARTS="$vcpus" -DSEED="$seed" -Wl,--build-id=none -Wl,--defsym=BARE_BASE=$base \
    -Wl,-T,"$folder/bare.ld" "$folder/start.S" "$folder/bare.c" "$folder/$program.c" -o "$work/program" || exit 1

for option; do
    shift
    if [ "$option" = DISK ]; then
        truncate -s 4M "$work/disk" || exit 1
        option=$work/disk
    fi
    set -- "$@" "$option"
done
echo "$program with $vcpus vCPUs, RAVELIN_SEED=$seed"
"$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" $boot "$work/program" --cpus "$vcpus" --timeout "${RAVELIN_BARE_TIMEOUT:-150}" "$@" </dev/null >"$work/console" 2>&1
status=$?
if [ "$status" -ne 0 ]; then
    echo "FAIL: status $status"
    tail -c 2000 "$work/console" | tr -cd '[:print:]\n'
    exit 1
fi
if [ -f "$work/disk" ] && [ "$(stat -c %s "$work/disk")" -ne 4194304 ]; then
    echo "FAIL: the disk image has another size now"
    exit 1
fi
