/* SPDX-License-Identifier: Apache-2.0
 * doctor_running.c: what postern doctor learns from the gateway that runs: its processes, its
 * ports, its own handshakes, its resolver, and whether all that waits has a reason to
 * (proc/queue/schedule/overdue.c). Called by doctor.c.
 *
 * What can go wrong: it does not run, or may not be asked by us: then that is said, and nothing is
 * guessed.
 */
#include "cmd/postern/doctor.h"
#include "policy/alarm.h"
#include "proc/preflight.h"
#include "wire/date.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody answers as posternd: it may not be asked by us, it was never started, or it ended. */
static void tell_no_answer(struct doctor *d)
{
    char path[600];
    struct stat st;
    snprintf(path, sizeof path, "%s/posternd.sock", d->c->run_path);
    bool barred = access(path, R_OK | W_OK) < 0 && errno == EACCES;
    snprintf(path, sizeof path, "%s/postern.db", d->c->store_path);
    int r = stat(path, &st) < 0 ? -errno : 0; /* its first start makes the store */
    if (barred) {
        doctor_tell(d, CARE, "posternd", "may not be asked by this user", "Run this as root.");
    } else if (r == 0) {
        doctor_tell(d, ILL, "posternd", "does not run: no mail is taken or delivered",
                    "systemctl start postern. Why it ended is in its log: journalctl -u postern.");
    } else if (r == -ENOENT) {
        doctor_tell(d, CARE, "posternd", "does not run; it was never started",
                    "systemctl start postern.");
    } else {
        doctor_tell(d, CARE, "posternd", "does not run, or may not be asked",
                    "systemctl start postern, or run this as root.");
    }
}

void doctor_ask(struct doctor *d)
{
    char why[200] = "";
    d->running = ask_status_quietly(d->o, &d->status) == 0;
    d->queue_up = d->running && queue_state_of(&d->status, why, sizeof why) == QUEUE_UP;
    if (d->running) {
        doctor_tell(d, WELL, "posternd", "runs", "");
    } else {
        tell_no_answer(d);
    }
    if (d->running && !d->queue_up) {
        doctor_tell(
            d, ILL, "queue", why,
            "No mail is taken or delivered without it. The log says why: lines of queue-0.");
    }
}

/* What follows "name=" in a process's counters; empty where it is not there. */
static struct str counter_of(struct str counters, const char *name)
{
    struct str word;
    size_t n = strlen(name);
    while (counters.n > 0 && str_split(&counters, ' ', &word)) {
        if (word.n > n && word.p[n] == '=' && memcmp(word.p, name, n) == 0) {
            return str_slice(word, n + 1, word.n);
        }
    }
    return STR("");
}

static uint64_t doctor_running_number_of(struct str counters, const char *name)
{
    uint64_t value = 0;
    return str_to_u64(counter_of(counters, name), UINT64_MAX, &value) < 0 ? 0 : value;
}

/* The next process (of *at and behind it) whose name begins so, or NULL. */
static const struct ipc_row_process *next_process(const struct doctor *d, struct str name,
                                                  size_t *at)
{
    while (d->running && *at < d->status.n) {
        const struct ipc_msg *row = &d->status.rows[(*at)++];
        if (row->type == IPC_row_process && str_starts_nocase(row->row_process.name, name)) {
            return &row->row_process;
        }
    }
    return NULL;
}

/* The queue's silence was said already: others are not asked then. */
static void look_silent(struct doctor *d)
{
    const struct ipc_row_process *p;
    for (size_t at = 0; (p = next_process(d, STR(""), &at));) {
        const char *silence = status_silence(p);
        char text[300];
        if (silence && !str_starts_nocase(p->name, STR("queue"))) {
            snprintf(text, sizeof text, STR_FMT " does not answer: %s", STR_ARG(p->name), silence);
            doctor_tell(d, ILL, "process", text,
                        "Was it stopped (kill -CONT), or is this machine very busy? If it stays "
                        "so: systemctl restart postern.");
        }
    }
}

static void look_queue(struct doctor *d)
{
    if (!d->queue_up) {
        return; /* said already */
    }
    const struct ipc_row_process *p;
    uint64_t queued = 0, woken = 0;
    char text[200];
    for (size_t at = 0; (p = next_process(d, STR("queue"), &at));) {
        queued = doctor_running_number_of(p->counters, "queued");
        woken = doctor_running_number_of(p->counters, "overdue-woken");
    }
    snprintf(text, sizeof text,
             "%llu recipients wait, %llu had been forgotten and were woken since the start",
             (unsigned long long)queued, (unsigned long long)woken);
    doctor_tell(d, woken == 0 ? WELL : ILL, "queue", text,
                "A fault in postern: please report it with the log line recipients-overdue.");
}

