/* SPDX-License-Identifier: Apache-2.0
 * choice.c: which of several certificates of ours a client is shown. Called by context.c, which
 * makes the contexts, and by proc/preflight.c, which says what nobody is shown.
 *
 * A name gets the first certificate that is for it, any other name the first of all (context.c,
 * on_server_name()); beside that one lies each that goes with it.
 */
#include "tls/pair.h"
#include "tls/tls.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { OWN_MAX = 16, NAMES_MAX = 100 };

X509 *tls_first_certificate(struct str pem)
{
    BIO *text = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = text ? PEM_read_bio_X509_AUX(text, NULL, NULL, NULL) : NULL;
    BIO_free(text);
    ERR_clear_error();
    return cert;
}

static int kind_of_key(X509 *x)
{
    return EVP_PKEY_get_base_id(X509_get0_pubkey(x));
}

static bool is_for(X509 *x, const ASN1_STRING *name)
{
    return X509_check_host(x, (const char *)ASN1_STRING_get0_data(name),
                           (size_t)ASN1_STRING_length(name), 0, NULL) == 1;
}

/* Its DNS names, or without one its common name, for as long as it and *keep live. */
static size_t names_of(X509 *x, GENERAL_NAMES **keep, const ASN1_STRING *names[NAMES_MAX])
{
    size_t n = 0;
    *keep = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(*keep) && n < NAMES_MAX; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(*keep, i);
        if (g->type == GEN_DNS) {
            names[n++] = g->d.dNSName;
        }
    }
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = n == 0 ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    if (at >= 0) {
        names[n++] = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    }
    return n;
}

static bool go_together(X509 *a, X509 *b)
{
    const ASN1_STRING *names[NAMES_MAX];
    GENERAL_NAMES *keep = NULL;
    bool fits = a && b && kind_of_key(a) != kind_of_key(b);
    size_t n = fits ? names_of(a, &keep, names) : 0;
    fits = keep != NULL;
    for (size_t i = 0; fits && i < n; i++) {
        fits = is_for(b, names[i]);
    }
    GENERAL_NAMES_free(keep);
    return fits;
}

bool tls_goes_with(struct str chain, struct str other)
{
    X509 *a = tls_first_certificate(chain), *b = tls_first_certificate(other);
    bool fits = go_together(a, b);
    X509_free(a);
    X509_free(b);
    return fits;
}

bool tls_same_kind_of_key(struct str chain_pem, struct str other_pem)
{
    X509 *a = tls_first_certificate(chain_pem), *b = tls_first_certificate(other_pem);
    bool same = a && b && kind_of_key(a) == kind_of_key(b);
    X509_free(a);
    X509_free(b);
    return same;
}

/* Whether a name leads to the context of number i; *ret_before: which other has its first name,
 * else as it was. */
static bool is_chosen(X509 *const v[], size_t i, size_t *ret_before)
{
    const ASN1_STRING *names[NAMES_MAX];
    GENERAL_NAMES *keep = NULL;
    size_t n = names_of(v[i], &keep, names);
    bool chosen = i == 0;
    for (size_t k = 0; k < n && !chosen; k++) {
        size_t first = 0;
        while (first < i && !is_for(v[first], names[k])) {
            first++;
        }
        chosen = first == i;
        *ret_before = k == 0 ? first : *ret_before;
    }
    GENERAL_NAMES_free(keep);
    return chosen;
}

/* In the context of number i each kind of key has one place, and the last that comes has it. */
static bool lies_beside(X509 *const v[], size_t n, size_t i, size_t at)
{
    size_t last = n;
    for (size_t k = 0; k < n; k++) {
        if (k != i && kind_of_key(v[k]) == kind_of_key(v[at]) && go_together(v[i], v[k])) {
            last = k;
        }
    }
    return last == at;
}

bool tls_own_is_hidden(const struct tls_own *own, size_t n, size_t at, size_t *ret_by)
{
    X509 *v[OWN_MAX];
    size_t read = 0, by = 0, unused = 0;
    while (read < n && n <= OWN_MAX && (v[read] = tls_first_certificate(own[read].chain))) {
        read++;
    }
    bool hidden = read == n && at < n && !is_chosen(v, at, &by);
    for (size_t i = 0; i < n && hidden; i++) {
        hidden = i == at || !is_chosen(v, i, &unused) || !lies_beside(v, n, i, at);
    }
    for (size_t i = 0; i < read; i++) {
        X509_free(v[i]);
    }
    *ret_by = by;
    return hidden;
}
