/* SPDX-License-Identifier: Apache-2.0 */
/* Prints more than any buffer holds through HTIF: 100000 lines of 16 bytes by one write, then ends by HTIF, too. */
#include "bare.h"

volatile uint64_t tohost __attribute__((aligned(64)));
volatile uint64_t fromhost __attribute__((aligned(64)));

static char text[100000 * 16];
static volatile uint64_t call[8] __attribute__((aligned(64)));

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    for (unsigned i = 0; i < sizeof text; i++) {
        text[i] = "0123456789abcde\n"[i % 16];
    }
    call[0] = 64; /* write */
    call[1] = 1;
    call[2] = (uint64_t)text;
    call[3] = sizeof text;
    __asm__ volatile("fence" ::: "memory");
    tohost = (uint64_t)call;
    while (fromhost == 0) {
        bare_pause();
    }
    expect(call[0] == sizeof text);
    tohost = 1;
    for (;;) {
        bare_pause();
    }
}
