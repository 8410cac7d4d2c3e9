/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/finisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct outcome {
    unsigned count;
    enum finisher_event event;
    unsigned code;
};

static void finish(void *context, enum finisher_event event, unsigned code)
{
    struct outcome *outcome = context;
    *outcome = (struct outcome){ outcome->count + 1, event, code };
}

static struct outcome after_writing(uint64_t offset, uint64_t value, uint64_t *logged)
{
    struct log log = { 0 };
    struct outcome outcome = { 0 };
    struct device *device = finisher_create(finish, &outcome, &log);
    device->reset(device->self);
    assert_true(device->ops->write(device->self, offset, 4, value));
    uint64_t read = 1;
    assert_true(device->ops->read(device->self, offset, 4, &read));
    assert_int_equal(read, 0);
    device_destroy(device);
    *logged = log.count;
    return outcome;
}

static void known_words_end_the_machine(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        enum finisher_event event;
        unsigned code;
    } cases[] = {
        { 0x5555, FINISHER_PASS, 0 },  { 0x7777, FINISHER_RESET, 0 },         { 0x3333, FINISHER_FAIL, 0 },
        { 0x13333, FINISHER_FAIL, 1 }, { 0xffff3333, FINISHER_FAIL, 0xffff },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t logged;
        struct outcome outcome = after_writing(0, cases[i].value, &logged);
        assert_int_equal(outcome.count, 1);
        assert_int_equal(outcome.event, cases[i].event);
        assert_int_equal(outcome.code, cases[i].code);
        assert_int_equal(logged, 0);
    }
}

static void other_writes_are_logged_only(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        uint64_t value;
    } cases[] = { { 0, 0 }, { 0, 0x5554 }, { 0, 0x5556 }, { 4, 0x5555 }, { 0xffc, 0x7777 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t logged;
        assert_int_equal(after_writing(cases[i].offset, cases[i].value, &logged).count, 0);
        assert_int_equal(logged, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_words_end_the_machine),
        cmocka_unit_test(other_writes_are_logged_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
