/* SPDX-License-Identifier: Apache-2.0
 * channel.c: one TLS session, octets in and octets out. Called by smtpin (server), smtpout
 * (client) and web (server).
 *
 * OpenSSL reads from where the arrived octets lie and writes to where they leave from, by a BIO
 * of our own: its memory BIO would copy and blank each way once more.
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

enum { RECORD = SSL3_RT_MAX_PLAIN_LENGTH };

struct tls_channel {
    SSL *ssl;
    struct str arrived;  /* of this call, not yet read */
    struct buf *leaving; /* of this call; NULL: between calls */
    int write_error;     /* 0, or why leaving took no more */
    enum tls_state state;
    bool is_client, is_service, has_dane, may_be_weak, demands_ems, hybrid, hello_done, own_fault;
    char name[256]; /* reference name of a client */
    char problem[200];
    struct tls_findings findings;
    struct tls_facts facts;
};

/* BIO_meth_new(3). */
static int read_arrived(BIO *bio, char *to, int size)
{
    struct tls_channel *ch = BIO_get_data(bio);
    size_t n = ch->arrived.n < (size_t)size ? ch->arrived.n : (size_t)size;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(to, ch->arrived.p, n);
    ch->arrived = str_slice(ch->arrived, n, ch->arrived.n);
    return (int)n;
}

static int write_leaving(BIO *bio, const char *from, int n)
{
    struct tls_channel *ch = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int r = ch->leaving ? buf_append(ch->leaving, from, (size_t)n) : -EPIPE;
    ch->write_error = r < 0 ? r : ch->write_error;
    return r < 0 ? -1 : n;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH; /* all was written at once */
}

static BIO *channel_bio(struct tls_channel *ch)
{
    static BIO_METHOD *method; /* kept for ever */
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "channel");
        must(method && BIO_meth_set_read(method, read_arrived) == 1 &&
             BIO_meth_set_write(method, write_leaving) == 1 &&
             BIO_meth_set_ctrl(method, control) == 1);
    }
    BIO *bio = BIO_new(method);
    if (bio) {
        BIO_set_data(bio, ch);
        BIO_set_init(bio, 1);
    }
    return bio;
}

static struct tls_channel *channel_new(struct tls_context *ctx)
{
    struct tls_channel *ch = calloc(1, sizeof *ch);
    BIO *bio = ch ? channel_bio(ch) : NULL;
    if (!bio || !(ch->ssl = SSL_new(ctx->ssl))) {
        BIO_free(bio);
        free(ch);
        return NULL;
    }
    SSL_set_bio(ch->ssl, bio, bio);
    SSL_set_app_data(ch->ssl, &ch->findings);
    return ch;
}

struct tls_channel *tls_channel_server(struct tls_context *ctx)
{
    struct tls_channel *ch = channel_new(ctx);
    if (ch) {
        SSL_set_accept_state(ch->ssl);
        (void)SSL_set_num_tickets(ch->ssl, ctx->gives_tickets && tls_ticket_can_seal() ? 1 : 0);
    }
    return ch;
}

/* Usage 2 and 3 records that dane_read() found usable; the base domain is SNI and first name.
 * RFC 7672 3.1.1 MUST: usage 3: whatever dates it has
 * RFC 7672 3.2.2 MUST: usage 2: names are compared, the base domain first
 * RFC 7672 8.1 MUST: SNI is the base domain */
static int add_dane(struct tls_channel *ch, const struct tls_peer *peer)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ch->ssl);
    int added = 0;
    if (SSL_dane_enable(ch->ssl, peer->name) <= 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < peer->dane->n; i++) {
        const struct dane_record *r = &peer->dane->records[i];
        added += r->usable && SSL_dane_tlsa_add(ch->ssl, r->usage, r->selector, r->matching,
                                                (const unsigned char *)r->data.p, r->data.n) == 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(peer->more_names); i++) {
        if (peer->more_names[i] &&
            X509_VERIFY_PARAM_add1_host(param, peer->more_names[i], 0) != 1) {
            return -ENOMEM;
        }
    }
    ERR_clear_error();
    ch->has_dane = true;
    return added > 0 ? 0 : -EINVAL;
}

