# SPDX-License-Identifier: Apache-2.0
"""Runs a machine to its end and takes down what its guest says."""
import json
import os
import re
import subprocess
import sys
import threading
import time

APPEND = "console=ttyS0 quiet"


def ravelin(options, kernel, initramfs, disks, cpus, stats):
    command = [options.ravelin, "run", "--engine", options.engine, "--kernel", kernel, "--initrd", initramfs, "--append", APPEND,
               "--cpus", str(cpus), "--memory", "1G", "--stats", stats]
    return command + [word for disk in disks for word in ("--disk", disk + ",readonly")]


def qemu(path, kernel, initramfs, disks, cpus):
    command = [path, "-M", "virt", "-kernel", kernel, "-initrd", initramfs, "-append", APPEND, "-smp", str(cpus), "-m", "1G",
               "-nographic", "-monitor", "none", "-no-reboot"]
    for number, disk in enumerate(disks):
        command += ["-drive", f"file={disk},if=none,id=disk{number},format=raw,readonly=on,file.locking=off", "-device", f"virtio-blk-device,drive=disk{number}"]
    return command


def fail(command, lines, why):
    sys.exit(f"compare: {why}; the end of what was said:\n" + "".join(f"    {line}\n" for line in lines[-20:]) + f"from: {' '.join(command)}")


def run(command, measures, timeout, progress):
    """{row: (figure, checksum)}, with the seconds to user space as "boot". Calls progress(row) as each begins."""
    started = time.monotonic()
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    killer = threading.Timer(timeout, machine.kill)
    killer.start()
    try:
        lines, parts, part, boot = [], {}, None, None
        for line in machine.stdout:
            line = line.rstrip("\r\n")
            lines.append(line)
            if boot is None and line.startswith("user space"):
                boot = time.monotonic() - started
            elif line.startswith("begin "):
                part = line.split()[1]
                parts[part] = []
                progress(part)
            elif line.startswith("end "):
                part = None
            elif part is not None:
                parts[part].append(line)
        machine.wait()
    finally:
        killer.cancel()
        machine.kill()
    if boot is None:
        fail(command, lines, "no user space")
    results = {"boot": (boot, None)}
    for measure in measures:
        # A program that counts on a terminal returns the carriage instead of beginning a line.
        text = "\n".join(parts.get(measure.rows[0], [])).replace("\r", "\n")
        found = measure.read(text)
        if set(found) != set(measure.rows) or re.search("^wrong ", text, re.M):
            fail(command, lines, f"nothing measured for {', '.join(measure.rows)}")
        results.update(found)
    return results


def statistics(path):
    """What Ravelin counted, if it did."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)
