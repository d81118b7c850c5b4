/* SPDX-License-Identifier: Apache-2.0
 * signing.h: how smtpin, smtpout and web have a TLS signature made by keys, and smtpin the
 * secrets of tickets: one question over a channel of its own, waited for. No private key is ever
 * in a process that reads strangers' bytes.
 *
 * The wait is bounded (SIGNING_WAIT_MS). A question that was given up is not the end of the
 * channel: its answer is dropped when it comes, by its token, and shows that keys are back.
 * Until then nothing is asked, so that a loop stands still once for a slow keys and not once for
 * each handshake.
 */
#pragma once
#include "tls/remote.h"
#include "tls/ticket.h"

enum { SIGNING_WAIT_MS = 2000 };

/* The channel, for tls_remote_start(): a tls_sign_fn whose arg is a struct signing. */
struct signing {
    int fd;         /* -1: keys are away */
    uint64_t token; /* of the question asked last */
    bool late;      /* it was given up before its answer came */
    uint64_t given_up, dropped;
};

/* Takes fd (replaces the one before). */
void signing_join(struct signing *s, int fd);
/* Whether a question would be asked now. Takes late answers off the channel. */
bool signing_is_ready(struct signing *s);
/* 0 or -errno: -ENOTCONN keys are away, -EAGAIN they have not answered an earlier question,
 * -ETIMEDOUT they did not answer this one in time, -ENOKEY they have no such key. */
int signing_ask(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss,
                struct str digest, struct buf *signature);
/* For tls_tickets_start(). The same errors. */
int signing_ask_ticket(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET]);
