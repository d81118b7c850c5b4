/* SPDX-License-Identifier: Apache-2.0
 * ticket.h: TLS 1.3 sessions that a client may resume (RFC 8446 2.2, 4.6.1; RFC 9325 3.4): no
 * certificate and no signature the second time. The secrets that seal tickets are made by the
 * keys process for one hour each and asked for by smtpin.
 *
 * Kept narrow, so that nothing is skipped by it: a client that shows a certificate gets no ticket;
 * one is valid for the service that issued it, with the same certificate of ours. A resumed session
 * gets a new one, as many clients use each once, but all of them end an hour after the full
 * handshake they come from. TLS 1.2 has none, as its tickets would weaken forward secrecy. No early
 * data.
 */
#pragma once
#include "base/buf.h"

enum { TLS_TICKET_SEED = 32, TLS_TICKET_SECRET = 80, TLS_TICKET_PERIOD_MS = 60 * 60 * 1000 };

/* In keys: the secret of a period (hours since 1970) from a seed that was drawn at the start. 0
 * or -EIO. */
int tls_ticket_derive(const unsigned char seed[TLS_TICKET_SEED], uint64_t period,
                      unsigned char ret[TLS_TICKET_SECRET]) MUST_USE;

/* Asks keys for the secret of a period. 0 or -errno. May block. */
typedef int (*tls_ticket_fn)(void *arg, uint64_t period, unsigned char ret[TLS_TICKET_SECRET]);
/* Once per process that gives tickets; `now_ms` is its wall clock. */
void tls_tickets_start(tls_ticket_fn ask, void *arg, int64_t (*now_ms)(void));

struct tls_context;
/* Sessions of this server context may be resumed in another of the same service and
 * certificates. service: borrowed. */
void tls_context_give_tickets(struct tls_context *ctx, struct str service);
