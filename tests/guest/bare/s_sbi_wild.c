/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-mode asks the built-in firmware for everything there is and is not, with arguments that make no sense. What is not
 * there is refused by number; nothing hangs. Calls that end the machine or this hart are left out.
 */
#include "bare.h"

#define ROUNDS     40000u
#define PLAYGROUND (RAM + UINT64_C(0x800000))
#define END        (RAM + UINT64_C(0x1000000)) /* --memory 16M */

static uint64_t random_state = SEED * UINT64_C(0x9e3779b97f4a7c15) | 1;

static uint64_t argument(void)
{
    static const uint64_t odd[] = { 0,
                                    1,
                                    2,
                                    3,
                                    4,
                                    7,
                                    63,
                                    64,
                                    4096,
                                    0x80000000,
                                    PLAYGROUND,
                                    PLAYGROUND + 1,
                                    END,
                                    END - 1,
                                    END - 8,
                                    0x10000000,
                                    0x100000,
                                    0xc000000,
                                    UINT64_MAX,
                                    UINT64_MAX - 1,
                                    UINT64_C(1) << 63,
                                    0xffffffff,
                                    UINT64_C(0xffffffff00000000) };
    uint64_t random = bare_random(&random_state);
    if (random % 8 == 0) {
        return bare_random(&random_state);
    }
    if (random % 8 < 3) {
        return PLAYGROUND + (random >> 8 & 0x3fffff);
    }
    return odd[(random >> 8) % (sizeof odd / sizeof odd[0])];
}

static uint64_t extension(void)
{
    static const uint64_t known[] = { 0,          1,          2,        3,        4,         5,
                                      6,          7,          9,        0x10,     SBI_TIME,  SBI_IPI,
                                      SBI_RFENCE, SBI_HSM,    SBI_SRST, SBI_PMU,  SBI_DBCN,  0x53555350,
                                      0x43505043, 0x4e41434c, 0x535441, 0x535345, 0x46574654 };
    uint64_t random = bare_random(&random_state);
    return random % 8 == 0 ? random >> 8 & UINT32_MAX : known[(random >> 8) % (sizeof known / sizeof known[0])];
}

static bool ends_something(uint64_t extension_, uint64_t function, uint64_t a0)
{
    return extension_ == 8 || (extension_ == SBI_SRST && function == 0) ||                       /* shutdown, reset */
           (extension_ == SBI_HSM && (function == 1 || (function == 3 && (uint32_t)a0 == 0))) || /* stop, suspend */
           (extension_ == SBI_DBCN && function == 1); /* writes where it is told to, program included */
}

static void refusals(void)
{
    expect(sbi(SBI_HSM, 0, 1, 1, 0, 0, 0).error == -5);          /* an odd address */
    expect(sbi(SBI_HSM, 0, 1, 0x10000000, 0, 0, 0).error == -5); /* a device */
    expect(sbi(SBI_HSM, 0, 1, END, 0, 0, 0).error == -5);        /* a hole */
    expect(sbi(SBI_HSM, 0, 1, UINT64_MAX - 1, 0, 0, 0).error == -5);
    expect(sbi(SBI_HSM, 0, 99, RAM, 0, 0, 0).error == -3);
    expect(sbi(SBI_HSM, 0, UINT64_MAX, RAM, 0, 0, 0).error == -3);
    expect(sbi(SBI_HSM, 0, 0, RAM, 0, 0, 0).error == -6); /* myself */
    expect(sbi(SBI_HSM, 2, 99, 0, 0, 0, 0).error == -3);
    expect(sbi(SBI_IPI, 0, 1, 99, 0, 0, 0).error == -3);
    expect(sbi(SBI_IPI, 0, UINT64_MAX, 0, 0, 0, 0).error == -3);
    expect(sbi(SBI_IPI, 0, 3, UINT64_MAX - 1, 0, 0, 0).error == -3); /* base and bit wrap round */
    expect(sbi(SBI_RFENCE, 0, 1, 99, 0, 0, 0).error == -3);
    expect(sbi(SBI_RFENCE, 99, 1, 0, 0, 0, 0).error == -2);
    expect(sbi(SBI_SRST, 0, 99, 0, 0, 0, 0).error == -3);
    expect(sbi(SBI_SRST, 7, 0, 0, 0, 0, 0).error == -2);
    expect(sbi(SBI_DBCN, 0, 8, END - 4, 0, 0, 0).error == -3);
    expect(sbi(SBI_DBCN, 0, 8, 0x10000000, 0, 0, 0).error == -3);
    expect(sbi(SBI_DBCN, 0, 8, PLAYGROUND, 1, 0, 0).error == -3);
    expect(sbi(SBI_DBCN, 0, UINT64_MAX, END - 4, 0, 0, 0).error == -3);
    expect(sbi(0x12345678, 0, 0, 0, 0, 0, 0).error == -2);
}

int bare_main(uint64_t hart, uint64_t argument_)
{
    (void)hart, (void)argument_;
    refusals();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t which = extension(),
                 function = bare_random(&random_state) % 16 == 0 ? argument() : bare_random(&random_state) % 8;
        uint64_t first = argument();
        if (!ends_something(which, function, first)) {
            sbi(which, function, first, argument(), argument(), argument(), argument());
        }
        if (round % 64 == 0) { /* interrupts that the calls made come in, too */
            csr_write(sie, UINT64_MAX);
            csr_set(sstatus, 2);
            csr_clear(sstatus, 2);
            csr_write(sip, 0);
        }
    }
    expect(me->exceptions == 0);
    return 0;
}
