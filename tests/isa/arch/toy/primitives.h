/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The toy machine of toy.isa: its cpu, and the primitives that the description names.
 */
#ifndef RAVELIN_TESTS_ISA_TOY_PRIMITIVES_H
#define RAVELIN_TESTS_ISA_TOY_PRIMITIVES_H

#include "toy_state.h"

#include <string.h>

struct toy_cpu {
    struct toy_state state;
    struct toy_features features;
    uint8_t memory[64];
    struct {
        uint64_t cause, tval;
        bool wants_encoding, wants_pc;
    } trap;
    uint64_t notes[8]; /* what note() was called with */
    unsigned note_count;
    uint64_t next_number;
    unsigned status_changes;
    bool halted;
};

static inline void toy_raise(struct toy_cpu *cpu, enum toy_exception cause, uint64_t tval)
{
    cpu->trap.cause = cause;
    cpu->trap.tval = tval;
    cpu->trap.wants_encoding = cpu->trap.wants_pc = false;
}

static inline void toy_raise_encoding(struct toy_cpu *cpu, enum toy_exception cause)
{
    toy_raise(cpu, cause, 0);
    cpu->trap.wants_encoding = true;
}

bool toy_csr_read(struct toy_cpu *cpu, uint32_t number, uint64_t *value);
bool toy_csr_write(struct toy_cpu *cpu, uint32_t number, uint64_t value);

static inline bool toy_load(struct toy_cpu *cpu, uint64_t address, uint32_t *result)
{
    if (address > sizeof cpu->memory - 4) {
        toy_raise(cpu, TOY_EXCEPTION_ODD, address);
        return false;
    }
    memcpy(result, cpu->memory + address, 4);
    return true;
}

static inline bool toy_store(struct toy_cpu *cpu, uint64_t address, uint32_t value)
{
    if (address > sizeof cpu->memory - 4) {
        toy_raise(cpu, TOY_EXCEPTION_ODD, address);
        return false;
    }
    memcpy(cpu->memory + address, &value, 4);
    return true;
}

static inline void toy_note(struct toy_cpu *cpu, uint64_t value)
{
    cpu->notes[cpu->note_count++ % 8] = value;
}

static inline uint64_t toy_next_number(struct toy_cpu *cpu)
{
    return ++cpu->next_number;
}

static inline uint16_t toy_crunch(uint64_t a, uint16_t b)
{
    return (uint16_t)((a ^ b) & 0x1ff);
}

static inline void toy_halt(struct toy_cpu *cpu)
{
    cpu->halted = true;
}

static inline void toy_status_changed(struct toy_cpu *cpu)
{
    cpu->status_changes++;
}

#endif
