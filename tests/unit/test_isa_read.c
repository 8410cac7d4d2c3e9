/* SPDX-License-Identifier: Apache-2.0 */
/* The typed tree of good descriptions: what outputs find in it. Errors are in test_isa_bad.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "isa/read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct isa_diagnostics diagnostics;

static const char *const prelude = "machine toy \"A toy\" csr_missing illegal\n"
                                   "extension base \"Base\"\n"
                                   "extension more \"More\" needs base\n"
                                   "mode U = 0 \"user\"\n"
                                   "mode M = 3 \"machine\"\n"
                                   "exception illegal = 2 \"Illegal\" tval encoding\n"
                                   "exception broken = 3 \"Broken\"\n"
                                   "register pc : bits(64) is program_counter reset 0x1000\n"
                                   "register mode : bits(2) is mode reset M\n"
                                   "register x[4] : bits(64) zero 0 names zero one two three\n"
                                   "names size 2 = byte _ \"two words\"\n"
                                   "format R 32 hi[3:0] imm[4] imm[8:5] a[1:0] d[1:0] lo[9:0] 0b01 0b000 code[3:0]\n"
                                   "format C 16 imm[5:0] d[4:0] op[4:0]\n"
                                   "primitive load(a: bits(64)) -> bits(32) reads_memory traps\n"
                                   "primitive store(a: bits(64), v: bits(32)) writes_memory traps\n"
                                   "primitive mix(a: bits(64), b: bits(64)) -> bits(64) pure\n"
                                   "primitive ticks() -> bits(64) reads_time\n"
                                   "csr s 0x300 \"S\" reset 5 in base or more\n"
                                   "    field A 3:1 legal 0 2 5\n"
                                   "    field B 0\n"
                                   "    field C 5:4 is 2\n"
                                   "    field D 6 is bit(s.B == 1)\n"
                                   "csr v 0x100 \"V\" view s B D\n"
                                   "csr e[3] 0x320 \"E\" from 3\n"
                                   "    field VALUE 31:0\n"
                                   "    access\n"
                                   "        require not write or index == 0 else illegal\n"
                                   "    write\n"
                                   "        e[index] = value & 0xff\n"
                                   "csr hidden \"Hidden\"\n"
                                   "    field ALL 63:0\n";

static struct isa_machine *read_text(const char *text)
{
    static char whole[100000];
    int length = snprintf(whole, sizeof whole, "%s%s", prelude, text);
    assert_true(length > 0 && (size_t)length < sizeof whole);
    struct isa_machine *machine = isa_read_text("test.isa", whole, (size_t)length, &diagnostics);
    if (machine == NULL) {
        isa_diagnostics_print(&diagnostics, stderr);
        fail();
    }
    return machine;
}

#define HEAD "instruction i R(code = 1) in base\n"

static struct isa_machine *read_body(const char *body)
{
    char text[4000];
    snprintf(text, sizeof text, HEAD "%s", body);
    return read_text(text);
}

static void a_machine_has_what_is_declared_in_order(void **state)
{
    (void)state;
    struct isa_machine *machine = read_text("");
    assert_string_equal(machine->name, "toy");
    assert_string_equal(machine->csr_missing->name, "illegal");
    assert_int_equal(machine->extension_count, 2);
    assert_string_equal(machine->extensions->next->name, "more");
    assert_int_equal(machine->extensions->next->number, 1);
    assert_ptr_equal(machine->extensions->next->needs->extension, machine->extensions);
    assert_int_equal(machine->modes->next->value, 3);
    assert_string_equal(machine->program_counter->name, "pc");
    assert_true(machine->program_counter->reset == 0x1000);
    assert_string_equal(machine->mode->name, "mode");
    assert_true(machine->mode->reset == 3);
    const struct isa_register *bank = machine->registers->next->next;
    assert_int_equal(bank->count, 4);
    assert_int_equal(bank->zero, 0);
    assert_string_equal(bank->names[3], "three");
    assert_int_equal(machine->registers->zero, -1);
    assert_string_equal(machine->names->text[0], "byte");
    assert_null(machine->names->text[1]);
    assert_string_equal(machine->names->text[2], "two words");
    assert_null(machine->names->text[3]);
    assert_string_equal(machine->files[0], "test.isa");
    assert_null(machine->files[1]);
    isa_free(machine);
}

static void a_format_places_its_pieces(void **state)
{
    (void)state;
    struct isa_machine *machine = read_text("");
    const struct isa_format *format = machine->formats;
    assert_int_equal(format->size, 32);
    assert_int_equal(format->field_count, 6);
    const struct isa_piece *piece = format->pieces->next;
    assert_string_equal(piece->field->name, "imm");
    assert_int_equal(piece->field->width, 9);
    assert_int_equal(piece->at, 27);
    assert_int_equal(piece->low, 4);
    piece = piece->next;
    assert_int_equal(piece->at, 23);
    assert_int_equal(piece->length, 4);
    assert_int_equal(piece->low, 5);
    piece = piece->next->next->next->next; /* past a, d and lo */
    assert_null(piece->field);
    assert_int_equal(piece->value, 1);
    assert_int_equal(piece->at, 7);
    isa_free(machine);
}

