/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network back ends: where a network card's Ethernet frames go to and come from.
 *
 * A back end has a thread of its own. It pulls the frames the guest sends (next_frame) after net_wake(), and offers
 * those for the guest (receive); a frame refused for want of a buffer is kept in a bounded queue and offered again
 * after net_wake(). So neither side copies more than once nor grows.
 */
#ifndef RAVELIN_DEVICES_NET_H
#define RAVELIN_DEVICES_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_SIZE_MAX 65550u /* bytes, Ethernet header included */

/* The card. The functions run on the back end's thread and must not call net_attach(). */
struct net_client {
    void *context;
    size_t (*next_frame)(void *context, uint8_t *frame, size_t capacity); /* size of the next frame sent, 0: none */
    bool (*receive)(void *context, const uint8_t *frame, size_t size);    /* false: no buffer now, offer it later */
};

struct net_backend {
    void *self;
    void (*attach)(void *self, const struct net_client *client);
    void (*wake)(void *self);
    void (*destroy)(void *self);
};

/* Makes `client` (copied) the card; NULL detaches and waits for a running call to end. */
static inline void net_attach(struct net_backend *net, const struct net_client *client)
{
    net->attach(net->self, client);
}

/* There are frames to send, or buffers to receive into. Any thread, with the client's lock held or not. */
static inline void net_wake(struct net_backend *net)
{
    net->wake(net->self);
}

static inline void net_destroy(struct net_backend *net)
{
    if (net != NULL) {
        net->destroy(net->self);
    }
}

#endif
