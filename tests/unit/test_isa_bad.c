/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every description in tests/isa/bad is refused with exactly the messages that its `# expect:` lines announce:
 *   # expect: LINE:COLUMN: TEXT     in order, all of them; 0:0 is the file as a whole
 *   # expect: total N               so many in all, where more are found than told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "isa/read.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPECT "# expect: "

struct expectation {
    char lines[ISA_DIAGNOSTIC_LIMIT][600];
    unsigned count;
    unsigned total;
};

static void read_expectation(const char *name, struct expectation *expectation)
{
    char line[600];
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        fail_msg("%s cannot be opened", name);
        return;
    }
    memset(expectation, 0, sizeof *expectation);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, EXPECT, strlen(EXPECT)) != 0) {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        const char *text = line + strlen(EXPECT);
        if (strncmp(text, "total ", 6) == 0) {
            expectation->total = (unsigned)strtoul(text + 6, NULL, 10);
            continue;
        }
        assert_true(expectation->count < ISA_DIAGNOSTIC_LIMIT);
        snprintf(expectation->lines[expectation->count++], sizeof expectation->lines[0], "%s", text);
    }
    fclose(file);
    if (expectation->total == 0) {
        expectation->total = expectation->count;
    }
}

static void check_description(const char *name)
{
    static struct isa_diagnostics diagnostics;
    static struct expectation expectation;
    read_expectation(name, &expectation);
    if (expectation.count == 0) {
        fail_msg("%s announces no error", name);
    }
    struct isa_machine *machine = isa_read(name, &diagnostics);
    if (machine != NULL) {
        fail_msg("%s is taken as good", name);
    }
    for (unsigned i = 0; i < diagnostics.count || i < expectation.count; i++) {
        char said[700] = "nothing";
        if (i < diagnostics.count) {
            const struct isa_diagnostic *item = &diagnostics.items[i];
            snprintf(said, sizeof said, "%u:%u: %s", item->line, item->column, item->text);
        }
        const char *expected = i < expectation.count ? expectation.lines[i] : "nothing";
        if (strcmp(said, expected) != 0) {
            fail_msg("%s\n  says     %s\n  expected %s", name, said, expected);
        }
    }
    assert_int_equal(diagnostics.total, expectation.total);
}

static int is_description(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".isa") == 0;
}

static void every_bad_description_is_refused_with_its_message(void **state)
{
    (void)state;
    struct dirent **entries;
    assert_int_equal(chdir(ISA_BAD_FOLDER), 0); /* so that messages name files as the expectations do */
    const int count = scandir(".", &entries, is_description, alphasort);
    assert_true(count > 100);
    for (int i = 0; i < count; i++) {
        check_description(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_description_is_refused_with_its_message),
    };
    return cmocka_run_group_tests_name("isa_bad", tests, NULL, NULL);
}
