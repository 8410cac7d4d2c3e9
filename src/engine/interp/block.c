/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp/block.h"

#include "core/check.h"
#include "engine/code.h"
#include "riscv_decode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Instructions whose handlers look at the vCPU's pc and retired count: they stand first in a block, where both are
 * what the last block left. */
#define EFFECTS_THAT_NEED_EXACT_STATE \
    (RISCV_EFFECT_CHANGES_MODE | RISCV_EFFECT_CHANGES_TRANSLATION | RISCV_EFFECT_STOPS | RISCV_EFFECT_READS_TIME)

static size_t block_memory(unsigned count, unsigned size)
{
    size_t bytes = sizeof(struct interp_block) + (count + 1) * sizeof(struct interp_op) + size;
    return (bytes + 15) & ~(size_t)15;
}

void block_cache_init(struct block_cache *cache, const void *const *labels)
{
    *cache = (struct block_cache){ .labels = labels, .limit = BLOCK_COUNT_MAX };
    cache->pool =
        mmap(NULL, BLOCK_POOL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(cache->pool != MAP_FAILED);
    cache->scratch = check_alloc(block_memory(1, 4));
}

void block_cache_fini(struct block_cache *cache)
{
    munmap(cache->pool, BLOCK_POOL_SIZE);
    free(cache->scratch);
}

void block_cache_flush(struct block_cache *cache)
{
    memset(cache->buckets, 0, sizeof cache->buckets);
    cache->pool_used = 0;
    cache->flush_count++;
}

static bool bytes_unchanged(const struct interp_block *block)
{
    for (unsigned i = 0; i < block->size; i += 2) {
        const uint8_t *host = block->second != NULL && i == 2 ? block->second : block->host + i;
        uint16_t then;
        memcpy(&then, block->bytes + i, sizeof then);
        if (code_parcel(host) != then) {
            return false;
        }
    }
    return true;
}

uint32_t block_encoding(const struct interp_block *block, const struct interp_op *op)
{
    uint32_t bits = 0;
    memcpy(&bits, block->bytes + op->offset, op->length);
    return bits;
}

/* -- Decoding ----------------------------------------------------------------------------------------------------- */

static bool is_compressed(uint16_t first)
{
    return (first & 3) != 3;
}

static void close_block(const struct block_cache *cache, struct interp_op *op, unsigned offset)
{
    *op = (struct interp_op){ .handler = cache->labels[LABEL_END], .offset = (uint16_t)offset };
}

/* Fills op from the instruction's bits; true if the block ends with it. */
static bool fill_op(const struct block_cache *cache, const struct riscv_cpu *cpu, uint32_t bits, unsigned offset,
                    struct interp_op *op, uint32_t *effects)
{
    struct riscv_decoded decoded;
    op->offset = (uint16_t)offset;
    op->length = is_compressed((uint16_t)bits) ? 2 : 4;
    if (!riscv_decode(bits, &cpu->features, &decoded)) {
        op->handler = cache->labels[LABEL_ILLEGAL];
        *effects = 0;
        return true;
    }
    op->handler = cache->labels[decoded.meaning];
    op->imm = decoded.imm;
    memcpy(op->r, decoded.r, sizeof op->r);
    *effects = riscv_insn_info[decoded.meaning].effects;
    return riscv_insn_info[decoded.meaning].ends_block;
}

/* Decodes from `host` (page_left bytes up to the end of its page) into block, whose memory takes the longest block. The
 * first instruction lies in this page whole, as its first parcel says, which is not read again: another vCPU may have
 * written it. */
static void fill_block(const struct block_cache *cache, const struct riscv_cpu *cpu, const uint8_t *host,
                       uint16_t first, unsigned page_left, struct interp_block *block, uint8_t *bytes)
{
    unsigned offset = 0, count = 0;
    bool ended = false;
    while (!ended && count < cache->limit && offset < page_left) {
        uint32_t bits = offset == 0 ? first : code_parcel(host + offset);
        unsigned length = is_compressed((uint16_t)bits) ? 2 : 4;
        if (offset + length > page_left) {
            break;
        }
        if (length == 4) {
            bits |= (uint32_t)code_parcel(host + offset + 2) << 16;
        }
        uint32_t effects;
        ended = fill_op(cache, cpu, bits, offset, &block->ops[count], &effects);
        if (count > 0 && (effects & EFFECTS_THAT_NEED_EXACT_STATE) != 0) {
            break;
        }
        memcpy(bytes + offset, &bits, length);
        offset += length;
        count++;
    }
    block->count = (uint16_t)count;
    block->size = (uint16_t)offset;
    close_block(cache, &block->ops[count], offset);
}

struct interp_block *block_create_single(void)
{
    return check_alloc(block_memory(1, 4));
}

void block_fill_single(const struct block_cache *cache, const struct riscv_cpu *cpu, uint32_t encoding,
                       struct interp_block *block)
{
    uint8_t *bytes = (uint8_t *)&block->ops[2];
    uint32_t effects;
    memset(block, 0, sizeof *block);
    fill_op(cache, cpu, encoding, 0, &block->ops[0], &effects);
    block->count = 1;
    block->size = block->ops[0].length;
    block->bytes = bytes;
    memcpy(bytes, &encoding, sizeof encoding);
    close_block(cache, &block->ops[1], block->size);
}

/* -- Finding ------------------------------------------------------------------------------------------------------ */

static struct interp_block *lookup(const struct block_cache *cache, const uint8_t *host)
{
    struct interp_block *block = cache->buckets[block_bucket(host)];
    while (block != NULL && block->host != host) {
        block = block->bucket;
    }
    return block;
}

static void remove_block(struct block_cache *cache, struct interp_block *dead)
{
    struct interp_block **link = &cache->buckets[block_bucket(dead->host)];
    while (*link != dead) {
        link = &(*link)->bucket;
    }
    *link = dead->bucket;
    dead->host = NULL;
    dead->epoch = 0; /* code epochs start at 1: no chain leads here any more */
}

static struct interp_block *new_block(struct block_cache *cache)
{
    if (cache->pool_used + block_memory(BLOCK_COUNT_MAX, 4 * BLOCK_COUNT_MAX) > BLOCK_POOL_SIZE) {
        block_cache_flush(cache);
    }
    return (void *)(cache->pool + cache->pool_used);
}

/* Puts a filled block with its bytes into the cache. */
static void keep_block(struct block_cache *cache, struct interp_block *block, const uint8_t *host, const uint8_t *bytes)
{
    uint8_t *copy = (uint8_t *)&block->ops[block->count + 1];
    memcpy(copy, bytes, block->size);
    block->bytes = copy;
    block->host = host;
    block->taken = block->fall = NULL;
    block->heat = cache->first_heat;
    block->bucket = cache->buckets[block_bucket(host)];
    cache->buckets[block_bucket(host)] = block;
    cache->pool_used += block_memory(block->count, block->size);
}

static struct interp_block *build(struct block_cache *cache, const struct riscv_cpu *cpu, const uint8_t *host,
                                  uint16_t first, unsigned page_left)
{
    uint8_t bytes[4 * BLOCK_COUNT_MAX];
    struct interp_block *block = new_block(cache);
    fill_block(cache, cpu, host, first, page_left, block, bytes);
    block->epoch = cpu->code_epoch;
    block->second = NULL;
    keep_block(cache, block, host, bytes);
    return block;
}

static struct interp_block *build_across(struct block_cache *cache, const struct riscv_cpu *cpu, const uint8_t *host,
                                         uint16_t first, const uint8_t *second)
{
    uint32_t bits = first | (uint32_t)code_parcel(second) << 16, effects;
    struct interp_block *block = new_block(cache);
    fill_op(cache, cpu, bits, 0, &block->ops[0], &effects);
    close_block(cache, &block->ops[1], sizeof bits);
    block->count = 1;
    block->size = sizeof bits;
    block->epoch = 0;
    block->second = second;
    keep_block(cache, block, host, (const uint8_t *)&bits);
    return block;
}

/* One instruction fetched parcel by parcel through all checks; not cached. */
static struct interp_block *build_scratch(struct block_cache *cache, struct riscv_cpu *cpu, uint64_t pc)
{
    uint16_t low, high = 0;
    if (!riscv_fetch16(cpu, pc, &low)) {
        return NULL;
    }
    if (!is_compressed(low) && !riscv_fetch16(cpu, pc + 2, &high)) {
        return NULL;
    }
    struct interp_block *block = cache->scratch;
    uint32_t bits = low | (uint32_t)high << 16, effects;
    uint8_t *copy = (uint8_t *)&block->ops[2];
    memcpy(copy, &bits, sizeof bits);
    fill_op(cache, cpu, bits, 0, &block->ops[0], &effects);
    *block = (struct interp_block){ .bytes = copy, .count = 1, .size = block->ops[0].length };
    close_block(cache, &block->ops[1], block->size);
    return block;
}

/* Where the bytes at pc are, if they may be fetched and the page can be had as a whole. False: a trap is recorded. */
static bool host_at(struct riscv_cpu *cpu, uint64_t pc, const uint8_t **host)
{
    const uint8_t *page;
    if (!riscv_fetch_page(cpu, pc, &page)) {
        return false;
    }
    *host = page != NULL ? page + (pc & PAGE_MASK) : NULL;
    return true;
}

static struct interp_block *find_across(struct block_cache *cache, struct riscv_cpu *cpu, uint64_t pc,
                                        const uint8_t *host, uint16_t first)
{
    const uint8_t *second;
    if (!host_at(cpu, pc + 2, &second)) {
        return NULL;
    }
    if (second == NULL) {
        return build_scratch(cache, cpu, pc);
    }
    struct interp_block *block = lookup(cache, host);
    if (block != NULL && (block->second != second || !bytes_unchanged(block))) {
        remove_block(cache, block);
        block = NULL;
    }
    return block != NULL ? block : build_across(cache, cpu, host, first, second);
}

struct interp_block *block_find(struct block_cache *cache, struct riscv_cpu *cpu, uint64_t pc)
{
    const uint8_t *host;
    if (!host_at(cpu, pc, &host)) {
        return NULL;
    }
    if (host == NULL) {
        return build_scratch(cache, cpu, pc);
    }
    unsigned page_left = (unsigned)(PAGE_SIZE - (pc & PAGE_MASK));
    uint16_t first = code_parcel(host);
    if (page_left == 2 && !is_compressed(first)) {
        return find_across(cache, cpu, pc, host, first);
    }
    struct interp_block *block = lookup(cache, host);
    if (block != NULL && block->epoch != cpu->code_epoch) {
        if (block->second == NULL && bytes_unchanged(block)) {
            block->epoch = cpu->code_epoch;
        } else {
            remove_block(cache, block);
            block = NULL;
        }
    }
    return block != NULL ? block : build(cache, cpu, host, first, page_left);
}
