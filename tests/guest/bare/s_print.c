/* SPDX-License-Identifier: Apache-2.0 */
/* Prints more than any buffer holds by every SBI call that prints: 100000 lines of 16 bytes. */
#include "bare.h"

static char text[16] = "0123456789abcde\n";

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    for (unsigned line = 0; line < 100000; line++) {
        if (line % 3 == 0) {
            uint64_t done = 0;
            while (done < sizeof text) {
                struct sbi_result result = sbi(SBI_DBCN, 0, sizeof text - done, (uint64_t)text + done, 0, 0, 0);
                expect(result.error == 0);
                done += result.value;
            }
        } else {
            for (unsigned i = 0; i < sizeof text; i++) {
                expect(sbi(line % 3 == 1 ? SBI_DBCN : 1, 2, (uint64_t)text[i], 0, 0, 0, 0).error == 0);
            }
        }
    }
    return 0;
}
