/* SPDX-License-Identifier: Apache-2.0 */
#include "board/policy.h"

#include "board/secure_kernel_block.h"

#include <string.h>

#define PINS_ALL                                                                                                \
    (SECURE_KERNEL_PIN_SATP | SECURE_KERNEL_PIN_STVEC | SECURE_KERNEL_PIN_SSTATUS | SECURE_KERNEL_PIN_SENVCFG | \
     SECURE_KERNEL_PIN_SCOUNTEREN)
#define WORD_COUNT_MAX 8u

/* A piece of the text, not terminated. */
struct word {
    const char *text;
    size_t length;
};

struct place {
    const char *name;
    unsigned line; /* from 1 */
};

/* A rule whose one word sets or clears a permission. */
struct rule {
    const char *name, *set, *clear;
    enum secure_kernel_permission permission;
};

static const struct rule rules[] = {
    { "mode", "enforce", "observe", SECURE_KERNEL_ENFORCE },
    { "modules", "any", "none", SECURE_KERNEL_MODULES },
    { "bpf", "any", "none", SECURE_KERNEL_BPF },
    { "static-keys", "table", "none", SECURE_KERNEL_STATIC_KEYS },
    { "tracing", "allow", "refuse", SECURE_KERNEL_TRACING },
};
#define RULE_COUNT (sizeof rules / sizeof *rules)
#define RULE_PIN   RULE_COUNT /* its number in the set of rules seen */

static const char *const pins[] = { "satp", "stvec", "sstatus", "senvcfg", "scounteren" }; /* by bit */
#define PIN_COUNT (sizeof pins / sizeof *pins)

void policy_default(struct policy *policy)
{
    *policy = (struct policy){
        .permissions = SECURE_KERNEL_ENFORCE | SECURE_KERNEL_MODULES | SECURE_KERNEL_BPF | SECURE_KERNEL_STATIC_KEYS,
        .pins = PINS_ALL,
    };
}

static bool is(struct word word, const char *text)
{
    return strlen(text) == word.length && memcmp(text, word.text, word.length) == 0;
}

/* Words as messages show them: the start, without bytes that a terminal would obey. */
struct shown {
    char text[24];
};

static struct shown show(struct word word)
{
    struct shown shown = { "" };
    for (size_t i = 0; i < word.length && i < sizeof shown.text - 1; i++) {
        shown.text[i] = '!' <= word.text[i] && word.text[i] <= '~' ? word.text[i] : '?';
    }
    return shown;
}

static bool parse_pins(struct place place, const struct word *words, unsigned count, struct policy *policy,
                       struct error *error)
{
    policy->pins = 0;
    for (unsigned i = 0; i < count; i++) {
        bool whole = is(words[i], "all") || is(words[i], "none");
        size_t pin = 0;
        while (pin < PIN_COUNT && !is(words[i], pins[pin])) {
            pin++;
        }
        if (whole ? count > 1 : pin == PIN_COUNT) {
            return error_set(error,
                             "%s:%u: pin %s: write pin all, pin none, or registers of satp stvec sstatus senvcfg "
                             "scounteren",
                             place.name, place.line, show(words[i]).text);
        }
        policy->pins |= whole ? (is(words[i], "all") ? PINS_ALL : 0) : UINT32_C(1) << pin;
    }
    return true;
}

static bool parse_rule(struct place place, const struct rule *rule, struct word word, struct policy *policy,
                       struct error *error)
{
    if (!is(word, rule->set) && !is(word, rule->clear)) {
        return error_set(error, "%s:%u: %s %s: write %s %s or %s %s", place.name, place.line, rule->name,
                         show(word).text, rule->name, rule->set, rule->name, rule->clear);
    }
    policy->permissions &= ~(uint32_t)rule->permission;
    policy->permissions |= is(word, rule->set) ? rule->permission : 0;
    return true;
}

static bool parse_words(struct place place, const struct word *words, unsigned count, unsigned *seen,
                        struct policy *policy, struct error *error)
{
    size_t number = 0;
    while (number < RULE_COUNT && !is(words[0], rules[number].name)) {
        number++;
    }
    if (number == RULE_COUNT && !is(words[0], "pin")) {
        return error_set(error, "%s:%u: %s is no rule: write mode, modules, bpf, static-keys, tracing or pin",
                         place.name, place.line, show(words[0]).text);
    }
    if ((*seen >> number & 1) != 0) {
        return error_set(error, "%s:%u: there is a rule for %s already: leave one of them out", place.name, place.line,
                         show(words[0]).text);
    }
    *seen |= 1u << number;
    if (number == RULE_PIN ? count < 2 : count != 2) {
        return error_set(error, "%s:%u: %s takes %s: see the manual's page on the secure kernel", place.name,
                         place.line, show(words[0]).text, number == RULE_PIN ? "registers" : "one word");
    }
    return number == RULE_PIN ? parse_pins(place, words + 1, count - 1, policy, error)
                              : parse_rule(place, &rules[number], words[1], policy, error);
}

/* The words of a line up to a comment. False: there are too many. */
static bool split(const char *line, size_t size, struct word words[WORD_COUNT_MAX], unsigned *count)
{
    *count = 0;
    for (size_t i = 0; i < size && line[i] != '#';) {
        if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
            i++;
            continue;
        }
        if (*count == WORD_COUNT_MAX) {
            return false;
        }
        size_t start = i;
        while (i < size && line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '#') {
            i++;
        }
        words[(*count)++] = (struct word){ line + start, i - start };
    }
    return true;
}

bool policy_parse(const char *name, const char *text, size_t size, struct policy *policy, struct error *error)
{
    struct place place = { .name = name };
    unsigned seen = 0;
    policy_default(policy);
    while (size > 0) {
        const char *newline = memchr(text, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - text) : size;
        struct word words[WORD_COUNT_MAX];
        unsigned count;
        place.line++;
        if (!split(text, length, words, &count)) {
            return error_set(error, "%s:%u: a rule has at most %u words: begin a new line for the next one", name,
                             place.line, WORD_COUNT_MAX);
        }
        if (count > 0 && !parse_words(place, words, count, &seen, policy, error)) {
            return false;
        }
        length += newline != NULL ? 1 : 0;
        text += length;
        size -= length;
    }
    return true;
}
