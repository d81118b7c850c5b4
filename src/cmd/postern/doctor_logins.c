/* SPDX-License-Identifier: Apache-2.0
 * doctor_logins.c: who is asked when people log in, as postern doctor sees it: the directory,
 * the providers of the portal's readers. Called by doctor.c.
 *
 * Nobody logs in for it: a connection, TLS and the certificate are looked at. What can go wrong:
 * no answer; that is said.
 */
#include "cmd/postern/doctor.h"
#include "directory/look.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 5000, HOST_MAX = 300 };

static void look_directory(struct doctor *d)
{
    const struct directory_place p = {
        d->c->directory.url,
        d->c->trust_store,
        d->c->directory.starttls != 0,
    };
    char why[500], text[900];
    if (!p.url) {
        return;
    }
    bool clear = str_starts_nocase(str_c(p.url), STR("ldap://")) && !p.starttls;
    if (clear) {
        snprintf(text, sizeof text, "%s: without TLS", p.url);
        doctor_tell(d, CARE, "directory", text,
                    "Passwords can be read on the way unless it is this machine: leave out "
                    "starttls no, or use ldaps://.");
    }
    bool well = directory_look(&p, LOOK_MS, why, sizeof why) == DIRECTORY_SEEN_WELL;
    snprintf(text, sizeof text, "%s: %s", p.url,
             !well   ? why
             : clear ? "answers"
                     : "answers, its certificate is right");
    doctor_tell(
        d, well ? WELL : ILL, "directory server", text,
        "Nobody of the directory can log in, and groups keep the members that were read last.");
}

static void look_provider(struct doctor *d, const char *issuer)
{
    struct name_addresses a;
    char host[HOST_MAX], text[500], why[200];
    uint16_t port;
    doctor_split_url(issuer, host, sizeof host, &port);
    enum name_state state = doctor_addresses(d, host, &a, why, sizeof why);
    if (state != NAME_THERE) {
        doctor_tell_name(d, "login provider", host, state, why,
                         "Readers cannot log in there: see oidc { issuer }.");
        return;
    }
    int fd = doctor_connect_any(&a, port);
    if (fd < 0) {
        snprintf(text, sizeof text, "port %u of %s: %s", port, host, strerror(-fd));
        doctor_tell(d, ILL, "login provider", text, "Readers cannot log in there.");
        return;
    }
    doctor_certificate(d, "login provider", host, fd,
                       "Readers cannot log in there until its certificate is mended, or its "
                       "authority is in trust-store.");
    close(fd);
}

void doctor_logins(struct doctor *d)
{
    look_directory(d);
    for (size_t i = 0; i < d->c->n_oidc; i++) {
        look_provider(d, d->c->oidc[i].issuer);
    }
}
