/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to guest memory by C code that a signal handler can undo (memory/straggler.h).
 *
 * Each one asks an entry of a translation cache, and if its tag is good makes the access, in one sequence of host
 * instructions whose last one is the access. The place of each sequence is noted in a section of the program. A handler
 * that has emptied the entry puts an interrupted thread back to the beginning of its sequence (restart_undo()), where
 * it finds the tag gone: so nothing that was found before the handler is used after it.
 *
 * All C code that makes accesses for a vCPU while it says that it can be undone makes them by these, and by nothing
 * else. Between one and the next it must not carry along host addresses; it may carry guest addresses, and what it has
 * loaded.
 *
 *     tag         what the entry's tag must be: tlb_tag(), or what the caller has put there itself
 *     address     guest-virtual, any; the entry's addend makes a host address of it
 *     false       the tag is another; nothing has happened
 *
 * Aligned accesses are never torn and, those that change memory in one step, sequentially consistent; misaligned ones
 * are neither. Where there are no such sequences (other hosts; thread sanitizers, which must see each access) the
 * functions are C and RESTART_POSSIBLE is 0.
 */
#ifndef RAVELIN_MEMORY_RESTART_H
#define RAVELIN_MEMORY_RESTART_H

#include "memory/tlb.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Thread sanitizers put handlers off, too. */
#if defined(__SANITIZE_THREAD__)
#define RESTART_POSSIBLE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RESTART_POSSIBLE 0
#endif
#endif
#if !defined(RESTART_POSSIBLE) && defined(__x86_64__)
#define RESTART_POSSIBLE 1
#elif !defined(RESTART_POSSIBLE)
#define RESTART_POSSIBLE 0
#endif

/* In a handler that has emptied what accesses ask: puts the interrupted registers (a ucontext_t) back to the beginning
 * of the access that is under way. */
void restart_undo(void *registers);

#if RESTART_POSSIBLE

/* Distances, so that nothing is left to relocate. */
#define RESTART_NOTE                                   \
    "\n662:\n"                                         \
    "\t.pushsection ravelin_restart,\"a\",@progbits\n" \
    "\t.long 661b - .\n"                               \
    "\t.long 662b - .\n"                               \
    "\t.popsection"

/* Until the last instruction only `at` and the flags change, so that a value loaded may be where an operand was. */
#define RESTART_ASK             \
    "661:\n"                    \
    "\tcmpq %[tag], %[known]\n" \
    "\tjne %l[unknown]\n"       \
    "\tmovq %[addend], %[at]\n\t"

#define RESTART_ENTRY(member) \
    [tag] "r"(tag), [known] "m"(entry->member), [addend] "m"(entry->addend), [address] "r"(address)

