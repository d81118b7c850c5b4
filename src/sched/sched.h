/* SPDX-License-Identifier: Apache-2.0
 * sched.h: which recipient is tried when. Destinations, the lanes of senders in them, how many
 * deliveries at once each may have, its pauses, and when its recipients in the store are due.
 * Pure: no I/O, no clock, no configuration of its own; the caller (proc/queue/schedule/schedule.c,
 * tests/world/test_schedule.c) hands in both clocks and what may be used, and does the steps
 * that sched_step() names. RFC 5321 4.5.4.1.
 *
 * One fact says what the store holds for a destination: `next_ms`. Nothing of it that is not in
 * memory is due earlier. Whatever is heard of can only lower it; it rises in one place, at the
 * end of a reading, to what the store itself said. So what is not in memory is never forgotten,
 * however often it is read.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"

enum {
    SCHED_READY_MAX = 4000,    /* recipients in memory for a destination... */
    SCHED_LANE_MAX = 400,      /* ...and of one sender; the others wait in the store */
    SCHED_READ = 500,          /* recipients read from the store at once */
    SCHED_JOB_RCPTS = 200,     /* of one message, in one delivery */
    SCHED_RATE_FREE = 1000000, /* messages a minute from which on a rate is none */
};
#define SCHED_NEVER INT64_MAX

/* Both clocks at one moment, in ms: retries are stored by the wall clock, pauses last by the
 * monotonic one, so that a wall clock that is set does not change them. */
struct sched_time {
    int64_t wall_ms, mono_ms;
};

/* What a configuration says. */
struct sched_rules {
    unsigned concurrency;  /* deliveries at once to a destination */
    unsigned deliveries;   /* to all */
    int64_t longest_pause; /* of a dead destination, ms */
};

/* Of a destination in particular. */
struct sched_own {
    unsigned concurrency; /* at most the rules' */
    unsigned rate;        /* messages a minute; SCHED_RATE_FREE: as many as may be */
};

/* What there is to work with at the moment. */
struct sched_means {
    bool can_send;       /* somebody takes deliveries */
    unsigned inspectors; /* who could read a message now */
    size_t under_way;    /* deliveries, all destinations together */
    bool is_stopping;    /* nothing more begins */
};

/* A recipient in memory; part of the caller's record of it, which owns it. Zero before its first
 * use. */
struct sched_item {
    struct link link;
    struct sched_lane *lane; /* while it waits; NULL: under way */
};

/* What one sender has waiting for one destination, in memory: lanes take turns, so that a
 * hundred thousand messages of one sender hold up nobody else. */
struct sched_lane {
    struct link link; /* of the destination, in the order of turns */
    struct link items;
    size_t n;
    struct sched_lane_key {
        struct sched_destination *to;
        uint64_t sender; /* hash of the reverse-path */
    } key;
};

enum sched_pause {
    SCHED_NO_PAUSE,
    SCHED_PAUSE_DEAD, /* connections fail */
    SCHED_PAUSE_RATE  /* its partner's rate */
};

/* Changed in sched/ alone. */
struct sched_destination {
    char *name;
    bool is_inspected;  /* its mail goes to inspect, not out */
    unsigned in_flight; /* deliveries under way */
    /* at once just now: grows with successes, halves with failures to connect */
    unsigned limit;
    unsigned failures; /* connections that failed, one after the other... */
    int64_t failed_ms; /* ...the last one then, monotonic */
    enum sched_pause pause;
    int64_t pause_ms; /* monotonic: nothing is tried before */
    int64_t rate_ms;  /* monotonic: when the next message is within the rate */
    struct sched_own own;
    unsigned own_as_of; /* the generation of the rules it is from; 0: not asked */
    int64_t next_ms;    /* wall: see above; SCHED_NEVER: nothing is in the store */
    int64_t heard_ms;   /* the same of what was heard of during a reading */
    int64_t again_ms;   /* monotonic: what could not be read is not read again before */
    bool is_reading;
    struct link lanes;
    size_t n_ready;
    struct link pump_link; /* in the list of those with something to do */
};

/* The caller's answers; each is asked inside sched_step() or sched_gather() only. */
struct sched_ask {
    void *arg;
    struct sched_own (*own)(void *arg, struct str destination);
    /* Whether `next` goes out in one delivery with `first`: the same message, the same way. */
    bool (*goes_with)(void *arg, const struct sched_item *first, const struct sched_item *next);
};

struct sched {
    struct map *destinations; /* name -> destination */
    struct map *lanes;        /* sched_lane_key -> lane */
    struct link pump;         /* destinations with something to do */
    struct sched_rules rules;
    unsigned generation; /* of the rules, from 1 */
    struct sched_ask ask;
};

