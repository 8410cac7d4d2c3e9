/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing page rights of trust levels, so that a change is visible everywhere when the call returns.
 *
 *     changer                                   reader (a vCPU, on its own thread)
 *     store the words                           rights_hold(page): note the page in the filter
 *     look at each reader's filter              load the word
 *       not noted: done with this reader        use the page, keep the right in a translation cache
 *       noted: mark it stale, wait if INSIDE    serve at the next instruction boundary: drop, forget, answer
 *
 * Who keeps what a page's word allowed (memory/attributes.h) is a *reader*: one for each vCPU. It notes each page
 * before it loads the word; a changer stores the word before it looks at the notes; all four are sequentially
 * consistent. So either the reader sees the new word or the changer sees the note. Notes are hashed (rights that a
 * level can lose, apart for reading, writing and fetching): a wrong hit costs time, a miss cannot happen. A change of
 * pages that nobody has noted disturbs nobody and costs the same however many vCPUs run.
 *
 * A reader is OUTSIDE, or INSIDE one level: it executes instructions of that level and may be in the middle of one.
 * Outside (asleep, stopped, in a hypercall or firmware, in a handler of violations) it uses nothing it keeps. A device
 * access is part of an instruction and inside. A changer marks a concerned reader's level stale and, only if the reader
 * is inside that level, sets VCPU_RIGHTS and waits until the reader's phase changes: it served, or left. Who enters a
 * level that is stale drops what it keeps before anything else. Phases and stale marks are the second pair that is
 * exchanged crosswise:
 *
 *     changer: stale := 1; look at the phase        reader: phase := INSIDE; look at stale
 *
 * A changer waits only for readers that are inside a level below the enforcing one, and is itself outside while it
 * waits; so changers never wait for each other.
 *
 * Interleavings, for whoever changes this file. W: word stored, F: filter seen, S: stale set, P: phase seen by the
 * changer; n: noted, l: word loaded, a: access, b: boundary (stale taken, dropped, notes forgotten, phase moved on) by
 * the reader.
 *   - n l a W F …     noted is seen: S P, waits for b, which comes after a.
 *   - W n l           l sees the new word (n and l, W and F are each in one order that all agree on).
 *   - n W l a F       the reader sees the new word; it is disturbed for nothing.
 *   - n l W b F       notes are forgotten by a release store after a: nothing to wait for.
 *   - n l W F b S P   P is the phase after b: the changer waits for another b, for nothing; it comes.
 *   - W F(old) b' S P with b' under way, taken stale before S: the changer waits for the end of b', whose drop has
 * taken everything noted before it; what is noted after b' is loaded after W, or else F would have seen that note.
 *   - S, the reader enters, P: it may be seen inside before it has served. The changer asks and waits for a boundary;
 * if entering has moved the phase on meanwhile, so much the better.
 *
 * A reader may also be interrupted in the middle of an instruction (rights_attach(), memory/straggler.h), in translated
 * code and in C code alike. i: the handler, which puts an interrupted access back to its beginning, makes void what was
 * found for it, takes stale, drops, forgets notes of data, counts. Z: the changer finds the thread frozen: a signal is
 * pending on it, and it said that it can be undone when that was sent.
 *   - n l W F S Z     the changer goes on at once. i comes before anything else of the thread, and sees S. Between Z
 * and i there is no access.
 *   - n l W F S i     as a boundary, for data. What was fetched goes on being executed until one, so the notes of
 * fetches stay and a change that takes the right to fetch waits for b.
 *   - n l W F i' S    with i' under way, taken stale before S, and counting after it: as b' above.
 *   - n l W F S Z i f …   where the reader was about to fill a cache (f) with what l has allowed: it is busy
 * (rights_postpone()), so i makes void what the access under way was to use, and leaves the rest to the end of f (e),
 * which takes stale, drops f's entry too, forgets, counts. Between i and e there is no access, and the one that was
 * under way asks from the beginning, which notes and loads anew. A changer that has not found Z waits for e or b.
 *   - i between the two halves of what cannot be put back (a store to two pages, an atomic access of 16 bytes): the
 * reader says for that while that it cannot be undone, so that Z is not found: the changer waits for b or for the next
 * i.
 *
 * Device models use guest memory through *pins*, held while host pointers are in use (rights_pin, memory/pins.h). A
 * change waits for the end of those that hold its pages. A pin must not be held while waiting for the guest.
 *
 * A guest without trust levels has no struct rights: its vCPUs have no reader, and everything here that takes a memory
 * passes straight through to memory/memory.h.
 *
 * Threads: changes and pins any thread, at any time, several at once; a reader's functions its own thread only; create,
 * destroy, add and reset while nobody else uses it.
 */
