/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the secure kernel (guests/secure-kernel/) that only compute, on the host. */
#include "call.h"
#include "kernel.h"
#include "sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct kernel kernel;

void *kernel_allocate(uint64_t size)
{
    return calloc(1, size);
}

/* Rights change in pairs: a page loses the right to be executed, and gets it back. */
static unsigned protect_count;
static uint32_t protect_last;

bool call_protect(struct vp *vp, uint64_t first, uint64_t count, uint32_t rights)
{
    (void)vp;
    (void)first;
    protect_count += (unsigned)count;
    protect_last = rights;
    return true;
}

/* ---- SHA-256 ----------------------------------------------------------------------------------------------------- */

static void assert_digest(const uint8_t *digest, const char *expected)
{
    char text[2 * SHA256_SIZE + 1];
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, expected);
}

static void assert_hash(const char *message, const char *expected)
{
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    sha256_begin(&hash);
    sha256_add(&hash, message, strlen(message));
    sha256_end(&hash, digest);
    assert_digest(digest, expected);
}

/* NIST, "Examples with Intermediate Values"; the others by coreutils' sha256sum. */
static void messages_have_their_published_digests(void **state)
{
    (void)state;
    assert_hash("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_message_may_come_in_pieces(void **state)
{
    (void)state;
    char message[3 * SHA256_BLOCK];
    memset(message, 'a', sizeof message);
    for (size_t size = SHA256_BLOCK - 10; size <= sizeof message; size++) {
        struct sha256 whole, pieces;
        uint8_t digests[2][SHA256_SIZE];
        sha256_begin(&whole);
        sha256_add(&whole, message, size);
        sha256_end(&whole, digests[0]);
        sha256_begin(&pieces);
        sha256_add(&pieces, message, size / 3);
        sha256_add(&pieces, message, size - size / 3);
        sha256_end(&pieces, digests[1]);
        assert_memory_equal(digests[0], digests[1], SHA256_SIZE);
    }
}

/* RFC 4231, test cases 1 and 2; a key shorter than a block is continued by zeros anyway. */
static void codes_are_the_published_ones(void **state)
{
    (void)state;
    uint8_t key[SHA256_SIZE] = { 0 }, mac[SHA256_SIZE];
    memset(key, 0x0b, 20);
    hmac_sha256(key, "Hi ", 3, "There", 5, mac);
    assert_digest(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0, sizeof key);
    memcpy(key, "Jefe", 4);
    hmac_sha256(key, "what do ya want for nothing?", 28, "", 0, mac);
    assert_digest(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* ---- Stores ------------------------------------------------------------------------------------------------------ */

static void each_integer_store_is_understood(void **state)
{
    (void)state;
    const struct {
        uint32_t bits;
        struct store store;
    } cases[] = {
        { 0x00a58023, { 10, 1, 4 } }, /* sb a0, 0(a1) */
        { 0x00a59223, { 10, 2, 4 } }, /* sh a0, 4(a1) */
        { 0xfe112e23, { 1, 4, 4 } },  /* sw ra, -4(sp) */
        { 0x01f5b023, { 31, 8, 4 } }, /* sd t6, 0(a1) */
        { 0xc188, { 10, 4, 2 } },     /* c.sw a0, 0(a1) */
        { 0xe188, { 10, 8, 2 } },     /* c.sd a0, 0(a1) */
        { 0xc02a, { 10, 4, 2 } },     /* c.swsp a0, 0(sp) */
        { 0xe006, { 1, 8, 2 } },      /* c.sdsp ra, 0(sp) */
        { 0x8988, { 10, 1, 2 } },     /* c.sb a0, 0(a1) */
        { 0x8d88, { 10, 2, 2 } },     /* c.sh a0, 0(a1) */
        { 0xffffe188, { 10, 8, 2 } }, /* what stands behind a compressed one does not matter */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store store;
        assert_true(store_decode(cases[i].bits, &store));
        assert_int_equal(store.source, cases[i].store.source);
        assert_int_equal(store.size, cases[i].store.size);
        assert_int_equal(store.length, cases[i].store.length);
    }
}

static void what_is_no_integer_store_is_refused(void **state)
{
    (void)state;
    const uint32_t others[] = {
        0x00a5c023, /* store, width 4: reserved */
        0x00a5b027, /* fsd fa0, 0(a1) */
        0x00a5b52f, /* amoadd.d a0, a0, (a1) */
        0x18a5b52f, /* sc.d a0, a0, (a1) */
        0x0045a00f, /* cbo.zero (a1) */
        0x0005b503, /* ld a0, 0(a1) */
        0xa188,     /* c.fsd fa0, 0(a1) */
        0x8dc8,     /* Zcb, reserved */
        0x0001,     /* c.nop */
        0,
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct store store;
        assert_false(store_decode(others[i], &store));
    }
}

static void stores_are_carried_out_in_aligned_pieces(void **state)
{
    (void)state;
    const uint64_t value = UINT64_C(0x8877665544332211);
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned at = 0; at <= 8; at++) {
            uint8_t bytes[24] __attribute__((aligned(8))) = { 0 };
            store_carry_out((uint64_t)(uintptr_t)(bytes + at), value, size);
            for (unsigned i = 0; i < sizeof bytes; i++) {
                bool stored = i >= at && i < at + size;
                assert_int_equal(bytes[i], stored ? (uint8_t)(value >> 8 * (i - at)) : 0);
            }
        }
    }
}

/* ---- Patches ----------------------------------------------------------------------------------------------------- */

#define START UINT64_C(0xffffffff80000000)
#define SITE  0x100u
#define NOP   UINT32_C(0x00000013)
#define JUMP  UINT32_C(0x0400006f) /* jal zero, 64 */

struct image {
    uint32_t text[1024];
    struct {
        int32_t code, target;
        int64_t key;
    } table[2];
} __attribute__((aligned(4096)));

/* One static key at a site with its jump 64 bytes on, and one in text that is gone. */
static void set_up(struct image *image, uint32_t site)
{
    uint64_t table = START + offsetof(struct image, table);
    image->table[0].code = (int32_t)(START + site - table);
    image->table[0].target = (int32_t)(START + site + 64 - (table + 4));
    image->table[1].code = (int32_t)(sizeof *image + 4096);
    image->table[1].target = image->table[1].code;
    uint64_t at = (uint64_t)(uintptr_t)image;
    kernel = (struct kernel){
        .permissions = SECURE_KERNEL_STATIC_KEYS,
        .image = at,
        .text = { at, at + sizeof image->text },
        .rodata = { at + sizeof image->text, at + sizeof *image },
    };
    kernel.symbols[SECURE_KERNEL_START] = START;
    kernel.symbols[SECURE_KERNEL_JUMP_TABLE] = table;
    kernel.symbols[SECURE_KERNEL_JUMP_TABLE_END] = table + sizeof image->table;
    patch_begin();
}

static void tear_down(void)
{
    free(kernel.sites);
    kernel.sites = NULL;
}

static void a_static_key_takes_its_two_forms_whole(void **state)
{
    (void)state;
    static struct image image;
    set_up(&image, SITE);
    assert_true(patch_is_legitimate(kernel.image + SITE, NOP, 4));
    assert_true(patch_is_legitimate(kernel.image + SITE, JUMP, 4));
    assert_false(patch_is_legitimate(kernel.image + SITE, NOP | (uint64_t)NOP << 32, 8));
    for (unsigned at = 0; at < 4; at++) {
        assert_false(patch_is_legitimate(kernel.image + SITE + at, NOP >> 8 * at, 1));
    }
    tear_down();
}

static void no_mixture_of_a_nop_and_a_jump_is_legitimate(void **state)
{
    (void)state;
    static struct image image;
    set_up(&image, SITE);
    for (unsigned mixture = 1; mixture < 15; mixture++) {
        uint32_t mask = 0;
        for (unsigned byte = 0; byte < 4; byte++) {
            mask |= (mixture >> byte & 1) != 0 ? UINT32_C(0xff) << 8 * byte : 0;
        }
        uint32_t word = (NOP & mask) | (JUMP & ~mask);
        assert_int_equal(patch_is_legitimate(kernel.image + SITE, word, 4), word == NOP || word == JUMP);
    }
    tear_down();
}

static uint32_t word_at(const struct image *image, uint32_t offset)
{
    uint32_t word;
    memcpy(&word, (const char *)image + offset, sizeof word);
    return word;
}

static void the_first_half_of_an_instruction_brings_the_second(void **state)
{
    (void)state;
    static struct image image;
    for (uint32_t site = SITE; site <= SITE + 2; site += 2) {
        set_up(&image, site);
        memcpy((char *)image.text + site, &(uint32_t){ NOP }, 4);
        assert_false(patch_is_legitimate(kernel.image + site + 2, JUMP >> 16, 2)); /* a nop yet */
        assert_true(patch_is_legitimate(kernel.image + site, JUMP & 0xffff, 2));
        assert_int_equal(word_at(&image, site), JUMP);
        assert_false(patch_is_legitimate(kernel.image + site + 2, NOP >> 16, 2));
        assert_true(patch_is_legitimate(kernel.image + site + 2, JUMP >> 16, 2));
        assert_true(patch_is_legitimate(kernel.image + site, NOP & 0xffff, 2));
        assert_int_equal(word_at(&image, site), NOP);
        assert_false(patch_is_legitimate(kernel.image + site + 1, JUMP >> 8 & 0xffff, 2));
        tear_down();
    }
    set_up(&image, SITE + 2);
    assert_false(patch_is_legitimate(kernel.image + SITE + 2, NOP, 4)); /* torn on its way */
    tear_down();
}

static void other_bytes_and_other_places_are_refused(void **state)
{
    (void)state;
    static struct image image;
    set_up(&image, SITE);
    assert_false(patch_is_legitimate(kernel.image + SITE, JUMP + (1u << 21), 4)); /* another target */
    assert_false(patch_is_legitimate(kernel.image + SITE, UINT32_C(0x00008067), 4));
    assert_false(patch_is_legitimate(kernel.image + SITE - 4, NOP, 4));
    assert_false(patch_is_legitimate(kernel.image + SITE + 4, NOP, 4));
    assert_false(patch_is_legitimate(kernel.image + SITE, NOP, 8)); /* runs over its end */
    assert_false(patch_is_legitimate(kernel.image + SITE - 2, NOP << 16, 4));
    assert_false(patch_is_legitimate(kernel.image, NOP, 4));
    kernel.permissions = 0;
    assert_false(patch_is_legitimate(kernel.image + SITE, NOP, 4));
    tear_down();
}

static void a_table_outside_read_only_data_is_not_believed(void **state)
{
    (void)state;
    static struct image image;
    set_up(&image, SITE);
    tear_down();
    kernel.rodata.start += 16;
    patch_begin();
    assert_null(kernel.sites);
    assert_false(patch_is_legitimate(kernel.image + SITE, NOP, 4));
}

/* ---- What is told ------------------------------------------------------------------------------------------------ */

#define SECOND_TICKS UINT64_C(10000000)

static unsigned take_all(const char *what, uint64_t now)
{
    uint64_t untold;
    unsigned count = 0;
    while (budget_take(what, now, &untold)) {
        count++;
    }
    return count;
}

static void a_flood_of_refusals_is_told_of_slowly_and_counted(void **state)
{
    (void)state;
    kernel = (struct kernel){ 0 };
    uint64_t untold = 77;
    assert_int_equal(take_all("flood", 5), 100);
    assert_false(budget_take("flood", 5 + SECOND_TICKS / 10 - 1, &untold));
    assert_true(budget_take("flood", 5 + SECOND_TICKS / 10, &untold));
    assert_int_equal(untold, 2);
    assert_int_equal(take_all("flood", 5 + SECOND_TICKS / 10 + SECOND_TICKS), 10);
    assert_int_equal(take_all("flood", 100 * SECOND_TICKS), 100);
    assert_int_equal(take_all("flood", 0), 0); /* `time` may be set back */
}

static void a_flood_of_one_kind_hides_no_other(void **state)
{
    (void)state;
    static const char kinds[BUDGET_COUNT + 4] = { 0 };
    kernel = (struct kernel){ 0 };
    for (unsigned kind = 0; kind < BUDGET_COUNT; kind++) {
        assert_int_equal(take_all(&kinds[kind], 5), 100);
    }
    assert_int_equal(take_all(&kinds[BUDGET_COUNT], 5), 0); /* there are not so many */
}

/* ---- Tracing ----------------------------------------------------------------------------------------------------- */

#define FUNCTION      0x100u
#define SECOND        0x206u /* crosses words */
#define TRACER        0xf10u
#define TRACER_CALL   0xf20u
#define TRACING       0xf40u
#define NOP_PAIR      UINT64_C(0x0000001300000013)
#define CALL          UINT64_C(0xe10282e700001297) /* auipc t0, 1; jalr t0, -496(t0): FUNCTION to TRACER */
#define CALL_SECOND   UINT64_C(0xd0a282e700001297)
#define CALL_TRACING  UINT64_C(0x020080e700000097) /* auipc ra, 0; jalr ra, 32(ra): TRACER_CALL to TRACING */
#define EBREAK        UINT32_C(0x00100073)
#define PROBED        (FUNCTION + 8u)  /* c.addi sp, -16 */
#define PROBED_LONG   (FUNCTION + 10u) /* addi a0, a0, 1 */
#define LONG_ORIGINAL UINT32_C(0x00150513)

struct traced {
    uint16_t text[2048];
    uint64_t table[4];
} __attribute__((aligned(4096)));

static void put(struct traced *image, uint32_t offset, uint32_t bits)
{
    memcpy((char *)image + offset, &bits, sizeof bits);
}

static uint32_t bits_at(const struct traced *image, uint32_t offset)
{
    uint32_t bits;
    memcpy(&bits, (const char *)image + offset, sizeof bits);
    return bits;
}

static struct traced *set_up_tracing(void)
{
    static struct traced image;
    uint64_t at = (uint64_t)(uintptr_t)&image;
    for (size_t i = 0; i < sizeof image.text / sizeof *image.text; i++) {
        image.text[i] = 0x0001; /* c.nop */
    }
    put(&image, PROBED, 0x00011141);
    put(&image, PROBED_LONG, LONG_ORIGINAL);
    const uint64_t table[] = { START + FUNCTION, START + SECOND, START + SECOND, START + 2 * sizeof image.text };
    memcpy(image.table, table, sizeof table);
    kernel = (struct kernel){
        .permissions = SECURE_KERNEL_TRACING,
        .image = at,
        .text = { at, at + sizeof image.text },
        .init = { at + sizeof image.text, at + sizeof image },
        .tracers = { 0, START + TRACING },
    };
    kernel.symbols[SECURE_KERNEL_START] = START;
    kernel.symbols[SECURE_KERNEL_FUNCTIONS] = START + offsetof(struct traced, table);
    kernel.symbols[SECURE_KERNEL_FUNCTIONS_END] = START + sizeof image.text + sizeof table;
    kernel.symbols[SECURE_KERNEL_TRACER] = START + TRACER;
    kernel.symbols[SECURE_KERNEL_TRACER_CALL] = START + TRACER_CALL;
    protect_count = 0;
    trace_begin();
    return &image;
}

static void tear_down_tracing(void)
{
    free(kernel.functions);
    free(kernel.probes);
}

static bool trace_takes(uint32_t offset, uint64_t value, unsigned size)
{
    struct vp vp = { .number = 0 };
    return trace_permits(&vp, kernel.image + offset, value, size);
}

static void a_function_takes_nops_and_the_call_in_pieces_of_any_size(void **state)
{
    (void)state;
    set_up_tracing();
    assert_int_equal(kernel.function_count, 2);
    const struct {
        uint32_t offset;
        uint64_t form;
    } sites[] = { { FUNCTION, NOP_PAIR },
                  { FUNCTION, CALL },
                  { SECOND, NOP_PAIR },
                  { SECOND, CALL_SECOND },
                  { TRACER_CALL, CALL_TRACING } };
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (unsigned at = 0; at + size <= 8; at += size) {
                assert_true(trace_takes(sites[i].offset + at, sites[i].form >> 8 * at, size));
            }
        }
    }
    tear_down_tracing();
}

