/* SPDX-License-Identifier: Apache-2.0
 * tls.h: TLS contexts and channels. The only folder that includes OpenSSL.
 *
 * A channel does no I/O: cipher bytes in, cipher bytes out, plain bytes in, plain bytes out. It
 * works over memory BIOs, so that the border between plain and cipher is visible to its user.
 * Client channels never resume sessions: a resumed session would skip the check of the
 * certificate. Requirements CR1 to CR5 of the crypto section; profiles are named, not strings.
 */
#pragma once
#include "base/buf.h"
#include "tls/facts.h"

struct tls_context;
struct tls_channel;

enum tls_profile { TLS_PROFILE_STRICT, TLS_PROFILE_NIST, TLS_PROFILE_WIDE };

/* Server context from PEM texts (borrowed). 0, or -EINVAL with a plain sentence in problem. */
int tls_context_server(struct str chain_pem, struct str key_pem, enum tls_profile profile,
                       char *problem, size_t size, struct tls_context **ret) MUST_USE;
/* Client context trusting exactly the CAs of ca_pem. The same errors. */
int tls_context_client(struct str ca_pem, enum tls_profile profile, char *problem, size_t size,
                       struct tls_context **ret) MUST_USE;
/* NULL is harmless; channels made from it stay valid. */
void tls_context_free(struct tls_context *ctx);

enum tls_state {
    TLS_HANDSHAKING,
    TLS_OPEN,
    TLS_CLOSED, /* the peer said close_notify */
    TLS_BROKEN, /* handshake failed or record layer error: tls_problem() says what */
};

/* NULL only when memory is short. */
struct tls_channel *tls_channel_server(struct tls_context *ctx);
/* name: SNI and reference name (A-label); the check's result is a fact, not a failure. */
struct tls_channel *tls_channel_client(struct tls_context *ctx, const char *name);
void tls_channel_free(struct tls_channel *ch);

/* Gives cipher bytes from the peer; appends plain bytes to `plain` and cipher bytes to be sent to
 * `cipher`. May be called with no bytes to start a client handshake. 0, or -ENOSPC when a buffer
 * is full (the session must end). Look at tls_channel_state() afterwards. */
int tls_channel_feed(struct tls_channel *ch, struct str bytes, struct buf *plain,
                     struct buf *cipher) MUST_USE;
/* Encrypts plain bytes; appends to cipher. 0, -ENOSPC, -EPROTO. */
int tls_channel_send(struct tls_channel *ch, struct str plain, struct buf *cipher) MUST_USE;
/* Appends close_notify. */
void tls_channel_finish(struct tls_channel *ch, struct buf *cipher);
enum tls_state tls_channel_state(const struct tls_channel *ch);
/* Plain words for a broken channel, and the facts of an open one. */
const char *tls_channel_problem(const struct tls_channel *ch);
const struct tls_facts *tls_channel_facts(const struct tls_channel *ch);
/* True when the first bytes can only be a TLS handshake record. */
bool tls_looks_like_record(struct str bytes);
