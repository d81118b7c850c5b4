/* SPDX-License-Identifier: Apache-2.0
 * tls_priv.h: what the files of tls/ share.
 */
#pragma once
#include "base/str.h"
#include "tls/facts.h"
#include "tls/pem.h"

#include <openssl/provider.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

struct tls_context {
    SSL_CTX *ssl;
    unsigned more_refs;
    bool asks_client; /* server: asks for the client's certificate */
    bool gives_tickets;
    struct { /* server with several certificates: which name gets which */
        X509 *cert;
        SSL_CTX *ssl;
    } named[16];
    size_t n_named;
    bool demands_ems; /* profile strict: TLS 1.2 only with extended master secret (RFC 9325 3.5) */
    /* client: offers groups with ML-KEM, which makes its first message large... */
    bool hybrid;
    const char *classical; /* ...and the list without them */
    bool may_be_weak;      /* facts must say whether the session is outside profile wide */
};

typedef void (*tls_provider_call)(void); /* what OpenSSL's tables hold */
/* Loads a provider of our own, to be kept for the life of the process; what it says of itself
 * decides when it is taken (provider.c). NULL: it cannot be loaded. */
OSSL_PROVIDER *tls_provider_add(const char *name, OSSL_provider_init_fn *init);
#ifdef POSTERN_VECTOR
/* Loads the provider "vector" with what this processor has, for those who ask for it by name
 * (tests). False: it cannot be. */
bool tls_vector_load(void);
/* From here on AES-GCM is done by vector instructions, where the processor has them (vector.c). */
void tls_vector_prefer(void);
#else
static inline void tls_vector_prefer(void)
{
}
#endif
/* For PEM_read_bio_PrivateKey(3): a key with a password is refused, nobody is asked on a
 * terminal (pair.c). */
int tls_no_password(char *dst, int size, int writing, void *arg);
/* Before a handshake: has the secrets of this hour and the one before; whether a ticket can be
 * sealed in it (ticket.c). */
bool tls_ticket_can_seal(void);
/* The certificate in a block, for the caller to free; NULL: it holds none that can be read
 * (pem.c). */
X509 *tls_pem_certificate(const struct tls_pem_block *block);
/* The first certificate of a PEM text, for the caller to free; NULL: there is none (choice.c). */
X509 *tls_first_certificate(struct str pem);
/* 0: unreadable. */
int64_t tls_time_ms(const ASN1_TIME *at);
/* True for another certificate for the same names with a key of another kind: RSA beside ECDSA. */
bool tls_goes_with(struct str chain, struct str other);
/* Signatures that the keys process did not give. */
uint64_t tls_remote_failed(void);
/* A key whose private half is elsewhere (remote.c); the caller frees it. NULL: neither RSA nor
 * EC. */
EVP_PKEY *tls_remote_key(X509 *cert);
/* What the verification of one chain found: the causes, and at which certificate (0: the peer's
 * own). */
struct tls_findings {
    uint32_t set; /* 1 << enum tls_cause */
    int8_t depth[TLS_CAUSE_END];
    long other; /* OpenSSL's code of TLS_CAUSE_OTHER */
};
/* Verification callback (SSL_CTX_set_verify(3)): notes in the channel's findings, never stops a
 * handshake. */
int tls_note_error(int ok, X509_STORE_CTX *store);
/* Notes one more. */
void tls_find(struct tls_findings *f, enum tls_cause cause, int depth);
/* Certificates of clients: each but the root must be fit for TLS, as a server or as a client
 * (verify.c). */
void tls_find_misuse(struct tls_findings *f, STACK_OF(X509) * chain, bool has_root);
/* Whose certificate it is: a mail server's, a client's that brings mail, that of a service we
 * ask (HTTPS, LDAP). */
enum tls_whose { TLS_OF_MAIL_SERVER, TLS_OF_CLIENT, TLS_OF_SERVICE };
/* What was found, in words; chain: as verified, n_sent: certificates the peer sent, name: that
 * was wanted ("" for none). */
void tls_describe(const struct tls_findings *f, STACK_OF(X509) * chain, int n_sent,
                  const char *name, enum tls_whose whose, char *dst, size_t size);
/* The class of the first cause. */
enum tls_check_reason tls_class_of(uint32_t causes);

/* Why the session broke off, from the library's last error; lacks_certificate: the server asked
 * for one of ours, and has none (trouble.c). */
void tls_trouble(const SSL *ssl, bool lacks_certificate, char *dst, size_t size);

/* What a stapled OCSP answer (or its absence) says against a certificate; TLS_CAUSE_END:
 * nothing. */
enum tls_cause tls_staple_problem(SSL *ssl, X509 *cert);
/* True when the cipher is one of profile wide. */
bool tls_cipher_is_wide(const SSL_CIPHER *cipher);
