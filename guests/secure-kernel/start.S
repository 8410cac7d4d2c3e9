# SPDX-License-Identifier: Apache-2.0
# Entry of the secure kernel, and the loop around its return to the guest.
#
# A virtual processor begins at secure_kernel_entry with sp at the top of its stack, gp its number, tp the board's
# block; these three are the level's own. All other registers are shared with the guest, so everything from x5 on (but
# x8) is put away before C code runs and given back afterwards: struct frame of kernel.h.

.equ EXTENSION, 0x0856534D
.equ VTL_RETURN, 0x12
.equ FRAME_SIZE, 256

.macro each_shared instruction
    .irp number, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \instruction x\number, (8 * \number)(sp)
    .endr
.endm

.section .text.entry, "ax"
.globl secure_kernel_entry
secure_kernel_entry:
    addi sp, sp, -FRAME_SIZE
    each_shared sd
    lla t0, own_trap
    csrw stvec, t0
    mv a0, sp
    mv a1, gp
    mv a2, tp
    call kernel_start
1:
    each_shared ld
    li a6, VTL_RETURN
    li a7, EXTENSION
    ecall                       # the guest runs, until it calls, or is stopped
    each_shared sd
    mv a0, sp
    call kernel_entered
    j 1b

# The secure kernel itself never traps.
.balign 4
own_trap:
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call kernel_trapped
2:
    wfi
    j 2b
