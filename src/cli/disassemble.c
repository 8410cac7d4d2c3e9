/* SPDX-License-Identifier: Apache-2.0 */
/* `ravelin disassemble`: a listing as people know it from objdump. */
#include "cli/commands.h"
#include "cli/report.h"

#include <ravelin/isa.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

/* Names come from the file: nothing that a terminal would act on gets through. */
static void print_name(const char *name)
{
    for (unsigned i = 0; i < 256 && name[i] != '\0'; i++) {
        putchar(isprint((unsigned char)name[i]) ? name[i] : '?');
    }
}

static bool print_section(void *context, uint64_t address, const char *name)
{
    bool *first = context;
    (void)address;
    printf("%sSection ", *first ? "" : "\n");
    *first = false;
    print_name(name);
    printf(":\n");
    return ferror(stdout) == 0;
}

static bool print_label(void *context, uint64_t address, const char *name)
{
    (void)context;
    printf("\n%016" PRIx64 " <", address);
    print_name(name);
    printf(">:\n");
    return ferror(stdout) == 0;
}

static bool print_instruction(void *context, uint64_t address, const uint8_t *bytes, size_t length, const char *text)
{
    (void)context;
    char encoding[16] = "";
    unsigned used = 0;
    for (size_t i = length; i > 0 && used + 2 < sizeof encoding; i--) {
        used += (unsigned)snprintf(encoding + used, sizeof encoding - used, "%02x", bytes[i - 1]);
    }
    printf("%8" PRIx64 ":  %-8s  %s\n", address, encoding, text);
    return ferror(stdout) == 0;
}

int cli_disassemble(const void *values, char *const *operands, unsigned operand_count)
{
    (void)operand_count;
    const struct cli_disassemble_values *disassemble = values;
    struct ravelin_error error;
    bool first = true;
    struct ravelin_disassembly output = {
        .instruction = print_instruction,
        .section = print_section,
        .label = print_label,
        .context = &first,
    };
    if (!ravelin_disassemble_file(operands[0], disassemble->base, &output, &error)) {
        cli_report("%s", error.text);
        return CLI_FAILURE;
    }
    return CLI_SUCCESS;
}
