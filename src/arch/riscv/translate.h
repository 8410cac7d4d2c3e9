/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a guest-virtual address to host memory or a device: every access, whoever makes it, is decided by one sequence
 * of layers. The sequence is the table at the end of translate.c.
 *
 * This is the slow path: it runs when no translation cache knows the answer.
 */
#ifndef RAVELIN_ARCH_RISCV_TRANSLATE_H
#define RAVELIN_ARCH_RISCV_TRANSLATE_H

#include "arch/riscv/cpu.h"

/* One access, inside one page: address & PAGE_MASK, plus size, is at most PAGE_SIZE. */
struct riscv_access {
    uint64_t address;
    uint64_t size;
    enum memory_access kind;
    enum riscv_mode mode; /* with whose rights */
    bool sum;             /* mode S: pages of user mode may be read and written */
    bool observe;         /* leave no trace: no accessed, dirty or page-dirty bit is set */
};

/* What the layers agreed on. */
struct riscv_page {
    gpa_t address;       /* of the access */
    uint64_t large_size; /* of the translation the page is a piece of */
    bool is_global;      /* that translation is in all address spaces */
    unsigned rights;     /* set of enum memory_access, the asked one included */
    bool whole;          /* good for every byte of the page: may be cached */
    bool overlay;        /* host is the running level's own page, which lies over the slot's */
    const struct memory_slot *slot;
    uint8_t *host; /* first byte of the page; NULL: a device */
};

enum riscv_verdict {
    RISCV_GRANTED,
    RISCV_PAGE_FAULT,
    RISCV_ACCESS_FAULT,
    RISCV_VIOLATION, /* of a higher trust level's page rights: cpu->violation */
};

/* Asks the layers. Records no exception; cpu->denial says who refused. */
enum riscv_verdict riscv_translate(struct riscv_cpu *cpu, const struct riscv_access *access, struct riscv_page *page);

/* The same for an access by the running instruction through a translation cache of this hart, which is filled if it
 * can be. False: the exception is recorded, tval being the address. */
bool riscv_resolve(struct riscv_cpu *cpu, struct tlb *tlb, uint64_t address, uint64_t size, enum memory_access kind,
                   struct riscv_page *page);

/* The same for data, for an access by memory/restart.h that asks the entry returned, in cpu->direct, for `tag`. If that
 * refuses, rights were taken meanwhile, and all of this is to be asked again. NULL: as false. page->host NULL: a
 * device, and the entry is of no use. */
struct tlb_entry *riscv_resolve_direct(struct riscv_cpu *cpu, enum riscv_direct where, uint64_t tag, uint64_t address,
                                       uint64_t size, enum memory_access kind, struct riscv_page *page);

/* Records the access fault for this kind of access. */
void riscv_raise_access_fault(struct riscv_cpu *cpu, enum memory_access kind, uint64_t address);

#endif
