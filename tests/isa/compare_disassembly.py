#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `ravelin disassemble` with LLVM's disassembler on every 16-bit encoding and on random 32-bit ones.

usage: compare_disassembly.py RAVELIN [SEED [COUNT]]

What LLVM does not know is not compared (its version decides what that is). Exit status 77, a skipped test, without LLVM.
"""
import collections
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

EXTENSIONS = ('m a f d c zba zbb zbc zbs zbkb zbkc zbkx zicond zicsr zifencei zicbom zicbop zicboz zfh zfhmin zfa zcb '
              'zawrs zimop zcmop svinval zihintpause zihintntl').split()
OPCODES = [0x03, 0x07, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2f, 0x33, 0x37, 0x3b,
           0x43, 0x47, 0x4b, 0x4f, 0x53, 0x63, 0x67, 0x6f, 0x73]
# What LLVM prints for encodings that are not ours: the hypervisor's and the debugger's, an all-zero halfword, hints
# whose reserved immediates we do not show, and fcvtmod.w.d with a rounding mode that is not the one allowed.
NOT_OURS = re.compile(r'hinval|hfence|hlv|hsv|dret|c?\.?unimp|c\.lui \w+, 0$|fcvtmod|mnret|sctrclr|ssrdp|sspush|sspopchk|cbo|ori zero')
SPELLED_OTHERWISE = re.compile(r'c\.(nop|slli64|srli64|srai64|lui zero)|csr|unimp')


def find_tool(name):
    for version in ['-22', '-21', '-20', '-19', '-18', '-17', '-16', '-15', '-14', '']:
        if shutil.which(name + version):
            return name + version
    return None


def random_word(rng):
    word = rng.getrandbits(25) << 7 | rng.choice(OPCODES)
    kind = rng.randrange(4)
    if kind == 0:  # few distinct upper bits: instructions with fixed fields come up
        word = word & 0x01ffffff | rng.choice([0, 1, 4, 5, 8, 9, 0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x60, 0x61, 0x68,
                                               0x69, 0x78, 0x79, 0x0c, 0x0b, 0x2c, 0x50, 0x51, 0x70, 0x71]) << 25
    elif kind == 1:
        word = word & 0xfffff | rng.choice([0, 1, 0x102, 0x302, 0x105, 0x180, 0x181, 0x600, 0x601, 0x602, 0x604,
                                            0x605, 0x287, 0x698, 0x687, 0xd, 0x1d]) << 20
    return word


def lines_of(command, pattern):
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    matches = (re.match(pattern, line) for line in output.splitlines())
    return {int(match.group(1), 16): match.group(2) for match in matches if match}


def normal(text):
    """One spelling: no symbols, numbers in decimal, no rounding mode where it is the default."""
    text = re.sub(r'\s+', ' ', re.sub(r' <[^>]*>', '', text.strip()))
    text = re.sub(r', (dyn|rne)$', '', text)
    if 'unknown' in text or text.startswith('.'):
        return 'unknown'
    return re.sub(r'-?0x[0-9a-f]+|(?<![\w.])-?\d+\b',
                  lambda m: str(int(m.group(0), 16 if 'x' in m.group(0) else 10)), text)


def compare(ravelin, objdump, objcopy, folder, code, size):
    raw, elf = os.path.join(folder, 'code.bin'), os.path.join(folder, 'code.o')
    with open(raw, 'wb') as out:
        out.write(code)
    subprocess.run([objcopy, '-I', 'binary', '-O', 'elf64-littleriscv', raw, elf], check=True)
    features = ','.join('+' + name for name in EXTENSIONS)
    theirs = lines_of([objdump, '-D', '-j', '.data', '-M', 'no-aliases', '--mattr=' + features, '--no-show-raw-insn',
                       elf], r'\s*([0-9a-f]+):\s+(.*)')
    ours = lines_of([ravelin, 'disassemble', '--base', '0', raw], r'\s*(?:0x)?([0-9a-f]+):?\s+[0-9a-f]+\s+(.*)')
    compared, differences = 0, collections.OrderedDict()
    for address, text in theirs.items():
        expected, got = normal(text), normal(ours.get(address, 'missing'))
        if address % size or expected == 'unknown' or NOT_OURS.match(expected) or SPELLED_OTHERWISE.match(expected):
            continue
        compared += 1
        if expected != got:
            differences.setdefault(expected.split()[0], (code[address:address + size][::-1].hex(), expected, got))
    for bits, expected, got in list(differences.values())[:20]:
        print(f'{bits}: LLVM says {expected}, ravelin says {got}')
    print(f'{compared} compared, {len(differences)} instructions differ')
    return compared > 0 and not differences


def main():
    ravelin = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20250
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200000
    objdump, objcopy = find_tool('llvm-objdump'), find_tool('llvm-objcopy')
    if not objdump or not objcopy:
        print('skipped: no llvm-objdump')
        return 77
    print(f'seed {seed}, {objdump}')
    rng = random.Random(seed)
    words = b''.join(struct.pack('<I', random_word(rng)) for _ in range(count))
    halves = b''.join(struct.pack('<H', half) for half in range(65536) if half & 3 != 3)
    with tempfile.TemporaryDirectory() as folder:
        good = compare(ravelin, objdump, objcopy, folder, halves, 2)
        good = compare(ravelin, objdump, objcopy, folder, words, 4) and good
    return 0 if good else 1


sys.exit(main())
