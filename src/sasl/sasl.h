/* SPDX-License-Identifier: Apache-2.0
 * sasl.h: logging in, both sides (RFC 4422): SCRAM-SHA-256 with and without channel binding (RFC
 * 7677, RFC 5802), PLAIN (RFC 4616), LOGIN, EXTERNAL. The only folder that includes libgsasl.
 *
 * An exchange is steps of base64 text, as SMTP carries it (RFC 4954). Nothing here sends or waits.
 */
#pragma once
#include "base/buf.h"

enum { SASL_TEXT_MAX = 12288, SASL_NAME_MAX = 255, SASL_BINDING_MAX = 256 };

struct sasl;

/* How one step ended. */
enum sasl_step {
    SASL_MORE, /* the text goes to the other side */
    /* it ended well; on a server a text may still have to go (then the client says an empty
     * line) */
    SASL_DONE,
    SASL_FAILED, /* wrong name or password, or not what the mechanism wants */
};

/* What a server knows about an account; views live until the callback returns. */
struct sasl_scram {
    unsigned iterations;
    char salt[64], stored_key[128], server_key[128]; /* salt: base64; keys: base64 */
};

/* The server's questions; name and password are UTF-8 without NUL. */
struct sasl_server {
    void *arg;
    bool (*password_ok)(void *arg, const char *name, const char *password);
    bool (*scram_of)(void *arg, const char *name, struct sasl_scram *ret);
    /* EXTERNAL: may the certificate's owner be `name` (empty: whoever it names)? Writes the
     * name. */
    bool (*external_ok)(void *arg, const char *name, char ret_name[SASL_NAME_MAX + 1]);
    const char *exporter; /* tls-exporter channel binding (RFC 9266), base64; NULL: none */
};

/* *ret: an exchange as server with one of the mechanisms named above. `server` is borrowed for its
 * life. 0, -ENOTSUP, -ENOMEM. */
int sasl_server_new(const char *mechanism, const struct sasl_server *server,
                    struct sasl **ret) MUST_USE;
/* The same as client: picks the strongest of those offered and not refused (space-separated);
 * *ret_mechanism is its name. name and password are copied. -ENOTSUP: none is known. */
int sasl_client_new(const char *offered, const char *refused, const char *name,
                    const char *password, const char *exporter, struct sasl **ret,
                    const char **ret_mechanism) MUST_USE;
void sasl_free(struct sasl *s);
/* Takes base64 text of the other side (empty for the first step of a client), appends ours. */
enum sasl_step sasl_step(struct sasl *s, struct str in, struct buf *out);
/* Who logged in, after SASL_DONE on a server. */
const char *sasl_name(const struct sasl *s);
/* How often passwords of accounts are hashed (RFC 7677 4 wants 4096 at least). */
enum { SASL_ITERATIONS = 60000 };

/* Salted keys of a password, for the account's record. 0 or -EINVAL. */
int sasl_make_scram(const char *password, unsigned iterations, const unsigned char salt[16],
                    struct sasl_scram *ret) MUST_USE;
/* Keys that no password has, of somebody who is not there: seen from outside like an account's
 * (RFC 5802 9). octets: random. */
void sasl_decoy_scram(const unsigned char salt[16], const unsigned char octets[64],
                      struct sasl_scram *ret);
