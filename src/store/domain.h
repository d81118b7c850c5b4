/* SPDX-License-Identifier: Apache-2.0
 * domain.h: what is kept about recipient domains: memory of their encryption, the monitor's
 * history, alarms, exceptions, MTA-STS policies. Same rules as store.h: changes belong to the
 * turn's batch, walks end with their completion.
 */
#pragma once
#include "store/store.h"

/* Memory of one domain (docs/decision.md, "Memory"). Times are wall milliseconds, 0: never. */
struct store_domain {
    struct str name;
    int64_t offered_ms; /* last sighting of STARTTLS */
    int64_t lowered_ms; /* sightings before this do not count any more */
    int64_t looked_ms;  /* last look at all its servers */
    int64_t mailed_ms;  /* last time it was a recipient */
    int64_t probed_ms, next_probe_ms;
    int64_t negative_ms;  /* last probe that counted against it */
    int64_t not_after_ms; /* earliest end of a certificate */
    uint32_t negative_days;
    uint32_t alarms;    /* bits of enum alarm_kind that are raised */
    bool look_complete; /* every address of every server answered that look */
    /* since when looks at these find that some take HELO alone (docs/decisions/0026); 0: none
     * does */
    int64_t helo_ms;
    /* which servers and addresses these were (policy/memory.h); 0: not known */
    uint64_t look_asked;
    bool secure_mail;   /* mail that demanded security went there */
    bool await_confirm; /* seven negative days, but an administrator must confirm */
    bool listed;        /* in the configuration's monitor block */
    /* at the last complete probe: enum grade, published, enum sts_state */
    uint8_t grade, tlsa, sts;
};

struct store_probe {
    struct str domain;
    int64_t at_ms, not_after_ms;
    uint8_t outcome; /* enum mx_outcome */
    bool complete, offered, all_offered, would_send, tlsa_published, tlsa_bad;
    uint8_t grade, reason, sts;
    struct str sts_problem;
    struct str hosts; /* a line for each address, for people */
};

struct store_alarm {
    uint64_t alarm;
    int64_t at_ms, cleared_ms, mailed_ms;
    uint8_t kind; /* enum alarm_kind */
    struct str domain, detail;
};

enum exception_kind { EXCEPTION_RELAX, EXCEPTION_LEGACY, EXCEPTION_KIND_END };

struct store_exception {
    uint64_t exception;
    struct str domain, owner, reason;
    enum exception_kind kind;
    int64_t from_ms, until_ms, ended_ms;
    uint32_t uid; /* of who connected to add it */
    /* the administrators; added_by is empty in what older versions wrote */
    struct str added_by, ended_by;
};

struct store_sts {
    struct str domain, id, policy;
    int64_t fetched_ms, expires_ms;
};

/* Something that a host announces and does not keep. */
struct store_quirk {
    struct str host, address;
    uint8_t extension; /* enum extension */
    int64_t since_ms, until_ms;
    struct str domain; /* whose mail found it out */
    struct str why;    /* what the host said or did */
};

typedef void (*store_quirk_fn)(void *arg, const struct store_quirk *x);
typedef void (*store_domain_fn)(void *arg, const struct store_domain *d);
typedef void (*store_probe_fn)(void *arg, const struct store_probe *p);
typedef void (*store_alarm_fn)(void *arg, const struct store_alarm *a);
typedef void (*store_exception_fn)(void *arg, const struct store_exception *e);
typedef void (*store_sts_fn)(void *arg, const struct store_sts *p);

void store_put_domain(struct store *s, const struct store_domain *d);
void store_drop_domain(struct store *s, struct str name);
void store_each_domain(struct store *s, store_domain_fn fn, store_done done, void *arg);

void store_add_probe(struct store *s, const struct store_probe *p);
/* Newest first. */
void store_each_probe(struct store *s, struct str domain, unsigned max, store_probe_fn fn,
                      store_done done, void *arg);
void store_forget_probes(struct store *s, int64_t before_ms);

/* Raises it unless it is raised already. True when it is new. */
bool store_raise_alarm(struct store *s, const struct store_alarm *a);
/* True when one stood. */
bool store_clear_alarm(struct store *s, struct str domain, uint8_t kind, int64_t now_ms);
/* Newest first; all: those that were cleared, too. */
void store_each_alarm(struct store *s, bool all, unsigned max, store_alarm_fn fn, store_done done,
                      void *arg);
void store_each_unmailed_alarm(struct store *s, unsigned max, store_alarm_fn fn, store_done done,
                               void *arg);
/* The mail about all alarms up to this number was stored. */
void store_set_alarm_mailed(struct store *s, uint64_t up_to, int64_t now_ms);

void store_add_exception(struct store *s, const struct store_exception *e);
void store_end_exception(struct store *s, uint64_t exception, struct str by, int64_t now_ms);
void store_each_exception(struct store *s, store_exception_fn fn, store_done done, void *arg);

/* In place of an older one of the same host, address and extension. */
void store_put_quirk(struct store *s, const struct store_quirk *x);
void store_each_quirk(struct store *s, store_quirk_fn fn, store_done done, void *arg);
/* Of the host (a name or an address); STR("") with before_ms: those that ended by then. */
void store_forget_quirks(struct store *s, struct str host, int64_t before_ms);

void store_put_sts(struct store *s, const struct store_sts *p);
void store_each_sts(struct store *s, store_sts_fn fn, store_done done, void *arg);
void store_forget_sts(struct store *s, int64_t expired_before_ms);
