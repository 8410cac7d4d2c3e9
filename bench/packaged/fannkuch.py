# SPDX-License-Identifier: Apache-2.0
"""Pancakes: for every order of N numbers, how often the first so many must be turned over until 1 is first. Integers and
list slices. Prints the most turns, and a sum over all with alternating sign."""
import sys
from itertools import permutations


def turns(order):
    count = 0
    while (first := order[0]) != 1:
        order[:first] = order[first - 1::-1]
        count += 1
    return count


def main():
    most = total = 0
    for index, order in enumerate(permutations(range(1, int(sys.argv[1]) + 1))):
        if order[0] != 1:
            count = turns(list(order))
            most = max(most, count)
            total += count if index % 2 == 0 else -count
    print(most, total)


main()