/* RFC 7672 3.2.3 MUST: a wildcard stands for the first label
 * RFC 7672 3.2.3 MAY: no wildcard stands for several labels
 * RFC 8461 4.2 MUST: the certificate names the server as DNS-ID
 * RFC 8461 7.1 MUST: SNI to the server is its name
 * RFC 8689 4.2.1 MUST: the certificate names the server */
static int set_peer(struct tls_channel *ch, const struct tls_peer *peer)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ch->ssl);
    bool use_dane = peer->dane && peer->dane->n_usable > 0;
    /* DANE-TA alone may look at the subject when a certificate has no DNS name (RFC 7672 3.2.3) */
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        (use_dane ? 0u : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT));
    if (X509_VERIFY_PARAM_set1_ip_asc(param, peer->name) == 1) {
        return 0; /* an address: no SNI (RFC 6066 3) */
    }
    if (use_dane) {
        return add_dane(ch, peer);
    }
    return SSL_set_tlsext_host_name(ch->ssl, peer->name) == 1 &&
                   X509_VERIFY_PARAM_set1_host(param, peer->name, 0) == 1
               ? 0
               : -ENOMEM;
}

/* The server asks for a certificate. */
static int on_asked(SSL *ssl, void *arg)
{
    struct tls_channel *ch = arg;
    ch->facts.asked_certificate = true;
    return 1;
}

struct tls_channel *tls_channel_client(struct tls_context *ctx, const struct tls_peer *peer)
{
    struct tls_channel *ch = channel_new(ctx);
    if (!ch) {
        return NULL;
    }
    ch->is_client = true;
    ch->is_service = peer->is_service;
    ch->may_be_weak = ctx->may_be_weak;
    ch->demands_ems = ctx->demands_ems;
    ch->hybrid = ctx->hybrid && !peer->classical;
    SSL_set_connect_state(ch->ssl);
    SSL_set_cert_cb(ch->ssl, on_asked, ch);
    str_copy_cut(str_c(peer->name), ch->name, sizeof ch->name);
    str_copy_cut(str_c(peer->name), ch->facts.checked_name, sizeof ch->facts.checked_name);
    if ((ctx->hybrid && peer->classical && SSL_set1_groups_list(ch->ssl, ctx->classical) != 1) ||
        set_peer(ch, peer) < 0) {
        tls_channel_free(ch);
        return NULL;
    }
    return ch;
}

void tls_channel_free(struct tls_channel *ch)
{
    if (ch) {
        SSL_free(ch->ssl);
        free(ch);
    }
}

static void break_channel(struct tls_channel *ch)
{
    ch->state = TLS_BROKEN;
    tls_trouble(ch->ssl, ch->facts.asked_certificate && !SSL_get_certificate(ch->ssl), ch->problem,
                sizeof ch->problem);
}

/* "EC" is a key of a NIST curve; other curves (OpenSSL 3.2 has brainpool for TLS 1.3, RFC 8734)
 * are called by their names. */
static void learn_key(struct tls_channel *ch, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int type = key ? EVP_PKEY_get_base_id(key) : 0;
    char curve[24] = "";
    bool named =
        type == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1;
    const char *name = type == EVP_PKEY_RSA                            ? "RSA"
                       : named && EC_curve_nid2nist(OBJ_sn2nid(curve)) ? "EC"
                       : named                                         ? curve
                                                                       : "key";
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

static void hex(const unsigned char *p, unsigned n, char *dst, size_t size)
{
    for (unsigned i = 0; i < n && i * 2 + 2 < size; i++) {
        snprintf(dst + (size_t)i * 2, 3, "%02x", p[i]);
    }
}

static void learn_fingerprints(struct tls_facts *f, X509 *cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned n = 0;
    if (X509_digest(cert, EVP_sha256(), digest, &n) == 1) {
        hex(digest, n, f->fingerprint, sizeof f->fingerprint);
    }
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (len > 0 && EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL) == 1) {
        hex(digest, n, f->key_fingerprint, sizeof f->key_fingerprint);
    }
    OPENSSL_free(der);
}

