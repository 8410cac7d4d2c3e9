/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_stats.h"

#include <jansson.h>

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Counts by cause, those that happened; causes without a name get their number. */
static json_t *by_cause(const uint64_t counts[RAVELIN_CAUSE_COUNT], const char *(*name)(unsigned cause))
{
    json_t *object = json_object();
    for (unsigned cause = 0; cause < RAVELIN_CAUSE_COUNT; cause++) {
        char text[16];
        snprintf(text, sizeof text, "cause_%u", cause);
        if (counts[cause] > 0) {
            json_object_set_new(object, name(cause) != NULL ? name(cause) : text, number(counts[cause]));
        }
    }
    return object;
}

static void add_jit(struct ravelin_jit_stats *sum, const struct ravelin_jit_stats *vcpu)
{
    sum->regions += vcpu->regions;
    sum->instructions += vcpu->instructions;
    sum->code_size += vcpu->code_size;
    sum->refused += vcpu->refused;
    sum->flushes += vcpu->flushes;
    sum->changed += vcpu->changed;
    sum->nanoseconds += vcpu->nanoseconds;
    sum->link_exits += vcpu->link_exits;
    sum->jump_exits += vcpu->jump_exits;
    sum->interpret_exits += vcpu->interpret_exits;
    sum->trap_exits += vcpu->trap_exits;
    sum->attention_exits += vcpu->attention_exits;
    sum->stale_exits += vcpu->stale_exits;
}

static json_t *jit_counts(const struct ravelin_jit_stats *jit)
{
    json_t *object = json_object();
    json_object_set_new(object, "regions", number(jit->regions));
    json_object_set_new(object, "instructions", number(jit->instructions));
    json_object_set_new(object, "code_size", number(jit->code_size));
    json_object_set_new(object, "refused", number(jit->refused));
    json_object_set_new(object, "flushes", number(jit->flushes));
    json_object_set_new(object, "changed", number(jit->changed));
    json_object_set_new(object, "seconds", json_real((double)jit->nanoseconds / 1e9));
    json_t *exits = json_object();
    json_object_set_new(exits, "link", number(jit->link_exits));
    json_object_set_new(exits, "jump", number(jit->jump_exits));
    json_object_set_new(exits, "interpret", number(jit->interpret_exits));
    json_object_set_new(exits, "trap", number(jit->trap_exits));
    json_object_set_new(exits, "attention", number(jit->attention_exits));
    json_object_set_new(exits, "stale", number(jit->stale_exits));
    json_object_set_new(object, "exits", exits);
    return object;
}

static void add_check(struct ravelin_check_stats *sum, const struct ravelin_check_stats *vcpu)
{
    sum->runs += vcpu->runs;
    sum->instructions += vcpu->instructions;
    sum->pages += vcpu->pages;
    sum->interrupted += vcpu->interrupted;
    sum->repeated += vcpu->repeated;
}

static json_t *check_counts(const struct ravelin_check_stats *check)
{
    json_t *object = json_object();
    json_object_set_new(object, "runs", number(check->runs));
    json_object_set_new(object, "instructions", number(check->instructions));
    json_object_set_new(object, "pages", number(check->pages));
    json_object_set_new(object, "interrupted", number(check->interrupted));
    json_object_set_new(object, "repeated", number(check->repeated));
    return object;
}

static void add(struct ravelin_vcpu_stats *sum, const struct ravelin_vcpu_stats *vcpu)
{
    sum->instructions += vcpu->instructions;
    sum->tlb_misses += vcpu->tlb_misses;
    sum->device_accesses += vcpu->device_accesses;
    sum->firmware_calls += vcpu->firmware_calls;
    for (unsigned cause = 0; cause < RAVELIN_CAUSE_COUNT; cause++) {
        sum->exceptions[cause] += vcpu->exceptions[cause];
        sum->interrupts[cause] += vcpu->interrupts[cause];
    }
    add_jit(&sum->jit, &vcpu->jit);
    add_check(&sum->check, &vcpu->check);
}

static void set_counts(json_t *object, const struct ravelin_vcpu_stats *counts)
{
    json_object_set_new(object, "tlb_misses", number(counts->tlb_misses));
    json_t *traps = json_object();
    json_object_set_new(traps, "exceptions", by_cause(counts->exceptions, ravelin_exception_name));
    json_object_set_new(traps, "interrupts", by_cause(counts->interrupts, ravelin_interrupt_name));
    json_object_set_new(object, "traps", traps);
    json_t *exits = json_object();
    json_object_set_new(exits, "device_access", number(counts->device_accesses));
    json_object_set_new(exits, "firmware_call", number(counts->firmware_calls));
    json_object_set_new(object, "exits", exits);
    if (counts->jit.regions + counts->jit.refused > 0) {
        json_object_set_new(object, "jit", jit_counts(&counts->jit));
    }
    if (counts->check.runs > 0) {
        json_object_set_new(object, "check", check_counts(&counts->check));
    }
}

static double mips(uint64_t instructions, double seconds)
{
    return seconds > 0 ? (double)instructions / seconds / 1e6 : 0;
}

static json_t *trust_counts(const struct ravelin_trust_stats *trust)
{
    json_t *object = json_object();
    json_object_set_new(object, "calls", number(trust->calls));
    json_object_set_new(object, "returns", number(trust->returns));
    json_object_set_new(object, "pages_changed", number(trust->pages_changed));
    json_object_set_new(object, "violations", number(trust->violations));
    json_object_set_new(object, "pinned", number(trust->pinned));
    return object;
}

bool run_stats_write(FILE *stream, const struct ravelin_stats *stats, const struct ravelin_trust_stats *trust,
                     const char *end, int exit_status, const char *engine)
{
    struct ravelin_vcpu_stats sum = { 0 };
    json_t *vcpus = json_array();
    for (unsigned i = 0; i < stats->vcpu_count; i++) {
        json_t *vcpu = json_object();
        json_object_set_new(vcpu, "instructions", number(stats->vcpus[i].instructions));
        set_counts(vcpu, &stats->vcpus[i]);
        json_array_append_new(vcpus, vcpu);
        add(&sum, &stats->vcpus[i]);
    }
    json_t *root = json_object();
    json_object_set_new(root, "version", json_string(ravelin_version()));
    json_object_set_new(root, "engine", json_string(engine));
    json_object_set_new(root, "end", json_string(end));
    json_object_set_new(root, "exit_status", json_integer(exit_status));
    json_object_set_new(root, "instructions", number(sum.instructions));
    json_object_set_new(root, "seconds", json_real(stats->seconds));
    json_object_set_new(root, "mips", json_real(mips(sum.instructions, stats->seconds)));
    set_counts(root, &sum);
    if (trust != NULL) {
        json_object_set_new(root, "trust_levels", trust_counts(trust));
    }
    json_object_set_new(root, "vcpus", vcpus);
    bool written = json_dumpf(root, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 && fputc('\n', stream) != EOF;
    json_decref(root);
    return written;
}
