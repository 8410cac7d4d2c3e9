/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin-isa-check FILE...: reads and checks descriptions. Stands in until the command line has `ravelin isa check`.
 */
#include "isa/read.h"

int main(int argc, char **argv)
{
    static struct isa_diagnostics diagnostics;
    int status = argc > 1 ? 0 : 2;
    for (int i = 1; i < argc; i++) {
        struct isa_machine *machine = isa_read(argv[i], &diagnostics);
        isa_diagnostics_print(&diagnostics, stdout);
        if (machine == NULL) {
            status = 1;
        } else {
            printf("%s: good, %u instructions\n", argv[i], machine->instruction_count);
        }
        isa_free(machine);
    }
    return status;
}
