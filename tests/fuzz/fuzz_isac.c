/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any description that the reader takes as good goes through every output of ravelin-isac: none aborts, none writes
 * outside its memory. (That the C they write compiles is the business of tests/isa.)
 *
 * A good start: tests/isa/toy.isa.
 */
#include "core/check.h"
#include "isa/output.h"
#include "isa/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const outputs[])(struct emit *) = {
        output_state, output_decoder_header, output_decoder,   output_interpreter, output_functions,
        output_csr,   output_disassembler,   output_reference,
    };
    static struct isa_diagnostics diagnostics;
    struct isa_machine *machine = isa_read_text("fuzz.isa", (const char *)data, size, &diagnostics);
    if (machine == NULL) {
        return 0;
    }
    FILE *sink = fopen("/dev/null", "w");
    CHECK(sink != NULL);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        struct emit emit;
        emit_begin(&emit, sink, machine, "fuzz.isa");
        outputs[i](&emit);
        emit_end(&emit);
    }
    fclose(sink);
    isa_free(machine);
    return 0;
}
