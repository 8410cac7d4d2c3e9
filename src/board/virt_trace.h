/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine tells of itself while it runs, a line each: traps, instructions, resets and ends; and the names of
 * causes. Lines go to virt_config.trace on the thread on which things happen.
 */
#ifndef RAVELIN_BOARD_VIRT_TRACE_H
#define RAVELIN_BOARD_VIRT_TRACE_H

struct virt;

/* Connects what virt_config.trace_kinds asks for; the machine exists and does not run. */
void virt_trace_connect(struct virt *virt);

/* One line of the machine as a whole. */
__attribute__((format(printf, 2, 3))) void virt_trace_line(const struct virt *virt, const char *format, ...);

/* "illegal_instruction", "supervisor_timer", …; NULL for a cause that is not defined. Static strings. */
const char *virt_exception_name(unsigned cause);
const char *virt_interrupt_name(unsigned cause);

#endif
