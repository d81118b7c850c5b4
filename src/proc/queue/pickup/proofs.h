/* SPDX-License-Identifier: Apache-2.0
 * proofs.h: what people in front of the portal show besides a code, for the files of the queue
 * process.
 */
#pragma once
#include "proc/queue/pickup/visits.h"
#include "ipc/channel.h"

void proofs_init(void);
/* Another configuration is coming: its providers are read with the next tick. */
void proofs_forget(void);
/* Descriptions of providers that are due. */
void proofs_tick(struct queue *q);
/* What somebody could show: challenge, where to log in elsewhere (or nothing), passkeys, a line
 * each. */
void proofs_offer(struct queue *q, const struct second_step *step,
                  const struct store_passkey *passkeys, size_t n_passkeys, struct buf *out);
/* PORTAL_PROVE, PORTAL_PASSKEYS, PORTAL_PASSKEY_NEW, PORTAL_PASSKEY_DROP */
void proofs_on_prove(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                     struct scene *s);
void proofs_on_passkeys(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                        struct scene *s);
void proofs_on_new_passkey(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                           struct scene *s);
void proofs_on_drop_passkey(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a,
                            struct scene *s);
/* PORTAL_ACT with a phrase that a sender agrees on: hashed, then kept. */
void proofs_agree(struct queue *q, struct ipc_channel *ch, const struct ipc_portal_ask *a);
void proofs_on_proved(void *owner, struct ipc_channel *ch, const struct ipc_proved *m);
void proofs_on_posted(void *owner, struct ipc_channel *ch, const struct ipc_posted *m);
/* login or lookup is gone: who waits for it is told to try later. web: nobody waits any more. */
void proofs_peer_gone(struct queue *q, const struct ipc_channel *ch);
