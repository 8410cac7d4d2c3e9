/* SPDX-License-Identifier: Apache-2.0 */
/* The event log: what its lines hold, that they are JSON, and that a flood is counted and not written. */
#include "test_riscv_fixture.h"

#include "vtl/events.h"

#include <jansson.h>
#include <pthread.h>
#include <time.h>

#define SLIDE      UINT64_C(0x1200000)
#define TEXT       UINT64_C(0xffffffff80000000)
#define SD_A0_A1   0x00a5b023u
#define LINES_KEPT 512u
#define BURST      200u

struct events_fixture {
    bool placed;
    struct fixture base;
    struct symbols *symbols;
    struct vtl_events *events;
    json_t *lines[LINES_KEPT];
    unsigned line_count;
};

static void keep(void *context, const char *text)
{
    struct events_fixture *fixture = context;
    json_error_t error;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (line == NULL || strchr(text, '\n') != NULL) {
        fail_msg("not a line of JSON: %s: %s", error.text, text);
    }
    if (fixture->line_count < LINES_KEPT) {
        fixture->lines[fixture->line_count] = line;
    } else {
        json_decref(line);
    }
    fixture->line_count++;
}

static void open_log(struct events_fixture *fixture, unsigned burst)
{
    fixture->events = vtl_events_create(&(struct vtl_events_config){ .line = keep,
                                                                     .context = fixture,
                                                                     .machine = fixture->base.machine,
                                                                     .symbols = fixture->symbols,
                                                                     .symbols_are_placed = fixture->placed,
                                                                     .kernel = RAM_BASE,
                                                                     .kernel_size = 0x4000,
                                                                     .burst = burst });
}

static int create(void **state)
{
    static const char map[] = "ffffffff80000000 T _start\nffffffff80001000 t handle_exception\n"
                              "ffffffff80002000 T patch\"\\text\nffffffff80003000 R secret\nffffffff80008000 B _end\n";
    struct events_fixture *fixture = check_alloc(sizeof *fixture);
    struct error error;
    fixture_create(&fixture->base, 0, 1);
    fixture->symbols = symbols_parse_map("map", map, sizeof map - 1, &error);
    assert_non_null(fixture->symbols);
    open_log(fixture, 5);
    *state = fixture;
    return 0;
}

static int destroy(void **state)
{
    struct events_fixture *fixture = *state;
    vtl_events_destroy(fixture->events);
    for (unsigned i = 0; i < fixture->line_count && i < LINES_KEPT; i++) {
        json_decref(fixture->lines[i]);
    }
    symbols_free(fixture->symbols);
    fixture_destroy(&fixture->base);
    free(fixture);
    return 0;
}

static struct vtl_incident page_incident(void)
{
    return (struct vtl_incident){
        .kind = VTL_INCIDENT_PAGE,
        .outcome = VTL_OUTCOME_DELIVERED,
        .vp = 3,
        .enforcer = 1,
        .pc = TEXT + SLIDE + 0x2010,
        .encoding = SD_A0_A1,
        .encoding_size = 4,
        .stvec = TEXT + SLIDE + 0x1000,
        .access = MEMORY_WRITE,
        .address = UINT64_C(0xff60000000003008),
        .physical = RAM_BASE + 0x3008,
        .size = 8,
        .cause = 7,
    };
}

static json_t *note(struct events_fixture *fixture, const struct vtl_incident *incident)
{
    unsigned before = fixture->line_count;
    vtl_events_note(fixture->events, incident);
    assert_int_equal(fixture->line_count, before + 1);
    return fixture->lines[before];
}

static void assert_text(const json_t *line, const char *key, const char *text)
{
    const char *found = json_string_value(json_object_get(line, key));
    if (found == NULL || strcmp(found, text) != 0) {
        fail_msg("%s is %s, not %s", key, found != NULL ? found : "missing", text);
    }
}

static void assert_number(const json_t *line, const char *key, long long number)
{
    assert_true(json_is_integer(json_object_get(line, key)));
    assert_int_equal(json_integer_value(json_object_get(line, key)), number);
}

static void assert_missing(const json_t *line, const char *key)
{
    assert_null(json_object_get(line, key));
}

