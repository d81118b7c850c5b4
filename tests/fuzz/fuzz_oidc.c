/* SPDX-License-Identifier: Apache-2.0
 * fuzz_oidc.c: libFuzzer target. What a provider of logins sends: its description, its answer,
 * the claims of a login. A login is taken only if it names our issuer, client, question and
 * address; what we send on has each value in its own field, whatever is in it.
 *
 * An input: which of them (1 octet), then the text; of the claims, as they stand behind the
 * base64url.
 */
#include "fuzz.h"
#include "oidc/oidc.h"
#include "wire/base64.h"

enum { DESCRIPTION, ANSWER, CLAIMS, REQUEST, KINDS };

static const char issuer[] = "https://i.example", client[] = "client-1";
static const int64_t now_ms = 1700000000000;

static bool holds(struct str text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++) {
        /* a domain is the same in capitals (RFC 1035 2.3.3) */
        if (str_eq_nocase(str_slice(text, i, i + n), str_from(word, n))) {
            return true;
        }
    }
    return false;
}

static size_t count(struct str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == c;
    }
    return n;
}

/* Nothing that ends a header field, an attribute or a field of a form (RFC 3986 2). */
static void is_one_address(struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        must(url.p[i] > ' ' && url.p[i] < 0x7f && !strchr("\"'<>\\", url.p[i]));
    }
}

static void send_on(const struct oidc_server *s, struct str value)
{
    static const unsigned char challenge[32] = {1};
    CLEANUP(buf_free) struct buf url = BUF_INIT(65536), form = BUF_INIT(65536);
    value = str_slice(value, 0, value.n < 1000 ? value.n : 1000);
    size_t before = count(str_c(s->authorization), '&');
    must(oidc_login_url(s, client, "https://p.example/back", value, value, challenge, value,
                        &url) == 0);
    must(count(buf_str(&url), '&') - before <= 9 && count(buf_str(&url), '#') == 0);
    is_one_address(buf_str(&url));
    must(oidc_token_request(client, STR("s&e=c"), "https://p.example/back", value, value, &form) ==
         0);
    must(count(buf_str(&form), '&') == 5 && count(buf_str(&form), '=') == 6);
    is_one_address(buf_str(&form));
}

static void description(struct str text)
{
    struct oidc_server s = {0};
    char problem[200];
    if (oidc_description(text, issuer, &s, problem, sizeof problem) < 0) {
        return;
    }
    must(str_eq(str_c(s.issuer), str_c(issuer)));
    must(str_starts_nocase(str_c(s.token), STR("https://")));
    must(str_starts_nocase(str_c(s.authorization), STR("https://")));
    is_one_address(str_c(s.token));
    send_on(&s, STR("a value"));
}

static bool says(struct str text, const char *claim)
{
    char problem[200];
    struct oidc_asked asked = {
        .issuer = issuer,
        .client = client,
        .claim = claim,
        .now_ms = now_ms,
    };
    const struct oidc_asked none = asked;
    asked.nonce = STR("question-7");
    asked.address = STR("anna@partner.example");
    /* nobody asked for anything */
    must(oidc_token_answer(text, &none, problem, sizeof problem) < 0);
    return oidc_token_answer(text, &asked, problem, sizeof problem) == 0;
}

static void claims(struct str text)
{
    CLEANUP(buf_free) struct buf answer = BUF_INIT(65536), token = BUF_INIT(65536);
    must(base64url_write(text, &token) == 0);
    must(buf_printf(&answer, "{\"id_token\":\"e30." STR_FMT ".c2ln\"}", STR_ARG(buf_str(&token))) ==
         0);
    bool by_mail = says(buf_str(&answer), "email"), by_name = says(buf_str(&answer), "upn");
    bool escaped = holds(text, "\\"); /* then a word may be written otherwise */
    bool ours = holds(text, issuer) && holds(text, client) && holds(text, "question-7");
    must(!(by_mail || by_name) || escaped || ours);
    must(!by_mail || escaped || (holds(text, "email_verified") && holds(text, "artner")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    const struct oidc_server s = {.authorization = "https://i.example/a?x=1"};
    switch (take_octet(&in) % KINDS) {
    case DESCRIPTION:
        description(in);
        break;
    case ANSWER:
        must(!says(in, "email") || holds(in, "id_token") || holds(in, "\\"));
        break;
    case CLAIMS:
        claims(in);
        break;
    default:
        send_on(&s, in);
    }
    return 0;
}
