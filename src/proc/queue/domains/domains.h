/* SPDX-License-Identifier: Apache-2.0
 * domains.h: what is known of the domains that mail goes to: memory, daily probes, alarms,
 * exceptions, policies, quirks, reports. A room of the queue process (queue.h).
 */
#pragma once
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "policy/losses.h"
#include "policy/memory.h"
#include "policy/rules.h"
#include "store/domain.h"
#include "store/tlsrpt.h"

struct queue;
struct job;
struct acting;

enum {
    DOMAINS_MAX = 1000000,
    OWN_HOP_TROUBLES = 4,
};

/* A recipient domain in memory; the record is written whenever it changes. */
struct domain {
    struct store_domain d; /* name: that below */
    struct domain_name name;
    bool loaded, respelled; /* read from the store; from a row of another spelling */
    /* is_key: a server that deliver-to or relay names or named, not a domain to look at */
    bool probing, is_key;
};

/* A look at a domain under way in some smtpout. */
struct probing {
    uint64_t token;
    unsigned smtpout;
    struct domain_name name;
    struct domain *domain;  /* NULL: not remembered */
    struct ipc_channel *to; /* who asked, or NULL: the monitor, or gone */
    bool deep, asked;       /* asked: by somebody, who may be gone */
    struct buf hosts;       /* a line for each address */
    struct link link;
};

struct domains {
    struct ipc_channel *lookup;
    struct map *known;
    struct buf old_spellings;    /* rows of the memory that are to go, one a line */
    struct link probings, asked; /* under way; waiting for a place */
    size_t n_probings, n_asked;
    uint64_t probes_done;
    struct timer *monitor;
    size_t monitor_cursor;              /* where the monitor goes on: all domains get their turn */
    bool relist;                        /* the configuration changed: which domains are listed? */
    struct store_exception *exceptions; /* strings owned */
    size_t n_exceptions;
    struct losses losses; /* domains that lost their encryption lately */
    bool alarms_due, alarms_reading;
    int64_t alarms_mailed_ms;
    /* of relay and deliver-to, since the start (alarms.c) */
    enum { OWN_HOP_UNKNOWN, OWN_HOP_WORKS, OWN_HOP_FAILS } hop_states[OWN_HOP_TROUBLES];
    uint64_t reported_day;             /* the days before it are open for reports */
    struct link writings;              /* reports under way */
    uint64_t received_day, received_n; /* rows of reports of others, today */
};

/* domains.c: memory */
void domains_load(struct queue *q);
/* Marks the domains of the configuration's monitor block. */
void domains_mark_listed(struct queue *q);
/* NULL: it is not remembered, or none. */
struct domain *domains_find(struct queue *q, struct domain_name name, bool add);
/* What an administrator named: a domain, or a next hop by its host, as "=HOST" or as what it is
 * for ("=inside"). NULL: unknown. */
struct domain *domains_named(struct queue *q, struct str name);
/* Mail goes there. */
void domains_mailed(struct queue *q, struct domain *d, bool secure);
struct memory_rules domains_rules(const struct queue *q);
void domains_save(struct queue *q, const struct domain *d);
void domains_on_observation(void *owner, struct ipc_channel *ch, const struct ipc_observation *m);
void domains_on_looked(void *owner, struct ipc_channel *ch, const struct ipc_looked *m);

/* quirks.c: what hosts announce and do not keep */
void quirks_hand_over(struct queue *q, unsigned smtpout);
void quirks_on_quirk(void *owner, struct ipc_channel *ch, const struct ipc_quirk *m);
/* Of a host, by name or address; tells how many. */
void quirks_forget(struct queue *q, struct ipc_channel *to, struct str host);

