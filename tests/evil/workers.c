/* SPDX-License-Identifier: Apache-2.0
 * workers.c: the real queue (argument: its program) with everybody around it played here, one
 * word at a time: what it makes of smtpouts that end at an awkward moment. What they said last
 * counts, whoever is quicker, and no mail goes out twice for it; those that never take what they
 * are given are told of, and no mail waits for them or is held.
 *
 * The order in which it hears of things is forced: it is stopped while they happen, and what
 * posternd says lies ready first.
 */
#include "base/clock.h"
#include "proc/child.h"
#include "sys/file.h"
#include "sys/spawn.h"
#include "wire/id.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_S = 10, QUIET_MS = 700, MAIL_WORDS = 6 };

/* The other end of one of its sockets. */
struct end {
    int fd;
    struct str pending;
    char *frame;
};

static struct {
    const char *program, *at; /* at: the test under way */
    pid_t pid;
    struct end control, keys, smtpin;
    uint64_t serial;
    char dir[100], conf[1000];
} w;

#define check(ok) (void)((ok) || (fail(#ok, __LINE__), 0))

static _Noreturn void fail(const char *what, int line)
{
    fprintf(stderr, "workers.c:%d: %s: not so: %s\n", line, w.at, what);
    kill(w.pid, SIGKILL);
    exit(1);
}

/* --- its sockets -------------------------------------------------------- */

