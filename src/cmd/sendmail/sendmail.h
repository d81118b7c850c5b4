/* SPDX-License-Identifier: Apache-2.0
 * sendmail.h: the inside of the sendmail command: what the options came to, the message, the two
 * ways it goes.
 */
#pragma once
#include "base/buf.h"
#include "wire/limits.h"

enum { SENDMAIL_RCPTS_MAX = 1000, SENDMAIL_MESSAGE_MAX = 256 * 1024 * 1024 };
enum {
    EX_OK = 0,
    EX_USAGE = 64,
    EX_DATAERR = 65,
    EX_UNAVAILABLE = 69,
    EX_OSERR = 71,
    EX_CANTCREAT = 73,
    EX_TEMPFAIL = 75
};

struct letter {
    char sender[ADDRESS_ROOM];
    char *rcpts[SENDMAIL_RCPTS_MAX];
    size_t n_rcpts;
    struct buf text; /* CRLF lines */
};

/* Connects to the gateway of this configuration. -errno or the descriptor. */
int gateway_connect(const char *address);
/* Hands the letter over by SMTP. 0 taken; EX_TEMPFAIL: not now; EX_UNAVAILABLE: refused, for all
 * or for some, the words say why. put_off (one for each recipient): where it was taken for
 * others, true for those who were not taken now. */
int gateway_send(int fd, const struct letter *l, const char *hostname, bool *put_off, char *words,
                 size_t size);

/* The drop directory: where letters wait while the gateway is not running. 0 or -errno. */
int drop_put(const char *directory, const struct letter *l) MUST_USE;
/* The same for the recipients who were put off; nothing where there are none. */
int drop_put_rest(const char *directory, const struct letter *l, const bool *put_off) MUST_USE;
/* Reads one back; the letter is freed by letter_free(). 0, -errno, -EBADMSG. */
int drop_get(const char *path, struct letter *ret) MUST_USE;
void letter_free(struct letter *l);
/* Adds a recipient (copied). 0, -EINVAL: not an address, -ENOSPC. */
int letter_add(struct letter *l, struct str address) MUST_USE;
/* A notice to `to` that the gateway refused a letter which had waited; `put_off` are those it
 * goes to later. With a null sender; freed by letter_free(), also after an error. 0, -EINVAL,
 * -ENOSPC. */
int sendmail_notice(const char *hostname, struct str to, const struct letter *refused,
                    const bool *put_off, const char *answer, struct letter *ret) MUST_USE;