#ifndef RAVELIN_MEMORY_RIGHTS_H
#define RAVELIN_MEMORY_RIGHTS_H

#include "core/vcpu.h"
#include "memory/attributes.h"
#include "memory/memory.h"
#include "memory/pins.h"

#define RIGHTS_READER_MAX 512u

struct rights;
struct rights_reader;

/* level_count: of trust levels, 2 … ATTRIBUTE_LEVEL_COUNT. The memory (borrowed) refers to it until it is destroyed;
 * every RAM slot has been added. */
struct rights *rights_create(struct memory *memory, unsigned level_count);
void rights_destroy(struct rights *rights); /* NULL is allowed; its readers end with it */

/* The rights of a memory; NULL: there are no trust levels. */
struct rights *rights_of(const struct memory *memory);

/* ---- Readers ---------------------------------------------------------------------------------------------------- */

/* At most RIGHTS_READER_MAX. It begins OUTSIDE. `vcpu` gets VCPU_RIGHTS when it is to serve (NULL: whoever reads asks
 * rights_is_asked() at its boundaries). `drop` is called on the reader's thread by enter and serve: to empty all caches
 * of what `level` may do. */
struct rights_reader *rights_add_reader(struct rights *rights, struct vcpu *vcpu,
                                        void (*drop)(void *context, unsigned level), void *context);

/* Begins, or goes on, to execute instructions of a level. True: it lost rights meanwhile, so that nothing may be used
 * that was fetched or translated before. */
bool rights_enter(struct rights_reader *reader, unsigned level);

/* Ends it. What is kept stays: it is dropped by the next enter if it became stale. */
void rights_leave(struct rights_reader *reader);

/* The reader is inside some level. Any thread: ordered as the phases above, so that of a change before the question,
 * and what the reader looks at behind rights_enter(), one is seen. */
bool rights_is_inside(const struct rights_reader *reader);

/* At an instruction boundary, inside: answers who waits. Cheap if nobody does. */
void rights_serve(struct rights_reader *reader);
bool rights_is_asked(const struct rights_reader *reader);

/* A reader whose thread the host has preempted need not be waited for, if it was interrupted where an access under way
 * can be undone (memory/straggler.h), as the thread says by *undoable (not 0). `interrupted` is called in a signal
 * handler on that thread, undoes the access in the interrupted registers (a ucontext_t; memory/restart.h for C code),
 * and calls rights_interrupt(), which drops what is stale. A change that takes the right to fetch from what the reader
 * executes waits for a boundary all the same. From attach to detach: one thread. */
void rights_attach(struct rights_reader *reader, const _Atomic uint32_t *undoable,
                   void (*interrupted)(void *context, void *registers), void *context);
void rights_detach(struct rights_reader *reader);
void rights_interrupt(struct rights_reader *reader);

/* Between the two, which may be nested, the handler drops nothing: rights_catch_up() does it then. For whoever changes
 * what `drop` changes, or calls rights_hold(), while *undoable is not 0. No access to guest memory may rest on what was
 * found or filled in between until then, unless by an entry that `interrupted` has made void itself. */
void rights_postpone(struct rights_reader *reader);
void rights_catch_up(struct rights_reader *reader);

/* Must precede the load of the page's word: whatever that word allows of `kinds` (a set of enum memory_access) may then
 * be used by the running instruction and kept by `level`, until it is dropped. */
void rights_hold(struct rights_reader *reader, unsigned level, gpa_t address, unsigned kinds);

