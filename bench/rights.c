/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast memory/rights.h changes page rights, without a guest: threads stand in for vCPUs and do what the interpreter
 * does at a load or store and at a block boundary.
 *
 *     bench-rights [seconds for each row, 1]
 *
 * vCPUs beside the changer: those that `compute` touch no page that is changed; those that `share` touch the changed
 * pages at random, so that nearly every change concerns all of them; those that `stick` do so, too, and cannot be
 * interrupted in the middle: what it would be to wait for threads that the host has preempted. Rates are changed pages
 * a second of wall time; the changer's own processor time is given beside it, for hosts that have other work.
 */
#include "memory/rights.h"
#include "core/check.h"
#include "memory/restart.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BASE         UINT64_C(0x80000000)
#define FIRST        (BASE >> PAGE_SHIFT)
#define SLOT_SIZE    (UINT64_C(1) << 30)
#define LIST_SIZE    510u
#define VCPU_MAX     8u
#define CACHE_SIZE   1024u
#define SHARED_PAGES 512u /* touched by vCPUs that share: much less than is changed would hide the cost */

struct machine {
    struct memory *memory;
    struct rights *rights;
    uint64_t page_count;
};

enum kind { COMPUTES, SHARES, STICKS };

struct vcpu_thread {
    struct vcpu vcpu;
    struct machine *machine;
    struct rights_reader *reader;
    pthread_t thread;
    enum kind kind;
    _Atomic bool stop;
    _Atomic uint64_t work;
    _Atomic uint32_t undoable;
    uint64_t seed;
    struct tlb_entry cache[CACHE_SIZE];
};

static double row_seconds = 1;

static double clock_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double now(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* ---- Stand-ins for vCPUs ---- */

static void drop(void *context, unsigned level)
{
    struct vcpu_thread *self = context;
    (void)level;
    memset(self->cache, 0xff, sizeof self->cache);
}

static void interrupted(void *context, void *registers)
{
    struct vcpu_thread *self = context;
    restart_undo(registers);
    rights_interrupt(self->reader);
}

static void set_undoable(struct vcpu_thread *self, uint32_t undoable)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&self->undoable, undoable, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

static void resolve(struct vcpu_thread *self, uint64_t address, struct tlb_entry *entry)
{
    rights_postpone(self->reader);
    rights_hold(self->reader, 0, gpa(address), MEMORY_READ | MEMORY_WRITE);
    uint64_t word = attributes_load(memory_find(self->machine->memory, gpa(address)), gpa(address));
    if ((attributes_denied(word, 0) & ATTRIBUTE_WRITE) == 0) {
        const void *host = memory_pointer(self->machine->memory, gpa(address), sizeof(uint64_t), MEMORY_READ);
        entry->write = address;
        entry->addend = (uintptr_t)host - address;
    }
    rights_catch_up(self->reader);
}

static void touch(struct vcpu_thread *self, uint64_t page)
{
    uint64_t address = page << PAGE_SHIFT, before;
    struct tlb_entry *entry = &self->cache[page % CACHE_SIZE];
    if (!restart_add64(entry, address, address, 1, &before)) {
        resolve(self, address, entry);
    }
}

static void *run_vcpu(void *argument)
{
    struct vcpu_thread *self = argument;
    uint64_t value = 1;
    if (RESTART_POSSIBLE) {
        rights_attach(self->reader, &self->undoable, interrupted, self);
    }
    set_undoable(self, RESTART_POSSIBLE && self->kind != STICKS);
    rights_enter(self->reader, 0);
    while (!atomic_load_explicit(&self->stop, memory_order_relaxed)) {
        if (self->kind != COMPUTES) {
            touch(self, FIRST + next_random(&self->seed) % SHARED_PAGES);
        }
        for (unsigned i = 0; i < 20; i++) { /* a block of instructions */
            value = value * UINT64_C(6364136223846793005) + 1;
            __asm__ volatile("" : "+r"(value));
        }
        atomic_store_explicit(&self->work, self->work + 1, memory_order_relaxed);
        if (unlikely(vcpu_attention(&self->vcpu) != 0)) {
            vcpu_take(&self->vcpu, UINT32_MAX);
            rights_serve(self->reader);
        }
    }
    rights_leave(self->reader);
    if (RESTART_POSSIBLE) {
        rights_detach(self->reader);
    }
    return NULL;
}

/* ---- Machines ---- */

static void machine_begin(struct machine *machine, uint64_t size)
{
    struct error error;
    machine->memory = memory_create(NULL);
    machine->page_count = size >> PAGE_SHIFT;
    for (uint64_t at = 0; at < size; at += SLOT_SIZE) {
        uint64_t part = size - at < SLOT_SIZE ? size - at : SLOT_SIZE;
        if (!memory_add_ram(machine->memory, gpa(BASE + at), part, "ram", &error)) {
            fprintf(stderr, "bench-rights: %s\n", error.text);
            exit(1);
        }
    }
    machine->rights = rights_create(machine->memory, 2);
}

static void machine_end(struct machine *machine)
{
    rights_destroy(machine->rights);
    memory_destroy(machine->memory);
}

static struct vcpu_thread *vcpus_begin(struct machine *machine, unsigned count, enum kind kind)
{
    struct vcpu_thread *vcpus = check_alloc(VCPU_MAX * sizeof *vcpus);
    for (unsigned i = 0; i < count; i++) {
        vcpus[i] = (struct vcpu_thread){ .machine = machine, .kind = kind, .seed = 99 + i };
        vcpu_init(&vcpus[i].vcpu, i);
        drop(&vcpus[i], 0);
        vcpus[i].reader = rights_add_reader(machine->rights, &vcpus[i].vcpu, drop, &vcpus[i]);
        CHECK(pthread_create(&vcpus[i].thread, NULL, run_vcpu, &vcpus[i]) == 0);
    }
    return vcpus;
}

static uint64_t vcpus_end(struct vcpu_thread *vcpus, unsigned count)
{
    uint64_t work = 0;
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&vcpus[i].stop, true);
        pthread_join(vcpus[i].thread, NULL);
        vcpu_fini(&vcpus[i].vcpu);
        work += vcpus[i].work;
    }
    free(vcpus);
    return work;
}

