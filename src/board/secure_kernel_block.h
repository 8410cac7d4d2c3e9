/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the board tells the secure kernel: one block of memory that only the secure kernel's level can read. Included by
 * both, so it knows nothing but fixed-size integers. All addresses are guest-physical unless they are called virtual.
 *
 * The board writes the block anew at each start and reset, with a fresh seed.
 */
#ifndef RAVELIN_BOARD_SECURE_KERNEL_BLOCK_H
#define RAVELIN_BOARD_SECURE_KERNEL_BLOCK_H

#include <stdint.h>

#define SECURE_KERNEL_BLOCK_MAGIC   UINT64_C(0x4b434f4c424b5653) /* "SVKBLOCK" */
#define SECURE_KERNEL_BLOCK_VERSION 2u
#define SECURE_KERNEL_SEED_SIZE     64u

/* Symbols of a Linux kernel for RISC-V; virtual addresses, 0 if the kernel has none of that name. */
enum secure_kernel_symbol {
    SECURE_KERNEL_START,            /* _start: where the image begins; required */
    SECURE_KERNEL_ETEXT,            /* _etext; required */
    SECURE_KERNEL_INIT_BEGIN,       /* __init_begin; required */
    SECURE_KERNEL_RODATA,           /* __start_rodata; required */
    SECURE_KERNEL_DATA,             /* _data: ends what is never written after the start; required */
    SECURE_KERNEL_END,              /* _end: ends the image; required */
    SECURE_KERNEL_HANDLE_EXCEPTION, /* handle_exception: what stvec points to; required */
    SECURE_KERNEL_SYSTEM_STATE,     /* system_state: tells when the start is over; required */
    SECURE_KERNEL_JUMP_TABLE,       /* __start___jump_table, __stop___jump_table: where text may be patched */
    SECURE_KERNEL_JUMP_TABLE_END,
    SECURE_KERNEL_POKE, /* copy_to_kernel_nofault, and what follows it: the function that patches text and modules */
    SECURE_KERNEL_POKE_END,
    SECURE_KERNEL_SECONDARY, /* secondary_start_sbi: where the other harts start */
    SECURE_KERNEL_FUNCTIONS, /* __start_mcount_loc, __stop_mcount_loc: functions that can be traced */
    SECURE_KERNEL_FUNCTIONS_END,
    SECURE_KERNEL_TRACER,      /* ftrace_caller: what they call then */
    SECURE_KERNEL_TRACER_CALL, /* ftrace_call: from where that calls one of the tracers */
    SECURE_KERNEL_SYMBOL_COUNT,
};

#define SECURE_KERNEL_TRACER_COUNT 12u

/* What is permitted after the start is over; the policy file in another form. */
enum secure_kernel_permission {
    SECURE_KERNEL_ENFORCE = 1,     /* else observe: everything is logged and permitted */
    SECURE_KERNEL_MODULES = 2,     /* loadable modules */
    SECURE_KERNEL_BPF = 4,         /* translated BPF programs */
    SECURE_KERNEL_STATIC_KEYS = 8, /* patches that the kernel's own table of static keys allows */
    SECURE_KERNEL_TRACING = 16,    /* the function tracer, and probes if modules are permitted too */
};

/* Registers that are pinned; bits as in CrInterceptControl. */
enum secure_kernel_pin {
    SECURE_KERNEL_PIN_SATP = 1, /* its mode */
    SECURE_KERNEL_PIN_STVEC = 2,
    SECURE_KERNEL_PIN_SSTATUS = 4,     /* MXR, UBE, UXL */
    SECURE_KERNEL_PIN_SENVCFG = 8,     /* all but CBZE */
    SECURE_KERNEL_PIN_SCOUNTEREN = 16, /* all but the three that every process may have */
};

struct secure_kernel_block {
    uint64_t magic;
    uint32_t version;
    uint32_t cpu_count;
    uint64_t memory_base, memory_size; /* the secure kernel's own, at the top of RAM; bytes */
    uint64_t ram_base, ram_size;       /* of the machine, the above included */
    uint64_t image;                    /* where the guest's kernel was loaded: what _start is the virtual address of */
    uint64_t entry;                    /* where it starts */
    uint64_t symbols[SECURE_KERNEL_SYMBOL_COUNT];
    uint64_t tracers[SECURE_KERNEL_TRACER_COUNT]; /* functions that a tracer may be; virtual, 0: there is none */
    uint32_t permissions;
    uint32_t pins;
    uint8_t seed[SECURE_KERNEL_SEED_SIZE];
};

#endif
