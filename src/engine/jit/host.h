/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a back end does: it turns a region of IR into code of the host, and keeps the small pieces of code that lead
 * into and out of regions. One back end is linked in; each stands in a folder of its own (x86_64/).
 *
 * Memory. Code lives in a memfd mapped twice, readable-executable and readable-writable, at different addresses: no
 * page is ever writable and executable through one mapping. Beside it, within reach of pc-relative addressing, lies a
 * readable-writable data area with the link cells and the jump cache.
 *
 * Links. Each EXIT of a region jumps through a link cell of its own. The cell holds the entry of the region at the
 * exit's pc once the dispatcher has found it, and before that the address of a stub that returns to the dispatcher with
 * the link's number. Resetting cells (host_unlink, host_unlink_all) is how changed code, flushed translations or a full
 * cache are made known: no code is patched, ever.
 *
 * Entries. A region is entered at its checked entry, which proves that the facts (cpu->facts_key) are those it was made
 * under and that each guest page it covers is where it was, by looking at the fetch TLB (tag and addend); if not, it
 * returns to the dispatcher with HOST_EXIT_STALE. Links inside one guest page between regions of one page may go to the
 * unchecked entry. Every entry looks at cpu->vcpu.attention once, as does every loop head inside.
 *
 * State. While generated code runs, a host register holds the struct riscv_cpu; the most used slots of a region live in
 * host registers from entry to exit and are in memory whenever C code may look. The count of retired instructions is
 * kept in a register and added to cpu->instructions on leaving. Floating point: the host's rounding mode is the
 * region's, and the host's sticky flags stand for fcsr.FFLAGS until leaving, when they are or-ed into it; C functions
 * that use floating point are called with the default environment.
 *
 * A struct host belongs to one vCPU and is used by its thread only.
 */
#ifndef RAVELIN_ENGINE_JIT_HOST_H
#define RAVELIN_ENGINE_JIT_HOST_H

#include "arch/riscv/cpu.h"
#include "engine/jit/ir.h"
#include "engine/jit/translation.h"

#include <stddef.h>

struct host;

#define HOST_CODE_SIZE  (UINT64_C(128) << 20)
#define HOST_LINK_COUNT (1u << 19)

/* NULL: this host has no back end, or forbids executable mappings (error says which). */
struct host *host_create(struct riscv_cpu *cpu, struct error *error);
void host_destroy(struct host *host);

struct host_page {    /* a guest page the region has code in */
    uint64_t address; /* guest-virtual, of the page */
    uint64_t addend;  /* as in its TLB entry: host address - guest-virtual address */
};

#define HOST_PAGES_MAX 4

struct host_request {
    struct ir_region *region;
    struct riscv_facts facts;
    uint32_t facts_key;     /* what cpu->facts_key must be on entry */
    uint32_t facts_ignored; /* but for these bits: 0, or FACTS_KEY_MODES in a region without floating point */
    struct host_page pages[HOST_PAGES_MAX];
    unsigned page_count;
    bool keeps_blocks;   /* for host_add_entry() */
    uint32_t first_link; /* each EXIT terminator takes the next number, in the order of blocks */
};

struct host_entry {
    const void *checked, *unchecked;
};

struct host_code {
    const void *checked_entry, *unchecked_entry; /* at the first block */
    const uint8_t *start;                        /* executable address, for dumps */
    size_t size;
    uint32_t link_count;
    struct host_blocks *blocks; /* the caller's; NULL unless asked for */
    size_t blocks_size;         /* of what it points to */
};

/* What it takes to enter a region at another block than the first: for host_add_entry(). Allocated by host_compile(),
 * free() it. */
struct host_blocks;

enum host_verdict {
    HOST_COMPILED,
    HOST_FULL,    /* the code memory is, or links ran out: host_flush() and try again */
    HOST_REFUSED, /* no room would be enough: a block has more values alive at once than the frame holds */
};

/* Unless it is HOST_COMPILED nothing has changed. */
enum host_verdict host_compile(struct host *host, const struct host_request *request, struct host_code *code);

/* Makes an entry at the block with this number. `request` is what the region was compiled from, but for its IR; `pc`
 * is the block's address. False: the code memory is full; nothing has changed. */
bool host_add_entry(struct host *host, const struct host_request *request, const struct host_blocks *blocks,
                    uint32_t number, uint64_t pc, struct host_entry *entry);

/* Forgets all code and links. */
void host_flush(struct host *host);

/* Bytes of code that there is room for. */
size_t host_code_limit(const struct host *host);

/* For tests: true now and then under RAVELIN_JIT_ADVERSITY, to be taken as a full code memory would be. */
bool host_wants_flush(struct host *host);

void host_set_link(struct host *host, uint32_t link, const void *entry);
void host_unlink(struct host *host, uint32_t link);
void host_unlink_all(struct host *host);

/* The jump cache: where indirect jumps find regions without the dispatcher, and where that looks first. Entries are
 * checked entries; one that has become stale is still found. */
void host_set_jump(struct host *host, uint64_t pc, const void *checked_entry);
const void *host_find_jump(const struct host *host, uint64_t pc); /* NULL: it has none */
void host_forget_jump(struct host *host, uint64_t pc);
void host_forget_jumps(struct host *host);

enum host_exit {
    HOST_EXIT_LINK,      /* an unlinked EXIT: `link` tells which; state.pc is NOT set */
    HOST_EXIT_INDIRECT,  /* state.pc is set; not in the jump cache */
    HOST_EXIT_INTERPRET, /* state.pc is set: the interpreter runs that instruction */
    HOST_EXIT_TRAPPED,   /* state.pc is set, cpu->trap is recorded */
    HOST_EXIT_ATTENTION, /* state.pc is set */
    HOST_EXIT_STALE,     /* state.pc is set: a checked entry refused */
};

struct host_result {
    enum host_exit exit;
    uint32_t link; /* HOST_EXIT_LINK */
};

/* For a vCPU whose page rights may change while it runs: between the two, on its own thread, a signal may interrupt
 * translated code to undo an access under way (rights_attach()). Nothing otherwise. */
void host_attach(struct host *host);
void host_detach(struct host *host);

/* For C code that translated code calls. The host's unit holds the guest's rounding mode and flags while facts_key has
 * FACTS_KEY_FLOAT: before such code touches fcsr, or turns floating point off; and after it, or turning it on. */
void host_float_leave(struct riscv_cpu *cpu);
void host_float_enter(struct riscv_cpu *cpu);

/* Runs from a checked entry until something leads out. */
struct host_result host_enter(struct host *host, const void *checked_entry);

/* Host code as text, by a disassembler library, for --dump host. */
void host_dump(const struct host_code *code, FILE *stream);

#endif
