/* SPDX-License-Identifier: Apache-2.0
 * guesses.h: how often somebody may guess at a password or have codes sent, so that a guesser is
 * slow and the owner is never shut out. Pure: both clocks are arguments. Used by queue, one for the
 * whole gateway.
 *
 * The model. A budget lets `most` tries through at once, and one more each window/most from then
 * on. A try is paid for by the first of these that has one left:
 *
 *   device   a browser whose cookie this login was given when it succeeded there: each its own
 *   place    an address (a /64 of IPv6) where this login succeeded before: each its own
 *   area     the rest of the /24 (/48) around such a place: one for each place
 *   first    the first few tries of a /24 (/48) at this login: one for all strangers
 *   rest     all further tries at this login: one for all strangers
 *
 * First and rest pay at their network as well, at all steps of it: address and /24; /64, /56, /48
 * and /32 of IPv6, each with a larger allowance than the one inside it. What a stranger uses up is
 * never one of the first three, and what one network uses up leaves the "first" budget for others.
 * The same wrong secret once more from the same place is no new guess (a phone with an old
 * password): the network alone pays.
 *
 * Memory: strangers' budgets are tables of fixed size, each counted in two cells that a keyed
 * hash chooses, the smaller counts. They cannot fill, and nobody can push another's count out of
 * them; at worst two who share both cells are a little slower. Places and devices come from
 * success alone.
 */
#pragma once
#include "base/str.h"

enum guess_kind {
    GUESS_PASSWORD,  /* SMTP AUTH and the portal's login: one secret, one budget */
    GUESS_CODE,      /* a code is to be mailed to an address that was typed */
    GUESS_LINK_CODE, /* the same by a link, which cannot be guessed: its network alone counts */
    GUESS_KIND_END,
};

struct guess {
    enum guess_kind kind;
    struct str who;    /* login or address in its one form; empty: nobody we know */
    struct str client; /* address as text */
    struct str device; /* hash of the browser's cookie, or empty */
    uint64_t secret;   /* keyed hash of what was said, 0: not known */
};

struct guess_time {
    int64_t mono_ms, wall_ms;
};

struct guess_rate {
    int64_t most, window_ms; /* most 0: no limit */
};

struct guess_limits {
    struct guess_rate own;         /* of a device, a place, an area */
    struct guess_rate network;     /* of an address or /64; what is around it has a multiple */
    struct guess_rate each;        /* how many tries of an area at one login are its first ones */
    struct guess_rate first, rest; /* of all strangers at one login */
    struct guess_rate day;         /* what rest has beside */
};

enum guess_payer {
    GUESS_BY_NOBODY,
    GUESS_BY_DEVICE,
    GUESS_BY_PLACE,
    GUESS_BY_AREA,
    GUESS_BY_FIRST,
    GUESS_BY_REST,
    GUESS_BY_NETWORK,
};
enum guess_answer {
    GUESS_GO,
    GUESS_TOO_MANY_HERE, /* from this network */
    GUESS_TOO_MANY_AT_LOGIN,
    GUESS_ANSWER_END,
};

/* How a try went. */
enum guess_outcome { GUESS_WAS_WRONG, GUESS_WAS_RIGHT, GUESS_WAS_VOID, GUESS_OUTCOME_END };

enum { GUESS_CHARGES = 20, GUESS_DEVICE = 32, GUESS_PLACES_EACH = 24, GUESS_PLACE_TEXT = 80 };
/* A place that was not used for so long is none any more. */
static const int64_t guess_known_ms = 90LL * 24 * 60 * 60 * 1000;

struct guess_ruling {
    enum guess_answer answer;
    enum guess_payer payer;
    int64_t wait_ms; /* when refused: until one is left again */
    struct {
        uint32_t cell;
        int64_t by_ms;
    } charged[GUESS_CHARGES];
    size_t n_charged;
};

struct guesses;

struct guesses *guesses_new(void);
void guesses_free(struct guesses *g);
void guesses_limit(struct guesses *g, enum guess_kind kind, const struct guess_limits *limits);

/* Takes one try. It counts as wrong until guesses_right() says otherwise, so that many at once are
 * no more than one after the other. */
void guesses_ask(struct guesses *g, const struct guess *x, struct guess_time now,
                 struct guess_ruling *ret);
/* It was right: gives strangers' budgets back what it took, and keeps place and device. True: to
 * be written down (guesses_place_text, guesses_device_text). */
bool guesses_right(struct guesses *g, const struct guess *x, struct guess_ruling *ruling,
                   struct guess_time now);
/* Nothing was looked at: as if it had not been. */
void guesses_void(struct guesses *g, const struct guess *x, struct guess_ruling *ruling);
void guesses_wrong(struct guesses *g, const struct guess *x, struct guess_time now);

/* "192.0.2.1", "2001:db8:1:2::/64", "device HEX"; "" where there is none. */
void guesses_place_text(struct str client, char ret[GUESS_PLACE_TEXT]);
void guesses_device_text(struct str device, char ret[GUESS_PLACE_TEXT]);
/* A place that was written down; false: it is no place. */
bool guesses_know(struct guesses *g, enum guess_kind kind, struct str who, struct str place,
                  int64_t used_wall_ms);
/* The owner has another secret, or is gone. */
void guesses_forget(struct guesses *g, enum guess_kind kind, struct str who);

/* Strangers' tries at that login, and those of its places, are all there again; with a client, also
 * that network's, at all its steps. Returns how long a stranger would have had to wait; 0: not at
 * all. The passing of time is all that this takes back: places stay, and so do their last uses. */
int64_t guesses_forgive(struct guesses *g, enum guess_kind kind, struct str who, struct str client,
                        struct guess_time now);

/* One of `rate` for anything else; false: none is left. what: a word for the kind. */
bool guesses_count(struct guesses *g, const char *what, struct str of, struct guess_rate rate,
                   struct guess_time now);
