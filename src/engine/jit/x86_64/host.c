/* SPDX-License-Identifier: Apache-2.0 */
/* The x86-64 back end: engine/jit/host.h. How a region is compiled stands in compile.h. */
#include "engine/jit/host.h"

#include "arch/riscv/inside.h"
#include "engine/jit/x86_64/code_memory.h"
#include "engine/jit/x86_64/compile.h"
#include "float/float.h"

#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>
#include <cpuid.h>

#define REGION_SIZE_MIN 256u /* room that makes writing beyond the end safe: see emit.h */

#define JUMP_NONE       1u /* no instruction is at an odd address */

#define NOTED_MAX       1024u

/* Which members of a table were set, unless there were too many: guests flush often, and mostly little. */
struct noted {
    unsigned count; /* NOTED_MAX: any may be set */
    uint32_t members[NOTED_MAX];
};

struct host {
    struct riscv_cpu *cpu;
    struct code_memory memory;
    struct runtime_data *data;
    struct runtime runtime;
    struct host_features features;
    uint32_t code_limit;
    uint32_t used;       /* code memory in use */
    uint32_t link_count; /* link cells in use */
    uint32_t memo_count; /* memos in use */
    uint64_t random;     /* adversity: see adversity_seed() */
    unsigned flush_one;  /* adversity: a flush is wanted at one of so many regions */
    uint32_t link_stubs[HOST_LINK_COUNT];
    struct undo undo;            /* of all code */
    struct noted linked, jumped; /* link cells and jump cache entries that lead somewhere */
    struct compile compile;      /* kept for its tables */
    size_t node_room, block_room;
};

/* -- Life ---------------------------------------------------------------------------------------------------------- */

/* Intel SDM volume 2, CPUID, 80000001h, ECX. */
enum { EXTENDED_LAHF = 1u << 0 /* in 64-bit mode */, EXTENDED_LZCNT = 1u << 5 };

static bool has_extended(unsigned feature)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & feature) != 0;
}

static struct host_features ask_processor(void)
{
    __builtin_cpu_init();
    return (struct host_features){
        .avx = __builtin_cpu_supports("avx") != 0,
        .bmi1 = __builtin_cpu_supports("bmi") != 0,
        .bmi2 = __builtin_cpu_supports("bmi2") != 0,
        .lzcnt = has_extended(EXTENDED_LZCNT), /* where it is missing its bytes are BSR's */
        .popcnt = __builtin_cpu_supports("popcnt") != 0,
        .fma = __builtin_cpu_supports("fma") != 0,
        .ssse3 = __builtin_cpu_supports("ssse3") != 0,
        .sse41 = __builtin_cpu_supports("sse4.1") != 0,
        .sse42 = __builtin_cpu_supports("sse4.2") != 0,
        .lahf = has_extended(EXTENDED_LAHF),
    };
}

/* For tests: RAVELIN_JIT_ADVERSITY=n (not 0) makes choices at random from that seed: fewer registers, fewer processor
 * features, little code memory (a whole system does little but translate in it), flushes for no reason. */
static uint64_t adversity_seed(void)
{
    const char *text = getenv("RAVELIN_JIT_ADVERSITY");
    return text == NULL ? 0 : strtoull(text, NULL, 0);
}

#define ADVERSITY_CODE_MIN (16u << 10)
#define ADVERSITY_FLUSH    512u /* at most so many regions without a flush, on average */

/* Bit n of `shown` is 0: feature n is hidden. */
static void hide_features(struct host_features *features, unsigned shown)
{
    features->bmi1 = features->bmi1 && (shown & 1) != 0;
    features->bmi2 = features->bmi2 && (shown & 2) != 0;
    features->lzcnt = features->lzcnt && (shown & 4) != 0;
    features->popcnt = features->popcnt && (shown & 8) != 0;
    features->avx = features->avx && (shown & 16) != 0;
    features->fma = features->fma && (shown & 32) != 0;
    features->sse41 = features->sse41 && (shown & 64) != 0;
    features->sse42 = features->sse42 && (shown & 128) != 0;
    features->ssse3 = features->ssse3 && (shown & 256) != 0;
    features->lahf = features->lahf && (shown & 512) != 0;
}

