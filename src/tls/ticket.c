/* SPDX-License-Identifier: Apache-2.0
 * ticket.c: sealing and opening of TLS 1.3 tickets with secrets that change every hour. Called
 * by smtpin (tickets) and keys (secrets).
 *
 * What can go wrong: keys are away or restarted: no ticket is given, or one cannot be opened,
 * and the handshake is a full one.
 */
#include "tls/ticket.h"
#include "tls/sign.h"
#include "tls/tls_priv.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>

/* What a secret is cut into. */
enum {
    NAME = 16,
    CIPHER_KEY = 32,
    MAC_KEY = 32,
    NONCE = 16,
    LIFE_SECONDS = TLS_TICKET_PERIOD_MS / 1000
};
_Static_assert(NAME + CIPHER_KEY + MAC_KEY == TLS_TICKET_SECRET, "secret");

struct secret {
    uint64_t period; /* 0: none */
    unsigned char octets[TLS_TICKET_SECRET];
};

static struct {
    tls_ticket_fn ask;
    void *arg;
    int64_t (*now_ms)(void);
    struct secret current, previous;
} tickets;

int tls_ticket_derive(const unsigned char seed[TLS_TICKET_SEED], uint64_t period,
                      unsigned char ret[TLS_TICKET_SECRET])
{
    char label[40];
    int n = snprintf(label, sizeof label, "postern ticket %llu", (unsigned long long)period);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)seed,
                                          TLS_TICKET_SEED),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, (size_t)n),
        OSSL_PARAM_END,
    };
    int ok = ctx && EVP_KDF_derive(ctx, ret, TLS_TICKET_SECRET, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok ? 0 : -EIO;
}

void tls_tickets_start(tls_ticket_fn ask, void *arg, int64_t (*now_ms)(void))
{
    OPENSSL_cleanse(&tickets.current, sizeof tickets.current);
    OPENSSL_cleanse(&tickets.previous, sizeof tickets.previous);
    tickets.ask = ask;
    tickets.arg = arg;
    tickets.now_ms = now_ms;
}

/* The one there was stays where keys cannot be asked. */
static void fetch(struct secret *s, uint64_t period)
{
    struct secret next = {.period = period};
    if (s->period != period && tickets.ask(tickets.arg, period, next.octets) == 0) {
        *s = next;
    }
    OPENSSL_cleanse(&next, sizeof next);
}

bool tls_ticket_can_seal(void)
{
    if (!tickets.ask) {
        return false;
    }
    uint64_t period = (uint64_t)(tickets.now_ms() / TLS_TICKET_PERIOD_MS);
    if (tickets.current.period != 0 && tickets.current.period + 1 == period) {
        tickets.previous = tickets.current;
    }
    fetch(&tickets.current, period);
    fetch(&tickets.previous, period - 1);
    return tickets.current.period != 0;
}

static int use(const struct secret *s, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
               int seal)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
                                          (void *)(uintptr_t)(s->octets + NAME + CIPHER_KEY),
                                          MAC_KEY),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_END,
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
                   EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, s->octets + NAME, iv, seal) ==
                       1
               ? 1
               : -1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 go on, 0 no ticket (a full handshake), -1 abort. */
static int on_ticket(SSL *ssl, unsigned char name[NAME], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    if (seal) {
        if (SSL_version(ssl) != TLS1_3_VERSION) {
            return 0;
        }
        if (tickets.current.period == 0 || RAND_bytes(iv, NONCE) != 1) {
            return -1;
        }
        memcpy(name, tickets.current.octets, NAME);
        return use(&tickets.current, iv, cipher, mac, 1);
    }
    const struct secret *all[] = {&tickets.current, &tickets.previous};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->period != 0 && CRYPTO_memcmp(name, all[i]->octets, NAME) == 0) {
            return use(all[i], iv, cipher, mac, 0);
        }
    }
    return 0;
}

/* A ticket says when the full handshake was that it comes from. */
static int on_seal(SSL *ssl, void *arg)
{
    int64_t now = tickets.now_ms();
    return SSL_session_reused(ssl) == 1 ||
           SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &now, sizeof now) == 1;
}

static SSL_TICKET_RETURN on_open(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                 size_t n, SSL_TICKET_STATUS status, void *arg)
{
    int64_t *began;
    size_t size = 0;
    if (SSL_version(ssl) != TLS1_3_VERSION) {
        return SSL_TICKET_RETURN_IGNORE;
    }
    bool good = status == SSL_TICKET_SUCCESS &&
                SSL_SESSION_get0_ticket_appdata(session, (void **)&began, &size) == 1 &&
                size == sizeof *began;
    int64_t age = good ? tickets.now_ms() - *began : -1;
    bool is_young = age >= 0 && age <= TLS_TICKET_PERIOD_MS;
    return is_young ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void ticket_allow(SSL_CTX *ssl, const unsigned char id[32])
{
    SSL_CTX_set_session_id_context(ssl, id, 32);
    SSL_CTX_set_timeout(ssl, LIFE_SECONDS);
    SSL_CTX_clear_options(ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
    SSL_CTX_set_session_ticket_cb(ssl, on_seal, on_open, NULL);
}

void tls_context_give_tickets(struct tls_context *ctx, struct str service)
{
    struct buf all = BUF_INIT(65536);
    unsigned char id[32], one[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool ok = buf_add(&all, service) == 0;
    for (size_t i = 0; ok && i <= ctx->n_named; i++) {
        X509 *cert = i < ctx->n_named ? ctx->named[i].cert : SSL_CTX_get0_certificate(ctx->ssl);
        ok = cert && X509_digest(cert, EVP_sha256(), one, &n) == 1 &&
             buf_append(&all, (const char *)one, n) == 0;
    }
    tls_sha256(buf_str(&all), id);
    buf_free(&all);
    if (!ok) {
        return; /* every handshake is a full one */
    }
    ticket_allow(ctx->ssl, id);
    for (size_t i = 0; i < ctx->n_named; i++) {
        ticket_allow(ctx->named[i].ssl, id);
    }
    ctx->gives_tickets = true;
}