/* `level` keeps nothing any more, and the running instruction uses nothing: its notes are void. To be called when all
 * its caches were emptied for another reason; does nothing while there are few notes. */
void rights_forget(struct rights_reader *reader, unsigned level);

/* ---- Changes ---------------------------------------------------------------------------------------------------- */

/* Replaces what `enforcer` (1 … level_count - 1) denies to the levels below it by `denied` (a set of enum attribute;
 * whether the combination is a legal one is the caller's business) on each of `count` pages (page numbers: addresses
 * >> PAGE_SHIFT, any values, repeated ones allowed). All pages are checked before any is changed. When it returns true,
 * no reader uses or keeps a right that was taken, no pin was taken under it is left, and no access under it is under
 * way. False: pages[*failed] is not RAM; nothing has changed.
 *
 * `changer`: the reader whose thread calls, or NULL. If it is inside, it is outside for the time of the wait: host
 * pointers got before are void. */
bool rights_change(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied,
                   const uint64_t *pages, size_t count, size_t *failed);

/* The same for pages first … first + count - 1; *failed is a page number. */
bool rights_change_range(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied,
                         uint64_t first, uint64_t count, uint64_t *failed);

/* What `enforcer` denies on all pages it has not changed. Can be said once, before its first change; costs the same for
 * any amount of memory. False: too late; nothing has changed. */
bool rights_set_default(struct rights *rights, struct rights_reader *changer, unsigned enforcer, unsigned denied);

/* The page's word, defaults included (see attributes_denied()). False: not RAM. */
bool rights_query(const struct rights *rights, uint64_t page, uint64_t *word);

/* Everything is allowed again and defaults can be set again, as at the beginning. No reader is inside, nothing is
 * pinned; whoever calls empties all caches. */
void rights_reset(struct rights *rights);

/* Adds to counts since the beginning. */
struct rights_statistics {
    uint64_t calls;   /* changes, of any number of pages */
    uint64_t pages;   /* changed by them, repeated ones counted */
    uint64_t hits;    /* readers that had to drop something, summed over calls */
    uint64_t waits;   /* of these, readers that had to be waited for */
    uint64_t yields;  /* times a changer gave up its core while it waited */
    uint64_t signals; /* sent to readers that did not run */
};
struct rights_statistics rights_statistics(const struct rights *rights);

/* ---- Device models and firmware --------------------------------------------------------------------------------- */

/* Told of each time that one of the functions below refuses RAM because of page rights. Any thread, with pins of its
 * own and locks of the caller's held: no change of rights may be asked for from inside. To be set while nobody else
 * uses `rights`; NULL: nobody is told. */
struct rights_refusal {
    unsigned level;    /* that was refused */
    unsigned enforcer; /* of those that refuse the lowest */
    enum memory_access access;
    uint64_t address;                   /* guest-physical, the first refused byte */
    uint64_t size;                      /* bytes of the whole access */
    const struct rights_reader *reader; /* whose thread it is (rights_attach()); NULL: nobody's, or not known */
};
void rights_watch(struct rights *rights, void (*refused)(void *context, const struct rights_refusal *refusal),
                  void *context);

/* As memory_pointer(), with the rights of `level` on every page, and holds up changes to these pages until
 * rights_unpin() of the same pin. NULL (nothing to unpin): not RAM, or refused. Not for long waits. */
void *rights_pin(const struct memory *memory, unsigned level, gpa_t address, uint64_t size, enum memory_access access,
                 struct memory_pin *pin);
void rights_unpin(const struct memory *memory, struct memory_pin *pin);

/* Whether rights_pin() would succeed now. Nothing is pinned, no page marked dirty. */
bool rights_permit(const struct memory *memory, unsigned level, gpa_t address, uint64_t size,
                   enum memory_access access);

/* As memory_read() and memory_write(), with the rights of `level`: all bytes, or none and false. */
bool rights_read(const struct memory *memory, unsigned level, gpa_t address, void *buffer, size_t size);
bool rights_write(const struct memory *memory, unsigned level, gpa_t address, const void *buffer, size_t size);

#endif
