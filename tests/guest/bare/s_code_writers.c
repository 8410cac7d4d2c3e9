/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-mode, four harts, a disk. Code that all harts run is changed all the time, by every kind of store, by loops that
 * store to it among other pages, by other harts and by the disk; whoever has seen that it was changed runs the new code
 * behind FENCE.I, however hot the old one was, and whenever the change came.
 */
#include "bare.h"

#define PAGE        4096u
#define PLACES      4u
#define VALUES      64u /* of each stage: a page that is written much more often is not watched any more */
#define STAGES      16u /* of each kind */
#define RUNS        40u /* between two fences */

#define CODE_OFFSET (PAGE - 4) /* so that some stores cross into the next page */

static volatile uint64_t newest; /* the value written last */
static uint64_t pages;           /* those of this stage; the harts' own are before the first stage's */

/* The function of a value is at one of several places: it is the next page's that changes then. */
static uint64_t place_of(uint64_t value)
{
    return pages + value % PLACES * 2 * PAGE + CODE_OFFSET;
}

static void fence_code(void)
{
    __asm__ volatile("fence rw, rw; fence.i" ::: "memory");
}

static uint64_t run_at(uint64_t place)
{
    register uint64_t a0 __asm__("a0");
    __asm__ volatile("jalr ra, 0(%1)" : "=r"(a0) : "r"(place) : "ra", "memory");
    return a0;
}

/* ---- Ways to write ---------------------------------------------------------------------------------------------- */

#define RET UINT64_C(0x00008067)

static uint32_t code_of(uint64_t value)
{
    return 0x00000513u | (uint32_t)value << 20; /* li a0, value */
}

static void write_bytes(uint64_t place, uint64_t code)
{
    for (unsigned i = 0; i < 4; i++) {
        ((volatile uint8_t *)place)[i] = (uint8_t)(code >> 8 * i);
    }
}

static void write_halves(uint64_t place, uint64_t code)
{
    ((volatile uint16_t *)place)[0] = (uint16_t)code;
    ((volatile uint16_t *)place)[1] = (uint16_t)(code >> 16);
}

static void write_word(uint64_t place, uint64_t code)
{
    *(volatile uint32_t *)place = (uint32_t)code;
}

static void write_across(uint64_t place, uint64_t code)
{
    __asm__ volatile("sd %0, 0(%1)" ::"r"(code | RET << 32), "r"(place) : "memory");
}

static void write_crooked(uint64_t place, uint64_t code)
{
    __asm__ volatile("sd %0, -2(%1)" ::"r"(code << 16 | RET << 48), "r"(place) : "memory");
}

static void write_doubleword(uint64_t place, uint64_t code)
{
    *(volatile uint64_t *)(place - 4) = code << 32;
}

static void write_swap(uint64_t place, uint64_t code)
{
    __asm__ volatile("amoswap.w zero, %0, (%1)" ::"r"(code), "r"(place) : "memory");
}

static void write_sum(uint64_t place, uint64_t code)
{
    uint64_t difference = code - *(volatile uint32_t *)place;
    __asm__ volatile("amoadd.w zero, %0, (%1)" ::"r"(difference), "r"(place) : "memory");
}

static void write_sum_of_doublewords(uint64_t place, uint64_t code)
{
    uint64_t difference = code - *(volatile uint32_t *)place;
    __asm__ volatile("amoadd.d zero, %0, (%1)" ::"r"(difference << 32), "r"(place - 4) : "memory");
}

static void write_conditionally(uint64_t place, uint64_t code)
{
    uint64_t failed;
    do {
        __asm__ volatile("lr.w %0, (%1); sc.w %0, %2, (%1)" : "=&r"(failed) : "r"(place), "r"(code) : "memory");
    } while (failed != 0);
}

static void write_single(uint64_t place, uint64_t code)
{
    __asm__ volatile("fmv.w.x f0, %0; fsw f0, 0(%1)" ::"r"(code), "r"(place) : "memory");
}

static void write_double(uint64_t place, uint64_t code)
{
    __asm__ volatile("fmv.d.x f0, %0; fsd f0, -4(%1)" ::"r"(code << 32), "r"(place) : "memory");
}

/* One hot store goes through pages that are nobody's code, and the code. */
static void write_in_loop(uint64_t place, uint64_t code)
{
    uint64_t own = (uint64_t)program_end + bare_self() * PAGE;
    for (unsigned i = 0; i <= 512; i++) {
        volatile uint32_t *to = (volatile uint32_t *)(i == 512 ? place : own + i * 8);
        *to = (uint32_t)code;
    }
}

/* It stays in its loop for long, while others begin to watch the page. The jump begins a block, so that all stores are
 * the loop's, and what it remembers of the last time. */
static void write_again_and_again(uint64_t place, uint64_t code)
{
    uint64_t count = 20000;
    __asm__ volatile("j 1f; 1: addi %0, %0, -1; sw %1, 0(%2); bnez %0, 1b"
                     : "+r"(count)
                     : "r"(code), "r"(place)
                     : "memory");
}

static void (*const ways[])(uint64_t place, uint64_t code) = {
    write_bytes,   write_halves, write_word,    write_doubleword,         write_across,
    write_crooked, write_swap,   write_sum,     write_sum_of_doublewords, write_conditionally,
    write_single,  write_double, write_in_loop, write_again_and_again,
};

#define WAY_COUNT (sizeof ways / sizeof *ways)

/* ---- Who writes when -------------------------------------------------------------------------------------------- */

/* The last value at a place, when `last` is the last of all. */
static uint64_t last_at(uint64_t last, unsigned place)
{
    return last - (last + PLACES - place) % PLACES;
}

