/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused accesses. What Linux legitimately does, and so is not refused in the end:
 *
 *   - patching its text at static keys (patch.c): carried out here, the page stays unwritable;
 *   - executing a loaded module or a translated BPF program for the first time: the page becomes executable, and loses
 *     the right to be written at that moment;
 *   - writing to such a page when it has been freed and serves something else: it loses the right to be executed;
 *   - patching such a page by the function that patches text: carried out here, the page stays executable. Not when the
 *     guest has sealed itself: then such a page changes no more, but for places of BPF programs that are cleared;
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
#define POKE_SIZE_MAX   1024u
#define BPF_CHUNK_SIZE  64u                          /* kernel/bpf/core.c */
#define RETURN_ZERO     UINT64_C(0x8082450180824501) /* c.li a0, 0; c.jr ra; twice */

#define RIGHTS_DATA     (ABI_R | ABI_W | ABI_UX)
#define RIGHTS_CODE     (ABI_R | ABI_KX | ABI_UX)
#define RIGHTS_ALL      (ABI_R | ABI_W | ABI_KX | ABI_UX)

static uint64_t pc_of(const struct abi_message *message)
{
    return message->pc;
}

/* False: nothing changed. A page that level 0 has covered keeps its rights; it cannot be executed there either. */
static bool widen(struct vp *vp, uint64_t page, uint32_t rights)
{
    return call_protect(vp, page, 1, rights);
}

/* ---- Fetches ----------------------------------------------------------------------------------------------------- */

static bool is_bpf(uint64_t address)
{
    uint64_t end = kernel.symbols[SECURE_KERNEL_START];
    return address < end && address >= end - BPF_REGION_SIZE;
}

/* What the policy says to code at this virtual address. */
static bool may_hold_code(uint64_t address)
{
    uint64_t image_start = kernel.symbols[SECURE_KERNEL_START];
    if (address >= image_start || address < kernel_modules_start()) {
        return address >= KERNEL_HALF && kernel_permits(SECURE_KERNEL_TRACING) && kernel_permits(SECURE_KERNEL_MODULES);
    }
    return kernel_permits(is_bpf(address) ? SECURE_KERNEL_BPF : SECURE_KERNEL_MODULES);
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
    if (!widen(vp, physical >> PAGE_SHIFT, RIGHTS_CODE)) {
        return false;
    }
    if (call_is_writable(vp, address)) {
        widen(vp, physical >> PAGE_SHIFT, RIGHTS_DATA);
        return false; /* Linux maps code read-only before it runs it */
    }
    kernel.granted++;
    return true;
}

/* Linux executes the place of a new BPF program even if it failed to write it there (6.12: bpf_int_jit_compile() of
 * arch/riscv/net/bpf_jit_core.c), and begins at any multiple of 4 bytes. Places that are empty, and so no part of a
 * program, become ones that return 0, for of invalid instructions the machine would die. But where one may begin stands
 * its size first, which Linux reads there: it stays 0 (include/linux/filter.h, struct bpf_binary_header). */
static uint64_t empty(uint64_t address)
{
    return address % BPF_CHUNK_SIZE == 0 ? 0 : RETURN_ZERO;
}

static void fill_empty(uint64_t page)
{
    uint64_t *words = (uint64_t *)(page << PAGE_SHIFT);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof *words; i++) {
        if (words[i] == 0) {
            __atomic_store_n(&words[i], empty((uint64_t)&words[i]), __ATOMIC_RELAXED);
        }
    }
}

/* What Linux has loaded, used or not yet. Who changes page tables meanwhile could have had it executed before. */
static bool grant_loaded(struct vp *vp, uint64_t virtual, uint64_t page, void *context)
{
    uint32_t rights;
    (void)context;
    if (!is_common(page << PAGE_SHIFT) || !may_hold_code(virtual) || !call_rights(vp, page, &rights)) {
        return false;
    }
    if ((rights & ABI_KX) == 0) {
        if (!widen(vp, page, RIGHTS_CODE)) {
            return false;
        }
        kernel.granted++;
    }
    if (is_bpf(virtual)) {
        fill_empty(page);
    }
    return false;
}

void pages_seal(struct vp *vp)
{
    code_each(vp, grant_loaded, NULL);
    kernel.permissions &= ~(uint32_t)(SECURE_KERNEL_MODULES | SECURE_KERNEL_BPF);
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
        range_has(kernel.own, memory->physical) || !widen(vp, memory->physical >> PAGE_SHIFT, RIGHTS_ALL)) {
        kernel_refuse_access(vp, message);
    }
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
    store_carry_out(message->memory.physical, value, store->size);
    kernel_skip(vp, message->pc, store->length);
    kernel.patched++;
}

