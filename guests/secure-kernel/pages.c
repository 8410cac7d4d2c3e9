/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused accesses. What Linux legitimately does, and so is not refused in the end:
 *
 *   - patching its text at static keys (patch.c): carried out here, the page stays unwritable;
 *   - executing a loaded module or a translated BPF program for the first time: the page becomes executable, and loses
 *     the right to be written at that moment;
 *   - writing to such a page when it has been freed and serves something else: it loses the right to be executed;
 *   - patching such a page by the function that patches text: carried out here, the page stays executable;
 *   - tracing, if the policy permits it (trace.c): the text is patched, and copies of instructions that probes replaced
 *     are executed. These are in pages anywhere outside the modules' region, which take part in what modules may.
 *
 * A page is thus never writable and executable in kernel mode at once. What is executable and not of the image was
 * granted here: no book is kept, the rights themselves tell.
 *
 * Translated BPF programs are in the last 128 MiB of the modules' region (Linux, arch/riscv/include/asm/pgtable.h).
 */
#include "call.h"
#include "kernel.h"

#define BPF_REGION_SIZE (UINT64_C(128) << 20)
#define KERNEL_HALF     (UINT64_C(1) << 63) /* of virtual addresses */
#define POKE_SIZE       256u                /* of the patching function, if the kernel does not tell its end */

#define RIGHTS_DATA     (ABI_R | ABI_W | ABI_UX)
#define RIGHTS_CODE     (ABI_R | ABI_KX | ABI_UX)
#define RIGHTS_ALL      (ABI_R | ABI_W | ABI_KX | ABI_UX)

static uint64_t pc_of(const struct abi_message *message)
{
    return message->pc;
}

static void widen(struct vp *vp, uint64_t page, uint32_t rights)
{
    call_protect(vp, page, 1, rights);
}

/* ---- Fetches ----------------------------------------------------------------------------------------------------- */

/* What the policy says to code at this virtual address. */
static bool may_hold_code(uint64_t address)
{
    uint64_t image_start = kernel.symbols[SECURE_KERNEL_START];
    if (address >= image_start || address < kernel_modules_start()) {
        return address >= KERNEL_HALF && kernel_permits(SECURE_KERNEL_TRACING) && kernel_permits(SECURE_KERNEL_MODULES);
    }
    bool bpf = address >= image_start - BPF_REGION_SIZE;
    return kernel_permits(bpf ? SECURE_KERNEL_BPF : SECURE_KERNEL_MODULES);
}

/* Only memory that Linux gives to anyone: not the image, apart from its freed part. */
static bool is_common(uint64_t physical)
{
    bool image = kernel.image <= physical && physical < kernel.image_end;
    return !range_has(kernel.own, physical) && (!image || range_has(kernel.init, physical));
}

/* The page's content is looked at after nobody can change it any more. */
static bool grant(struct vp *vp, uint64_t address, uint64_t physical)
{
    if (!is_common(physical) || !may_hold_code(address)) {
        return false;
    }
    widen(vp, physical >> PAGE_SHIFT, RIGHTS_CODE);
    if (call_is_writable(vp, address)) {
        widen(vp, physical >> PAGE_SHIFT, RIGHTS_DATA);
        return false; /* Linux maps code read-only before it runs it */
    }
    kernel.granted++;
    return true;
}

static void fetch_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    if (message_is_user(message) && !vp->user_apart) {
        protect_first_process(vp);
        return;
    }
    if (!message_is_user(message) && grant(vp, memory->virtual, memory->physical)) {
        return;
    }
    if (kernel_refuses(vp, message_is_user(message) ? "to execute" : "to execute as kernel", memory->virtual,
                       pc_of(message)) ||
        range_has(kernel.own, memory->physical)) {
        kernel_refuse_access(vp, message);
        return;
    }
    widen(vp, memory->physical >> PAGE_SHIFT, RIGHTS_ALL);
}

/* ---- Stores ------------------------------------------------------------------------------------------------------ */

/* The store that was refused, if it is a plain one, whole and inside one page. */
static bool decode(struct vp *vp, const struct abi_message *message, struct store *store, uint64_t *value)
{
    const struct abi_memory_message *memory = &message->memory;
    if (memory->byte_count == 0 || (memory->info & ABI_INFO_WALK) != 0 || !store_decode(memory->bytes, store) ||
        store->size != memory->size || (memory->physical & (PAGE_SIZE - 1)) + store->size > PAGE_SIZE) {
        return false;
    }
    *value = kernel_register(vp, store->source);
    return true;
}

/* Page tables, caches and all else are the guest's business: it fences when it has patched. */
static void carry_out(struct vp *vp, const struct abi_message *message, const struct store *store, uint64_t value)
{
    memcpy((void *)message->memory.physical, &value, store->size);
    kernel_skip(vp, message->pc, store->length);
    kernel.patched++;
}

static bool is_poke(uint64_t pc)
{
    uint64_t start = kernel.symbols[SECURE_KERNEL_POKE], end = kernel.symbols[SECURE_KERNEL_POKE_END];
    return start != 0 && pc >= start && pc < (end > start ? end : start + POKE_SIZE);
}

static void store_refused_in_image(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    bool text = range_has(kernel.text, memory->physical);
    struct store store;
    uint64_t value;
    if (text && !message_is_user(message) && decode(vp, message, &store, &value) &&
        (patch_is_legitimate(memory->physical, value, store.size) ||
         trace_permits(vp, memory->physical, value, store.size))) {
        carry_out(vp, message, &store, value);
        return;
    }
    const char *what = text ? "to write to kernel text" : "to write to read-only data";
    uint64_t address = memory->physical - kernel.image + kernel.symbols[SECURE_KERNEL_START];
    if (kernel_refuses(vp, what, address, pc_of(message))) {
        kernel_refuse_access(vp, message);
        return;
    }
    widen(vp, memory->physical >> PAGE_SHIFT, text ? RIGHTS_ALL : RIGHTS_DATA);
}

static void store_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    struct store store;
    uint64_t value;
    if (range_has(kernel.text, memory->physical) || range_has(kernel.rodata, memory->physical)) {
        store_refused_in_image(vp, message);
    } else if (is_poke(message->pc) && !message_is_user(message) && decode(vp, message, &store, &value)) {
        carry_out(vp, message, &store, value);
    } else {
        widen(vp, memory->physical >> PAGE_SHIFT, RIGHTS_DATA);
        kernel.revoked++;
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Another processor may have changed the page since; then the instruction is simply tried again. */
static bool is_permitted_now(struct vp *vp, const struct abi_message *message)
{
    static const uint32_t needed[] = {
        [ABI_ACCESS_READ] = ABI_R,
        [ABI_ACCESS_WRITE] = ABI_W,
        [ABI_ACCESS_EXECUTE] = ABI_KX,
    };
    uint32_t rights;
    return message->access <= ABI_ACCESS_EXECUTE && call_rights(vp, message->memory.physical >> PAGE_SHIFT, &rights) &&
           (rights & needed[message->access]) != 0;
}

void pages_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    if (range_has(kernel.own, memory->physical)) {
        kernel_refuses(vp, "to reach the secure kernel's memory at", memory->physical, pc_of(message));
        kernel_refuse_access(vp, message);
    } else if (is_permitted_now(vp, message)) {
        return;
    } else if (message->access == ABI_ACCESS_EXECUTE) {
        fetch_refused(vp, message);
    } else if (message->access == ABI_ACCESS_WRITE) {
        store_refused(vp, message);
    } else {
        kernel_refuse_access(vp, message);
    }
}
