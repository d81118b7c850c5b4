/* SPDX-License-Identifier: Apache-2.0
 * inbound.h: what a connection that brings mail must be: rules by sender, client network, EHLO
 * name and client certificate (forced TLS from partners). Pure; reads the configuration.
 */
#pragma once
#include "conf/conf.h"

#define INBOUND_GRADES(X) \
    X(NONE, "none") \
    X(TLS, "tls") \
    X(CERT, "cert") \
    X(PIN, "pin")
#define INBOUND_GRADE_ENUM(n, s) INBOUND_##n,
enum inbound_grade { INBOUND_GRADES(INBOUND_GRADE_ENUM) INBOUND_GRADE_END };
const char *inbound_grade_name(enum inbound_grade g);

/* The connection as it is. Views are borrowed. */
struct inbound_facts {
    struct str client_ip, helo;
    bool knows_sender; /* MAIL was said */
    struct str reverse_path;
    bool in_tls, has_certificate, certificate_ok; /* ok: a trusted authority vouches for it */
    struct str trouble;                           /* what is wrong with it, behind "certificate" */
    /* DNS names of the certificate, space-separated */
    struct str names;
    struct str fingerprint, key_fingerprint; /* SHA-256, lower-case hex */
};

struct inbound_verdict {
    /* the first that is not satisfied and enforced, else the first that only reports; NULL: all
     * are satisfied. Borrowed from conf */
    const struct conf_rule *rule;
    enum inbound_grade wanted;
    bool enforced;
    char reason[480]; /* for the client: what is missing */
    char had[256];    /* for us: what the connection had, and what is wrong with its certificate */
};

void inbound_judge(const struct conf *c, const struct inbound_facts *f,
                   struct inbound_verdict *ret);
/* True when some rule looks at client certificates: then they are asked for. */
bool inbound_needs_certificates(const struct conf *c);
/* True when the list (blank or struct conf_words of cert:HEX, key:HEX) has one of the
 * fingerprints. */
bool inbound_pinned(const struct conf_words *pins, struct str fingerprint,
                    struct str key_fingerprint);