/* The end is what a kernel's linker put behind the function: usually, but not for certain, what follows it in its
 * source. */
static bool is_poke(uint64_t pc)
{
    uint64_t start = kernel.symbols[SECURE_KERNEL_POKE], end = kernel.symbols[SECURE_KERNEL_POKE_END];
    uint64_t size = end > start && end - start <= POKE_SIZE_MAX ? end - start : POKE_SIZE;
    return start != 0 && pc - start < size;
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
    if (kernel_refuses(vp, what, address, pc_of(message)) ||
        !widen(vp, memory->physical >> PAGE_SHIFT, text ? RIGHTS_ALL : RIGHTS_DATA)) {
        kernel_refuse_access(vp, message);
    }
}

static void revoke(struct vp *vp, const struct abi_message *message)
{
    if (widen(vp, message->memory.physical >> PAGE_SHIFT, RIGHTS_DATA)) {
        kernel.revoked++;
    } else {
        kernel_refuse_access(vp, message);
    }
}

struct place {
    uint64_t page, virtual;
};

static bool is_place(struct vp *vp, uint64_t virtual, uint64_t page, void *context)
{
    struct place *place = context;
    (void)vp;
    place->virtual = virtual;
    return page == place->page;
}

/* A store to code when none may change any more. Linux clears the place of a BPF program that it frees, and others on
 * that page go on: it becomes as in fill_empty(). What is not mapped as code any more was freed altogether. */
static void store_refused_in_sealed(struct vp *vp, const struct abi_message *message)
{
    struct place place = { .page = message->memory.physical >> PAGE_SHIFT };
    struct store store;
    uint64_t value;
    if (!code_each(vp, is_place, &place)) {
        revoke(vp, message);
        return;
    }
    bool known = !message_is_user(message) && decode(vp, message, &store, &value);
    if (known && value == 0 && store.size == sizeof value && is_bpf(place.virtual) && !is_poke(message->pc)) {
        carry_out(vp, message, &store, empty(message->memory.physical));
    } else if (kernel_refuses(vp, "to write to sealed code", place.virtual, pc_of(message))) {
        kernel_refuse_access(vp, message);
    } else if (known) {
        carry_out(vp, message, &store, value);
    } else {
        revoke(vp, message);
    }
}

/* What a page was granted for need not be known: only where one of the two was permitted is there such a page at all,
 * both cease together, and whoever may load code may patch it. */
static bool is_sealed(void)
{
    return !kernel_permits(SECURE_KERNEL_MODULES) && !kernel_permits(SECURE_KERNEL_BPF);
}

static void store_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    struct store store;
    uint64_t value;
    if (range_has(kernel.text, memory->physical) || range_has(kernel.rodata, memory->physical)) {
        store_refused_in_image(vp, message);
    } else if (is_sealed()) {
        store_refused_in_sealed(vp, message);
    } else if (is_poke(message->pc) && !message_is_user(message) && decode(vp, message, &store, &value)) {
        carry_out(vp, message, &store, value);
    } else {
        revoke(vp, message);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Of what was refused. A walk is what a page table's entry is read and updated for: as what the guest may not read is
 * none of its pages, it was an update. */
static enum abi_access access_of(const struct abi_message *message)
{
    bool walk = (message->memory.info & ABI_INFO_WALK) != 0;
    return walk ? ABI_ACCESS_WRITE : (enum abi_access)message->access;
}

/* Another processor may have changed the page since; then the instruction is simply tried again. */
static bool is_permitted_now(struct vp *vp, const struct abi_message *message)
{
    enum abi_access access = access_of(message);
    static const uint32_t needed[] = {
        [ABI_ACCESS_READ] = ABI_R,
        [ABI_ACCESS_WRITE] = ABI_W,
        [ABI_ACCESS_EXECUTE] = ABI_KX,
    };
    uint32_t rights;
    return access <= ABI_ACCESS_EXECUTE && call_rights(vp, message->memory.physical >> PAGE_SHIFT, &rights) &&
           (rights & needed[access]) != 0;
}

void pages_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_memory_message *memory = &message->memory;
    if (range_has(kernel.own, memory->physical)) {
        kernel_refuses(vp, "to reach the secure kernel's memory at", memory->physical, pc_of(message));
        kernel_refuse_access(vp, message);
    } else if (is_permitted_now(vp, message)) {
        return;
    } else if (access_of(message) == ABI_ACCESS_EXECUTE) {
        fetch_refused(vp, message);
    } else if (access_of(message) == ABI_ACCESS_WRITE) {
        store_refused(vp, message);
    } else {
        kernel_refuse_access(vp, message);
    }
}