static void other_calls_and_other_places_are_refused(void **state)
{
    (void)state;
    set_up_tracing();
    assert_false(trace_takes(FUNCTION, CALL_SECOND, 8)); /* elsewhere */
    assert_false(trace_takes(FUNCTION, CALL_TRACING, 8));
    assert_false(trace_takes(FUNCTION + 2, NOP_PAIR, 8)); /* runs over its end */
    assert_false(trace_takes(FUNCTION - 2, NOP_PAIR << 16, 8));
    assert_false(trace_takes(FUNCTION + 16, NOP_PAIR, 8));
    assert_false(trace_takes(TRACER_CALL, CALL_TRACING + (UINT64_C(1) << 52), 8));
    assert_false(trace_takes(TRACER, NOP_PAIR, 8));
    assert_false(trace_takes(0, CALL, 8));
    kernel.permissions = SECURE_KERNEL_STATIC_KEYS;
    assert_false(trace_takes(FUNCTION, CALL, 8));
    tear_down_tracing();
}

static void an_instruction_becomes_a_breakpoint_and_itself_again_as_a_whole(void **state)
{
    (void)state;
    struct traced *image = set_up_tracing();
    assert_true(trace_takes(PROBED_LONG, EBREAK & 0xffff, 2)); /* its first half brings both */
    assert_int_equal(bits_at(image, PROBED_LONG), EBREAK);
    assert_int_equal(protect_count, 2);
    assert_int_equal(protect_last, ABI_R | ABI_KX | ABI_UX);
    assert_true(trace_takes(PROBED_LONG + 2, EBREAK >> 16, 2)); /* the second finds itself there */
    assert_int_equal(protect_count, 2);
    assert_false(trace_takes(PROBED_LONG + 2, LONG_ORIGINAL >> 16, 2)); /* the second half alone */
    assert_false(trace_takes(PROBED_LONG, LONG_ORIGINAL + (1u << 20), 4));
    assert_true(trace_takes(PROBED_LONG, LONG_ORIGINAL & 0xffff, 2));
    assert_int_equal(bits_at(image, PROBED_LONG), LONG_ORIGINAL);
    assert_true(trace_takes(PROBED_LONG + 2, LONG_ORIGINAL >> 16, 2));
    assert_true(trace_takes(PROBED_LONG, EBREAK, 4));
    assert_true(trace_takes(PROBED_LONG, LONG_ORIGINAL, 4));
    assert_true(trace_takes(PROBED, 0x9002, 2));
    assert_int_equal(bits_at(image, PROBED) & 0xffff, 0x9002);
    assert_int_equal(bits_at(image, PROBED_LONG), LONG_ORIGINAL);
    assert_int_equal(kernel.probe_count, 1);
    assert_true(trace_takes(PROBED, 0x1141, 2));
    assert_int_equal(kernel.probe_count, 0);
    tear_down_tracing();
}

