/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/slirp.h"

#include "core/alarm.h"
#include "core/check.h"
#include "devices/frame_guard.h"
#include "devices/thread.h"

#include <errno.h>
#include <libslirp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_FRAME_MAX 512u /* frames waiting for the guest to provide buffers; TCP repeats what is dropped */
#define SEND_BURST_MAX  256u /* frames taken from the guest before the sockets have their turn */

struct frame {
    struct frame *next;
    size_t size;
    uint8_t bytes[];
};

/* One of libslirp's timers. */
struct timer {
    struct timer *next;
    SlirpTimerId id;
    void *argument;
    int64_t expires; /* ms on clock_ns()'s scale; INT64_MAX: not set */
};

struct slirp {
    struct net_backend base;
    pthread_t thread;
    int wake_fd; /* eventfd */
    _Atomic bool stop;

    pthread_mutex_t client_lock; /* held while the client is called */
    struct net_client client;    /* next_frame NULL: nobody */

    /* The rest belongs to the thread (before it starts and after it has ended: to the creator). */
    Slirp *stack;
    struct frame *first;
    struct frame **last;
    unsigned frame_count;
    struct timer *timers;
    struct pollfd *polls;
    size_t poll_count;
    size_t poll_capacity;
    uint8_t buffer[NET_FRAME_SIZE_MAX];
};

/* ---- frames ---- */

static bool offer(struct slirp *slirp, const uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&slirp->client_lock);
    bool taken = slirp->client.receive == NULL || slirp->client.receive(slirp->client.context, bytes, size);
    pthread_mutex_unlock(&slirp->client_lock);
    return taken;
}

static void offer_queued(struct slirp *slirp)
{
    while (slirp->first != NULL && offer(slirp, slirp->first->bytes, slirp->first->size)) {
        struct frame *frame = slirp->first;
        slirp->first = frame->next;
        slirp->frame_count--;
        free(frame);
    }
    if (slirp->first == NULL) {
        slirp->last = &slirp->first;
    }
}

static ssize_t send_packet(const void *bytes, size_t size, void *opaque)
{
    struct slirp *slirp = opaque;
    if ((slirp->first == NULL && offer(slirp, bytes, size)) || slirp->frame_count == QUEUE_FRAME_MAX) {
        return (ssize_t)size;
    }
    struct frame *frame = check_alloc(sizeof *frame + size);
    frame->size = size;
    memcpy(frame->bytes, bytes, size);
    *slirp->last = frame;
    slirp->last = &frame->next;
    slirp->frame_count++;
    return (ssize_t)size;
}

static size_t next_frame(struct slirp *slirp)
{
    pthread_mutex_lock(&slirp->client_lock);
    size_t size = slirp->client.next_frame == NULL
                      ? 0
                      : slirp->client.next_frame(slirp->client.context, slirp->buffer, sizeof slirp->buffer);
    pthread_mutex_unlock(&slirp->client_lock);
    return size;
}

static void wake(void *self)
{
    const struct slirp *slirp = self;
    const uint64_t one = 1;
    (void)!write(slirp->wake_fd, &one, sizeof one); /* full means: awake already */
}

static void take_frames(struct slirp *slirp)
{
    size_t size;
    for (unsigned i = 0; (size = next_frame(slirp)) != 0; i++) {
        size = frame_guard_size(slirp->buffer, size);
        if (size != 0) {
            slirp_input(slirp->stack, slirp->buffer, (int)size);
        }
        if (i == SEND_BURST_MAX) {
            wake(slirp);
            break;
        }
    }
}

/* ---- what libslirp asks of us ---- */

static void guest_error(const char *text, void *opaque)
{
    (void)text, (void)opaque; /* a malformed frame: dropped */
}

static int64_t clock_ns(void *opaque)
{
    (void)opaque;
    return (int64_t)alarm_now();
}

static void *timer_new(SlirpTimerId id, void *argument, void *opaque)
{
    struct slirp *slirp = opaque;
    struct timer *timer = check_alloc(sizeof *timer);
    *timer = (struct timer){ .next = slirp->timers, .id = id, .argument = argument, .expires = INT64_MAX };
    slirp->timers = timer;
    return timer;
}

static void timer_free(void *timer, void *opaque)
{
    struct slirp *slirp = opaque;
    for (struct timer **link = &slirp->timers; *link != NULL; link = &(*link)->next) {
        if (*link == timer) {
            *link = (*link)->next;
            break;
        }
    }
    free(timer);
}

