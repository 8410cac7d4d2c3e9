/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While the guest starts, its image is executable in kernel mode and nothing else is: the default mask of all pages
 * lacks KX. User mode is judged by KX as well (mode-based execution is off), so the fetch of its first process's first
 * instruction is refused: that is the moment at which the start is over and the image takes its final rights.
 *
 * Linux makes its own mappings read-only just before (init/main.c, kernel_init(): mark_readonly(), then system_state
 * SYSTEM_RUNNING). A helper process may be run earlier, by a driver that wants a module; then a timer looks again.
 */
#include "call.h"
#include "kernel.h"

#define SYSTEM_RUNNING  3u              /* Linux, enum system_states */
#define LOOK_INTERVAL   UINT64_C(10000) /* ticks of `time`: 1 ms */
#define SIP_SSIP        (UINT64_C(1) << 1)
#define SATP_MODE_SHIFT 60u

/* Level 0 may have laid its assist page over one of them (trust levels, section 4: the call is refused then). Here it
 * may not: a machine that cannot be protected is not run. */
static void protect(struct vp *vp, struct range range, uint32_t rights)
{
    uint64_t first = range.start >> PAGE_SHIFT, count = (range.end - range.start) >> PAGE_SHIFT;
    if (!call_protect(vp, first, count, rights)) {
        call_set(vp, ABI_VP_ASSIST_PAGE, 0, 0);
        if (!call_protect(vp, first, count, rights)) {
            kernel_die("cannot protect the guest's kernel: is a page of it covered by level 0's assist page?");
        }
    }
}

void protect_begin(struct vp *vp)
{
    uint64_t defaults = ABI_R | ABI_W | ABI_UX;
    if (!call_set_own(vp, ABI_VSM_PARTITION_CONFIG,
                      ABI_ENABLE_PROTECTION | defaults << ABI_DEFAULT_MASK_SHIFT | ABI_ZERO_ON_RESET |
                          ABI_DENY_LOWER_STARTUP | ABI_INTERCEPT_VP_STARTUP)) {
        kernel_die("the monitor does not let it protect pages");
    }
    protect(vp, (struct range){ kernel.image, kernel.image_end }, ABI_R | ABI_W | ABI_KX | ABI_UX);
    protect(vp, kernel.own, 0);
}

static bool start_is_over(void)
{
    const volatile uint32_t *state = (const uint32_t *)kernel_physical(kernel.symbols[SECURE_KERNEL_SYSTEM_STATE]);
    return *state >= SYSTEM_RUNNING;
}

/* The other processors pin their own registers: protect_look(). */
static void call_others(const struct vp *vp)
{
    for (uint32_t base = 0; base < kernel.vp_count; base += 64) {
        uint64_t mask = 0;
        for (uint32_t i = base; i < kernel.vp_count && i < base + 64; i++) {
            mask |= kernel.vps[i].runs && i != vp->number ? UINT64_C(1) << (i - base) : 0;
        }
        if (mask != 0) {
            sbi_send_ipi(mask, base);
        }
    }
}

static void lock_down(struct vp *vp)
{
    uint64_t code_end = (kernel_physical(kernel.symbols[SECURE_KERNEL_ETEXT]) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    protect(vp, (struct range){ kernel.text.start, code_end }, ABI_R | ABI_KX | ABI_UX);
    protect(vp, (struct range){ code_end, kernel.text.end }, ABI_R | ABI_UX);
    protect(vp, kernel.init, ABI_R | ABI_W | ABI_UX);
    protect(vp, kernel.rodata, ABI_R | ABI_UX);
    protect(vp, (struct range){ kernel.rodata.end, kernel.image_end }, ABI_R | ABI_W | ABI_UX);
    kernel.locked = true;
    patch_begin();
    kernel.satp_mode = call_get(vp, ABI_SATP) >> SATP_MODE_SHIFT;
    pins_begin(vp);
    call_others(vp);
    struct line line = { .length = 0 };
    line_add(&line, "secure kernel: locked, text ");
    line_add_number(&line, (code_end - kernel.text.start) >> PAGE_SHIFT);
    line_add(&line, " pages, read-only data ");
    line_add_number(&line, (kernel.rodata.end - kernel.rodata.start) >> PAGE_SHIFT);
    line_add(&line, kernel_permits(SECURE_KERNEL_ENFORCE) ? " pages, enforcing" : " pages, observing");
    line_tell(&line);
}

/* The guest's kernel has come as far on this processor as it must before its registers are pinned. */
static bool is_up(struct vp *vp)
{
    return call_get(vp, ABI_SATP) >> SATP_MODE_SHIFT == kernel.satp_mode &&
           call_get(vp, ABI_STVEC) == kernel.symbols[SECURE_KERNEL_HANDLE_EXCEPTION];
}

void protect_first_process(struct vp *vp)
{
    call_set_own(vp, ABI_VSM_VP_SECURE_CONFIG_0, ABI_MBEC_ENABLED);
    vp->user_apart = true;
    protect_look(vp);
    if (kernel.locked && !vp->pinned) {
        kernel_refuses(vp, "a trap vector or translation that was changed before, on its first process:",
                       call_get(vp, ABI_STVEC), 0);
        pins_begin(vp);
    }
}

void protect_look(struct vp *vp)
{
    uint64_t now;
    __asm__ volatile("rdtime %0" : "=r"(now));
    if (!kernel.locked && start_is_over()) {
        lock_down(vp);
    }
    if (kernel.locked && !vp->pinned) {
        if (is_up(vp)) {
            pins_begin(vp);
        } else {
            pins_prepare(vp); /* by the masks of one that starts now */
        }
    }
    __asm__ volatile("csrc sip, %0" : : "r"(SIP_SSIP));
    sbi_set_timer(kernel.locked ? UINT64_MAX : now + LOOK_INTERVAL);
}
