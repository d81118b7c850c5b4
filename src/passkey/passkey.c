/* SPDX-License-Identifier: Apache-2.0
 * passkey.c: W3C Web Authentication (passkey.h). Called by login.
 *
 * What can go wrong: everything that a browser, or somebody in its place, may send: said in one
 * sentence for the log. A copy of a device shows as a count of uses that does not grow.
 */
#include "passkey/passkey.h"
#include "report/json.h"
#include "seal/rest.h"
#include "wire/base64.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <stdio.h>

/* Authenticator data begins with the hash of the relying party, flags, and a count (section
 * 6.1). */
enum {
    HASH = 32,
    FLAGS_AT = 32,
    COUNT_AT = 33,
    SHORTEST = 37,
    USER_PRESENT = 1,
    USER_VERIFIED = 4,
    HAS_KEY = 64,
    MAKER = 16,
    DEEPEST = 4
};

static const int cose[PASSKEY_ALGORITHM_END] = {0, COSE_ES256, COSE_EDDSA, COSE_RS256};

static int passkey_bad(char *problem, size_t size, const char *what)
{
    snprintf(problem, size, "%s", what);
    return -EBADMSG;
}

/* What the browser says it was asked, by whom, and for what (section 5.8.1). */
static int check_client(const struct passkey_asked *asked, struct str client, const char *type,
                        char *problem, size_t size)
{
    char words[160];
    struct buf challenge = BUF_INIT(256);
    struct json *j =
        client.n <= PASSKEY_CLIENT_MAX ? report_parse(client, words, sizeof words) : NULL;
    const char *what = NULL;
    if (!j) {
        what = "the browser's account of it cannot be read";
    } else if (!str_eq(report_get_str(j, "type"), str_c(type))) {
        what = "it was made for something else";
    } else if (base64url_read(report_get_str(j, "challenge"), &challenge) < 0 ||
               asked->challenge.n == 0 || !str_eq(buf_str(&challenge), asked->challenge)) {
        what = "it answers another question";
    } else if (!str_eq_nocase(report_get_str(j, "origin"), str_c(asked->origin)) ||
               report_get_bool(j, "crossOrigin")) {
        what = "it was made for another site";
    }
    report_free(j);
    buf_free(&challenge);
    return what ? passkey_bad(problem, size, what) : 0;
}

/* NAME of https://NAME:PORT. */
static void party_of(const char *origin, char *dst, size_t size)
{
    struct str name = str_slice(str_c(origin), strlen("https://"), strlen(origin));
    str_copy_cut(str_slice(name, 0, str_find(name, ':', 0)), dst, size);
    for (char *p = dst; *p; p++) {
        *p = str_lower(*p);
    }
}

/* The argument of a CBOR item's first octet (RFC 8949 3); lengths that are not said before are
 * not for authenticators (CTAP2 8). */
static bool passkey_take_number(struct str *in, unsigned info, uint64_t *ret)
{
    size_t n = info < 24 ? 0 : (size_t)1 << (info - 24);
    *ret = info < 24 ? info : 0;
    if (info > 27 || in->n < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        *ret = *ret << 8 | (unsigned char)in->p[i];
    }
    *in = str_slice(*in, n, in->n);
    return true;
}

/* Takes one CBOR item off, if all of it is there: libcbor makes room for as much as an item says
 * it has. */
static bool take_item(struct str *in, unsigned depth)
{
    uint64_t n;
    if (in->n == 0 || depth > DEEPEST) {
        return false;
    }
    unsigned first = (unsigned char)in->p[0], major = first >> 5;
    *in = str_slice(*in, 1, in->n);
    if (!passkey_take_number(in, first & 31, &n)) {
        return false;
    }
    if (major == 2 || major == 3) { /* octets, text */
        bool there = n <= in->n;
        *in = there ? str_slice(*in, (size_t)n, in->n) : *in;
        return there;
    }
    bool ok = n <= in->n || major < 4 || major > 5;
    /* list, map */
    for (uint64_t i = 0; ok && (major == 4 || major == 5) && i < (major == 5 ? 2 * n : n); i++) {
        ok = take_item(in, depth + 1);
    }
    return ok && (major != 6 || take_item(in, depth + 1)); /* a tag, and what it is for */
}

/* Behind the count: with a key its maker, id and COSE key; then, or at once, what extensions say
 * (section 6.1). */
static bool is_sound(struct str data)
{
    struct str rest = str_slice(data, SHORTEST, data.n);
    if ((unsigned char)data.p[FLAGS_AT] & HAS_KEY) {
        size_t id = rest.n < MAKER + 2 ? rest.n
                                       : MAKER + 2 +
                                             ((size_t)(unsigned char)rest.p[MAKER] << 8 |
                                              (unsigned char)rest.p[MAKER + 1]);
        if (id >= rest.n) {
            return false;
        }
        rest = str_slice(rest, id, rest.n);
        if (!take_item(&rest, 0)) {
            return false;
        }
    }
    return rest.n == 0 || (take_item(&rest, 0) && rest.n == 0);
}

static int check_data(const char *party, struct str data, unsigned flags, char *problem,
                      size_t size)
{
    unsigned char hash[HASH];
    rest_hash(str_c(party), hash);
    if (data.n < SHORTEST || data.n > PASSKEY_DATA_MAX || memcmp(data.p, hash, HASH) != 0) {
        return passkey_bad(problem, size, "the device answered for another site");
    }
    if (((unsigned char)data.p[FLAGS_AT] & flags) != flags) {
        return passkey_bad(problem, size, "the device did not verify who holds it");
    }
    return is_sound(data) ? 0 : passkey_bad(problem, size, "what the device says cannot be read");
}

