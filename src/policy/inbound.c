/* SPDX-License-Identifier: Apache-2.0
 * inbound.c: judges a connection by the inbound rules. Called by smtpin at EHLO (rules about
 * networks and names alone: then the sender's address is not even heard) and at MAIL.
 *
 * A partner block is about senders in its domains, clients in its networks and clients with its
 * EHLO names; a rule block about its senders. What can go wrong: an EHLO name is the client's
 * own word: it can only make a rule apply, never satisfy one.
 */
#include "policy/inbound.h"
#include "wire/address.h"

#include <stdio.h>

#define NAME_OF(n, s) s,
static const char *const grade_names[] = {INBOUND_GRADES(NAME_OF)};

const char *inbound_grade_name(enum inbound_grade g)
{
    return g < INBOUND_GRADE_END ? grade_names[g] : "unknown";
}

static bool inbound_applies(const struct conf *c, const struct conf_rule *r,
                            const struct inbound_facts *f)
{
    if (r->inbound == INBOUND_NONE) {
        return false;
    }
    if (conf_net_listed(&r->inbound_networks, f->client_ip) ||
        conf_domain_listed(&r->inbound_helo, domain_from(f->helo))) {
        return true;
    }
    return f->knows_sender && f->reverse_path.n > 0 && conf_rule_from(c, r, f->reverse_path);
}

/* HEX as it was written (colons, upper case) against lower-case hex. */
static bool inbound_same_hex(struct str written, struct str hex)
{
    size_t n = 0;
    for (size_t i = 0; i < written.n; i++) {
        if (written.p[i] == ':') {
            continue;
        }
        if (n >= hex.n || str_lower(written.p[i]) != hex.p[n++]) {
            return false;
        }
    }
    return n == hex.n && n > 0;
}

bool inbound_pinned(const struct conf_words *pins, struct str fingerprint,
                    struct str key_fingerprint)
{
    for (size_t i = 0; i < pins->n; i++) {
        struct str pin = str_c(pins->v[i]);
        bool is_key = str_starts_nocase(pin, STR("key:"));
        if (inbound_same_hex(str_slice(pin, is_key ? 4 : 5, pin.n),
                             is_key ? key_fingerprint : fingerprint)) {
            return true;
        }
    }
    return false;
}

static bool has_name(const struct conf_rule *r, struct str names)
{
    struct str one;
    while (names.n > 0 && str_split(&names, ' ', &one)) {
        if (conf_domain_listed(&r->inbound_names, domain_from(one))) {
            return true;
        }
    }
    return r->inbound_names.n == 0;
}

/* Writes what is missing; false: satisfied. */
static bool missing(const struct conf_rule *r, const struct inbound_facts *f, char *why,
                    size_t size)
{
    bool certificate = r->inbound == INBOUND_CERT || r->inbound == INBOUND_PIN;
    *why = '\0';
    if (!f->in_tls) {
        str_copy_cut(STR("this connection is not encrypted"), why, size);
    } else if (certificate && !f->has_certificate) {
        str_copy_cut(STR("your server showed no client certificate"), why, size);
    } else if (r->inbound == INBOUND_CERT && !f->certificate_ok) {
        snprintf(why, size, "your server's certificate " STR_FMT, STR_ARG(f->trouble));
    } else if (r->inbound == INBOUND_CERT && !has_name(r, f->names)) {
        snprintf(why, size,
                 "your server's certificate is for another name than agreed: it names %.*s",
                 f->names.n < 120 ? (int)f->names.n : 120, f->names.n > 0 ? f->names.p : "");
    } else if (r->inbound == INBOUND_PIN &&
               !inbound_pinned(&r->inbound_pins, f->fingerprint, f->key_fingerprint)) {
        str_copy_cut(STR("your server's certificate is not the agreed one"), why, size);
    }
    return *why != '\0';
}

static void inbound_describe(const struct inbound_facts *f, char *dst, size_t size)
{
    struct str names = str_slice(f->names, 0, f->names.n < 60 ? f->names.n : 60);
    if (!f->in_tls || !f->has_certificate) {
        snprintf(dst, size, "%s", f->in_tls ? "TLS, no client certificate" : "no TLS");
    } else if (f->certificate_ok) {
        snprintf(dst, size, "TLS, trusted certificate of " STR_FMT, STR_ARG(names));
    } else {
        snprintf(dst, size, "TLS, certificate of " STR_FMT ": " STR_FMT, STR_ARG(names),
                 STR_ARG(f->trouble));
    }
}

void inbound_judge(const struct conf *c, const struct inbound_facts *f, struct inbound_verdict *ret)
{
    *ret = (struct inbound_verdict){0};
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];
        char why[360];
        if (!inbound_applies(c, r, f) || !missing(r, f, why, sizeof why) ||
            (ret->rule && (ret->enforced || r->inbound_mode != 0))) {
            continue;
        }
        ret->rule = r;
        ret->wanted = (enum inbound_grade)r->inbound;
        ret->enforced = r->inbound_mode == 0;
        snprintf(ret->reason, sizeof ret->reason,
                 "Mail from %.80s is only taken over a secure connection (%s), and %s", r->name,
                 inbound_grade_name(ret->wanted), why);
    }
    if (ret->rule) {
        inbound_describe(f, ret->had, sizeof ret->had);
    }
}

bool inbound_needs_certificates(const struct conf *c)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        if (c->rules[i].inbound == INBOUND_CERT || c->rules[i].inbound == INBOUND_PIN) {
            return true;
        }
    }
    return false;
}