/* What was there when the fence began is run, or what has been written since. */
static void look(unsigned runs)
{
    uint64_t least = newest;
    fence_code();
    for (unsigned run = 0; run < runs; run++) {
        for (unsigned i = 0; i < PLACES; i++) {
            uint64_t got = run_at(place_of(i));
            bool is_changing = last_at(newest + 1, i) != last_at(least, i); /* perhaps by bytes */
            expect(got == last_at(least, i) || is_changing);
        }
    }
}

static void write_value(uint64_t value, unsigned way)
{
    ways[way](place_of(value), code_of(value));
    __asm__ volatile("fence rw, rw" ::: "memory");
    newest = value;
}

/* Values in turn by each hart, each in some way; all look all the time. */
static void take_turns(uint64_t hart, unsigned harts, unsigned runs)
{
    uint64_t random = SEED * 1000 + pages + hart;
    while (newest < VALUES) {
        if ((newest + 1) / 3 % harts == hart) { /* three by one hart, one of them at a place that it wrote before */
            write_value(newest + 1, (unsigned)(bare_random(&random) % WAY_COUNT));
        }
        look(1 + bare_random(&random) % runs);
        if (hart != 0) {
            bare_pause();
        }
    }
}

static void begin(void)
{
    pages += 2 * PLACES * PAGE;
    for (uint64_t value = 0; value < PLACES; value++) {
        ((volatile uint32_t *)place_of(value))[0] = code_of(value);
        ((volatile uint32_t *)place_of(value))[1] = (uint32_t)RET;
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
    newest = PLACES - 1;
}

static void stage(uint64_t hart, unsigned harts, unsigned runs)
{
    bare_meet(HARTS);
    if (hart == 0) {
        begin();
    }
    bare_meet(HARTS);
    if (hart < harts) {
        fence_code();
        take_turns(hart, harts, runs);
    }
    bare_meet(HARTS);
}

/* ---- The disk --------------------------------------------------------------------------------------------------- */

static struct {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
} descriptors[4] __attribute__((aligned(4096)));
static struct {
    uint16_t flags, index, ring[4];
} available __attribute__((aligned(4096)));
static struct {
    volatile uint16_t flags, index;
    uint32_t ring[8];
} used __attribute__((aligned(4096)));
static struct {
    uint32_t type, unused;
    uint64_t sector;
} request;
static volatile uint8_t status;
static uint32_t sector[128] __attribute__((aligned(512)));

static void set_address(unsigned offset, const volatile void *place)
{
    store(VIRTIO + offset, 4, (uint64_t)place & UINT32_MAX);
    store(VIRTIO + offset + 4, 4, (uint64_t)place >> 32);
}

static void start_disk(void)
{
    static const uint16_t before[][2] = { { 0x70, 0 }, { 0x70, 3 },  { 0x24, 0 }, { 0x20, 0 }, { 0x24, 1 },
                                          { 0x20, 1 }, { 0x70, 11 }, { 0x30, 0 }, { 0x38, 4 } };
    for (unsigned i = 0; i < sizeof before / sizeof *before; i++) {
        store(VIRTIO + before[i][0], 4, before[i][1]);
    }
    available.index = used.index = 0;
    set_address(0x80, descriptors);
    set_address(0x90, &available);
    set_address(0xa0, &used);
    store(VIRTIO + 0x44, 4, 1);
    store(VIRTIO + 0x70, 4, 15);
}

static void transfer(uint32_t type, uint64_t number, volatile void *buffer)
{
    uint16_t before = used.index;
    request.type = type;
    request.sector = number;
    status = 0xff;
    descriptors[0].address = (uint64_t)&request, descriptors[0].size = 16;
    descriptors[0].flags = 1, descriptors[0].next = 1;
    descriptors[1].address = (uint64_t)buffer, descriptors[1].size = 512;
    descriptors[1].flags = type == 0 ? 3 : 1, descriptors[1].next = 2;
    descriptors[2].address = (uint64_t)&status, descriptors[2].size = 1;
    descriptors[2].flags = 2;
    available.ring[available.index % 4] = 0;
    __asm__ volatile("fence" ::: "memory");
    available.index++;
    __asm__ volatile("fence" ::: "memory");
    store(VIRTIO + 0x50, 4, 0);
    while (used.index == before) {
        look(1); /* the page is watched meanwhile, for what will be written there */
        bare_pause();
    }
    expect(status == 0);
    __asm__ volatile("fence" ::: "memory");
}

/* The sector ends behind the first instruction: the one before it is the next value's at the same place. */
static void read_code_from_disk(void)
{
    begin();
    fence_code();
    start_disk();
    for (uint64_t value = PLACES; value < VALUES; value++) {
        sector[127] = code_of(value);
        transfer(1, value % 64, sector);
        look(RUNS / 4);
        transfer(0, value % 64, (volatile void *)(place_of(value) - 508));
        newest = value;
        look(RUNS / 4);
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    csr_set(sstatus, 3 << 13); /* FS */
    if (hart == 0) {
        pages = (uint64_t)program_end + HARTS * PAGE;
        bare_start_harts(HARTS);
    }
    for (unsigned i = 0; i < STAGES; i++) {
        stage(hart, 1, 8 * RUNS);
        stage(hart, HARTS, RUNS);
        stage(hart, 2, 4 * RUNS);
        if (hart == 0) {
            read_code_from_disk();
        }
    }
    bare_meet(HARTS);
    expect(me->exceptions == 0);
    bare_meet(HARTS);
    while (hart != 0) {
        bare_pause();
    }
    return 0;
}
