/* SPDX-License-Identifier: Apache-2.0 */
/* The back end for hosts that have none: creating one fails, and nothing else is ever called. */
#include "core/check.h"
#include "engine/jit/host.h"

struct host *host_create(struct riscv_cpu *cpu, struct error *error)
{
    (void)cpu;
    error_set(error, "no translation to this host's machine code exists yet; use --engine interp");
    return NULL;
}

void host_destroy(struct host *host)
{
    CHECK(host == NULL);
}

enum host_verdict host_compile(struct host *host, const struct host_request *request, struct host_code *code)
{
    (void)request, (void)code;
    CHECK(host != NULL);
    return HOST_REFUSED;
}

void host_flush(struct host *host)
{
    CHECK(host != NULL);
}

size_t host_code_limit(const struct host *host)
{
    CHECK(host != NULL);
    return 0;
}

bool host_wants_flush(struct host *host)
{
    CHECK(host != NULL);
    return false;
}

bool host_add_entry(struct host *host, const struct host_request *request, const struct host_blocks *blocks,
                    uint32_t number, uint64_t pc, struct host_entry *entry)
{
    (void)request, (void)blocks, (void)number, (void)pc, (void)entry;
    CHECK(host != NULL);
    return false;
}

void host_set_link(struct host *host, uint32_t link, const void *entry)
{
    (void)link, (void)entry;
    CHECK(host != NULL);
}

void host_unlink(struct host *host, uint32_t link)
{
    (void)link;
    CHECK(host != NULL);
}

void host_unlink_all(struct host *host)
{
    CHECK(host != NULL);
}

void host_set_jump(struct host *host, uint64_t pc, const void *checked_entry)
{
    (void)pc, (void)checked_entry;
    CHECK(host != NULL);
}

const void *host_find_jump(const struct host *host, uint64_t pc)
{
    (void)pc;
    CHECK(host != NULL);
    return NULL;
}

void host_forget_jump(struct host *host, uint64_t pc)
{
    (void)pc;
    CHECK(host != NULL);
}

void host_forget_jumps(struct host *host)
{
    CHECK(host != NULL);
}

void host_float_leave(struct riscv_cpu *cpu)
{
    (void)cpu;
}

void host_float_enter(struct riscv_cpu *cpu)
{
    (void)cpu;
}

struct host_result host_enter(struct host *host, const void *checked_entry)
{
    (void)checked_entry;
    CHECK(host != NULL);
    return (struct host_result){ HOST_EXIT_INTERPRET, 0 };
}

void host_dump(const struct host_code *code, FILE *stream)
{
    (void)code;
    fprintf(stream, "no code\n");
}

void host_attach(struct host *host)
{
    CHECK(host != NULL);
}

void host_detach(struct host *host)
{
    CHECK(host != NULL);
}
