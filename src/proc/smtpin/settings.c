/* SPDX-License-Identifier: Apache-2.0
 * settings.c: what the listen blocks come to: TLS contexts (certificates by name, keys
 * elsewhere) and the limits of the engine; alarms for certificates of ours that end soon. Called
 * by main.c and session.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "policy/alarm.h"
#include "policy/validity.h"
#include "proc/admission.h"
#include "proc/smtpin/smtpin.h"
#include "wire/date.h"

#include <stdio.h>
#include <stdlib.h>

static size_t own_certificates(struct child *c, const struct conf *conf,
                               struct tls_own own[CONF_CERTIFICATES_MAX])
{
    char name[64];
    for (size_t i = 0; i < conf->n_own; i++) {
        snprintf(name, sizeof name, "certificate %zu", i);
        own[i] = (struct tls_own){.chain = child_file(c, name)};
    }
    return conf->n_own;
}

static void set_engine(struct settings *s, const struct conf *conf, struct service *v)
{
    struct admission_client w = {
        .submits = v->kind != CONF_LISTEN_SMTP,
        .can_start = v->tls != NULL && v->kind != CONF_LISTEN_SUBMISSIONS,
    };
    v->engine = admission_engine(conf, &w, s->hostname);
    w.inside_network = true;
    v->engine_inside = admission_engine(conf, &w, s->hostname);
    w.is_device = true;
    v->engine_device = admission_engine(conf, &w, s->hostname);
}

static int settings_set_tls(struct child *c, const struct conf *conf, const struct conf_listen *l,
                            struct service *v, char *problem, size_t size)
{
    struct tls_own own[CONF_CERTIFICATES_MAX];
    size_t n = own_certificates(c, conf, own);
    bool ask = l->client_certificates != 0 ||
               (l->kind == CONF_LISTEN_SMTP && inbound_needs_certificates(conf));
    if (n == 0) {
        return 0;
    }
    int r = tls_context_server(own, n, l->profile, ask ? child_file(c, "trust-store") : STR(""),
                               problem, size, &v->tls);
    if (r == 0 && !l->no_resumption) {
        char service[64]; /* what a session of one listener must share with a later one */
        snprintf(service, sizeof service, "%d %s %s", (int)l->kind, tls_profile_name(l->profile),
                 ask ? "asks" : "");
        tls_context_give_tickets(v->tls, str_c(service));
    }
    return r;
}

struct settings *settings_new(struct child *c, const struct conf *conf, char *problem, size_t size)
{
    struct settings *s = err_calloc(1, sizeof *s);
    s->refs = 1;
    s->hostname = err_strdup(conf->hostname);
    s->command_ms = conf->limits.command_time;
    s->data_ms = conf->limits.data_time;
    s->handshake_ms = conf->limits.handshake_time;
    for (size_t i = 0; i < conf->n_listens; i++) {
        struct service *v = &s->services[s->n_services++];
        v->kind = conf->listens[i].kind;
        if (settings_set_tls(c, conf, &conf->listens[i], v, problem, size) < 0) {
            settings_unref(s);
            return NULL;
        }
        set_engine(s, conf, v);
    }
    return s;
}

void settings_unref(struct settings *s)
{
    if (s && --s->refs == 0) {
        for (size_t i = 0; i < s->n_services; i++) {
            tls_context_free(s->services[i].tls);
        }
        free(s->hostname);
        free(s);
    }
}

int settings_self_test(void *arg, char *problem, size_t size)
{
    const struct settings *s = ((struct smtpin *)arg)->settings;
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_services; i++) {
        char what[200] = "";
        r = s->services[i].tls ? tls_self_test(s->services[i].tls, what, sizeof what) : 0;
        if (r < 0) {
            snprintf(problem, size, "listener %zu: %s", i + 1, what);
        }
    }
    return r;
}

void settings_check_expiry(struct smtpin *in)
{
    const struct conf *conf = child_conf(in->child);
    struct tls_own own[CONF_CERTIFICATES_MAX];
    size_t n = own_certificates(in->child, conf, own);
    char text[300] = "", date[DATE_MAX], name[128] = "";
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < n && !*text; i++) {
        struct validity v;
        v.until_ms = tls_not_after(own[i].chain, &v.from_ms, name, sizeof name);
        if (validity_ends_soon(v, conf->limits.expiry_warning, now)) {
            date_iso(v.until_ms, date);
            snprintf(text, sizeof text, "%s ends %.10s: put the new one into %s",
                     conf->own[i].chain, date, conf->own[i].chain);
            log_warn("certificate-ends", KV("file", conf->own[i].chain), KV("name", name),
                     KV("until", date));
        }
    }
    ipc_send(in->queue, &(struct ipc_msg){.type = IPC_alarm,
                                          .alarm = {
                                              .kind = ALARM_OWN_CERTIFICATE,
                                              .cleared = !*text,
                                              .domain = str_c(conf->hostname),
                                              .text = str_c(text),
                                          }});
}