/* The DNS names, for people. */
static void learn_dns_names(struct tls_facts *f, X509 *cert)
{
    struct buf all = BUF_INIT(sizeof f->names - 1);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS) {
            struct str one = str_from((const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                      (size_t)ASN1_STRING_length(g->d.dNSName));
            (void)!buf_printf(&all, "%s" STR_FMT, buf_len(&all) ? " " : "", STR_ARG(one));
        }
    }
    GENERAL_NAMES_free(names);
    str_copy_cut(buf_str(&all), f->names, sizeof f->names);
    buf_free(&all);
}

static enum tls_whose whose(const struct tls_channel *ch)
{
    return !ch->is_client ? TLS_OF_CLIENT : ch->is_service ? TLS_OF_SERVICE : TLS_OF_MAIL_SERVER;
}

/* The chain against the trust store and the name, apart from DANE, which judged the handshake. */
static void verify_by_authorities(struct tls_channel *ch, X509 *cert)
{
    X509_STORE *trust = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ch->ssl));
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    struct tls_facts *f = &ch->facts;
    ch->findings = (struct tls_findings){0};
    if (ctx && X509_STORE_CTX_init(ctx, trust, cert, SSL_get_peer_cert_chain(ch->ssl)) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_STORE_CTX_set_default(ctx, "ssl_server");
        X509_STORE_CTX_set_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx(), ch->ssl);
        X509_STORE_CTX_set_verify_cb(ctx, tls_note_error);
        X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ch->ssl));
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        X509_VERIFY_PARAM_set1_host(param, ch->name, 0);
        if (X509_verify_cert(ctx) != 1 && ch->findings.set == 0) {
            tls_find(&ch->findings, TLS_CAUSE_OTHER, 0);
        }
        tls_describe(&ch->findings, X509_STORE_CTX_get0_chain(ctx), f->chain_n, ch->name, whose(ch),
                     f->check_text, sizeof f->check_text);
    } else {
        tls_find(&ch->findings, TLS_CAUSE_OTHER, 0);
    }
    X509_STORE_CTX_free(ctx);
}

/* RFC 7672 3.2 MUST: usable records are what the server must fit */
static void learn_dane(struct tls_channel *ch, long verify)
{
    struct tls_facts *f = &ch->facts;
    uint8_t usage, selector, matching;
    const unsigned char *data;
    size_t n;
    bool matched = verify == X509_V_OK && SSL_get0_dane_authority(ch->ssl, NULL, NULL) >= 0 &&
                   SSL_get0_dane_tlsa(ch->ssl, &usage, &selector, &matching, &data, &n) >= 0;
    f->dane = matched ? TLS_DANE_OK : TLS_DANE_BAD;
    if (matched) {
        snprintf(f->dane_text, sizeof f->dane_text, "matches TLSA %u %u %u %02x%02x%02x%02x...",
                 usage, selector, matching, n > 0 ? data[0] : 0, n > 1 ? data[1] : 0,
                 n > 2 ? data[2] : 0, n > 3 ? data[3] : 0);
    } else if (ch->findings.set == 0) {
        snprintf(f->dane_text, sizeof f->dane_text, "no TLSA record matches");
    } else {
        char words[sizeof f->dane_text];
        tls_describe(&ch->findings, SSL_get0_verified_chain(ch->ssl), f->chain_n, ch->name,
                     whose(ch), words, sizeof words);
        snprintf(f->dane_text, sizeof f->dane_text, "the certificate %.300s", words);
    }
}

/* A chain that the handshake itself verified, of a server without DANE or of a client.
 * RFC 8461 4.2 MUST: the certificate is in time and of a trusted authority
 * RFC 8461 4.2 MAY: revoked certificates are known */
static void learn_findings(struct tls_channel *ch, X509 *cert, long verify)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ch->ssl);
    enum tls_cause staple =
        verify == X509_V_OK && ch->is_client ? tls_staple_problem(ch->ssl, cert) : TLS_CAUSE_END;
    if (staple != TLS_CAUSE_END) {
        tls_find(&ch->findings, staple, 0);
    }
    if (!ch->is_client) {
        tls_find_misuse(&ch->findings, chain, verify == X509_V_OK);
    }
    if (verify != X509_V_OK && ch->findings.set == 0) {
        tls_find(&ch->findings, TLS_CAUSE_OTHER, 0);
    }
    tls_describe(&ch->findings, chain, ch->facts.chain_n, ch->name, whose(ch), ch->facts.check_text,
                 sizeof ch->facts.check_text);
}