/* Of an even seed and the next, one shows what the other hides: two runs try all that depends on a single feature.
 * Eight try all amounts of code memory; where there is less, flushes are left to that. */
static void be_adverse(struct host *host)
{
    struct compile *compile = &host->compile;
    const bool is_odd = (host->random & 1) != 0;
    compile->random = host->random >> 1;
    const unsigned shown = random_below(compile, 1024);
    hide_features(&host->features, is_odd ? ~shown : shown);
    compile->random += is_odd;
    const unsigned step = (unsigned)(host->random >> 1 & 3);
    host->code_limit = ADVERSITY_CODE_MIN << 2 * step;
    host->flush_one = ADVERSITY_FLUSH >> 2 * step;
}

static struct emit begin_emit(struct host *host)
{
    return (struct emit){ .memory = host->memory.writable,
                          .begin = host->used,
                          .cursor = host->used,
                          .limit = host->code_limit,
                          .data = host->memory.code_size };
}

static void fill_constants(struct runtime_data *data)
{
    for (unsigned i = 0; i < 2; i++) {
        data->nan32[i] = float_canonical_nan32 | (uint64_t)float_canonical_nan32 << 32;
        data->nan64[i] = float_canonical_nan64;
        data->ones[i] = UINT64_MAX;
        data->not_nan32[i] = ~data->nan32[i];
        data->not_nan64[i] = ~data->nan64[i];
        data->table_bias[i] = UINT64_C(0x7070707070707070);
    }
}

struct host *host_create(struct riscv_cpu *cpu, struct error *error)
{
    struct host *host = check_alloc(sizeof *host);
    uint32_t data_size = ((uint32_t)sizeof(struct runtime_data) + PAGE_MASK) & ~(uint32_t)PAGE_MASK;
    if (!code_memory_create(&host->memory, HOST_CODE_SIZE, data_size, error)) {
        free(host);
        return NULL;
    }
    host->cpu = cpu;
    host->data = (struct runtime_data *)(void *)host->memory.data;
    host->code_limit = HOST_CODE_SIZE;
    host->features = ask_processor();
    host->random = adversity_seed();
    if (host->random != 0) {
        be_adverse(host);
    }
    fill_constants(host->data);
    struct emit emit = begin_emit(host);
    host->compile.interruptible = cpu->reader != NULL;
    runtime_emit(&host->runtime, &emit, host->compile.interruptible);
    CHECK(!emit.overflow);
    host->jumped.count = NOTED_MAX;
    host_flush(host);
    return host;
}

void host_destroy(struct host *host)
{
    if (host == NULL) {
        return;
    }
    code_memory_destroy(&host->memory);
    free(host->compile.nodes);
    free(host->compile.blocks);
    free(host->compile.order);
    free(host->compile.aliases);
    free(host->compile.jumps);
    free(host->compile.stubs);
    undo_fini(&host->compile.undo);
    undo_fini(&host->undo);
    free(host);
}

/* -- Compiling ----------------------------------------------------------------------------------------------------- */

static void clear_tables(struct compile *compile)
{
    compile->stub_count = compile->jump_count = compile->pin_count = 0;
    compile->pinned_gpr = compile->pinned_xmm = 0;
    undo_clear(&compile->undo);
    compile->failed = compile->uses_xmm = compile->uses_vectors = false;
}

/* Room for a region's tables, zeroed. */
static void prepare_tables(struct host *host, const struct ir_region *region)
{
    struct compile *compile = &host->compile;
    if (host->node_room < region->value_count) {
        host->node_room = region->value_count * 2ul;
        compile->nodes = check_realloc(compile->nodes, host->node_room * sizeof compile->nodes[0]);
    }
    if (host->block_room < region->block_count) {
        host->block_room = region->block_count * 2ul;
        compile->blocks = check_realloc(compile->blocks, host->block_room * sizeof compile->blocks[0]);
        compile->order = check_realloc(compile->order, host->block_room * sizeof(struct ir_block *));
    }
    memset(compile->nodes, 0, region->value_count * sizeof compile->nodes[0]);
    memset(compile->blocks, 0, region->block_count * sizeof compile->blocks[0]);
    clear_tables(compile);
}

