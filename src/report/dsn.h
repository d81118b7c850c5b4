/* SPDX-License-Identifier: Apache-2.0
 * dsn.h: delivery status notifications (RFC 3464 in the multipart/report of RFC 6522).
 */
#pragma once
#include "base/buf.h"
#include "policy/verdict.h"

struct dsn_rcpt {
    struct str forward_path;
    enum reason reason;
    struct str code;  /* enhanced status code, may be empty: then the reason's own */
    struct str reply; /* what the remote server said, may be empty */
    struct str host;  /* remote server, may be empty */
    bool remote;      /* the reply is a remote server's */
    int64_t last_ms;
};

struct dsn {
    struct str hostname, organization, administrator; /* administrator may be empty */
    struct str to;      /* the original reverse-path */
    struct str id;      /* of the original message */
    struct str own_id;  /* of the notification */
    int64_t arrived_ms, at_ms;
    const struct dsn_rcpt *rcpts;
    size_t n_rcpts;
    struct str headers; /* header section of the original, CRLF lines; never its body */
    bool utf8;
    bool delayed;       /* not failed yet: it waits for a secure connection... */
    int64_t until_ms;   /* ...until then */
};

/* Appends the whole message, CRLF lines. 0 or -ENOSPC. */
int dsn_write(const struct dsn *d, struct buf *out) MUST_USE;
