/* SPDX-License-Identifier: Apache-2.0
 * tls_priv.h: what the files of tls/ share.
 */
#pragma once
#include <openssl/ssl.h>

#include <stdbool.h>

struct tls_context {
    SSL_CTX *ssl;
    unsigned more_refs;
    bool demands_ems; /* profile strict: TLS 1.2 only with extended master secret (RFC 9325 3.5) */
    bool may_be_weak; /* facts must say whether the session is outside profile wide */
};

/* What a stapled OCSP answer (or its absence) says against a certificate; NULL: nothing. */
const char *tls_staple_problem(SSL *ssl, X509 *cert);
/* True when the cipher is one of profile wide. */
bool tls_cipher_is_wide(const SSL_CIPHER *cipher);
