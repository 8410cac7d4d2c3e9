/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-mode network by libslirp: the guest gets 10.0.2.15 by DHCP; the router 10.0.2.2 is the host (its loopback
 * services included), 10.0.2.3 answers DNS. Needs no privilege. One thread each.
 */
#ifndef RAVELIN_DEVICES_SLIRP_H
#define RAVELIN_DEVICES_SLIRP_H

#include "core/error.h"
#include "devices/net.h"

/* A port of the host's loopback (127.0.0.1) that leads to a port of the guest. */
struct slirp_forward {
    bool udp; /* else TCP */
    uint16_t host_port;
    uint16_t guest_port;
};

/* Reads "tcp:HOSTPORT:GUESTPORT" or "udp:…", ports 1 … 65535. */
bool slirp_forward_parse(const char *text, struct slirp_forward *forward, struct error *error);

/* Errors: a host port that is taken or not permitted, a forward given twice, host limits. NULL then. */
struct net_backend *slirp_create(const struct slirp_forward *forwards, size_t forward_count, struct error *error);

#endif
