#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a description of random functions, and C to call each of them with numbers.

usage: make_expressions.py SEED COUNT OUT.isa OUT.h

test_isac_expressions.c compares what the generated C gives with the reader's own evaluation of the same tree.
"""
import random
import sys

WIDTHS = [1, 2, 5, 7, 8, 9, 12, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128]
ARITHMETIC = ['+', '-', '*', '&', '|', '^', '/u', '/s', '%u', '%s']
COMPARISONS = ['==', '!=', '<u', '<=u', '>u', '>=u', '<s', '<=s', '>s', '>=s']


class Function:
    def __init__(self, rng):
        self.rng = rng
        self.widths = [rng.choice(WIDTHS) for _ in range(3)]
        self.result = rng.choice(WIDTHS)
        self.text = self.value(self.result, 4)

    def parameter(self, width):
        """A parameter brought to the width."""
        rng = self.rng
        number = rng.randrange(3)
        name, has = 'abc'[number], self.widths[number]
        if has == width:
            return name
        if has < width:
            return f'{rng.choice(["sext", "zext"])}({name}, {width})'
        low = rng.randrange(has - width + 1)
        return f'{name}[{low + width - 1}:{low}]'

    def literal(self, width):
        rng = self.rng
        bits = rng.choice([1, width // 2 + 1, width])
        return hex(rng.choice([0, 1, (1 << width) - 1, 1 << (width - 1), rng.getrandbits(bits)]) & ((1 << width) - 1))

    def condition(self, depth):
        rng = self.rng
        kind = rng.randrange(6)
        if depth > 0 and kind == 0:
            return f'({self.condition(depth - 1)} {rng.choice(["and", "or"])} {self.condition(depth - 1)})'
        if depth > 0 and kind == 1:
            return f'not ({self.condition(depth - 1)})'
        width = rng.choice(WIDTHS)
        right = self.literal(width) if rng.randrange(3) == 0 else self.value(width, depth - 1)
        return f'({self.value(width, depth - 1)} {rng.choice(COMPARISONS)} {right})'

    def shift(self, width, depth):
        rng = self.rng
        operator = rng.choice(['<<', '>>u', '>>s'])
        kind = rng.randrange(3)
        if kind == 0:
            amount = str(rng.choice([0, 1, width - 1, width, width + 1]))
        else:
            amount = self.value(rng.choice([3, 5, 6, 7, 8, 64, 128]), depth - 1)
        return f'({self.value(width, depth - 1)} {operator} {amount})'

    def extension(self, width, depth):
        narrower = [w for w in WIDTHS if w <= width]
        source = self.rng.choice(narrower)
        return f'{self.rng.choice(["sext", "zext"])}({self.value(source, depth - 1)}, {width})'

    def cat(self, width, depth):
        if width == 1:
            return self.parameter(1)
        split = self.rng.randrange(1, width)
        parts = [self.value(width - split, depth - 1), self.value(split, depth - 1)]
        return f'cat({", ".join(parts)})'

    def slice(self, width, depth):
        wider = [w for w in WIDTHS if w >= width]
        source = self.rng.choice(wider)
        low = self.rng.randrange(source - width + 1)
        return f'({self.value(source, depth - 1)})[{low + width - 1}:{low}]'

    def bit(self, depth):
        rng = self.rng
        if rng.randrange(2) == 0:
            return f'bit({self.condition(depth - 1)})'
        return f'({self.value(rng.choice(WIDTHS), depth - 1)})[{self.parameter(rng.choice([3, 6, 8, 64]))}]'

    def unary(self, width, depth):
        rng = self.rng
        names = ['popcount', 'clz', 'ctz'] + (['reverse_bytes'] if width % 8 == 0 else [])
        kind = rng.randrange(4)
        inner = self.value(width, depth - 1)
        if kind == 0:
            return f'(-({inner}))'
        if kind == 1:
            return f'(~({inner}))'
        return f'{rng.choice(names)}({inner})'

    def value(self, width, depth):
        rng = self.rng
        if depth <= 0:
            return self.parameter(width)
        if width == 1 and rng.randrange(3) == 0:
            return self.bit(depth)
        kind = rng.randrange(9)
        if kind < 3:
            right = self.literal(width) if rng.randrange(4) == 0 else self.value(width, depth - 1)
            return f'({self.value(width, depth - 1)} {rng.choice(ARITHMETIC)} {right})'
        if kind == 3:
            return self.shift(width, depth)
        if kind == 4:
            return self.extension(width, depth)
        if kind == 5:
            return self.cat(width, depth)
        if kind == 6:
            return self.slice(width, depth)
        if kind == 7:
            return self.unary(width, depth)
        return f'(if {self.condition(depth - 1)} then {self.value(width, depth - 1)} else {self.value(width, depth - 1)})'


def c_type(width):
    for bits in (8, 16, 32, 64):
        if width <= bits:
            return f'uint{bits}_t'
    return 'isa_uint128'


def main():
    seed, count, isa_path, header_path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    rng = random.Random(seed)
    functions = [Function(rng) for _ in range(count)]
    with open(isa_path, 'w', encoding='utf-8') as out:
        out.write('# SPDX-License-Identifier: Apache-2.0\n')
        out.write(f'# Made by make_expressions.py, seed {seed}.\n')
        out.write('machine expr "Random expressions"\nextension e "Everything"\nregister pc : bits(64) is program_counter\n')
        out.write('format ALL 32 code[31:0]\ninstruction nop ALL(code = 0) in e\n    nothing\n')
        for number, function in enumerate(functions):
            a, b, c = function.widths
            out.write(f'export function f{number}(a: bits({a}), b: bits({b}), c: bits({c})) -> bits({function.result})\n')
            out.write(f'    return {function.text}\n')
    with open(header_path, 'w', encoding='utf-8') as out:
        out.write('/* SPDX-License-Identifier: Apache-2.0 */\n')
        out.write(f'#define EXPRESSION_SEED {seed}\n')
        for number, function in enumerate(functions):
            arguments = ', '.join(f'({c_type(w)})v[{i}]' for i, w in enumerate(function.widths))
            out.write(f'static isa_uint128 call_{number}(const isa_uint128 *v)\n{{\n    return expr_f{number}({arguments});\n}}\n')
        out.write('static isa_uint128 (*const calls[])(const isa_uint128 *) = {\n')
        for number in range(count):
            out.write(f'    call_{number},\n')
        out.write('};\n')


main()
