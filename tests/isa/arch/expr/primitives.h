/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of random expressions has no primitives. */
#ifndef RAVELIN_TESTS_ISA_EXPR_PRIMITIVES_H
#define RAVELIN_TESTS_ISA_EXPR_PRIMITIVES_H

#include "expr_state.h"

struct expr_cpu {
    struct expr_state state;
    struct expr_features features;
};

#endif
