/* SPDX-License-Identifier: Apache-2.0
 * directory.c: one login over libldap. RFC 4511, RFC 4513, RFC 4515 (escaping).
 *
 * What can go wrong: an empty password, which LDAP servers take for an anonymous bind that
 * succeeds (RFC 4513 5.1.2): refused here; a certificate for other purposes or with a small key,
 * which GnuTLS takes: refused here; names with filter characters: escaped; two people of one
 * name: nobody is let in.
 */
#include "directory/directory.h"
#include "base/clock.h"
#include "directory/look.h"
#include "tls/tls.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>

/* One question under way, and where its problem is told. */
struct directory_call {
    const struct directory_config *c;
    int64_t since_ms; /* monotonic */
    char *problem;
    size_t size;
};

enum {
    /* a second look takes no longer, and is not done where the first took as long */
    SOON_MS = 2000,
    INCOMING = 64 << 20, /* octets of one entry: a group of half a million members */
};

static bool is_of_the_way(int code)
{
    return code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR || code == LDAP_PROTOCOL_ERROR ||
           code == LDAP_UNAVAILABLE || code == LDAP_OPERATIONS_ERROR || code == LDAP_LOCAL_ERROR;
}

/* A directory that cannot be asked. What is wrong with the way to it is looked at once more, as
 * the library does not tell; the library's own words stand for the rest. */
static enum directory_result directory_away(const struct directory_call *call, LDAP *ld,
                                            const char *what, int code)
{
    const struct directory_config *c = call->c;
    const struct directory_place place = {c->url, c->trust_store, c->starttls};
    char *words = NULL, why[500] = "";
    bool look = is_of_the_way(code) && clock_mono_ms() - call->since_ms < SOON_MS;
    if (look && directory_look(&place, SOON_MS, why, sizeof why) == DIRECTORY_SEEN_WRONG) {
        snprintf(call->problem, call->size, "%s: %s", what, why);
        return DIRECTORY_AWAY;
    }
    if (code == LDAP_TIMEOUT) {
        snprintf(call->problem, call->size,
                 "%s: no answer within %lld ms; postern doctor looks closer", what,
                 (long long)c->timeout_ms);
        return DIRECTORY_AWAY;
    }
    if (ld) {
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
    }
    snprintf(call->problem, call->size, "%s: %s%s%s%s", what, ldap_err2string(code),
             words && *words ? ": " : "", words ? words : "",
             look ? "; looked at once more, the way to it is fine" : "");
    ldap_memfree(words);
    return DIRECTORY_AWAY;
}

static void close_directory(LDAP **ld)
{
    if (*ld) {
        (void)ldap_unbind_ext_s(*ld, NULL, NULL);
    }
}

/* What the library does not look at. */
static bool directory_fits(LDAP *ld)
{
    struct berval der = {0};
    bool ok = ldap_get_option(ld, LDAP_OPT_X_TLS_PEERCERT, &der) == LDAP_OPT_SUCCESS &&
              der.bv_val && tls_fits_service(str_from(der.bv_val, der.bv_len));
    ldap_memfree(der.bv_val);
    return ok;
}

/* Without it the library makes room for as much as an entry claims to be long, up to 2 GB,
 * before it is there. */
static void bound_entries(LDAP *ld)
{
    ber_len_t most = INCOMING;
    Sockbuf *socket = NULL;
    if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &socket) == LDAP_OPT_SUCCESS && socket) {
        (void)ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING, &most);
    }
}

static int connect_directory(const struct directory_config *c, LDAP *ld)
{
    bool clear = strncmp(c->url, "ldap://", 7) == 0;
    int r = ldap_connect(ld);
    if (r != LDAP_SUCCESS) {
        return r;
    }
    bound_entries(ld);
    if (clear && !c->starttls) {
        return LDAP_SUCCESS;
    }
    r = clear ? ldap_start_tls_s(ld, NULL, NULL) : LDAP_SUCCESS;
    return r != LDAP_SUCCESS || directory_fits(ld) ? r : LDAP_CONNECT_ERROR;
}

