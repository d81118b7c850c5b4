/* SPDX-License-Identifier: Apache-2.0
 * channel.c: one TLS session over memory BIOs. Called by smtpin (server) and smtpout (client).
 *
 * What can go wrong: anything a peer can send. Every OpenSSL failure ends the channel as
 * TLS_BROKEN with a sentence; the error queue is cleared before each call, so that no session is
 * judged by another one's errors.
 */
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_channel {
    SSL *ssl;
    BIO *in, *out;
    enum tls_state state;
    bool is_client;
    char problem[200];
    struct tls_facts facts;
};

static struct tls_channel *channel_new(struct tls_context *ctx)
{
    struct tls_channel *ch = calloc(1, sizeof *ch);
    if (!ch) {
        return NULL;
    }
    ch->ssl = SSL_new(ctx->ssl);
    ch->in = BIO_new(BIO_s_mem());
    ch->out = BIO_new(BIO_s_mem());
    if (!ch->ssl || !ch->in || !ch->out) {
        SSL_free(ch->ssl);
        BIO_free(ch->in);
        BIO_free(ch->out);
        free(ch);
        return NULL;
    }
    BIO_set_mem_eof_return(ch->in, -1);
    SSL_set_bio(ch->ssl, ch->in, ch->out);
    return ch;
}

struct tls_channel *tls_channel_server(struct tls_context *ctx)
{
    struct tls_channel *ch = channel_new(ctx);
    if (ch) {
        SSL_set_accept_state(ch->ssl);
    }
    return ch;
}

struct tls_channel *tls_channel_client(struct tls_context *ctx, const char *name)
{
    struct tls_channel *ch = channel_new(ctx);
    if (!ch) {
        return NULL;
    }
    ch->is_client = true;
    SSL_set_connect_state(ch->ssl);
    X509_VERIFY_PARAM *param = SSL_get0_param(ch->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1; /* no SNI then: RFC 6066 3 */
    if (!is_address && (SSL_set_tlsext_host_name(ch->ssl, name) != 1 ||
                        X509_VERIFY_PARAM_set1_host(param, name, 0) != 1)) {
        tls_channel_free(ch);
        return NULL;
    }
    str_copy_cut(str_c(name), ch->facts.checked_name, sizeof ch->facts.checked_name);
    return ch;
}

void tls_channel_free(struct tls_channel *ch)
{
    if (ch) {
        SSL_free(ch->ssl);
        free(ch);
    }
}

/* Moves what OpenSSL wants to send into cipher. */
static int drain(struct tls_channel *ch, struct buf *cipher)
{
    char *p;
    long n = BIO_get_mem_data(ch->out, &p);
    int r = n > 0 ? buf_append(cipher, p, (size_t)n) : 0;
    if (n > 0) {
        (void)BIO_reset(ch->out);
    }
    return r;
}

static void break_channel(struct tls_channel *ch)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ch->state = TLS_BROKEN;
    snprintf(ch->problem, sizeof ch->problem, "%s",
             reason ? reason : "the peer ended the handshake");
}

static void learn_key(struct tls_channel *ch, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int type = key ? EVP_PKEY_get_base_id(key) : 0;
    const char *name = type == EVP_PKEY_RSA ? "RSA" : type == EVP_PKEY_EC ? "EC" : "key";
    snprintf(ch->facts.peer_key, sizeof ch->facts.peer_key, "%s %d", name,
             key ? EVP_PKEY_get_bits(key) : 0);
}

static void learn_names(X509_NAME *name, char *dst, size_t size)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (text && name && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(text, &p);
        str_copy_cut(str_from(p, n > 0 ? (size_t)n : 0), dst, size);
    }
    BIO_free(text);
}

static void learn_certificate(struct tls_channel *ch)
{
    X509 *cert = SSL_get0_peer_certificate(ch->ssl);
    struct tls_facts *f = &ch->facts;
    if (!cert) {
        str_copy_cut(STR("no certificate"), f->check_text, sizeof f->check_text);
        return;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct tm tm;
    learn_key(ch, cert);
    learn_names(X509_get_subject_name(cert), f->subject, sizeof f->subject);
    learn_names(X509_get_issuer_name(cert), f->issuer, sizeof f->issuer);
    if (X509_digest(cert, EVP_sha256(), digest, &n) == 1) {
        for (unsigned i = 0; i < n && i * 2 + 2 < sizeof f->fingerprint; i++) {
            snprintf(f->fingerprint + (size_t)i * 2, 3, "%02x", digest[i]);
        }
    }
    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1) {
        f->not_after_ms = (int64_t)timegm(&tm) * 1000;
    }
    long verify = SSL_get_verify_result(ch->ssl);
    f->check = verify == X509_V_OK ? TLS_CHECK_OK : TLS_CHECK_BAD;
    snprintf(f->check_text, sizeof f->check_text, "%s",
             verify == X509_V_OK ? "trusted CA and right name" : X509_verify_cert_error_string(verify));
}