/* What a process says of its handshakes with itself. */
static const struct own_tls {
    const char *state;
    enum health health;
    const char *words, *advice;
} own_tls[] = {
    {"ok", WELL, "handshakes with itself succeed", ""},
    {"FAILED", ILL,
     "handshakes with itself FAIL: those who connect cannot encrypt, partners with forced TLS are "
     "turned away, browsers do not reach the portal",
     "The log says why (tls-self-test-failed): is the process keys up, do certificate and key fit? "
     "systemctl restart postern if it stays so."},
    {"not-yet", CARE, "has not made a handshake with itself yet", "Ask again in a minute."},
    {"", CARE, "does not say how its handshakes go: it is not up, or of another version",
     "postern status tells which."},
};

/* The handshakes that each of these processes does each minute (proc/own_tls.c): what strangers
 * would find now. Without a certificate there are none, and that was said already. */
static void look_own_tls_of(struct doctor *d, struct str process)
{
    const struct ipc_row_process *p;
    for (size_t at = 0; d->c->n_own > 0 && (p = next_process(d, process, &at));) {
        struct str state = counter_of(p->counters, "tls-self-test");
        size_t i = 0;
        char text[300];
        while (i + 1 < ARRAY_LEN(own_tls) && !str_eq(state, str_c(own_tls[i].state))) {
            i++;
        }
        snprintf(text, sizeof text, STR_FMT ": %s", STR_ARG(p->name), own_tls[i].words);
        doctor_tell(d, own_tls[i].health, "tls self-test", text, own_tls[i].advice);
    }
}

static void look_own_tls(struct doctor *d)
{
    look_own_tls_of(d, STR("smtpin"));
    /* else another program has its certificate */
    if (d->c->portal.url && d->c->portal.addresses.n > 0) {
        look_own_tls_of(d, STR("web"));
    }
}

/* What the gateway found when it started: its words, or "" where all is well. False: not known. */
static bool resolver_of_gateway(const struct doctor *d, char *text, size_t size)
{
    size_t at = 0;
    const struct ipc_row_process *p = next_process(d, STR("lookup"), &at);
    struct str state = p ? counter_of(p->counters, "resolver-self-test") : STR("");
    *text = '\0';
    if (str_eq(state, STR("FAILED"))) { /* "... warning: words" */
        size_t colon = str_find(p->counters, ':', 0);
        str_copy_cut(str_trim(str_slice(p->counters, colon + 1, p->counters.n)), text, size);
    }
    return str_eq(state, STR("ok")) || str_eq(state, STR("FAILED"));
}

void doctor_resolver(struct doctor *d)
{
    char text[400] = "";
    bool answers = true, may_ask = d->outbound || *d->c->resolver.forward;
    if (!may_ask && !resolver_of_gateway(d, text, sizeof text)) {
        doctor_tell(
            d, CARE, "name service",
            "not tried: without a forwarder of yours it would ask servers of the DNS outside",
            "The running gateway tests it by itself: ask again when it runs, or with postern "
            "doctor --outbound HOST.");
    } else if (may_ask && !doctor_resolver_works(d, &answers, text, sizeof text)) {
        doctor_tell(d, ILL, "name service", text, "See the resolver block in postern.conf(5).");
    } else if (!answers) {
        doctor_tell(d, ILL, "name service", text,
                    "No mail can be delivered without it: is UDP and TCP port 53 open to the "
                    "outside?");
    } else {
        doctor_tell(d, text[0] ? CARE : WELL, "name service",
                    text[0] ? text : "answers, validates DNSSEC, proves absence",
                    "DANE needs this: set trust-anchor in the resolver block (package "
                    "dns-root-data).");
    }
}

/* A connection to it, or -errno. */
static int connect_to_listener(const char *address)
{
    struct str s = str_c(address);
    size_t colon = str_find_last(s, ':');
    bool bracketed = s.p[0] == '[';
    uint64_t port = 0;
    struct str host = str_slice(s, bracketed ? 1 : 0, bracketed ? colon - 1 : colon);
    if (str_to_u64(str_slice(s, colon + 1, s.n), 65535, &port) < 0) {
        return -EINVAL;
    }
    if (str_eq(host, STR("::"))) { /* IPv4 as well */
        int fd = doctor_connect(STR("::1"), (uint16_t)port, 2000);
        return fd >= 0 ? fd : doctor_connect(STR("127.0.0.1"), (uint16_t)port, 2000);
    }
    host = str_eq(host, STR("0.0.0.0")) ? STR("127.0.0.1") : host;
    return doctor_connect(host, (uint16_t)port, 2000);
}

/* The line with which a server greets, without what a terminal would take for orders; "": it says
 * nothing in a second. */
static void read_greeting(int fd, char *dst, size_t size)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&wait, 1, 1000) == 1 ? recv(fd, dst, size - 1, 0) : 0;
    dst[n > 0 ? n : 0] = '\0';
    dst[strcspn(dst, "\r\n")] = '\0';
    for (char *p = dst; *p; p++) {
        *p = *p >= ' ' && *p < 127 ? *p : '?';
    }
}