static void timer_mod(void *self, int64_t expires, void *opaque)
{
    (void)opaque;
    struct timer *timer = self;
    timer->expires = expires;
}

static void ignore_fd(int fd, void *opaque)
{
    (void)fd, (void)opaque; /* every round asks anew which descriptors to poll */
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_ns,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = ignore_fd,
    .unregister_poll_fd = ignore_fd,
    .notify = wake,
    .timer_new_opaque = timer_new,
};

/* ---- the thread ---- */

static const struct {
    int slirp;
    short poll;
} event_bits[] = {
    { SLIRP_POLL_IN, POLLIN },   { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
    { SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

/* The array is bounded by the process's limit on open files. */
static int add_poll(int fd, int events, void *opaque)
{
    struct slirp *slirp = opaque;
    if (slirp->poll_count == slirp->poll_capacity) {
        slirp->poll_capacity = slirp->poll_capacity * 2 + 16;
        slirp->polls = check_realloc(slirp->polls, slirp->poll_capacity * sizeof *slirp->polls);
    }
    struct pollfd *poll = &slirp->polls[slirp->poll_count];
    *poll = (struct pollfd){ .fd = fd };
    for (size_t i = 0; i < sizeof event_bits / sizeof event_bits[0]; i++) {
        poll->events = (short)(poll->events | ((events & event_bits[i].slirp) != 0 ? event_bits[i].poll : 0));
    }
    return (int)slirp->poll_count++;
}

static int get_events(int index, void *opaque)
{
    const struct slirp *slirp = opaque;
    int events = 0;
    for (size_t i = 0; i < sizeof event_bits / sizeof event_bits[0]; i++) {
        events |= (slirp->polls[index].revents & event_bits[i].poll) != 0 ? event_bits[i].slirp : 0;
    }
    return events;
}

static void run_timers(struct slirp *slirp)
{
    int64_t now = clock_ns(NULL) / 1000000;
    for (struct timer *timer = slirp->timers; timer != NULL; timer = timer->next) {
        if (timer->expires <= now) {
            timer->expires = INT64_MAX;
            slirp_handle_timer(slirp->stack, timer->id, timer->argument);
        }
    }
}

/* Milliseconds until the first timer, at most `most`. */
static uint32_t time_to_timers(const struct slirp *slirp, uint32_t most)
{
    int64_t now = clock_ns(NULL) / 1000000;
    for (const struct timer *timer = slirp->timers; timer != NULL; timer = timer->next) {
        int64_t wait = timer->expires > now ? timer->expires - now : 0;
        most = timer->expires != INT64_MAX && wait < (int64_t)most ? (uint32_t)wait : most;
    }
    return most;
}

static void serve_round(struct slirp *slirp)
{
    const uint32_t longest = 60000;
    uint32_t timeout = time_to_timers(slirp, longest);
    slirp->poll_count = 0;
    int waker = add_poll(slirp->wake_fd, SLIRP_POLL_IN, slirp);
    slirp_pollfds_fill(slirp->stack, &timeout, add_poll, slirp);
    int ready = poll(slirp->polls, slirp->poll_count, (int)(timeout < longest ? timeout : longest));
    if (ready > 0 && slirp->polls[waker].revents != 0) {
        uint64_t count;
        (void)!read(slirp->wake_fd, &count, sizeof count);
    }
    slirp_pollfds_poll(slirp->stack, ready < 0, get_events, slirp);
    run_timers(slirp);
    offer_queued(slirp);
    take_frames(slirp);
}

static void *serve(void *argument)
{
    struct slirp *slirp = argument;
    while (!slirp->stop) {
        serve_round(slirp);
    }
    return NULL;
}

static void attach(void *self, const struct net_client *client)
{
    struct slirp *slirp = self;
    pthread_mutex_lock(&slirp->client_lock);
    slirp->client = client != NULL ? *client : (struct net_client){ 0 };
    pthread_mutex_unlock(&slirp->client_lock);
    wake(slirp);
}

/* ---- life ---- */

static void release(struct slirp *slirp)
{
    if (slirp->stack != NULL) {
        slirp_cleanup(slirp->stack);
    }
    while (slirp->first != NULL) {
        struct frame *next = slirp->first->next;
        free(slirp->first);
        slirp->first = next;
    }
    if (slirp->wake_fd >= 0) {
        close(slirp->wake_fd);
    }
    pthread_mutex_destroy(&slirp->client_lock);
    free(slirp->polls);
    free(slirp);
}

static void destroy(void *self)
{
    struct slirp *slirp = self;
    slirp->stop = true;
    wake(slirp);
    pthread_join(slirp->thread, NULL);
    release(slirp);
}

static struct in_addr address(uint32_t number)
{
    return (struct in_addr){ .s_addr = htonl(number) };
}

enum {
    NETWORK = 0x0a000200, /* 10.0.2.0 */
    NETMASK = 0xffffff00,
    ROUTER = 0x0a000202,
    NAMESERVER = 0x0a000203,
    GUEST = 0x0a00020f,
    LOOPBACK = 0x7f000001,
};

static Slirp *start_stack(struct slirp *slirp)
{
    SlirpConfig config = {
        .version = 4,
        .in_enabled = true,
        .vnetwork = address(NETWORK),
        .vnetmask = address(NETMASK),
        .vhost = address(ROUTER),
        .vdhcp_start = address(GUEST),
        .vnameserver = address(NAMESERVER),
        .in6_enabled = true,
        .vprefix_len = 64,
    };
    inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &config.vhost6);
    inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
    return slirp_new(&config, &callbacks, slirp);
}

static bool add_forwards(struct slirp *slirp, const struct slirp_forward *forwards, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct slirp_forward *forward = &forwards[i];
        for (size_t j = 0; j < i; j++) {
            if (forwards[j].udp == forward->udp && forwards[j].host_port == forward->host_port) {
                return error_set(error, "%s port %u of this host is forwarded twice; choose another one",
                                 forward->udp ? "UDP" : "TCP", forward->host_port);
            }
        }
        errno = 0; /* libslirp does not always keep it */
        if (slirp_add_hostfwd(slirp->stack, forward->udp, address(LOOPBACK), forward->host_port, address(GUEST),
                              forward->guest_port) != 0) {
            return error_set_errno(error, errno != 0 ? errno : EADDRINUSE,
                                   "cannot forward %s port %u of this host; choose another one",
                                   forward->udp ? "UDP" : "TCP", forward->host_port);
        }
    }
    return true;
}

struct net_backend *slirp_create(const struct slirp_forward *forwards, size_t forward_count, struct error *error)
{
    struct slirp *slirp = check_alloc(sizeof *slirp);
    slirp->base = (struct net_backend){ slirp, attach, wake, destroy };
    slirp->last = &slirp->first;
    pthread_mutex_init(&slirp->client_lock, NULL);
    slirp->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slirp->wake_fd < 0) {
        error_set_errno(error, errno, "cannot start the user network; raise the limit on open files (ulimit -n)");
        release(slirp);
        return NULL;
    }
    slirp->stack = start_stack(slirp);
    if (slirp->stack == NULL) {
        error_set(error,
                  "cannot start the user network: libslirp %s refuses its configuration; install another version",
                  slirp_version_string());
        release(slirp);
        return NULL;
    }
    if (!add_forwards(slirp, forwards, forward_count, error) ||
        !thread_start(&slirp->thread, serve, slirp, "network", error)) {
        release(slirp);
        return NULL;
    }
    return &slirp->base;
}

/* Reads a decimal port, 1 … 65535, that ends before `end`; returns where it ended or NULL. */
static const char *parse_port(const char *text, char end, uint16_t *port)
{
    unsigned value = 0;
    const char *place = text;
    while (*place >= '0' && *place <= '9' && value <= UINT16_MAX) {
        value = value * 10 + (unsigned)(*place++ - '0');
    }
    *port = (uint16_t)value;
    return place != text && *place == end && value >= 1 && value <= UINT16_MAX ? place : NULL;
}

bool slirp_forward_parse(const char *text, struct slirp_forward *forward, struct error *error)
{
    struct slirp_forward result = { .udp = strncmp(text, "udp:", 4) == 0 };
    const char *place =
        result.udp || strncmp(text, "tcp:", 4) == 0 ? parse_port(text + 4, ':', &result.host_port) : NULL;
    if (place == NULL || parse_port(place + 1, '\0', &result.guest_port) == NULL) {
        return error_set(error,
                         "port forward '%.100s' is not understood; write tcp:HOSTPORT:GUESTPORT (or udp:…) with "
                         "ports 1 to 65535",
                         text);
    }
    *forward = result;
    return true;
}
