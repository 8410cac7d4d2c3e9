/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/isa.h: checking descriptions. */
#include "isa/diagnostics.h"
#include "isa/read.h"
#include "isa/tree.h"

#include <ravelin/isa.h>

#include <stdio.h>

static void summarise(const struct isa_machine *machine, struct ravelin_isa_summary *summary)
{
    snprintf(summary->name, sizeof summary->name, "%s", machine->name);
    summary->extension_count = machine->extension_count;
    summary->instruction_count = machine->instruction_count;
    summary->csr_count = 0;
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        summary->csr_count += csr->numbered ? (csr->count > 0 ? csr->count : 1) : 0;
    }
}

static void report_one(const struct isa_diagnostic *item, void (*report)(void *context, const char *line),
                       void *context)
{
    char line[sizeof item->file + sizeof item->text + 32];
    if (item->line == 0) {
        snprintf(line, sizeof line, "%s: %s", item->file, item->text);
    } else {
        snprintf(line, sizeof line, "%s:%u:%u: %s", item->file, item->line, item->column, item->text);
    }
    report(context, line);
}

unsigned ravelin_isa_check(const char *path, void (*report)(void *context, const char *line), void *context,
                           struct ravelin_isa_summary *summary)
{
    struct isa_diagnostics diagnostics;
    struct isa_machine *machine = isa_read(path, &diagnostics);
    if (machine != NULL) {
        if (summary != NULL) {
            summarise(machine, summary);
        }
        isa_free(machine);
        return 0;
    }
    for (unsigned i = 0; report != NULL && i < diagnostics.count; i++) {
        report_one(&diagnostics.items[i], report, context);
    }
    return diagnostics.total;
}
