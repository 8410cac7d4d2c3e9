/* SPDX-License-Identifier: Apache-2.0 */
/* A region as text: docs/reference/ir.md, "Text". */
#include "engine/jit/ir_internal.h"

#include <inttypes.h>

static const char *const type_names[] = { "void", "bool", "i32", "i64", "f32", "f64", "v128", "flags" };
static const char *const condition_names[] = { "eq", "ne", "cs", "cc", "mi", "pl", "vs",
                                               "vc", "hi", "ls", "ge", "lt", "gt", "le" };

const char *ir_type_name(enum ir_type type)
{
    return type < IR_TYPE_COUNT ? type_names[type] : "?";
}

const char *ir_condition_name(enum ir_condition condition)
{
    return condition < IR_CC_COUNT ? condition_names[condition] : "?";
}

static void print_lanes(const struct ir_value *value, FILE *stream)
{
    const struct ir_vector_facts *facts = ir_vector_facts(value->op);
    if (facts->lanes != 0) {
        fprintf(stream, " lane=%u", ir_lane_bits(value));
    }
    if (facts->number != IR_NUMBER_NONE) {
        fprintf(stream, " number=%u", ir_lane_number(value));
    }
}

static void print_attributes(const struct ir_value *value, FILE *stream)
{
    bool is_end = ir_op_table[value->op].effect == IR_EFFECT_END;
    switch ((int)value->op) {
    case IR_CONST:
        fprintf(stream, " 0x%" PRIx64, value->immediate);
        if (value->type == IR_V128) {
            fprintf(stream, " high=0x%" PRIx64, value->high);
        }
        break;
    case IR_CONDITION: fprintf(stream, " cc=%s", ir_condition_name((enum ir_condition)value->immediate)); break;
    case IR_GET:
    case IR_PUT: fprintf(stream, " slot=%" PRIu32, value->slot); break;
    case IR_SEXT: fprintf(stream, " from=%" PRIu64, value->immediate); break;
    case IR_FENCE: fprintf(stream, "%s", value->immediate != 0 ? " tso" : ""); break;
    case IR_CALL: fprintf(stream, " function=%s", value->callee->name); break;
    case IR_MARK:
    case IR_EXIT:
    case IR_EXIT_INTERPRET: fprintf(stream, " pc=0x%" PRIx64, value->pc); break;
    default:
        if (value->op >= IR_FCVT && value->op <= IR_UTOF && value->immediate == IR_ROUND_ZERO) {
            fprintf(stream, " round=zero");
        } else if (ir_is_vector_op(value->op)) {
            print_lanes(value, stream);
        }
    }
    if (is_end || value->op == IR_MARK) {
        fprintf(stream, " count=%" PRIu32, value->count);
    }
}

static void print_value(const struct ir_value *value, FILE *stream)
{
    fprintf(stream, "  ");
    if (value->type != IR_VOID) {
        fprintf(stream, "%%%" PRIu32 " = %s.%s", value->number, ir_op_name(value->op), ir_type_name(value->type));
    } else {
        fprintf(stream, "%s", ir_op_name(value->op));
    }
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        fprintf(stream, " %%%" PRIu32, value->arguments[i]->number);
    }
    for (unsigned i = 0; i < value->target_count; i++) {
        fprintf(stream, " @%" PRIu32, value->targets[i]->number);
    }
    print_attributes(value, stream);
    fprintf(stream, "\n");
}

void ir_print(const struct ir_region *region, FILE *stream)
{
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        fprintf(stream, "block @%" PRIu32 " pc=0x%" PRIx64 " weight=%" PRIu32 "%s\n", block->number, block->pc,
                block->weight, block->is_loop_head ? " loop" : "");
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            print_value(value, stream);
        }
    }
}
