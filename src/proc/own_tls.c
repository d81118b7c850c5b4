/* SPDX-License-Identifier: Apache-2.0
 * own_tls.c: when a process shakes hands with itself, and what it tells of it. Called by smtpin
 * and web.
 *
 * What can go wrong: the queue is away when there is something to tell: it is told after the
 * next test.
 */
#include "proc/own_tls.h"
#include "base/log.h"

enum { AGAIN_MS = 60 * 1000, SOON_MS = 5 * 1000, CHANGED_MS = 1000, FAILED_FOR_ALARM = 3 };

static void own_tls_tell(struct own_tls *o, bool is_alarm, const char *problem)
{
    if (*o->queue && !o->told) {
        o->told = true;
        ipc_send(*o->queue, &(struct ipc_msg){.type = IPC_alarm,
                                              .alarm = {
                                                  .kind = o->alarm,
                                                  .cleared = !is_alarm,
                                                  .domain = str_c(child_conf(o->child)->hostname),
                                                  .text = str_c(problem),
                                              }});
    }
}

static void test(struct own_tls *o)
{
    char problem[300] = "";
    bool was_alarm = o->failed >= FAILED_FOR_ALARM, ready = signing_is_ready(o->signing);
    int r = ready ? o->test(o->arg, problem, sizeof problem) : -EAGAIN;
    str_copy_cut(ready ? str_c(problem) : STR("keys do not answer"), problem, sizeof problem);
    o->failed = r < 0 ? o->failed + 1 : 0;
    o->tested = true;
    bool is_alarm = o->failed >= FAILED_FOR_ALARM;
    if (r < 0) {
        log_error("tls-self-test-failed", KV("problem", problem), KVN("in-a-row", o->failed));
    } else if (was_alarm) {
        log_notice("tls-self-test-good", KV("what", "handshakes succeed again"));
    }
    /* an alarm is raised anew each time: another one's test may have ended it */
    o->told = o->told && is_alarm == was_alarm && !is_alarm;
    own_tls_tell(o, is_alarm, problem);
}

static void own_tls_on_timer(void *arg)
{
    struct own_tls *o = arg;
    test(o);
    timer_start(o->timer, o->failed > 0 ? SOON_MS : AGAIN_MS);
}

void own_tls_start(struct own_tls *o)
{
    o->timer = timer_new(child_loop(o->child), own_tls_on_timer, o);
    timer_start(o->timer, SOON_MS);
}

void own_tls_soon(struct own_tls *o)
{
    timer_start(o->timer, CHANGED_MS);
}

void own_tls_stop(struct own_tls *o)
{
    if (o->timer) {
        timer_stop(o->timer);
    }
}

const char *own_tls_word(const struct own_tls *o)
{
    return !o->tested ? "not-yet" : o->failed > 0 ? "FAILED" : "ok";
}
