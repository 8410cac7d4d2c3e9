/* SPDX-License-Identifier: Apache-2.0 */
#include "board/console_share.h"

#include "core/alarm.h"
#include "core/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_SIZE 1024u

/* How long after its last call the firmware counts as the reader; the slowest poller (Linux' hvc) asks every 2 s. */
#define READER_TIME UINT64_C(5000000000)

struct console_share {
    struct console_backend front;
    struct console_backend *back;
    pthread_mutex_t lock;       /* guards what follows; not held while calling the UART or the back end */
    struct console_client uart; /* context NULL and receive NULL: detached */
    uint64_t read_until;        /* alarm_now() scale */
    uint8_t input[INPUT_SIZE];  /* typed, for the firmware */
    size_t input_size;
};

static struct console_client uart_of(struct console_share *share)
{
    pthread_mutex_lock(&share->lock);
    struct console_client uart = share->uart;
    pthread_mutex_unlock(&share->lock);
    return uart;
}

static size_t back_receive(void *context, const uint8_t *bytes, size_t size)
{
    struct console_share *share = context;
    pthread_mutex_lock(&share->lock);
    if (alarm_now() < share->read_until) {
        size_t room = INPUT_SIZE - share->input_size;
        size_t taken = size < room ? size : room;
        memcpy(share->input + share->input_size, bytes, taken);
        share->input_size += taken;
        pthread_mutex_unlock(&share->lock);
        return taken;
    }
    pthread_mutex_unlock(&share->lock);
    struct console_client uart = uart_of(share);
    return uart.receive != NULL ? uart.receive(uart.context, bytes, size) : 0;
}

static void back_writable(void *context)
{
    struct console_client uart = uart_of(context);
    if (uart.writable != NULL) {
        uart.writable(uart.context);
    }
}

static size_t front_write(void *self, const uint8_t *bytes, size_t size)
{
    return console_write(((struct console_share *)self)->back, bytes, size);
}

static void front_attach(void *self, const struct console_client *client)
{
    struct console_share *share = self;
    pthread_mutex_lock(&share->lock);
    share->uart = client != NULL ? *client : (struct console_client){ 0 };
    pthread_mutex_unlock(&share->lock);
    struct console_client own = { .context = share, .receive = back_receive, .writable = back_writable };
    console_attach(share->back, client != NULL ? &own : NULL);
}

static void front_resume(void *self)
{
    console_resume(((struct console_share *)self)->back);
}

static bool front_flush(void *self, struct error *error)
{
    return console_flush(((struct console_share *)self)->back, error);
}

static void front_destroy(void *self)
{
    (void)self; /* belongs to the share */
}

struct console_share *console_share_create(struct console_backend *back)
{
    struct console_share *share = check_alloc(sizeof *share);
    share->front = (struct console_backend){
        .self = share,
        .write = front_write,
        .attach = front_attach,
        .resume = front_resume,
        .flush = front_flush,
        .destroy = front_destroy,
    };
    share->back = back;
    pthread_mutex_init(&share->lock, NULL);
    return share;
}

void console_share_destroy(struct console_share *share)
{
    if (share != NULL) {
        pthread_mutex_destroy(&share->lock);
        free(share);
    }
}

struct console_backend *console_share_front(struct console_share *share)
{
    return &share->front;
}

size_t console_share_read(struct console_share *share, uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&share->lock);
    share->read_until = alarm_now() + READER_TIME;
    size_t given = size < share->input_size ? size : share->input_size;
    memcpy(bytes, share->input, given);
    share->input_size -= given;
    memmove(share->input, share->input + given, share->input_size);
    pthread_mutex_unlock(&share->lock);
    console_resume(share->back);
    return given;
}
