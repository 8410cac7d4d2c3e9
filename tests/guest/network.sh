#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# network.sh RAVELIN: the guest downloads from a server on the host's loopback and uploads to it, and the host connects
# to the guest through a forwarded port; every byte arrives as it was sent.
. "$(dirname "$0")/guest.sh"
ravelin=$1

head -c 8000003 /dev/urandom >"$work/payload"
loopback_server "$(dirname "$0")/transfer_server.py" "$work/payload" "$work/uploaded"

initramfs main <<MAIN
ifconfig eth0 up
udhcpc -q -n -i eth0 -s /etc/udhcpc.script >/dev/null 2>&1 && echo "address by DHCP"
nc 10.0.2.2 $port </dev/null >/tmp/got
sha256sum </tmp/got | sed 's/^/downloaded /'
nc 10.0.2.2 $((port + 0)) </tmp/got >/dev/null
nc -l -p 7777 </tmp/got >/tmp/forwarded &
for try in \$(seq 300); do # port 7777, which listens
    grep -q ':1E61 [^ ]* 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null && break
    sleep 0.1
done
echo "listening"
wait
sha256sum </tmp/forwarded | sed 's/^/forwarded /'
MAIN

# Until it listens, ends or takes too long.
boot() {
    forward=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$ravelin" run --engine "${RAVELIN_ENGINE:-jit}" --kernel "$guest/vmlinuz" --initrd "$work/main.gz" --append "console=ttyS0" --memory 256M --net user \
        --forward "tcp:$forward:7777" --timeout 150 >"$work/console" 2>&1 </dev/null &
    vm=$!
    background="$background $vm"
    for _ in $(seq 600); do
        if console listening || ! kill -0 $vm 2>/dev/null; then
            return 0
        fi
        sleep 0.2
    done
}

# Somebody else may have taken the port before the machine did: then another one.
boot
for _ in 1 2 3 4; do
    grep -q '^ravelin: cannot forward' "$work/console" || break
    boot
done
console listening || fail "the guest does not listen"
python3 "$(dirname "$0")/transfer_client.py" "$forward" "$work/payload" "$work/returned" || fail "no connection through the forwarded port"
wait $vm || fail "exit status $?, expected 0"

sum=$(sha256sum <"$work/payload")
console 'address by DHCP' || fail "no address by DHCP"
console "downloaded $sum" || fail "the download differs"
console "forwarded $sum" || fail "what came through the forwarded port differs"
cmp "$work/payload" "$work/uploaded" || fail "the upload differs"
cmp "$work/payload" "$work/returned" || fail "what the guest sent through the forwarded port differs"
