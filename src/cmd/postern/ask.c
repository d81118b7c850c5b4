/* SPDX-License-Identifier: Apache-2.0
 * ask.c: one question over the control sockets, its rows collected. Called by the commands that
 * ask a running gateway.
 *
 * What can go wrong: the process queue is down or stands still. The socket is posternd's, so
 * that a question to it is taken and answered by nobody: while there is no answer, posternd is
 * asked how the queue is.
 */
#include "base/unseen.h"
#include "cmd/postern/acting.h"
#include "cmd/postern/postern.h"
#include "conf/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ANSWER_S = 200, /* a deep probe takes up to 150 s */
    LOOK_FIRST_S = 1,
    LOOKS_DOWN = 2, /* at the queue, each after twice the time: it was only started anew */
    LOOKS_MAX = 3,  /* then it must have started for the first time, or said something */
};

int load_config(const struct options *o, struct conf **ret)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(256 * 1024);
    if (conf_load(o->config, &problems, ret) == 0) {
        return 0;
    }
    fwrite(buf_str(&problems).p, 1, buf_len(&problems), stderr);
    return EXIT_CONFIG;
}

static void limit_waits(int fd, long seconds)
{
    struct timeval limit = {.tv_sec = seconds};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static int connect_to(const char *dir, const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    /* many wait there already, and nobody takes them */
    struct timeval limit = {.tv_sec = LOOK_FIRST_S};
    int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof to.sun_path) {
        return -ENAMETOOLONG;
    }
    CLEANUP(err_close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        return -errno;
    }
    limit_waits(fd, ANSWER_S);
    int give = fd;
    fd = -1;
    return give;
}

/* A row's encoded octets are copied, its views point into the copy. */
void response_keep(struct response *a, const struct ipc_msg *m)
{
    if ((a->n & (a->n - 1)) == 0) {
        size_t cap = a->n ? a->n * 2 : 1;
        a->rows = realloc(a->rows, cap * sizeof *a->rows);
        a->memory = realloc(a->memory, cap * sizeof *a->memory);
        must(a->rows && a->memory);
    }
    struct buf copy = BUF_INIT(IPC_FRAME_MAX);
    unsigned flags;
    must(ipc_encode(m, &copy) == 0);
    struct str view = buf_str(&copy);
    must(ipc_decode(&view, &a->rows[a->n], &flags) == 0);
    a->memory[a->n++] = copy.p;
}

enum queue_state queue_state_of(const struct response *status, char *why, size_t size)
{
    for (size_t i = 0; i < status->n; i++) {
        const struct ipc_row_process *p = &status->rows[i].row_process;
        if (status->rows[i].type != IPC_row_process || !str_starts_nocase(p->name, STR("queue"))) {
            continue;
        }
        bool silent = status_silence(p) != NULL;
        snprintf(why, size, "queue %s (%u restart%s)",
                 silent     ? "does not answer"
                 : p->ready ? "is up"
                            : "is down",
                 p->restarts, p->restarts == 1 ? "" : "s");
        return silent            ? QUEUE_SILENT
               : p->ready        ? QUEUE_UP
               : p->restarts > 0 ? QUEUE_DOWN
                                 : QUEUE_STARTS;
    }
    return QUEUE_UP; /* nobody said otherwise */
}

static enum queue_state look_at_queue(const struct options *o, char *why, size_t size)
{
    struct response status;
    if (ask_status_quietly(o, &status) != 0) {
        return QUEUE_UP; /* posternd ends, or is asked by others: the connection tells */
    }
    enum queue_state state = queue_state_of(&status, why, size);
    response_free(&status);
    return state;
}

static bool stays_down(const struct options *o, char *why, size_t size)
{
    for (unsigned looks = 1; look_at_queue(o, why, size) == QUEUE_DOWN; looks++) {
        if (looks == LOOKS_DOWN) {
            return true;
        }
        sleep(2 * LOOK_FIRST_S);
    }
    return false;
}