static void fixed_fields_make_mask_and_match(void **state)
{
    (void)state;
    struct isa_machine *machine =
        read_text("instruction i.j R(imm = 0b1_0101_0000, code = 0b1001) in base\n    nothing\n"
                  "instruction k C(op = 0b10101) in base\n    nothing\n");
    const struct isa_instruction *instruction = machine->instructions;
    assert_int_equal(machine->instruction_count, 2);
    assert_string_equal(instruction->name, "i.j");
    assert_string_equal(instruction->c_name, "i_j");
    assert_string_equal(instruction->mnemonic, "i.j");
    assert_int_equal(instruction->mask, 0x0f8001ff);
    assert_int_equal(instruction->match, (1u << 27) | (0xau << 23) | (1u << 7) | 9);
    assert_int_equal(instruction->next->mask, 0x1f);
    assert_int_equal(instruction->next->match, 0x15);
    assert_int_equal(instruction->next->number, 1);
    isa_free(machine);
}

static void control_registers_have_fields_rules_and_blocks(void **state)
{
    (void)state;
    struct isa_machine *machine = read_text("");
    const struct isa_csr *s = machine->csrs, *v = s->next, *e = v->next, *hidden = e->next;
    assert_true(s->numbered && s->number == 0x300 && s->width == 64 && s->reset == 5 && s->has_storage);
    assert_int_equal(s->in->kind, ISA_CONDITION_OR);
    assert_int_equal(s->fields->legal_count, 3);
    assert_int_equal(s->fields->legal[2], 5);
    assert_int_equal(s->fields->next->next->rule, ISA_RULE_IS);
    assert_true(s->fields->next->next->is->value == 2);
    assert_ptr_equal(v->view, s);
    assert_int_equal(v->view_field_count, 2);
    assert_ptr_equal(v->view_fields[0], s->fields->next);
    assert_false(v->has_storage);
    assert_int_equal(e->count, 3);
    assert_int_equal(e->name_base, 3);
    assert_string_equal(e->index->name, "index");
    assert_int_equal(e->index->width, 12);
    assert_int_equal(e->is_write->width, ISA_BOOL);
    assert_int_equal(e->value->width, 64);
    assert_non_null(e->access);
    assert_null(e->after);
    assert_true((e->effects & ISA_EFFECT_TRAPS) != 0 && (e->effects & ISA_EFFECT_WRITES_CSR) != 0);
    assert_false(hidden->numbered);
    isa_free(machine);
}

static void require_becomes_a_trap_with_its_value(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    require a == 0 else illegal\n    require d == 0 else broken tval a\n");
    const struct isa_stmt *first = machine->instructions->body, *second = first->next;
    assert_int_equal(first->kind, ISA_STMT_IF);
    assert_int_equal(first->value->op, ISA_OP_NOT);
    assert_int_equal(first->body->kind, ISA_STMT_TRAP);
    assert_int_equal(first->body->tval->kind, ISA_EXPR_ZEXT); /* the exception's own, widened */
    assert_int_equal(first->body->tval->a->kind, ISA_EXPR_ENCODING);
    assert_int_equal(second->body->tval->width, 64);
    assert_int_equal(second->body->tval->a->kind, ISA_EXPR_OPERAND);
    assert_int_equal(machine->instructions->effects, ISA_EFFECT_TRAPS);
    isa_free(machine);
}

