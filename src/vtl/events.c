/* SPDX-License-Identifier: Apache-2.0 */
#include "vtl/events.h"

#include "core/alarm.h"
#include "core/check.h"
#include "riscv_decode.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND     UINT64_C(1000000000)
#define LINE_SIZE  4096u /* the longest line has three symbols of 511 bytes, all escaped at worst, and 700 more */
#define OFFSET_MAX (UINT64_C(16) << 20) /* of an address from a symbol that still says something about it */
#define PAGE_BITS  UINT64_C(0xfff)

/* Who makes one of these happen in masses, as any kernel can by an instruction or a call, must not drown the others.
 * What is neither comes from higher levels. */
enum kind { KIND_ACCESS, KIND_TRANSFER, KIND_REGISTER, KIND_CALL, KIND_OTHER, KIND_COUNT };

static const enum kind kind_of[VTL_INCIDENT_KIND_COUNT] = {
    [VTL_INCIDENT_PAGE] = KIND_ACCESS,       [VTL_INCIDENT_REGISTER] = KIND_REGISTER,
    [VTL_INCIDENT_START] = KIND_CALL,        [VTL_INCIDENT_STOP] = KIND_CALL,
    [VTL_INCIDENT_RESET] = KIND_CALL,        [VTL_INCIDENT_ENABLED] = KIND_OTHER,
    [VTL_INCIDENT_TRANSFER] = KIND_TRANSFER,
};

/* What may be written still: a burst of lines, and more as time goes by. */
struct budget {
    unsigned line_count;
    uint64_t filled; /* when it was as full as line_count says */
};

struct vtl_events {
    struct vtl_events_config config;
    pthread_mutex_t lock; /* guards what follows, and calls of config.line */
    struct budget budgets[KIND_COUNT];
    uint64_t dropped; /* since the last line that said so */
    uint64_t told;    /* when that was */
    bool has_vector;
    uint64_t vector; /* address of the kernel's trap handler as linked */
    bool has_slide;
    uint64_t slide;     /* what the kernel moved itself by (KASLR) */
    uint64_t link_base; /* address of the kernel's first byte as linked */
    bool has_link_base;
};

