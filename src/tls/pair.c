/* SPDX-License-Identifier: Apache-2.0
 * pair.c: whether a certificate file and a key file of ours can be shown to somebody: looked at
 * before they are used, so that the reason is said in words. Called by proc/preflight.c,
 * posternd (pairs.c) and postern doctor.
 *
 * What can go wrong: the key of another certificate, the wrong order (RFC 8446 4.4.2: each
 * certifies the one before it), a key with a password, files exchanged or cut off, times that
 * are over.
 */
#include "tls/pair.h"
#include "tls/pem.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHAIN_MAX = 16 };

struct chain {
    X509 *v[CHAIN_MAX];
    int n;
};

static void pair_tell(const struct tls_pair_report *to, bool is_warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void pair_tell(const struct tls_pair_report *to, bool is_warning, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    to->told(to->arg, is_warning, text);
}

static void read_chain(struct str pem, struct chain *ret)
{
    struct tls_pem_block at = {.number = 0};
    ret->n = 0;
    while (ret->n < CHAIN_MAX && tls_pem_next(&pem, &at)) {
        X509 *x = tls_pem_certificate(&at);
        if (x) {
            ret->v[ret->n++] = x;
        }
    }
}

static void chain_clear(struct chain *c)
{
    for (int i = 0; i < c->n; i++) {
        X509_free(c->v[i]);
    }
    c->n = 0;
}

int tls_no_password(char *dst, int size, int writing, void *arg)
{
    return -1;
}

static EVP_PKEY *read_key(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, tls_no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static void explain_no_chain(struct str pem, const struct tls_pair_report *to)
{
    pair_tell(to, false, "%s",
              str_has(pem, STR("CERTIFICATE REQUEST"))
                  ? "holds a request, not a certificate. Name the file that the authority gave back"
              : str_has(pem, STR("PRIVATE KEY"))
                  ? "holds a private key and no certificate. Are chain and key exchanged?"
              : pem.n > 2 && pem.p[0] == '\x30'
                  ? "is not PEM but DER. Convert it: openssl x509 -inform der -in FILE"
                  : "holds no certificate (PEM)");
}

static void explain_no_key(struct str pem, const struct tls_pair_report *to)
{
    pair_tell(to, false, "%s",
              str_has(pem, STR("ENCRYPTED"))
                  ? "the key has a password. Take it off: openssl pkey -in FILE -out FILE"
              : str_has(pem, STR("PUBLIC KEY"))
                  ? "the key file holds a public key, not the private one"
              : str_has(pem, STR("PRIVATE KEY"))
                  ? "the key file holds a private key that cannot be read. Get the file again"
              : str_has(pem, STR("BEGIN CERTIFICATE"))
                  ? "the key file holds a certificate and no key. Are chain and key exchanged?"
                  : "the key file holds no private key (PEM)");
}

static void pair_name_of(X509 *x, char *dst, size_t size)
{
    dst[0] = '\0';
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, dst, (int)size);
    if (!dst[0]) {
        X509_NAME_oneline(X509_get_subject_name(x), dst, (int)size);
    }
}

static void pair_check_key(const struct chain *c, EVP_PKEY *key, const struct tls_pair_report *to)
{
    if (X509_check_private_key(c->v[0], key) == 1) {
        ERR_clear_error();
        return;
    }
    for (int i = 1; i < c->n; i++) {
        if (X509_check_private_key(c->v[i], key) == 1) {
            pair_tell(to, false,
                      "the certificate of this key is number %d in the file: the order is wrong. "
                      "Put it first, then the one that certifies it",
                      i + 1);
            ERR_clear_error();
            return;
        }
    }
    pair_tell(to, false,
              "the key does not belong to this certificate. Name the key it was made with");
    ERR_clear_error();
}

static void check_order(const struct chain *c, const struct tls_pair_report *to)
{
    for (int i = 0; i + 1 < c->n; i++) {
        char upper[100], lower[100];
        if (X509_NAME_cmp(X509_get_issuer_name(c->v[i]), X509_get_subject_name(c->v[i + 1])) != 0) {
            pair_name_of(c->v[i], lower, sizeof lower);
            pair_name_of(c->v[i + 1], upper, sizeof upper);
            pair_tell(
                to, true,
                "the order is wrong: number %d (\"%s\") does not certify number %d (\"%s\") before "
                "it, and some clients will refuse it. Put each behind the one it certifies",
                i + 2, upper, i + 1, lower);
            return;
        }
    }
}

static void day_of(const ASN1_TIME *at, char dst[16])
{
    struct tm tm = {0};
    ASN1_TIME_to_tm(at, &tm);
    strftime(dst, 16, "%Y-%m-%d", &tm);
}

static void check_times(const struct chain *c, int64_t now_ms, const struct tls_pair_report *to)
{
    time_t now = (time_t)(now_ms / 1000);
    for (int i = 0; i < c->n; i++) {
        char name[100], day[16];
        pair_name_of(c->v[i], name, sizeof name);
        if (X509_cmp_time(X509_get0_notAfter(c->v[i]), &now) < 0) {
            day_of(X509_get0_notAfter(c->v[i]), day);
            pair_tell(to, true,
                      "the certificate \"%s\" has expired (on %s): who checks certificates refuses "
                      "it. Renew it",
                      name, day);
        } else if (X509_cmp_time(X509_get0_notBefore(c->v[i]), &now) > 0) {
            day_of(X509_get0_notBefore(c->v[i]), day);
            pair_tell(to, true,
                      "the certificate \"%s\" is not valid before %s: who checks certificates "
                      "refuses it. Is the clock of this machine right?",
                      name, day);
        }
    }
}

/* The purposes that a certificate names, as openssl x509 -text has them. */
static void write_purposes(X509 *x, char *dst, size_t size)
{
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    size_t n = 0;
    dst[0] = '\0';
    for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++) { /* of NULL: -1 */
        char word[80] = "";
        (void)OBJ_obj2txt(word, sizeof word, sk_ASN1_OBJECT_value(all, i), 0);
        int more = snprintf(dst + n, size - n, "%s%s", i > 0 ? ", " : "", word);
        n = more < 0 || n + (size_t)more >= size ? n : n + (size_t)more;
    }
    EXTENDED_KEY_USAGE_free(all);
}

