#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hide_symbols.py IMAGE OUTPUT: a Linux Image whose own symbol table (CONFIG_KALLSYMS) contradicts itself, so that
nobody finds it who checks it, while the kernel works: the place of the last of its names is wrong by one byte."""
import struct
import sys

TOKENS = 256

DIGITS = b"".join(b"%d\0" % i for i in range(10))  # tokens of one character are in their own places


def find_tokens(image):
    """Where the texts of the tokens begin, by the table behind them of where each begins."""
    digits = image.find(DIGITS)
    while digits >= 0:
        for index in range(digits + 7 & ~7, min(digits + 8192, len(image) - 2 * TOKENS), 8):
            starts = struct.unpack_from(f"<{TOKENS}H", image, index)
            if starts[0] == 0 and all(a < b for a, b in zip(starts, starts[1:])):
                return digits - starts[ord("0")]
        digits = image.find(DIGITS, digits + 1)
    sys.exit("hide_symbols.py: no symbol table")


image = bytearray(open(sys.argv[1], "rb").read())
marker = find_tokens(image) - 4  # before the tokens, perhaps with a gap
if not any(image[marker:marker + 4]):
    marker -= 4
struct.pack_into("<I", image, marker, struct.unpack_from("<I", image, marker)[0] + 1)
open(sys.argv[2], "wb").write(image)