/* monitor.c: looking daily */
void monitor_start(struct queue *q);
/* A look for somebody who waits for its rows. */
void monitor_probe(struct queue *q, struct ipc_channel *to, struct domain_name domain, bool deep);
/* A delivery met something odd: the domain is looked at at once. */
void monitor_soon(struct queue *q, struct domain_name domain);
void monitor_requester_gone(struct queue *q, const struct ipc_channel *to);
void monitor_worker_gone(struct queue *q, unsigned index);
void monitor_on_host(void *owner, struct ipc_channel *ch, const struct ipc_probe_host *m);
void monitor_on_done(void *owner, struct ipc_channel *ch, const struct ipc_probe_done *m);

/* alarms.c */
/* Whether it is a copy of a rule that ended: an alarm, or its end. */
void alarms_copy_ended(struct queue *q, const struct store_rcpt *r);
/* What posternd, smtpin, web and lookup may raise themselves. */
void alarms_on_posternd(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_smtpin(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_web(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_on_lookup(void *owner, struct ipc_channel *ch, const struct ipc_alarm *m);
void alarms_raise(struct queue *q, struct domain_name domain, enum alarm_kind kind,
                  const char *detail);
void alarms_clear(struct queue *q, struct domain_name domain, enum alarm_kind kind);
/* Our own next hop (relay, deliver-to) keeps mail waiting: it wants a login that counts, or its
 * name leads nowhere; it took mail. */
void alarms_hop_fails(struct queue *q, const struct job *j, enum reason why, struct str host,
                      struct str said);
void alarms_hop_works(struct queue *q, const struct job *j);
/* A domain lost its encryption: told at once unless many do. True while that is so. */
void alarms_lost(struct queue *q, struct domain_name domain);
bool alarms_middlebox(const struct queue *q);
void alarms_tick(struct queue *q);

/* forwards.c: kept to TLS */
bool forwards_is_off(const struct queue *q, struct str target);
/* Mail for `address` could not go there securely: off, until a look finds otherwise. */
void forwards_failed(struct queue *q, struct str target, const char *address, const char *why);
/* What is known about a domain changed. */
void forwards_probed(struct queue *q, struct domain *d);
/* At the start and with a new configuration. */
void forwards_check(struct queue *q);
void forwards_list(struct queue *q, struct ipc_channel *to);

/* exceptions.c */
void exceptions_load(struct queue *q);
/* The exception of that kind for a domain that is in force, or NULL. */
const struct store_exception *exceptions_find(const struct queue *q, struct domain_name domain,
                                              enum exception_kind kind);
/* True when the same ones, or none, are in force for both: of two domains behind one relay one's
 * exception is not the other's. */
bool exceptions_same(const struct queue *q, struct domain_name a, struct domain_name b);
/* Words for reports: "relax until DATE by OWNER: REASON"; "" when there is none. */
void exceptions_words(const struct store_exception *e, char *dst, size_t size);
/* Argument "KIND\tDOMAIN\tDAYS\tOWNER\tREASON". NULL or what is wrong. */
const char *exceptions_add(struct queue *q, struct str argument, const struct acting *who);
bool exceptions_end(struct queue *q, uint64_t number, const struct acting *who);

/* tlsrpt.c: TLS reports */
void tlsrpt_tick(struct queue *q);
void tlsrpt_worker_gone(struct queue *q);
/* Writes the reports of all days, the present one included, now. */
void tlsrpt_send_now(struct queue *q);
void tlsrpt_on_session(void *owner, struct ipc_channel *ch, const struct ipc_rpt_session *m);
void tlsrpt_on_written(void *owner, struct ipc_channel *ch, const struct ipc_rpt_written *m);
void tlsrpt_on_received(void *owner, struct ipc_channel *ch, const struct ipc_rpt_received *m);

/* policies.c: MTA-STS policies kept for lookup */
extern const struct ipc_rule queue_lookup_rules[];
void policies_hand_over(struct queue *q);
/* verb: enum sts_verb. */
void policies_ask(struct queue *q, struct ipc_channel *to, uint8_t verb, struct str domain,
                  struct str text);
void policies_requester_gone(const struct ipc_channel *to);
void policies_lookup_gone(void);
