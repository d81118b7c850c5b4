/* SPDX-License-Identifier: Apache-2.0
 * directory.h: people in an LDAP directory (RFC 4511): found by a search, proved by a bind with
 * their password. The only folder that includes libldap. Everything here blocks, for at most the
 * time limit per question; called by the login process alone.
 */
#pragma once
#include "base/buf.h"

struct directory_config {
    /* borrowed */
    const char *url, *base, *filter, *bind_dn, *bind_password, *group, *mail_attribute,
        *trust_store;
    bool starttls;
    int64_t timeout_ms;
};

enum directory_result {
    DIRECTORY_OK,
    DIRECTORY_WRONG, /* nobody of this name, wrong password, or not in the group */
    DIRECTORY_AWAY,  /* cannot be asked; see problem */
};

/* On DIRECTORY_OK appends the person's addresses, space-separated. */
enum directory_result directory_login(const struct directory_config *c, const char *name,
                                      const char *password, struct buf *addresses, char *problem,
                                      size_t size);
/* On DIRECTORY_OK appends the addresses of everyone in the group (member, uniqueMember, memberOf),
 * space-separated. A group that is not there is DIRECTORY_AWAY: it must not look empty. */
enum directory_result directory_members(const struct directory_config *c, const char *group,
                                        struct buf *addresses, char *problem, size_t size);
