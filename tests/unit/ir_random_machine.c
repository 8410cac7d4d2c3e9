/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that random regions are evaluated on. */
#include "ir_random.h"

#include "engine/jit/ir_internal.h"

#include <string.h>

static void record(struct ir_random_machine *machine, uint64_t word)
{
    machine->log = (machine->log ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    machine->log ^= machine->log >> 29;
}

static bool faults(uint64_t address)
{
    return (address & 0x3000) == 0x3000;
}

static bool load(void *context, uint64_t address, unsigned size, uint64_t *value)
{
    struct ir_random_machine *machine = context;
    record(machine, address * 16 + size);
    if (faults(address)) {
        return false;
    }
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value |= (uint64_t)machine->memory[(address + i) % IR_RANDOM_MEMORY] << (8 * i);
    }
    return true;
}

static bool store(void *context, uint64_t address, unsigned size, uint64_t value)
{
    struct ir_random_machine *machine = context;
    record(machine, address * 16 + size);
    record(machine, value);
    if (faults(address)) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        machine->memory[(address + i) % IR_RANDOM_MEMORY] = (uint8_t)(value >> (8 * i));
    }
    return true;
}

static bool load_vector(void *context, uint64_t address, uint64_t *halves)
{
    if (faults(address + 8)) { /* all or nothing */
        record(context, address);
        return false;
    }
    return load(context, address, 8, &halves[0]) && load(context, address + 8, 8, &halves[1]);
}

static bool store_vector(void *context, uint64_t address, const uint64_t *halves)
{
    if (faults(address + 8)) {
        record(context, address);
        return false;
    }
    return store(context, address, 8, halves[0]) && store(context, address + 8, 8, halves[1]);
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool call(void *context, const struct ir_callee *callee, const uint64_t *arguments, unsigned count,
                 uint64_t *result)
{
    struct ir_random_machine *machine = context;
    uint64_t hash = count;
    for (unsigned i = 0; i < count; i++) {
        hash = (hash ^ arguments[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    hash ^= hash >> 31;
    *result = hash;
    if (callee->pure) {
        return true; /* merged and dropped: not recorded */
    }
    record(machine, hash);
    if (callee->reads_state) {
        *result = hash_bytes(hash, machine->state, sizeof machine->state);
    }
    if (callee->writes_state) {
        for (unsigned i = (unsigned)hash % 8; i < IR_RANDOM_STATE_SIZE; i += 8) {
            machine->state[i] ^= 0x55;
        }
    }
    if (callee->uses_float) {
        record(machine, machine->machine.flags);
        machine->machine.flags = 0;
    }
    return !callee->may_trap || hash % 4 != 0;
}

void ir_random_machine_connect(struct ir_random_machine *machine)
{
    machine->machine.state = machine->state;
    machine->machine.state_size = sizeof machine->state;
    machine->machine.context = machine;
    machine->machine.load = load;
    machine->machine.store = store;
    machine->machine.load_vector = load_vector;
    machine->machine.store_vector = store_vector;
    machine->machine.call = call;
}

void ir_random_machine_fill(struct ir_random_machine *machine, uint64_t seed)
{
    *machine = (struct ir_random_machine){ 0 };
    for (unsigned i = 0; i < IR_RANDOM_STATE_SIZE; i += 8) {
        uint64_t number = ir_random_number(&seed);
        memcpy(machine->state + i, &number, 8);
    }
    for (unsigned i = 0; i < IR_RANDOM_MEMORY; i++) {
        machine->memory[i] = (uint8_t)ir_random_next(&seed);
    }
    machine->machine.rounding = (enum float_rounding)ir_random_below(&seed, 5);
    ir_random_machine_connect(machine);
}
