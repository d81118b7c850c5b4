/* SPDX-License-Identifier: Apache-2.0
 * proxy.h: the PROXY protocol, versions 1 and 2, with which a load balancer tells whose
 * connection it passes on. Only believed from listed balancers. Pure.
 */
#pragma once
#include "base/str.h"

/* octets of a header we read: version 1 has 107, version 2 16 and what it says */
enum { PROXY_MAX = 536 };

enum proxy_result {
    PROXY_MORE,  /* the header is not complete */
    PROXY_GIVEN, /* the client's address stands in ip; n octets are used up */
    PROXY_LOCAL, /* the balancer speaks for itself (health check) */
    PROXY_BAD,   /* not the PROXY protocol */
};

enum proxy_result proxy_read(struct str in, size_t *ret_n, char ip[46]);
