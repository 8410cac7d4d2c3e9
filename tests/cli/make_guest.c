/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes small guests for the tests of the command line, so that they need no cross compiler:
 *
 *     make_guest KIND FILE [NUMBER]
 *
 *   pass, fail NUMBER, reset    end by the test finisher
 *   tohost NUMBER               stores NUMBER to HTIF's tohost
 *   loop                        runs for ever
 *   rounds NUMBER               runs a loop so many times, then passes
 *   hello                       prints "hello" and a newline on the UART, then passes
 *   echo                        echoes UART input until a 'q', then passes
 *   flood                       prints 200000 stars as fast as the UART takes them, then passes
 *   wild                        reads where there is nothing; passes if that traps
 *   image                       not ELF: a Linux Image that shuts down by SBI
 *   kernel                      ELF for S-mode that shuts down by SBI
 *   kernel-reset                ELF for S-mode that reboots by SBI
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BASE   UINT64_C(0x80000000)
#define FINISHER   0x00100000u
#define UART       0x10000000u
#define WORD_MAX   256u
#define DATA_WORDS 8u /* tohost and fromhost stand at the start, 64 bytes */

enum { ZERO = 0, RA = 1, T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1 = 11, A6 = 16, A7 = 17 };

static uint32_t code[WORD_MAX];
static unsigned count;

static void emit(uint32_t word)
{
    if (count < WORD_MAX) {
        code[count++] = word;
    }
}

/* rd = value (32 bits, sign-extended) */
static void li(uint32_t rd, uint32_t value)
{
    emit(((value + 0x800) & 0xfffff000u) | rd << 7 | 0x37);
    emit((value & 0xfff) << 20 | rd << 15 | rd << 7 | 0x1b); /* addiw */
}

static void store(uint32_t width, uint32_t source, uint32_t base)
{
    emit(source << 20 | base << 15 | width << 12 | 0x23);
}

static void load_byte(uint32_t rd, uint32_t base, uint32_t offset)
{
    emit(offset << 20 | base << 15 | 4u << 12 | rd << 7 | 0x03); /* lbu */
}

/* Branches `words` instructions back (funct3: 0 equal, 1 not equal). */
static void branch_back(uint32_t funct3, uint32_t a, uint32_t b, uint32_t words)
{
    uint32_t offset = 0u - words * 4;
    emit((offset >> 12 & 1) << 31 | (offset >> 5 & 0x3f) << 25 | b << 20 | a << 15 | funct3 << 12 |
         (offset >> 1 & 0xf) << 8 | (offset >> 11 & 1) << 7 | 0x63);
}

static void loop_for_ever(void)
{
    emit(0x0000006f);
}

/* addi t2, t2, -1 */
static void count_down(void)
{
    emit(0xfffu << 20 | T2 << 15 | (uint32_t)T2 << 7 | 0x13u);
}

static void finish(uint32_t value)
{
    li(T0, FINISHER);
    li(T1, value);
    store(2, T1, T0);
    loop_for_ever();
}

static void print(const char *text)
{
    li(T0, UART);
    for (; *text != '\0'; text++) {
        li(T1, (uint32_t)*text);
        store(0, T1, T0);
    }
}

static void echo_until_q(void)
{
    li(T0, UART);
    li(T2, 'q');
    load_byte(T1, T0, 5);                                            /* LSR */
    emit(1u << 20 | T1 << 15 | 7u << 12 | (uint32_t)T1 << 7 | 0x13); /* andi t1, t1, 1: data ready */
    branch_back(0, T1, ZERO, 2);
    load_byte(T1, T0, 0);
    store(0, T1, T0);
    branch_back(1, T1, T2, 5);
    finish(0x5555);
}

static void flood(void)
{
    li(T0, UART);
    li(T2, 200000);
    load_byte(T1, T0, 5);                                              /* LSR */
    emit(32u << 20 | T1 << 15 | 7u << 12 | (uint32_t)T1 << 7 | 0x13u); /* andi t1, t1, 32: transmitter empty */
    branch_back(0, T1, ZERO, 2);
    li(T1, '*');
    store(0, T1, T0);
    count_down();
    branch_back(1, T2, ZERO, 7);
    finish(0x5555);
}

static void loop_rounds(uint32_t rounds)
{
    li(T2, rounds);
    count_down();
    branch_back(1, T2, ZERO, 1);
    finish(0x5555);
}

/* The access fault ends in the code that passes. */
static void read_nothing(void)
{
    emit(T2 << 7 | 0x17u);                            /* auipc t2, 0 */
    emit(20u << 20 | T2 << 15 | T2 << 7 | 0x13u);     /* addi t2, t2, 20 */
    emit(0x305u << 20 | T2 << 15 | 1u << 12 | 0x73u); /* csrw mtvec, t2 */
    load_byte(T1, ZERO, 0);
    loop_for_ever();
    finish(0x5555);
}

/* SBI system reset: type 0 shutdown, 1 cold reboot. */
static void sbi_reset(uint32_t type)
{
    li(A0, type);
    li(A1, 0);
    li(A6, 0);
    li(A7, 0x53525354);
    emit(0x00000073);
    loop_for_ever();
}

