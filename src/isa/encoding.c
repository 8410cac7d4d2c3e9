/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings: no bit pattern belongs to two instructions, overriding ones are true subsets, every one is reachable.
 *
 * An instruction takes the patterns p with (p & mask) == match for which `where` holds. Most pairs differ in a bit that
 * both fix, which one comparison tells. For the others the bits that the two `where` depend on are enumerated; all
 * other bits do not matter. More than 2^20 patterns are not tried.
 */
#include "isa/evaluate.h"
#include "isa/reader.h"

#define PATTERN_LIMIT ((uint32_t)1 << 20)

enum answer { NO, YES, TOO_WIDE };

struct patterns { /* walks all values of the bits in `open`, from 0 up */
    uint32_t base, open, now;
    uint32_t left;
};

static struct patterns patterns_start(uint32_t base, uint32_t open)
{
    return (struct patterns){ .base = base & ~open, .open = open, .left = PATTERN_LIMIT };
}

static uint32_t pattern(const struct patterns *patterns)
{
    return patterns->base | patterns->now;
}

/* False: there is none after this one, or the limit is reached (left is 0 then). */
static bool next_pattern(struct patterns *patterns)
{
    patterns->now = (patterns->now - patterns->open) & patterns->open;
    patterns->left--;
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

/* ---- Pairs
 * ----------------------------------------------------------------------------------------------------------------- */

static bool same_fixed_bits(const struct isa_instruction *a, const struct isa_instruction *b)
{
    return ((a->match ^ b->match) & a->mask & b->mask) == 0;
}

/* Whether some pattern belongs to both; *found is it. */
static enum answer share_pattern(const struct isa_instruction *a, const struct isa_instruction *b, uint32_t *found)
{
    uint32_t fixed = a->mask | b->mask;
    struct patterns patterns = patterns_start(a->match | b->match, (where_bits(a) | where_bits(b)) & ~fixed);
    do {
        *found = pattern(&patterns);
        if (where_holds(a, *found) && where_holds(b, *found)) {
            return YES;
        }
    } while (next_pattern(&patterns));
    return none_found(&patterns);
}

/* Whether `a` takes a pattern that `b` does not; *found is it. */
static enum answer goes_beyond(const struct isa_instruction *a, const struct isa_instruction *b, uint32_t *found)
{
    struct patterns patterns = patterns_start(a->match, (where_bits(a) | where_bits(b) | b->mask) & ~a->mask);
    do {
        *found = pattern(&patterns);
        if (where_holds(a, *found) && !takes(b, *found)) {
            return YES;
        }
    } while (next_pattern(&patterns));
    return none_found(&patterns);
}

static bool overrides(const struct isa_instruction *a, const struct isa_instruction *b, unsigned depth)
{
    for (unsigned i = 0; i < a->override_count; i++) {
        if (a->overrides[i] == b || (depth < 8 && overrides(a->overrides[i], b, depth + 1))) {
            return true;
        }
    }
    return false;
}

static const char *pattern_text(struct isa_reader *reader, const struct isa_instruction *instruction, uint32_t bits)
{
    return isa_text(reader, instruction->format->size == 16 ? "0x%04x" : "0x%08x", bits);
}

static void too_wide(struct isa_reader *reader, const struct isa_instruction *a, const struct isa_instruction *b)
{
    isa_report(reader->diagnostics, a->place,
               "whether `%s` and `%s` overlap depends on more than 20 bits of their `where`; restrict smaller fields",
               a->name, b->name);
}

static void check_pair(struct isa_reader *reader, const struct isa_instruction *a, const struct isa_instruction *b)
{
    uint32_t found;
    if (overrides(a, b, 0) || overrides(b, a, 0)) {
        return;
    }
    enum answer answer = share_pattern(a, b, &found);
    if (answer == TOO_WIDE) {
        too_wide(reader, b, a);
    }
    if (answer == YES) {
        isa_report(
            reader->diagnostics, b->place,
            "`%s` and `%s` (%s:%u) both take the encoding %s; separate them, or let the special one say `overrides`",
            b->name, a->name, a->place.file, a->place.line,
            pattern_text(reader, a->format->size > b->format->size ? a : b, found));
    }
}

/* ---- Overrides
 * ------------------------------------------------------------------------------------------------------------- */

static void check_override(struct isa_reader *reader, const struct isa_instruction *a, const struct isa_instruction *b)
{
    uint32_t found;
    if (b->format == NULL || b->in == NULL) {
        return;
    }
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
    if (overrides(b, a, 0)) {
        isa_report(reader->diagnostics, a->place, "`%s` and `%s` override each other; remove one", a->name, b->name);
        return;
    }
    enum answer outside = goes_beyond(a, b, &found);
    if (outside == TOO_WIDE) {
        too_wide(reader, a, b);
    }
    if (outside == YES) {
        isa_report(reader->diagnostics, a->place,
                   "`%s` overrides `%s` but also takes %s, which `%s` does not; restrict it to a subset", a->name,
                   b->name, pattern_text(reader, a, found), b->name);
    }
}

/* ---- Reachability
 * ---------------------------------------------------------------------------------------------------------- */

static void check_where(struct isa_reader *reader, const struct isa_instruction *instruction)
{
    struct patterns patterns = patterns_start(instruction->match, where_bits(instruction) & ~instruction->mask);
    do {
        if (where_holds(instruction, pattern(&patterns))) {
            return;
        }
    } while (next_pattern(&patterns));
    if (none_found(&patterns) == TOO_WIDE) {
        isa_report(reader->diagnostics, instruction->place,
                   "`where` depends on more than 20 bits and holds for none that were tried; restrict smaller fields");
    } else {
        isa_report(reader->diagnostics, instruction->place,
                   "`%s` is unreachable: its `where` is never true; correct it", instruction->name);
    }
}

static bool directly_overrides(const struct isa_instruction *a, const struct isa_instruction *b)
{
    for (unsigned i = 0; i < a->override_count; i++) {
        if (a->overrides[i] == b) {
            return true;
        }
    }
    return false;
}

static bool taken_by_other(const struct isa_reader *reader, const struct isa_instruction *instruction, uint32_t bits)
{
    for (const struct isa_instruction *a = reader->machine->instructions; a != NULL; a = a->next) {
        if (directly_overrides(a, instruction) && takes(a, bits)) {
            return true;
        }
    }
    return false;
}

/* Whether some pattern is left to an instruction that others override. */
static void check_left(struct isa_reader *reader, const struct isa_instruction *instruction)
{
    uint32_t open = where_bits(instruction);
    bool any = false;
    for (const struct isa_instruction *a = reader->machine->instructions; a != NULL; a = a->next) {
        if (!directly_overrides(a, instruction)) {
            continue;
        }
        open |= where_bits(a) | a->mask;
        any = true;
    }
    if (!any) {
        return;
    }
    struct patterns patterns = patterns_start(instruction->match, open & ~instruction->mask);
    do {
        if (where_holds(instruction, pattern(&patterns)) && !taken_by_other(reader, instruction, pattern(&patterns))) {
            return;
        }
    } while (next_pattern(&patterns));
    if (none_found(&patterns) == NO) {
        isa_report(reader->diagnostics, instruction->place,
                   "`%s` is unreachable: others override every encoding it has; remove it or one of them",
                   instruction->name);
    }
}

void isa_check_encodings(struct isa_reader *reader)
{
    for (const struct isa_instruction *a = reader->machine->instructions; a != NULL; a = a->next) {
        if (a->where != NULL) {
            check_where(reader, a);
        }
    }
    if (reader->diagnostics->total != 0) {
        return;
    }
    for (const struct isa_instruction *a = reader->machine->instructions; a != NULL; a = a->next) {
        for (unsigned i = 0; i < a->override_count; i++) {
            check_override(reader, a, a->overrides[i]);
        }
        for (const struct isa_instruction *b = a->next; b != NULL; b = b->next) {
            if (same_fixed_bits(a, b)) {
                check_pair(reader, a, b);
            }
        }
        check_left(reader, a);
    }
}