/* --- life --------------------------------------------------------------- */

/* Copies `ask`. No destination is known. */
void sched_init(struct sched *s, const struct sched_ask *ask);
/* Forgets all destinations; their items must be gone. For tests. */
void sched_free(struct sched *s);
/* The configuration changed: destinations ask for their own again. */
void sched_rules_set(struct sched *s, const struct sched_rules *rules);

/* The destination of that name, made where it is not known. Copies the name. Lives while it has
 * work. */
struct sched_destination *sched_destination(struct sched *s, struct str name);
/* NULL: it has nothing. */
struct sched_destination *sched_find(const struct sched *s, struct str name);

/* --- what comes --------------------------------------------------------- */

/* Something of it that is not in memory is due at next_ms (wall). */
void sched_due_at(struct sched *s, struct sched_destination *d, int64_t next_ms);
/* It has, or may have, something to do. */
void sched_pump(struct sched *s, struct sched_destination *d);
void sched_pump_all(struct sched *s);
/* Somebody wants it tried now: a pause after failures is over. */
void sched_retry_now(struct sched *s, struct sched_destination *d, int64_t wall_ms);

/* Whether a recipient that came just now has a place in memory; false: it is noted as due in the
 * store at due_ms. */
bool sched_has_place(struct sched *s, struct sched_destination *d, struct str reverse_path,
                     int64_t due_ms);
/* Puts an item behind those of its sender. */
void sched_add(struct sched *s, struct sched_destination *d, struct str reverse_path,
               struct sched_item *it);
/* Takes a waiting item out, wherever it is; one that is under way, out of its delivery's list. */
void sched_remove(struct sched *s, struct sched_item *it);

/* The end of a reading that sched_step() asked for: all due were read (is_full: there may be
 * more); next_ms: when the next of the others is due, as the store says (SCHED_NEVER: there is
 * none). added: items put into memory. */
void sched_read(struct sched *s, struct sched_destination *d, struct sched_time now, bool is_full,
                unsigned added, int64_t next_ms);
/* It failed: once more, a little later. */
void sched_read_failed(struct sched *s, struct sched_destination *d, struct sched_time now);

/* --- what is done ------------------------------------------------------- */

enum sched_what {
    SCHED_IDLE, /* nothing before the next tick, or before something comes */
    /* read at most `max` recipients of `to` that are due, add them, and end with sched_read() */
    SCHED_READS,
    SCHED_STARTS /* begin a delivery of `items` to `to`; sched_ended() when it is over */
};
struct sched_step {
    enum sched_what what;
    struct sched_destination *to;
    unsigned max;
    struct link items; /* of sched_item.link */
};
/* The next thing to do. The caller does it before it asks again. */
void sched_next(struct sched *s, struct sched_time now, const struct sched_means *means,
                struct sched_step *ret);
/* A delivery is over, whatever came of it. */
void sched_ended(struct sched *s, struct sched_destination *d);
/* What it showed: whether the destination could be talked to at all. */
void sched_learn(struct sched *s, struct sched_destination *d, struct sched_time now, bool reached);

/* Wakes those whose time has come. Returns the ms until the next one's, at most most_ms. */
int64_t sched_tick(struct sched *s, struct sched_time now, int64_t most_ms);
/* ms until the destination has something to do by itself, at most most_ms. */
int64_t sched_wait(const struct sched_destination *d, struct sched_time now, int64_t most_ms);
/* The wall clock was set back by by_ms, and the times in the store with it (at most latest_ms). */
void sched_set_back(struct sched *s, int64_t by_ms, int64_t latest_ms);

/* --- why it waits ------------------------------------------------------- */

/* Why recipients that are due wait at their destination. */
enum sched_why {
    SCHED_WHY_DEAD,    /* it pauses: connections fail */
    SCHED_WHY_RATE,    /* its partner's rate is used up */
    SCHED_WHY_BEHIND,  /* others are before them, in memory or under way */
    SCHED_WHY_READING, /* they are being read, or are to be with the next tick */
    SCHED_WHY_WORKERS, /* nobody is there who could take them */
    SCHED_WHY_BUSY,    /* as many deliveries are under way as may be */
    SCHED_WHY_END
};
enum sched_why sched_why(const struct sched *s, const struct sched_destination *d,
                         struct sched_time now, const struct sched_means *means);
/* In words, for logs and people. */
const char *sched_why_text(enum sched_why why);
/* A recipient of it is due and not in memory, and nobody will look for it: there is no reason.
 * That must never be (proc/queue/schedule/overdue.c). NULL: the destination is not known. */
bool sched_has_forgotten(const struct sched_destination *d, struct sched_time now);