static void no_breakpoint_changes_the_length_or_the_middle_of_an_instruction(void **state)
{
    (void)state;
    struct traced *image = set_up_tracing();
    assert_false(trace_takes(PROBED, EBREAK & 0xffff, 2));
    assert_false(trace_takes(PROBED, EBREAK, 4));
    assert_false(trace_takes(PROBED_LONG, 0x9002, 2));
    assert_false(trace_takes(PROBED_LONG + 2, 0x9002, 2));
    assert_false(trace_takes(PROBED_LONG + 2, EBREAK & 0xffff, 2));
    assert_false(trace_takes(PROBED + 1, EBREAK & 0xffff, 2));
    assert_false(trace_takes(PROBED, 0x02, 1));
    assert_false(trace_takes(FUNCTION, 0x9002, 2));     /* tracing has it */
    assert_false(trace_takes(FUNCTION - 2, 0x9002, 2)); /* before the first function */
    assert_false(trace_takes(PROBED, 0x0001, 2));       /* another instruction */
    assert_int_equal(bits_at(image, PROBED_LONG), LONG_ORIGINAL);
    assert_int_equal(protect_count, 0);
    tear_down_tracing();
}

static void there_are_as_many_breakpoints_as_there_is_room_for(void **state)
{
    (void)state;
    set_up_tracing();
    kernel.probe_count = 4096;
    assert_false(trace_takes(PROBED, 0x9002, 2));
    kernel.probe_count = 4095;
    assert_true(trace_takes(PROBED, 0x9002, 2));
    tear_down_tracing();
}