static void a_refused_transfer_says_what_is_known(void **state)
{
    struct vtl_incident incident = page_incident();
    incident.kind = VTL_INCIDENT_TRANSFER;
    incident.outcome = VTL_OUTCOME_FAULT;
    const json_t *line = note(*state, &incident);
    assert_text(line, "event", "transfer");
    assert_number(line, "vcpu", 3);
    assert_text(line, "access", "write");
    assert_number(line, "size", 8);
    assert_text(line, "physical", "0x80003008");
    assert_text(line, "pc", "0xffffffff81202010");
    assert_missing(line, "address");
    assert_missing(line, "cause");
    incident.vp = VTL_NO_VP; /* a device's */
    line = note(*state, &incident);
    assert_number(line, "level", 0);
    assert_number(line, "enforcer", 1);
    assert_text(line, "outcome", "fault");
    assert_text(line, "physical", "0x80003008");
    const char *const unknown[] = { "vcpu", "mode", "pc", "symbol", "bytes" };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_missing(line, unknown[i]);
    }
}

static void a_refused_access_says_who_what_and_where(void **state)
{
    struct vtl_incident incident = page_incident();
    const json_t *line = note(*state, &incident);
    assert_true(json_is_real(json_object_get(line, "time")));
    assert_text(line, "event", "page");
    assert_number(line, "vcpu", 3);
    assert_number(line, "level", 0);
    assert_number(line, "enforcer", 1);
    assert_text(line, "outcome", "delivered");
    assert_text(line, "mode", "S");
    assert_text(line, "pc", "0xffffffff81202010");
    assert_text(line, "symbol", "patch\"\\text+0x10");
    assert_text(line, "bytes", "00a5b023");
    assert_text(line, "instruction", "sd a0, 0(a1)");
    assert_text(line, "access", "write");
    assert_number(line, "size", 8);
    assert_text(line, "address", "0xff60000000003008");
    assert_missing(line, "address_symbol"); /* an alias in the linear map, but by its page it is known: */
    assert_text(line, "physical", "0x80003008");
    assert_text(line, "physical_symbol", "secret+0x8");
    assert_missing(line, "walk");
    assert_number(line, "cause", 7);
}

static void symbols_that_are_placed_need_no_trap_handler(void **state)
{
    struct events_fixture *fixture = *state;
    struct vtl_incident incident = page_incident();
    vtl_events_destroy(fixture->events);
    symbols_move(fixture->symbols, SLIDE);
    fixture->placed = true;
    open_log(fixture, 5);
    incident.stvec = TEXT + SLIDE + 0x5000; /* whole pages from it */
    for (unsigned i = 0; i < 2; i++) {
        const json_t *line = note(fixture, &incident);
        assert_text(line, "symbol", "patch\"\\text+0x10");
        assert_text(line, "physical_symbol", "secret+0x8");
        vtl_events_reset(fixture->events);
    }
}

static void a_kernel_that_has_not_moved_itself_yet_is_named_as_linked(void **state)
{
    struct vtl_incident incident = page_incident();
    incident.stvec = RAM_BASE + 0x123; /* while it boots */
    incident.pc = TEXT + 0x1004;
    assert_text(note(*state, &incident), "symbol", "handle_exception+0x4");
    incident.stvec = TEXT + SLIDE + 0x1000;
    assert_missing(note(*state, &incident), "symbol");
    incident.stvec = RAM_BASE + 0x123; /* what is known stays known */
    incident.pc = TEXT + SLIDE + 0x1004;
    assert_text(note(*state, &incident), "symbol", "handle_exception+0x4");
}

static void programs_and_other_levels_have_no_symbols_of_the_kernel(void **state)
{
    struct vtl_incident incident = page_incident();
    incident.user = true;
    const json_t *line = note(*state, &incident);
    assert_text(line, "mode", "U");
    assert_missing(line, "symbol");
    incident.user = false;
    incident.level = 1;
    assert_missing(note(*state, &incident), "symbol");
}

static void half_an_instruction_is_not_disassembled(void **state)
{
    struct vtl_incident incident = page_incident();
    incident.encoding_size = 2;
    incident.encoding = 0xb023;
    const json_t *line = note(*state, &incident);
    assert_text(line, "bytes", "b023");
    assert_missing(line, "instruction");
    incident.encoding_size = 0;
    line = note(*state, &incident);
    assert_missing(line, "bytes");
}

