/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/rights.h"

#include "core/check.h"
#include "memory/straggler.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Notes: a nibble a page (a set of enum memory_access), 16 pages a word, four neighbouring words a hashed group. */
#define NOTE_BITS         4u
#define NOTE_WORD_PAGES   16u
#define NOTE_GROUP_WORDS  4u
#define NOTE_GROUP_SHIFT  9u
#define NOTE_WORD_COUNT   (NOTE_GROUP_WORDS << NOTE_GROUP_SHIFT)
#define NOTES_WORTH_WHILE 256u /* words: fewer are not worth forgetting early */

#define PHASE_LEVEL_MASK  31u /* 0: outside; else the level, plus 1 */
#define PHASE_STEP        32u

/* While waiting. Who runs answers within a microsecond or so. */
#define LOOKS_BEFORE_SIGNAL 100u
#define LOOKS_BEFORE_NAP    104u
#define NAP                 20000 /* ns: a sleeping changer gives its core to whom it waits for, and is woken first */

struct notes {
    _Atomic uint64_t words[NOTE_WORD_COUNT];
    /* The reader's own: */
    uint64_t touched[NOTE_WORD_COUNT / 64]; /* words that are not 0 */
    unsigned touched_count;
};

struct rights_reader {
    _Alignas(64) _Atomic uint32_t phase; /* written by the reader only: where it is, and how often that has changed */
    _Atomic uint32_t stale;              /* levels, one bit each, to be dropped before they go on; set by changers */
    _Atomic uint32_t asked;              /* somebody waits for a boundary; set by changers */
    _Atomic uint32_t interrupted;        /* how often data rights were dropped in the middle of an instruction */
    _Atomic uint32_t busy;               /* the reader changes what it keeps: handlers put it off; its own */
    _Atomic bool late;                   /* one has; its own */
    struct straggler straggler;
    struct vcpu *vcpu;
    void (*drop)(void *context, unsigned level);
    void *context;
    unsigned kept_count; /* levels that have notes: all but the highest, which nobody can take anything from */
    struct notes *notes;
};

/* Of each enforcing level: whether its default can still be set. */
enum enforcer { ENFORCER_FRESH, ENFORCER_SETTING, ENFORCER_USED };

struct rights {
    struct memory *memory;
    unsigned level_count;
    unsigned reader_count;
    struct rights_reader *readers[RIGHTS_READER_MAX];
    _Alignas(64) _Atomic uint32_t changing; /* changes between their first store and the end of their wait */
    _Atomic uint64_t calls, pages, hits, waits, yields, signals;
    _Atomic uint32_t enforcers[ATTRIBUTE_LEVEL_COUNT]; /* enum enforcer */
    struct pins pins;
    void (*refused)(void *context, const struct rights_refusal *refusal); /* NULL: nobody is told */
    void *refused_context;
};

