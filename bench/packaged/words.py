# SPDX-License-Identifier: Apache-2.0
"""Strings, dictionaries, sorting and JSON there and back. Prints the commonest words and a length."""
import json
import sys


def text(count):
    state = 7
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        yield "".join("aeioukstnmr"[(state >> shift) % 11] for shift in range(3, 3 + 2 + state % 4))


def main():
    counts = {}
    for word in text(int(sys.argv[1])):
        counts[word] = counts.get(word, 0) + 1
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    document = json.dumps([{"word": word, "count": count, "share": count / len(counts), "tags": list(word)} for word, count in order])
    back = json.loads(document)
    print(" ".join(entry["word"] for entry in back[:8]), len(document), sum(entry["count"] for entry in back))


main()