#define RESTART_DEFINE_LOAD(name, bits, member, instruction)                                               \
    static inline bool restart_##name##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                            uint##bits##_t *value)                                         \
    {                                                                                                      \
        uint64_t at, found;                                                                                \
        __asm__ goto volatile(RESTART_ASK instruction RESTART_NOTE                                         \
                              : [at] "=&r"(at), [value] "=r"(found)                                        \
                              : RESTART_ENTRY(member)                                                      \
                              : "cc", "memory"                                                             \
                              : unknown);                                                                  \
        *value = (uint##bits##_t)found;                                                                    \
        return true;                                                                                       \
    unknown:                                                                                               \
        return false;                                                                                      \
    }

#define RESTART_DEFINE_STORE(bits, instruction)                                                           \
    static inline bool restart_store##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                           uint##bits##_t value)                                          \
    {                                                                                                     \
        uint64_t at;                                                                                      \
        __asm__ goto volatile(RESTART_ASK instruction RESTART_NOTE                                        \
                              : [at] "=&r"(at)                                                            \
                              : RESTART_ENTRY(write), [value] "r"(value)                                  \
                              : "cc", "memory"                                                            \
                              : unknown);                                                                 \
        return true;                                                                                      \
    unknown:                                                                                              \
        return false;                                                                                     \
    }

/* *old is what memory held; set only if true is returned. */
#define RESTART_DEFINE_EXCHANGE(name, bits, instruction)                                                   \
    static inline bool restart_##name##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                            uint##bits##_t value, uint##bits##_t *old)                     \
    {                                                                                                      \
        uint64_t at;                                                                                       \
        __asm__ goto volatile(RESTART_ASK instruction RESTART_NOTE                                         \
                              : [at] "=&r"(at), [value] "+r"(value)                                        \
                              : RESTART_ENTRY(write)                                                       \
                              : "cc", "memory"                                                             \
                              : unknown);                                                                  \
        *old = value;                                                                                      \
        return true;                                                                                       \
    unknown:                                                                                               \
        return false;                                                                                      \
    }

/* Memory held *old; if that was `expected`, it holds `desired` now. */
#define RESTART_DEFINE_CAS(bits, instruction)                                                                  \
    static inline bool restart_cas##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address,        \
                                         uint##bits##_t expected, uint##bits##_t desired, uint##bits##_t *old) \
    {                                                                                                          \
        uint64_t at;                                                                                           \
        __asm__ goto volatile(RESTART_ASK instruction RESTART_NOTE                                             \
                              : [at] "=&r"(at), [expected] "+a"(expected)                                      \
                              : RESTART_ENTRY(write), [desired] "r"(desired)                                   \
                              : "cc", "memory"                                                                 \
                              : unknown);                                                                      \
        *old = expected;                                                                                       \
        return true;                                                                                           \
    unknown:                                                                                                   \
        return false;                                                                                          \
    }

RESTART_DEFINE_LOAD(load, 8, read, "movzbl (%[at],%[address]), %k[value]")
RESTART_DEFINE_LOAD(load, 16, read, "movzwl (%[at],%[address]), %k[value]")
RESTART_DEFINE_LOAD(load, 32, read, "movl (%[at],%[address]), %k[value]")
RESTART_DEFINE_LOAD(load, 64, read, "movq (%[at],%[address]), %[value]")

/* Loads that need the right to write. */
RESTART_DEFINE_LOAD(peek, 32, write, "movl (%[at],%[address]), %k[value]")
RESTART_DEFINE_LOAD(peek, 64, write, "movq (%[at],%[address]), %[value]")

RESTART_DEFINE_STORE(8, "movb %b[value], (%[at],%[address])")
RESTART_DEFINE_STORE(16, "movw %w[value], (%[at],%[address])")
RESTART_DEFINE_STORE(32, "movl %k[value], (%[at],%[address])")
RESTART_DEFINE_STORE(64, "movq %[value], (%[at],%[address])")

RESTART_DEFINE_EXCHANGE(swap, 32, "xchgl %k[value], (%[at],%[address])")
RESTART_DEFINE_EXCHANGE(swap, 64, "xchgq %[value], (%[at],%[address])")
RESTART_DEFINE_EXCHANGE(add, 32, "lock xaddl %k[value], (%[at],%[address])")
RESTART_DEFINE_EXCHANGE(add, 64, "lock xaddq %[value], (%[at],%[address])")
RESTART_DEFINE_CAS(32, "lock cmpxchgl %k[desired], (%[at],%[address])")
RESTART_DEFINE_CAS(64, "lock cmpxchgq %[desired], (%[at],%[address])")

#else

/* An aligned address, or one of a page that no access crosses: misaligned ones are copied. */
#define RESTART_DEFINE_LOAD(name, bits, member)                                                            \
    static inline bool restart_##name##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                            uint##bits##_t *value)                                         \
    {                                                                                                      \
        if (unlikely(entry->member != tag)) {                                                              \
            return false;                                                                                  \
        }                                                                                                  \
        if (likely(address % sizeof *value == 0)) {                                                        \
            *value = __atomic_load_n((const uint##bits##_t *)tlb_host(entry, address), __ATOMIC_RELAXED);  \
        } else {                                                                                           \
            memcpy(value, tlb_host(entry, address), sizeof *value);                                        \
        }                                                                                                  \
        return true;                                                                                       \
    }

#define RESTART_DEFINE_STORE(bits)                                                                        \
    static inline bool restart_store##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                           uint##bits##_t value)                                          \
    {                                                                                                     \
        if (unlikely(entry->write != tag)) {                                                              \
            return false;                                                                                 \
        }                                                                                                 \
        if (likely(address % sizeof value == 0)) {                                                        \
            __atomic_store_n((uint##bits##_t *)tlb_host(entry, address), value, __ATOMIC_RELAXED);        \
        } else {                                                                                          \
            memcpy(tlb_host(entry, address), &value, sizeof value);                                       \
        }                                                                                                 \
        return true;                                                                                      \
    }

#define RESTART_DEFINE_EXCHANGE(name, bits, operation)                                                     \
    static inline bool restart_##name##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address, \
                                            uint##bits##_t value, uint##bits##_t *old)                     \
    {                                                                                                      \
        if (unlikely(entry->write != tag)) {                                                               \
            return false;                                                                                  \
        }                                                                                                  \
        *old = operation((uint##bits##_t *)tlb_host(entry, address), value, __ATOMIC_SEQ_CST);             \
        return true;                                                                                       \
    }

#define RESTART_DEFINE_CAS(bits)                                                                                       \
    static inline bool restart_cas##bits(const struct tlb_entry *entry, uint64_t tag, uint64_t address,                \
                                         uint##bits##_t expected, uint##bits##_t desired, uint##bits##_t *old)         \
    {                                                                                                                  \
        if (unlikely(entry->write != tag)) {                                                                           \
            return false;                                                                                              \
        }                                                                                                              \
        *old = expected;                                                                                               \
        __atomic_compare_exchange_n((uint##bits##_t *)tlb_host(entry, address), old, desired, false, __ATOMIC_SEQ_CST, \
                                    __ATOMIC_SEQ_CST);                                                                 \
        return true;                                                                                                   \
    }

RESTART_DEFINE_LOAD(load, 8, read)
RESTART_DEFINE_LOAD(load, 16, read)
RESTART_DEFINE_LOAD(load, 32, read)
RESTART_DEFINE_LOAD(load, 64, read)
RESTART_DEFINE_LOAD(peek, 32, write)
RESTART_DEFINE_LOAD(peek, 64, write)
RESTART_DEFINE_STORE(8)
RESTART_DEFINE_STORE(16)
RESTART_DEFINE_STORE(32)
RESTART_DEFINE_STORE(64)
RESTART_DEFINE_EXCHANGE(swap, 32, __atomic_exchange_n)
RESTART_DEFINE_EXCHANGE(swap, 64, __atomic_exchange_n)
RESTART_DEFINE_EXCHANGE(add, 32, __atomic_fetch_add)
RESTART_DEFINE_EXCHANGE(add, 64, __atomic_fetch_add)
RESTART_DEFINE_CAS(32)
RESTART_DEFINE_CAS(64)

#endif

#endif
