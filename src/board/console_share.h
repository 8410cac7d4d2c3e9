/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One console for three users: the UART, the virtio console, and the built-in firmware's console calls (SBI DBCN).
 *
 * Output of all goes to the same back end in the order it comes. Input goes to the firmware while the guest has been
 * asking it (within the last seconds), else to the device that wrote last: a guest reads where it prints.
 *
 *     struct console_share *share = console_share_create(back);
 *     uart_create(irq, console_share_front(share, CONSOLE_SHARE_UART), log);
 *     virtio_console_create(&wiring, console_share_front(share, CONSOLE_SHARE_VIRTIO));
 *     console_share_read(share, buffer, size);              // the firmware's call
 */
#ifndef RAVELIN_BOARD_CONSOLE_SHARE_H
#define RAVELIN_BOARD_CONSOLE_SHARE_H

#include "devices/console.h"

struct console_share;

struct console_share *console_share_create(struct console_backend *back); /* borrowed */
void console_share_destroy(struct console_share *share);                  /* the devices are gone; NULL is allowed */

enum console_share_device { CONSOLE_SHARE_UART, CONSOLE_SHARE_VIRTIO, CONSOLE_SHARE_DEVICES };

/* What the device attaches to. */
struct console_backend *console_share_front(struct console_share *share, enum console_share_device device);

/* What was typed, for the firmware; returns how many bytes, 0: none now. Any thread. */
size_t console_share_read(struct console_share *share, uint8_t *bytes, size_t size);

#endif