static void to_host(uint32_t value)
{
    li(T1, value);
    emit(0x00000297 | 0u);                                   /* auipc t0, 0 */
    uint32_t offset = 0u - (count - 1) * 4 - DATA_WORDS * 8; /* to the start of the segment */
    emit((offset & 0xfff) << 20 | T0 << 15 | (uint32_t)T0 << 7 | 0x13);
    store(3, T1, T0);
    loop_for_ever();
}

struct guest {
    Elf64_Ehdr header;
    Elf64_Phdr program;
    Elf64_Shdr sections[4];
    Elf64_Sym symbols[3];
    char strings[64];
    uint64_t data[DATA_WORDS];
    uint32_t code[WORD_MAX];
};

static void write_elf(FILE *file, uint64_t base)
{
    static struct guest guest;
    guest.header = (Elf64_Ehdr){
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_entry = base + sizeof guest.data,
        .e_phoff = offsetof(struct guest, program),
        .e_shoff = offsetof(struct guest, sections),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 4,
        .e_shstrndx = 2,
    };
    guest.program = (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_flags = PF_R | PF_W | PF_X,
        .p_offset = offsetof(struct guest, data),
        .p_vaddr = base,
        .p_paddr = base,
        .p_filesz = sizeof guest.data + sizeof guest.code,
        .p_memsz = sizeof guest.data + sizeof guest.code,
    };
    static const char strings[] = "\0tohost\0_start\0.text";
    memcpy(guest.strings, strings, sizeof strings);
    guest.sections[1] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
                                      .sh_offset = offsetof(struct guest, symbols),
                                      .sh_size = sizeof guest.symbols,
                                      .sh_link = 2,
                                      .sh_entsize = sizeof(Elf64_Sym) };
    guest.sections[2] =
        (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct guest, strings), .sh_size = sizeof strings };
    guest.sections[3] = (Elf64_Shdr){ .sh_name = 15,
                                      .sh_type = SHT_PROGBITS,
                                      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                      .sh_addr = base + sizeof guest.data,
                                      .sh_offset = offsetof(struct guest, code),
                                      .sh_size = count * sizeof code[0] };
    guest.symbols[1] = (Elf64_Sym){ .st_name = 1, .st_shndx = 3, .st_value = base };
    guest.symbols[2] = (Elf64_Sym){ .st_name = 8,
                                    .st_shndx = 3,
                                    .st_value = base + sizeof guest.data,
                                    .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) };
    memcpy(guest.code, code, sizeof guest.code);
    fwrite(&guest, sizeof guest, 1, file);
}

/* The header's first instruction jumps over it. */
static void write_image(FILE *file)
{
    uint8_t header[64] = { 0 };
    uint32_t jump = 0x0400006f; /* j +64 */
    uint64_t text_offset = 0x200000;
    uint64_t image_size = 0x10000;
    memcpy(header, &jump, 4);
    memcpy(header + 8, &text_offset, 8);
    memcpy(header + 16, &image_size, 8);
    memcpy(header + 48, "RISCV", 5);
    memcpy(header + 56, "RSC\x05", 4);
    fwrite(header, sizeof header, 1, file);
    fwrite(code, sizeof code[0], count, file);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "make_guest: give KIND FILE [NUMBER]\n");
        return 2;
    }
    const char *kind = argv[1];
    uint32_t number = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0;
    uint64_t base = RAM_BASE;
    if (strcmp(kind, "pass") == 0) {
        finish(0x5555);
    } else if (strcmp(kind, "fail") == 0) {
        finish(number << 16 | 0x3333);
    } else if (strcmp(kind, "reset") == 0) {
        finish(0x7777);
    } else if (strcmp(kind, "tohost") == 0) {
        to_host(number);
    } else if (strcmp(kind, "loop") == 0) {
        loop_for_ever();
    } else if (strcmp(kind, "rounds") == 0) {
        loop_rounds(number);
    } else if (strcmp(kind, "hello") == 0) {
        print("hello\n");
        finish(0x5555);
    } else if (strcmp(kind, "echo") == 0) {
        echo_until_q();
    } else if (strcmp(kind, "flood") == 0) {
        flood();
    } else if (strcmp(kind, "wild") == 0) {
        read_nothing();
    } else if (strcmp(kind, "image") == 0 || strcmp(kind, "kernel") == 0) {
        base += 0x200000;
        sbi_reset(0);
    } else if (strcmp(kind, "kernel-reset") == 0) {
        base += 0x200000;
        sbi_reset(1);
    } else {
        fprintf(stderr, "make_guest: no such kind: %s\n", kind);
        return 2;
    }
    FILE *file = fopen(argv[2], "wb");
    if (file == NULL) {
        perror(argv[2]);
        return 1;
    }
    if (strcmp(kind, "image") == 0) {
        write_image(file);
    } else {
        write_elf(file, base);
    }
    return fclose(file) == 0 ? 0 : 1;
}
