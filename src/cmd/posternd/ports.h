/* SPDX-License-Identifier: Apache-2.0
 * ports.h: the listening sockets of a configuration.
 */
#pragma once
#include "conf/conf.h"

enum port_kind { PORT_SMTP, PORT_PORTAL, PORT_METRICS, PORT_KINDS };

/* PORTS_OF_KIND: as many as smtpin, web and metrics each take (their tables of listeners). */
enum { PORTS_OF_KIND = 16, PORTS_MAX = PORTS_OF_KIND * PORT_KINDS, PORT_ADDRESS = 64 };

struct ports {
    size_t n;
    struct port {
        enum port_kind kind;
        unsigned listen; /* number of its block; of the portal: enum portal_listen */
        char address[PORT_ADDRESS];
        int fd;
        bool is_lent; /* opened by the service manager: stays open as long as posternd lives */
    } v[PORTS_MAX];
};

/* Opens what the configuration names. What `old` (NULL: nothing) has under the same address is
 * taken over, not opened again, so that no connection is refused meanwhile. 0, or -errno with a
 * sentence: then nothing new is open and `old` is as it was. */
int ports_open(const struct conf *c, const struct ports *old, struct ports *ret, char *problem,
               size_t size) MUST_USE;
/* `next` takes the place of `p`: what of `p` was not taken over is closed. */
void ports_replace(struct ports *p, const struct ports *next);
