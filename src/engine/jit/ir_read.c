/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse of ir_print(): docs/reference/ir.md, "Text". Nothing is folded: what is written is what is made.
 *
 * The text may be anybody's: every mistake in it is told with its line, and memory stays proportional to its length
 * (value numbers are bounded for that).
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LIMIT (UINT32_C(1) << 18) /* of values */

struct word {
    const char *start;
    size_t length;
};

struct reader {
    const char *cursor; /* in the current line, or at the start of the next */
    unsigned line;
    const struct ir_callee *const *callees;
    size_t callee_count;
    struct ir_region *region;
    struct ir_block *block; /* the current one; NULL before the first */
    struct ir_block **blocks;
    struct ir_value **values; /* by their number in the text; NULL: not defined */
    uint32_t value_limit;     /* 1 + the greatest number so far */
    uint32_t value_capacity;
    char *message;
    size_t message_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *reader, const char *format, ...)
{
    char text[200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    snprintf(reader->message, reader->message_size, "line %u: %s", reader->line, text);
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; false at its end. A word ends at a space; '#' begins a comment. */
static bool next_word(struct reader *reader, struct word *word)
{
    while (is_space(*reader->cursor)) {
        reader->cursor++;
    }
    const char *start = reader->cursor;
    if (*start == '\0' || *start == '\n' || *start == '#') {
        return false;
    }
    while (*reader->cursor != '\0' && *reader->cursor != '\n' && !is_space(*reader->cursor)) {
        reader->cursor++;
    }
    *word = (struct word){ .start = start, .length = (size_t)(reader->cursor - start) };
    return true;
}

/* False at the end of the text. */
static bool next_line(struct reader *reader)
{
    while (*reader->cursor != '\0' && *reader->cursor != '\n') {
        reader->cursor++;
    }
    if (*reader->cursor == '\0') {
        return false;
    }
    reader->cursor++;
    reader->line++;
    return true;
}

static bool word_is(const struct word *word, const char *text)
{
    return strlen(text) == word->length && memcmp(word->start, text, word->length) == 0;
}

/* Takes "key=" off the front; false (and nothing taken) if it is not there. */
static bool take_prefix(struct word *word, const char *prefix)
{
    size_t length = strlen(prefix);
    if (word->length < length || memcmp(word->start, prefix, length) != 0) {
        return false;
    }
    word->start += length;
    word->length -= length;
    return true;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* All of the word is a number up to `most`: decimal, or hexadecimal after 0x. */
static bool parse_number(struct reader *reader, struct word word, uint64_t most, uint64_t *number)
{
    struct word digits = word;
    uint64_t base = take_prefix(&digits, "0x") ? 16 : 10, total = 0;
    bool good = digits.length > 0;
    for (size_t i = 0; i < digits.length && good; i++) {
        uint64_t digit = (uint64_t)digit_value(digits.start[i]);
        good = digit < base && total <= (most - digit) / base && digit <= most;
        total = total * base + digit;
    }
    *number = total;
    return good || wrong(reader, "a number up to %llu is needed here, not '%.*s'", (unsigned long long)most,
                         (int)(word.length < 40 ? word.length : 40), word.start);
}

static bool parse_value_number(struct reader *reader, struct word word, uint32_t *number)
{
    uint64_t wide = 0;
    if (!take_prefix(&word, "%")) {
        return wrong(reader, "a value (%%number) is needed here");
    }
    bool good = parse_number(reader, word, NUMBER_LIMIT - 1, &wide);
    *number = (uint32_t)wide;
    return good;
}

static bool parse_argument(struct reader *reader, struct word word, struct ir_value *candidate)
{
    uint32_t number = 0;
    unsigned count = ir_argument_count(candidate);
    if (!parse_value_number(reader, word, &number)) {
        return false;
    }
    struct ir_value *argument = number < reader->value_limit ? reader->values[number] : NULL;
    if (argument == NULL || argument->block != reader->block) {
        return wrong(reader, "%%%u is not defined before this in this block", number);
    }
    if (count == IR_ARGUMENTS_MAX) {
        return wrong(reader, "too many arguments");
    }
    candidate->arguments[count] = argument;
    return true;
}

static bool parse_target(struct reader *reader, struct word word, struct ir_value *candidate)
{
    uint64_t number = 0;
    if (!parse_number(reader, word, UINT32_MAX, &number)) {
        return false;
    }
    if (number >= reader->region->block_count) {
        return wrong(reader, "there is no block @%llu", (unsigned long long)number);
    }
    if (candidate->target_count == IR_TARGETS_MAX) {
        return wrong(reader, "too many target blocks");
    }
    candidate->targets[candidate->target_count++] = reader->blocks[number];
    return true;
}

static bool parse_function(struct reader *reader, struct word word, struct ir_value *candidate)
{
    for (size_t i = 0; i < reader->callee_count; i++) {
        if (word_is(&word, reader->callees[i]->name)) {
            candidate->callee = reader->callees[i];
            return true;
        }
    }
    return wrong(reader, "there is no function '%.*s'", (int)(word.length < 40 ? word.length : 40), word.start);
}

static bool parse_condition(struct reader *reader, struct word word, struct ir_value *candidate)
{
    for (unsigned i = 0; i < IR_CC_COUNT; i++) {
        if (word_is(&word, ir_condition_name((enum ir_condition)i))) {
            candidate->immediate = i;
            return true;
        }
    }
    return wrong(reader, "there is no condition '%.*s'", (int)(word.length < 40 ? word.length : 40), word.start);
}

/* lane= and number=; each is ored in, so one that is written twice is a third, and checked as any. */
static bool parse_lanes(struct reader *reader, struct word word, struct ir_value *candidate)
{
    uint64_t number = 0;
    bool is_lane = take_prefix(&word, "lane=");
    if (!is_lane && !take_prefix(&word, "number=")) {
        return wrong(reader, "'%.*s' has no place here", (int)(word.length < 40 ? word.length : 40), word.start);
    }
    bool good = parse_number(reader, word, 64, &number);
    candidate->immediate |= is_lane ? IR_LANES(number, 0) : IR_LANES(0, number);
    return good;
}

static bool parse_attribute(struct reader *reader, struct word word, struct ir_value *candidate)
{
    uint64_t number = 0;
    enum ir_op op = candidate->op;
    bool good = true, is_end = ir_op_table[op].effect == IR_EFFECT_END;
    if ((op == IR_GET || op == IR_PUT) && take_prefix(&word, "slot=")) {
        good = parse_number(reader, word, UINT32_MAX, &number);
        candidate->slot = (uint32_t)number;
    } else if (op == IR_SEXT && take_prefix(&word, "from=")) {
        good = parse_number(reader, word, 64, &candidate->immediate);
    } else if ((op == IR_MARK || op == IR_EXIT || op == IR_EXIT_INTERPRET) && take_prefix(&word, "pc=")) {
        good = parse_number(reader, word, UINT64_MAX, &candidate->pc);
    } else if ((op == IR_MARK || is_end) && take_prefix(&word, "count=")) {
        good = parse_number(reader, word, UINT32_MAX, &number);
        candidate->count = (uint32_t)number;
    } else if (op >= IR_FCVT && op <= IR_UTOF && word_is(&word, "round=zero")) {
        candidate->immediate = IR_ROUND_ZERO;
    } else if (op == IR_FENCE && word_is(&word, "tso")) {
        candidate->immediate = 1;
    } else if (op == IR_CALL && take_prefix(&word, "function=")) {
        good = parse_function(reader, word, candidate);
    } else if (op == IR_CONST && candidate->type == IR_V128 && take_prefix(&word, "high=")) {
        good = parse_number(reader, word, UINT64_MAX, &candidate->high);
    } else if (op == IR_CONDITION && take_prefix(&word, "cc=")) {
        good = parse_condition(reader, word, candidate);
    } else if (ir_is_vector_op(op)) {
        good = parse_lanes(reader, word, candidate);
    } else if (op == IR_CONST) {
        good = parse_number(reader, word, UINT64_MAX, &candidate->immediate);
    } else {
        good = wrong(reader, "'%.*s' has no place here", (int)(word.length < 40 ? word.length : 40), word.start);
    }
    return good;
}

static bool parse_operands(struct reader *reader, struct ir_value *candidate)
{
    struct word word;
    while (next_word(reader, &word)) {
        bool good;
        if (*word.start == '%') {
            good = parse_argument(reader, word, candidate);
        } else if (take_prefix(&word, "@")) {
            good = parse_target(reader, word, candidate);
        } else {
            good = parse_attribute(reader, word, candidate);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

/* op or op.type */
static bool parse_op(struct reader *reader, const struct word *word, struct ir_value *candidate)
{
    const char *dot = memchr(word->start, '.', word->length);
    struct word name = { .start = word->start, .length = dot != NULL ? (size_t)(dot - word->start) : word->length };
    unsigned op = 0;
    while (op < IR_OP_COUNT && !word_is(&name, ir_op_table[op].text)) {
        op++;
    }
    if (op == IR_OP_COUNT) {
        return wrong(reader, "there is no operation '%.*s'", (int)(name.length < 40 ? name.length : 40), name.start);
    }
    candidate->op = (enum ir_op)op;
    if (dot == NULL) {
        return true;
    }
    struct word type = { .start = dot + 1, .length = word->length - name.length - 1 };
    for (unsigned i = IR_BOOL; i < IR_TYPE_COUNT; i++) {
        if (word_is(&type, ir_type_name((enum ir_type)i))) {
            candidate->type = (enum ir_type)i;
            return true;
        }
    }
    return wrong(reader, "there is no type '%.*s'", (int)(type.length < 40 ? type.length : 40), type.start);
}

/* Makes `number` mean `value` from here on. */
static bool define(struct reader *reader, uint32_t number, struct ir_value *value)
{
    if (number >= reader->value_capacity) {
        uint32_t capacity = reader->value_capacity;
        while (capacity <= number) {
            capacity = capacity * 2 + 64;
        }
        reader->values = check_realloc(reader->values, capacity * sizeof(struct ir_value *));
        memset(reader->values + reader->value_capacity, 0,
               (capacity - reader->value_capacity) * sizeof(struct ir_value *));
        reader->value_capacity = capacity;
    }
    if (reader->values[number] != NULL) {
        return wrong(reader, "%%%u is defined twice", number);
    }
    reader->values[number] = value;
    reader->value_limit = number >= reader->value_limit ? number + 1 : reader->value_limit;
    return true;
}

static bool append(struct reader *reader, const struct ir_value *candidate, const uint32_t *number)
{
    const char *fault = ir_value_fault(candidate);
    if (fault != NULL) {
        return wrong(reader, "%s: %s", ir_op_name(candidate->op), fault);
    }
    if ((number != NULL) != (candidate->type != IR_VOID)) {
        return wrong(reader, "%s %s", ir_op_name(candidate->op),
                     number != NULL ? "has no result and no name" : "has a result, which needs a name");
    }
    const struct ir_value *last = reader->block->last;
    if (last != NULL && ir_op_table[last->op].effect == IR_EFFECT_END) {
        return wrong(reader, "the block has ended");
    }
    struct ir_value *value = ir_append(reader->block, candidate);
    return number == NULL || define(reader, *number, value);
}

static bool parse_value(struct reader *reader, struct word word)
{
    struct ir_block *targets[IR_TARGETS_MAX] = { 0 };
    struct ir_value candidate = { .op = IR_CONST, .targets = targets };
    uint32_t number = 0;
    bool is_named = *word.start == '%';
    if (reader->block == NULL) {
        return wrong(reader, "a region begins with a block");
    }
    if (is_named) {
        struct word sign = { 0 };
        if (!parse_value_number(reader, word, &number)) {
            return false;
        }
        if (!next_word(reader, &sign) || !word_is(&sign, "=") || !next_word(reader, &word)) {
            return wrong(reader, "'= operation' is needed after the name of a value");
        }
    }
    return parse_op(reader, &word, &candidate) && parse_operands(reader, &candidate) &&
           append(reader, &candidate, is_named ? &number : NULL);
}

static bool parse_block_attribute(struct reader *reader, struct word word, struct ir_block *block)
{
    uint64_t number = 0;
    if (take_prefix(&word, "pc=")) {
        return parse_number(reader, word, UINT64_MAX, &block->pc);
    }
    if (take_prefix(&word, "weight=")) {
        bool good = parse_number(reader, word, UINT32_MAX, &number);
        block->weight = (uint32_t)number;
        return good;
    }
    block->is_loop_head = word_is(&word, "loop");
    return block->is_loop_head || wrong(reader, "a block has pc=, weight= and loop, nothing else");
}

static bool parse_block(struct reader *reader)
{
    struct word word;
    uint64_t number = 0;
    if (!next_word(reader, &word) || !take_prefix(&word, "@")) {
        return wrong(reader, "a block needs its number: @0, @1, …");
    }
    if (!parse_number(reader, word, UINT32_MAX, &number)) {
        return false;
    }
    if (number != reader->region->block_count) {
        return wrong(reader, "this is block @%u: blocks are numbered from 0", reader->region->block_count);
    }
    struct ir_block *block = ir_add_block(reader->region, 0);
    while (next_word(reader, &word)) {
        if (!parse_block_attribute(reader, word, block)) {
            return false;
        }
    }
    return true;
}

/* All blocks first: terminators name blocks that stand behind them. */
static bool read_blocks(struct reader *reader)
{
    do {
        struct word word;
        if (next_word(reader, &word) && word_is(&word, "block") && !parse_block(reader)) {
            return false;
        }
    } while (next_line(reader));
    reader->blocks = check_alloc((reader->region->block_count + 1ul) * sizeof(struct ir_block *));
    for (struct ir_block *block = reader->region->blocks; block != NULL; block = block->next) {
        reader->blocks[block->number] = block;
    }
    return true;
}

static bool read_values(struct reader *reader)
{
    do {
        struct word word;
        if (!next_word(reader, &word)) {
            continue;
        }
        if (word_is(&word, "block")) {
            reader->block = reader->block == NULL ? reader->region->blocks : reader->block->next;
        } else if (!parse_value(reader, word)) {
            return false;
        }
    } while (next_line(reader));
    return true;
}

/* Values keep the numbers they have in the text, so that printing gives it back; the nameless get those above. */
static void renumber(struct reader *reader)
{
    struct ir_region *region = reader->region;
    for (uint32_t number = 0; number < reader->value_limit; number++) {
        if (reader->values[number] != NULL) {
            reader->values[number]->number = number;
        }
    }
    region->value_count = reader->value_limit;
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (struct ir_value *value = block->first; value != NULL; value = value->next) {
            if (value->type == IR_VOID) {
                value->number = region->value_count++;
            }
        }
    }
}

static bool read_region(struct reader *reader, const char *text)
{
    reader->cursor = text;
    reader->line = 1;
    if (!read_blocks(reader)) {
        return false;
    }
    reader->cursor = text;
    reader->line = 1;
    if (!read_values(reader)) {
        return false;
    }
    renumber(reader);
    const char *fault = ir_verify(reader->region);
    if (fault != NULL) {
        snprintf(reader->message, reader->message_size, "line %u: %s", reader->line, fault);
    }
    return fault == NULL;
}

struct ir_region *ir_read(const char *text, const struct ir_callee *const *callees, size_t callee_count, char *message,
                          size_t message_size)
{
    struct reader reader = { .callees = callees,
                             .callee_count = callee_count,
                             .region = ir_create(),
                             .message = message,
                             .message_size = message_size };
    bool good = read_region(&reader, text);
    free(reader.values);
    free(reader.blocks);
    if (!good) {
        ir_free(reader.region);
    }
    return good ? reader.region : NULL;
}