static void a_table_of_functions_that_was_not_in_the_image_is_not_believed(void **state)
{
    (void)state;
    set_up_tracing();
    tear_down_tracing();
    kernel.functions = NULL;
    kernel.probes = NULL;
    kernel.function_count = 0;
    kernel.init.start += 16;
    trace_begin();
    assert_null(kernel.functions);
    assert_false(trace_takes(FUNCTION, CALL, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_their_published_digests),
        cmocka_unit_test(a_message_may_come_in_pieces),
        cmocka_unit_test(codes_are_the_published_ones),
        cmocka_unit_test(each_integer_store_is_understood),
        cmocka_unit_test(what_is_no_integer_store_is_refused),
        cmocka_unit_test(stores_are_carried_out_in_aligned_pieces),
        cmocka_unit_test(a_static_key_takes_its_two_forms_whole),
        cmocka_unit_test(no_mixture_of_a_nop_and_a_jump_is_legitimate),
        cmocka_unit_test(the_first_half_of_an_instruction_brings_the_second),
        cmocka_unit_test(other_bytes_and_other_places_are_refused),
        cmocka_unit_test(a_table_outside_read_only_data_is_not_believed),
        cmocka_unit_test(a_flood_of_refusals_is_told_of_slowly_and_counted),
        cmocka_unit_test(a_flood_of_one_kind_hides_no_other),
        cmocka_unit_test(a_function_takes_nops_and_the_call_in_pieces_of_any_size),
        cmocka_unit_test(other_calls_and_other_places_are_refused),
        cmocka_unit_test(an_instruction_becomes_a_breakpoint_and_itself_again_as_a_whole),
        cmocka_unit_test(no_breakpoint_changes_the_length_or_the_middle_of_an_instruction),
        cmocka_unit_test(there_are_as_many_breakpoints_as_there_is_room_for),
        cmocka_unit_test(a_table_of_functions_that_was_not_in_the_image_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