/* RFC 5280 4.2.1.12 and 4.2.1.3, as OpenSSL reads them. A warning is enough where some are content:
 * with anyExtendedKeyUsage, and of a client, whose fingerprint is often all that is compared. */
static void check_use(enum tls_pair_use use, X509 *x, const struct tls_pair_report *to)
{
    bool server = use == TLS_PAIR_SERVER;
    char purposes[300];
    if (X509_check_purpose(x, server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT, 0) == 1) {
        return;
    }
    write_purposes(x, purposes, sizeof purposes);
    pair_tell(
        to, !server || (X509_get_extended_key_usage(x) & XKU_ANYEKU),
        "the certificate is not for a %s (%s%s; openssl x509 -purpose says \"SSL %s : No\"): %s "
        "that check it refuse it. Get one with the extended key usage %s",
        server ? "server" : "client",
        *purposes ? "its extended key usage is " : "its key usage leaves that out", purposes,
        server ? "server" : "client", server ? "those" : "servers",
        server ? "serverAuth" : "clientAuth");
}

void tls_pair_check(enum tls_pair_use use, struct str chain_pem, struct str key_pem, int64_t now_ms,
                    const struct tls_pair_report *to)
{
    struct chain c;
    EVP_PKEY *key = read_key(key_pem);
    char problem[200];
    read_chain(chain_pem, &c);
    if (tls_pem_check(chain_pem, problem, sizeof problem) < 0) {
        pair_tell(to, false, "%s", problem);
    } else if (c.n == 0) {
        explain_no_chain(chain_pem, to);
    } else if (tls_pem_check(key_pem, problem, sizeof problem) < 0) {
        pair_tell(to, false, "the key file: %s", problem);
    } else if (!key) {
        explain_no_key(key_pem, to);
    } else {
        pair_check_key(&c, key, to);
        check_order(&c, to);
        check_times(&c, now_ms, to);
        check_use(use, c.v[0], to);
        if (X509_check_ca(c.v[0]) == 1 && c.n == 1 &&
            X509_NAME_cmp(X509_get_issuer_name(c.v[0]), X509_get_subject_name(c.v[0])) != 0) {
            pair_tell(to, true,
                      "the first certificate is one of an authority, not of a server. Put the "
                      "server's own first");
        }
    }
    EVP_PKEY_free(key);
    chain_clear(&c);
}

struct first_error {
    char *problem;
    size_t size;
    bool found;
};

static void pair_keep_first(void *arg, bool is_warning, const char *text)
{
    struct first_error *f = arg;
    if (!is_warning && !f->found) {
        f->found = true;
        str_copy_cut(str_c(text), f->problem, f->size);
    }
}

int tls_pair_usable(enum tls_pair_use use, struct str chain_pem, struct str key_pem, int64_t now_ms,
                    char *problem, size_t size)
{
    struct first_error f = {problem, size, false};
    tls_pair_check(use, chain_pem, key_pem, now_ms, &(struct tls_pair_report){pair_keep_first, &f});
    return f.found ? -EINVAL : 0;
}

bool tls_chain_has_name(struct str chain_pem, const char *name)
{
    struct chain c;
    read_chain(chain_pem, &c);
    bool has = c.n > 0 && X509_check_host(c.v[0], name, 0, 0, NULL) == 1;
    chain_clear(&c);
    return has;
}

static bool trusts(struct str trust_pem, X509_NAME *issuer)
{
    struct tls_pem_block at = {.number = 0};
    bool found = false;
    while (!found && tls_pem_next(&trust_pem, &at)) {
        X509 *x = tls_pem_certificate(&at);
        found = x && X509_NAME_cmp(X509_get_subject_name(x), issuer) == 0;
        X509_free(x);
    }
    return found;
}

bool tls_chain_is_complete(struct str chain_pem, struct str trust_pem, char *issuer, size_t size)
{
    struct chain c;
    read_chain(chain_pem, &c);
    X509 *top = c.n > 0 ? c.v[0] : NULL;
    for (int i = 1;
         i < c.n && X509_NAME_cmp(X509_get_issuer_name(top), X509_get_subject_name(c.v[i])) == 0;
         i++) {
        top = c.v[i];
    }
    bool complete = !top ||
                    X509_NAME_cmp(X509_get_issuer_name(top), X509_get_subject_name(top)) == 0 ||
                    trusts(trust_pem, X509_get_issuer_name(top));
    issuer[0] = '\0';
    if (!complete) {
        X509_NAME_get_text_by_NID(X509_get_issuer_name(top), NID_commonName, issuer, (int)size);
    }
    chain_clear(&c);
    return complete;
}