static uint32_t count_links(const struct ir_region *region)
{
    uint32_t count = 0;
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        count += block->last->op == IR_EXIT;
    }
    return count;
}

/* One for each link: what its cell leads to while it is not linked. */
static void emit_link_stubs(struct host *host, uint32_t first, uint32_t count)
{
    struct emit *emit = &host->compile.emit;
    for (uint32_t link = first; link < first + count; link++) {
        host->link_stubs[link] = emit->cursor;
        emit_mov_ri(emit, REG_RAX, link);
        emit_jump_to(emit, CC_ALWAYS, host->runtime.leave_link);
    }
}

static void unlink_range(struct host *host, uint32_t first, uint32_t count)
{
    for (uint32_t link = first; link < first + count; link++) {
        host->data->links[link] = host->memory.executable + host->link_stubs[link];
    }
}

static void patch_jumps(struct compile *compile)
{
    for (unsigned i = 0; i < compile->jump_count; i++) {
        emit_patch(&compile->emit, compile->jumps[i].place, compile->blocks[compile->jumps[i].block].start);
    }
}

static struct ir_block *heaviest_target(const struct compile *compile, const struct ir_block *block)
{
    struct ir_block *best = NULL;
    for (unsigned i = 0; i < block->last->target_count; i++) {
        struct ir_block *target = block->last->targets[i];
        if (!compile->blocks[target->number].is_placed && (best == NULL || target->weight > best->weight)) {
            best = target;
        }
    }
    return best;
}

/* The order of blocks in memory: after each the likeliest of its successors that is left, blocks that leave the region
 * at once at the end. Numbers links, in the order of the IR. */
static void lay_out(struct compile *compile, const struct host_request *request)
{
    uint32_t count = 0, link = request->first_link;
    for (struct ir_block *block = request->region->blocks; block != NULL; block = block->next) {
        if (block->last->op == IR_EXIT) {
            compile->blocks[block->number].link = link++;
        }
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        for (struct ir_block *first = request->region->blocks; first != NULL; first = first->next) {
            struct ir_block *block = first;
            while (block != NULL && !compile->blocks[block->number].is_placed &&
                   (block->weight != 0 || pass == 1 || count == 0)) {
                compile->blocks[block->number].is_placed = true;
                compile->order[count++] = block;
                block = heaviest_target(compile, block);
            }
        }
    }
    CHECK(count == request->region->block_count);
}

/* What is kept of a compilation, so that its blocks can be entered. */
struct host_blocks {
    uint32_t first_memo;
    unsigned memo_count;
    unsigned pin_count;
    struct pin pins[PINS_MAX];
    struct kept_block {
        uint32_t start, live_in;
        bool is_loop_head;
    } blocks[];
};

static struct host_blocks *keep_blocks(const struct compile *compile, size_t *size)
{
    const struct ir_region *region = compile->request->region;
    struct host_blocks *kept;
    *size = sizeof *kept + region->block_count * sizeof kept->blocks[0];
    kept = check_alloc(*size);
    kept->first_memo = compile->first_memo;
    kept->memo_count = compile->memo_count;
    kept->pin_count = compile->pin_count;
    memcpy(kept->pins, compile->pins, sizeof kept->pins);
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        const struct block_facts *facts = &compile->blocks[block->number];
        kept->blocks[block->number] = (struct kept_block){ facts->start, facts->live_in, block->is_loop_head };
    }
    return kept;
}

bool host_add_entry(struct host *host, const struct host_request *request, const struct host_blocks *blocks,
                    uint32_t number, uint64_t pc, struct host_entry *entry)
{
    struct compile *compile = &host->compile;
    const struct kept_block *block = &blocks->blocks[number];
    const struct block_facts facts = { .live_in = block->live_in };
    if (host->code_limit - host->used < REGION_SIZE_MIN) {
        return false;
    }
    clear_tables(compile);
    compile->request = request;
    compile->runtime = &host->runtime;
    compile->features = host->features;
    compile->emit = begin_emit(host);
    compile->kept_gpr = 0;
    compile->first_memo = blocks->first_memo;
    compile->memo_count = blocks->memo_count;
    compile->pin_count = blocks->pin_count;
    memcpy(compile->pins, blocks->pins, sizeof compile->pins);
    select_entry(compile, host->memory.executable, pc, &facts, block->is_loop_head, entry);
    emit_jump_to(&compile->emit, CC_ALWAYS, block->start);
    stubs_emit(compile);
    emit_align(&compile->emit, 16);
    if (compile->emit.overflow) {
        return false;
    }
    host->used = compile->emit.cursor;
    return true;
}

