/* SPDX-License-Identifier: Apache-2.0
 * web: the portal: shows waiting mail to its recipients, takes their answers, shows senders what
 * became of theirs.
 *
 * Trust: reads hostile bytes of browsers; believed by nobody beyond its typed questions, each of
 * which the queue checks against the pass that comes with it. May touch: accepted connections,
 * spool files handed to it. Must never see: the store, a private key, a message whose reader has
 * not proved who they are. Several copies share the listening sockets.
 *
 * With a new configuration (or new certificates or templates) it asks to be replaced: it accepts
 * nothing more, ends what is under way, and posternd starts a fresh one. Passes are in the
 * store: nobody notices.
 */
#include "base/clock.h"
#include "base/log.h"
#include "mime/view.h"
#include "proc/web/web.h"
#include "sys/loop.h"
#include "sys/descriptors.h"
#include "sys/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 32,
    REQUESTS_MAX = 100000,
    LEAVE_MS = 5000,
    LOOK_MS = 50,
    IDLE_S = 60,
    CONNECTIONS = 5000,
    CONNECTIONS_OF_ADDRESS = 100,
    PROXY_CONNECTIONS = 4000
};

/* --- people come in ----------------------------------------------------- */

static void web_take(struct entrance *e, int fd, const struct endpoint *peer)
{
    struct web *w = e->web;
    char ip[46];
    endpoint_ip(peer, ip, sizeof ip);
    bool memory = memory_is_short();
    if (memory || descriptors_are_short(fd)) {
        log_warn("too-busy", KV("client", ip),
                 KV("why", memory ? "memory is short" : "descriptors are short"));
        close(fd);
    } else if (e->kind == PORTAL_HTTPS) {
        visitor_new(w, e, fd, peer);
    } else if (e->kind == PORTAL_PROXY &&
               !conf_net_listed(&child_conf(w->child)->portal.proxies, str_c(ip))) {
        log_notice("not-a-proxy", KV("client", ip));
        close(fd);
    } else {
        http_add(e->http, fd, peer);
    }
}

static void web_on_connection(void *arg, int events)
{
    struct listener *l = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct endpoint peer;
        int fd, r = conn_accept(l->fd, &fd, &peer);
        if (r < 0) {
            if (r != -EAGAIN) {
                log_error("accept-failed", KV("problem", strerror(-r)));
                watch_rest(l->watch);
            }
            return;
        }
        web_take(l->entrance, fd, &peer);
    }
}

static void web_on_listener(void *owner, struct child *c, struct str name, unsigned kind, int fd)
{
    struct web *w = owner;
    must(w->n_listeners < LISTENERS_MAX && kind < ARRAY_LEN(w->entrances));
    struct listener *l = &w->listeners[w->n_listeners++];
    *l = (struct listener){.entrance = &w->entrances[kind], .fd = fd};
    l->watch = watch_new(child_loop(c), fd, web_on_connection, l);
}

static void web_watch_listeners(struct web *w, bool on)
{
    for (size_t i = 0; i < w->n_listeners; i++) {
        watch_set(w->listeners[i].watch, on ? WATCH_READ : 0);
    }
}

/* --- the other processes ------------------------------------------------ */

static void web_on_queue_gone(void *owner, struct ipc_channel *ch)
{
    struct web *w = owner;
    w->queue = NULL;
    ask_peer_gone(w);
}

static void web_on_keys_gone(void *owner, struct ipc_channel *ch)
{
    struct web *w = owner;
    w->keys = NULL;
    ask_peer_gone(w);
}

static void web_on_login_gone(void *owner, struct ipc_channel *ch)
{
    struct web *w = owner;
    for (size_t i = 0; i < WEB_LOGINS_MAX; i++) {
        w->logins[i] = w->logins[i] == ch ? NULL : w->logins[i];
    }
    ask_peer_gone(w);
}

static void web_on_peer(void *owner, struct child *c, enum role role, unsigned index, int fd)
{
    struct web *w = owner; /* a successor may be quicker than the news of the end */
    if (role == ROLE_QUEUE) {
        ipc_channel_end(w->queue);
        w->queue =
            ipc_channel_new(child_loop(c), fd, "queue", web_queue_rules, web_on_queue_gone, w);
    } else if (role == ROLE_KEYS) {
        ipc_channel_end(w->keys);
        w->keys = ipc_channel_new(child_loop(c), fd, "keys", web_keys_rules, web_on_keys_gone, w);
    } else if (role == ROLE_LOGIN && index < WEB_LOGINS_MAX) {
        ipc_channel_end(w->logins[index]);
        w->logins[index] =
            ipc_channel_new(child_loop(c), fd, "login", web_login_rules, web_on_login_gone, w);
    } else {
        close(fd);
    }
}

static void web_on_signing(void *owner, struct child *c, enum role role, int fd)
{
    signing_join(&((struct web *)owner)->signing, fd);
}

/* --- life --------------------------------------------------------------- */

static int web_set_tls(struct web *w, char *problem, size_t size)
{
    const struct conf *conf = child_conf(w->child);
    struct tls_own own[CONF_CERTIFICATES_MAX];
    char name[64];
    for (size_t i = 0; i < conf->n_own; i++) {
        snprintf(name, sizeof name, "certificate %zu", i);
        own[i] = (struct tls_own){.chain = child_file(w->child, name)};
    }
    return conf->portal.addresses.n == 0
               ? 0
               : tls_context_server(own, conf->n_own, conf->portal.profile, STR(""), problem, size,
                                    &w->tls);
}

