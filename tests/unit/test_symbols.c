/* SPDX-License-Identifier: Apache-2.0 */
/* Symbol tables: System.map, the table inside a kernel Image, and looking addresses up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "board/kallsyms.h"
#include "board/loader.h"
#include "core/check.h"
#include "kallsyms_image.h"

#include <stdlib.h>

static struct symbols *parse(const char *text, struct error *error)
{
    return symbols_parse_map("map", text, strlen(text), error);
}

static void assert_place(const struct symbols *symbols, uint64_t address, const char *name, uint64_t offset)
{
    struct symbols_place place;
    assert_true(symbols_find(symbols, address, &place));
    assert_string_equal(place.name, name);
    assert_true(place.offset == offset);
}

static void assert_refused(const char *text, const char *message)
{
    struct error error = { "" };
    assert_null(parse(text, &error));
    if (strstr(error.text, message) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, message);
    }
}

/* ---- System.map ------------------------------------------------------------------------------------------------- */

static void addresses_belong_to_the_symbol_before_them(void **state)
{
    (void)state;
    struct error error;
    struct symbols *symbols = parse("ffffffff80001000 T second\nffffffff80000000 T first\n"
                                    "ffffffff80002000 B _end\n",
                                    &error);
    struct symbols_place place;
    assert_non_null(symbols);
    assert_int_equal(symbols_count(symbols), 3);
    assert_false(symbols_find(symbols, 0xffffffff7fffffff, &place));
    assert_place(symbols, 0xffffffff80000000, "first", 0);
    assert_place(symbols, 0xffffffff80000fff, "first", 0xfff);
    assert_place(symbols, 0xffffffff80001000, "second", 0);
    assert_place(symbols, 0xffffffff80002000, "_end", 0);
    assert_false(symbols_find(symbols, 0xffffffff80002001, &place));
    symbols_free(symbols);
}

static void symbols_move_together_and_round_the_end(void **state)
{
    (void)state;
    struct error error;
    struct symbols *symbols = parse("ffffffff80000000 T first\nffffffff80001000 T second\n"
                                    "fffffffffffff000 A absolute\n",
                                    &error);
    struct symbols_place place;
    assert_non_null(symbols);
    symbols_move(symbols, 0x200000);
    assert_place(symbols, 0xffffffff80200004, "first", 4);
    assert_place(symbols, 0xffffffff80201000, "second", 0);
    assert_false(symbols_find(symbols, 0xffffffff80201001, &place)); /* the last one now */
    assert_place(symbols, 0x1ff000, "absolute", 0);
    assert_false(symbols_find(symbols, 0x1fefff, &place));
    symbols_free(symbols);
}

static void global_symbols_go_before_local_ones_and_first_before_later(void **state)
{
    (void)state;
    struct error error;
    struct symbols *symbols = parse("1000 t local\n1000 T global\n1000 T alias\n2000 T end", &error);
    assert_non_null(symbols);
    assert_place(symbols, 0x1004, "global", 4);
    symbols_free(symbols);
}

static void names_are_found(void **state)
{
    (void)state;
    struct error error;
    struct symbols *symbols = parse("3000 t twice\n1000 T once\n2000 t twice\n", &error);
    uint64_t address;
    assert_true(symbols_address(symbols, "once", &address));
    assert_int_equal(address, 0x1000);
    assert_true(symbols_address(symbols, "twice", &address));
    assert_int_equal(address, 0x2000);
    assert_false(symbols_address(symbols, "onc", &address));
    symbols_free(symbols);
}

static void the_text_of_proc_kallsyms_does_too(void **state)
{
    (void)state;
    struct error error;
    struct symbols *symbols = parse("ffffffff80000000 T _start\r\nffffffff01234000 t init_module\t[virtio]\n"
                                    "ffffffff01234008 t .L886\x02\x31\t[ext4]\nffffffff01234010 r .L0 \t[ext4]\n",
                                    &error);
    struct symbols_place place;
    assert_non_null(symbols);
    assert_int_equal(symbols_count(symbols), 1);
    assert_place(symbols, 0xffffffff80000000, "_start", 0);
    assert_false(symbols_find(symbols, 0xffffffff01234010, &place)); /* modules go elsewhere the next time */
    symbols_free(symbols);
}

static void what_is_no_map_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("", "map is empty");
    assert_refused("1000 T a\n\n", "map:2:");
    assert_refused("1000 T a\n1000 T\n", "map:2:");
    assert_refused("1000 T \n", "map:1:");
    assert_refused("T a\n", "map:1:");
    assert_refused(" 1000 T a\n", "map:1:");
    assert_refused("1000 TT a\n", "map:1:");
    assert_refused("1000 1 a\n", "map:1:");
    assert_refused("10000000000000000 T a\n", "map:1:");
    assert_refused("100g T a\n", "map:1:");
    assert_refused("1000 T a\x1b[2J\n", "map:1:");
    assert_refused("1000 T a\n1000 T b\x1b[2J\t\n", "map:2:");
    assert_refused("1000 T \t[module]\n", "map:1:");
    assert_refused("1000 T a\tb\t[module\n1000 ? \x1b\t\n", "map:2:");
    assert_refused("1000 t a\t[module]\n", "map is empty");
    assert_refused("0 T a\n0 T b\n", "addresses of 0");
    struct error error;
    assert_null(symbols_parse_map("map", "1000 T a\0b\n", 11, &error));
}