enum host_verdict host_compile(struct host *host, const struct host_request *request, struct host_code *code)
{
    struct compile *compile = &host->compile;
    uint32_t links = count_links(request->region);
    if (links > HOST_LINK_COUNT - request->first_link || host->code_limit - host->used < REGION_SIZE_MIN) {
        return HOST_FULL;
    }
    code_memory_prepare(&host->memory, host->used);
    prepare_tables(host, request->region);
    compile->request = request;
    compile->runtime = &host->runtime;
    compile->features = host->features;
    compile->emit = begin_emit(host);
    code->start = host->memory.executable + host->used;
    code->link_count = links;
    pins_choose(compile);
    compile->first_memo = host->memo_count;
    memos_choose(compile, MEMO_COUNT - host->memo_count);
    const struct ir_block *first = request->region->blocks;
    struct host_entry entry;
    select_entry(compile, host->memory.executable, first->pc, &compile->blocks[0], first->is_loop_head, &entry);
    code->checked_entry = entry.checked;
    code->unchecked_entry = entry.unchecked;
    lay_out(compile, request);
    for (uint32_t i = 0; i < request->region->block_count; i++) {
        compile->next_block = i + 1 < request->region->block_count ? compile->order[i + 1] : NULL;
        select_block(compile, compile->order[i]);
    }
    stubs_emit(compile);
    patch_jumps(compile);
    emit_link_stubs(host, request->first_link, links);
    emit_align(&compile->emit, 16);
    if (compile->emit.overflow || compile->failed) {
        return compile->failed ? HOST_REFUSED : HOST_FULL;
    }
    undo_append(&host->undo, &compile->undo);
    code->blocks = NULL;
    code->blocks_size = 0;
    if (request->keeps_blocks) {
        code->blocks = keep_blocks(compile, &code->blocks_size);
    }
    code->size = compile->emit.cursor - host->used;
    host->used = compile->emit.cursor;
    memos_begin(compile, host->data);
    host->memo_count += compile->memo_count != 0 ? compile->memo_count + 1 : 0;
    unlink_range(host, request->first_link, links);
    if (host->link_count < request->first_link + links) {
        host->link_count = request->first_link + links;
    }
    return HOST_COMPILED;
}

size_t host_code_limit(const struct host *host)
{
    return host->code_limit;
}

bool host_wants_flush(struct host *host)
{
    return host->random != 0 && random_below(&host->compile, host->flush_one) == 0;
}

static void note(struct noted *noted, uint32_t member)
{
    if (noted->count < NOTED_MAX) {
        noted->members[noted->count++] = member;
    }
}

/* -- Links and jumps ----------------------------------------------------------------------------------------------- */

void host_flush(struct host *host)
{
    host->used = host->runtime.end;
    host->link_count = host->memo_count = 0;
    host->linked.count = 0;
    undo_clear(&host->undo);
    host_forget_jumps(host);
}

void host_set_link(struct host *host, uint32_t link, const void *entry)
{
    CHECK(link < host->link_count);
    host->data->links[link] = entry;
    note(&host->linked, link);
}

void host_unlink(struct host *host, uint32_t link)
{
    unlink_range(host, link, 1);
}

void host_unlink_all(struct host *host)
{
    if (host->linked.count == NOTED_MAX) {
        unlink_range(host, 0, host->link_count);
    } else {
        for (unsigned i = 0; i < host->linked.count; i++) {
            unlink_range(host, host->linked.members[i], 1);
        }
    }
    host->linked.count = 0;
}

