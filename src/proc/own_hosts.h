/* SPDX-License-Identifier: Apache-2.0
 * own_hosts.h: which host names and addresses are this gateway, for the cut of an MX list at our
 * own place (RFC 5321 5.1).
 */
#pragma once
#include "conf/conf.h"

struct ifaddrs;

/* The machine's addresses, read again when they are older than a second. All zero: not read yet. */
struct own_hosts {
    struct ifaddrs *machine;
    int64_t read_ms;
    bool is_read, is_warned;
};

/* The hostname, an address that a listen block names, or, where a block "smtp" listens on [::]
 * or 0.0.0.0, any of the machine. */
bool own_hosts_has(struct own_hosts *o, const struct conf *c, const char *host);
/* True when an address of this machine, not a loopback one, leads to that port of ours because a
 * listen block is on [::] or 0.0.0.0. */
bool own_hosts_behind_any(struct own_hosts *o, const struct conf *c, const char *host,
                          uint16_t port);
void own_hosts_free(struct own_hosts *o);
