/* SPDX-License-Identifier: Apache-2.0 */
/* Chapters in quotes: RISC-V Platform-Level Interrupt Controller Specification 1.0.0. */
#include "devices/plic.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* "Memory Map" */
enum {
    PRIORITY = 0x000000,
    PENDING = 0x001000,
    ENABLE = 0x002000,
    ENABLE_STRIDE = 0x80,
    CONTEXT = 0x200000,
    CONTEXT_STRIDE = 0x1000,
    CONTEXT_THRESHOLD = 0,
    CONTEXT_CLAIM = 4,
};

#define WORD_COUNT ((PLIC_SOURCE_MAX + 1) / 32)

struct plic_context_state {
    uint32_t enable[WORD_COUNT];
    uint32_t threshold;
    uint32_t output; /* level of the wire to the hart, 0 or 1 */
};

struct plic_state {
    uint32_t level[WORD_COUNT];   /* the wires from the devices */
    uint32_t pending[WORD_COUNT]; /* IP bits */
    uint32_t claimed[WORD_COUNT]; /* the gateway waits for completion ("Interrupt Gateways") */
    uint8_t priority[PLIC_SOURCE_MAX + 1];
};

struct plic {
    struct device base;
    struct log *log;
    unsigned source_count;
    unsigned context_count;
    struct irq_line *outputs;
    struct plic_context_state *contexts;
    pthread_mutex_t lock; /* guards state and contexts */
    struct plic_state state;
};

static bool bit_get(const uint32_t *words, unsigned bit)
{
    return (words[bit / 32] >> (bit % 32) & 1) != 0;
}

static void bit_set(uint32_t *words, unsigned bit, bool value)
{
    uint32_t mask = UINT32_C(1) << (bit % 32);
    words[bit / 32] = value ? words[bit / 32] | mask : words[bit / 32] & ~mask;
}

/* What the context would claim: highest priority first, then lowest number ("Interrupt Priorities"); 0: nothing. */
static unsigned best_source(const struct plic *plic, const struct plic_context_state *context)
{
    unsigned best = 0;
    unsigned best_priority = 0;
    for (unsigned word = 0; word * 32 < plic->source_count; word++) {
        uint32_t candidates = plic->state.pending[word] & context->enable[word];
        for (; candidates != 0; candidates &= candidates - 1) {
            unsigned source = word * 32 + (unsigned)__builtin_ctz(candidates);
            if (plic->state.priority[source] > best_priority) {
                best = source;
                best_priority = plic->state.priority[source];
            }
        }
    }
    return best;
}

static void update_outputs(struct plic *plic)
{
    for (unsigned i = 0; i < plic->context_count; i++) {
        struct plic_context_state *context = &plic->contexts[i];
        unsigned source = best_source(plic, context);
        uint32_t output = source != 0 && plic->state.priority[source] > context->threshold; /* "Priority Thresholds" */
        if (output != context->output) {
            context->output = output;
            irq_line_set(&plic->outputs[i], output != 0);
        }
    }
}

/* The gateway lets a request through when the line is high and the last one is completed. */
static void gateway(struct plic *plic, unsigned source)
{
    if (bit_get(plic->state.level, source) && !bit_get(plic->state.claimed, source)) {
        bit_set(plic->state.pending, source, true);
    }
}

static void set_input(void *self, unsigned source, bool level)
{
    struct plic *plic = self;
    pthread_mutex_lock(&plic->lock);
    if (bit_get(plic->state.level, source) != level) {
        bit_set(plic->state.level, source, level);
        gateway(plic, source);
        update_outputs(plic);
    }
    pthread_mutex_unlock(&plic->lock);
}

/* "Interrupt Claim Process". Not bound by the threshold. */
static unsigned claim(struct plic *plic, struct plic_context_state *context)
{
    unsigned source = best_source(plic, context);
    if (source != 0) {
        bit_set(plic->state.pending, source, false);
        bit_set(plic->state.claimed, source, true);
        update_outputs(plic);
    }
    return source;
}

/* "Interrupt Completion": ignored unless the source is enabled for this context. */
static void complete(struct plic *plic, const struct plic_context_state *context, uint32_t source)
{
    if (source == 0 || source >= plic->source_count || !bit_get(context->enable, source)) {
        log_guest(plic->log, "plic: completion of interrupt %u, which is not enabled there", source);
        return;
    }
    bit_set(plic->state.claimed, source, false);
    gateway(plic, source);
    update_outputs(plic);
}

/* Bits of the word that stand for sources that exist. */
static uint32_t existing(const struct plic *plic, unsigned word)
{
    uint32_t mask = word == 0 ? ~UINT32_C(1) : UINT32_MAX;
    if (word == plic->source_count / 32) {
        mask &= (UINT32_C(1) << (plic->source_count % 32)) - 1;
    }
    return word * 32 < plic->source_count ? mask : 0;
}