static struct end end_of(int fd)
{
    const struct timeval limit = {.tv_sec = WAIT_S};
    must(fcntl(fd, F_SETFL, 0) == 0 &&
         setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    return (struct end){.fd = fd, .frame = err_calloc(1, IPC_FRAME_MAX)};
}

static void end_close(struct end *e)
{
    close(e->fd);
    free(e->frame);
    *e = (struct end){.fd = -1};
}

static void say(const struct end *e, const struct ipc_msg *m)
{
    must(ipc_call_send(e->fd, m) == 0);
}

/* Takes fd. */
static void say_with(const struct end *e, const struct ipc_msg *m, int fd)
{
    CLEANUP(buf_free) struct buf b = BUF_INIT(IPC_FRAME_MAX);
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    must(ipc_encode(m, &b) == 0);
    b.p[b.head + 2] = 1;
    struct iovec iov = {.iov_base = b.p + b.head, .iov_len = buf_len(&b)};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    must(sendmsg(e->fd, &msg, 0) > 0);
    close(fd);
}

/* The next message of that type, which must come. */
static struct ipc_msg hear(struct end *e, enum ipc_type type)
{
    struct ipc_msg m;
    do {
        int r = ipc_call_recv(e->fd, e->frame, &e->pending, &m);
        if (r < 0) {
            fprintf(stderr, "waiting for %s: %s\n", ipc_name(type), strerror(-r));
        }
        check(r == 0);
    } while (m.type != type);
    return m;
}

/* Whether one comes within a short while. */
static bool hears(struct end *e, enum ipc_type type)
{
    const struct timeval quiet = {.tv_usec = QUIET_MS * 1000}, limit = {.tv_sec = WAIT_S};
    struct ipc_msg m = {.type = IPC_none};
    must(setsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet) == 0);
    while (m.type != type && ipc_call_recv(e->fd, e->frame, &e->pending, &m) == 0) {
    }
    must(setsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    return m.type == type;
}

/* A socket to that process, as posternd hands it over when it is started. */
static struct end introduce(enum role role, unsigned index)
{
    int fds[2];
    must(ipc_pair(fds) == 0);
    const struct ipc_msg m = {.type = IPC_ctl_peer,
                              .ctl_peer = {
                                  .role = role,
                                  .index = index,
                                  .serial = ++w.serial,
                              }};
    say_with(&w.control, &m, fds[0]);
    return end_of(fds[1]);
}

/* One that serves. */
static struct end join(enum role role, unsigned index)
{
    struct end e = introduce(role, index);
    if (role == ROLE_SMTPOUT) {
        say(&e, &(struct ipc_msg){.type = IPC_worker_ready});
    }
    return e;
}

/* --- its life ----------------------------------------------------------- */

static void start(void)
{
    char program[300], index[] = "0", *argv[] = {program, index, NULL};
    const struct spawn_user user = {0};
    int fds[2];
    snprintf(program, sizeof program, "%s", w.program);
    must(ipc_pair(fds) == 0 && spawn_child(w.program, argv, fds[1], -1, &user, &w.pid) == 0);
    close(fds[1]);
    w.control = end_of(fds[0]);
    int conf = file_memory("conf", str_c(w.conf));
    must(conf >= 0);
    say_with(&w.control, &(struct ipc_msg){.type = IPC_ctl_conf}, conf);
    say(&w.control, &(struct ipc_msg){.type = IPC_ctl_start});
    (void)hear(&w.control, IPC_ctl_ready);
    w.keys = join(ROLE_KEYS, 0);
    w.smtpin = join(ROLE_SMTPIN, 0);
}

/* It ends in order. */
static void await_end(void)
{
    int status;
    must(waitpid(w.pid, &status, 0) == w.pid);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end_close(&w.control);
    end_close(&w.keys);
    end_close(&w.smtpin);
}

static void stop(void)
{
    say(&w.control, &(struct ipc_msg){.type = IPC_ctl_stop});
    await_end();
}

/* From now on it hears nothing; of what it hears when it goes on posternd's words are the first. */
static void hold(void)
{
    int status;
    must(kill(w.pid, SIGSTOP) == 0 && waitpid(w.pid, &status, WUNTRACED) == w.pid &&
         WIFSTOPPED(status));
    say(&w.control, &(struct ipc_msg){.type = IPC_ctl_status_ask});
}

static void go_on(void)
{
    must(kill(w.pid, SIGCONT) == 0);
}

/* Whether its counters, or its metrics, have that now. */
static bool tells_now(const char *what)
{
    char text[40000];
    static uint64_t token;
    say(&w.control,
        &(struct ipc_msg){.type = IPC_ctl_status_ask, .ctl_status_ask = {.token = ++token}});
    struct ipc_msg m;
    do {
        m = hear(&w.control, IPC_ctl_status);
    } while (m.ctl_status.token != token);
    snprintf(text, sizeof text, " " STR_FMT " \n" STR_FMT "\n", STR_ARG(m.ctl_status.counters),
             STR_ARG(m.ctl_status.metrics));
    return strstr(text, what);
}

/* The same within a while: it reads its sockets in an order of its own. */
static bool tells(const char *what)
{
    bool told = false;
    for (int i = 0; !told && i < WAIT_S * 50; i++) {
        told = tells_now(what);
        usleep(told ? 0 : 20000);
    }
    return told;
}

/* --- mail --------------------------------------------------------------- */

static void hand_in(const char *to)
{
    static unsigned counter;
    uint64_t token = ++counter;
    say(&w.smtpin, &(struct ipc_msg){.type = IPC_submit_rcpt,
                                     .submit_rcpt = {.token = token, .forward_path = str_c(to)}});
    say(&w.smtpin, &(struct ipc_msg){.type = IPC_submit,
                                     .submit = {
                                         .token = token,
                                         .id = id_make(clock_wall_ms(), ID_MAKERS_SMTPIN, counter),
                                         .reverse_path = STR("a@inside.test"),
                                         .size = MAIL_WORDS,
                                         .sealed_key = STR("a key"),
                                         .body = STR("sealed"),
                                     }});
    check(hear(&w.smtpin, IPC_submitted).submitted.result == 0);
}

struct given {
    struct lease_id lease;
    uint64_t rcpt;
};

/* The delivery that this smtpout is given. */
static struct given take(struct end *smtpout)
{
    struct given g = {.rcpt = hear(smtpout, IPC_job_rcpt).job_rcpt.rcpt};
    g.lease = hear(smtpout, IPC_job).job.lease;
    return g;
}

static void say_taken(const struct end *smtpout, const struct given *g)
{
    say(smtpout, &(struct ipc_msg){.type = IPC_lease_taken, .lease_taken = {.lease = g->lease}});
}

static void say_delivered(const struct end *smtpout, const struct given *g)
{
    const struct ipc_outcome_rcpt o = {
        .lease = g->lease,
        .rcpt = g->rcpt,
        .code = STR("2.0.0"),
        .host = STR("mx.good.test"),
    };
    say(smtpout, &(struct ipc_msg){.type = IPC_outcome_rcpt, .outcome_rcpt = o});
    say(smtpout, &(struct ipc_msg){.type = IPC_outcome, .outcome = {.lease = g->lease}});
}

/* --- what must be so ---------------------------------------------------- */

/* posternd has seen the end of a smtpout and started the next one before queue reads what the
 * first one said last. */
static void a_successor_is_quicker(void)
{
    start();
    struct end one = join(ROLE_SMTPOUT, 0);
    hand_in("x@good.test");
    struct given g = take(&one);
    hold();
    say_taken(&one, &g);
    say_delivered(&one, &g);
    end_close(&one);
    struct end two = join(ROLE_SMTPOUT, 0);
    go_on();
    check(!hears(&two, IPC_job)); /* else it goes out twice */
    check(tells(" delivered=1 "));
    stop();
    end_close(&two);
}

/* The gateway stops: queue is told so after the last smtpout has ended, and before it read what
 * that said. */
static void the_end_is_quicker(void)
{
    start();
    struct end one = join(ROLE_SMTPOUT, 0);
    hand_in("y@good.test");
    struct given g = take(&one);
    hold();
    say_taken(&one, &g);
    say_delivered(&one, &g);
    end_close(&one);
    say(&w.control, &(struct ipc_msg){.type = IPC_ctl_stop});
    go_on();
    await_end();
    start();
    struct end two = join(ROLE_SMTPOUT, 0);
    check(!hears(&two, IPC_job));
    check(tells(" queued=0 "));
    stop();
    end_close(&two);
}

/* What nobody has under way cannot be kept from going out twice, but it is told. */
static void an_outcome_of_nothing_is_told(void)
{
    start();
    struct end one = join(ROLE_SMTPOUT, 0);
    const struct given made_up = {.lease = {.octets = {7}}, .rcpt = 7};
    say_delivered(&one, &made_up);
    hand_in("z@good.test");
    /* it was heard, and is no misuse: its lease may be of a delivery that is over */
    struct given g = take(&one);
    check(tells("\npostern_outcomes_of_no_delivery_total 1\n"));
    say_taken(&one, &g);
    say_delivered(&one, &g);
    check(tells(" delivered=1 "));
    stop();
    end_close(&one);
}

/* What it says of this smtpout to posternd now: its channel broke (1), because of a misuse (2),
 * or nothing (0). */
static unsigned told_of(unsigned index)
{
    unsigned found = 0;
    const struct timeval quiet = {.tv_usec = QUIET_MS * 1000}, limit = {.tv_sec = WAIT_S};
    struct ipc_msg m;
    must(setsockopt(w.control.fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet) == 0);
    while (ipc_call_recv(w.control.fd, w.control.frame, &w.control.pending, &m) == 0) {
        if (m.type == IPC_ctl_peer_lost && m.ctl_peer_lost.role == ROLE_SMTPOUT &&
            m.ctl_peer_lost.index == index) {
            found = 1 + m.ctl_peer_lost.misused;
        }
    }
    must(setsockopt(w.control.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    return found;
}

/* One that never says that it reads is given nothing, whatever becomes of it. */
static void who_does_not_read_is_given_nothing(void)
{
    start();
    struct end silent = introduce(ROLE_SMTPOUT, 0);
    hand_in("v@good.test");
    check(!hears(&silent, IPC_job));
    end_close(&silent);
    check(told_of(0) == 1);
    struct end one = join(ROLE_SMTPOUT, 0);
    struct given g = take(&one);
    say_delivered(&one, &g);
    check(tells(" delivered=1 "));
    stop();
    end_close(&one);
}

/* A life of the first smtpout that is given a delivery, and ends before it says that it has it. */
static void live_and_take_nothing(void)
{
    struct end bad = join(ROLE_SMTPOUT, 0);
    (void)take(&bad);
    end_close(&bad);
}

static void deliver_one(struct end *smtpout)
{
    struct given g = take(smtpout);
    say_taken(smtpout, &g);
    say_delivered(smtpout, &g);
}

/* The second time in a row posternd is told that this is a misuse, also where it has started the
 * next one before that is known. */
static void who_takes_nothing_is_told_of(void)
{
    start();
    hand_in("w@good.test");
    live_and_take_nothing();
    check(told_of(0) == 1); /* it may have been killed in that moment */
    live_and_take_nothing();
    check(told_of(0) == 2);
    struct end bad = join(ROLE_SMTPOUT, 0);
    (void)take(&bad);
    hold();
    end_close(&bad);
    bad = join(ROLE_SMTPOUT, 0);
    go_on();
    check(told_of(0) == 2);
    deliver_one(&bad); /* it takes one: all is forgiven */
    check(tells(" delivered=1 ") && tells(" held=0 "));
    end_close(&bad);
    hand_in("z@good.test");
    live_and_take_nothing();
    check(told_of(0) == 1);
    stop();
}

/* One that took nothing twice has one delivery to try itself at; the others have the rest, and
 * that one once it has ended. */
static void who_is_on_trial_delays_one(void)
{
    start();
    hand_in("v@good.test");
    live_and_take_nothing();
    live_and_take_nothing();
    struct end bad = join(ROLE_SMTPOUT, 0);
    (void)take(&bad);
    struct end good = join(ROLE_SMTPOUT, 1);
    for (unsigned i = 0; i < 8; i++) { /* whatever destination */
        char to[40];
        snprintf(to, sizeof to, "x@d%u.test", i);
        hand_in(to);
        deliver_one(&good);
    }
    check(tells(" delivered=8 "));
    end_close(&bad);
    deliver_one(&good);
    check(tells(" delivered=9 ") && tells(" held=0 "));
    stop();
    end_close(&good);
}

static void make_store(void)
{
    char store[120];
    strcpy(w.dir, "/tmp/postern-workers.XXXXXX");
    must(mkdtemp(w.dir));
    snprintf(store, sizeof store, "%s/store", w.dir);
    must(mkdir(store, 0700) == 0);
    snprintf(w.conf, sizeof w.conf,
             "hostname gateway.test;\nstore sqlite %s;\nat-rest-key %s/at-rest;\nlisten smtp { "
             "address 127.0.0.1:1025; }\n"
             "inside { domains inside.test; networks 127.0.0.0/8; deliver-to localhost { tls none; "
             "} }\nqueue { first-retry 1s; }\n",
             store, w.dir);
}

static void forget_store(void)
{
    char command[120];
    snprintf(command, sizeof command, "rm -r %s", w.dir);
    must(system(command) == 0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"a successor is quicker", a_successor_is_quicker},
        {"the end is quicker", the_end_is_quicker},
        {"an outcome of nothing is told", an_outcome_of_nothing_is_told},
        {"who does not read is given nothing", who_does_not_read_is_given_nothing},
        {"who takes nothing is told of", who_takes_nothing_is_told_of},
        {"who is on trial delays one", who_is_on_trial_delays_one},
    };
    if (argc < 2) {
        fprintf(stderr, "usage: workers QUEUE [NAME]\n");
        return 64;
    }
    /* the filter lets nobody look for leaks */
    setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1:handle_abort=1", 1);
    signal(SIGPIPE, SIG_IGN);
    w.program = argv[1];
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        w.at = tests[i].name;
        if (argc > 2 && strcmp(argv[2], w.at) != 0) {
            continue;
        }
        make_store();
        tests[i].run();
        forget_store();
        printf("%s: so it is\n", w.at);
    }
    return 0;
}