/* Octets at the front of s that a terminal must not get. */
static size_t untamed_at(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c == '\r' && s.n > 1 && s.p[1] == '\n') {
        return 0; /* as in a policy (RFC 8461 3.2) */
    }
    if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
        return 1;
    }
    return c == 0xc2 && s.n > 1 && (unsigned char)s.p[1] < 0xa0 ? 2 : unseen_at(s);
}

void tame_text(struct str s)
{
    char *p = (char *)(uintptr_t)s.p; /* the caller's own memory */
    for (size_t i = 0; i < s.n;) {
        size_t n = untamed_at(str_slice(s, i, s.n));
        memset(p + i, '?', n);
        i += n > 0 ? n : 1;
    }
}

#define TAME_u8(field)
#define TAME_u16(field)
#define TAME_u32(field)
#define TAME_u64(field)
#define TAME_i64(field)
#define TAME_lease(field)
#define TAME_str(field) tame_text(m->field);
#define TAME_bytes(field)
#define TAME_key(field)
#define TAME_serial(field)
#define TAME_store_enum(field)
#define TAME_enum(field)
#define TAME_flag(field)
#define TAME_blob(field)
#define TAME_FIELD(kind, field, max) TAME_##kind(field)
#define TAME(number, name, descriptor) \
    static void tame_##name(const struct ipc_##name *m) \
    { \
        (void)m; \
        IPC_FIELDS_##name(TAME_FIELD) \
    }
IPC_MESSAGES(TAME)

#define TAME_CASE(number, name, descriptor) \
    case IPC_##name: \
        tame_##name(&m->name); \
        break;
static void tame(const struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_none:
        break;
        IPC_MESSAGES(TAME_CASE)
    }
}

/* As ipc_call_recv(); JSON has its own way to write such octets. */
static int ask_receive(const struct options *o, int fd, char *frame, struct str *pending,
                       struct ipc_msg *ret)
{
    int r = ipc_call_recv(fd, frame, pending, ret);
    if (r == 0 && !o->json) {
        tame(ret);
    }
    return r;
}

int response_next(const struct options *o, int fd, char *frame, struct str *pending,
                  struct ipc_msg *ret, char *why, size_t size)
{
    long wait = LOOK_FIRST_S, waited = 0;
    for (unsigned looks = 0; waited < ANSWER_S; waited += wait, wait *= 2) {
        limit_waits(fd, wait);
        int r = ask_receive(o, fd, frame, pending, ret);
        if (r != -ETIMEDOUT) {
            return r;
        }
        enum queue_state state = look_at_queue(o, why, size);
        looks = state == QUEUE_UP ? 0 : looks + 1;
        if (looks == LOOKS_MAX || (state == QUEUE_DOWN && looks == LOOKS_DOWN)) {
            return -EHOSTDOWN;
        }
    }
    return -ETIMEDOUT;
}

/* The rows that answer a question: commands read them as such. A verb that is not here has none. */
static const struct {
    enum admin_verb verb;
    enum ipc_type rows[8];
} verb_rows[] = {
    {ADMIN_STATUS, {IPC_row_process, IPC_row_port}},
    {ADMIN_RELOAD, {IPC_row_finding}},
    {ADMIN_LIST, {IPC_row_message, IPC_row_rcpt}},
    {ADMIN_MESSAGE,
     {IPC_row_message, IPC_row_rcpt, IPC_row_attempt, IPC_row_inspection, IPC_row_envelope,
      IPC_row_envelope_event, IPC_row_act}},
    {ADMIN_REPLAY, {IPC_row_message, IPC_row_rcpt, IPC_row_inspection}},
    {ADMIN_DOMAINS, {IPC_row_domain}},
    {ADMIN_DOMAIN, {IPC_row_domain, IPC_row_probe, IPC_row_quirk, IPC_row_act}},
    {ADMIN_ALARMS, {IPC_row_alarm}},
    {ADMIN_QUIRKS, {IPC_row_quirk}},
    {ADMIN_EXCEPTIONS, {IPC_row_exception}},
    {ADMIN_STS, {IPC_sts_answer}},
    {ADMIN_STS_SET, {IPC_sts_answer}},
    {ADMIN_RPT_LIST, {IPC_row_rpt_received}},
    {ADMIN_RPT_SENT, {IPC_row_rpt_sent}},
    {ADMIN_ACCOUNTS, {IPC_account}},
    {ADMIN_REFUSALS, {IPC_refusal}},
    {ADMIN_FORWARDS, {IPC_row_forward}},
    {ADMIN_ENVELOPES, {IPC_row_envelope}},
    {ADMIN_ENVELOPE, {IPC_row_envelope, IPC_row_envelope_event}},
    {ADMIN_ACTS, {IPC_row_act}},
};