static void names_may_be_as_long_as_linux_makes_them(void **state)
{
    (void)state;
    char text[600] = "1000 T ";
    struct error error;
    memset(text + 7, 'n', SYMBOLS_NAME_MAX);
    struct symbols *symbols = parse(text, &error);
    assert_non_null(symbols);
    symbols_free(symbols);
    memset(text + 7, 'n', SYMBOLS_NAME_MAX + 1);
    assert_refused(text, "map:1:");
}

/* ---- kallsyms --------------------------------------------------------------------------------------------------- */

static struct kallsyms_image image;

static void assert_all_symbols(unsigned count)
{
    struct symbols *symbols = kallsyms_read(image.bytes, image.size);
    assert_non_null(symbols);
    assert_int_equal(symbols_count(symbols), count);
    for (unsigned i = 0; i < count; i++) {
        char name[512];
        kallsyms_name(name, i);
        assert_place(symbols, KALLSYMS_IMAGE_BASE + 16 * i, name + 1, 0);
    }
    symbols_free(symbols);
}

static void a_table_in_an_image_is_found(void **state)
{
    (void)state;
    static const unsigned counts[] = { 256, 257, 511, 512, 513, 1500 };
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned old = 0; old < 2; old++) {
            kallsyms_build(&image, counts[i], old != 0, KALLSYMS_IMAGE_BASE);
            assert_all_symbols(counts[i]);
        }
    }
}

static void a_base_that_a_relocation_would_fill_in_is_the_link_address(void **state)
{
    (void)state;
    kallsyms_build(&image, 600, false, 0);
    assert_all_symbols(600);
}

static void a_damaged_table_is_none(void **state)
{
    (void)state;
    kallsyms_build(&image, 600, false, KALLSYMS_IMAGE_BASE);
    const struct {
        size_t at;
        uint8_t value;
    } damages[] = {
        { image.count_at, 0x59 },    { image.count_at + 4, 1 },  { image.names_at, 0 },      { image.markers_at, 1 },
        { image.markers_at + 4, 1 }, { image.tokens_at, 0 },     { image.tokens_at + 3, 1 }, { image.index_at, 1 },
        { image.index_at + 510, 0 }, { image.offsets_at, 0xff }, { image.base_at, 1 },
    };
    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++) {
        kallsyms_build(&image, 600, false, KALLSYMS_IMAGE_BASE);
        image.bytes[damages[i].at] = damages[i].value;
        struct symbols *symbols = kallsyms_read(image.bytes, image.size);
        if (symbols != NULL) {
            fail_msg("damage %u is not noticed", i);
        }
    }
}

static void an_image_that_ends_early_has_none(void **state)
{
    (void)state;
    kallsyms_build(&image, 600, false, KALLSYMS_IMAGE_BASE);
    for (size_t size = 0; size < image.size; size++) {
        uint8_t *copy = check_alloc(size + 1); /* so that sanitizers see a read behind the end */
        memcpy(copy, image.bytes, size);
        assert_null(kallsyms_read(copy, size));
        free(copy);
    }
}

static void an_image_that_begins_within_its_table_has_none(void **state)
{
    (void)state;
    kallsyms_build(&image, 600, false, KALLSYMS_IMAGE_BASE);
    for (size_t start = 8; start < image.size; start += 8) {
        size_t size = image.size - start;
        uint8_t *copy = check_alloc(size); /* so that sanitizers see a read before the start */
        memcpy(copy, image.bytes + start, size);
        struct symbols *symbols = kallsyms_read(copy, size);
        assert_int_equal(symbols != NULL, start <= image.count_at);
        symbols_free(symbols);
        free(copy);
    }
}

/* A kernel of somebody else's making, if there is one: RAVELIN_KERNEL names it. */
static void a_real_kernel_has_its_symbols(void **state)
{
    (void)state;
    const char *path = getenv("RAVELIN_KERNEL");
    struct loader_image kernel;
    struct error error;
    if (path == NULL) {
        print_message("# RAVELIN_KERNEL is not set\n");
        return;
    }
    if (!loader_read(path, LOADER_KERNEL, UINT64_C(1) << 30, NULL, &kernel, &error)) {
        fail_msg("%s", error.text);
    }
    struct symbols *symbols = kallsyms_read(kernel.bytes, kernel.size);
    uint64_t address;
    assert_non_null(symbols);
    assert_true(symbols_count(symbols) > 10000);
    static const char *const names[] = { "_start", "_stext", "_etext", "handle_exception", "start_kernel", "_end" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(symbols_address(symbols, names[i], &address));
        print_message("# %s %#llx\n", names[i], (unsigned long long)address);
    }
    symbols_free(symbols);
    loader_free(&kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_belong_to_the_symbol_before_them),
        cmocka_unit_test(symbols_move_together_and_round_the_end),
        cmocka_unit_test(global_symbols_go_before_local_ones_and_first_before_later),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(the_text_of_proc_kallsyms_does_too),
        cmocka_unit_test(what_is_no_map_is_refused_with_its_line),
        cmocka_unit_test(names_may_be_as_long_as_linux_makes_them),
        cmocka_unit_test(a_table_in_an_image_is_found),
        cmocka_unit_test(a_base_that_a_relocation_would_fill_in_is_the_link_address),
        cmocka_unit_test(a_damaged_table_is_none),
        cmocka_unit_test(an_image_that_ends_early_has_none),
        cmocka_unit_test(an_image_that_begins_within_its_table_has_none),
        cmocka_unit_test(a_real_kernel_has_its_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
