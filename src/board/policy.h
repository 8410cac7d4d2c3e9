/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure kernel's policy as text: what a guest's kernel may do once its start is over. One rule a line, `#` begins
 * a comment, words are separated by blanks; a rule that is not there has the value marked *.
 *
 *     mode enforce*|observe
 *     modules any*|none
 *     bpf any*|none
 *     static-keys table*|none
 *     tracing refuse*|allow
 *     pin all*|none|REGISTER...        of satp stvec sstatus senvcfg scounteren
 *
 * docs/manual/secure-kernel.md tells what they mean. The text may be hostile.
 */
#ifndef RAVELIN_BOARD_POLICY_H
#define RAVELIN_BOARD_POLICY_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct policy {
    uint32_t permissions; /* enum secure_kernel_permission */
    uint32_t pins;        /* enum secure_kernel_pin */
};

/* What holds without a policy file. */
void policy_default(struct policy *policy);

/* `name` is for messages. On failure *policy is unspecified, and the error names the line. */
bool policy_parse(const char *name, const char *text, size_t size, struct policy *policy, struct error *error);

#endif
