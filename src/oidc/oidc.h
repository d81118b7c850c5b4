/* SPDX-License-Identifier: Apache-2.0
 * oidc.h: the login of a recipient's own organisation (OpenID Connect Core 1.0, Discovery 1.0;
 * PKCE, RFC 7636), the part without a network: what is asked and what its answers say. For the
 * processes `queue` and `login`.
 *
 * The ID token comes straight from the token endpoint over verified TLS, which stands for its
 * signature (Core 3.1.3.7, point 6); issuer, audience, time and nonce are checked here. Pure.
 */
#pragma once
#include "base/buf.h"

enum { OIDC_URL_MAX = 600, OIDC_ANSWER_MAX = 60 * 1024 };

struct oidc_server {
    char issuer[OIDC_URL_MAX], authorization[OIDC_URL_MAX], token[OIDC_URL_MAX];
};

/* What one login was asked for. */
struct oidc_asked {
    const char *issuer, *client; /* of the configuration */
    struct str nonce, address;   /* address: whose login it must be, in small letters */
    /* that holds the address: email, or another that the organisation vouches for */
    const char *claim;
    int64_t now_ms; /* wall time */
};

/* Where the provider keeps its description: issuer/.well-known/openid-configuration (Discovery
 * 4). 0 or -ENOSPC. */
int oidc_description_url(const char *issuer, struct buf *out) MUST_USE;
/* Reads it. -EBADMSG and a sentence: it is no description of this issuer. */
int oidc_description(struct str text, const char *issuer, struct oidc_server *ret, char *problem,
                     size_t size) MUST_USE;
/* Where the browser goes (Core 3.1.2.1). verifier: as in oidc_token_request(). hint: the
 * address. */
int oidc_login_url(const struct oidc_server *s, const char *client, const char *back,
                   struct str state, struct str nonce, const unsigned char challenge[32],
                   struct str hint, struct buf *out) MUST_USE;
/* The form that exchanges the code (Core 3.1.3.1); secret may be empty. */
int oidc_token_request(const char *client, struct str secret, const char *back, struct str code,
                       struct str verifier, struct buf *out) MUST_USE;
/* Does the token endpoint's answer say that this address logged in? 0, or -EBADMSG and a
 * sentence. */
int oidc_token_answer(struct str text, const struct oidc_asked *asked, char *problem,
                      size_t size) MUST_USE;
