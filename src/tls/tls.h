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
#include "tls/dane.h"
#include "tls/facts.h"

struct tls_context;
struct tls_channel;

/* legacy: TLS 1.0 and older suites, still 128 bit; only for an administrator's exception. */
#define TLS_PROFILES(X) \
    X(STRICT, "strict") \
    X(NIST, "nist") \
    X(WIDE, "wide") \
    X(LEGACY, "legacy")
#define TLS_PROFILE_ENUM(n, s) TLS_PROFILE_##n,
enum tls_profile { TLS_PROFILES(TLS_PROFILE_ENUM) TLS_PROFILE_END };
const char *tls_profile_name(enum tls_profile p);

/* OTHER for a name that is none of them. */
enum tls_group tls_group_of(struct str name);
const char *tls_group_name(enum tls_group g);
/* True when a session with these facts lies within profile nist, whatever profile it was made
 * with (docs/nist.md). cipher: OpenSSL's name; signature, peer_key: as in facts, "" when not
 * known. */
bool tls_within_nist(struct str cipher, struct str group, struct str signature,
                     struct str peer_key);

/* A certificate of ours, PEM texts (borrowed). key empty: the private key is elsewhere
 * (tls/remote.h). */
struct tls_own {
    struct str chain, key;
};

/* Server context with n certificates; the first is for every name that no other fits.
 * client_trust_pem: clients are asked for a certificate, which is verified with these
 * authorities and recorded (empty: not asked). 0, or -EINVAL with a plain sentence in problem. */
int tls_context_server(const struct tls_own *own, size_t n, enum tls_profile profile,
                       struct str client_trust_pem, char *problem, size_t size,
                       struct tls_context **ret) MUST_USE;
/* When the first certificate of a PEM text ends (0: unreadable) and begins, and its common name. */
int64_t tls_not_after(struct str chain_pem, int64_t *ret_not_before, char *name, size_t size);
/* Client context trusting exactly the CAs of ca_pem. The same errors. */
int tls_context_client(struct str ca_pem, enum tls_profile profile, char *problem, size_t size,
                       struct tls_context **ret) MUST_USE;
/* Gives the client a certificate to show where a server asks. The same errors. */
int tls_context_show(struct tls_context *ctx, const struct tls_own *own, char *problem,
                     size_t size) MUST_USE;
/* A client context for probing: versions from and to (0x0301 is TLS 1.0), TLS 1.2 ciphers by their
 * OpenSSL names ("" for all). Never for mail. NULL when the library cannot do it. */
struct tls_context *tls_context_probe(unsigned from, unsigned to, const char *ciphers);
/* Does handshakes with a server context in memory, one for each of its certificates, as a client
 * without demands would: signatures are asked for as for a stranger. 0, or -EPROTO with a
 * sentence. */
int tls_self_test(struct tls_context *server, char *problem, size_t size) MUST_USE;
/* For a library that does its own handshakes with OpenSSL (libcurl), in a context of its own (an
 * SSL_CTX) that asks for verification: why a session did not come about is written to ret, a
 * sentence ("" when it did); ret lives as long as the context. All that is wrong with a
 * certificate is said, its name for host (borrowed) included; what the library itself checks
 * stays. */
struct tls_findings;
struct tls_reason {
    char text[400];
    const char *host;
    struct tls_findings *noted; /* while a chain is verified */
};
void tls_explain(void *ssl_ctx, const char *host, struct tls_reason *ret);
/* For a library with a TLS of its own (libldap, by GnuTLS) that looks neither at purposes nor at
 * lengths: whether the server's own certificate is one for TLS servers, with a key of 112 bits
 * of security. Chain, dates and name are the library's. */
bool tls_fits_service(struct str der) MUST_USE;
/* One more owner; each of them frees it. */
struct tls_context *tls_context_ref(struct tls_context *ctx);
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
/* Whom a client talks to. All borrowed for the call. */
struct tls_peer {
    const char *name; /* SNI and reference name (A-label) or an address */
    /* further reference names of DANE-TA (RFC 7672 3.2.2), NULL: none */
    const char *more_names[2];
    const struct dane_set *dane; /* with usable records, or NULL */
    bool is_service;             /* no mail server: what is advised of its certificate differs */
    /* without ML-KEM: some servers and firewalls lose a ClientHello of two segments */
    bool classical;
};
/* The checks' results are facts, not failures. */
struct tls_channel *tls_channel_client(struct tls_context *ctx, const struct tls_peer *peer);
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
/* A broken handshake that failed by us: keys gave no signature. It says nothing about the peer. */
bool tls_channel_own_fault(const struct tls_channel *ch);
/* A client's handshake that ended or stands before anything of the server's was understood,
 * behind a ClientHello with ML-KEM: the same without it may go better. */
bool tls_channel_hybrid_unheard(const struct tls_channel *ch);
/* Plain words for a broken channel, and the facts of an open one. */
const char *tls_channel_problem(const struct tls_channel *ch);
const struct tls_facts *tls_channel_facts(const struct tls_channel *ch);
/* The tls-exporter channel binding (RFC 9266) as base64. 0, or -ENOTSUP below TLS 1.3: there
 * clients take tls-unique, as RFC 5802 says, and would fail. */
int tls_channel_exporter(const struct tls_channel *ch, char *dst, size_t size) MUST_USE;
/* True when the first bytes can only be a TLS handshake record. */
bool tls_looks_like_record(struct str bytes);
