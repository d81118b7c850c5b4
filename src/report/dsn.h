/* SPDX-License-Identifier: Apache-2.0
 * dsn.h: delivery status notifications (RFC 3464 in the multipart/report of RFC 6522).
 */
#pragma once
#include "base/buf.h"
#include "policy/verdict.h"

/* What the notice says about a recipient (RFC 3464 2.3.3). RELAYED: handed to a server that
 * gives no notices of its own; what it does with it is not known. */
enum dsn_action {
    DSN_FAILED,
    DSN_ASKED,
    DSN_CHOICE,
    DSN_HELD,
    DSN_WAITS_FOR_TLS,
    DSN_DELAYED,
    DSN_RELAYED,
    DSN_DELIVERED
};

struct dsn_rcpt {
    enum dsn_action action;
    struct str orcpt; /* ORCPT as it was said; may be empty */
    struct str forward_path;
    enum reason reason;
    struct str code;  /* enhanced status code, may be empty: then the reason's own */
    struct str reply; /* what the remote server said, may be empty */
    struct str host;  /* remote server, may be empty */
    bool remote;      /* the reply is a remote server's */
    bool expired;     /* its lifetime ended; the reason is that of the last attempt */
    int64_t last_ms;
};

struct dsn {
    struct str hostname, organization, administrator; /* administrator may be empty */
    struct str to;                                    /* the original reverse-path */
    struct str id;                                    /* of the original message */
    struct str own_id;                                /* of the notification */
    int64_t arrived_ms, at_ms;
    const struct dsn_rcpt *rcpts;
    size_t n_rcpts;
    struct str headers; /* header section of the original, CRLF lines; never its body */
    /* it goes to an address that needs SMTPUTF8, so its reader knows RFC 6533's forms; else all
     * of it is ASCII, whatever is in the addresses, replies and headers */
    bool utf8;
    struct str envid;   /* xtext; may be empty */
    int64_t until_ms;   /* when a delayed mail comes back */
    struct str choices; /* of DSN_CHOICE: lines of words, a tab, an address */
};

/* Appends the whole message, CRLF lines. 0 or -ENOSPC. */
int dsn_write(const struct dsn *d, struct buf *out) MUST_USE;
