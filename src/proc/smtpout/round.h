/* SPDX-License-Identifier: Apache-2.0
 * round.h: one round of a delivery over the hosts of its destination (RFC 5321 5.1): which address
 * is tried next and for how long a connection is waited for, what a server's answer means for a
 * recipient, and what is concluded when nobody is left to be asked. Pure: no clock, no I/O; facts
 * in, next step out. Called by delivery.c and its stories (tests/unit/proc/smtpout).
 *
 * A verdict enters the round only when a try has ended without success for somebody: a host that
 * was found fit to send to and then failed leaves nothing behind but its failure.
 */
#pragma once
#include "base/arena.h"
#include "policy/policy.h"

enum {
    ROUND_LEAST_TRIES = 4, /* tried however long the others took */
    ROUND_MOST_TRIES = 100,
    ROUND_MAX_MS = 10 * 60 * 1000, /* nobody further is tried after this */
    /* for all connections together, if each is given at least... */
    ROUND_CONNECT_MS = 4 * 60 * 1000,
    ROUND_CONNECT_LEAST_MS = 5 * 1000, /* ...this */
    /* these come first in every round; what does not fit takes turns */
    ROUND_FIRST = 16,
};

/* One address of one host: numbers in the way. */
struct round_place {
    uint16_t host, address;
    bool out;     /* the host was ruled out */
    bool last;    /* it was silent: behind the others, with all its time */
    size_t early; /* its verdict from before, which the one to come replaces, and 1; 0: none */
};

/* Whom a verdict concerns: a host may be offered some recipients, and lack what the others need
 * (SMTPUTF8). */
enum round_whom {
    ROUND_ALL,
    ROUND_OFFERED,
    ROUND_LEFT_OUT,
    ROUND_NOBODY /* replaced by a later one */
};

/* A try that ended without success for at least one recipient. */
struct round_ended {
    struct host_verdict verdict;
    enum round_whom whom;
    const char *host;  /* borrows the way */
    struct str detail; /* of this verdict and no other; borrows the arena */
};

struct round {
    struct arena *arena;
    struct round_place *places;
    size_t n_places, at; /* at: the place being tried, or the next one */
    struct round_ended *ended;
    size_t n_ended, tries;
    bool split;         /* the try under way leaves recipients out */
    bool trying, again; /* again: the same place once more, as... */
    bool fresh;         /* ...on a new connection, because a reused one broke */
    bool without_tls;   /* ...in clear: a TLS report, which must arrive (RFC 8460 3) */
};

struct round_step {
    size_t host, address;
    int64_t connect_ms; /* at most so long */
    /* to greet and to answer EHLO at most so long, and then round_silent(); 0: as RFC 5321
     * 4.5.3.2 says */
    int64_t silent_ms;
};

/* addresses[i]: how many host i has; hosts in the order to be asked. attempt: rounds before this
 * one, so that addresses for which there was no time take turns. 0 or -ENOSPC (the arena). */
int round_begin(struct round *r, struct arena *a, const size_t *addresses, size_t n_hosts,
                unsigned attempt) MUST_USE;
/* It was silent lately: the others first. Before the first step. */
void round_put_last(struct round *r, size_t host, size_t address);
/* As configured: to connect; to greet and to answer EHLO while others were not asked. */
struct round_times {
    int64_t connect_ms, silent_ms;
};

/* The next place; false: nobody is left, or there is no time. */
bool round_next(struct round *r, int64_t elapsed_ms, const struct round_times *most,
                struct round_step *ret);
/* The place given last cannot be used (a private address): not a try. */
void round_skip(struct round *r);
/* What was found without any try, as when the domain has no servers. */
void round_note(struct round *r, const struct host_verdict *v, const char *host, struct str detail);
/* Its host is ruled out before any connection: so are its other addresses. */
void round_rule_out(struct round *r, const struct host_verdict *v, const char *host,
                    struct str detail);
/* The try which ends next left out the recipients whose left_out is set: for them this verdict
 * counts, and that of round_end_try() for the others only. */
void round_leave_out(struct round *r, const struct host_verdict *v, const char *host,
                     struct str detail);
/* The try ended with this verdict; never HOST_SEND. */
void round_end_try(struct round *r, const struct host_verdict *v, const char *host,
                   struct str detail);
/* As round_end_try(), of a server that said nothing within silent_ms: it comes once more, behind
 * the others. */
void round_silent(struct round *r, const struct host_verdict *v, const char *host,
                  struct str detail);
/* The same place once more. */
void round_again_fresh(struct round *r);
void round_again_in_clear(struct round *r);

enum answer_to { ANSWER_TO_MAIL, ANSWER_TO_RCPT, ANSWER_TO_DATA, ANSWER_TO_END };

/* What an answer means for a recipient. */
enum answer_means {
    MEANS_TAKEN,
    MEANS_REFUSED, /* for good, whoever else is asked */
    MEANS_NOT_NOW, /* at this host, now: the next one may take it */
    /* 5yz about our address or host name, not about the mail: another host may take it */
    MEANS_NOT_US,
    MEANS_LOGIN, /* our own next hop wants a login: the administrator's matter, the message waits */
    MEANS_END,
};

/* to: DATA is everything after RCPT. enhanced: "5.7.1" or "". our_ip: our side's address, or "".
 * ours: the server is our own next hop (relay, deliver-to). */
enum answer_means answer_means(enum answer_to to, int code, struct str enhanced, struct str text,
                               const char *our_ip, bool ours);

/* A recipient over the round. */
struct round_rcpt {
    unsigned heard, not_us; /* answers that left it open; of them, MEANS_NOT_US */
    /* it needs what not every host offers: those that do not leave it out */
    bool left_out;
};

void round_hear(struct round_rcpt *rcpt, enum answer_means m);
/* What becomes of a recipient that nobody took or refused. */
struct verdict round_conclude(const struct round *r, const struct round_rcpt *rcpt,
                              const struct facts *f);
/* The try which the reason came from for this recipient, for host and detail; NULL: none. */
const struct round_ended *round_ended_by(const struct round *r, const struct round_rcpt *rcpt,
                                         enum reason reason);
