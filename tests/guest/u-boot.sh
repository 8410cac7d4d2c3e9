# SPDX-License-Identifier: Apache-2.0
# Sourced by boot.sh: OpenSBI hands over to Debian's U-Boot, which finds the kernel on a virtio disk by extlinux.conf.
opensbi=/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin
uboot=/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin
[ -f "$opensbi" ] || skip "no $opensbi; install the package opensbi"
[ -f "$uboot" ] || skip "no $uboot; install the package u-boot-qemu"

mkdir -p "$work/disk/extlinux"
cp "$guest/vmlinuz" "$work/main.gz" "$work/disk"
cat >"$work/disk/extlinux/extlinux.conf" <<'CONF'
default debian
timeout 1
label debian
    kernel /vmlinuz
    initrd /main.gz
    append console=ttyS0
CONF
# U-Boot wants a partition: number 1, bootable, Linux, 127 MiB from sector 2048 (an MBR entry and the signature).
truncate -s 128M "$work/disk.img"
mke2fs -q -t ext4 -O ^metadata_csum,^64bit -E offset=1048576 -d "$work/disk" "$work/disk.img" 127M
printf '\200\0\0\0\203\0\0\0\0\10\0\0\0\370\3\0' | dd of="$work/disk.img" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$work/disk.img" bs=1 seek=510 conv=notrunc status=none

status=0
"$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$uboot" --firmware "$opensbi" --disk "$work/disk.img,readonly" --cpus "$cpus" --memory 512M \
    --timeout 150 >"$work/console" 2>&1 </dev/null || status=$?
grep -q 'U-Boot' "$work/console" || fail "U-Boot did not start"
[ "$status" -eq 0 ] || fail "exit status $status, expected 0"
console 'user space reached' || fail "user space was not reached"
