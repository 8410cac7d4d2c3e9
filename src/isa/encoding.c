/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings: no bit pattern belongs to two instructions, overriding ones are true subsets, every one is reachable.
 *
 * An instruction takes the patterns p with (p & mask) == match for which `where` holds. Most pairs differ in a bit that
 * both fix, which one comparison tells. For the others the bits that the two `where` depend on are enumerated; all
 * other bits do not matter. More than 2^20 patterns are not tried for one question, and a budget bounds all of them
 * together, since the description may be hostile.
 */
#include "isa/evaluate.h"
#include "isa/reader.h"

#define PATTERN_LIMIT  ((uint32_t)1 << 20)
#define BUDGET         ((uint64_t)1 << 26) /* expression nodes evaluated */
#define OVERRIDE_DEPTH 100u

enum answer { NO, YES, TOO_WIDE };

struct encodings {
    struct isa_reader *reader;
    uint64_t budget;
    uint32_t *seen; /* by instruction number: the last search that came by */
    uint32_t search;
};

/* Walks all values of the bits in `open`, from 0 up. */
struct patterns {
    struct encodings *encodings;
    uint32_t base, open, now;
    uint32_t left;
    uint32_t cost; /* of trying one */
};

static uint32_t size_of(const struct isa_expr *expr)
{
    if (expr == NULL) {
        return 0;
    }
    uint32_t size = 1 + size_of(expr->a) + size_of(expr->b) + size_of(expr->c);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        size += size_of(arg);
    }
    return size;
}

static struct patterns patterns_start(struct encodings *encodings, uint32_t base, uint32_t open, uint32_t cost)
{
    return (struct patterns){
        .encodings = encodings, .base = base & ~open, .open = open, .left = PATTERN_LIMIT, .cost = cost + 1
    };
}

static uint32_t pattern(const struct patterns *patterns)
{
    return patterns->base | patterns->now;
}

/* False: there is none after this one, or a limit is reached (left is 0 then). */
static bool next_pattern(struct patterns *patterns)
{
    patterns->now = (patterns->now - patterns->open) & patterns->open;
    patterns->left--;
    if (patterns->encodings->budget < patterns->cost) {
        patterns->left = 0;
    } else {
        patterns->encodings->budget -= patterns->cost;
    }
    return patterns->now != 0 && patterns->left > 0;
}

static enum answer none_found(const struct patterns *patterns)
{
    return patterns->now != 0 && patterns->left == 0 ? TOO_WIDE : NO;
}

static bool where_holds(const struct isa_instruction *instruction, uint32_t bits)
{
    return instruction->where == NULL || isa_evaluate(instruction->where, instruction->format, bits) != 0;
}

static bool takes(const struct isa_instruction *instruction, uint32_t bits)
{
    return (bits & instruction->mask) == instruction->match && where_holds(instruction, bits);
}

static uint32_t where_bits(const struct isa_instruction *instruction)
{
    return instruction->where == NULL ? 0 : isa_operand_bits(instruction->where, instruction->format);
}

/* ---- Pairs ---------------------------------------------------------------------------------------------------- */

static bool same_fixed_bits(const struct isa_instruction *a, const struct isa_instruction *b)
{
    return ((a->match ^ b->match) & a->mask & b->mask) == 0;
}

/* Whether some pattern belongs to both; *found is it. */
static enum answer share_pattern(struct encodings *encodings, const struct isa_instruction *a,
                                 const struct isa_instruction *b, uint32_t *found)
{
    uint32_t fixed = a->mask | b->mask;
    struct patterns patterns = patterns_start(encodings, a->match | b->match, (where_bits(a) | where_bits(b)) & ~fixed,
                                              size_of(a->where) + size_of(b->where));
    do {
        *found = pattern(&patterns);
        if (where_holds(a, *found) && where_holds(b, *found)) {
            return YES;
        }
    } while (next_pattern(&patterns));
    return none_found(&patterns);
}

