/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel module that does what root does once it owns the kernel; for the demonstration and the tests of the secure
 * kernel. It is loaded into a stock kernel and needs no headers of it (see build):
 *
 *     insmod attack.ko what=text at=ADDRESS                 patch the function there: it returns 1337 from now on
 *     insmod attack.ko what=rodata at=ADDRESS value=NUMBER  write 8 bytes to read-only data
 *     insmod attack.ko what=data                            execute a page of data in kernel mode
 *     insmod attack.ko what=stvec                           take a trap by a handler of its own
 *     insmod attack.ko what=remote at=ADDRESS value=NUMBER  the same on that vCPU, by smp_call_function_single() there
 *     insmod attack.ko what=read at=PHYSICAL                read 8 bytes of memory that the kernel has not mapped
 *
 * and what it may ask the secure kernel for (docs/manual/secure-kernel.md), which is no attack. It prints the answer:
 *
 *     insmod attack.ko what=ask                             what is permitted, and whether the kernel is locked
 *     insmod attack.ko what=sign value=NUMBER               have the number signed, as 8 bytes; with at=PHYSICAL and
 *                                                           value=SIZE what is there
 *     insmod attack.ko what=attest value=NUMBER             have the state attested, for a nonce of this number
 *     insmod attack.ko what=seal                            have it permit no new code from now on, and attest that
 *     insmod attack.ko what=call value=NUMBER               whatever has that number
 *
 * with map=ADDRESS, where the kernel's symbol kernel_map is (/proc/kallsyms). Succeeds (and stays loaded) if the attack
 * did; fails with "operation not permitted" if it was refused with an exception that it can catch.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFO          "\0016attack: " /* the kernel's log level */
#define EPERM         1
#define EINVAL        22
#define PAGE_SIZE     4096ul
#define PTE_VALID     1ul
#define PTE_WRITE     4ul
#define PTE_EXECUTE   8ul
#define PTE_LEAF      14ul /* R, W or X */
#define PTE_DIRTY     128ul
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  0xfffffffffffull

int _printk(const char *format, ...);

/* Linux, arch/riscv/include/asm/page.h: struct kernel_mapping, as far as it is needed. */
struct kernel_mapping {
    unsigned long page_offset, virtual, virtual_offset, physical, size, linear_offset;
};

/* Linux, include/linux/moduleparam.h. */
struct kernel_param;
struct kernel_param_ops {
    unsigned flags;
    int (*set)(const char *text, const struct kernel_param *parameter);
    int (*get)(char *text, const struct kernel_param *parameter);
    void (*free)(void *argument);
};
struct kernel_param {
    const char *name;
    void *module;
    const struct kernel_param_ops *ops;
    uint16_t permissions;
    int8_t level;
    uint8_t flags;
    void *argument;
};

extern char this_module[]; /* template.S */

static char what[8];
static unsigned long at, value, map;
static unsigned long page[PAGE_SIZE / sizeof(unsigned long)] __attribute__((aligned(PAGE_SIZE)));

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

static int set_text(const char *text, const struct kernel_param *parameter)
{
    char *to = parameter->argument;
    for (size_t i = 0; i < sizeof what - 1 && text[i] > ' '; i++) {
        to[i] = text[i];
    }
    return 0;
}

static int set_number(const char *text, const struct kernel_param *parameter)
{
    unsigned long number = 0;
    if (text[0] == '0' && text[1] == 'x') {
        text += 2;
    }
    for (; *text > ' '; text++) { /* hexadecimal, as /proc/kallsyms has it */
        unsigned digit = *text <= '9' ? (unsigned)(*text - '0') : (unsigned)((*text | 32) - 'a') + 10;
        if (digit > 15) {
            return -EINVAL;
        }
        number = number << 4 | digit;
    }
    *(unsigned long *)parameter->argument = number;
    return 0;
}

static const struct kernel_param_ops text_ops = { .set = set_text }, number_ops = { .set = set_number };

#define PARAMETER(variable, operations)                                                                             \
    static const struct kernel_param parameter_##variable __attribute__((used, section("__param"), aligned(8))) = { \
        .name = #variable, .module = this_module, .ops = &(operations), .level = -1, .argument = &(variable)        \
    }
PARAMETER(what, text_ops);
PARAMETER(at, number_ops);
PARAMETER(value, number_ops);
PARAMETER(map, number_ops);

