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

struct front {
    struct console_backend backend;
    struct console_share *share;
    struct console_client client; /* receive NULL: detached; guarded by the share's lock */
};

struct console_share {
    struct front fronts[CONSOLE_SHARE_DEVICES];
    struct console_backend *back;
    pthread_mutex_t lock;      /* guards what follows; not held while calling a device or the back end */
    struct front *reader;      /* who gets what is typed: the device that wrote last */
    uint64_t read_until;       /* alarm_now() scale */
    uint8_t input[INPUT_SIZE]; /* typed, for the firmware */
    size_t input_size;
};

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
    struct console_client device = share->reader->client;
    pthread_mutex_unlock(&share->lock);
    return device.receive != NULL ? device.receive(device.context, bytes, size) : 0;
}

static void back_writable(void *context)
{
    struct console_share *share = context;
    for (unsigned i = 0; i < CONSOLE_SHARE_DEVICES; i++) {
        pthread_mutex_lock(&share->lock);
        struct console_client device = share->fronts[i].client;
        pthread_mutex_unlock(&share->lock);
        if (device.writable != NULL) {
            device.writable(device.context);
        }
    }
}

static size_t front_write(void *self, const uint8_t *bytes, size_t size)
{
    struct front *front = self;
    struct console_share *share = front->share;
    pthread_mutex_lock(&share->lock);
    bool changes = share->reader != front;
    share->reader = front;
    pthread_mutex_unlock(&share->lock);
    if (changes) {
        console_resume(share->back); /* what the other one had no room for */
    }
    return console_write(share->back, bytes, size);
}

/* Detaching from the back end waits for a running call of a device's; one that stays is attached again. */
static void front_attach(void *self, const struct console_client *client)
{
    struct front *front = self;
    struct console_share *share = front->share;
    pthread_mutex_lock(&share->lock);
    front->client = client != NULL ? *client : (struct console_client){ 0 };
    bool used = false;
    for (unsigned i = 0; i < CONSOLE_SHARE_DEVICES; i++) {
        used = used || share->fronts[i].client.receive != NULL;
    }
    pthread_mutex_unlock(&share->lock);
    struct console_client own = { .context = share, .receive = back_receive, .writable = back_writable };
    if (client == NULL) {
        console_attach(share->back, NULL);
    }
    if (used) {
        console_attach(share->back, &own);
    }
}

static void front_resume(void *self)
{
    console_resume(((struct front *)self)->share->back);
}

static bool front_flush(void *self, struct error *error)
{
    return console_flush(((struct front *)self)->share->back, error);
}

static void front_destroy(void *self)
{
    (void)self; /* belongs to the share */
}

struct console_share *console_share_create(struct console_backend *back)
{
    struct console_share *share = check_alloc(sizeof *share);
    for (unsigned i = 0; i < CONSOLE_SHARE_DEVICES; i++) {
        share->fronts[i].share = share;
        share->fronts[i].backend = (struct console_backend){
            .self = &share->fronts[i],
            .write = front_write,
            .attach = front_attach,
            .resume = front_resume,
            .flush = front_flush,
            .destroy = front_destroy,
        };
    }
    share->reader = &share->fronts[CONSOLE_SHARE_UART];
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

struct console_backend *console_share_front(struct console_share *share, enum console_share_device device)
{
    return &share->fronts[device].backend;
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