static unsigned jump_index(uint64_t pc)
{
    return (unsigned)(pc >> 1) & (JUMP_CACHE_ENTRIES - 1);
}

void host_set_jump(struct host *host, uint64_t pc, const void *checked_entry)
{
    unsigned index = jump_index(pc);
    host->data->jumps[index] = (struct jump_cache_entry){ pc, checked_entry };
    note(&host->jumped, index);
}

static void forget_jump(struct host *host, unsigned index)
{
    const void *nowhere = host->memory.executable + host->runtime.leave_indirect;
    host->data->jumps[index] = (struct jump_cache_entry){ JUMP_NONE, nowhere };
}

const void *host_find_jump(const struct host *host, uint64_t pc)
{
    const struct jump_cache_entry *jump = &host->data->jumps[jump_index(pc)];
    return jump->pc == pc ? jump->entry : NULL;
}

void host_forget_jump(struct host *host, uint64_t pc)
{
    unsigned index = jump_index(pc);
    if (host->data->jumps[index].pc == pc) {
        forget_jump(host, index);
    }
}

void host_forget_jumps(struct host *host)
{
    bool all = host->jumped.count == NOTED_MAX;
    unsigned count = all ? JUMP_CACHE_ENTRIES : host->jumped.count;
    for (unsigned i = 0; i < count; i++) {
        forget_jump(host, all ? i : host->jumped.members[i]);
    }
    host->jumped.count = 0;
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

static void interrupted(void *context, void *registers)
{
    struct host *host = context;
    const struct undo_place place = { host->memory.executable, host->runtime.thunks, host->runtime.end };
    memos_interrupted(host->data);
    if (atomic_load_explicit(&host->cpu->undoable, memory_order_relaxed) == RISCV_UNDOABLE_TRANSLATED) {
        undo_access(&host->undo, &place, registers);
    } else {
        host->cpu->addends_void = 1; /* C code may have been called by translated code, which looks */
    }
    riscv_inside_interrupt(host->cpu, registers);
}

void host_attach(struct host *host)
{
    riscv_inside_attach(host->cpu, interrupted, host);
}

void host_detach(struct host *host)
{
    riscv_inside_detach(host->cpu);
}

/* The thread's own handler sees the word in order with all else the thread does. */
static void set_undoable(struct host *host, uint32_t undoable)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&host->cpu->undoable, undoable, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

void host_float_leave(struct riscv_cpu *cpu)
{
    runtime_float_leave(cpu);
}

void host_float_enter(struct riscv_cpu *cpu)
{
    runtime_float_enter(cpu);
}

struct host_result host_enter(struct host *host, const void *checked_entry)
{
    uint64_t (*enter)(struct riscv_cpu *, const void *);
    const void *code = host->memory.executable + host->runtime.enter;
    memcpy(&enter, &code, sizeof enter); /* ISO C has no cast from data to code */
    bool has_float = (host->cpu->facts_key & FACTS_KEY_FLOAT) != 0;
    if (has_float) {
        runtime_float_enter(host->cpu);
    }
    const uint32_t before = atomic_load_explicit(&host->cpu->undoable, memory_order_relaxed);
    set_undoable(host, RISCV_UNDOABLE_TRANSLATED);
    uint64_t result = enter(host->cpu, checked_entry);
    set_undoable(host, before);
    if ((host->cpu->facts_key & FACTS_KEY_FLOAT) != 0) { /* it may have been turned on or off */
        runtime_float_leave(host->cpu);
    }
    return (struct host_result){ .exit = (enum host_exit)(uint32_t)result, .link = (uint32_t)(result >> 32) };
}

void host_dump(const struct host_code *code, FILE *stream)
{
    csh disassembler;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler) != CS_ERR_OK) {
        fprintf(stream, "no disassembler for this host\n");
        return;
    }
    cs_insn *lines;
    size_t count = cs_disasm(disassembler, code->start, code->size, (uint64_t)(uintptr_t)code->start, 0, &lines);
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%12llx  %-8s %s\n", (unsigned long long)lines[i].address, lines[i].mnemonic, lines[i].op_str);
    }
    cs_free(lines, count);
    cs_close(&disassembler);
}
