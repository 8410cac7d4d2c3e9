#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# random.sh RANDOM DESCRIPTION INSTRUCTIONS: finds the other emulator and runs the comparison.
set -eu
qemu=$("$TOOLS/fetch-qemu") || { echo "skipped: QEMU cannot be fetched here"; exit 77; }
exec "$1" "$2" "$qemu" "$3"
