/* SPDX-License-Identifier: Apache-2.0 */
/* `ravelin isa check`: faults on standard error as compilers print them, a line per right description. */
#include "cli/commands.h"

#include <ravelin/isa.h>

#include <stdio.h>

static void print_fault(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

int cli_isa_check(const void *values, char *const *operands, unsigned operand_count)
{
    (void)values;
    int status = CLI_SUCCESS;
    for (unsigned i = 0; i < operand_count; i++) {
        struct ravelin_isa_summary summary;
        unsigned count = ravelin_isa_check(operands[i], print_fault, NULL, &summary);
        if (count == 0) {
            printf("%s: right (machine %s, %u extensions, %u instructions, %u control registers)\n", operands[i],
                   summary.name, summary.extension_count, summary.instruction_count, summary.csr_count);
        } else {
            fprintf(stderr, "%s: %u %s to correct\n", operands[i], count, count == 1 ? "fault" : "faults");
            status = CLI_FAILURE;
        }
    }
    return status;
}