/* ---- What kernel code can do ------------------------------------------------------------------------------------- */

static const struct kernel_mapping *mapping(void)
{
    return (const struct kernel_mapping *)map;
}

static unsigned long to_linear(unsigned long physical)
{
    return physical + mapping()->linear_offset;
}

/* The page-table entry that maps an address, and how many bytes it maps; NULL: it is not mapped. */
static unsigned long *find_entry(unsigned long address, unsigned long *size)
{
    unsigned long satp;
    __asm__ volatile("csrr %0, satp" : "=r"(satp));
    unsigned long table = (satp & PTE_PPN_MASK) << 12;
    for (int level = (int)(satp >> 60) - 6; level >= 0; level--) { /* modes 8, 9, 10: three, four, five levels */
        unsigned shift = 12 + 9 * (unsigned)level;
        unsigned long *entry = (unsigned long *)to_linear(table) + (address >> shift & 511);
        if ((*entry & PTE_VALID) == 0) {
            return NULL;
        }
        if ((*entry & PTE_LEAF) != 0) {
            *size = 1ul << shift;
            return entry;
        }
        table = (*entry >> PTE_PPN_SHIFT & PTE_PPN_MASK) << 12;
    }
    return NULL;
}

static unsigned long to_physical(unsigned long address)
{
    unsigned long size, *entry = find_entry(address, &size);
    return entry == NULL ? 0 : ((*entry >> PTE_PPN_SHIFT & PTE_PPN_MASK) << 12 & ~(size - 1)) | (address & (size - 1));
}

static bool permit(unsigned long address, unsigned long bits)
{
    unsigned long size, *entry = find_entry(address, &size);
    if (entry != NULL) {
        *entry |= bits;
    }
    __asm__ volatile("sfence.vma" : : : "memory");
    return entry != NULL;
}

/* Exceptions at `label` go on behind it, and leave `result` 0. Linux, asm/asm-extable.h: EX_TYPE_FIXUP. */
#define CATCH(label) \
    ".pushsection __ex_table, \"a\"\n.balign 4\n.long " label " - .\n.long 9b - .\n.short 1\n.short 0\n.popsection\n"

static bool store(unsigned long address, unsigned long bits)
{
    unsigned long result = 0;
    __asm__ volatile("1: sd %2, 0(%1)\n   li %0, 1\n9:\n" CATCH("1b")
                     : "+r"(result)
                     : "r"(address), "r"(bits)
                     : "memory");
    return result != 0;
}

static bool load(unsigned long address, unsigned long *bits)
{
    unsigned long result = 0, read = 0;
    __asm__ volatile("1: ld %1, 0(%2)\n   li %0, 1\n9:\n" CATCH("1b") : "+r"(result), "+r"(read) : "r"(address));
    *bits = read;
    return result != 0;
}

/* ---- The attacks ------------------------------------------------------------------------------------------------- */

/* Through the linear map's alias, made writable: page tables are the kernel's own. */
static bool write_protected(unsigned long address, unsigned long bits)
{
    unsigned long alias = to_linear(address - mapping()->virtual + mapping()->physical);
    bool done = permit(alias, PTE_WRITE | PTE_DIRTY) && store(alias, bits);
    __asm__ volatile("fence.i" : : : "memory");
    return done;
}

static bool attack_text(void)
{
    return write_protected(at, 0x0000806753900513ul); /* li a0, 1337; ret */
}

static bool attack_data(void)
{
    page[0] = 0x0000806753900513ul;
    permit((unsigned long)page, PTE_EXECUTE);
    __asm__ volatile("fence.i" : : : "memory");
    return ((int (*)(void))(void *)page)() == 1337; /* refused: the kernel ends us */
}

static bool attack_stvec(void)
{
    unsigned long result = 0, old = 0;
    __asm__ volatile(".option push\n.option norvc\n"
                     "   csrrci t3, sstatus, 2\n"
                     "   lla t0, 2f\n"
                     "1: csrrw %1, stvec, t0\n"
                     "   ebreak\n"
                     "   csrw stvec, %1\n"
                     "   j 9f\n"
                     ".balign 4\n"
                     "2: csrr t0, sepc\n"
                     "   addi t0, t0, 4\n"
                     "   csrw sepc, t0\n"
                     "   li %0, 1\n"
                     "   sret\n"
                     "9: csrs sstatus, t3\n"
                     ".option pop\n" CATCH("1b")
                     : "+r"(result), "+r"(old)
                     :
                     : "t0", "t3", "memory");
    return result != 0;
}