static void effects_follow_calls_and_computed_fields(void **state)
{
    (void)state;
    struct isa_machine *machine =
        read_text("export function outer(p: bits(64))\n"
                  "    inner(p)\n"
                  "function inner(p: bits(64))\n"
                  "    store(p, 0)\n"
                  "instruction i R(code = 1) in base\n"
                  "    outer(x[a])\n"
                  "    mode = M\n"
                  "instruction j R(code = 2) in base\n"
                  "    x[d] = zext(s.D)\n"
                  "    jump x[a]\n"
                  "instruction k R(code = 3) in base\n"
                  "    csr_write(0x300, 0)\n"
                  "instruction l R(code = 4) in base is k(hi = 0, imm = 0, a = a, d = d, lo = 0)\n");
    const struct isa_instruction *i = machine->instructions, *j = i->next, *k = j->next, *l = k->next;
    const unsigned store = ISA_EFFECT_WRITES_MEMORY | ISA_EFFECT_TRAPS;
    assert_int_equal(i->effects, store | ISA_EFFECT_READS_REGISTERS | ISA_EFFECT_CHANGES_MODE);
    assert_int_equal(j->effects, ISA_EFFECT_READS_CSR | ISA_EFFECT_WRITES_REGISTERS | ISA_EFFECT_READS_REGISTERS |
                                     ISA_EFFECT_JUMPS);
    const unsigned csr_write = ISA_EFFECT_WRITES_CSR | ISA_EFFECT_TRAPS | ISA_EFFECT_CHANGES_TRANSLATION;
    assert_int_equal(k->effects & csr_write, csr_write);
    assert_ptr_equal(l->same_as, k);
    assert_int_equal(l->effects, k->effects);
    const struct isa_function *function = machine->functions;
    while (strcmp(function->name, "inner") != 0 && strcmp(function->name, "outer") != 0) {
        function = function->next;
    }
    assert_string_equal(function->name, "inner"); /* callees first */
    assert_int_equal(function->effects, store);
    isa_free(machine);
}

static void a_call_with_effects_inside_is_lifted(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    x[d] = mix(x[a], sext(load(x[d])))\n");
    const struct isa_stmt *first = machine->instructions->body, *second = first->next, *third = second->next;
    assert_int_equal(first->kind, ISA_STMT_LOCAL); /* x[a], evaluated before the call */
    assert_int_equal(first->value->kind, ISA_EXPR_REGISTER);
    assert_int_equal(second->kind, ISA_STMT_LOCAL);
    assert_string_equal(second->value->function->name, "load");
    assert_int_not_equal(first->local->number, second->local->number);
    assert_int_equal(third->kind, ISA_STMT_SET_REGISTER);
    assert_int_equal(third->value->args->kind, ISA_EXPR_LOCAL);
    assert_int_equal(third->value->args->next->kind, ISA_EXPR_SEXT);
    assert_ptr_equal(third->value->args->next->a->local, second->local);
    assert_null(third->next);
    isa_free(machine);
}

static void a_call_that_only_reads_stays_where_it_is(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    if ticks() == 0 and s.B == 1\n        x[d] = ticks() + 1\n");
    const struct isa_stmt *stmt = machine->instructions->body;
    assert_int_equal(stmt->kind, ISA_STMT_IF);
    assert_int_equal(stmt->body->value->kind, ISA_EXPR_BINARY);
    isa_free(machine);
}

static void paths_may_write_and_trap_apart(void **state)
{
    (void)state;
    isa_free(read_body("    if a == 0\n        x[d] = 0\n    else\n        trap illegal\n"));
    isa_free(read_body("    if a == 0\n        trap illegal\n    x[d] = 0\n    jump x[d]\n"));
    isa_free(
        read_body("    if a == 0\n        jump 0\n    else if a == 1\n        jump 4\n    else\n        jump 8\n"));
    isa_free(read_body("    for i in 0 to 3\n        x[i] = zext(i)\n"));
}

static void a_literal_of_two_signs_fits_where_it_is_used(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    x[d] = x[a] & -2 & ~0x222\n");
    const struct isa_expr *value = machine->instructions->body->value;
    assert_true(value->b->value == (uint64_t)~0x222ull);
    assert_true(value->a->b->value == (uint64_t)-2);
    isa_free(machine);
}

static void assembly_text_is_taken_apart(void **state)
{
    (void)state;
    struct isa_machine *machine = read_text(HEAD "    asm \"m{a:size}\" \"{x[d]}, {imm:signed}({x[a]})\"\n    nothing\n"
                                                 "instruction j R(code = 2) in base\n    asm other.name \"{lo}\"\n"
                                                 "    doc \"A sentence.\"\n    nothing\n");
    const struct isa_instruction *i = machine->instructions;
    assert_string_equal(i->mnemonic_parts->text, "m");
    assert_int_equal(i->mnemonic_parts->next->style, ISA_ASM_NAMES);
    assert_string_equal(i->mnemonic_parts->next->names->name, "size");
    const struct isa_asm_part *part = i->assembly;
    assert_int_equal(part->style, ISA_ASM_REGISTER);
    assert_string_equal(part->reg->name, "x");
    assert_int_equal(part->expr->kind, ISA_EXPR_OPERAND);
    part = part->next;
    assert_string_equal(part->text, ", ");
    part = part->next;
    assert_int_equal(part->style, ISA_ASM_SIGNED);
    assert_int_equal(part->expr->width, 9);
    assert_string_equal(part->next->text, "(");
    assert_null(i->next->mnemonic_parts);
    assert_string_equal(i->next->mnemonic, "other.name");
    assert_string_equal(i->next->doc, "A sentence.");
    isa_free(machine);
}

