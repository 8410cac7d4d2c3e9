/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libravelin: virtual machines for RISC-V guests on any Linux host. This header includes all the others:
 *
 *   ravelin/vm.h      create, configure, run and stop a virtual machine
 *   ravelin/trust.h   trust levels: take rights to pages and registers from the guest's own kernel
 *   ravelin/stats.h   what it did
 *   ravelin/isa.h     machine descriptions, disassembly
 *   ravelin/error.h   how functions fail
 *   ravelin/version.h which library this is
 */
#ifndef RAVELIN_RAVELIN_H
#define RAVELIN_RAVELIN_H

#include <ravelin/error.h>
#include <ravelin/isa.h>
#include <ravelin/stats.h>
#include <ravelin/trust.h>
#include <ravelin/version.h>
#include <ravelin/vm.h>

#endif
