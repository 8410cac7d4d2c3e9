/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A UART with 16-byte FIFOs. National Semiconductor PC16550D data sheet (June 1995); section numbers in uart.c.
 *
 * Eight byte-wide registers. The line speed is accepted and not simulated: bytes leave as fast as the back end takes
 * them. While the back end's buffer is full the transmitter is not empty (the guest waits; its vCPU does not). Input
 * the guest does not read fills the FIFO and then holds the back end up, so nothing is overrun unless in loopback.
 */
#ifndef RAVELIN_DEVICES_UART_H
#define RAVELIN_DEVICES_UART_H

#include "devices/console.h"
#include "devices/device.h"

#define UART_SIZE  0x100u
#define UART_CLOCK 3686400u /* Hz, for the device tree: clock-frequency */

/* `console` and `log` are borrowed; the UART attaches itself to the console and detaches when destroyed. */
struct device *uart_create(struct irq_line irq, struct console_backend *console, struct log *log);

#endif