/* A line under construction. What does not fit is cut off; the end is kept. */
struct line {
    char text[LINE_SIZE];
    size_t length;
};

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void print(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = LINE_SIZE - line->length;
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void put(struct line *line, char c)
{
    if (line->length < LINE_SIZE - 1) {
        line->text[line->length++] = c;
        line->text[line->length] = '\0';
    }
}

/* The names are the kernel's, so anybody's: nothing that JSON or a terminal would obey gets through. */
static void print_string(struct line *line, const char *text)
{
    put(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c > '~') {
            print(line, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\') {
            put(line, '\\');
        }
        put(line, *text);
    }
    put(line, '"');
}

static void print_hex(struct line *line, const char *key, uint64_t value)
{
    print(line, ",\"%s\":\"0x%" PRIx64 "\"", key, value);
}

static void print_number(struct line *line, const char *key, uint64_t value)
{
    print(line, ",\"%s\":%" PRIu64, key, value);
}

static void print_word(struct line *line, const char *key, const char *word)
{
    print(line, ",\"%s\":\"%s\"", key, word);
}

/* ---- Symbols ---------------------------------------------------------------------------------------------------- */

/* The vector of a kernel that runs is its trap handler's address: a difference of whole pages from where it was linked
 * is how far it was moved. While it boots, the vector is something else. What is known stays known until the machine is
 * reset: the vector is the guest's to write. */
static void learn_slide(struct vtl_events *events, uint64_t stvec)
{
    uint64_t slide = (stvec & ~UINT64_C(3)) - events->vector;
    if (events->has_vector && !events->has_slide && (slide & PAGE_BITS) == 0) {
        events->has_slide = true;
        events->slide = slide;
    }
}

static void print_symbol(struct line *line, const struct vtl_events *events, const char *key, uint64_t linked)
{
    struct symbols_place place;
    if (!symbols_find(events->config.symbols, linked, &place) || place.offset > OFFSET_MAX) {
        return;
    }
    char text[SYMBOLS_NAME_MAX + 32];
    snprintf(text, sizeof text, "%s+0x%" PRIx64, place.name, place.offset);
    print(line, ",\"%s\":", key);
    print_string(line, text);
}

/* Of a virtual address in the kernel of level 0. */
static void print_virtual(struct line *line, const struct vtl_events *events, const struct vtl_incident *incident,
                          const char *key, uint64_t address)
{
    if (events->config.symbols != NULL && incident->level == 0) {
        print_symbol(line, events, key, address - events->slide);
    }
}

static void print_physical(struct line *line, const struct vtl_events *events, const char *key, uint64_t address)
{
    const struct vtl_events_config *config = &events->config;
    uint64_t offset = address - config->kernel;
    if (config->symbols != NULL && events->has_link_base && offset < config->kernel_size) {
        print_symbol(line, events, key, events->link_base + offset);
    }
}

/* ---- Lines ------------------------------------------------------------------------------------------------------ */

static const char *const kinds[VTL_INCIDENT_KIND_COUNT] = {
    [VTL_INCIDENT_PAGE] = "page",         [VTL_INCIDENT_REGISTER] = "register", [VTL_INCIDENT_START] = "start",
    [VTL_INCIDENT_STOP] = "stop",         [VTL_INCIDENT_RESET] = "reset",       [VTL_INCIDENT_ENABLED] = "enabled",
    [VTL_INCIDENT_TRANSFER] = "transfer",
};

static const char *const outcomes[VTL_OUTCOME_COUNT] = {
    [VTL_OUTCOME_DELIVERED] = "delivered", [VTL_OUTCOME_FAULT] = "fault", [VTL_OUTCOME_RETRIED] = "retried",
    [VTL_OUTCOME_SKIPPED] = "skipped",     [VTL_OUTCOME_DONE] = "done",
};

static const char *register_name(uint32_t csr)
{
    static const char *const names[RISCV_PIN_COUNT] = {
        [RISCV_PIN_SATP] = "satp",       [RISCV_PIN_STVEC] = "stvec",           [RISCV_PIN_SSTATUS] = "sstatus",
        [RISCV_PIN_SENVCFG] = "senvcfg", [RISCV_PIN_SCOUNTEREN] = "scounteren",
    };
    enum riscv_pin pin = riscv_pin_of(csr);
    return pin < RISCV_PIN_COUNT ? names[pin] : "unknown";
}

static double seconds_of(const struct vtl_events *events)
{
    return (double)(alarm_now() - events->config.machine->time_origin) / 1e9;
}

static void print_instruction(struct line *line, const struct vtl_events *events, const struct vtl_incident *incident)
{
    if (incident->encoding_size == 0) {
        return;
    }
    print(line, ",\"bytes\":\"%0*" PRIx32 "\"", (int)incident->encoding_size * 2, incident->encoding);
    if (incident->encoding_size == 2 && (incident->encoding & 3) == 3) {
        return; /* half of one */
    }
    char text[128], packed[128];
    riscv_disassemble(text, sizeof text, incident->encoding, incident->pc, &events->config.machine->features);
    size_t length = 0;
    for (const char *c = text; *c != '\0'; c++) { /* columns are for listings */
        if (*c != ' ' || (length > 0 && packed[length - 1] != ' ')) {
            packed[length++] = *c;
        }
    }
    packed[length] = '\0';
    print(line, ",\"instruction\":");
    print_string(line, packed);
}

static void print_access(struct line *line, const struct vtl_incident *incident)
{
    static const char *const accesses[] = {
        [MEMORY_READ] = "read", [MEMORY_WRITE] = "write", [MEMORY_FETCH] = "execute"
    };
    print_word(line, "access", accesses[incident->access]);
    print_number(line, "size", incident->size);
}

static void print_page(struct line *line, const struct vtl_events *events, const struct vtl_incident *incident)
{
    print_access(line, incident);
    print_hex(line, "address", incident->address);
    print_virtual(line, events, incident, "address_symbol", incident->address);
    print_hex(line, "physical", incident->physical);
    print_physical(line, events, "physical_symbol", incident->physical);
    if (incident->walk) {
        print(line, ",\"walk\":true");
    }
    print_number(line, "cause", incident->cause);
}

static void print_details(struct line *line, const struct vtl_events *events, const struct vtl_incident *incident)
{
    switch (incident->kind) {
    case VTL_INCIDENT_PAGE: print_page(line, events, incident); break;
    case VTL_INCIDENT_REGISTER:
        print_word(line, "register", register_name(incident->csr));
        print_hex(line, "value", incident->value);
        print_virtual(line, events, incident, "value_symbol", incident->value);
        break;
    case VTL_INCIDENT_START:
        print_number(line, "target", incident->target);
        print_hex(line, "address", incident->argument);
        print_hex(line, "argument", incident->second);
        break;
    case VTL_INCIDENT_STOP: print_number(line, "target", incident->target); break;
    case VTL_INCIDENT_RESET:
        print_number(line, "type", incident->target);
        print_number(line, "reason", incident->argument);
        break;
    case VTL_INCIDENT_ENABLED: print_number(line, "target", incident->target); break;
    case VTL_INCIDENT_TRANSFER:
        print_access(line, incident);
        print_hex(line, "physical", incident->physical);
        print_physical(line, events, "physical_symbol", incident->physical);
        break;
    case VTL_INCIDENT_KIND_COUNT: break;
    }
}

/* What the instruction's hart was doing. */
static void print_place(struct line *line, const struct vtl_events *events, const struct vtl_incident *incident)
{
    if (incident->vp == VTL_NO_VP) {
        return;
    }
    print_word(line, "mode", incident->user ? "U" : "S");
    print_hex(line, "pc", incident->pc);
    if (!incident->user) {
        print_virtual(line, events, incident, "symbol", incident->pc);
    }
    print_instruction(line, events, incident);
}

static void print_incident(struct line *line, struct vtl_events *events, const struct vtl_incident *incident)
{
    print(line, "{\"time\":%.6f,\"event\":\"%s\"", seconds_of(events), kinds[incident->kind]);
    if (incident->vp != VTL_NO_VP) {
        print_number(line, "vcpu", incident->vp);
    }
    print_number(line, "level", incident->level);
    print_number(line, "enforcer", incident->enforcer);
    print_word(line, "outcome", outcomes[incident->outcome]);
    print_place(line, events, incident);
    print_details(line, events, incident);
    print(line, "}");
}

/* ---- The log ---------------------------------------------------------------------------------------------------- */

static void tell_dropped(struct vtl_events *events)
{
    events->told = alarm_now();
    if (events->dropped > 0) {
        struct line line = { .length = 0 };
        print(&line, "{\"time\":%.6f,\"event\":\"dropped\",\"count\":%" PRIu64 "}", seconds_of(events),
              events->dropped);
        events->dropped = 0;
        events->config.line(events->config.context, line.text);
    }
}

static void refill(struct budget *budget, unsigned burst, uint64_t now)
{
    uint64_t a_line = SECOND * VTL_EVENTS_BURST_SECONDS / burst;
    uint64_t more = (now - budget->filled) / a_line;
    if (more >= burst - budget->line_count) {
        *budget = (struct budget){ .line_count = burst, .filled = now };
    } else {
        budget->line_count += (unsigned)more;
        budget->filled += more * a_line;
    }
}

/* Whether another line of a kind may be written. */
static bool has_room(struct vtl_events *events, enum kind kind)
{
    struct budget *budget = &events->budgets[kind];
    uint64_t now = alarm_now();
    refill(budget, events->config.burst, now);
    if (budget->line_count == 0) {
        events->dropped++;
        return false;
    }
    budget->line_count--;
    if (now - events->told >= SECOND) {
        tell_dropped(events);
    }
    return true;
}

void vtl_events_note(void *context, const struct vtl_incident *incident)
{
    struct vtl_events *events = context;
    pthread_mutex_lock(&events->lock);
    if (has_room(events, kind_of[incident->kind])) {
        struct line line = { .length = 0 };
        if (incident->level == 0 && incident->vp != VTL_NO_VP) {
            learn_slide(events, incident->stvec);
        }
        print_incident(&line, events, incident);
        events->config.line(events->config.context, line.text);
    }
    pthread_mutex_unlock(&events->lock);
}

void vtl_events_tell(struct vtl_events *events, unsigned vp, unsigned level, const char *text)
{
    pthread_mutex_lock(&events->lock);
    if (has_room(events, KIND_OTHER)) {
        struct line line = { .length = 0 };
        print(&line, "{\"time\":%.6f,\"event\":\"message\"", seconds_of(events));
        print_number(&line, "vcpu", vp);
        print_number(&line, "level", level);
        print(&line, ",\"text\":");
        print_string(&line, text);
        print(&line, "}");
        events->config.line(events->config.context, line.text);
    }
    pthread_mutex_unlock(&events->lock);
}

struct vtl_events *vtl_events_create(const struct vtl_events_config *config)
{
    struct vtl_events *events = check_alloc(sizeof *events);
    events->config = *config;
    if (events->config.burst == 0) {
        events->config.burst = VTL_EVENTS_BURST;
    }
    pthread_mutex_init(&events->lock, NULL);
    events->told = alarm_now();
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        events->budgets[i] = (struct budget){ .line_count = events->config.burst, .filled = events->told };
    }
    events->has_slide = config->symbols_are_placed;
    if (config->symbols != NULL) {
        events->has_vector = symbols_address(config->symbols, "handle_exception", &events->vector);
        events->has_link_base = symbols_address(config->symbols, "_start", &events->link_base) ||
                                symbols_address(config->symbols, "_text", &events->link_base);
    }
    return events;
}

void vtl_events_reset(struct vtl_events *events)
{
    if (events != NULL) {
        events->has_slide = events->config.symbols_are_placed;
        events->slide = 0;
    }
}

void vtl_events_destroy(struct vtl_events *events)
{
    if (events != NULL) {
        tell_dropped(events);
        pthread_mutex_destroy(&events->lock);
        free(events);
    }
}
