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

static void on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    if (out->queue == ch) {
        out->queue = NULL;
    }
    /* whatever is under way cannot be made durable any more: stop before more dots are sent */
    log_warn("queue-gone", KVN("deliveries", map_len(out->deliveries)));
    exit(0);
}

static void on_keys_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    (void)ch;
    out->keys = NULL;
    delivery_keys_gone(out);
}

static void on_lookup_gone(void *owner, struct ipc_channel *ch)
{
    struct smtpout *out = owner;
    (void)ch;
    out->lookup = NULL;
    delivery_lookup_gone(out);
}

static void on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct smtpout *out = owner;
    (void)index;
    if (role == ROLE_QUEUE) {
        out->queue = ipc_channel_new(child_loop(c), fd, "queue", smtpout_queue_rules, on_queue_gone, out);
    } else if (role == ROLE_KEYS) {
        ipc_channel_free(out->keys);
        out->keys = ipc_channel_new(child_loop(c), fd, "keys", smtpout_keys_rules, on_keys_gone, out);
    } else if (role == ROLE_LOOKUP) {
        ipc_channel_free(out->lookup);
        out->lookup = ipc_channel_new(child_loop(c), fd, "lookup", smtpout_lookup_rules, on_lookup_gone, out);
    } else {
        close(fd);
    }
}

static int make_context(struct child *c, struct tls_context **ret, char *problem, size_t size)
{
    return tls_context_client(child_file(c, "trust-store"), TLS_PROFILE_WIDE, problem, size, ret);
}

static int on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpout *out = owner;
    out->child = c;
    if (rest_init() < 0) {
        snprintf(problem, size, "libsodium could not start");
        return -EIO;
    }
    return make_context(c, &out->tls, problem, size);
}

static void sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    (void)owner;
    (void)c;
    *ret = (struct sandbox){.calls = SANDBOX_CONNECT};
}

static int on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    struct smtpout *out = owner;
    struct tls_context *next;
    if (make_context(c, &next, problem, size) < 0) {
        return -EINVAL;
    }
    tls_context_free(out->tls);
    out->tls = next;
    link_close_idle(out); /* judged under the old trust store */
    return 0;
}

static void on_status(void *owner, char *text, size_t size)
{
    const struct smtpout *out = owner;
    snprintf(text, size, "deliveries=%zu connections=%zu idle=%zu opened=%llu sent=%llu failed=%llu",
             map_len(out->deliveries), out->n_links, out->n_idle, (unsigned long long)out->opened,
             (unsigned long long)out->sent, (unsigned long long)out->failed);
}

static void check_stopped(void *arg)
{
    struct smtpout *out = arg;
    if (out->stopping && map_len(out->deliveries) == 0 && map_len(out->saving) == 0) {
        child_exit(out->child);
    }
}

static void give_up_waiting(void *arg)
{
    child_exit(((struct smtpout *)arg)->child);
}

static void on_stop(void *owner, struct child *c)
{
    struct smtpout *out = owner;
    out->stopping = true;
    link_close_idle(out);
    struct timer *t = timer_new(child_loop(c), give_up_waiting, out);
    timer_start(t, STOP_MS);
    loop_on_turn_end(child_loop(c), TURN_COMMIT, check_stopped, out);
}

static void on_public_key(void *owner, struct ipc_channel *ch, const struct ipc_msg *m, int fd)
{
    struct smtpout *out = child_owner(owner);
    (void)ch;
    (void)fd;
    must(m->ctl_public_key.key.n == REST_PUBLIC);
    rest_wrapper_free(out->wrapper);
    out->wrapper = rest_wrapper_new((const unsigned char *)m->ctl_public_key.key.p);
}

int main(int argc, char **argv)
{
    static struct smtpout out;
    static const struct ipc_rule rules[] = {{IPC_ctl_public_key, on_public_key}, {IPC_none, NULL}};
    static const struct child_events events = {.on_prepare = on_prepare, .sandbox = sandbox, .on_peer = on_peer,
                                               .on_reload = on_reload, .on_status = on_status,
                                               .on_stop = on_stop, .rules = rules};
    list_init(&out.idle);
    list_init(&out.pending_rcpts);
    out.deliveries = map_new(1000000);
    out.saving = map_new(1000000);
    out.resolving = map_new(1000000);
    out.bounces = map_new(1000000);
    return child_main(argc, argv, "smtpout", &events, &out);
}
