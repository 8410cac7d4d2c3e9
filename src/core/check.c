/* SPDX-License-Identifier: Apache-2.0 */
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "ravelin: internal error at %s:%d: (%s) does not hold; please report this\n", file, line,
            condition);
    abort();
}

void *check_alloc(unsigned long size)
{
    void *block = calloc(1, size > 0 ? size : 1);
    CHECK(block != NULL);
    return block;
}

void *check_realloc(void *block, unsigned long size)
{
    void *grown = realloc(block, size > 0 ? size : 1);
    CHECK(grown != NULL);
    return grown;
}

char *check_strdup(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}