static void overriding_encodings_are_good(void **state)
{
    (void)state;
    struct isa_machine *machine =
        read_text("instruction all R(code = 1) in base\n    nothing\n"
                  "instruction some R(code = 1, a = 0) in base overrides all\n    nothing\n"
                  "instruction few R(code = 1, a = 0) in more where d <u 2 overrides some\n    nothing\n"
                  "instruction one.0 R(code = 2) in base where imm != 0\n    nothing\n"
                  "instruction one.1 R(code = 2) in base where imm == 0 and d != 3\n    nothing\n");
    const struct isa_instruction *some = machine->instructions->next;
    assert_int_equal(some->override_count, 1);
    assert_ptr_equal(some->overrides[0], machine->instructions);
    assert_non_null(some->next->where);
    isa_free(machine);
}

static void nine_hundred_instructions_are_checked_quickly(void **state)
{
    (void)state;
    static char text[400000];
    size_t length = (size_t)snprintf(text, sizeof text,
                                     "machine t \"T\"\nextension b \"B\"\nregister pc : bits(64) is program_counter\n"
                                     "register x[32] : bits(64)\n"
                                     "format R 32 code[9:0] r[4:0] a[4:0] d[4:0] op[6:0]\n");
    for (unsigned i = 0; i < 900; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "instruction i%u R(code = %u, op = 3) in b where r %s cat(a[4:1], d[0])\n"
                                   "    x[d] = (x[a] + x[r]) ^ (if a == d then x[r] else x[a] - %u)\n",
                                   i, i / 2, i % 2 == 0 ? "==" : "!=", i);
    }
    struct isa_machine *machine = isa_read_text("test.isa", text, length, &diagnostics);
    assert_non_null(machine);
    assert_int_equal(machine->instruction_count, 900);
    isa_free(machine);
}

/* ---- Files ---------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/ravelin-isa-read-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = { "root.isa", "part/a.isa", "part/b.isa", "part", "pipe" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove(names[i]);
    }
    return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        fail_msg("%s cannot be opened", name);
        return;
    }
    fputs(text, file);
    fclose(file);
}

static void files_are_found_beside_the_includer_and_read_once(void **state)
{
    (void)state;
    mkdir("part", 0700);
    write_file("root.isa", "machine t \"T\"\ninclude \"part/a.isa\"\ninclude \"part/b.isa\"\n");
    write_file("part/a.isa", "include \"b.isa\"\ninclude \"../root.isa\"\nconstant A = B\n");
    write_file("part/b.isa", "include \"a.isa\"\nconstant B = 1\nregister pc : bits(64) is program_counter\n");
    struct isa_machine *machine = isa_read("root.isa", &diagnostics);
    assert_non_null(machine);
    assert_string_equal(machine->files[0], "root.isa");
    assert_string_equal(machine->files[1], "part/a.isa");
    assert_string_equal(machine->files[2], "part/b.isa");
    assert_null(machine->files[3]);
    isa_free(machine);
}

static void a_file_that_is_not_there_is_one_error(void **state)
{
    (void)state;
    assert_null(isa_read("absent.isa", &diagnostics));
    assert_int_equal(diagnostics.total, 1);
    assert_string_equal(diagnostics.items[0].file, "absent.isa");
    assert_int_equal(diagnostics.items[0].line, 0);
}

static void a_pipe_or_folder_does_not_hang_the_reader(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_null(isa_read("pipe", &diagnostics));
    assert_non_null(strstr(diagnostics.items[0].text, "not a regular file"));
    assert_null(isa_read(".", &diagnostics));
}

static void text_in_memory_includes_nothing(void **state)
{
    (void)state;
    const char *text = "include \"/etc/passwd\"\n";
    assert_null(isa_read_text("test.isa", text, strlen(text), &diagnostics));
    assert_non_null(strstr(diagnostics.items[0].text, "may not include"));
}

/* ---- Hostile text --------------------------------------------------------------------------------------------- */