static void attack_here(void *done)
{
    *(bool *)done = attack_stvec();
}

static bool attack_remote(void)
{
    bool done = false;
    ((int (*)(int, void (*)(void *), void *, int))at)((int)value, attack_here, &done, 1);
    return done;
}

static bool attack_read(void)
{
    unsigned long size, bits, *entry = find_entry((unsigned long)page, &size);
    if (entry == NULL || size != PAGE_SIZE) {
        return false;
    }
    unsigned long before = *entry;
    *entry = (before & ~(PTE_PPN_MASK << PTE_PPN_SHIFT)) | (at >> 12) << PTE_PPN_SHIFT;
    __asm__ volatile("sfence.vma" : : : "memory");
    bool done = load((unsigned long)page + (at & (PAGE_SIZE - 8)), &bits);
    *entry = before;
    __asm__ volatile("sfence.vma" : : : "memory");
    if (done) {
        _printk(INFO "memory at %lx holds %lx\n", at, bits);
    }
    return done;
}

/* ---- What it may ask for ----------------------------------------------------------------------------------------- */

/* docs/manual/secure-kernel.md: a0 … a5 in, and out. */
static bool serve(unsigned long *a)
{
    register unsigned long a0 __asm__("a0") = a[0];
    register unsigned long a1 __asm__("a1") = a[1];
    register unsigned long a2 __asm__("a2") = a[2];
    register unsigned long a3 __asm__("a3") = a[3];
    register unsigned long a4 __asm__("a4") = a[4];
    register unsigned long a5 __asm__("a5") = a[5];
    register unsigned long a6 __asm__("a6") = 0x11;
    register unsigned long a7 __asm__("a7") = 0x0856534d;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(a7)
                     :
                     : "memory");
    if ((long)a0 < 0) {
        _printk(INFO "%s gave %ld\n", what, a0);
    }
    a[0] = a0, a[1] = a1, a[2] = a2, a[3] = a3, a[4] = a4, a[5] = a5;
    return a0 == 0;
}

/* A code in a[1] … a[4], the first byte first. */
static void print_code(const char *text, const unsigned long *a)
{
    _printk(text, __builtin_bswap64(a[1]), __builtin_bswap64(a[2]), __builtin_bswap64(a[3]), __builtin_bswap64(a[4]),
            a[5]);
}

static bool ask(void)
{
    unsigned long a[6] = { 0 };
    bool done = serve(a);
    if (done) {
        _printk(INFO "version %ld, permitted %lx, locked %ld\n", a[1], a[2], a[3]);
    }
    return done;
}

static bool ask_to_sign(void)
{
    page[0] = value;
    unsigned long a[6] = { 1, at != 0 ? at : to_physical((unsigned long)page), at != 0 ? value : sizeof page[0] };
    bool done = serve(a);
    if (done) {
        print_code(INFO "signed: %016lx%016lx%016lx%016lx\n", a);
    }
    return done;
}

static bool ask_to_attest(void)
{
    unsigned long a[6] = { 2, 0, 0, 0, value };
    bool done = serve(a);
    if (done) {
        print_code(INFO "attested: %016lx%016lx%016lx%016lx state %lx\n", a);
    }
    return done;
}

static bool ask_for(unsigned long function)
{
    unsigned long a[6] = { function };
    return serve(a);
}

static bool is(const char *name)
{
    size_t i = 0;
    while (name[i] != '\0' && name[i] == what[i]) {
        i++;
    }
    return name[i] == what[i];
}

int init_module(void);
int init_module(void)
{
    if (map == 0) {
        return -EINVAL;
    }
    bool done = is("text")     ? attack_text()
                : is("rodata") ? write_protected(at, value)
                : is("data")   ? attack_data()
                : is("stvec")  ? attack_stvec()
                : is("remote") ? attack_remote()
                : is("read")   ? attack_read()
                : is("ask")    ? ask()
                : is("sign")   ? ask_to_sign()
                : is("attest") ? ask_to_attest()
                : is("seal")   ? ask_for(3) && ask_to_attest()
                               : is("call") && ask_for(value);
    _printk(INFO "%s %s\n", what, done ? "succeeded" : "was refused");
    return done ? 0 : -EPERM;
}

void cleanup_module(void);
void cleanup_module(void) {}
