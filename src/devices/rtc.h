/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goldfish real-time clock (device tree: "google,goldfish-rtc"): nanoseconds since 1970 and one alarm.
 * Register description: Android emulator, docs/GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish real-time clock".
 *
 *   0x00 TIME_LOW         reading latches TIME_HIGH; writing sets the time, with what TIME_HIGH was written before
 *   0x04 TIME_HIGH
 *   0x08 ALARM_LOW        writing arms the alarm, with what ALARM_HIGH was written before
 *   0x0c ALARM_HIGH
 *   0x10 IRQ_ENABLED      bit 0
 *   0x14 CLEAR_ALARM      writing disarms
 *   0x18 ALARM_STATUS     1 while armed
 *   0x1c CLEAR_INTERRUPT  writing drops the interrupt
 */
#ifndef RAVELIN_DEVICES_RTC_H
#define RAVELIN_DEVICES_RTC_H

#include "core/alarm.h"
#include "devices/device.h"

#define RTC_SIZE 0x1000u

/* The clock starts as the host's wall clock (UTC). `clock` and `log` are borrowed. */
struct device *rtc_create(struct alarm_clock *clock, struct irq_line irq, struct log *log);

#endif
