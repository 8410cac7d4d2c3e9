/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/cpu_model.h"

#include "riscv_decode.h"

#include <string.h>

#define NAME_MAX_SHOWN 32 /* characters of a wrong name that an error repeats */

static void add(struct riscv_features *set, enum riscv_extension extension)
{
    set->bits[extension / 64] |= UINT64_C(1) << (extension % 64);
}

static void take(struct riscv_features *set, enum riscv_extension extension)
{
    set->bits[extension / 64] &= ~(UINT64_C(1) << (extension % 64));
}

/* ---- Models ----------------------------------------------------------------------------------------------------- */

static const enum riscv_extension rv64gc[] = {
    RISCV_EXT_I,        RISCV_EXT_M,      RISCV_EXT_A,     RISCV_EXT_F, RISCV_EXT_D, RISCV_EXT_C,    RISCV_EXT_ZICSR,
    RISCV_EXT_ZIFENCEI, RISCV_EXT_ZICNTR, RISCV_EXT_ZIHPM, RISCV_EXT_S, RISCV_EXT_U, RISCV_EXT_SV39,
};

/* Beyond rv64gc: profiles RVA22U64 and RVA22S64, mandatory extensions that are more than a promise. */
static const enum riscv_extension rva22[] = {
    RISCV_EXT_ZIHINTPAUSE, RISCV_EXT_ZBA,    RISCV_EXT_ZBB,   RISCV_EXT_ZBS,    RISCV_EXT_ZICBOM,  RISCV_EXT_ZICBOP,
    RISCV_EXT_ZICBOZ,      RISCV_EXT_ZFHMIN, RISCV_EXT_SVADE, RISCV_EXT_SVPBMT, RISCV_EXT_SVINVAL,
};

/* What `max` leaves to those who ask for it by name. */
static const enum riscv_extension by_name_only[] = {
    RISCV_EXT_SVADE,                        /* the opposite of Svadu, and slower */
    RISCV_EXT_SMCSRIND, RISCV_EXT_SSCSRIND, /* nothing of this machine is behind their windows */
};

static void add_all(struct riscv_features *set, const enum riscv_extension *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(set, list[i]);
    }
}

static bool start_with_model(const char *name, size_t length, struct riscv_features *set, struct error *error)
{
    *set = (struct riscv_features){ { 0 } };
    add_all(set, rv64gc, sizeof rv64gc / sizeof *rv64gc);
    if (length == 6 && memcmp(name, "rv64gc", length) == 0) {
        return true;
    }
    if (length == 5 && memcmp(name, "rva22", length) == 0) {
        add_all(set, rva22, sizeof rva22 / sizeof *rva22);
        return true;
    }
    if (length == 3 && memcmp(name, "max", length) == 0) {
        for (unsigned i = 0; i < RISCV_EXT_COUNT; i++) {
            add(set, (enum riscv_extension)i);
        }
        for (size_t i = 0; i < sizeof by_name_only / sizeof *by_name_only; i++) {
            take(set, by_name_only[i]);
        }
        return true;
    }
    return error_set(error, "there is no CPU model '%.*s'; the models are rv64gc, rva22 and max",
                     (int)(length < NAME_MAX_SHOWN ? length : NAME_MAX_SHOWN), name);
}

/* ---- Wholes and parts ------------------------------------------------------------------------------------------- */

/* Having the whole (and `also`, which may be the whole again) means having the part. */
static const struct {
    enum riscv_extension whole, also, part;
} parts[] = {
    { RISCV_EXT_A, RISCV_EXT_A, RISCV_EXT_ZAAMO },      { RISCV_EXT_A, RISCV_EXT_A, RISCV_EXT_ZALRSC },
    { RISCV_EXT_C, RISCV_EXT_C, RISCV_EXT_ZCA },        { RISCV_EXT_C, RISCV_EXT_D, RISCV_EXT_ZCD },
    { RISCV_EXT_ZFH, RISCV_EXT_ZFH, RISCV_EXT_ZFHMIN },
};
#define PART_COUNT (sizeof parts / sizeof *parts)

static void add_parts(struct riscv_features *set)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (riscv_has(set, parts[i].whole) && riscv_has(set, parts[i].also)) {
            add(set, parts[i].part);
        }
    }
}

/* ---- Changes ---------------------------------------------------------------------------------------------------- */

struct changes {
    struct riscv_features set;            /* as it is after the changes so far */
    struct riscv_features asked, refused; /* by name: the last change of each */
};