static bool is_row_of(enum admin_verb verb, enum ipc_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(verb_rows); i++) {
        for (size_t k = 0; k < ARRAY_LEN(verb_rows[i].rows); k++) {
            if (verb_rows[i].verb == verb && verb_rows[i].rows[k] == type) {
                return true;
            }
        }
    }
    return false;
}

static int ask_collect(const struct options *o, const char *socket_name, enum admin_verb verb,
                       int fd, struct response *a)
{
    bool of_queue = strcmp(socket_name, "queue.sock") == 0;
    char *frame = err_calloc(1, IPC_FRAME_MAX);
    struct str pending = STR("");
    int r;
    for (;;) {
        struct ipc_msg m;
        r = of_queue ? response_next(o, fd, frame, &pending, &m, a->text, sizeof a->text)
                     : ask_receive(o, fd, frame, &pending, &m);
        if (r < 0) {
            break;
        }
        if (m.type == IPC_admin_done) {
            a->ok = m.admin_done.ok;
            str_copy_cut(m.admin_done.text, a->text, sizeof a->text);
            break;
        }
        if (!is_row_of(verb, m.type)) {
            r = -EBADMSG;
            break;
        }
        response_keep(a, &m);
    }
    free(frame);
    return r;
}

static const char *usual_run_path(void)
{
    for (size_t i = 0; i < conf_schema_len; i++) {
        if (strcmp(conf_schema[i].name, "run-directory") == 0) {
            return conf_schema[i].standard;
        }
    }
    return "";
}

/* The place of the socket comes from the file, as it is now; posternd has that of its start. */
static void explain_silence(const char *run_path, const char *socket_name)
{
    const char *usual = usual_run_path();
    CLEANUP(err_close_fd)
    int fd = strcmp(run_path, usual) == 0 ? -ENOENT : connect_to(usual, socket_name);
    if (fd >= 0) {
        fprintf(stderr,
                "postern: a posternd answers in %s, the default. If run-directory was changed "
                "since its start, that needs a restart (systemctl restart postern)\n",
                usual);
    } else {
        fprintf(stderr, "postern: is it running, and with this configuration? If run-directory was "
                        "changed since its start, it still answers in the old one: a change of it "
                        "needs a restart (systemctl restart postern)\n");
    }
}

int ask_connect(const struct options *o, const char *socket_name, bool quiet, int *ret_fd)
{
    struct conf *conf;
    int r = load_config(o, &conf);
    if (r) {
        return r;
    }
    int fd = connect_to(conf->run_path, socket_name);
    char why[200] = "";
    bool full = fd == -EAGAIN && strcmp(socket_name, "queue.sock") == 0 &&
                look_at_queue(o, why, sizeof why) != QUEUE_UP;
    if (full && !quiet) {
        fprintf(stderr, "postern: %s\n", why);
    } else if (fd < 0 && !quiet) {
        fprintf(stderr, "postern: posternd cannot be reached in %s: %s%s\n", conf->run_path,
                strerror(-fd), fd == -EACCES ? " (ask as root or as the user that runs it)" : "");
        if (fd != -EACCES) {
            explain_silence(conf->run_path, socket_name);
        }
    }
    conf_free(conf);
    *ret_fd = fd;
    return fd < 0 ? EXIT_UNAVAILABLE : 0;
}