/* Whether `a` takes a pattern that `b` does not; *found is it. */
static enum answer goes_beyond(struct encodings *encodings, const struct isa_instruction *a,
                               const struct isa_instruction *b, uint32_t *found)
{
    struct patterns patterns = patterns_start(encodings, a->match, (where_bits(a) | where_bits(b) | b->mask) & ~a->mask,
                                              size_of(a->where) + size_of(b->where));
    do {
        *found = pattern(&patterns);
        if (where_holds(a, *found) && !takes(b, *found)) {
            return YES;
        }
    } while (next_pattern(&patterns));
    return none_found(&patterns);
}

static bool reaches(struct encodings *encodings, const struct isa_instruction *a, const struct isa_instruction *b,
                    unsigned depth)
{
    if (depth == OVERRIDE_DEPTH || encodings->seen[a->number] == encodings->search) {
        return false;
    }
    encodings->seen[a->number] = encodings->search;
    for (unsigned i = 0; i < a->override_count; i++) {
        if (a->overrides[i] == b || reaches(encodings, a->overrides[i], b, depth + 1)) {
            return true;
        }
    }
    return false;
}

/* Directly, or by way of others it overrides. */
static bool overrides(struct encodings *encodings, const struct isa_instruction *a, const struct isa_instruction *b)
{
    encodings->search++;
    return reaches(encodings, a, b, 0);
}

static const char *pattern_text(struct isa_reader *reader, unsigned size, uint32_t bits)
{
    return size == 16 ? isa_text(reader, "0x%04x", bits) : isa_text(reader, "0x%08x", bits);
}

static void too_wide(struct isa_reader *reader, const struct isa_instruction *a, const struct isa_instruction *b)
{
    isa_report(reader->diagnostics, a->place,
               "whether `%s` and `%s` overlap depends on too many bits of their `where` to try all; restrict smaller "
               "fields, 20 bits together",
               a->name, b->name);
}

static void check_pair(struct encodings *encodings, const struct isa_instruction *a, const struct isa_instruction *b)
{
    struct isa_reader *reader = encodings->reader;
    uint32_t found;
    if (overrides(encodings, a, b) || overrides(encodings, b, a)) {
        return;
    }
    enum answer answer = share_pattern(encodings, a, b, &found);
    if (answer == TOO_WIDE) {
        too_wide(reader, b, a);
    }
    if (answer == YES) {
        unsigned size = a->format->size > b->format->size ? a->format->size : b->format->size;
        isa_report(
            reader->diagnostics, b->place,
            "`%s` and `%s` (%s:%u) both take the encoding %s; separate them, or let the special one say `overrides`",
            b->name, a->name, a->place.file, a->place.line, pattern_text(reader, size, found));
    }
}

/* ---- Overrides ------------------------------------------------------------------------------------------------ */

static void check_override(struct encodings *encodings, const struct isa_instruction *a,
                           const struct isa_instruction *b)
{
    struct isa_reader *reader = encodings->reader;
    uint32_t found;
    if (a->format->size != b->format->size) {
        isa_report(reader->diagnostics, a->place,
                   "`%s` has %u bits and `%s` %u, so they cannot overlap; remove `overrides`", a->name, a->format->size,
                   b->name, b->format->size);
        return;
    }
    if (!same_fixed_bits(a, b)) {
        isa_report(reader->diagnostics, a->place, "`%s` and `%s` share no encoding; remove `overrides`", a->name,
                   b->name);
        return;
    }
    if (overrides(encodings, b, a)) {
        isa_report(reader->diagnostics, a->place, "`%s` and `%s` override each other; remove one", a->name, b->name);
        return;
    }
    enum answer outside = goes_beyond(encodings, a, b, &found);
    if (outside == TOO_WIDE) {
        too_wide(reader, a, b);
    }
    if (outside == YES) {
        isa_report(reader->diagnostics, a->place,
                   "`%s` overrides `%s` but also takes %s, which `%s` does not; restrict it to a subset", a->name,
                   b->name, pattern_text(reader, a->format->size, found), b->name);
    }
}

/* ---- Reachability --------------------------------------------------------------------------------------------- */

