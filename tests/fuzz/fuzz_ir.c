/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of IR text. What it accepts is well-formed: it can be printed and read back as the same text, optimized,
 * and evaluated, before and after with the same result. Passes that leave something else abort (ir_verify()).
 */
#include "core/check.h"
#include "engine/jit/ir_evaluate.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STATE_SIZE 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ir_callee pure = { .name = "pure", .result = IR_I64, .pure = true };
static const struct ir_callee traps = { .name = "may_trap", .result = IR_I32, .may_trap = true };
static const struct ir_callee writes = { .name = "writes_state", .writes_state = true };
static const struct ir_callee *const callees[] = { &pure, &traps, &writes };

struct machine {
    uint8_t state[STATE_SIZE];
    uint64_t log;
};

static void record(struct machine *machine, uint64_t word)
{
    machine->log = (machine->log ^ word) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool load(void *context, uint64_t address, unsigned size, uint64_t *value)
{
    record(context, address + size);
    *value = address * 3;
    return (address & 0xf000) != 0xf000;
}

static bool store(void *context, uint64_t address, unsigned size, uint64_t value)
{
    record(context, address + size);
    record(context, value);
    return (address & 0xf000) != 0xf000;
}

static bool call(void *context, const struct ir_callee *callee, const uint64_t *arguments, unsigned count,
                 uint64_t *result)
{
    struct machine *machine = context;
    *result = count > 0 ? arguments[0] + 1 : 1;
    if (callee->writes_state) {
        machine->state[*result % STATE_SIZE] ^= 1;
    }
    return !callee->may_trap || *result % 4 != 0;
}

static struct ir_outcome evaluate(const struct ir_region *region, struct machine *machine)
{
    memset(machine, 0, sizeof *machine);
    struct ir_machine view = { .state = machine->state,
                               .state_size = STATE_SIZE,
                               .context = machine,
                               .load = load,
                               .store = store,
                               .call = call };
    struct ir_outcome outcome = ir_evaluate(region, &view, 50);
    record(machine, view.flags);
    return outcome;
}

static char *print(const struct ir_region *region)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    ir_print(region, stream);
    fclose(stream);
    return text;
}

static void exercise(struct ir_region *region)
{
    static struct machine before, after; /* too large for a stack */
    char message[100], *text = print(region);
    struct ir_region *again = ir_read(text, callees, 3, message, sizeof message);
    CHECK(again != NULL);
    char *second = print(again);
    CHECK(strcmp(text, second) == 0);
    struct ir_outcome expected = evaluate(region, &before);
    ir_optimize(again);
    CHECK(ir_verify(again) == NULL);
    struct ir_outcome got = evaluate(again, &after);
    CHECK(expected.how == got.how && expected.pc == got.pc && expected.instructions == got.instructions);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    ir_free(again);
    free(second);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[100], *text = check_alloc(size + 1);
    memcpy(text, data, size);
    struct ir_region *region = ir_read(text, callees, 3, message, sizeof message);
    if (region != NULL) {
        exercise(region);
        ir_free(region);
    }
    free(text);
    return 0;
}
