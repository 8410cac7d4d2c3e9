/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/steady.h"

#define DEPTH_MAX 8u /* of a computation that is looked at */

static bool is_unsteady(const struct steady *self, uint32_t slot)
{
    bool found = self->count == STEADY_SLOTS_MAX;
    for (unsigned i = 0; i < self->count && !found; i++) {
        found = self->unsteady[i] == slot;
    }
    return found;
}

/* The largest it can be, as far as that is easily seen. */
static uint64_t largest(const struct ir_value *value, unsigned depth)
{
    const struct ir_value *const *arguments = (const struct ir_value *const *)value->arguments;
    uint64_t inner = UINT64_MAX;
    switch ((int)value->op) {
    case IR_CONST: return value->immediate;
    case IR_LOAD8: return UINT8_MAX;
    case IR_LOAD16: return UINT16_MAX;
    case IR_AND: return arguments[1]->op == IR_CONST ? arguments[1]->immediate : UINT64_MAX;
    case IR_ZEXT:
    case IR_TRUNC: return depth != 0 ? largest(arguments[0], depth - 1) : UINT64_MAX;
    case IR_SHL:
        inner = depth != 0 && arguments[1]->op == IR_CONST ? largest(arguments[0], depth - 1) : UINT64_MAX;
        return inner <= STEADY_SMALL && arguments[1]->immediate < 16 ? inner << arguments[1]->immediate : UINT64_MAX;
    default: return UINT64_MAX;
    }
}

static bool is_steady(const struct steady *self, const struct ir_value *value, unsigned depth)
{
    const struct ir_value *const *arguments = (const struct ir_value *const *)value->arguments;
    if (depth == 0) {
        return false;
    }
    if (largest(value, depth) <= STEADY_SMALL) {
        return true;
    }
    switch ((int)value->op) {
    case IR_CONST:
    case IR_LOAD64: return true;
    case IR_GET: return !is_unsteady(self, value->slot);
    case IR_ADD:
    case IR_SUB: return is_steady(self, arguments[0], depth - 1) && is_steady(self, arguments[1], depth - 1);
    case IR_AND: return arguments[1]->op == IR_CONST && is_steady(self, arguments[0], depth - 1);
    case IR_SHL:
        return arguments[1]->op == IR_CONST && arguments[1]->immediate <= STEADY_SHIFT_MAX &&
               is_steady(self, arguments[0], depth - 1);
    case IR_SEXT:
    case IR_ZEXT:
    case IR_TRUNC: return is_steady(self, arguments[0], depth - 1);
    default: return false;
    }
}

static bool is_get_of(const struct ir_value *value, uint32_t slot)
{
    return value->op == IR_GET && value->slot == slot;
}

/* The slot is moved along, and far: as down a column of a matrix. */
static bool is_long_step(const struct ir_value *put)
{
    const struct ir_value *sum = put->arguments[0];
    if (sum->op != IR_ADD && sum->op != IR_SUB) {
        return false;
    }
    const struct ir_value *step = sum->arguments[1];
    bool is_short = step->op == IR_CONST && step->immediate + STEADY_STEP_MAX <= UINT64_C(2) * STEADY_STEP_MAX;
    return (is_get_of(sum->arguments[0], put->slot) && !is_short) || is_get_of(step, put->slot);
}

static bool note_unsteady(struct steady *self, const struct ir_value *value)
{
    if (value->op != IR_PUT || is_unsteady(self, value->slot) ||
        (is_steady(self, value->arguments[0], DEPTH_MAX) && !is_long_step(value))) {
        return false;
    }
    self->unsteady[self->count++] = value->slot;
    return true;
}

static bool note_block(struct steady *self, const struct ir_block *block)
{
    bool noted = false;
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        noted = note_unsteady(self, value) || noted;
    }
    return noted;
}

void steady_find(struct steady *self, const struct ir_region *region, uint32_t weight)
{
    bool again = true;
    while (again) { /* what was put from a slot that is found unsteady is so, too */
        again = false;
        for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
            again = (block->weight >= weight && note_block(self, block)) || again;
        }
    }
}

bool steady_address(const struct steady *self, const struct ir_value *value)
{
    return is_steady(self, value, DEPTH_MAX);
}
