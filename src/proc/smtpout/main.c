/* SPDX-License-Identifier: Apache-2.0
 * smtpout: delivers mail to other servers over SMTP, and writes bounces.
 *
 * Trust: reads hostile bytes from servers; sees the clear text of what it sends. May touch: the
 * network, the spool files handed to it, one message key per lease. Must never see: the store, the
 * long-lived secret. Several copies; a copy that dies loses nothing: its leases are due again.
 */
#include "base/log.h"
#include "proc/smtpout/smtpout.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STOP_MS = 5000 };

static void smtpout_on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    if (out->queue == ch) {
        out->queue = NULL;
    }
    /* whatever is under way cannot be made durable any more: stop before more dots are sent */
    log_warn("queue-gone", KVN("deliveries", map_len(out->deliveries)));
    exit(0);
}

static void smtpout_on_keys_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    out->keys = NULL;
    job_keys_gone(out);
}

static void smtpout_on_lookup_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    out->lookup = NULL;
    job_lookup_gone(out);
}

static void smtpout_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct smtpout *out = owner;
    (void)index; /* a successor may be quicker than the news of the end */
    if (role == ROLE_QUEUE) {
        ipc_channel_end(out->queue);
        out->queue = ipc_channel_new(child_loop(c), fd, "queue", smtpout_queue_rules,
                                     smtpout_on_queue_gone, out);
        ipc_send(out->queue, &(struct ipc_msg){.type = IPC_worker_ready});
        out->still = out->still ? out->still : timer_new(child_loop(c), job_say_still, out);
        timer_start(out->still, STILL_MS);
    } else if (role == ROLE_KEYS) {
        ipc_channel_end(out->keys);
        out->keys = ipc_channel_new(child_loop(c), fd, "keys", smtpout_keys_rules,
                                    smtpout_on_keys_gone, out);
    } else if (role == ROLE_LOOKUP) {
        ipc_channel_end(out->lookup);
        out->lookup = ipc_channel_new(child_loop(c), fd, "lookup", smtpout_lookup_rules,
                                      smtpout_on_lookup_gone, out);
    } else {
        close(fd);
    }
}

struct tls_context *smtpout_context(struct smtpout *out, enum tls_profile profile,
                                    const char *client_certificate)
{
    char problem[200], name[160];
    struct tls_context *ctx = NULL;
    for (size_t i = 0; i < out->n_contexts; i++) {
        if (out->contexts[i].profile == profile &&
            strcmp(out->contexts[i].client_certificate, client_certificate) == 0) {
            return out->contexts[i].ctx;
        }
    }
    int r = tls_context_client(child_file(out->child, "trust-store"), profile, problem,
                               sizeof problem, &ctx);
    if (r == 0 && *client_certificate) {
        snprintf(name, sizeof name, "client-chain %s", client_certificate);
        struct str chain = child_file(out->child, name);
        r = tls_context_show(ctx, &(struct tls_own){.chain = chain}, problem, sizeof problem);
    }
    if (r < 0 || out->n_contexts == CONTEXTS_MAX) {
        log_error("tls-context", KV("profile", tls_profile_name(profile)),
                  KV("client-certificate", client_certificate),
                  KV("problem", r < 0 ? problem : "too many"));
        tls_context_free(ctx);
        return NULL;
    }
    out->contexts[out->n_contexts].ctx = ctx;
    out->contexts[out->n_contexts].profile = profile;
    str_copy_cut(str_c(client_certificate), out->contexts[out->n_contexts].client_certificate,
                 sizeof out->contexts[0].client_certificate);
    out->n_contexts++;
    return ctx;
}

static void drop_contexts(struct smtpout *out)
{
    for (size_t i = 0; i < out->n_contexts; i++) {
        tls_context_free(out->contexts[i].ctx);
    }
    out->n_contexts = 0;
}

static int smtpout_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpout *out = owner;
    out->child = c;
    if (rest_init() < 0) {
        snprintf(problem, size, "libsodium could not start");
        return -EIO;
    }
    if (tls_remote_start(signing_ask, &out->signing, problem, size) < 0) {
        return -EINVAL;
    }
    if (child_conf(c)->portal.url) {
        CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
        if (site_new(child_conf(c), &problems, &out->site) < 0) {
            str_copy_cut(buf_str(&problems), problem, size);
            return -EINVAL;
        }
    }
    if (!smtpout_context(out, TLS_PROFILE_WIDE, "")) {
        snprintf(problem, size, "the trust store cannot be used");
        return -EINVAL;
    }
    return 0;
}

