/* SPDX-License-Identifier: Apache-2.0
 * metrics.c: what the queue counts for Prometheus: outcomes by reason and grade, what waits and
 * how long, commits. Called by job.c and main.c.
 */
#include "base/clock.h"
#include "proc/queue/queue.h"

#include <stdio.h>

static const char *const results[] =
    {[RCPT_QUEUED] = "deferred", [RCPT_HELD] = "held",       [RCPT_DELIVERED] = "delivered",
     [RCPT_FAILED] = "failed",   [RCPT_EXPIRED] = "expired", [RCPT_PICKUP] = "portal",
     [RCPT_DELETED] = "deleted"};

/* Where another server would have gone on in clear: the offer was refused or broken, or is gone. */
static bool would_be_clear(enum reason r)
{
    return r == REASON_NO_STARTTLS || r == REASON_TLS_REFUSED || r == REASON_TLS_FAILED;
}

void metrics_count(struct queue *q, const struct store_rcpt *r, enum grade grade)
{
    must(r->reason < REASON_END && grade < GRADE_END);
    q->delivery.outcomes[r->state][r->reason][grade]++;
    q->delivery.saved_from_clear += r->state != RCPT_DELIVERED && would_be_clear(r->reason);
}

static void put_outcomes(const struct queue *q, struct buf *out)
{
    char labels[160];
    for (unsigned i = 0; i < ARRAY_LEN(results); i++) {
        for (unsigned r = 0; r < REASON_END; r++) {
            for (unsigned g = 0; g < GRADE_END; g++) {
                if (q->delivery.outcomes[i][r][g] > 0) {
                    snprintf(labels, sizeof labels, "result=\"%s\",reason=\"%s\",grade=\"%s\"",
                             results[i], reason_name((enum reason)r), grade_name((enum grade)g));
                    metric_put(out, "outcomes_total", labels, q->delivery.outcomes[i][r][g]);
                }
            }
        }
    }
}

static void put_commits(const struct queue *q, struct buf *out)
{
    struct store_commits c;
    char label[32];
    uint64_t sum = 0;
    store_commit_counts(q->store, &c);
    for (size_t i = 0; i < ARRAY_LEN(c.by_size); i++) {
        sum += c.by_size[i];
        if (i < ARRAY_LEN(c.by_size) - 1) {
            snprintf(label, sizeof label, "le=\"%u\"", store_commit_sizes[i]);
        } else {
            snprintf(label, sizeof label, "le=\"+Inf\"");
        }
        metric_put(out, "commit_size_bucket", label, sum);
    }
    metric_put(out, "commit_size_sum", "", c.messages + c.outcomes);
    metric_put(out, "commit_size_count", "", c.commits);
    metric_put(out, "commits_failed_total", "", c.failed);
    metric_put(out, "commit_microseconds_total", "", c.microseconds);
}

void metrics_write(struct queue *q, struct buf *out)
{
    struct store_counts counts = store_count(q->store);
    metric_put(out, "messages_accepted_total", "", q->intake.accepted);
    metric_put(out, "messages_refused_total", "", q->intake.refused);
    metric_put(out, "queue_recipients", "state=\"queued\"", counts.queued);
    metric_put(out, "queue_recipients", "state=\"held\"", counts.held);
    metric_put(out, "queue_under_way", "", map_len(q->delivery.jobs));
    metric_put(out, "queue_oldest_seconds", "",
               (uint64_t)(store_oldest_ms(q->store, clock_wall_ms()) / 1000));
    metric_put(out, "overdue_recipients", "", q->schedule.overdue.now);
    metric_put(out, "overdue_recipients_woken_total", "", q->schedule.overdue.mended);
    metric_put(out, "outcomes_of_no_delivery_total", "", q->delivery.unknown_outcomes);
    metric_put(out, "would_have_been_plaintext_total", "", q->delivery.saved_from_clear);
    metric_put(out, "inspections_total", "result=\"done\"", q->workers.inspected);
    metric_put(out, "inspections_total", "result=\"failed\"", q->workers.not_inspected);
    for (enum demand d = DEMAND_NONE; d < DEMAND_END; d++) {
        char label[40];
        snprintf(label, sizeof label, "demand=\"%s\"", demand_name(d));
        metric_put(out, "recipients_decided_total", label, q->protection.demands[d]);
    }
    metric_put(out, "ladder_steps_total", "", q->protection.steps_down);
    metric_put(out, "store_free_octets", "", store_free_octets(q->store));
    metric_put(out, "domains_known", "", map_len(q->domains.known));
    metric_put(out, "probes_total", "", q->domains.probes_done);
    put_outcomes(q, out);
    put_commits(q, out);
}
