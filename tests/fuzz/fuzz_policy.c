/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a policy: an error of one line, or known bits only. */
#include "board/policy.h"
#include "core/check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy policy;
    struct error error = { "" };
    if (policy_parse("policy", (const char *)data, size, &policy, &error)) {
        CHECK(policy.permissions < 16 && policy.pins < 32);
    } else {
        CHECK(error.text[0] != '\0');
        for (const char *c = error.text; *c != '\0'; c++) {
            CHECK(' ' <= *c && *c <= '~');
        }
    }
    return 0;
}
