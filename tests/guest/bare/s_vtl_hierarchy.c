/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen levels, each with rights of its own: whatever the levels above deny, together, is denied, and the lowest of
 * those that deny is told. Needs --trust-levels 16 and one hart.
 */
#include "vtl.h"

#define LEVELS 16u
static uint8_t playground[4 * PAGE] __attribute__((aligned(4096)));
#define page ((uint64_t)playground)

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static uint64_t turn_on(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    return 0;
}

static uint64_t set(uint64_t flags)
{
    return vtl_protect((uint32_t)flags, page);
}

/* The level that is told of a store by the running level; 0: none. */
static uint64_t who_is_told(uint64_t argument)
{
    (void)argument;
    uint64_t counts[LEVELS], told = 0;
    for (uint64_t level = 1; level < LEVELS; level++) {
        counts[level] = slot_of(level, 0)->intercepts;
    }
    store(page + 64, 8, 1);
    for (uint64_t level = 1; level < LEVELS; level++) {
        if (slot_of(level, 0)->intercepts != counts[level]) {
            told = told * 16 + level;
        }
    }
    return told;
}

static uint64_t granted(uint64_t argument)
{
    (void)argument;
    uint32_t flags;
    expect(vtl_check(VTL_CALLER, VALL, page, &flags) == OK);
    return flags & (VR | VW | VKX);
}

static void one_by_one(void)
{
    for (uint64_t enforcer = 1; enforcer < LEVELS; enforcer++) {
        note_is(vtl_at_level(enforcer, set, VR), OK, enforcer);
        for (uint64_t level = 0; level < LEVELS; level++) {
            note_is(vtl_at_level(level, who_is_told, 0), level < enforcer ? enforcer : 0, enforcer << 4 | level);
        }
        vtl_at_level(enforcer, set, VALL);
    }
    rule_noted("the mask of each level binds all levels below it and none else");
}

static void together(void)
{
    for (uint64_t enforcer = LEVELS - 1; enforcer > 0; enforcer--) {
        vtl_at_level(enforcer, set, VR);
        note_is(who_is_told(0), enforcer, enforcer);
        note_is(vtl_at_level(enforcer, who_is_told, 0), enforcer == LEVELS - 1 ? 0 : enforcer + 1, enforcer | 0x100);
    }
    rule_noted("of several levels that refuse the lowest above is told");
    for (uint64_t enforcer = 1; enforcer < LEVELS; enforcer++) {
        note_is(who_is_told(0), enforcer, enforcer);
        vtl_at_level(enforcer, set, VALL);
    }
    note_is(who_is_told(0), 0, 0);
    rule_noted("each takes back only its own refusal");
}

static void at_random(void)
{
    static const uint8_t legal[] = { 0, VR, VR | VKX, VR | VW, VALL };
    uint64_t state = SEED * UINT64_C(0x9e3779b97f4a7c15) | 1;
    uint8_t mask[LEVELS + 1];
    for (unsigned i = 0; i <= LEVELS; i++) {
        mask[i] = VALL;
    }
    for (unsigned round = 0; round < 150; round++) {
        uint64_t enforcer = 1 + bare_random(&state) % (LEVELS - 1);
        mask[enforcer] = legal[bare_random(&state) % sizeof legal];
        vtl_at_level(enforcer, set, mask[enforcer]);
        uint64_t asker = bare_random(&state) % LEVELS;
        uint8_t want = VALL;
        for (uint64_t level = asker + 1; level < LEVELS; level++) {
            want &= mask[level];
        }
        note_is(vtl_at_level(asker, granted, 0), want & (VR | VW | VKX), round);
    }
    rule_noted("what a level may do is what no level above denies, for random masks of all");
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    for (uint64_t level = 1; level < LEVELS; level++) {
        vtl_at_level(level - 1, raise, level);
        vtl_at_level(level, turn_on, 0);
    }
    rule_is("all sixteen levels are enabled", vtl_read(NAME_PARTITION_STATUS) & 0xfffff, 0xfffff);
    rule_is("on the VP as well", vtl_read(NAME_VP_STATUS) >> 16, 0xffff);
    one_by_one();
    together();
    at_random();
    return rule_end();
}