static void every_kind_has_its_words(void **state)
{
    struct vtl_incident incident = page_incident();
    incident.kind = VTL_INCIDENT_REGISTER;
    incident.outcome = VTL_OUTCOME_FAULT;
    incident.csr = 0x105;
    incident.value = TEXT + SLIDE + 0x1000;
    const json_t *line = note(*state, &incident);
    assert_text(line, "event", "register");
    assert_text(line, "outcome", "fault");
    assert_text(line, "register", "stvec");
    assert_text(line, "value_symbol", "handle_exception+0x0");
    incident.kind = VTL_INCIDENT_START;
    incident.target = 2;
    incident.argument = 0x80200000;
    line = note(*state, &incident);
    assert_text(line, "event", "start");
    assert_number(line, "target", 2);
    assert_text(line, "address", "0x80200000");
    incident.kind = VTL_INCIDENT_STOP;
    assert_text(note(*state, &incident), "event", "stop");
    incident.kind = VTL_INCIDENT_RESET;
    incident.target = 1;
    line = note(*state, &incident);
    assert_text(line, "event", "reset");
    assert_number(line, "type", 1);
    incident.kind = VTL_INCIDENT_ENABLED;
    incident.outcome = VTL_OUTCOME_DONE;
    assert_text(note(*state, &incident), "event", "enabled");
}

static void sleep_for(uint64_t milliseconds)
{
    const struct timespec time = { .tv_sec = (time_t)(milliseconds / 1000),
                                   .tv_nsec = (long)(milliseconds % 1000) * 1000000 };
    nanosleep(&time, NULL);
}

static unsigned count_lines(const struct events_fixture *fixture, const char *event)
{
    unsigned count = 0;
    assert_true(fixture->line_count <= LINES_KEPT);
    for (unsigned i = 0; i < fixture->line_count; i++) {
        count += strcmp(json_string_value(json_object_get(fixture->lines[i], "event")), event) == 0;
    }
    return count;
}

/* What the lines tell of, one each or as dropped. On a slow host some of it is told early. */
static unsigned count_told(const struct events_fixture *fixture)
{
    unsigned count = fixture->line_count - count_lines(fixture, "dropped");
    for (unsigned i = 0; i < fixture->line_count; i++) {
        count += (unsigned)json_integer_value(json_object_get(fixture->lines[i], "count"));
    }
    return count;
}

static void a_flood_is_counted_and_not_written(void **state)
{
    struct events_fixture *fixture = *state;
    const struct vtl_incident incident = page_incident();
    vtl_events_destroy(fixture->events);
    const uint64_t start = alarm_now();
    open_log(fixture, BURST);
    for (unsigned i = 0; i < 1000; i++) {
        vtl_events_note(fixture->events, &incident);
    }
    const uint64_t seconds = (alarm_now() - start) / 1000000000 + 1;
    const unsigned written = fixture->line_count;
    assert_in_range(written, BURST, BURST + 3 * seconds); /* two a second come after the burst, and what was dropped */
    const unsigned dropped = 1000 - count_told(fixture);
    sleep_for(1100);
    vtl_events_note(fixture->events, &incident);
    if (dropped > 0) {
        assert_text(fixture->lines[written], "event", "dropped");
        assert_number(fixture->lines[written], "count", dropped);
    }
    assert_int_equal(fixture->line_count, written + (dropped > 0 ? 2 : 1));
    assert_text(fixture->lines[fixture->line_count - 1], "event", "page");
    assert_int_equal(count_told(fixture), 1001);
}

static void what_was_dropped_last_is_told_at_the_end(void **state)
{
    struct events_fixture *fixture = *state;
    const struct vtl_incident incident = page_incident();
    for (unsigned i = 0; i < 8; i++) {
        vtl_events_note(fixture->events, &incident);
    }
    assert_int_equal(fixture->line_count, 5);
    vtl_events_destroy(fixture->events);
    fixture->events = NULL;
    assert_int_equal(fixture->line_count, 6);
    assert_number(fixture->lines[5], "count", 3);
}