/* The names mail administrators know from Received fields. */
static const char *signature_name(int nid)
{
    switch (nid) {
    case NID_rsassaPss:
        return "RSA-PSS";
    case NID_rsaEncryption:
        return "RSA-PKCS1";
    case NID_X9_62_id_ecPublicKey:
        return "ECDSA";
    default:
        return OBJ_nid2sn(nid);
    }
}

static void learn_session(struct tls_channel *ch)
{
    struct tls_facts *f = &ch->facts;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ch->ssl);
    int alg_bits = 0, nid = 0;
    str_copy_cut(str_c(SSL_get_version(ch->ssl)), f->version, sizeof f->version);
    str_copy_cut(str_c(SSL_CIPHER_get_name(cipher)), f->cipher, sizeof f->cipher);
    str_copy_cut(str_c(SSL_CIPHER_standard_name(cipher)), f->suite, sizeof f->suite);
    f->bits = (uint16_t)SSL_CIPHER_get_bits(cipher, &alg_bits);
    f->alg_bits = (uint16_t)alg_bits;
    long group = SSL_get_negotiated_group(ch->ssl);
    const char *group_name = group > 0 ? SSL_group_to_name(ch->ssl, (int)group) : NULL;
    str_copy_cut(str_c(group_name), f->group, sizeof f->group);
    if (ch->is_client ? SSL_get_peer_signature_type_nid(ch->ssl, &nid)
                      : SSL_get_signature_type_nid(ch->ssl, &nid)) {
        str_copy_cut(str_c(signature_name(nid)), f->signature, sizeof f->signature);
    }
    learn_certificate(ch);
}

static void shake(struct tls_channel *ch)
{
    ERR_clear_error();
    int r = SSL_do_handshake(ch->ssl);
    if (r == 1) {
        ch->state = TLS_OPEN;
        learn_session(ch);
        return;
    }
    int error = SSL_get_error(ch->ssl, r);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        break_channel(ch);
    }
}

/* Decrypts what has arrived into plain. */
static int read_plain(struct tls_channel *ch, struct buf *plain)
{
    for (;;) {
        char *room;
        int r = buf_reserve(plain, 16384, &room);
        if (r < 0) {
            return r;
        }
        ERR_clear_error();
        int n = SSL_read(ch->ssl, room, 16384);
        if (n > 0) {
            buf_commit(plain, (size_t)n);
            continue;
        }
        int error = SSL_get_error(ch->ssl, n);
        if (error == SSL_ERROR_ZERO_RETURN) {
            ch->state = TLS_CLOSED;
        } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            break_channel(ch);
        }
        return 0;
    }
}

int tls_channel_feed(struct tls_channel *ch, struct str bytes, struct buf *plain, struct buf *cipher)
{
    if (ch->state == TLS_CLOSED || ch->state == TLS_BROKEN) {
        return 0;
    }
    if (bytes.n > 0 && BIO_write(ch->in, bytes.p, (int)bytes.n) != (int)bytes.n) {
        return -ENOMEM;
    }
    if (ch->state == TLS_HANDSHAKING) {
        shake(ch);
    }
    int r = ch->state == TLS_OPEN ? read_plain(ch, plain) : 0;
    int drained = drain(ch, cipher);
    return r < 0 ? r : drained;
}

int tls_channel_send(struct tls_channel *ch, struct str plain, struct buf *cipher)
{
    if (ch->state != TLS_OPEN) {
        return -EPROTO;
    }
    ERR_clear_error();
    int n = plain.n > 0 ? SSL_write(ch->ssl, plain.p, (int)plain.n) : 0;
    if (plain.n > 0 && n != (int)plain.n) {
        break_channel(ch);
        return -EPROTO;
    }
    return drain(ch, cipher);
}

void tls_channel_finish(struct tls_channel *ch, struct buf *cipher)
{
    if (ch->state == TLS_OPEN || ch->state == TLS_CLOSED) {
        ERR_clear_error();
        (void)SSL_shutdown(ch->ssl);
    }
    (void)drain(ch, cipher);
}

enum tls_state tls_channel_state(const struct tls_channel *ch)
{
    return ch->state;
}

const char *tls_channel_problem(const struct tls_channel *ch)
{
    return ch->problem;
}

const struct tls_facts *tls_channel_facts(const struct tls_channel *ch)
{
    return &ch->facts;
}

bool tls_looks_like_record(struct str bytes)
{
    return bytes.n > 0 && bytes.p[0] == 22;
}
