# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: how each is measured in the guest, how its figure is read, and what is wanted of it."""
import re

# Our own workloads, as bench/guest/main.c knows them, and the least ratio wanted of each (None: none is).
OWN = {
    "integer": 2.5, "multiply-chain": None, "branchy": 2.5, "hashing": 2.5, "sorting": 2.5, "pointer-chasing": 1.3, "copying": 1.3, "float-single": 6, "float-double": 6,
    "float-libm": 6, "system-calls": 1.5, "forks": 1.5, "page-faults": 1.5, "ping-pong": None, "exec": None,
}

# Those that compute and ask nothing of a kernel: the same C, compiled for the host, is the ceiling of every translator.
COMPUTE = ["integer", "multiply-chain", "branchy", "hashing", "sorting", "pointer-chasing", "copying", "float-single", "float-double", "float-libm"]


def result_lines(text):
    """{name: (figure, checksum)} from the lines that the guest program prints."""
    return {name: (float(figure), checksum) for name, figure, checksum in re.findall(r"^result (\S+) (\S+) (\S+)\s*$", text, re.M)}


def openssl_rate(name):
    """-mr prints +F:number:algorithm:bytes a second, a column for each size."""
    def read(text):
        found = re.search(r"^\+F:\d+:[^:\n]+:([\d.]+)\s*$", text, re.M)
        return {name: (float(found[1]) / 1e6, None)} if found else {}
    return read


def openssl_key(text):
    """... and for a key +F2:number:bits:signatures a second:verifications a second."""
    found = re.search(r"^\+F2:\d+:\d+:([\d.e+-]+):([\d.e+-]+)", text, re.M)
    return {"openssl-sign": (float(found[1]), None), "openssl-verify": (float(found[2]), None)} if found else {}


def zstd_rates(text):
    found = re.findall(r"([\d.]+) MB/s,? +([\d.]+) MB/s", text)
    return {"zstd": (float(found[-1][0]), None), "zstd-extract": (float(found[-1][1]), None)} if found else {}


class Measure:
    """A command in the guest that gives one row or more. `packaged` ones need the disks, and run in their root."""

    def __init__(self, rows, units, command, read=result_lines, packaged=True, wanted=None):
        self.rows, self.units, self.command, self.read, self.packaged, self.wanted = rows, units, command, read, packaged, wanted


def timed(name, output, command):
    return Measure([name], "runs/s", f"/inputs/bench command {name} {{seconds}} {output} {command}")


PACKAGED = [
    Measure(["openssl-sha256"], "MB/s", "openssl speed -mr -elapsed -seconds {whole} -bytes 16384 -evp sha256", openssl_rate("openssl-sha256")),
    Measure(["openssl-aes"], "MB/s", "openssl speed -mr -elapsed -seconds {whole} -bytes 16384 -evp aes-128-cbc", openssl_rate("openssl-aes")),
    Measure(["openssl-chacha"], "MB/s", "openssl speed -mr -elapsed -seconds {whole} -bytes 16384 -evp chacha20", openssl_rate("openssl-chacha")),
    Measure(["openssl-sign", "openssl-verify"], "times/s", "openssl speed -mr -elapsed -seconds {whole} rsa2048", openssl_key),
    Measure(["zstd", "zstd-extract"], "MB/s", "zstd -b3 -i{whole} /inputs/mixed", zstd_rates),
    timed("sqlite3", "-", "sqlite3 /tmp/sales.db '.read /inputs/sales.sql'"),
    timed("python3-nbody", "-", "python3 /inputs/nbody.py 500"),
    timed("python3-fannkuch", "-", "python3 /inputs/fannkuch.py 7"),
    timed("python3-words", "-", "python3 /inputs/words.py 3000"),
    timed("gcc", "/tmp/unit.o", "gcc-14 -O2 -w -ffreestanding -c /inputs/unit.c -o /tmp/unit.o"),
    Measure(["programs-1000"], "runs/s", "/inputs/bench programs programs-1000 /inputs/programs", wanted=1),
]

# Measured again in a machine with two vCPUs, where it should do nearly twice the work.
PARALLEL = "threads"
PARALLEL_COMMAND = "/bench parallel threads {seconds} 2"
PARALLEL_WANTED = 1.8

MEASURES = ([Measure([name], "units/s", f"/bench {{seconds}} {name}", packaged=False, wanted=wanted) for name, wanted in OWN.items()] +
            [Measure([PARALLEL], "units/s", PARALLEL_COMMAND, packaged=False)] + PACKAGED)
BOOT = Measure(["boot"], "s", None, packaged=False, wanted=1 / 0.6)


def names():
    return ["boot"] + [row for measure in MEASURES for row in measure.rows]


# The packaged programs' disk is /dev/vda, what they read /dev/vdb; vice versa where the machine counts backwards.
MOUNTS = """\
mount -t ext4 -o ro /dev/vda /mnt
[ -d /mnt/inputs ] || { umount /mnt; mount -t ext4 -o ro /dev/vdb /mnt; other=/dev/vda; }
mount -t ext4 -o ro ${other:-/dev/vdb} /mnt/inputs
mount -t devtmpfs devtmpfs /mnt/dev
mount -t proc proc /mnt/proc
mount -t tmpfs tmpfs /mnt/tmp
"""
ENVIRONMENT = "PATH=/usr/bin HOME=/tmp PYTHONPYCACHEPREFIX=/tmp/python PYTHONHASHSEED=0"


def script(measures, seconds):
    """What the guest's shell runs: each measure between lines that say where it begins and ends."""
    lines = [MOUNTS] if any(measure.packaged for measure in measures) else []
    for measure in measures:
        command = measure.command.format(seconds=seconds, whole=max(1, round(float(seconds))))
        if measure.packaged:
            command = f"{ENVIRONMENT} /bin/chroot /mnt {command}"
        lines.append(f"echo begin {measure.rows[0]}\n{command} 2>&1\necho end {measure.rows[0]}\n")
    return "".join(lines)
