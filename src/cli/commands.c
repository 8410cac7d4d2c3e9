/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <ravelin/trust.h>
#include <ravelin/vm.h>

#include <string.h>

static const char *const engines[] = { "interp", "jit", "check", NULL };
static const char *const targets[] = { "enforcing", "restricted", NULL };
static const char *const dumps[] = { "ir", "host", "ir,host", NULL };
static const char *const networks[] = { "user", "none", NULL };
static const char *const consoles[] = { "stdio", "none", "file:", "pty", NULL };
static const char *const models[] = { "rv64gc", "rva22", "max", NULL };
static const char *const secure_kernels[] = { "builtin", NULL };
static const char *const shells[] = { "bash", "zsh", "fish", NULL };

#define RUN(member)         offsetof(struct cli_run_values, member)
#define DISASSEMBLE(member) offsetof(struct cli_disassemble_values, member)
#define HELP(member)        offsetof(struct cli_help_values, member)

static const struct cli_option run_options[] = {
    { "kernel", CLI_INPUT, "IMAGE", RUN(kernel),
      "The kernel to boot: a Linux Image (plain, gzip, zstd, or EFI zboot), an ELF file, or raw code." },
    { "initrd", CLI_INPUT, "FILE", RUN(initrd), "The kernel's initial RAM disk." },
    { "append", CLI_TEXT, "TEXT", RUN(append), "The kernel's command line." },
    { "firmware", CLI_INPUT, "FILE", RUN(firmware),
      "Firmware to start in M-mode, ELF or raw, for example OpenSBI's fw_dynamic.bin. Without it the kernel starts in "
      "S-mode and ravelin itself answers its SBI calls." },
    { "elf", CLI_INPUT, "FILE", RUN(elf),
      "A bare-metal ELF file to start in M-mode at its entry. It ends by the test finisher or by HTIF (its symbol "
      "tohost)." },
    { "cpus", CLI_COUNT, "N", RUN(cpus), "How many vCPUs the guest has; each is one thread of the host.", "1", 1,
      RAVELIN_VCPU_LIMIT },
    { "memory", CLI_SIZE, "SIZE", RUN(memory), "How much memory the guest has, for example 512M or 2G.", "512M",
      RAVELIN_MEMORY_LOW, UINT64_MAX },
    { "overcommit", CLI_FLAG, NULL, RUN(overcommit),
      "Lets the guest have more memory than the host, which is fine while it touches little of it. When the host has "
      "no more, it kills a program." },
    { "cpu", CLI_TEXT, "MODEL", RUN(cpu),
      "The vCPUs' model: a base and changes to it, for example rv64gc,+zba,-zicond.", "max", .choices = models },
    { "engine", CLI_CHOICE, "NAME", RUN(engine),
      "What executes the guest's instructions: jit translates hot code to the host's, interp is the reference, check "
      "runs "
      "both in lockstep on one vCPU and ends at the first difference.",
      "jit", .choices = engines },
    { "trust-levels", CLI_COUNT, "N", RUN(trust_levels),
      "Gives the guest N virtual trust levels: higher ones can protect themselves, and pages and registers of lower "
      "ones, from the guest's own kernel. For a kernel without --firmware.",
      NULL, 2, RAVELIN_TRUST_LEVEL_LIMIT },
    { "trust-target", CLI_CHOICE, "WHO", RUN(trust_target),
      "Which level a guest names when it restricts access to pages and gives a target: enforcing, the level that "
      "restricts, or restricted, the level below it.",
      "enforcing", .choices = targets },
    { "secure-kernel", CLI_INPUT, "FILE|builtin", RUN(secure_kernel),
      "Protects the guest's Linux kernel by a secure kernel in trust level 1, started before it: builtin, or an ELF "
      "file. Gives the guest two trust levels if --trust-levels gives no more.",
      .choices = secure_kernels },
    { "policy", CLI_INPUT, "FILE", RUN(policy),
      "What the secure kernel permits; without it, modules and BPF programs, and no tracing. Needs --secure-kernel." },
    { "events", CLI_OUTPUT, "FILE", RUN(events),
      "Writes a line of JSON for each refused access, write to a pinned register, vCPU start and reset between trust "
      "levels, and for what a secure kernel tells: who, what and where, with the kernel's names for places. Needs "
      "trust "
      "levels." },
    { "symbols", CLI_INPUT, "FILE[,slide=0xN]", RUN(symbols),
      "The kernel's System.map, for the names in --events and for --secure-kernel; without it they come from the "
      "kernel itself, if it has them. With slide they are N bytes behind where the map says (KASLR)." },
    { "disk", CLI_LIST, "FILE[,readonly]", RUN(disks),
      "A virtio disk over a raw image file. Give it again for more disks, at most 4." },
    { "net", CLI_CHOICE, "KIND", RUN(net),
      "A virtio network card: user is a private network behind the host's (the host is 10.0.2.2), none is no card.",
      "none", .choices = networks },
    { "forward", CLI_LIST, "tcp:HOSTPORT:GUESTPORT", RUN(forwards),
      "Passes connections to 127.0.0.1:HOSTPORT on to the guest's port GUESTPORT; udp instead of tcp passes datagrams. "
      "Needs --net user." },
    { "console", CLI_TEXT, "WHERE", RUN(console),
      "The guest's serial port: stdio is this terminal, file:PATH takes its output, pty makes a new terminal and "
      "tells its name, none drops it.",
      "stdio", .choices = consoles },
    { "timeout", CLI_SECONDS, "SECONDS", RUN(timeout), "Ends the guest after this time, with exit status 124.", NULL,
      1000000, UINT64_C(1000000000) * 1000000000 },
    { "no-reboot", CLI_FLAG, NULL, RUN(no_reboot), "A guest that resets ends with exit status 0 instead." },
    { "stats", CLI_OUTPUT, "FILE", RUN(stats),
      "Writes counts as JSON at the end: instructions, seconds, MIPS, TLB misses, traps and exits by cause." },
    { "trace", CLI_OUTPUT, "FILE[,instructions]", RUN(trace),
      "Writes a line for each trap, reset, and mistake of the guest's drivers; with ,instructions also for each "
      "instruction, which makes the guest slow and the file large." },
    { "dump", CLI_CHOICE, "KINDS", RUN(dump),
      "Prints what the JIT generates to standard error: its intermediate representation, the host's code, or both.",
      NULL, .choices = dumps },
    { "dump-dtb", CLI_OUTPUT, "FILE", RUN(dump_dtb),
      "Writes the device tree that the guest is given. With nothing to boot, that is all that is done." },
    { "signature", CLI_OUTPUT, "FILE", RUN(signature),
      "With --elf: at the end writes the memory between the symbols begin_signature and end_signature, 8 bytes a line "
      "in hexadecimal, as RISC-V's architecture tests compare it." },
    { NULL },
};

