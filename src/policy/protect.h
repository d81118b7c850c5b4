/* SPDX-License-Identifier: Apache-2.0
 * protect.h: what a message to one recipient needs, by flags, groups, content, accounts and
 * rules. Pure: reads the configuration, the envelope and what the inspection found
 * (policy/inspection.h).
 *
 * Its result is the `demand` and the `force` of the delivery decision (policy/facts.h), and what
 * else happens to the message. docs/protection.md has the table of precedence; tests/exhaustive
 * runs every combination of it. Called by queue for each recipient, and by postern explain.
 */
#pragma once
#include "conf/conf.h"
#include "policy/facts.h"

enum {
    PROTECT_WORDS_MAX = 1600,
    PROTECT_LIST_MAX = 4,
    PROTECT_RECORD_MAX = 2048,
    PROTECT_NAME_MAX = 64
};

/* What becomes of the message itself; the first rule that says one counts, and the strongest of
 * rules and flags. */
#define PROTECT_ACTIONS(X) \
    X(PASS, "pass") \
    X(CHOOSE, "choose") \
    X(HOLD, "hold") \
    X(BOUNCE, "bounce") \
    X(REJECT, "reject") \
    X(ASK, "ask") \
    X(TEST, "test")
#define PROTECT_ACTION_ENUM(n, s) PROTECT_##n,
enum protect_action { PROTECT_ACTIONS(PROTECT_ACTION_ENUM) PROTECT_ACTION_END };

enum protect_direction { DIRECTION_OUTBOUND, DIRECTION_INBOUND, DIRECTION_INTERNAL, DIRECTION_END };

struct protect_mail {
    /* names of a verified client certificate, space-separated */
    struct str reverse_path, forward_path, login, client_ip, certificate;
    uint64_t size;
    struct str facts; /* lines of the inspection; "": there was none */
    bool is_copy;     /* of a rule (copy-to): not what its sender addressed */
};

struct protection {
    enum protect_direction direction;
    enum demand demand;
    enum counts counts; /* which grade satisfies `secure` */
    /* of rules that depend on the message; rules_route() has the others */
    enum force force;
    enum protect_action action;
    enum protect_action would; /* of a trial (PROTECT_TEST): what the action would have been */
    const char *text;          /* the rule's words for the sender, or NULL; borrowed from conf */
    bool may_send_as_is;       /* a sender who is asked */
    int64_t ask_ms;            /* how long they have */
    /* the demand is of the house alone (docs/decisions/0032): an exception for the domain lifts
     * it */
    bool off_site;
    const char *ladder; /* name */
    int pickup_level;   /* of the portal, if it goes there: 0 not said, else 1 + level */
    bool remove_flags;  /* take them out of the subject */
    /* its sender hears once what was done, for each recipient (proc/queue/delivery/told.c) */
    bool tells_outcome;
    const char *tags[PROTECT_LIST_MAX], *notify[PROTECT_LIST_MAX], *copy_to[PROTECT_LIST_MAX];
    size_t n_tags, n_notify, n_copy_to;
    char words[PROTECT_WORDS_MAX]; /* a line for each thing that had a say, and who said it */
};

/* True when something in the configuration wants this mail read before it is decided. */
bool protect_is_from_inside(const struct conf *c, const struct protect_mail *m);
bool protect_needs_inspection(const struct conf *c, const struct protect_mail *m);
void protect_decide(const struct conf *c, const struct protect_mail *m, struct protection *ret);
const char *protect_action_name(enum protect_action a);
const char *protect_direction_name(enum protect_direction d);
const char *demand_name(enum demand d);

/* What is kept with a recipient: the numbers of a protection, its rung, and its words. */
struct protect_record {
    enum demand demand;
    enum counts counts;
    enum force force;
    bool remove_flags;
    bool asked, may_send_as_is; /* its sender is asked what to do... */
    int64_t asked_until_ms;     /* ...until then */
    bool off_site;              /* as in struct protection; asked at each attempt */
    /* somebody released it or chose: this is not what the configuration said */
    bool by_person;
    unsigned rung;    /* of the ladder it stands on */
    int pickup_level; /* as in struct protection */
    char ladder[PROTECT_NAME_MAX], tags[256];
    /* a forward: the inside address that gets it when it cannot go securely; "": none */
    char back[256];
    char thread[24];  /* the conversation it belongs to, "": none */
    struct str words; /* views the text that was read */
};

/* Appends it as text; nothing at all for a message that needs nothing special. 0 or -ENOSPC. */
int protect_record_write(const struct protect_record *r, struct buf *out) MUST_USE;
/* Reads it; an empty text is a record without demands, an odd one is `escalated`: it must not be
 * weaker than it was. */
void protect_record_read(struct str text, struct protect_record *ret);
/* The record of a fresh decision. words stay in p. */
void protect_record_of(const struct protection *p, struct protect_record *ret);