static void learn_certificate(struct tls_channel *ch)
{
    X509 *cert = SSL_get0_peer_certificate(ch->ssl);
    struct tls_facts *f = &ch->facts;
    if (!cert) {
        f->dane = ch->has_dane ? TLS_DANE_BAD : TLS_DANE_NONE;
        str_copy_cut(STR("no certificate"), f->check_text, sizeof f->check_text);
        return;
    }
    learn_key(ch, cert);
    learn_names(X509_get_subject_name(cert), f->subject, sizeof f->subject);
    learn_names(X509_get_issuer_name(cert), f->issuer, sizeof f->issuer);
    learn_fingerprints(f, cert);
    learn_dns_names(f, cert);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ch->ssl);
    /* a server's list is without the client's own */
    f->chain_n = (chain ? sk_X509_num(chain) : 0) + (ch->is_client ? 0 : 1);
    f->not_before_ms = tls_time_ms(X509_get0_notBefore(cert));
    f->not_after_ms = tls_time_ms(X509_get0_notAfter(cert));
    long verify = SSL_get_verify_result(ch->ssl);
    if (ch->has_dane) {
        learn_dane(ch, verify);
        verify_by_authorities(ch, cert);
        enum tls_cause staple =
            ch->findings.set == 0 ? tls_staple_problem(ch->ssl, cert) : TLS_CAUSE_END;
        if (staple != TLS_CAUSE_END) {
            tls_find(&ch->findings, staple, 0);
            tls_describe(&ch->findings, NULL, f->chain_n, ch->name, whose(ch), f->check_text,
                         sizeof f->check_text);
        }
    } else {
        learn_findings(ch, cert, verify);
    }
    f->causes = ch->findings.set;
    f->check = f->causes == 0 ? TLS_CHECK_OK : TLS_CHECK_BAD;
    f->check_reason = tls_class_of(f->causes);
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

/* Of DHE in TLS 1.2, which servers of ours do not do, the library tells the key alone; primes
 * that have no name give none. */
static void learn_group(struct tls_channel *ch)
{
    struct tls_facts *f = &ch->facts;
    long group = SSL_get_negotiated_group(ch->ssl);
    EVP_PKEY *key = NULL;
    if (group > 0) {
        str_copy_cut(str_c(SSL_group_to_name(ch->ssl, (int)group)), f->group, sizeof f->group);
    } else if (ch->is_client && SSL_get_peer_tmp_key(ch->ssl, &key) == 1 &&
               EVP_PKEY_get_group_name(key, f->group, sizeof f->group, NULL) != 1) {
        *f->group = '\0';
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
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
    learn_group(ch);
    if (ch->is_client ? SSL_get_peer_signature_type_nid(ch->ssl, &nid)
                      : SSL_get_signature_type_nid(ch->ssl, &nid)) {
        str_copy_cut(str_c(signature_name(nid)), f->signature, sizeof f->signature);
    }
    f->weak = ch->may_be_weak &&
              (SSL_version(ch->ssl) < TLS1_2_VERSION ||
               (SSL_version(ch->ssl) == TLS1_2_VERSION && !tls_cipher_is_wide(cipher)));
    f->resumed = SSL_session_reused(ch->ssl) == 1;
    f->sent_certificate = f->asked_certificate && SSL_get_certificate(ch->ssl);
    learn_certificate(ch);
}

static void channel_shake(struct tls_channel *ch)
{
    uint64_t failed = tls_remote_failed();
    ERR_clear_error();
    int r = SSL_do_handshake(ch->ssl);
    /* the ServerHello chose it */
    ch->hello_done |=
        SSL_get_current_cipher(ch->ssl) != NULL || SSL_get_pending_cipher(ch->ssl) != NULL;
    if (r == 1 && ch->demands_ems && SSL_version(ch->ssl) == TLS1_2_VERSION &&
        SSL_get_extms_support(ch->ssl) != 1) {
        ch->state = TLS_BROKEN;
        snprintf(ch->problem, sizeof ch->problem,
                 "the peer does not bind its keys to the handshake (no extended master secret)");
        return;
    }
    if (r == 1) {
        ch->state = TLS_OPEN;
        learn_session(ch);
        return;
    }
    int error = SSL_get_error(ch->ssl, r);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        break_channel(ch);
        ch->own_fault = tls_remote_failed() != failed;
    }
}

