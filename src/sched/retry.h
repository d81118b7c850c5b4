/* SPDX-License-Identifier: Apache-2.0
 * retry.h: what becomes of a recipient whose attempt came to nothing, or whose lifetime is over:
 * when it is tried again, given up, and whether the sender is told. Pure: time and chance are
 * arguments. RFC 5321 4.5.4.1, 4.5.5; RFC 3461 4.1.
 */
#pragma once
#include "store/store.h"

/* Of the configuration's queue block, ms. */
struct retry_rules {
    int64_t first, longest; /* pauses between attempts: the first, and what they double up to */
    int64_t lifetime;       /* of a message, from its arrival */
    /* an inside sender is told that there is no secure connection; 0: never */
    int64_t notice_after;
    int64_t delay_notice; /* any sender is told that mail is late; 0: never */
};

/* What is known of the message. */
struct retry_message {
    int64_t arrived_ms;
    bool null_reverse_path;
    bool inside_sender;
};

enum retry_fault {
    RETRY_OURS, /* our own process or key service: not an attempt */
    RETRY_TLS,  /* no secure connection */
    RETRY_OTHER
};

/* Below a limit (> 0), uniformly: base/random.h in production. */
typedef uint32_t (*retry_random)(uint32_t limit);

/* ms before the next attempt: doubles with each, a tenth of it is left to chance so that mail
 * that was put off together does not come back together. */
int64_t retry_pause(const struct retry_rules *rules, uint32_t attempts, retry_random random);

/* The lifetime of a message is over. */
bool retry_is_over(const struct retry_rules *rules, int64_t arrived_ms, int64_t now_ms);
/* What arrived before then is given up without an attempt: its lifetime is over for a while, in
 * which its last attempt would have begun. */
int64_t retry_over_before(const struct retry_rules *rules, int64_t now_ms);

/* An attempt came to nothing for now (r->attempts counts it): sets state, next_ms, notice and
 * bounced. may_expire: the clock is believed (jump.h). */
void retry_deferred(const struct retry_rules *rules, const struct retry_message *m,
                    enum retry_fault fault, int64_t now_ms, bool may_expire, retry_random random,
                    struct store_rcpt *r);
/* Its lifetime is over, tried or not: sets state and bounced. */
void retry_expire(const struct retry_message *m, struct store_rcpt *r);
/* A secure connection is waited for until then only: the next attempt is at that moment at the
 * latest. False: it has come. */
bool retry_wait_until(int64_t until_ms, int64_t now_ms, struct store_rcpt *r);
/* A notice of failure is due: not for the null reverse-path, nor where it was not wanted. */
bool retry_wants_failure(const struct retry_message *m, const struct store_rcpt *r);
