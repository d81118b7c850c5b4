/* SPDX-License-Identifier: Apache-2.0
 * tls_priv.h: what the files of tls/ share.
 */
#pragma once
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

struct tls_context {
    SSL_CTX *ssl;
    unsigned more_refs;
    bool asks_client; /* server: asks for the client's certificate */
    bool gives_tickets;
    struct {          /* server with several certificates: which name gets which */
        X509 *cert;
        SSL_CTX *ssl;
    } named[16];
    size_t n_named;
    bool demands_ems; /* profile strict: TLS 1.2 only with extended master secret (RFC 9325 3.5) */
    bool may_be_weak; /* facts must say whether the session is outside profile wide */
};

typedef void (*tls_provider_call)(void); /* what OpenSSL's tables hold */
/* Loads a provider of our own, to be kept for the life of the process; what it says of itself decides when it is taken (provider.c).
 * NULL: it cannot be loaded. */
OSSL_PROVIDER *tls_provider_add(const char *name, OSSL_provider_init_fn *init);
#ifdef POSTERN_VECTOR
/* Loads the provider "vector" with what this processor has, for those who ask for it by name (tests). False: it cannot be. */
bool tls_vector_load(void);
/* From here on AES-GCM is done by vector instructions, where the processor has them (vector.c). */
void tls_vector_prefer(void);
#else
static inline void tls_vector_prefer(void)
{
}
#endif
/* Before a handshake: has the secrets of this hour and the one before; whether a ticket can be sealed in it (ticket.c). */
bool tls_ticket_can_seal(void);
/* A key whose private half is elsewhere (remote.c); the caller frees it. NULL: neither RSA nor EC. */
EVP_PKEY *tls_remote_key(X509 *cert);
/* What a stapled OCSP answer (or its absence) says against a certificate; NULL: nothing. */
const char *tls_staple_problem(SSL *ssl, X509 *cert);
/* True when the cipher is one of profile wide. */
bool tls_cipher_is_wide(const SSL_CIPHER *cipher);
