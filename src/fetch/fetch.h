/* SPDX-License-Identifier: Apache-2.0
 * fetch.h: HTTPS on the loop, for MTA-STS policies and TLS reports. The only folder that includes
 * libcurl.
 *
 * No redirects, no proxies, no cookies; TLS 1.2 or better; the certificate is checked by name. A
 * body that comes packed (gzip, though it was not asked for) is unpacked. The addresses come
 * from the caller's own resolver. Answers are counted by us and cut off at the limit.
 */
#pragma once
#include "base/buf.h"

struct loop;
struct fetcher;

enum fetch_result {
    FETCH_OK,  /* an answer with a status came whole */
    FETCH_TLS, /* no TLS, or a certificate that is not good for the name */
    FETCH_TOO_BIG,
    FETCH_TIMEOUT,
    FETCH_FAILED, /* anything else */
};

struct fetch_request {
    const char *url;  /* https only; borrowed */
    const char *host; /* of the url; borrowed */
    uint16_t port;
    const char *addresses; /* comma separated; IPv6 without brackets; borrowed */
    size_t octets_max;
    int64_t limit_ms; /* for all of it */
    /* a POST when body.n > 0 */
    struct str body; /* copied */
    const char *content_type;
    bool any_certificate; /* RFC 8460 3: reports may ignore certificate errors */
};

struct fetch_answer {
    enum fetch_result result;
    long status;
    char content_type[128]; /* without parameters, lower case */
    struct str body;        /* valid until the callback returns */
    const char *detail;     /* plain words when not FETCH_OK */
};

typedef void (*fetch_fn)(void *arg, const struct fetch_answer *a);

/* ca_pem is copied. 0, or -EINVAL with a sentence. */
int fetcher_new(struct loop *l, struct str ca_pem, char *problem, size_t size,
                struct fetcher **ret) MUST_USE;
/* Other authorities from the next fetch on; copied. */
void fetcher_trust(struct fetcher *f, struct str ca_pem);
void fetcher_free(struct fetcher *f);
/* fn runs exactly once, later. At most 64 at a time; more fail at once. */
void fetch_start(struct fetcher *f, const struct fetch_request *r, fetch_fn fn, void *arg);
