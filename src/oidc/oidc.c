/* SPDX-License-Identifier: Apache-2.0
 * oidc.c: OpenID Connect without a network (oidc.h). Called by queue (requests) and login
 * (answers).
 *
 * What can go wrong: an answer that is not JSON, of another issuer, for somebody else, too old,
 * or for another login.
 */
#include "oidc/oidc.h"
#include "report/json.h"
#include "wire/base64.h"
#include "wire/domain.h"

#include <stdio.h>

enum { SKEW_MS = 5 * 60 * 1000, OLDEST_MS = 15 * 60 * 1000 };

static int oidc_bad(char *problem, size_t size, const char *what)
{
    snprintf(problem, size, "%s", what);
    return -EBADMSG;
}

int oidc_description_url(const char *issuer, struct buf *out)
{
    size_t n = strlen(issuer);
    return buf_printf(out, "%.*s/.well-known/openid-configuration",
                      (int)(n > 0 && issuer[n - 1] == '/' ? n - 1 : n), issuer);
}

/* https, and nothing in it that a header field or page could misread. */
static int take_url(struct str url, char *dst, size_t size)
{
    bool ok = str_starts_nocase(url, STR("https://")) && url.n > strlen("https://") && url.n < size;
    for (size_t i = 0; ok && i < url.n; i++) {
        ok = url.p[i] > ' ' && url.p[i] < 0x7f && !strchr("\"'<>\\^`{|}#", url.p[i]);
    }
    return ok ? str_copy(url, dst, size) : -EBADMSG;
}

int oidc_description(struct str text, const char *issuer, struct oidc_server *ret, char *problem,
                     size_t size)
{
    char words[160];
    struct json *j = report_parse(text, words, sizeof words);
    int r = 0;
    if (!j) {
        r = oidc_bad(problem, size, "the description of the provider is not JSON");
    } else if (!str_eq(report_get_str(j, "issuer"), str_c(issuer))) {
        r = oidc_bad(problem, size,
                     "the provider calls itself by another issuer than the configuration");
    } else if (str_copy(str_c(issuer), ret->issuer, sizeof ret->issuer) < 0 ||
               take_url(report_get_str(j, "authorization_endpoint"), ret->authorization,
                        sizeof ret->authorization) < 0 ||
               take_url(report_get_str(j, "token_endpoint"), ret->token, sizeof ret->token) < 0) {
        r = oidc_bad(problem, size,
                     "the provider names no usable https addresses for logins and tokens");
    }
    report_free(j);
    return r;
}

/* One field of a query or form, escaped (RFC 3986 2.3 names what need not be). */
static int oidc_put_field(struct buf *out, const char *name, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";
    int r =
        buf_printf(out,
                   "%s%s=", buf_len(out) > 0 && buf_str(out).p[buf_len(out) - 1] != '?' ? "&" : "",
                   name);
    for (size_t i = 0; r == 0 && i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        r = plain ? buf_append(out, &value.p[i], 1) : buf_append(out, escaped, 3);
    }
    return r;
}

int oidc_login_url(const struct oidc_server *s, const char *client, const char *back,
                   struct str state, struct str nonce, const unsigned char challenge[32],
                   struct str hint, struct buf *out)
{
    struct buf hash = BUF_INIT(64);
    int r = base64url_write(str_from((const char *)challenge, 32), &hash);
    r = r < 0 ? r
              : buf_printf(out, "%s%s", s->authorization, strchr(s->authorization, '?') ? "" : "?");
    const struct {
        const char *name;
        struct str value;
    } fields[] = {
        {"response_type", STR("code")},
        {"scope", STR("openid email")},
        {"client_id", str_c(client)},
        {"redirect_uri", str_c(back)},
        {"state", state},
        {"nonce", nonce},
        {"code_challenge", buf_str(&hash)},
        {"code_challenge_method", STR("S256")},
        {"login_hint", hint},
    };
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(fields); i++) {
        r = oidc_put_field(out, fields[i].name, fields[i].value);
    }
    buf_free(&hash);
    return r;
}

int oidc_token_request(const char *client, struct str secret, const char *back, struct str code,
                       struct str verifier, struct buf *out)
{
    int r = oidc_put_field(out, "grant_type", STR("authorization_code"));
    r = r < 0 ? r : oidc_put_field(out, "code", code);
    r = r < 0 ? r : oidc_put_field(out, "redirect_uri", str_c(back));
    r = r < 0 ? r : oidc_put_field(out, "client_id", str_c(client));
    r = r < 0 ? r : oidc_put_field(out, "code_verifier", verifier);
    return r < 0 || secret.n == 0 ? r : oidc_put_field(out, "client_secret", secret);
}

/* One of them is we, and where several are named the token was issued to us (Core 3.1.3.7,
 * points 3 to 5). */
static bool is_for_us(const struct json *claims, const char *client)
{
    const struct json *to = report_get(claims, "aud");
    size_t n = to ? report_count(to) : 0;
    bool ours = false;
    for (size_t i = 0; i < n; i++) {
        ours |= str_eq(report_str(report_item(to, i)), str_c(client));
    }
    struct str party = report_get_str(claims, "azp");
    return ours && (party.n > 0 ? str_eq(party, str_c(client)) : n == 1);
}

static const char *claims_problem(const struct json *c, const struct oidc_asked *asked)
{
    int64_t until = report_get_int(c, "exp", 0), made = report_get_int(c, "iat", 0);
    bool in_time = until > 0 && until < INT64_MAX / 1000 && made > 0 && made < INT64_MAX / 1000 &&
                   until * 1000 > asked->now_ms - SKEW_MS &&
                   made * 1000 < asked->now_ms + SKEW_MS && made * 1000 > asked->now_ms - OLDEST_MS;
    struct str address = report_get_str(c, asked->claim);
    bool by_mail = strcmp(asked->claim, "email") == 0;
    return !str_eq(report_get_str(c, "iss"), str_c(asked->issuer))
               ? "the login is of another issuer"
           : !is_for_us(c, asked->client) ? "the login was for another client"
           : asked->nonce.n == 0 || !str_eq(report_get_str(c, "nonce"), asked->nonce)
               ? "the login was for another question"
           : !in_time ? "the login is too old, or of the future"
           : address.n == 0 || !address_same(address, asked->address) ? "somebody else logged in"
           : by_mail && !report_get_bool(c, "email_verified")
               ? "the provider does not vouch for the address"
               : NULL;
}

int oidc_token_answer(struct str text, const struct oidc_asked *asked, char *problem, size_t size)
{
    char words[160];
    struct buf octets = BUF_INIT(OIDC_ANSWER_MAX);
    struct json *j = report_parse(text, words, sizeof words), *claims = NULL;
    struct str token = j ? report_get_str(j, "id_token") : STR(""), head, body;
    const char *what = NULL;
    if (token.n == 0) {
        what = j && report_get_str(j, "error").n > 0 ? "the provider refused the code"
                                                     : "the provider sent no login";
    } else if (!str_split(&token, '.', &head) || !token.p || !str_split(&token, '.', &body) ||
               base64url_read(body, &octets) < 0 ||
               !(claims = report_parse(buf_str(&octets), words, sizeof words))) {
        what = "the login cannot be read";
    } else {
        what = claims_problem(claims, asked);
    }
    report_free(claims);
    report_free(j);
    buf_wipe(&octets);
    return what ? oidc_bad(problem, size, what) : 0;
}