/* ---- Rows ---- */

/* Distinct page numbers, in order or not. */
static uint64_t *make_pages(uint64_t count, bool sorted)
{
    uint64_t *pages = check_alloc(count * sizeof *pages);
    uint64_t seed = 4711;
    for (uint64_t i = 0; i < count; i++) {
        pages[i] = FIRST + i;
    }
    for (uint64_t i = count; !sorted && i > 1; i--) {
        uint64_t other = next_random(&seed) % i, page = pages[i - 1];
        pages[i - 1] = pages[other];
        pages[other] = page;
    }
    return pages;
}

/* Goes over the pages in lists of `list`, denying and allowing by turns, for a while; changed pages a second. */
static double measure(struct rights *rights, const uint64_t *pages, uint64_t count, size_t list, double *own)
{
    double begin = now(), end, own_begin = clock_of(CLOCK_THREAD_CPUTIME_ID);
    uint64_t done = 0, at = 0;
    unsigned denied = ATTRIBUTE_WRITE;
    do {
        for (unsigned i = 0; i < 16; i++) {
            size_t part = count - at < list ? (size_t)(count - at) : list, failed;
            CHECK(rights_change(rights, NULL, 1, denied, pages + at, part, &failed));
            done += part;
            at += part;
            if (at == count) {
                at = 0;
                denied ^= ATTRIBUTE_WRITE;
            }
        }
        end = now();
    } while (end - begin < row_seconds);
    *own = (clock_of(CLOCK_THREAD_CPUTIME_ID) - own_begin) / (double)done;
    return (double)done / (end - begin);
}

static void row(const char *name, uint64_t count, bool sorted, size_t list, unsigned vcpu_count, enum kind kind)
{
    static const char *const names[] = { "compute", "share", "stick" };
    struct machine machine;
    machine_begin(&machine, count << PAGE_SHIFT);
    uint64_t *pages = make_pages(count, sorted);
    struct vcpu_thread *vcpus = vcpus_begin(&machine, vcpu_count, kind);
    usleep(20000);
    double own;
    double rate = measure(machine.rights, pages, count, list, &own);
    vcpus_end(vcpus, vcpu_count);
    struct rights_statistics statistics = rights_statistics(machine.rights);
    double calls = (double)statistics.calls;
    printf("%-32s %7" PRIu64 " pages %s, %3zu a call, %u vCPUs %-8s%11.0f /s, own time %7.1f ns each; "
           "a call: %.2f waits, %.4f signals, %.4f naps\n",
           name, count, sorted ? "sorted" : "random", list, vcpu_count, vcpu_count == 0 ? "" : names[kind], rate,
           own * 1e9, (double)statistics.waits / calls, (double)statistics.signals / calls,
           (double)statistics.yields / calls);
    fflush(stdout);
    free(pages);
    machine_end(&machine);
}