/* Who acts: --by, sudo's user, the login uid, the user. 0, or an exit status (already said). */
static int acting_name(const struct options *o, char *dst, size_t size)
{
    const struct acting a = {
        .by = o->by,
        .sudo_user = getenv("SUDO_USER"),
        .loginuid_path = "/proc/self/loginuid",
        .uid = getuid(),
    };
    if (acting_find(&a, dst, size) < 0) {
        fprintf(stderr,
                "postern: %s is one line of UTF-8 of 1 to %d octets, without a blank at an end%s\n",
                o->by ? "the name after --by" : "an administrator's name", ADMIN_BY_MAX,
                o->by ? "" : ": write --by NAME");
        return EXIT_USAGE;
    }
    return 0;
}

static int ask_all(const struct options *o, const char *socket_name,
                   const struct ipc_admin *question, bool quiet, struct response *ret)
{
    CLEANUP(err_close_fd) int fd = -1;
    char by[ADMIN_BY_MAX + 2] = "";
    struct ipc_admin named = *question;
    *ret = (struct response){0};
    bool acts = admin_verb_is_act(question->verb);
    int r = acts ? acting_name(o, by, sizeof by) : 0;
    if (r == 0 && acts && strcmp(socket_name, "queue.sock") == 0 &&
        stays_down(o, ret->text, sizeof ret->text)) {
        /* not asked: it would be done when the queue is back */
        fprintf(stderr, "postern: %s\n", ret->text);
        return EXIT_UNAVAILABLE;
    }
    r = r ? r : ask_connect(o, socket_name, quiet, &fd);
    named.by = str_c(by);
    if (r) {
        return r;
    }
    r = ipc_call_send(fd, &(struct ipc_msg){.type = IPC_admin, .admin = named});
    r = r < 0 ? r : ask_collect(o, socket_name, (enum admin_verb)question->verb, fd, ret);
    if (r == -EHOSTDOWN && !quiet) {
        fprintf(stderr, "postern: %s\n", ret->text);
    } else if (r < 0 && r != -EHOSTDOWN) {
        fprintf(stderr, "postern: no answer: %s\n",
                r == -EPIPE ? "the other side went away" : strerror(-r));
    }
    if (r < 0) {
        response_free(ret);
        return EXIT_UNAVAILABLE;
    }
    return 0;
}

int ask(const struct options *o, const char *socket_name, enum admin_verb verb,
        const char *argument, struct response *ret)
{
    return ask_all(o, socket_name, &(struct ipc_admin){.verb = verb, .argument = str_c(argument)},
                   false, ret);
}

int ask_quietly(const struct options *o, enum admin_verb verb, const char *argument,
                struct response *ret)
{
    return ask_all(o, "queue.sock", &(struct ipc_admin){.verb = verb, .argument = str_c(argument)},
                   true, ret);
}

int ask_status_quietly(const struct options *o, struct response *ret)
{
    return ask_all(o, "posternd.sock", &(struct ipc_admin){.verb = ADMIN_STATUS}, true, ret);
}

int ask_with(const struct options *o, enum admin_verb verb, const char *argument, struct str data,
             struct response *ret)
{
    return ask_all(o, "queue.sock",
                   &(struct ipc_admin){
                       .verb = verb,
                       .argument = str_c(argument),
                       .data = data,
                   },
                   false, ret);
}

int response_end(const struct options *o, struct response *a)
{
    if (!a->ok) {
        fprintf(stderr, "postern: %s\n", a->text);
    }
    int r = a->ok ? EXIT_OK : EXIT_NO;
    response_free(a);
    return r;
}

void response_free(struct response *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->memory[i]);
    }
    free(a->rows);
    free(a->memory);
    *a = (struct response){0};
}
