/* SPDX-License-Identifier: Apache-2.0
 * own_tls.h: handshakes with ourselves, each minute, as strangers would make them now: what a
 * process that offers TLS knows of its own health. Called by smtpin and web; postern status and
 * doctor, a metric and an alarm tell it.
 *
 * What can go wrong: keys are slow, away, or have another key than the certificate: the test
 * fails, is repeated sooner, and is an alarm once it failed several times in a row (one may fall
 * into a moment in which keys are started anew).
 */
#pragma once
#include "policy/alarm.h"
#include "proc/child.h"
#include "proc/signing.h"

struct own_tls {
    struct child *child;
    struct signing *signing;
    struct ipc_channel **queue; /* hears of the alarm; *queue NULL: later */
    enum alarm_kind alarm;
    /* Does the handshakes. 0, or -errno with a sentence. */
    int (*test)(void *arg, char *problem, size_t size);
    void *arg;
    /* its own */
    struct timer *timer;
    unsigned failed; /* in a row */
    bool tested;     /* at all */
    bool told;       /* what it comes to stands with the queue */
};

/* The first test is in some seconds. What stands above "its own" has been filled in. */
void own_tls_start(struct own_tls *o);
/* After a change: the next one in a second. */
void own_tls_soon(struct own_tls *o);
void own_tls_stop(struct own_tls *o);
/* "ok", "FAILED" or "not-yet": the value of the counter tls-self-test. */
const char *own_tls_word(const struct own_tls *o);
