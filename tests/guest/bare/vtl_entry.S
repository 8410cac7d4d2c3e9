# SPDX-License-Identifier: Apache-2.0
# Where higher levels wait, and calls of them: see vtl.h. The registers that levels share (all but ra, sp, gp, tp, s0)
# are kept in a struct vtl_frame; gp, which nobody else uses, carries the function id of the return. Nothing of ra, gp
# and s0 is needed over the return: they hold the level's vtl_private then, for whoever looks for it elsewhere.
    .option norvc
    .text
    .macro each_shared instruction, base
    .irp n, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \instruction x\n, \n * 8(\base)
    .endr
    .endm

    .balign 4
    .globl vtl_entry
vtl_entry:
    addi sp, sp, -256
    each_shared sd, sp
    mv a0, sp
    call vtl_dispatch
    mv gp, a0
    each_shared ld, sp
    addi sp, sp, 256
    mv a6, gp
    li a7, 0x0856534D
    srli ra, tp, 3 # the level
    slli ra, ra, 5
    la gp, vtl_private
    add gp, gp, ra
    ld ra, 0(gp)
    ld s0, 8(gp)
    ld gp, 16(gp)
    .globl vtl_return
vtl_return: # the ecall of the return
    ecall
    j vtl_entry

# uint64_t vtl_call(uint64_t a0, uint64_t a1)
    .globl vtl_call
    .globl vtl_call_ecall
vtl_call:
    addi sp, sp, -256
    each_shared sd, sp
    li a6, 0x11
    li a7, 0x0856534D
vtl_call_ecall:
    ecall
    nop # an exception injected here goes on behind it
    sd a0, 80(sp)
    each_shared ld, sp
    addi sp, sp, 256
    ret

# void vtl_exchange(struct vtl_frame *frame): calls with the shared registers of *frame, a6 and a7 excepted, which say
# that it is a call; leaves in it what they are afterwards.
    .globl vtl_exchange
vtl_exchange:
    addi sp, sp, -272
    each_shared sd, sp
    sd s0, 256(sp)
    sd ra, 264(sp)
    mv s0, a0
    each_shared ld, s0
    li a6, 0x11
    li a7, 0x0856534D
    ecall
    each_shared sd, s0
    ld s0, 256(sp)
    ld ra, 264(sp)
    each_shared ld, sp
    addi sp, sp, 272
    ret

# void vtl_load_floats(const uint64_t values[32]), void vtl_store_floats(uint64_t values[32]): all f registers.
    .globl vtl_load_floats
vtl_load_floats:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fld f\n, \n * 8(a0)
    .endr
    ret
    .globl vtl_store_floats
vtl_store_floats:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd f\n, \n * 8(a0)
    .endr
    ret

# struct vtl_user_end vtl_user_mode(uint64_t pc, uint64_t a0)
    .globl vtl_user_mode
vtl_user_mode:
    addi sp, sp, -288
    each_shared sd, sp
    sd s0, 256(sp)
    sd ra, 264(sp)
    csrr t0, sscratch
    sd t0, 272(sp)
    csrw sscratch, sp
    la t0, 1f
    csrrw t0, stvec, t0
    sd t0, 280(sp)
    csrw sepc, a0
    li t0, 0x100
    csrc sstatus, t0
    mv a0, a1
    sret
    .balign 4
1:  csrrw sp, sscratch, sp
    sd a0, 88(sp)
    csrr t0, scause
    sd t0, 80(sp)
    ld t0, 272(sp)
    csrw sscratch, t0
    ld t0, 280(sp)
    csrw stvec, t0
    ld s0, 256(sp)
    ld ra, 264(sp)
    each_shared ld, sp
    addi sp, sp, 288
    ret