static uint64_t hash(uint64_t number, unsigned bits)
{
    return number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static void *aligned_zero(size_t size)
{
    void *block = aligned_alloc(64, (size + 63) & ~(size_t)63);
    CHECK(block != NULL);
    memset(block, 0, size);
    return block;
}

struct rights *rights_create(struct memory *memory, unsigned level_count)
{
    CHECK(level_count >= 2 && level_count <= ATTRIBUTE_LEVEL_COUNT && memory_rights(memory) == NULL);
    struct rights *rights = aligned_zero(sizeof *rights);
    rights->memory = memory;
    rights->level_count = level_count;
    pins_create(&rights->pins);
    memory_set_rights(memory, rights);
    return rights;
}

void rights_destroy(struct rights *rights)
{
    if (rights == NULL) {
        return;
    }
    memory_set_rights(rights->memory, NULL);
    for (unsigned i = 0; i < rights->reader_count; i++) {
        free(rights->readers[i]->notes);
        free(rights->readers[i]);
    }
    pins_destroy(&rights->pins);
    free(rights);
}

struct rights *rights_of(const struct memory *memory)
{
    return memory_rights(memory);
}

/* ---- Readers ----------------------------------------------------------------------------------------------------- */

struct rights_reader *rights_add_reader(struct rights *rights, struct vcpu *vcpu,
                                        void (*drop)(void *context, unsigned level), void *context)
{
    CHECK(rights->reader_count < RIGHTS_READER_MAX);
    struct rights_reader *reader = aligned_zero(sizeof *reader);
    reader->vcpu = vcpu;
    reader->drop = drop;
    reader->context = context;
    reader->kept_count = rights->level_count - 1;
    reader->notes = aligned_zero(reader->kept_count * sizeof *reader->notes);
    rights->readers[rights->reader_count++] = reader;
    return reader;
}

static size_t note_word(uint64_t page)
{
    return hash(page / NOTE_WORD_PAGES / NOTE_GROUP_WORDS, NOTE_GROUP_SHIFT) * NOTE_GROUP_WORDS +
           page / NOTE_WORD_PAGES % NOTE_GROUP_WORDS;
}

static uint64_t note_bits(uint64_t page, unsigned kinds)
{
    return (uint64_t)kinds << page % NOTE_WORD_PAGES * NOTE_BITS;
}

void rights_hold(struct rights_reader *reader, unsigned level, gpa_t address, unsigned kinds)
{
    if (level >= reader->kept_count) {
        return;
    }
    struct notes *notes = &reader->notes[level];
    uint64_t page = address.bits >> PAGE_SHIFT;
    size_t word = note_word(page);
    uint64_t bits = note_bits(page, kinds);
    uint64_t before = atomic_load_explicit(&notes->words[word], memory_order_relaxed);
    if ((before & bits) == bits) {
        return; /* noted before the caller's load, and not forgotten since */
    }
    notes->touched[word / 64] |= UINT64_C(1) << word % 64;
    notes->touched_count += before == 0;
    atomic_store(&notes->words[word], before | bits);
}

#define NOTES_OF(kind) (UINT64_C(0x1111111111111111) * (kind))

/* All notes but those in `kept`. Whatever was done under the others happened before. */
static void forget(struct notes *notes, uint64_t kept)
{
    notes->touched_count = 0;
    for (size_t i = 0; i < NOTE_WORD_COUNT / 64; i++) {
        uint64_t touched = 0;
        for (uint64_t left = notes->touched[i]; left != 0; left &= left - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(left);
            _Atomic uint64_t *word = &notes->words[i * 64 + bit];
            uint64_t rest = atomic_load_explicit(word, memory_order_relaxed) & kept;
            atomic_store_explicit(word, rest, memory_order_release);
            touched |= (uint64_t)(rest != 0) << bit;
            notes->touched_count += rest != 0;
        }
        notes->touched[i] = touched;
    }
}

void rights_forget(struct rights_reader *reader, unsigned level)
{
    if (level < reader->kept_count && reader->notes[level].touched_count >= NOTES_WORTH_WHILE) {
        rights_postpone(reader);
        forget(&reader->notes[level], 0);
        rights_catch_up(reader);
    }
}

static uint32_t own_phase(const struct rights_reader *reader)
{
    return atomic_load_explicit(&reader->phase, memory_order_relaxed);
}

static void move_on(struct rights_reader *reader, uint32_t where)
{
    atomic_store(&reader->phase, ((own_phase(reader) & ~PHASE_LEVEL_MASK) + PHASE_STEP) | where);
}

/* Drops what the level keeps if it is stale. */
static bool freshen(struct rights_reader *reader, unsigned level, uint64_t kept)
{
    uint32_t bit = UINT32_C(1) << level;
    if (likely((atomic_load(&reader->stale) & bit) == 0)) {
        return false;
    }
    atomic_fetch_and(&reader->stale, ~bit);
    reader->drop(reader->context, level);
    forget(&reader->notes[level], kept);
    return true;
}

/* In the middle of an instruction. What is fetched goes on being executed until the next boundary, so that its notes
 * stay. */
static void interrupt(struct rights_reader *reader)
{
    uint32_t where = own_phase(reader) & PHASE_LEVEL_MASK;
    if (where != 0 && freshen(reader, where - 1, NOTES_OF((uint64_t)MEMORY_FETCH))) {
        atomic_fetch_add(&reader->interrupted, 1);
    }
}

/* Only the thread itself and its handler, which comes between any two instructions of it, look at these. */
static void set_busy(struct rights_reader *reader, uint32_t depth)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&reader->busy, depth, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

static bool take_late(struct rights_reader *reader)
{
    bool late = atomic_load_explicit(&reader->late, memory_order_relaxed);
    if (unlikely(late)) {
        atomic_store_explicit(&reader->late, false, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    }
    return late;
}

void rights_postpone(struct rights_reader *reader)
{
    set_busy(reader, atomic_load_explicit(&reader->busy, memory_order_relaxed) + 1);
}

void rights_catch_up(struct rights_reader *reader)
{
    uint32_t depth = atomic_load_explicit(&reader->busy, memory_order_relaxed) - 1;
    set_busy(reader, depth);
    while (depth == 0 && unlikely(take_late(reader))) { /* what comes after set_busy(0) is not late */
        set_busy(reader, 1);
        interrupt(reader);
        set_busy(reader, 0);
    }
}

void rights_interrupt(struct rights_reader *reader)
{
    if (atomic_load_explicit(&reader->busy, memory_order_relaxed) != 0) {
        atomic_store_explicit(&reader->late, true, memory_order_relaxed);
    } else {
        interrupt(reader);
    }
}

/* Whether something was dropped. */
static bool serve(struct rights_reader *reader, uint32_t where)
{
    rights_postpone(reader);
    bool asked = atomic_load(&reader->asked) != 0;
    if (unlikely(asked)) {
        atomic_store(&reader->asked, 0);
    }
    bool dropped = freshen(reader, where - 1, 0);
    if (dropped || asked) {
        move_on(reader, where);
    }
    rights_catch_up(reader);
    return dropped;
}

/* The reader of this thread, whether or not it can be interrupted. */
static _Thread_local const struct rights_reader *attached;

void rights_attach(struct rights_reader *reader, const _Atomic uint32_t *undoable,
                   void (*interrupted)(void *context, void *registers), void *context)
{
    reader->straggler.undoable = undoable;
    reader->straggler.interrupted = interrupted;
    reader->straggler.context = context;
    straggler_attach(&reader->straggler);
    attached = reader;
}

void rights_detach(struct rights_reader *reader)
{
    straggler_detach(&reader->straggler);
    attached = NULL;
}

bool rights_enter(struct rights_reader *reader, unsigned level)
{
    CHECK(level <= reader->kept_count);
    rights_postpone(reader); /* what became stale outside is not for a handler: it would leave out what was fetched */
    move_on(reader, level + 1);
    bool dropped = serve(reader, level + 1);
    rights_catch_up(reader);
    return dropped;
}

void rights_leave(struct rights_reader *reader)
{
    uint32_t phase = own_phase(reader);
    atomic_store_explicit(&reader->phase, (phase & ~PHASE_LEVEL_MASK) + PHASE_STEP, memory_order_release);
}

bool rights_is_inside(const struct rights_reader *reader)
{
    return (atomic_load(&reader->phase) & PHASE_LEVEL_MASK) != 0;
}

void rights_serve(struct rights_reader *reader)
{
    uint32_t where = own_phase(reader) & PHASE_LEVEL_MASK;
    if (where != 0) {
        serve(reader, where);
    }
}

bool rights_is_asked(const struct rights_reader *reader)
{
    uint32_t where = own_phase(reader) & PHASE_LEVEL_MASK;
    return where != 0 && (atomic_load_explicit(&reader->asked, memory_order_relaxed) != 0 ||
                          (atomic_load_explicit(&reader->stale, memory_order_relaxed) >> (where - 1) & 1) != 0);
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static void host_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Looks again, in a while. */
static void wait_a_little(struct rights *rights, unsigned *looks)
{
    if (++*looks < LOOKS_BEFORE_SIGNAL) {
        host_pause();
        return;
    }
    atomic_fetch_add_explicit(&rights->yields, 1, memory_order_relaxed);
    if (*looks < LOOKS_BEFORE_NAP) {
        sched_yield();
    } else {
        nanosleep(&(struct timespec){ .tv_nsec = NAP }, NULL);
    }
}

/* What a changer saw of a reader after it had marked it. */
struct sight {
    uint32_t phase, interrupted;
    bool fetches; /* it may be executing what it must not any more: a boundary is needed */
};

static bool has_answered(const struct rights_reader *reader, const struct sight *sight)
{
    return atomic_load_explicit(&reader->phase, memory_order_acquire) != sight->phase ||
           (!sight->fetches &&
            (atomic_load_explicit(&reader->interrupted, memory_order_acquire) != sight->interrupted ||
             straggler_is_frozen(&reader->straggler)));
}

static void wait_for_reader(struct rights *rights, struct rights_reader *reader, const struct sight *sight)
{
    unsigned looks = 0;
    while (!has_answered(reader, sight)) {
        if (looks + 1 >= LOOKS_BEFORE_SIGNAL && !sight->fetches) { /* before the core is given to somebody else */
            unsigned sent = straggler_freeze(&reader->straggler);
            atomic_fetch_add_explicit(&rights->signals, sent, memory_order_relaxed);
            if (has_answered(reader, sight)) {
                return;
            }
        }
        wait_a_little(rights, &looks);
    }
}

/* ---- Changes ----------------------------------------------------------------------------------------------------- */

#define STALE_FETCH 0x8000u /* in change.stale, beside the levels: something that was fetched is concerned */

/* A call under way. */
struct change {
    struct rights *rights;
    unsigned enforcer;
    unsigned denied;
    const uint64_t *pages; /* which ones; NULL: those from `first` on */
    uint64_t first, count;
    bool pinned;                       /* one of them seems to be */
    uint16_t stale[RIGHTS_READER_MAX]; /* levels concerned, of each reader */
};

static void begin(struct change *change, struct rights *rights, unsigned enforcer, unsigned denied,
                  const uint64_t *pages, uint64_t first, uint64_t count)
{
    CHECK(enforcer > 0 && enforcer < rights->level_count && denied < 16);
    change->rights = rights;
    change->enforcer = enforcer;
    change->denied = denied;
    change->pages = pages;
    change->first = first;
    change->count = count;
    change->pinned = false;
    memset(change->stale, 0, rights->reader_count * sizeof change->stale[0]);
    atomic_fetch_add(&rights->changing, 1);
}

/* To be asked after a word was seen: whoever stored it may not have waited yet. */
static bool others_are_changing(const struct change *change)
{
    return atomic_load(&change->rights->changing) != 1;
}

static unsigned kinds_of(unsigned lost)
{
    return ((lost & ATTRIBUTE_READ) != 0 ? MEMORY_READ : 0u) | ((lost & ATTRIBUTE_WRITE) != 0 ? MEMORY_WRITE : 0u) |
           ((lost & (ATTRIBUTE_KERNEL | ATTRIBUTE_USER)) != 0 ? MEMORY_FETCH : 0u);
}

/* Who may be using what the page has just lost? */
static void collect(struct change *change, uint64_t page, unsigned lost)
{
    const struct rights *rights = change->rights;
    unsigned level_count = change->enforcer < rights->level_count ? change->enforcer : rights->level_count - 1;
    size_t word = note_word(page);
    uint64_t bits = note_bits(page, kinds_of(lost));
    for (unsigned i = 0; i < rights->reader_count; i++) {
        for (unsigned level = 0; level < level_count; level++) {
            uint64_t hit = atomic_load(&rights->readers[i]->notes[level].words[word]) & bits;
            if (hit != 0) {
                change->stale[i] |= (uint16_t)(1u << level);
                change->stale[i] |= (hit & NOTES_OF((uint64_t)MEMORY_FETCH)) != 0 ? (uint16_t)STALE_FETCH : 0;
            }
        }
    }
    change->pinned |= pins_may_hold(&rights->pins, page);
}

/* Marks a reader; returns whether it must be waited for. */
static bool mark_stale(struct rights_reader *reader, uint32_t stale, struct sight *sight)
{
    uint32_t levels = stale & ~STALE_FETCH;
    if ((atomic_load(&reader->stale) & levels) != levels) {
        atomic_fetch_or(&reader->stale, levels);
    }
    sight->interrupted = atomic_load(&reader->interrupted);
    sight->phase = atomic_load(&reader->phase);
    sight->fetches = (stale & STALE_FETCH) != 0;
    uint32_t where = sight->phase & PHASE_LEVEL_MASK;
    return where != 0 && (levels >> (where - 1) & 1) != 0;
}

static void ask(struct rights_reader *reader)
{
    atomic_store(&reader->asked, 1);
    if (reader->vcpu != NULL) {
        vcpu_request(reader->vcpu, VCPU_RIGHTS);
    }
}

static bool pin_is_concerned(const void *context, uint64_t first, uint64_t count)
{
    const struct change *change = context;
    if (change->pages == NULL) {
        return first - change->first < change->count || change->first - first < count;
    }
    for (uint64_t i = 0; i < change->count; i++) {
        if (change->pages[i] - first < count) {
            return true;
        }
    }
    return false;
}

/* Asks all readers concerned, then waits for all. */
static void ask_and_wait(struct change *change, const struct rights_reader *changer)
{
    struct rights *rights = change->rights;
    struct sight sights[RIGHTS_READER_MAX];
    unsigned wait_count = 0, hit_count = 0;
    for (unsigned i = 0; i < rights->reader_count; i++) {
        struct rights_reader *reader = rights->readers[i];
        if (change->stale[i] == 0) {
            continue;
        }
        hit_count++;
        bool must_wait = mark_stale(reader, change->stale[i], &sights[i]) && reader != changer;
        change->stale[i] = must_wait;
        wait_count += must_wait;
        if (must_wait && !has_answered(reader, &sights[i])) {
            ask(reader);
        }
    }
    for (unsigned i = 0; wait_count > 0 && i < rights->reader_count; i++) {
        if (change->stale[i] != 0) {
            wait_for_reader(rights, rights->readers[i], &sights[i]);
        }
    }
    if (change->pinned) {
        pins_wait(&rights->pins, pin_is_concerned, change);
    }
    if (hit_count > 0) {
        atomic_fetch_add_explicit(&rights->hits, hit_count, memory_order_relaxed);
        atomic_fetch_add_explicit(&rights->waits, wait_count, memory_order_relaxed);
    }
}

static bool concerns_anybody(const struct change *change)
{
    bool concerned = change->pinned;
    for (unsigned i = 0; i < change->rights->reader_count; i++) {
        concerned |= change->stale[i] != 0;
    }
    return concerned;
}

static void end(struct change *change, struct rights_reader *changer, uint64_t page_count)
{
    struct rights *rights = change->rights;
    if (concerns_anybody(change)) {
        uint32_t where = changer != NULL ? own_phase(changer) & PHASE_LEVEL_MASK : 0;
        if (where != 0) {
            rights_leave(changer);
        }
        ask_and_wait(change, changer);
        if (where != 0) {
            rights_enter(changer, where - 1);
        }
    }
    atomic_fetch_sub(&rights->changing, 1);
    atomic_fetch_add_explicit(&rights->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&rights->pages, page_count, memory_order_relaxed);
}

/* From here on the enforcer's default stands. */
static void settle_default(struct rights *rights, unsigned enforcer)
{
    _Atomic uint32_t *state = &rights->enforcers[enforcer];
    uint32_t seen = ENFORCER_FRESH;
    if (likely(atomic_load_explicit(state, memory_order_acquire) == ENFORCER_USED) ||
        atomic_compare_exchange_strong(state, &seen, ENFORCER_USED)) {
        return;
    }
    while (atomic_load_explicit(state, memory_order_acquire) == ENFORCER_SETTING) {
        sched_yield();
    }
}

static bool holds(const struct memory_slot *slot, uint64_t page)
{
    return slot != NULL && slot->host != NULL && page - (slot->base.bits >> PAGE_SHIFT) < slot->size >> PAGE_SHIFT;
}

/* The RAM slot of a page number, or NULL; `near` is one to try first. */
static const struct memory_slot *slot_of(const struct rights *rights, const struct memory_slot *near, uint64_t page)
{
    if (likely(holds(near, page))) {
        return near;
    }
    if (page > UINT64_MAX >> PAGE_SHIFT) {
        return NULL;
    }
    near = memory_find(rights->memory, gpa(page << PAGE_SHIFT));
    return holds(near, page) ? near : NULL;
}

static _Atomic uint64_t *word_of(const struct memory_slot *slot, uint64_t page)
{
    return &slot->attributes->words[page - (slot->base.bits >> PAGE_SHIFT)];
}

/* Stores one page's word; returns what readers may have lost by it, or by another change that has not ended yet. */
static unsigned store(const struct change *change, const struct memory_slot *slot, uint64_t page)
{
    struct attributes *attributes = slot->attributes;
    if (unlikely(!atomic_load_explicit(&attributes->used, memory_order_relaxed))) {
        atomic_store(&attributes->used, true);
    }
    uint64_t initial = atomic_load_explicit(&attributes->initial, memory_order_relaxed);
    _Atomic uint64_t *place = word_of(slot, page);
    uint64_t before = atomic_load(place);
    uint64_t after;
    do {
        after = attributes_with(before ^ initial, change->enforcer, change->denied) ^ initial;
    } while (after != before && !atomic_compare_exchange_weak(place, &before, after));
    unsigned denied_before = (unsigned)((before ^ initial) >> 4 * change->enforcer) & 15;
    bool waited_for = (change->denied & denied_before) == 0 || !others_are_changing(change);
    return waited_for ? change->denied & ~denied_before : change->denied;
}

static bool all_are_ram(const struct rights *rights, const uint64_t *pages, size_t count, size_t *failed)
{
    const struct memory_slot *slot = NULL;
    for (size_t i = 0; i < count; i++) {
        slot = slot_of(rights, slot, pages[i]);
        if (slot == NULL) {
            *failed = i;
            return false;
        }
        __builtin_prefetch((const void *)(uintptr_t)word_of(slot, pages[i]), 1);
    }
    return true;
}

bool rights_change(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied,
                   const uint64_t *pages, size_t count, size_t *failed)
{
    if (!all_are_ram(rights, pages, count, failed)) {
        return false;
    }
    settle_default(rights, enforcer);
    struct change change;
    begin(&change, rights, enforcer, denied, pages, 0, count);
    const struct memory_slot *slot = NULL;
    for (size_t i = 0; i < count; i++) {
        slot = slot_of(rights, slot, pages[i]);
        unsigned lost = store(&change, slot, pages[i]);
        if (lost != 0) {
            collect(&change, pages[i], lost);
        }
    }
    end(&change, changer, count);
    return true;
}

static bool range_is_ram(const struct rights *rights, uint64_t first, uint64_t count, uint64_t *failed)
{
    while (count > 0) {
        const struct memory_slot *slot = slot_of(rights, NULL, first);
        if (slot == NULL) {
            *failed = first;
            return false;
        }
        uint64_t rest = (slot->base.bits >> PAGE_SHIFT) + (slot->size >> PAGE_SHIFT) - first;
        uint64_t part = rest < count ? rest : count;
        first += part;
        count -= part;
    }
    return true;
}

bool rights_change_range(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied,
                         uint64_t first, uint64_t count, uint64_t *failed)
{
    if (!range_is_ram(rights, first, count, failed)) {
        return false;
    }
    settle_default(rights, enforcer);
    struct change change;
    begin(&change, rights, enforcer, denied, NULL, first, count);
    const struct memory_slot *slot = NULL;
    for (uint64_t page = first; page - first < count; page++) {
        slot = slot_of(rights, slot, page);
        unsigned lost = store(&change, slot, page);
        if (lost != 0) {
            collect(&change, page, lost);
        }
    }
    end(&change, changer, count);
    return true;
}

bool rights_set_default(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied)
{
    CHECK(enforcer > 0 && enforcer < rights->level_count && denied < 16);
    uint32_t fresh = ENFORCER_FRESH;
    if (!atomic_compare_exchange_strong(&rights->enforcers[enforcer], &fresh, ENFORCER_SETTING)) {
        return false;
    }
    struct change change;
    begin(&change, rights, enforcer, denied, NULL, 0, UINT64_MAX);
    const struct memory_slot *slot;
    for (size_t i = 0; denied != 0 && (slot = memory_slot_at(rights->memory, i)) != NULL; i++) {
        if (slot->host != NULL) {
            atomic_fetch_or(&slot->attributes->initial, attributes_with(0, enforcer, denied));
            atomic_store(&slot->attributes->used, true);
        }
    }
    atomic_store(&rights->enforcers[enforcer], ENFORCER_USED);
    for (unsigned i = 0; denied != 0 && i < rights->reader_count; i++) {
        change.stale[i] = (uint16_t)(((1u << enforcer) - 1) | STALE_FETCH);
    }
    change.pinned = denied != 0;
    end(&change, changer, 0);
    return true;
}

bool rights_query(const struct rights *rights, uint64_t page, uint64_t *word)
{
    const struct memory_slot *slot = slot_of(rights, NULL, page);
    if (slot == NULL) {
        return false;
    }
    *word = attributes_load(slot, gpa(page << PAGE_SHIFT));
    return true;
}

void rights_reset(struct rights *rights)
{
    const struct memory_slot *slot;
    for (size_t i = 0; (slot = memory_slot_at(rights->memory, i)) != NULL; i++) {
        if (slot->host != NULL) {
            attributes_reset(slot);
        }
    }
    for (unsigned i = 0; i < ATTRIBUTE_LEVEL_COUNT; i++) {
        atomic_store(&rights->enforcers[i], ENFORCER_FRESH);
    }
    for (unsigned i = 0; i < rights->reader_count; i++) {
        struct rights_reader *reader = rights->readers[i];
        atomic_store(&reader->stale, (UINT32_C(1) << reader->kept_count) - 1);
    }
}

struct rights_statistics rights_statistics(const struct rights *rights)
{
    return (struct rights_statistics){
        .calls = atomic_load_explicit(&rights->calls, memory_order_relaxed),
        .pages = atomic_load_explicit(&rights->pages, memory_order_relaxed),
        .hits = atomic_load_explicit(&rights->hits, memory_order_relaxed),
        .waits = atomic_load_explicit(&rights->waits, memory_order_relaxed),
        .yields = atomic_load_explicit(&rights->yields, memory_order_relaxed),
        .signals = atomic_load_explicit(&rights->signals, memory_order_relaxed),
    };
}

/* ---- Pins -------------------------------------------------------------------------------------------------------- */

void rights_watch(struct rights *rights, void (*refused)(void *context, const struct rights_refusal *refusal),
                  void *context)
{
    rights->refused = refused;
    rights->refused_context = context;
}

/* The lowest level that denies one of `wanted` to `level` by this word. */
static unsigned enforcer_of(uint64_t word, unsigned level, unsigned wanted)
{
    unsigned enforcer = level + 1;
    while (enforcer < ATTRIBUTE_LEVEL_COUNT - 1 && (word >> 4 * enforcer & wanted) == 0) {
        enforcer++;
    }
    return enforcer;
}

static void tell(const struct rights *rights, struct rights_refusal *refusal)
{
    for (unsigned i = 0; i < rights->reader_count; i++) {
        if (rights->readers[i] == attached) {
            refusal->reader = attached;
        }
    }
    rights->refused(rights->refused_context, refusal);
}

static uint64_t pages_of(gpa_t address, uint64_t size)
{
    return ((address.bits & PAGE_MASK) + (size - 1)) / PAGE_SIZE + 1;
}

/* Of pages that are all RAM. False: *refusal says which one is refused. */
static bool level_may(const struct rights *rights, unsigned level, gpa_t address, uint64_t size,
                      enum memory_access access, struct rights_refusal *refusal)
{
    const struct memory_slot *slot = NULL;
    unsigned wanted = ((access & MEMORY_READ) != 0 ? ATTRIBUTE_READ : 0u) |
                      ((access & MEMORY_WRITE) != 0 ? ATTRIBUTE_WRITE : 0u) |
                      ((access & MEMORY_FETCH) != 0 ? ATTRIBUTE_KERNEL : 0u);
    uint64_t first = address.bits >> PAGE_SHIFT, count = pages_of(address, size);
    for (uint64_t page = first; page - first < count; page++) {
        slot = slot_of(rights, slot, page);
        uint64_t word = attributes_load(slot, gpa(page << PAGE_SHIFT));
        if (unlikely((attributes_denied(word, level) & wanted) != 0)) {
            *refusal = (struct rights_refusal){ .level = level, .access = access, .size = size };
            refusal->enforcer = enforcer_of(word, level, wanted);
            refusal->address = page == first ? address.bits : page << PAGE_SHIFT;
            return false;
        }
    }
    return true;
}

/* All pages, which are RAM, or none. */
static bool add_pin(struct rights *rights, unsigned level, gpa_t address, uint64_t size, enum memory_access access,
                    struct memory_pin *pin)
{
    struct rights_refusal refusal;
    pins_add(&rights->pins, pin, address.bits >> PAGE_SHIFT, pages_of(address, size)); /* before the words' loads */
    if (likely(level_may(rights, level, address, size, access, &refusal))) {
        return true;
    }
    pins_remove(&rights->pins, pin);
    if (rights->refused != NULL) {
        tell(rights, &refusal);
    }
    return false;
}

void *rights_pin(const struct memory *memory, unsigned level, gpa_t address, uint64_t size, enum memory_access access,
                 struct memory_pin *pin)
{
    struct rights *rights = memory_rights(memory);
    if (likely(rights == NULL)) {
        return memory_pointer(memory, address, size, access);
    }
    if (memory_pointer(memory, address, size, MEMORY_READ) == NULL ||
        !add_pin(rights, level, address, size, access, pin)) {
        return NULL;
    }
    return memory_pointer(memory, address, size, access); /* marks pages dirty */
}

void rights_unpin(const struct memory *memory, struct memory_pin *pin)
{
    struct rights *rights = memory_rights(memory);
    if (unlikely(rights != NULL)) {
        pins_remove(&rights->pins, pin);
    }
}

bool rights_permit(const struct memory *memory, unsigned level, gpa_t address, uint64_t size, enum memory_access access)
{
    struct rights *rights = memory_rights(memory);
    if (memory_pointer(memory, address, size, MEMORY_READ) == NULL) {
        return false;
    }
    if (rights == NULL) {
        return true;
    }
    struct rights_refusal refusal;
    bool may = level_may(rights, level, address, size, access, &refusal);
    if (!may && rights->refused != NULL) {
        tell(rights, &refusal);
    }
    return may;
}

/* Every page of a range that may span slots, pinned; false: none is. */
static bool pin_range(struct rights *rights, unsigned level, gpa_t address, size_t size, enum memory_access access,
                      struct memory_pin *pin)
{
    uint64_t failed;
    uint64_t first = address.bits >> PAGE_SHIFT, count = pages_of(address, size);
    return address.bits + (size - 1) >= address.bits && range_is_ram(rights, first, count, &failed) &&
           add_pin(rights, level, address, size, access, pin);
}

bool rights_read(const struct memory *memory, unsigned level, gpa_t address, void *buffer, size_t size)
{
    struct rights *rights = memory_rights(memory);
    if (rights == NULL || size == 0) {
        return memory_read(memory, address, buffer, size);
    }
    struct memory_pin pin;
    if (!pin_range(rights, level, address, size, MEMORY_READ, &pin)) {
        return false;
    }
    bool done = memory_read(memory, address, buffer, size);
    rights_unpin(memory, &pin);
    return done;
}

bool rights_write(const struct memory *memory, unsigned level, gpa_t address, const void *buffer, size_t size)
{
    struct rights *rights = memory_rights(memory);
    if (rights == NULL || size == 0) {
        return memory_write(memory, address, buffer, size);
    }
    struct memory_pin pin;
    if (!pin_range(rights, level, address, size, MEMORY_WRITE, &pin)) {
        return false;
    }
    bool done = memory_write(memory, address, buffer, size);
    rights_unpin(memory, &pin);
    return done;
}
