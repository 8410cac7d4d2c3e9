# SPDX-License-Identifier: Apache-2.0
# Start and trap handling of bare-metal test programs; see bare.h. BARE_S: for a kernel in S-mode, else M-mode.
#ifdef BARE_S
#define TVEC stvec
#define SCRATCH sscratch
#define EPC sepc
#define CAUSE scause
#define TVAL stval
#define RETURN sret
#else
#define TVEC mtvec
#define SCRATCH mscratch
#define EPC mepc
#define CAUSE mcause
#define TVAL mtval
#define RETURN mret
#endif
#define HART_SIZE 64 /* struct bare_hart */

    .option norvc
    .section .text.start, "ax"
    .globl _start
_start: # a0: the hart's number; a1: the device tree, or what bare_start_hart() was given
    la t0, bare_trap_entry
    csrw TVEC, t0
    la t0, bare_harts
    li t1, HART_SIZE
    mul t1, t1, a0
    add t0, t0, t1
    csrw SCRATCH, t0
#ifndef BARE_S
    li t1, 0x2000 # floating point on
    csrs mstatus, t1
    csrr t1, mhartid
    bnez t1, 1f
#endif
1:  la sp, bare_stacks
    addi t1, a0, 1
    slli t1, t1, 13
    add sp, sp, t1
    mv tp, a0
    call bare_main
    call bare_finish # does not return
2:  j 2b

# Every trap is noted in the hart's struct bare_hart. An exception goes on with the next instruction, which is four
# bytes on (the programs have no compressed ones where they trap), or after a fetch that failed at the address in ra; a
# failed fetch and an ecall also lead back to M-mode. An interrupt clears its enable bit and goes back.
    .balign 64
    .globl bare_trap_entry
bare_trap_entry:
    csrrw t6, SCRATCH, t6
    sd t5, 40(t6)
    sd t4, 48(t6)
    csrr t5, CAUSE
    sd t5, 0(t6)
    csrr t4, TVAL
    sd t4, 8(t6)
    csrr t4, EPC
    sd t4, 16(t6)
    bltz t5, interrupt
    ld t4, 24(t6)
    addi t4, t4, 1
    sd t4, 24(t6)
    csrr t4, EPC
    addi t4, t4, 4
    beqz t5, fetch # misaligned
    addi t5, t5, -1
    beqz t5, fetch # access fault
    addi t5, t5, -11
    beqz t5, fetch # page fault
    csrw EPC, t4
#ifndef BARE_S
    addi t5, t5, 4 # ecall from U (8) or S (9): 12 less is what t5 holds
    andi t5, t5, -2
    beqz t5, machine
#endif
    j back
fetch:
    csrw EPC, ra
machine:
#ifndef BARE_S
    li t5, 0x1800
    csrs mstatus, t5
#endif
    j back
interrupt:
    ld t4, 32(t6)
    addi t4, t4, 1
    sd t4, 32(t6)
    li t4, 1
    sll t4, t4, t5 # by its low six bits
#ifdef BARE_S
    csrc sie, t4
#else
    csrc mie, t4
#endif
back:
    ld t5, 40(t6)
    ld t4, 48(t6)
    csrrw t6, SCRATCH, t6
    RETURN

    .bss
    .balign 4096
    .globl bare_stacks
bare_stacks:
    .skip 8192 * 128