static const char *const run_synopsis[] = { "--kernel IMAGE [--initrd FILE] [--append TEXT] [OPTION]...",
                                            "--firmware FILE [--kernel IMAGE] [OPTION]...", "--elf FILE [OPTION]...",
                                            NULL };

static const struct cli_example run_examples[] = {
    { "Boot a kernel to the shell of its initial RAM disk:",
      "ravelin run --kernel vmlinux --initrd initrd.gz --append \"console=ttyS0\" --memory 1G --cpus 2" },
    { "Boot through real firmware from a disk, with a network:",
      "ravelin run --firmware fw_dynamic.bin --kernel u-boot.bin --disk disk.img --net user --forward tcp:2222:22" },
    { "Boot a stock kernel whose text nobody can change, not even its root:",
      "ravelin run --kernel vmlinux --initrd initrd.gz --append \"console=ttyS0\" --secure-kernel builtin" },
    { "Run a bare-metal test in CI, at most ten seconds:", "ravelin run --elf test.elf --timeout 10" },
    { NULL },
};

static const struct cli_option disassemble_options[] = {
    { "base", CLI_COUNT, "ADDRESS", DISASSEMBLE(base), "The address of a raw file's first byte.", "0x80000000", 0,
      UINT64_MAX },
    { NULL },
};

static const char *const file_synopsis[] = { "[--base ADDRESS] FILE", NULL };

static const struct cli_example disassemble_examples[] = {
    { "Print the code of a program:", "ravelin disassemble test.elf" },
    { "Print raw code that runs at 0x80200000:", "ravelin disassemble --base 0x80200000 u-boot.bin" },
    { NULL },
};

static const struct cli_option no_options[] = { { NULL } };

static const char *const isa_check_synopsis[] = { "FILE...", NULL };

static const struct cli_example isa_check_examples[] = {
    { "Check the description of the machine:", "ravelin isa check isa/riscv/riscv64.isa" },
    { NULL },
};

static const struct cli_option help_options[] = {
    { "completion", CLI_CHOICE, "SHELL", HELP(completion), "Prints the completion script of a shell.",
      .choices = shells },
    { "man", CLI_FLAG, NULL, HELP(manual), "Prints the source of the manual page." },
    { NULL },
};

static const char *const help_synopsis[] = { "[COMMAND]", "--completion SHELL", "--man [COMMAND]", NULL };

static const struct cli_example help_examples[] = {
    { "Tell about one command:", "ravelin help run" },
    { "Complete options in this bash:", "source <(ravelin help --completion bash)" },
    { NULL },
};

static const char *const no_synopsis[] = { "", NULL };
static const struct cli_example no_examples[] = { { NULL } };

const struct cli_command cli_commands[] = {
    { "run", "run a virtual machine", run_synopsis,
      "Runs a RISC-V virtual machine until its guest powers off.\n\n"
      "Exit status: 0 if the guest powered off or passed, the guest's own code if it gave one (test finisher, HTIF; at "
      "most 255), 1 if something failed on this host, 2 for a wrong command line, 124 after --timeout, 128 + N after "
      "signal N.\n\n"
      "At a terminal, Ctrl-A x ends the machine, Ctrl-A h tells the keys, and Ctrl-A Ctrl-A sends a Ctrl-A.",
      NULL, 0, 0, run_options, run_examples, sizeof(struct cli_run_values), cli_run },
    { "disassemble", "print RISC-V code as assembly", file_synopsis,
      "Prints the code sections of a RISC-V ELF file, or all of a raw file, by the machine's description. Every "
      "extension that the description knows is printed.",
      "FILE", 1, 1, disassemble_options, disassemble_examples, sizeof(struct cli_disassemble_values), cli_disassemble },
    { "isa check", "check machine descriptions", isa_check_synopsis,
      "Reads machine descriptions and reports every fault as file:line:column: what is wrong, what to write. Exit "
      "status 0 if all are right, else 1.",
      "FILE", 1, 1000, no_options, isa_check_examples, 1, cli_isa_check },
    { "help", "tell about a command", help_synopsis,
      "Tells what ravelin can do, or what one command does; the same as ravelin COMMAND --help.", "COMMAND", 0, 2,
      help_options, help_examples, sizeof(struct cli_help_values), cli_help },
    { "version", "print the version", no_synopsis, "Prints the version; the same as ravelin --version.", NULL, 0, 0,
      no_options, no_examples, 1, cli_version },
    { NULL },
};

const struct cli_command *cli_command_find(const char *name)
{
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}