static int web_on_prepare(void *owner, struct child *c, char *problem, size_t size)
{
    struct web *w = owner;
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    w->child = c;
    if (rest_init() < 0 || tls_remote_start(signing_ask, &w->signing, problem, size) < 0) {
        return -EIO;
    }
    int r = site_new(child_conf(c), &problems, &w->site);
    if (r < 0) {
        str_copy_cut(buf_str(&problems), problem, size);
        return r;
    }
    r = web_set_tls(w, problem, size);
    for (unsigned i = 0; r == 0 && i < ARRAY_LEN(w->entrances); i++) {
        bool proxy = i == PORTAL_PROXY;
        const struct http_limits limits = {
            .connections = CONNECTIONS,
            .connections_per_address = proxy ? PROXY_CONNECTIONS : CONNECTIONS_OF_ADDRESS,
            .idle_s = IDLE_S,
        };
        w->entrances[i].http = http_new(child_loop(c), &limits, &request_events, &w->entrances[i]);
        if (!w->entrances[i].http) {
            snprintf(problem, size, "the HTTP engine could not start");
            r = -EIO;
        }
    }
    return r;
}

static void web_sandbox(void *owner, struct child *c, struct sandbox *ret)
{
    *ret = (struct sandbox){.calls = SANDBOX_ACCEPT | SANDBOX_SYNC | SANDBOX_PAIRS};
}

static int self_test(void *arg, char *problem, size_t size)
{
    return tls_self_test(((struct web *)arg)->tls, problem, size);
}

static void web_on_start(void *owner, struct child *c)
{
    struct web *w = owner;
    web_watch_listeners(w, true);
    if (w->tls) {
        w->own_tls = (struct own_tls){
            .child = c,
            .signing = &w->signing,
            .queue = &w->queue,
            .alarm = ALARM_PORTAL_TLS,
            .test = self_test,
            .arg = w,
        };
        own_tls_start(&w->own_tls);
    }
}

/* What is being sent goes on for a while; new people wait in the sockets' queues for the next
 * one of us. */
static void look_if_idle(void *arg)
{
    struct web *w = arg;
    size_t calls = 0;
    for (size_t i = 0; i < ARRAY_LEN(w->entrances); i++) {
        calls += w->entrances[i].http ? http_calls(w->entrances[i].http) : 0;
    }
    if ((calls == 0 && !visitors_are_sent_something(w)) || clock_mono_ms() >= w->leave_by_ms) {
        visitors_close(w);
        child_exit(w->child);
    } else {
        timer_start(w->leave_timer, LOOK_MS);
    }
}

static void web_leave(struct web *w)
{
    if (!w->leave_timer) {
        w->leave_by_ms = clock_mono_ms() + LEAVE_MS;
        w->leave_timer = timer_new(child_loop(w->child), look_if_idle, w);
        web_watch_listeners(w, false);
        own_tls_stop(&w->own_tls);
        timer_start(w->leave_timer, 1);
    }
}

static int web_on_reload(void *owner, struct child *c, char *problem, size_t size)
{
    web_leave(owner);
    return 0;
}

static void web_on_stop(void *owner, struct child *c)
{
    web_leave(owner);
}

static void web_on_public_key(void *owner, struct ipc_channel *ch,
                              const struct ipc_ctl_public_key *m)
{
    struct web *w = child_owner(owner);
    must(m->key.n == REST_PUBLIC);
    rest_wrapper_free(w->wrapper);
    w->wrapper = rest_wrapper_new((const unsigned char *)m->key.p);
}

static size_t connections(const struct web *w)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(w->entrances); i++) {
        n += w->entrances[i].http ? http_connections(w->entrances[i].http) : 0;
    }
    return n;
}

static void web_on_status(void *owner, char *text, size_t size)
{
    const struct web *w = owner;
    snprintf(text, size,
             "connections=%zu waiting=%zu pages=%llu refused=%llu handshakes=%llu "
             "handshakes-failed=%llu tls-self-test=%s",
             connections(w), map_len(w->requests), (unsigned long long)w->answered,
             (unsigned long long)w->refused, (unsigned long long)w->handshakes,
             (unsigned long long)w->handshakes_failed, w->tls ? own_tls_word(&w->own_tls) : "none");
}

static void web_on_metrics(void *owner, struct buf *out)
{
    const struct web *w = owner;
    metric_put(out, "portal_connections", "", connections(w));
    metric_put(out, "portal_pages_total", "result=\"shown\"", w->answered - w->refused);
    metric_put(out, "portal_pages_total", "result=\"refused\"", w->refused);
    metric_put(out, "handshakes_total", "side=\"portal\",result=\"good\"", w->handshakes);
    metric_put(out, "handshakes_total", "side=\"portal\",result=\"failed\"", w->handshakes_failed);
    if (w->tls) {
        metric_put(out, "tls_selftest_ok", "", w->own_tls.failed == 0);
    }
}

int main(int argc, char **argv)
{
    static struct web web;
    static const struct ipc_rule rules[] = {IPC_ON(ctl_public_key, web_on_public_key),
                                            IPC_RULES_END};
    static const struct child_events events = {
        .on_prepare = web_on_prepare,
        .sandbox = web_sandbox,
        .on_start = web_on_start,
        .on_peer = web_on_peer,
        .on_signing = web_on_signing,
        .on_listener = web_on_listener,
        .on_reload = web_on_reload,
        .on_status = web_on_status,
        .on_metrics = web_on_metrics,
        .on_stop = web_on_stop,
        .rules = rules,
    };
    for (unsigned i = 0; i < ARRAY_LEN(web.entrances); i++) {
        web.entrances[i] = (struct entrance){.web = &web, .kind = (enum portal_listen)i};
    }
    list_init(&web.visitors);
    web.requests = map_new(REQUESTS_MAX);
    web.signing.fd = -1;
    return child_main(argc, argv, "web", &events, &web);
}