/* Decrypts what has arrived into plain. */
static int channel_read_plain(struct tls_channel *ch, struct buf *plain)
{
    char *room;
    if (ch->arrived.n > RECORD) {
        (void)!buf_reserve(plain, ch->arrived.n + RECORD, &room); /* grows once, where it may */
    }
    for (;;) {
        int r = buf_reserve(plain, RECORD, &room);
        if (r < 0) {
            return r;
        }
        ERR_clear_error();
        int n = SSL_read(ch->ssl, room, RECORD);
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

static void begin_call(struct tls_channel *ch, struct str arrived, struct buf *leaving)
{
    ch->arrived = arrived;
    ch->leaving = leaving;
    ch->write_error = 0;
}

/* What OpenSSL did not read is of no use: the session has ended. 0, or why not all could leave. */
static int end_call(struct tls_channel *ch)
{
    ch->arrived = STR("");
    ch->leaving = NULL;
    return ch->write_error;
}

int tls_channel_feed(struct tls_channel *ch, struct str bytes, struct buf *plain,
                     struct buf *cipher)
{
    if (ch->state == TLS_CLOSED || ch->state == TLS_BROKEN) {
        return 0;
    }
    begin_call(ch, bytes, cipher);
    if (ch->state == TLS_HANDSHAKING) {
        channel_shake(ch);
    }
    int r = ch->state == TLS_OPEN ? channel_read_plain(ch, plain) : 0;
    int left = end_call(ch);
    return r < 0 ? r : left;
}

int tls_channel_send(struct tls_channel *ch, struct str plain, struct buf *cipher)
{
    char *room;
    if (ch->state != TLS_OPEN && ch->state != TLS_CLOSED) {
        return -EPROTO;
    }
    ERR_clear_error();
    begin_call(ch, STR(""), cipher);
    if (plain.n > RECORD) {
        /* grows once, where it may */
        (void)!buf_reserve(cipher, plain.n + plain.n / RECORD * SSL3_RT_MAX_ENCRYPTED_OVERHEAD,
                           &room);
    }
    int n = plain.n > 0 ? SSL_write(ch->ssl, plain.p, (int)plain.n) : 0;
    int r = end_call(ch);
    if (plain.n > 0 && n != (int)plain.n) {
        break_channel(ch);
        return r < 0 ? r : -EPROTO;
    }
    return r;
}

void tls_channel_finish(struct tls_channel *ch, struct buf *cipher)
{
    if (ch->state == TLS_OPEN || ch->state == TLS_CLOSED) {
        ERR_clear_error();
        begin_call(ch, STR(""), cipher);
        (void)SSL_shutdown(ch->ssl);
        (void)end_call(ch);
    }
}

enum tls_state tls_channel_state(const struct tls_channel *ch)
{
    return ch->state;
}

bool tls_channel_own_fault(const struct tls_channel *ch)
{
    return ch->own_fault;
}

bool tls_channel_hybrid_unheard(const struct tls_channel *ch)
{
    return ch->hybrid && !ch->hello_done;
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

int tls_channel_exporter(const struct tls_channel *ch, char *dst, size_t size)
{
    unsigned char octets[32];
    if (SSL_version(ch->ssl) < TLS1_3_VERSION || size < 45 ||
        SSL_export_keying_material(ch->ssl, octets, sizeof octets, "EXPORTER-Channel-Binding", 24,
                                   (const unsigned char *)"", 0, 1) != 1) {
        return -ENOTSUP;
    }
    return EVP_EncodeBlock((unsigned char *)dst, octets, sizeof octets) == 44 ? 0 : -ENOTSUP;
}
