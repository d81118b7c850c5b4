/* SPDX-License-Identifier: Apache-2.0
 * memory.h: what a domain's history means: does it count as one that offers encryption, what does a
 * new look change, which alarms follow (docs/decision.md, "Memory"). Pure; raising is immediate,
 * lowering slow and only by evidence.
 */
#pragma once
#include "policy/alarm.h"
#include "policy/facts.h"
#include "store/domain.h"

enum {
    MEMORY_NEGATIVE_DAYS = 7, /* of the calendar, in a row among those that were looked at */
    /* between two looks that find HELO alone: after more than this the second is a first one */
    MEMORY_HELO_DAYS = 7,
};

/* Times of the monitor block, milliseconds. */
struct memory_rules {
    int64_t forget, probe_lifetime, ehlo_patience;
};

/* Input `seen` of the decision. */
bool memory_seen(const struct store_domain *d, int64_t now_ms, const struct memory_rules *r);
/* Whether it is looked at daily. */
bool memory_monitored(const struct store_domain *d, int64_t now_ms, const struct memory_rules *r);
/* Until when plain text to those that it asked may rest on the last look; 0: not at all, as when
 * not all servers answered it. */
int64_t memory_look_until(const struct store_domain *d, const struct memory_rules *r);
/* From when on another look at those that the last one asked is complete although it finds HELO
 * alone; 0: it is not. */
int64_t memory_helo_from(const struct store_domain *d, int64_t now_ms,
                         const struct memory_rules *r);
/* STARTTLS was offered by one of its servers. */
void memory_observed(struct store_domain *d, int64_t now_ms);
/* Its servers were asked for EHLO. */
struct memory_look {
    /* every address of every one of them answered, or a look as below counts by now */
    bool complete;
    /* they did, but some took HELO alone, and nobody knows what EHLO would have told */
    bool helo;
    bool offered;   /* one of them offers STARTTLS */
    uint64_t asked; /* way_asked(): which these were; 0: none */
};
void memory_looked(struct store_domain *d, const struct memory_look *look, int64_t now_ms);

struct memory_probe {
    bool complete, offered, tlsa_published, tlsa_bad;
    uint8_t grade, sts; /* enum grade; enum sts_state */
    uint64_t asked;     /* as in struct memory_look */
    int64_t not_after_ms;
    bool ends_soon; /* a certificate of one of its servers (validity.h) */
};

struct memory_change {
    uint32_t raised, cleared; /* bits of enum alarm_kind */
    bool lowered;
};

/* A probe's result. middlebox: many domains lost their offer at once; nothing is unlearned then. */
struct memory_change memory_probed(struct store_domain *d, const struct memory_probe *p,
                                   bool middlebox, int64_t now_ms, const struct memory_rules *r);
/* Two spellings of one domain were kept apart: what is strictest in both stays in `into`. */
void memory_merge(struct store_domain *into, const struct store_domain *other);
/* An administrator says that the domain may be unlearned now. */
void memory_confirm(struct store_domain *d, int64_t now_ms);