static void refuse(const char *text, size_t size)
{
    assert_null(isa_read_text("test.isa", text, size, &diagnostics));
    assert_true(diagnostics.total > 0);
}

static void a_text_beyond_the_limit_is_refused_unread(void **state)
{
    (void)state;
    const size_t size = (size_t)4 * 1024 * 1024;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '#', size + 1);
    refuse(text, size);
    assert_non_null(strstr(diagnostics.items[0].text, "no machine"));
    refuse(text, size + 1);
    assert_non_null(strstr(diagnostics.items[0].text, "4 MiB"));
    free(text);
}

/* `count` times `part`, between a beginning and nothing. */
static void refuse_repeated(const char *beginning, const char *part, size_t count)
{
    const size_t length = strlen(part);
    char *text = malloc(strlen(beginning) + length * count + 1);
    assert_non_null(text);
    char *end = stpcpy(text, beginning);
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, part);
    }
    refuse(text, (size_t)(end - text));
    free(text);
}

static void endless_nesting_ends_at_a_limit(void **state)
{
    (void)state;
    refuse_repeated("constant A = ", "(", 1000000);
    refuse_repeated("constant A = ", "-", 1000000);
    refuse_repeated("constant A = ", "~", 1000000);
    refuse_repeated("constant A = ", "not ", 100000);
    refuse_repeated("constant A = 1", " + 1", 100000);
    refuse_repeated("constant A = ", "f(", 100000);
    refuse_repeated("constant A = ", "x[", 100000);
    refuse_repeated("constant A = x", "[1]", 100000);
    refuse_repeated("constant A = x", ".y", 100000);
    refuse_repeated("constant A = ", "if a then ", 100000);
    refuse_repeated("constant A = ", "if ", 100000);
    refuse_repeated("function f()\n    if a\n        b()\n", "    else if a\n        b()\n", 10000);
}

static void endless_lists_end(void **state)
{
    (void)state;
    refuse_repeated("", "\n", 1000000);
    refuse_repeated("", "@", 1000000);
    refuse_repeated("", "constant A = 1\n", 100000);
    refuse_repeated("instruction i R(", "a = 1, ", 100000);
    refuse_repeated("names n 2 = ", "a ", 100000);
    refuse_repeated("function f()\n", "    let a = f()\n", 100000);
    refuse_repeated("csr c 1 \"C\"\n", "    field A 0\n", 100000);
}

static void nul_bytes_are_errors(void **state)
{
    (void)state;
    static const char text[] = "machine t \"T\"\0\nregister pc : bits(64) is program_counter\n";
    refuse(text, sizeof text - 1);
    assert_int_equal(diagnostics.items[0].column, 14);
    refuse("\0", 1);
}

static void messages_carry_no_control_characters(void **state)
{
    (void)state;
    const char *text = "include \"a\"\n";
    assert_null(isa_read_text("\033[2Jname\n", text, strlen(text), &diagnostics));
    assert_string_equal(diagnostics.items[0].file, "?[2Jname?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_has_what_is_declared_in_order),
        cmocka_unit_test(a_format_places_its_pieces),
        cmocka_unit_test(fixed_fields_make_mask_and_match),
        cmocka_unit_test(control_registers_have_fields_rules_and_blocks),
        cmocka_unit_test(require_becomes_a_trap_with_its_value),
        cmocka_unit_test(effects_follow_calls_and_computed_fields),
        cmocka_unit_test(a_call_with_effects_inside_is_lifted),
        cmocka_unit_test(a_call_that_only_reads_stays_where_it_is),
        cmocka_unit_test(paths_may_write_and_trap_apart),
        cmocka_unit_test(a_literal_of_two_signs_fits_where_it_is_used),
        cmocka_unit_test(assembly_text_is_taken_apart),
        cmocka_unit_test(overriding_encodings_are_good),
        cmocka_unit_test(nine_hundred_instructions_are_checked_quickly),
        cmocka_unit_test(files_are_found_beside_the_includer_and_read_once),
        cmocka_unit_test(a_file_that_is_not_there_is_one_error),
        cmocka_unit_test(a_pipe_or_folder_does_not_hang_the_reader),
        cmocka_unit_test(text_in_memory_includes_nothing),
        cmocka_unit_test(a_text_beyond_the_limit_is_refused_unread),
        cmocka_unit_test(endless_nesting_ends_at_a_limit),
        cmocka_unit_test(endless_lists_end),
        cmocka_unit_test(nul_bytes_are_errors),
        cmocka_unit_test(messages_carry_no_control_characters),
    };
    return cmocka_run_group_tests_name("isa_read", tests, make_folder, remove_folder);
}