/* Changes of some pages of a machine: of one on which nothing else was ever changed, and of one on which a million
 * other pages were; in turn, since the host has other work, too. */
static void flatness(void)
{
    const uint64_t count = 1000000, part = 50000;
    struct machine machines[2];
    uint64_t *pages = make_pages(count, false);
    double best[2] = { 1e9, 1e9 };
    size_t failed;
    for (unsigned i = 0; i < 2; i++) {
        machine_begin(&machines[i], count << PAGE_SHIFT);
        for (uint64_t at = 0; at < (i == 0 ? part : count); at++) {
            CHECK(rights_change(machines[i].rights, NULL, 1, ATTRIBUTE_KERNEL, pages + at, 1, &failed));
        }
    }
    for (unsigned repeat = 0; repeat < 40; repeat++) {
        unsigned denied = repeat / 2 % 2 == 0 ? ATTRIBUTE_READ : ATTRIBUTE_WRITE;
        double begin = now();
        for (uint64_t at = 0; at < part; at++) {
            CHECK(rights_change(machines[repeat % 2].rights, NULL, 1, denied, pages + at, 1, &failed));
        }
        double time = now() - begin;
        best[repeat % 2] = time < best[repeat % 2] ? time : best[repeat % 2];
    }
    printf("cost of a change: %.1f ns on a new machine, %.1f ns after a million changes: ratio %.2f\n",
           best[0] * 1e9 / (double)part, best[1] * 1e9 / (double)part, best[1] / best[0]);
    free(pages);
    machine_end(&machines[0]);
    machine_end(&machines[1]);
}

static uint64_t resident(void)
{
    unsigned long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &size, &pages) != 2) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void defaults(void)
{
    struct machine machine;
    machine_begin(&machine, UINT64_C(128) << 30);
    uint64_t before = resident();
    double begin = now();
    CHECK(rights_set_default(machine.rights, NULL, 1, ATTRIBUTE_WRITE));
    double time = now() - begin;
    printf("default of 128 GiB: %.1f µs, %" PRIu64 " KiB of memory\n", time * 1e6, (resident() - before) >> 10);
    const uint64_t counts[] = { 1000, 100000, 1000000 };
    for (unsigned sorted = 0; sorted < 2; sorted++) {
        for (unsigned i = 0; i < 3; i++) {
            struct machine small;
            machine_begin(&small, UINT64_C(4) << 30);
            uint64_t *pages = make_pages(UINT64_C(1) << 20, sorted != 0);
            size_t failed;
            before = resident();
            CHECK(rights_change(small.rights, NULL, 1, ATTRIBUTE_WRITE, pages, counts[i], &failed));
            printf("memory for %7" PRIu64 " %s pages of 4 GiB: %.1f bytes a page\n", counts[i],
                   sorted != 0 ? "adjacent" : "random  ", (double)(resident() - before) / (double)counts[i]);
            free(pages);
            machine_end(&small);
        }
    }
    machine_end(&machine);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        row_seconds = strtod(argv[1], NULL);
    }
    const unsigned vcpu_counts[] = { 1, 2, 4, 8 };
    for (unsigned i = 0; i < 4; i++) {
        row("single-page calls", i % 2 == 0 ? 100000 : 1000000, i < 2, 1, 0, COMPUTES);
    }
    row("lists", 100000, true, LIST_SIZE, 0, COMPUTES);
    row("lists", 1000000, false, LIST_SIZE, 0, COMPUTES);
    for (unsigned i = 0; i < 4; i++) {
        row("single-page calls", 100000, false, 1, vcpu_counts[i], COMPUTES);
        row("lists", 100000, false, LIST_SIZE, vcpu_counts[i], COMPUTES);
    }
    for (unsigned i = 0; i < 4; i++) {
        row("single-page calls, pages in use", SHARED_PAGES, false, 1, vcpu_counts[i], SHARES);
        row("single-page calls, pages in use", SHARED_PAGES, false, 1, vcpu_counts[i], STICKS);
        row("lists, pages in use", SHARED_PAGES, false, LIST_SIZE, vcpu_counts[i], SHARES);
    }
    flatness();
    defaults();
    return 0;
}