static bool access_context(struct plic *plic, uint64_t offset, uint32_t *value, bool write)
{
    unsigned number = (unsigned)(offset / CONTEXT_STRIDE);
    if (number >= plic->context_count) {
        return false;
    }
    struct plic_context_state *context = &plic->contexts[number];
    switch (offset % CONTEXT_STRIDE) {
    case CONTEXT_THRESHOLD:
        if (write) {
            context->threshold = *value & PLIC_PRIORITY_MAX;
            update_outputs(plic);
        }
        *value = context->threshold;
        return true;
    case CONTEXT_CLAIM:
        if (write) {
            complete(plic, context, *value);
        } else {
            *value = claim(plic, context);
        }
        return true;
    default: return false;
    }
}

static bool access_enable(struct plic *plic, uint64_t offset, uint32_t *value, bool write)
{
    unsigned number = (unsigned)(offset / ENABLE_STRIDE);
    unsigned word = (unsigned)(offset % ENABLE_STRIDE) / 4;
    if (number >= plic->context_count) {
        return false;
    }
    if (write) {
        plic->contexts[number].enable[word] = *value & existing(plic, word);
        update_outputs(plic);
    }
    *value = plic->contexts[number].enable[word];
    return true;
}

static bool access_register(struct plic *plic, uint64_t offset, uint32_t *value, bool write)
{
    if (offset >= CONTEXT) {
        return access_context(plic, offset - CONTEXT, value, write);
    }
    if (offset >= ENABLE) {
        return access_enable(plic, offset - ENABLE, value, write);
    }
    if (offset >= PENDING) {
        unsigned word = (unsigned)(offset - PENDING) / 4;
        if (write || word >= WORD_COUNT) {
            return false;
        }
        *value = plic->state.pending[word];
        return true;
    }
    unsigned source = (unsigned)(offset - PRIORITY) / 4;
    if (source >= plic->source_count) {
        return false;
    }
    if (write && source != 0) {
        plic->state.priority[source] = *value & PLIC_PRIORITY_MAX;
        update_outputs(plic);
    }
    *value = plic->state.priority[source];
    return true;
}

static bool plic_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    struct plic *plic = self;
    uint32_t word = 0;
    pthread_mutex_lock(&plic->lock);
    bool known = size == 4 && access_register(plic, offset, &word, false);
    pthread_mutex_unlock(&plic->lock);
    if (!known) {
        log_guest(plic->log, "plic: read of %u bytes at 0x%llx: no such register", size, (unsigned long long)offset);
    }
    *value = known ? word : 0;
    return true;
}

static bool plic_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    struct plic *plic = self;
    uint32_t word = (uint32_t)value;
    pthread_mutex_lock(&plic->lock);
    bool known = size == 4 && access_register(plic, offset, &word, true);
    pthread_mutex_unlock(&plic->lock);
    if (!known) {
        log_guest(plic->log, "plic: write of %u bytes at 0x%llx: no such register", size, (unsigned long long)offset);
    }
    return true;
}

/* The devices' wires keep their levels: they are the devices' own to lower. */
static void plic_reset(void *self)
{
    struct plic *plic = self;
    pthread_mutex_lock(&plic->lock);
    memset(plic->state.pending, 0, sizeof plic->state.pending);
    memset(plic->state.claimed, 0, sizeof plic->state.claimed);
    memset(plic->state.priority, 0, sizeof plic->state.priority);
    for (unsigned i = 0; i < plic->context_count; i++) {
        memset(plic->contexts[i].enable, 0, sizeof plic->contexts[i].enable);
        plic->contexts[i].threshold = 0;
    }
    for (unsigned source = 1; source < plic->source_count; source++) {
        gateway(plic, source);
    }
    update_outputs(plic);
    pthread_mutex_unlock(&plic->lock);
}

static void plic_destroy(void *self)
{
    struct plic *plic = self;
    pthread_mutex_destroy(&plic->lock);
    free(plic->outputs);
    free(plic->contexts);
    free(plic);
}

static const struct memory_device_ops plic_ops = { .read = plic_read, .write = plic_write };

struct device *plic_create(unsigned source_count, unsigned context_count, const struct irq_line *outputs,
                           struct log *log)
{
    CHECK(source_count >= 1 && source_count <= PLIC_SOURCE_MAX + 1);
    CHECK(context_count >= 1 && context_count <= PLIC_CONTEXT_MAX);
    struct plic *plic = check_alloc(sizeof *plic);
    plic->base = (struct device){
        .name = "plic",
        .size = PLIC_SIZE,
        .ops = &plic_ops,
        .self = plic,
        .reset = plic_reset,
        .destroy = plic_destroy,
    };
    plic->log = log;
    plic->source_count = source_count;
    plic->context_count = context_count;
    plic->outputs = check_alloc(context_count * sizeof *outputs);
    memcpy(plic->outputs, outputs, context_count * sizeof *outputs);
    plic->contexts = check_alloc(context_count * sizeof *plic->contexts);
    pthread_mutex_init(&plic->lock, NULL);
    return &plic->base;
}

struct irq_line plic_input(struct device *plic, unsigned source)
{
    CHECK(plic->ops == &plic_ops);
    struct plic *self = plic->self;
    CHECK(source >= 1 && source < self->source_count);
    return (struct irq_line){ .set = set_input, .controller = self, .input = source };
}
