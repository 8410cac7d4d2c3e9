/* SPDX-License-Identifier: Apache-2.0 */
#include "board/virt_trace.h"

#include "board/virt_parts.h"
#include "engine/interp/interp.h"
#include "riscv_decode.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 256

/* Privileged architecture, table "Machine cause register (mcause) values after trap". */
const char *virt_exception_name(unsigned cause)
{
    static const char *const names[] = {
        "instruction_address_misaligned",
        "instruction_access_fault",
        "illegal_instruction",
        "breakpoint",
        "load_address_misaligned",
        "load_access_fault",
        "store_address_misaligned",
        "store_access_fault",
        "environment_call_from_u",
        "environment_call_from_s",
        NULL,
        "environment_call_from_m",
        "instruction_page_fault",
        "load_page_fault",
        NULL,
        "store_page_fault",
    };
    return cause < sizeof names / sizeof names[0] ? names[cause] : NULL;
}

const char *virt_interrupt_name(unsigned cause)
{
    static const char *const names[] = {
        [RISCV_INTERRUPT_SSI] = "supervisor_software", [RISCV_INTERRUPT_MSI] = "machine_software",
        [RISCV_INTERRUPT_STI] = "supervisor_timer",    [RISCV_INTERRUPT_MTI] = "machine_timer",
        [RISCV_INTERRUPT_SEI] = "supervisor_external", [RISCV_INTERRUPT_MEI] = "machine_external",
        [RISCV_INTERRUPT_LCOFI] = "counter_overflow",
    };
    return cause < sizeof names / sizeof names[0] ? names[cause] : NULL;
}

void virt_trace_line(const struct virt *virt, const char *format, ...)
{
    char line[LINE_SIZE];
    if (virt->config.trace == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    virt->config.trace(virt->config.trace_context, line);
}

static char mode_letter(const struct riscv_cpu *cpu)
{
    return cpu->state.mode < 4 ? "US?M"[cpu->state.mode] : '?';
}

static void trap_taken(void *context, const struct riscv_cpu *cpu, uint64_t cause, uint64_t tval)
{
    bool interrupt = (cause & RISCV_CAUSE_INTERRUPT) != 0;
    unsigned number = (unsigned)(cause & 63);
    const char *name = interrupt ? virt_interrupt_name(number) : virt_exception_name(number);
    virt_trace_line(context, "hart %u %c %#018llx %s %s, value 0x%llx", cpu->vcpu.number, mode_letter(cpu),
                    (unsigned long long)cpu->state.pc, interrupt ? "interrupt" : "exception",
                    name != NULL ? name : "of an unknown cause", (unsigned long long)tval);
}

static void instruction_runs(void *context, struct riscv_cpu *cpu, uint32_t encoding)
{
    char text[LINE_SIZE / 2];
    size_t length = riscv_disassemble(text, sizeof text, encoding, cpu->state.pc, &cpu->features);
    virt_trace_line(context, "hart %u %c %#018llx %0*x %s", cpu->vcpu.number, mode_letter(cpu),
                    (unsigned long long)cpu->state.pc, (int)length * 2, encoding, text);
}

void virt_trace_connect(struct virt *virt)
{
    if (virt->config.trace == NULL) {
        return;
    }
    if ((virt->config.trace_kinds & VIRT_TRACE_TRAPS) != 0) {
        virt->machine->trap_taken = trap_taken;
        virt->machine->trap_context = virt;
    }
    for (unsigned i = 0; (virt->config.trace_kinds & VIRT_TRACE_INSTRUCTIONS) != 0 && i < virt->config.cpu_count; i++) {
        interp_set_hook(virt->machine->cpus[i], instruction_runs, virt);
    }
}