static int open_directory(const struct directory_config *c, LDAP **ret)
{
    const struct timeval limit = {
        .tv_sec = c->timeout_ms / 1000,
        .tv_usec = (c->timeout_ms % 1000) * 1000,
    };
    const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, fresh = 0;
    int r = ldap_initialize(ret, c->url);
    if (r != LDAP_SUCCESS) {
        return r;
    }
    ldap_set_option(*ret, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(*ret, LDAP_OPT_NETWORK_TIMEOUT, &limit);
    ldap_set_option(*ret, LDAP_OPT_TIMEOUT, &limit);
    ldap_set_option(*ret, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(*ret, LDAP_OPT_X_TLS_CACERTFILE, c->trust_store);
    ldap_set_option(*ret, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    ldap_set_option(*ret, LDAP_OPT_X_TLS_NEWCTX, &fresh);
    return connect_directory(c, *ret);
}

static int bind_as(LDAP *ld, const char *dn, const char *password)
{
    struct berval secret = {.bv_len = strlen(password), .bv_val = (char *)password};
    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* The filter with the name in place of %u. */
static int write_filter(const char *pattern, const char *name, struct buf *out)
{
    struct berval in = {.bv_len = strlen(name), .bv_val = (char *)name}, escaped = {0};
    if (ldap_bv2escaped_filter_value(&in, &escaped) != 0) {
        return -EINVAL;
    }
    int r = 0;
    for (const char *p = pattern; r == 0 && *p; p++) {
        if (p[0] == '%' && p[1] == 'u') {
            r = buf_append(out, escaped.bv_val, escaped.bv_len);
            p++;
        } else {
            r = buf_append(out, p, 1);
        }
    }
    ber_memfree(escaped.bv_val);
    return r < 0 ? r : buf_append(out, "", 1);
}

/* One address: words apart would be several to whoever reads the list, and what follows a zero
 * would be lost. */
static bool directory_is_address(const struct berval *value)
{
    bool at = false;
    for (size_t i = 0; i < value->bv_len; i++) {
        unsigned char c = (unsigned char)value->bv_val[i];
        if (c <= ' ' || c == 0x7f) {
            return false;
        }
        at |= c == '@';
    }
    return at;
}

static int directory_keep_addresses(LDAP *ld, LDAPMessage *entry, const char *attribute,
                                    struct buf *out)
{
    struct berval **values = ldap_get_values_len(ld, entry, attribute);
    int r = 0;
    for (int i = 0; r == 0 && values && values[i]; i++) {
        if (directory_is_address(values[i])) {
            r = buf_printf(out, "%s%.*s", buf_len(out) ? " " : "", (int)values[i]->bv_len,
                           values[i]->bv_val);
        }
    }
    ldap_value_free_len(values);
    return r;
}

static int search(const struct directory_config *c, LDAP *ld, const char *base, int scope,
                  const char *filter, LDAPMessage **ret)
{
    char *wanted[] = {(char *)c->mail_attribute, NULL};
    struct timeval limit = {
        .tv_sec = c->timeout_ms / 1000,
        .tv_usec = (c->timeout_ms % 1000) * 1000,
    };
    return ldap_search_ext_s(ld, base, scope, filter, wanted, 0, NULL, NULL, &limit, 2, ret);
}

/* *ret_dn is the person's name in the directory (ldap_memfree), NULL when there is not exactly
 * one. */
static int find_person(const struct directory_config *c, LDAP *ld, const char *name, char **ret_dn,
                       struct buf *addresses)
{
    CLEANUP(buf_free) struct buf filter = BUF_INIT(4096);
    LDAPMessage *found = NULL;
    *ret_dn = NULL;
    if (write_filter(c->filter, name, &filter) < 0) {
        return LDAP_SUCCESS;
    }
    int r = search(c, ld, c->base, LDAP_SCOPE_SUBTREE, buf_str(&filter).p, &found);
    if (r == LDAP_SUCCESS && ldap_count_entries(ld, found) == 1) {
        LDAPMessage *entry = ldap_first_entry(ld, found);
        *ret_dn = ldap_get_dn(ld, entry);
        if (*ret_dn && directory_keep_addresses(ld, entry, c->mail_attribute, addresses) < 0) {
            ldap_memfree(*ret_dn);
            *ret_dn = NULL;
        }
    }
    ldap_msgfree(found);
    return r == LDAP_NO_SUCH_OBJECT || r == LDAP_SIZELIMIT_EXCEEDED ? LDAP_SUCCESS : r;
}

static int directory_in_group(const struct directory_config *c, LDAP *ld, const char *dn, bool *ret)
{
    CLEANUP(buf_free) struct buf filter = BUF_INIT(8192);
    LDAPMessage *found = NULL;
    *ret = !*c->group;
    if (*ret || write_filter("(|(member=%u)(uniqueMember=%u))", dn, &filter) < 0) {
        return LDAP_SUCCESS;
    }
    int r = search(c, ld, c->group, LDAP_SCOPE_BASE, buf_str(&filter).p, &found);
    *ret = r == LDAP_SUCCESS && ldap_count_entries(ld, found) == 1;
    ldap_msgfree(found);
    return r == LDAP_NO_SUCH_OBJECT ? LDAP_SUCCESS : r;
}

enum directory_result directory_login(const struct directory_config *c, const char *name,
                                      const char *password, struct buf *addresses, char *problem,
                                      size_t size)
{
    const struct directory_call call = {c, clock_mono_ms(), problem, size};
    CLEANUP(close_directory) LDAP *ld = NULL;
    char *dn = NULL;
    bool member = false;
    if (!*name || !*password) {
        return DIRECTORY_WRONG;
    }
    int r = open_directory(c, &ld);
    if (r != LDAP_SUCCESS) {
        return directory_away(&call, ld, "the directory cannot be reached safely", r);
    }
    r = *c->bind_dn ? bind_as(ld, c->bind_dn, c->bind_password) : LDAP_SUCCESS;
    r = r != LDAP_SUCCESS ? r : find_person(c, ld, name, &dn, addresses);
    r = r != LDAP_SUCCESS || !dn ? r : directory_in_group(c, ld, dn, &member);
    if (r != LDAP_SUCCESS) {
        ldap_memfree(dn);
        return directory_away(&call, ld, "the directory did not answer", r);
    }
    r = dn && member ? bind_as(ld, dn, password) : LDAP_INVALID_CREDENTIALS;
    ldap_memfree(dn);
    if (r == LDAP_SERVER_DOWN || r == LDAP_TIMEOUT || r == LDAP_BUSY || r == LDAP_UNAVAILABLE) {
        return directory_away(&call, ld, "the directory went away", r);
    }
    return r == LDAP_SUCCESS ? DIRECTORY_OK : DIRECTORY_WRONG;
}

static int search_all(const struct directory_config *c, LDAP *ld, const char *base, int scope,
                      const char *filter, char **wanted, LDAPMessage **ret)
{
    struct timeval limit = {
        .tv_sec = c->timeout_ms / 1000,
        .tv_usec = (c->timeout_ms % 1000) * 1000,
    };
    return ldap_search_ext_s(ld, base, scope, filter, wanted, 0, NULL, NULL, &limit, LDAP_NO_LIMIT,
                             ret);
}

/* People that say themselves that they are in the group. */
static int add_by_memberof(const struct directory_config *c, LDAP *ld, const char *group,
                           struct buf *addresses)
{
    CLEANUP(buf_free) struct buf filter = BUF_INIT(8192);
    char *wanted[] = {(char *)c->mail_attribute, NULL};
    LDAPMessage *found = NULL;
    if (write_filter("(memberOf=%u)", group, &filter) < 0) {
        return LDAP_NO_MEMORY;
    }
    int r = search_all(c, ld, c->base, LDAP_SCOPE_SUBTREE, buf_str(&filter).p, wanted, &found);
    for (LDAPMessage *e = r == LDAP_SUCCESS ? ldap_first_entry(ld, found) : NULL; e;
         e = ldap_next_entry(ld, e)) {
        (void)!directory_keep_addresses(ld, e, c->mail_attribute, addresses);
    }
    ldap_msgfree(found);
    return r == LDAP_NO_SUCH_OBJECT || r == LDAP_UNDEFINED_TYPE || r == LDAP_INAPPROPRIATE_MATCHING
               ? LDAP_SUCCESS
               : r;
}

static int directory_add_person(const struct directory_config *c, LDAP *ld, const char *dn,
                                struct buf *addresses)
{
    LDAPMessage *found = NULL;
    int r = search(c, ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", &found);
    LDAPMessage *e = r == LDAP_SUCCESS ? ldap_first_entry(ld, found) : NULL;
    if (e && directory_keep_addresses(ld, e, c->mail_attribute, addresses) < 0) {
        r = LDAP_NO_MEMORY;
    }
    ldap_msgfree(found);
    /* a member that is gone */
    return r == LDAP_NO_SUCH_OBJECT || r == LDAP_INVALID_DN_SYNTAX ? LDAP_SUCCESS : r;
}

/* People that the group's own entry names. */
static int add_by_entry(const struct directory_config *c, LDAP *ld, const char *group,
                        struct buf *addresses)
{
    static char member[] = "member", unique[] = "uniqueMember";
    char *wanted[] = {member, unique, NULL};
    LDAPMessage *found = NULL;
    int r = search_all(c, ld, group, LDAP_SCOPE_BASE, "(objectClass=*)", wanted, &found);
    LDAPMessage *e = r == LDAP_SUCCESS ? ldap_first_entry(ld, found) : NULL;
    r = r == LDAP_SUCCESS && !e ? LDAP_NO_SUCH_OBJECT : r;
    for (size_t k = 0; k < 2 && e; k++) {
        struct berval **values = ldap_get_values_len(ld, e, wanted[k]);
        for (int i = 0; values && values[i] && r == LDAP_SUCCESS; i++) {
            char *dn = str_dup(str_from(values[i]->bv_val, values[i]->bv_len));
            r = directory_add_person(c, ld, dn, addresses);
            free(dn);
        }
        ldap_value_free_len(values);
    }
    ldap_msgfree(found);
    return r;
}

enum directory_result directory_members(const struct directory_config *c, const char *group,
                                        struct buf *addresses, char *problem, size_t size)
{
    const struct directory_call call = {c, clock_mono_ms(), problem, size};
    CLEANUP(close_directory) LDAP *ld = NULL;
    int r = open_directory(c, &ld);
    if (r != LDAP_SUCCESS) {
        return directory_away(&call, ld, "the directory cannot be reached safely", r);
    }
    r = *c->bind_dn ? bind_as(ld, c->bind_dn, c->bind_password) : LDAP_SUCCESS;
    r = r != LDAP_SUCCESS ? r : add_by_entry(c, ld, group, addresses);
    r = r != LDAP_SUCCESS ? r : add_by_memberof(c, ld, group, addresses);
    return r == LDAP_SUCCESS ? DIRECTORY_OK
                             : directory_away(&call, ld, "the group cannot be read", r);
}
