/* SPDX-License-Identifier: Apache-2.0
 * misuse.c: what becomes of a process that broke the rules of its channels: it was taken over,
 * or has a fault. Called by children.c.
 *
 * It is ended and replaced at once; after MISUSES_MAX times within MISUSE_SPAN_MS it is kept
 * down, and an alarm tells the administrator, until the next reload or start. A process is
 * believed about those below it alone: one that was taken over must not have its betters ended.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/posternd/posternd.h"
#include "policy/alarm.h"

#include <signal.h>
#include <stdio.h>

enum { MISUSE_SPAN_MS = 10 * 60 * 1000 };

/* How far each is trusted: the less a stranger can reach it, the more. */
static int standing(enum role r)
{
    switch (r) {
    case ROLE_KEYS:
        return 3;
    case ROLE_QUEUE:
        return 2;
    case ROLE_LOGIN:
        return 1;
    case ROLE_LOOKUP:
    case ROLE_SMTPIN:
    case ROLE_SMTPOUT:
    case ROLE_METRICS:
    case ROLE_INSPECT:
    case ROLE_WEB:
    case ROLE_END:
        break;
    }
    return 0;
}

bool misuse_is_believed(const struct supervised *by, const struct supervised *of)
{
    return standing(by->role) > standing(of->role);
}

/* The last of them came within the span. */
static bool is_too_often(const struct supervised *s, int64_t now)
{
    return s->n_misuses >= MISUSES_MAX &&
           now - s->misuses[s->n_misuses % MISUSES_MAX] < MISUSE_SPAN_MS;
}

/* One that has ended may have done so to be forgotten: it counts like the others. */
void misuse_note(struct posternd *d, struct supervised *s, bool before, const char *told_by)
{
    int64_t now = clock_mono_ms();
    pid_t pid = before ? s->old_pid : s->pid;
    bool *blamed = before ? &s->before_blamed : &s->blamed;
    if (*blamed || s->kept_down) {
        return;
    }
    *blamed = true;
    s->misuses[s->n_misuses++ % MISUSES_MAX] = now;
    s->kept_down = is_too_often(s, now);
    log_error("process-misused-its-channel", KV("child", s->name), KVN("pid", pid),
              KV("told-by", told_by),
              KV("what",
                 s->kept_down ? "too often: it is kept down until a reload" : "it is replaced"));
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
    if (s->kept_down && s->pid > 0 && s->pid != pid) {
        kill(s->pid, SIGKILL);
    }
    misuse_tell(d);
}

void misuse_forgive(struct posternd *d)
{
    for (size_t i = 0; i < d->n_children; i++) {
        d->children[i].kept_down = false;
        d->children[i].n_misuses = 0;
    }
    misuse_tell(d);
}

void misuse_tell(struct posternd *d)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(500);
    for (size_t i = 0; i < d->n_children; i++) {
        if (d->children[i].kept_down && d->children[i].is_wanted) {
            (void)!buf_printf(&text, "%s%s",
                              buf_len(&text) ? ", " : "kept down: ", d->children[i].name);
        }
    }
    bool is_alarm = buf_len(&text) > 0;
    if (is_alarm) {
        (void)!buf_printf(&text, "; look for what reached it, update, then: postern reload");
    }
    if (is_alarm != d->misuse_alarm) {
        d->misuse_alarm = children_alarm(d, ALARM_MISUSE, is_alarm ? buf_str(&text) : STR(""))
                              ? is_alarm
                              : d->misuse_alarm;
    }
}
