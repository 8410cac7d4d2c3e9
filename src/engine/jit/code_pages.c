/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/code_pages.h"

#include "arch/riscv/inside.h"
#include "core/check.h"
#include "memory/watch.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS     4096u /* a power of two */
#define CHANGES_MAX 16u   /* of a page that is worth watching */
#define REST        1024u /* fences until it may be worth it again */

enum state {
    STATE_NEW,     /* to be watched from the next fence on */
    STATE_WAITING, /* watched; but other harts may still write by rights from before `request` */
    STATE_WATCHED,
    STATE_RESTLESS, /* changed too often: not watched for a while */
};

struct code_page {
    struct code_page *next; /* in the bucket */
    const uint8_t *host;
    struct code_user *users;
    enum state state;
    unsigned changes;
    unsigned rest; /* STATE_RESTLESS: fences until it is STATE_NEW again */
    uint64_t request;
};

struct code_pages {
    struct riscv_cpu *cpu;
    const struct memory *memory;
    uint64_t place; /* in the watch's news */
    struct code_page *buckets[BUCKETS];
    struct code_page **doubted; /* pages that are not STATE_WATCHED */
    size_t doubted_count, doubted_room;
};

struct code_pages *code_pages_create(struct riscv_cpu *cpu)
{
    struct code_pages *pages = check_alloc(sizeof *pages);
    pages->cpu = cpu;
    pages->memory = cpu->machine->memory;
    if (watch_is_possible(pages->memory)) {
        pages->place = watch_now(pages->memory);
    }
    return pages;
}

void code_pages_destroy(struct code_pages *pages)
{
    code_pages_clear(pages);
    free(pages->doubted);
    free(pages);
}

static struct code_page **bucket_of(struct code_pages *pages, const uint8_t *page)
{
    const uint64_t number = (uintptr_t)page >> PAGE_SHIFT;
    return &pages->buckets[(number ^ number >> 12) & (BUCKETS - 1)];
}

static struct code_page *find(struct code_pages *pages, const uint8_t *host)
{
    struct code_page *page = *bucket_of(pages, host);
    while (page != NULL && page->host != host) {
        page = page->next;
    }
    return page;
}

static void add_doubted(struct code_pages *pages, struct code_page *page)
{
    if (pages->doubted_count == pages->doubted_room) {
        pages->doubted_room = 2 * pages->doubted_room + 64;
        pages->doubted = check_realloc(pages->doubted, pages->doubted_room * sizeof(struct code_page *));
    }
    pages->doubted[pages->doubted_count++] = page;
}

void code_pages_add(struct code_pages *pages, const uint8_t *host, struct code_user *user, void *owner)
{
    struct code_page *page = find(pages, host);
    if (page == NULL) {
        struct code_page **bucket = bucket_of(pages, host);
        page = check_alloc(sizeof *page);
        *page = (struct code_page){ .next = *bucket, .host = host, .state = STATE_NEW };
        *bucket = page;
        add_doubted(pages, page);
    }
    *user = (struct code_user){ .next = page->users, .link = &page->users, .owner = owner };
    if (page->users != NULL) {
        page->users->link = &user->next;
    }
    page->users = user;
}

void code_pages_remove(struct code_user *user)
{
    *user->link = user->next;
    if (user->next != NULL) {
        user->next->link = user->link;
    }
}

void code_pages_clear(struct code_pages *pages)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (pages->buckets[i] != NULL) {
            struct code_page *page = pages->buckets[i];
            pages->buckets[i] = page->next;
            free(page);
        }
    }
    pages->doubted_count = 0;
}

/* -- At a fence ---------------------------------------------------------------------------------------------------- */

static void note_change(struct code_pages *pages, struct code_page *page)
{
    if (page == NULL || page->state == STATE_NEW || page->state == STATE_RESTLESS) {
        return;
    }
    if (page->state == STATE_WATCHED) {
        add_doubted(pages, page);
    }
    page->changes++;
    page->state = page->changes < CHANGES_MAX ? STATE_NEW : STATE_RESTLESS;
    page->rest = REST;
}

static void note_all(struct code_pages *pages)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct code_page *page = pages->buckets[i]; page != NULL; page = page->next) {
            note_change(pages, page);
        }
    }
}

static void read_news(struct code_pages *pages)
{
    const uint8_t *host;
    enum watch_news news;
    while ((news = watch_next(pages->memory, &pages->place, &host)) != WATCH_NOTHING) {
        if (news == WATCH_LOST) {
            note_all(pages);
        } else {
            note_change(pages, find(pages, host));
        }
    }
}

/* Begins to watch new pages. Returns whether there were any. */
static bool watch_new(struct code_pages *pages)
{
    const bool alone = pages->cpu->machine->cpu_count == 1;
    bool any = false;
    for (size_t i = 0; i < pages->doubted_count; i++) {
        struct code_page *page = pages->doubted[i];
        if (page->state == STATE_RESTLESS && --page->rest == 0) {
            page->changes = CHANGES_MAX / 2;
            page->state = STATE_NEW;
        }
        if (page->state == STATE_NEW) {
            watch_page(pages->memory, page->host);
            page->state = alone ? STATE_WATCHED : STATE_WAITING;
            page->request = UINT64_MAX; /* not known yet */
            any = true;
        }
    }
    return any;
}

static void ask_others(struct code_pages *pages)
{
    const uint64_t request = riscv_ask_for_writes(pages->cpu);
    for (size_t i = 0; i < pages->doubted_count; i++) {
        struct code_page *page = pages->doubted[i];
        if (page->state == STATE_WAITING && page->request == UINT64_MAX) {
            page->request = request;
        }
    }
}

static bool is_settled(struct code_page *page, uint64_t given_up)
{
    if (page->state == STATE_WAITING && page->request <= given_up) {
        page->state = STATE_WATCHED;
    }
    return page->state == STATE_WATCHED;
}

bool code_pages_meet_fence(struct code_pages *pages, void (*doubt)(void *context, void *owner), void *context)
{
    struct riscv_cpu *cpu = pages->cpu;
    if (!watch_is_possible(pages->memory)) {
        return false;
    }
    read_news(pages);
    if (watch_new(pages)) {
        riscv_give_up_writes(cpu);
        if (cpu->machine->cpu_count > 1) {
            ask_others(pages);
        }
    }
    /* Whether they have settled is asked before they are doubted for the last time. */
    const uint64_t given_up = riscv_writes_given_up(cpu);
    size_t kept = 0;
    for (size_t i = 0; i < pages->doubted_count; i++) {
        struct code_page *page = pages->doubted[i];
        if (!is_settled(page, given_up)) {
            pages->doubted[kept++] = page;
        }
        for (const struct code_user *user = page->users; user != NULL; user = user->next) {
            doubt(context, user->owner);
        }
    }
    pages->doubted_count = kept;
    return true;
}