static void change(struct changes *changes, enum riscv_extension extension, bool wanted)
{
    if (wanted) {
        add(&changes->set, extension);
        add(&changes->asked, extension);
        take(&changes->refused, extension);
        return;
    }
    take(&changes->set, extension);
    take(&changes->asked, extension);
    add(&changes->refused, extension);
    for (size_t i = 0; i < PART_COUNT; i++) { /* parts stay if they were asked for by name */
        if (parts[i].whole == extension && !riscv_has(&changes->asked, parts[i].part)) {
            take(&changes->set, parts[i].part);
        }
    }
}

static bool extension_by_name(const char *name, size_t length, enum riscv_extension *extension)
{
    for (unsigned i = 0; i < RISCV_EXT_COUNT; i++) {
        const char *known = riscv_extension_name((enum riscv_extension)i);
        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            *extension = (enum riscv_extension)i;
            return true;
        }
    }
    return false;
}

/* One item with its sign. */
static bool apply(struct changes *changes, const char *item, size_t length, struct error *error)
{
    const int shown = (int)(length < NAME_MAX_SHOWN ? length : NAME_MAX_SHOWN);
    if (length < 2 || (item[0] != '+' && item[0] != '-')) {
        return error_set(error, "'%.*s' in the CPU model is no change; write +NAME or -NAME", shown, item);
    }
    bool wanted = item[0] == '+';
    if (length == 2 && item[1] == 'b') {
        change(changes, RISCV_EXT_ZBA, wanted);
        change(changes, RISCV_EXT_ZBB, wanted);
        change(changes, RISCV_EXT_ZBS, wanted);
        return true;
    }
    enum riscv_extension extension;
    if (!extension_by_name(item + 1, length - 1, &extension)) {
        return error_set(error, "there is no extension '%.*s'; the reference page of the instruction set lists them",
                         shown - 1, item + 1);
    }
    if (extension == RISCV_EXT_I && !wanted) {
        return error_set(error, "no CPU is without i, the base instructions; leave -i out");
    }
    change(changes, extension, wanted);
    return true;
}

/* ---- Consistency ------------------------------------------------------------------------------------------------ */

/* An extension that would give `extension` what it needs, or RISCV_EXT_COUNT if no single one would. */
static enum riscv_extension remedy(const struct riscv_features *set, enum riscv_extension extension)
{
    unsigned i = 0;
    for (; i < RISCV_EXT_COUNT; i++) {
        struct riscv_features more = *set;
        add(&more, (enum riscv_extension)i);
        if (riscv_extension_needs_met(&more, extension)) {
            break;
        }
    }
    return (enum riscv_extension)i;
}

static bool lacks(const struct riscv_features *set, enum riscv_extension extension, struct error *error)
{
    const char *name = riscv_extension_name(extension);
    enum riscv_extension missing = remedy(set, extension);
    if (missing == RISCV_EXT_COUNT) {
        return error_set(error, "%s needs several extensions that this CPU lacks; start from a larger model", name);
    }
    const char *needed = riscv_extension_name(missing);
    return error_set(error, "%s needs %s; add +%s or leave +%s out", name, needed, needed, name);
}

/* Drops what lacks what it needs, until nothing does. */
static bool settle(struct changes *changes, struct error *error)
{
    bool again = true;
    while (again) {
        again = false;
        for (unsigned i = 0; i < RISCV_EXT_COUNT; i++) {
            enum riscv_extension extension = (enum riscv_extension)i;
            if (!riscv_has(&changes->set, extension) || riscv_extension_needs_met(&changes->set, extension)) {
                continue;
            }
            if (riscv_has(&changes->asked, extension)) {
                return lacks(&changes->set, extension, error);
            }
            take(&changes->set, extension);
            again = true;
        }
    }
    return true;
}

/* Nothing that was taken away may have come back as a part. */
static bool check_refused(const struct changes *changes, struct error *error)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (riscv_has(&changes->refused, parts[i].part) && riscv_has(&changes->set, parts[i].part)) {
            const char *whole = riscv_extension_name(parts[i].whole);
            const char *part = riscv_extension_name(parts[i].part);
            return error_set(error, "%s is a part of %s; take -%s instead of -%s", part, whole, whole, part);
        }
    }
    return true;
}

bool riscv_cpu_model_parse(const char *text, struct riscv_features *features, struct error *error)
{
    struct changes changes = { 0 };
    size_t length = strcspn(text, ",");
    if (!start_with_model(text, length, &changes.set, error)) {
        return false;
    }
    add_parts(&changes.set);
    text += length;
    while (*text == ',') {
        text++;
        length = strcspn(text, ",");
        if (!apply(&changes, text, length, error)) {
            return false;
        }
        text += length;
    }
    if (!settle(&changes, error)) {
        return false;
    }
    add_parts(&changes.set);
    if (!check_refused(&changes, error)) {
        return false;
    }
    *features = changes.set;
    return true;
}