static void check_where(struct encodings *encodings, const struct isa_instruction *instruction)
{
    struct isa_reader *reader = encodings->reader;
    struct patterns patterns = patterns_start(
        encodings, instruction->match, where_bits(instruction) & ~instruction->mask, size_of(instruction->where));
    do {
        if (where_holds(instruction, pattern(&patterns))) {
            return;
        }
    } while (next_pattern(&patterns));
    if (none_found(&patterns) == TOO_WIDE) {
        isa_report(reader->diagnostics, instruction->place,
                   "the `where` of `%s` depends on too many bits to try all, and holds for none tried; restrict "
                   "smaller fields, 20 bits together",
                   instruction->name);
    } else {
        isa_report(reader->diagnostics, instruction->place,
                   "`%s` is unreachable: its `where` is never true; correct it", instruction->name);
    }
}

/* The instructions that override each one, by its number: the other way round than the tree has it. */
struct overrider {
    struct overrider *next;
    const struct isa_instruction *instruction;
};

static struct overrider **find_overriders(struct isa_reader *reader)
{
    struct overrider **lists = ISA_NEW_ARRAY(reader->arena, struct overrider *, reader->machine->instruction_count);
    for (const struct isa_instruction *a = reader->machine->instructions; a != NULL; a = a->next) {
        for (unsigned i = 0; i < a->override_count; i++) {
            struct overrider **list = &lists[a->overrides[i]->number];
            struct overrider *overrider = ISA_NEW(reader->arena, struct overrider);
            overrider->instruction = a;
            overrider->next = *list;
            *list = overrider;
        }
    }
    return lists;
}

static bool taken(const struct overrider *overrider, uint32_t bits)
{
    while (overrider != NULL && !takes(overrider->instruction, bits)) {
        overrider = overrider->next;
    }
    return overrider != NULL;
}

/* Whether some pattern is left to an instruction that others override. */
static void check_left(struct encodings *encodings, const struct isa_instruction *instruction,
                       const struct overrider *overriders)
{
    uint32_t open = where_bits(instruction), cost = size_of(instruction->where);
    for (const struct overrider *overrider = overriders; overrider != NULL; overrider = overrider->next) {
        open |= where_bits(overrider->instruction) | overrider->instruction->mask;
        cost += 1 + size_of(overrider->instruction->where);
    }
    struct patterns patterns = patterns_start(encodings, instruction->match, open & ~instruction->mask, cost);
    do {
        if (where_holds(instruction, pattern(&patterns)) && !taken(overriders, pattern(&patterns))) {
            return;
        }
    } while (next_pattern(&patterns));
    if (none_found(&patterns) == NO) {
        isa_report(encodings->reader->diagnostics, instruction->place,
                   "`%s` is unreachable: others override every encoding it has; remove it or one of them",
                   instruction->name);
    }
}

void isa_check_encodings(struct isa_reader *reader)
{
    const struct isa_machine *machine = reader->machine;
    struct encodings encodings = { .reader = reader,
                                   .budget = BUDGET,
                                   .seen = ISA_NEW_ARRAY(reader->arena, uint32_t, machine->instruction_count) };
    struct overrider **overriders = find_overriders(reader);
    for (const struct isa_instruction *a = machine->instructions; a != NULL; a = a->next) {
        if (a->where != NULL) {
            check_where(&encodings, a);
        }
    }
    /* A full list of errors is enough: what follows looks at all pairs. */
    for (const struct isa_instruction *a = machine->instructions;
         a != NULL && reader->diagnostics->count < ISA_DIAGNOSTIC_LIMIT; a = a->next) {
        for (unsigned i = 0; i < a->override_count; i++) {
            check_override(&encodings, a, a->overrides[i]);
        }
        for (const struct isa_instruction *b = a->next; b != NULL; b = b->next) {
            if (same_fixed_bits(a, b)) {
                check_pair(&encodings, a, b);
            }
        }
        if (overriders[a->number] != NULL && reader->diagnostics->total == 0) {
            check_left(&encodings, a, overriders[a->number]);
        }
    }
}