static void no_flood_of_one_sort_hides_another(void **state)
{
    static const enum vtl_incident_kind sorts[] = { VTL_INCIDENT_PAGE, VTL_INCIDENT_REGISTER, VTL_INCIDENT_START };
    static const char *const events[] = { "page", "register", "start" };
    struct events_fixture *fixture = *state;
    struct vtl_incident incident = page_incident();
    for (unsigned sort = 0; sort < 3; sort++) {
        incident.kind = sorts[sort];
        incident.csr = 0x105;
        for (unsigned i = 0; i < 1000; i++) {
            vtl_events_note(fixture->events, &incident);
        }
        assert_int_equal(count_lines(fixture, events[sort]), 5);
    }
    vtl_events_tell(fixture->events, 0, 1, "refused");
    assert_int_equal(fixture->line_count - count_lines(fixture, "dropped"), 16);
    assert_text(fixture->lines[fixture->line_count - 1], "event", "message");
}

static void a_guest_cannot_move_names_that_are_known(void **state)
{
    struct events_fixture *fixture = *state;
    struct vtl_incident incident = page_incident();
    vtl_events_note(fixture->events, &incident);
    incident.stvec += 0x1000;
    vtl_events_note(fixture->events, &incident);
    assert_text(fixture->lines[1], "symbol", "patch\"\\text+0x10");
    vtl_events_reset(fixture->events); /* another kernel, moved by one page more */
    incident.pc += 0x1000;
    vtl_events_note(fixture->events, &incident);
    assert_text(fixture->lines[2], "symbol", "patch\"\\text+0x10");
}

static void the_longest_names_are_still_json(void **state)
{
    struct events_fixture *fixture = *state;
    char map[1600];
    struct error error;
    memset(map, '"', sizeof map);
    memcpy(map, "ffffffff80000000 T _start\nffffffff80001000 T ", 45);
    map[45 + SYMBOLS_NAME_MAX] = '\n';
    memcpy(map + 46 + SYMBOLS_NAME_MAX, "ffffffff80009000 T _end", 23);
    vtl_events_destroy(fixture->events);
    symbols_free(fixture->symbols);
    fixture->symbols = symbols_parse_map("map", map, 69 + SYMBOLS_NAME_MAX, &error);
    assert_non_null(fixture->symbols);
    open_log(fixture, 0);
    struct vtl_incident incident = page_incident();
    incident.pc = incident.address = TEXT + 0x1010;
    incident.physical = RAM_BASE + 0x1010;
    incident.walk = true;
    const json_t *line = note(fixture, &incident);
    assert_int_equal(strlen(json_string_value(json_object_get(line, "physical_symbol"))), SYMBOLS_NAME_MAX + 5);
    assert_true(json_is_true(json_object_get(line, "walk")));
}

static void *note_many(void *context)
{
    struct events_fixture *fixture = context;
    const struct vtl_incident incident = page_incident();
    for (unsigned i = 0; i < 1000; i++) {
        vtl_events_note(fixture->events, &incident);
    }
    return NULL;
}

static void harts_write_whole_lines_beside_each_other(void **state)
{
    struct events_fixture *fixture = *state;
    pthread_t threads[4];
    vtl_events_destroy(fixture->events);
    open_log(fixture, 100000);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, fixture), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(fixture->line_count, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_transfer_says_what_is_known, create, destroy),
        cmocka_unit_test_setup_teardown(a_refused_access_says_who_what_and_where, create, destroy),
        cmocka_unit_test_setup_teardown(symbols_that_are_placed_need_no_trap_handler, create, destroy),
        cmocka_unit_test_setup_teardown(a_kernel_that_has_not_moved_itself_yet_is_named_as_linked, create, destroy),
        cmocka_unit_test_setup_teardown(programs_and_other_levels_have_no_symbols_of_the_kernel, create, destroy),
        cmocka_unit_test_setup_teardown(half_an_instruction_is_not_disassembled, create, destroy),
        cmocka_unit_test_setup_teardown(every_kind_has_its_words, create, destroy),
        cmocka_unit_test_setup_teardown(a_flood_is_counted_and_not_written, create, destroy),
        cmocka_unit_test_setup_teardown(what_was_dropped_last_is_told_at_the_end, create, destroy),
        cmocka_unit_test_setup_teardown(no_flood_of_one_sort_hides_another, create, destroy),
        cmocka_unit_test_setup_teardown(a_guest_cannot_move_names_that_are_known, create, destroy),
        cmocka_unit_test_setup_teardown(the_longest_names_are_still_json, create, destroy),
        cmocka_unit_test_setup_teardown(harts_write_whole_lines_beside_each_other, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
