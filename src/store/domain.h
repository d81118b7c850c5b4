/* SPDX-License-Identifier: Apache-2.0
 * domain.h: what is kept about recipient domains: memory of their encryption, the monitor's
 * history, alarms, exceptions, MTA-STS policies. Same rules as store.h: changes belong to the
 * turn's batch, walks end with their completion.
 */
#pragma once
#include "store/store.h"

/* Memory of one domain (docs/decision.md, "Memory"). Times are wall milliseconds, 0: never. */
struct store_domain {
    RECORD_MEMBERS(domain)
};

struct store_probe {
    RECORD_MEMBERS(probe)
};

struct store_alarm {
    RECORD_MEMBERS(alarm)
};

enum exception_kind { EXCEPTION_RELAX, EXCEPTION_LEGACY, EXCEPTION_KIND_END };

struct store_exception {
    RECORD_MEMBERS(exception)
};

struct store_sts {
    RECORD_MEMBERS(sts)
};

/* Something that a host announces and does not keep. */
struct store_quirk {
    RECORD_MEMBERS(quirk)
};

typedef void (*store_quirk_fn)(void *arg, const struct store_quirk *x);
typedef void (*store_domain_fn)(void *arg, const struct store_domain *d);
typedef void (*store_probe_fn)(void *arg, const struct store_probe *p);
typedef void (*store_alarm_fn)(void *arg, const struct store_alarm *a);
typedef void (*store_exception_fn)(void *arg, const struct store_exception *e);
typedef void (*store_sts_fn)(void *arg, const struct store_sts *p);

void store_put_domain(struct store *s, const struct store_domain *d);
void store_drop_domain(struct store *s, struct str name);

void store_add_probe(struct store *s, const struct store_probe *p);
void store_forget_probes(struct store *s, int64_t before_ms);

/* Raises it unless it is raised already, as one change. fn: 1 when it is new, 0 when not. */
void store_raise_alarm(struct store *s, const struct store_alarm *a, store_number_fn fn, void *arg);
/* fn: how many stood. */
void store_clear_alarm(struct store *s, struct str domain, uint8_t kind, int64_t now_ms,
                       store_number_fn fn, void *arg);
/* The mail about all alarms up to this number was stored. */
void store_set_alarm_mailed(struct store *s, uint64_t up_to, int64_t now_ms);

void store_add_exception(struct store *s, const struct store_exception *e);
void store_end_exception(struct store *s, uint64_t exception, struct str by, int64_t now_ms);

/* In place of an older one of the same host, address and extension. */
void store_put_quirk(struct store *s, const struct store_quirk *x);
/* Of the host (a name or an address); STR("") with before_ms: those that ended by then. */
void store_forget_quirks(struct store *s, struct str host, int64_t before_ms);

void store_put_sts(struct store *s, const struct store_sts *p);
void store_forget_sts(struct store *s, int64_t expired_before_ms);