static void smtpout_on_signing(void *owner, struct child *c, enum role role, int fd)
{
    signing_join(&((struct smtpout *)owner)->signing, fd);
}

static void smtpout_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_CONNECT};
}

/* Contexts are made again from the new files when they are needed. */
static int smtpout_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpout *out = owner;
    drop_contexts(out);
    connection_close_idle(out); /* judged under the old trust store */
    return 0;
}

static void smtpout_on_status(void *owner, char *text, size_t size)
{
    const struct smtpout *out = owner;
    snprintf(text, size,
             "deliveries=%zu connections=%zu idle=%zu opened=%llu sent=%llu failed=%llu looks=%llu "
             "probes=%zu",
             map_len(out->deliveries), out->n_connections, out->n_idle,
             (unsigned long long)out->opened, (unsigned long long)out->sent,
             (unsigned long long)out->failed, (unsigned long long)out->looks, out->n_probes);
}

static void smtpout_on_metrics(void *owner, struct buf *out)
{
    const struct smtpout *o = owner;
    metric_put(out, "connections", "", o->n_connections);
    metric_put(out, "connections_kept", "", o->n_idle);
    metric_put(out, "connections_opened_total", "", o->opened);
    metric_put(out, "handshakes_total", "side=\"client\",result=\"good\"", o->handshakes);
    metric_put(out, "handshakes_total", "side=\"client\",result=\"failed\"", o->handshakes_failed);
    for (enum tls_group g = 0; g < TLS_GROUP_END; g++) {
        char label[80];
        snprintf(label, sizeof label, "side=\"client\",group=\"%s\"", tls_group_name(g));
        metric_put(out, "handshakes_group_total", label, o->groups[g]);
    }
    metric_put(out, "recipients_delivered_total", "", o->sent);
    metric_put(out, "recipients_failed_total", "", o->failed);
    metric_put(out, "first_looks_total", "", o->looks);
}

static void smtpout_check_stopped(void *arg)
{
    struct smtpout *out = arg;
    if (out->stopping && map_len(out->deliveries) == 0 && map_len(out->saving) == 0) {
        child_exit(out->child);
    }
}

/* An end with deliveries in hand would count against each of them. */
static void smtpout_give_up_waiting(void *arg)
{
    struct smtpout *out = arg;
    job_give_up_all(out);
    ipc_flush(out->queue);
    exit(0);
}

static void smtpout_on_stop(void *owner, struct child *c)
{
    struct smtpout *out = owner;
    out->stopping = true;
    connection_close_idle(out);
    struct timer *t = timer_new(child_loop(c), smtpout_give_up_waiting, out);
    timer_start(t, STOP_MS);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, smtpout_check_stopped, out);
}

static void smtpout_on_public_key(void *owner, struct ipc_channel *ch,
                                  const struct ipc_ctl_public_key *m)
{
    struct smtpout *out = child_owner(owner);
    must(m->key.n == REST_PUBLIC);
    rest_wrapper_free(out->wrapper);
    out->wrapper = rest_wrapper_new((const unsigned char *)m->key.p);
}

int main(int argc, char **argv)
{
    static struct smtpout out;
    static const struct ipc_rule rules[] = {IPC_ON(ctl_public_key, smtpout_on_public_key),
                                            IPC_RULES_END};
    static const struct child_events events = {
        .on_prepare = smtpout_on_prepare,
        .sandbox = smtpout_sandbox,
        .on_peer = smtpout_on_peer,
        .on_signing = smtpout_on_signing,
        .on_metrics = smtpout_on_metrics,
        .on_reload = smtpout_on_reload,
        .on_status = smtpout_on_status,
        .on_stop = smtpout_on_stop,
        .rules = rules,
    };
    out.signing.fd = -1;
    list_init(&out.idle);
    list_init(&out.pending_rcpts);
    out.deliveries = map_new(1000000);
    out.saving = map_new(1000000);
    out.routes = map_new(1000000);
    out.bounces = map_new(1000000);
    out.quirks = map_new(QUIRKS_MAX);
    out.writings = map_new(100000);
    out.steps = map_new(100000);
    out.unsigned_mails = map_new(100000);
    return child_main(argc, argv, "smtpout", &events, &out);
}