static uint32_t passkey_count_of(struct str data)
{
    const unsigned char *p = (const unsigned char *)data.p + COUNT_AT;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The key in the data, if it is one of this algorithm. */
static bool take_key(struct str data, const unsigned char client_hash[HASH], const char *party,
                     enum passkey_algorithm algorithm, struct passkey *ret)
{
    fido_cred_t *c = fido_cred_new();
    bool ok = c && fido_cred_set_type(c, cose[algorithm]) == FIDO_OK &&
              fido_cred_set_clientdata_hash(c, client_hash, HASH) == FIDO_OK &&
              fido_cred_set_rp(c, party, NULL) == FIDO_OK &&
              fido_cred_set_authdata_raw(c, (const unsigned char *)data.p, data.n) == FIDO_OK;
    ok = ok && fido_cred_id_len(c) > 0 && fido_cred_id_len(c) <= PASSKEY_ID_MAX &&
         fido_cred_pubkey_len(c) > 0 && fido_cred_pubkey_len(c) <= PASSKEY_KEY_MAX;
    if (ok) {
        *ret = (struct passkey){
            .algorithm = algorithm,
            .n_id = fido_cred_id_len(c),
            .n_key = fido_cred_pubkey_len(c),
            .uses = passkey_count_of(data),
        };
        memcpy(ret->id, fido_cred_id_ptr(c), ret->n_id);
        memcpy(ret->key, fido_cred_pubkey_ptr(c), ret->n_key);
    }
    fido_cred_free(&c);
    return ok;
}

int passkey_new(const struct passkey_asked *asked, struct str client, struct str data,
                struct passkey *ret, char *problem, size_t size)
{
    char party[256];
    unsigned char hash[HASH];
    party_of(asked->origin, party, sizeof party);
    int r = check_client(asked, client, "webauthn.create", problem, size);
    r = r < 0 ? r : check_data(party, data, USER_PRESENT | USER_VERIFIED | HAS_KEY, problem, size);
    if (r < 0) {
        return r;
    }
    rest_hash(client, hash);
    for (enum passkey_algorithm a = PASSKEY_ES256; a < PASSKEY_ALGORITHM_END; a++) {
        if (take_key(data, hash, party, a, ret)) {
            return 0;
        }
    }
    return passkey_bad(problem, size, "its key is of no kind that we know");
}

static bool signature_ok(const struct passkey *k, const unsigned char client_hash[HASH],
                         const char *party, struct str data, struct str signature)
{
    es256_pk_t *es = es256_pk_new();
    eddsa_pk_t *ed = eddsa_pk_new();
    rs256_pk_t *rs = rs256_pk_new();
    fido_assert_t *a = fido_assert_new();
    const void *key = k->algorithm == PASSKEY_ES256   ? (void *)es
                      : k->algorithm == PASSKEY_EDDSA ? (void *)ed
                                                      : (void *)rs;
    bool ok =
        es && ed && rs && a && key &&
        (k->algorithm == PASSKEY_ES256   ? es256_pk_from_ptr(es, k->key, k->n_key)
         : k->algorithm == PASSKEY_EDDSA ? eddsa_pk_from_ptr(ed, k->key, k->n_key)
                                         : rs256_pk_from_ptr(rs, k->key, k->n_key)) == FIDO_OK;
    ok = ok && fido_assert_set_count(a, 1) == FIDO_OK &&
         fido_assert_set_clientdata_hash(a, client_hash, HASH) == FIDO_OK &&
         fido_assert_set_rp(a, party) == FIDO_OK &&
         fido_assert_set_up(a, FIDO_OPT_TRUE) == FIDO_OK &&
         fido_assert_set_uv(a, FIDO_OPT_TRUE) == FIDO_OK &&
         fido_assert_set_authdata_raw(a, 0, (const unsigned char *)data.p, data.n) == FIDO_OK &&
         fido_assert_set_sig(a, 0, (const unsigned char *)signature.p, signature.n) == FIDO_OK &&
         fido_assert_verify(a, 0, cose[k->algorithm], key) == FIDO_OK;
    fido_assert_free(&a);
    es256_pk_free(&es);
    eddsa_pk_free(&ed);
    rs256_pk_free(&rs);
    return ok;
}

int passkey_proves(const struct passkey_asked *asked, const struct passkey *k, struct str client,
                   struct str data, struct str signature, uint32_t *ret_uses, char *problem,
                   size_t size)
{
    char party[256];
    unsigned char hash[HASH];
    party_of(asked->origin, party, sizeof party);
    int r = check_client(asked, client, "webauthn.get", problem, size);
    r = r < 0 ? r : check_data(party, data, USER_PRESENT | USER_VERIFIED, problem, size);
    if (r < 0) {
        return r;
    }
    rest_hash(client, hash);
    if (k->algorithm == PASSKEY_NONE || k->algorithm >= PASSKEY_ALGORITHM_END || signature.n == 0 ||
        !signature_ok(k, hash, party, data, signature)) {
        return passkey_bad(problem, size, "the signature is not of this passkey");
    }
    *ret_uses = passkey_count_of(data);
    if ((*ret_uses > 0 || k->uses > 0) && *ret_uses <= k->uses) {
        return passkey_bad(problem, size, "it was used before, or there are two of it");
    }
    return 0;
}