/* Whether posternd listens there, as it says itself. */
static bool is_posternds(const struct doctor *d, const char *at)
{
    for (size_t i = 0; i < d->status.n; i++) {
        const struct ipc_msg *row = &d->status.rows[i];
        if (row->type == IPC_row_port && str_eq(row->row_port.address, str_c(at))) {
            return true;
        }
    }
    return false;
}

/* posternd answers us: is this port its own, and does it answer there? */
static void look_port(struct doctor *d, const char *label, const char *at)
{
    char text[700], greeting[200] = "";
    bool ours = is_posternds(d, at);
    int fd = connect_to_listener(at);
    if (fd >= 0 && !ours) {
        read_greeting(fd, greeting, sizeof greeting);
    }
    if (fd >= 0) {
        close(fd);
    }
    snprintf(text, sizeof text, "%s on %s: %s%s%s%s", label, at,
             ours && fd >= 0 ? "open"
             : ours          ? "closed"
             : fd >= 0       ? "another program answers there, not posternd"
                             : "posternd does not listen there",
             *greeting ? " (\"" : "", greeting, *greeting ? "\")" : "");
    doctor_tell(d, ours && fd >= 0 ? WELL : ILL, "port", text,
                ours      ? "posternd says in its log why it could not listen."
                : fd >= 0 ? "Stop that program, then postern reload."
                          : "It runs with an older configuration: postern reload.");
}

/* Nobody answers as posternd: could it listen there? */
static void look_free(struct doctor *d, const char *label, const char *at)
{
    char text[700], greeting[200] = "";
    int r = preflight_port(at);
    bool sure = geteuid() == 0; /* others may not ask posternd, which then may be who listens */
    const char *how = r == 0                ? "free"
                      : r == -EADDRNOTAVAIL ? "this machine does not have that address"
                      : r == -EADDRINUSE    ? (sure ? "in use by another program"
                                                    : "in use, by posternd or another program")
                                            : strerror(-r);
    const char *advice = r == -EADDRNOTAVAIL ? "Name one of its own, or [::] for all."
                         : r != -EADDRINUSE  ? "Run this as root."
                         : sure ? "posternd does not start before that is stopped: is it the mail "
                                  "server that was here before?"
                                : "Run this as root: then it is known who.";
    int fd = r == -EADDRINUSE ? connect_to_listener(at) : -EBADF;
    if (fd >= 0) {
        read_greeting(fd, greeting, sizeof greeting);
        close(fd);
    }
    snprintf(text, sizeof text, "%s on %s: %s%s%s%s", label, at, how, *greeting ? " (\"" : "",
             greeting, *greeting ? "\")" : "");
    doctor_tell(d,
                r == 0                                              ? WELL
                : r == -EADDRNOTAVAIL || (r == -EADDRINUSE && sure) ? ILL
                                                                    : CARE,
                "port", text, advice);
}

static void look_ports(struct doctor *d, const struct conf_words *addresses, const char *label)
{
    for (size_t i = 0; i < addresses->n; i++) {
        if (d->running) {
            look_port(d, label, addresses->v[i]);
        } else {
            look_free(d, label, addresses->v[i]);
        }
    }
}

/* What is wrong now and was told by mail once. */
static void look_alarms(struct doctor *d)
{
    enum { SHOWN = 10 };
    struct response a;
    char text[500], date[DATE_MAX];
    size_t n = 0;
    if (!d->queue_up || ask_quietly(d->o, ADMIN_ALARMS, "", &a) != 0) {
        return;
    }
    for (size_t i = 0; i < a.n; i++) {
        const struct ipc_row_alarm *m = &a.rows[i].row_alarm;
        if (a.rows[i].type != IPC_row_alarm || m->cleared_ms || ++n > SHOWN) {
            continue;
        }
        date_iso(m->at_ms, date);
        snprintf(text, sizeof text, "%s, since %s%s" STR_FMT ": %s", alarm_name(m->kind), date,
                 m->domain.n ? ", " : "", STR_ARG(m->domain), alarm_sentence(m->kind));
        doctor_tell(d, CARE, "alarm", text, "postern domains alarms has the details of it.");
    }
    snprintf(text, sizeof text, n > SHOWN ? "%zu more are open" : "none is open",
             n > SHOWN ? n - SHOWN : n);
    if (n == 0 || n > SHOWN) {
        doctor_tell(d, n == 0 ? WELL : CARE, "alarms", text, "postern domains alarms lists them.");
    }
    response_free(&a);
}

void doctor_running(struct doctor *d)
{
    const struct conf *c = d->c;
    for (size_t i = 0; i < c->n_listens; i++) {
        look_ports(d, &c->listens[i].addresses, c->listens[i].label);
    }
    if (c->portal.url) {
        look_ports(d, &c->portal.addresses, "portal");
        look_ports(d, &c->portal.redirects, "portal (redirect)");
        look_ports(d, &c->portal.proxied, "portal (proxy)");
    }
    look_ports(d, &c->metrics.addresses, "metrics");
    if (d->running) {
        look_silent(d);
        look_own_tls(d);
        look_queue(d);
        look_alarms(d);
    }
}
