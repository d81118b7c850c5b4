/* SPDX-License-Identifier: Apache-2.0
 * signing.h: how smtpin and smtpout have a TLS signature made by keys, and smtpin the secrets of tickets: one question
 * over a channel of its own, waited for. No private key is ever in a process that reads strangers' bytes.
 */
#pragma once
#include "tls/remote.h"
#include "tls/ticket.h"

/* The channel, for tls_remote_start(): a tls_sign_fn whose arg is a struct signing. */
struct signing {
    int fd; /* -1: keys are away */
};

/* Takes fd (replaces the one before). */
void signing_join(struct signing *s, int fd);
int signing_ask(void *arg, const unsigned char key_id[TLS_KEY_ID], enum tls_hash hash, bool pss, struct str digest,
                struct buf *signature);
/* For tls_tickets_start(). */
int signing_ask_ticket(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET]);
