/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which extensions a machine has: a model and changes to it, as the command line's --cpu gives them.
 *
 *     MODEL[,+EXTENSION|,-EXTENSION]…         "max", "rv64gc,+zba,+zbb", "max,-svadu,+svade"
 *
 * Models: rv64gc (the base of Debian's port), rva22 (what profile RVA22S64 makes mandatory), max (everything here
 * that does something: not Svade, the opposite of Svadu, nor the empty windows of Smcsrind and Sscsrind).
 * Extensions are named as in the description. Parts come and go with the whole (`a` brings zaamo and zalrsc, `b` stands
 * for zba, zbb and zbs), what needs a removed extension goes with it unless it was asked for; of two changes of
 * the same extension the last one counts.
 */
#ifndef RAVELIN_ARCH_RISCV_CPU_MODEL_H
#define RAVELIN_ARCH_RISCV_CPU_MODEL_H

#include "core/error.h"

#include "riscv_state.h"

/* Errors: unknown model or extension, a change without sign, an extension asked for that lacks what it needs, or
 * taken away while something that includes it stays. */
bool riscv_cpu_model_parse(const char *text, struct riscv_features *features, struct error *error);

#endif
