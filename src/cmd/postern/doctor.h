/* SPDX-License-Identifier: Apache-2.0
 * doctor.h: what the files of postern doctor share: one finding after the other (doctor.c), names
 * asked in the DNS (doctor_names.c), ways by which mail and readers come and go (doctor_ways.c),
 * the running gateway (doctor_running.c).
 */
#pragma once
#include "cmd/postern/postern.h"
#include "tls/facts.h"

enum health { WELL, CARE, ILL };

struct doctor {
    const struct options *o;
    const struct conf *c;
    struct json *list;      /* findings as JSON; NULL: they are printed */
    unsigned n[3];          /* findings, by health */
    const char *outbound;   /* a server outside that may be asked; NULL: none */
    bool running;           /* posternd answers us */
    bool queue_up;          /* ...and its process queue is there to be asked */
    struct response status; /* its processes, while it runs */
    char dns_silent[200]; /* why no server of the DNS answers; it is waited for once. "": it does */
};

/* One finding: what was looked at, how it is, what to do (may be empty; shown unless it is well).
 */
void doctor_tell(struct doctor *d, enum health h, const char *what, const char *how,
                 const char *advice);
/* "ends in 20 days", or "ended on 2020-01-31 (2493 days ago)": ill when it is over, care when it
 * should have been renewed by now (policy/validity.h, limits expiry-warning). */
enum health doctor_ending(const struct doctor *d, const struct tls_facts *f, char *text,
                          size_t size);
/* Connects to an address, waiting so long at most. A descriptor that the caller closes, or -errno.
 */
int doctor_connect(struct str ip, uint16_t port, int wait_ms);

enum name_state { NAME_THERE, NAME_ABSENT, NAME_UNKNOWN };
enum { DOCTOR_ADDRESSES_MAX = 16 };
struct name_addresses {
    char ip[DOCTOR_ADDRESSES_MAX][46];
    size_t n;
};
/* The A and AAAA records of a name, as the DNS has them (not /etc/hosts), by the configured
 * forwarder or the one in /etc/resolv.conf. why (for UNKNOWN): plain words. */
enum name_state doctor_addresses(struct doctor *d, const char *name, struct name_addresses *ret,
                                 char *why, size_t size);
/* Its TXT records, each ended by a line end, appended to out. */
enum name_state doctor_texts(struct doctor *d, const char *name, struct buf *out, char *why,
                             size_t size);
/* What the gateway's resolver can be trusted with; text: what is wrong, in plain words, or "".
 * False: it could not be started. */
bool doctor_resolver_works(struct doctor *d, bool *ret_answers, char *text, size_t size);
/* Says that a name is absent or cannot be looked up; a sentence on what follows from its absence.
 */
void doctor_tell_name(struct doctor *d, const char *what, const char *name, enum name_state state,
                      const char *why, const char *advice);

/* The host of "https://host[:port]/..." and its port. */
void doctor_split_url(const char *url, char *host, size_t size, uint16_t *port);
/* The same to any of a name's addresses. */
int doctor_connect_any(const struct name_addresses *a, uint16_t port);
/* Does a TLS handshake as a client of host, and tells what its certificate is; wrong: what to do
 * when it does not count. */
void doctor_certificate(struct doctor *d, const char *what, const char *host, int fd,
                        const char *wrong);
/* doctor_users.c: whether each process has a user of its own. */
void doctor_users(struct doctor *d);
/* doctor_logins.c: the directory and the providers of logins. */
void doctor_logins(struct doctor *d);
/* doctor_ways.c: names of ours, hops, outbound, the portal, what notices are judged by. */
void doctor_names(struct doctor *d);
void doctor_hops(struct doctor *d);
void doctor_outbound(struct doctor *d);
void doctor_portal(struct doctor *d);
void doctor_notices(struct doctor *d);

/* doctor_running.c: asks the gateway; then what it says of itself, and its ports. */
void doctor_ask(struct doctor *d);
void doctor_running(struct doctor *d);
void doctor_resolver(struct doctor *d);
