#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# disk.sh RAVELIN: an ext4 root file system made with mke2fs -d is written, synced, powered off, checked by e2fsck on
# the host, remounted in a second guest, and read back byte for byte on the host.
. "$(dirname "$0")/guest.sh"
ravelin=$1
command -v mke2fs >/dev/null || skip "no mke2fs; install the package e2fsprogs"

mkdir -p "$work/tree/bin" "$work/tree/dev" "$work/tree/proc"
cp "$guest/busybox" "$work/tree/bin/busybox"
head -c 3000001 /dev/urandom >"$work/tree/original"
mke2fs -q -t ext4 -d "$work/tree" "$work/disk.img" 64M

run() { # run SCRIPT-NAME OPTION...
    name=$1
    shift
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$guest/vmlinuz" --initrd "$work/$name.gz" --append "console=ttyS0" --memory 256M \
        --timeout 100 "$@" >"$work/console" 2>&1 </dev/null
}

initramfs write <<'MAIN'
mount -t ext4 /dev/vda /mnt && chroot /mnt /bin/busybox sh -c '
    cp /original /copy && mkdir -p /many && for i in $(busybox seq 200); do echo "file $i" >/many/$i; done && echo written'
cmp /mnt/original /mnt/copy && echo "copy is equal"
sync
umount /mnt && echo "unmounted"
MAIN
run write --disk "$work/disk.img" || fail "the first guest ended with status $?"
console 'copy is equal' && console 'unmounted' || fail "the first guest could not write"
e2fsck -fn "$work/disk.img" >"$work/fsck" 2>&1 || fail "e2fsck: $(tail -n 5 "$work/fsck")"

initramfs read <<'MAIN'
mount -t ext4 -o ro /dev/vda /mnt && cmp /mnt/original /mnt/copy && echo "still equal"
[ "$(cat /mnt/many/137)" = "file 137" ] && echo "files are there"
echo x 2>/dev/null >/dev/vda || echo "write refused"
MAIN
before=$(sha256sum <"$work/disk.img")
run read --disk "$work/disk.img,readonly" || fail "the second guest ended with status $?"
console 'still equal' && console 'files are there' || fail "the second guest read something else"
[ "$before" = "$(sha256sum <"$work/disk.img")" ] || fail "a read-only disk changed"

debugfs -R "dump /copy $work/copy" "$work/disk.img" 2>/dev/null
cmp "$work/tree/original" "$work/copy" || fail "the file on the disk is not what was written"
