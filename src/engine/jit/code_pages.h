/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of memory translated code was made from, and which of them may have changed: so that a fence (FENCE.I,
 * here or from another hart) makes the JIT doubt what was made from changed pages, and nothing else.
 *
 * A page is watched for writes (memory/watch.h) from the first fence behind its first use on; what was made from it is
 * doubted at that fence, for what may have been written before. On a machine of several harts it is doubted until all
 * the others have given up rights to write they had cached. A page that is written again and again is doubted at each
 * fence, without being watched, for a thousand of them.
 *
 * What is doubted is compared with memory before it is used again; that is the owner's business. A private view of
 * memory cannot be watched: there every fence doubts everything.
 *
 * Belongs to one vCPU and is used by its thread only.
 */
#ifndef RAVELIN_ENGINE_JIT_CODE_PAGES_H
#define RAVELIN_ENGINE_JIT_CODE_PAGES_H

#include "arch/riscv/cpu.h"

#include <stdint.h>

struct code_pages;

/* Something made from a page; inside its owner. */
struct code_user {
    struct code_user *next, **link; /* of the page: the next, and what leads here */
    void *owner;
};

struct code_pages *code_pages_create(struct riscv_cpu *cpu);
void code_pages_destroy(struct code_pages *pages);

/* `owner` was made from bytes of the page at this host address. */
void code_pages_add(struct code_pages *pages, const uint8_t *page, struct code_user *user, void *owner);
void code_pages_remove(struct code_user *user);

/* Nothing is made from anything any more. */
void code_pages_clear(struct code_pages *pages);

/* Behind a fence: calls `doubt` for every owner that may have to be compared, once or more. False: that is everything;
 * nothing was called. */
bool code_pages_meet_fence(struct code_pages *pages, void (*doubt)(void *context, void *owner), void *context);

#endif
