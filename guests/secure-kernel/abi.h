/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of trust levels as its user sees it: docs/reference/trust-levels.md, by section. */
#ifndef SECURE_KERNEL_ABI_H
#define SECURE_KERNEL_ABI_H

#include <stdint.h>

/* Section 1 */
#define ABI_EXTENSION      0x0856534DL
#define ABI_PARTITION_SELF (~UINT64_C(0))
#define ABI_VP_SELF        UINT32_C(0xFFFFFFFE)
#define ABI_LEVEL_OWN      0u    /* INPUT_VTL: the caller's */
#define ABI_LEVEL_0        0x10u /* INPUT_VTL: level 0, named */

enum abi_status {
    ABI_SUCCESS = 0,
    ABI_INVALID_VP_STATE = 0x15,
};

/* Section 2 */
enum abi_call {
    ABI_MODIFY_VTL_PROTECTION_MASK = 0x0C,
    ABI_ENABLE_VP_VTL = 0x0F,
    ABI_GET_VP_REGISTERS = 0x50,
    ABI_SET_VP_REGISTERS = 0x51,
    ABI_TRANSLATE_VIRTUAL_ADDRESS = 0x52,
    ABI_START_VIRTUAL_PROCESSOR = 0x99,
    ABI_CHECK_GPA_PAGE_VTL_ACCESS = 0xD4,
};

enum abi_right { ABI_R = 1, ABI_W = 2, ABI_KX = 4, ABI_UX = 8 };

struct abi_protect {
    uint64_t partition;
    uint32_t flags;
    uint8_t level, zero[3];
    uint64_t pages[];
};

struct abi_registers {
    uint64_t partition;
    uint32_t vp;
    uint8_t level, zero[3];
};

struct abi_set {
    uint32_t name, zero[3];
    uint64_t value[2];
};

struct abi_translate {
    uint64_t partition;
    uint32_t vp, zero;
    uint64_t flags;
    uint64_t page;
};

#define ABI_TRANSLATE_WRITE      0x02u
#define ABI_TRANSLATE_SUPERVISOR 0x40u
#define ABI_TRANSLATE_LEVEL_0    ((uint64_t)ABI_LEVEL_0 << 56)
#define ABI_TRANSLATE_PRIVILEGE  2u /* result: the page table does not permit it */

struct abi_check {
    uint64_t partition;
    uint8_t level, wanted, zero[6];
    uint64_t pages[];
};

struct abi_context {
    uint64_t pc, sp, gp, tp, satp, stvec, sstatus, sscratch, senvcfg, scounteren, sie, zero;
};

struct abi_start {
    uint64_t partition;
    uint32_t vp;
    uint8_t level, zero[3];
    struct abi_context context;
};

/* Section 3 */
#define ABI_PENDING_EVENT          0x10004u
#define ABI_X                      0x80000u
#define ABI_PC                     0x80020u
#define ABI_PRIVILEGE_MODE         0x80021u
#define ABI_SSTATUS                0x81100u
#define ABI_STVEC                  0x81105u
#define ABI_SCOUNTEREN             0x81106u
#define ABI_SENVCFG                0x8110au
#define ABI_SATP                   0x81180u
#define ABI_GUEST_OS_ID            0x90002u
#define ABI_VP_ASSIST_PAGE         0x90013u
#define ABI_VSM_PARTITION_CONFIG   0xD0007u
#define ABI_VSM_VP_SECURE_CONFIG_0 0xD0010u
#define ABI_CR_INTERCEPT_CONTROL   0xE0000u
#define ABI_CR_INTERCEPT_MASK      0xE0001u /* of satp; then stvec, sstatus, senvcfg, scounteren */

#define ABI_ENABLE_PROTECTION      UINT64_C(1)
#define ABI_DEFAULT_MASK_SHIFT     1u
#define ABI_ZERO_ON_RESET          (UINT64_C(1) << 5)
#define ABI_DENY_LOWER_STARTUP     (UINT64_C(1) << 6)
#define ABI_INTERCEPT_VP_STARTUP   (UINT64_C(1) << 9)
#define ABI_MBEC_ENABLED           UINT64_C(1)
#define ABI_PENDING                UINT64_C(1)
#define ABI_PENDING_CAUSE_SHIFT    8u

/* Sections 4 and 7 */
enum abi_reason { ABI_REASON_CALL = 1, ABI_REASON_INTERRUPT = 2, ABI_REASON_INTERCEPT = 3 };

enum abi_message_type {
    ABI_MESSAGE_MEMORY = (int)0x80000001,
    ABI_MESSAGE_REGISTER = (int)0x80010006,
    ABI_MESSAGE_STARTUP = (int)0x80010009,
};

enum abi_access { ABI_ACCESS_READ, ABI_ACCESS_WRITE, ABI_ACCESS_EXECUTE };

struct abi_memory_message {
    uint32_t cache_type;
    uint8_t byte_count, info, zero[2];
    uint32_t bytes;
    uint32_t size;
    uint64_t virtual, physical;
    uint64_t cause;
};

#define ABI_INFO_WALK 4u

struct abi_register_message {
    uint8_t flags, zero[3];
    uint32_t name;
    uint64_t value[2];
    uint32_t bytes;
    uint8_t byte_count, zero2[3];
};

struct abi_startup_message {
    uint32_t vp, function;
    uint64_t address, argument;
};

#define ABI_STATE_MODE_MASK 3u /* 0 user, 1 supervisor */

struct abi_message {
    int32_t type;
    uint8_t size, flags, zero[2];
    uint64_t sender;
    uint32_t vp;
    uint8_t length, access;
    uint16_t state;
    uint64_t pc, sstatus;
    union {
        struct abi_memory_message memory;
        struct abi_register_message reg;
        struct abi_startup_message startup;
    };
};

struct abi_assist_page {
    uint64_t zero;
    uint32_t reason;
    uint8_t vina, zero2[3];
    uint64_t a6, a7;
    uint8_t reserved[80];
    struct abi_message message;
};

_Static_assert(__builtin_offsetof(struct abi_assist_page, message) == 112, "section 7");
_Static_assert(__builtin_offsetof(struct abi_message, memory) == 16 + 24, "section 7");
_Static_assert(__builtin_offsetof(struct abi_message, memory.cause) == 16 + 56, "section 7");
_Static_assert(__builtin_offsetof(struct abi_message, reg.bytes) == 16 + 48, "section 7");

#endif
