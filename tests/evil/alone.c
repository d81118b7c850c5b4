/* SPDX-License-Identifier: Apache-2.0
 * alone.c: one honest process of Postern (argument: its program), and everybody around it taken
 * over: for some seconds (second argument) all it talks to say what they please (speech.c),
 * while clients ask it for work. It may close channels, and end in order where it has lost one;
 * it may not crash, and queue may not count as delivered what only others said of.
 * docs/decisions/0036.
 *
 * What they say is told by a seed; a failure prints it and what was said last. POSTERN_EVIL_SEED
 * says the same again, each turn once the one before was heard; what the process under test
 * draws itself, and when it answers, is as it comes. So try it several times.
 *
 * posternd alone is honest here: it starts the process, hands it over what it needs and joins it
 * again, as the real one does.
 */
#include "dice.h"
#include "conf/conf.h"
#include "seal/rest.h"
#include "speech.h"
#include "sys/file.h"
#include "sys/spawn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURN_MS = 2, JOIN_TURNS = 20, CLIENTS = 24, COPIES = 2, WAIT_TURNS = 500 };

static const enum role talks[][2] = {
    {ROLE_QUEUE, ROLE_SMTPIN},   {ROLE_QUEUE, ROLE_SMTPOUT}, {ROLE_QUEUE, ROLE_INSPECT},
    {ROLE_QUEUE, ROLE_WEB},      {ROLE_QUEUE, ROLE_LOGIN},   {ROLE_QUEUE, ROLE_LOOKUP},
    {ROLE_QUEUE, ROLE_KEYS},     {ROLE_SMTPIN, ROLE_QUEUE},  {ROLE_SMTPIN, ROLE_LOGIN},
    {ROLE_SMTPOUT, ROLE_QUEUE},  {ROLE_SMTPOUT, ROLE_KEYS},  {ROLE_SMTPOUT, ROLE_LOOKUP},
    {ROLE_INSPECT, ROLE_QUEUE},  {ROLE_INSPECT, ROLE_KEYS},  {ROLE_WEB, ROLE_QUEUE},
    {ROLE_WEB, ROLE_KEYS},       {ROLE_WEB, ROLE_LOGIN},     {ROLE_LOGIN, ROLE_QUEUE},
    {ROLE_LOGIN, ROLE_SMTPIN},   {ROLE_LOGIN, ROLE_WEB},     {ROLE_LOOKUP, ROLE_QUEUE},
    {ROLE_LOOKUP, ROLE_SMTPOUT}, {ROLE_KEYS, ROLE_QUEUE},    {ROLE_KEYS, ROLE_SMTPOUT},
    {ROLE_KEYS, ROLE_INSPECT},   {ROLE_KEYS, ROLE_WEB},
};

static struct alone {
    const char *program;
    enum role role;
    struct loop *loop;
    struct timer *timer;
    struct ipc_channel *control;
    pid_t pid;
    bool ready, over;
    unsigned turns, spoken, waits, lives;
    int64_t end_turn;
    int listener;
    uint16_t port;
    int clients[CLIENTS];
    unsigned char secret[REST_SECRET], public_key[REST_PUBLIC];
    char conf[2000], dir[100], status[1025];
} alone;

static _Noreturn void fail(const char *what, const char *more)
{
    fprintf(stderr, "%s %s%s\n", alone.program, what, more);
    speech_tell(stderr);
    exit(1);
}

/* --- posternd ----------------------------------------------------------- */

static void on_ready(void *owner, struct ipc_channel *ch, const struct ipc_ctl_ready *m)
{
    alone.ready = true;
}

/* What posternd has no need to hear. */
#define DEAF(name) \
    static void on_##name(void *owner, struct ipc_channel *ch, const struct ipc_##name *m) \
    { \
    }
DEAF(ctl_reloaded)
DEAF(ctl_peer_lost)
DEAF(ctl_public_key)
DEAF(metrics_ask)
DEAF(ctl_replace)

/* Whoever plays smtpout claims of others' mail alone that it was delivered. */
static void on_status(void *owner, struct ipc_channel *ch, const struct ipc_ctl_status *m)
{
    static const char none[] = " delivered=0 ";
    alone.waits = 0;
    str_copy_cut(m->counters, alone.status, sizeof alone.status);
    if (alone.role == ROLE_QUEUE && !strstr(alone.status, none)) {
        fail("believed another's word of a delivery: ", alone.status);
    }
    if (speech_unordered() > 0) {
        fail("took mail in our name that nobody ordered: ", alone.status);
    }
}

static void on_control_gone(void *owner, struct ipc_channel *ch)
{
    alone.control = NULL;
}

static const struct ipc_rule control_rules[] = {
    IPC_ON(ctl_ready, on_ready),
    IPC_ON(ctl_reloaded, on_ctl_reloaded),
    IPC_ON(ctl_status, on_status),
    IPC_ON(ctl_peer_lost, on_ctl_peer_lost),
    IPC_ON(ctl_public_key, on_ctl_public_key),
    IPC_ON(metrics_ask, on_metrics_ask),
    IPC_ON(ctl_replace, on_ctl_replace),
    IPC_RULES_END,
};

static void hand_over(const struct ipc_msg *m, struct str octets)
{
    int fd = file_memory("alone", octets);
    must(fd >= 0);
    ipc_send_fd(alone.control, m, fd);
}

static void hand_over_file(const char *name, const char *path)
{
    CLEANUP(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    char full[300];
    snprintf(full, sizeof full, "%s/%s", alone.dir, path);
    must(file_read(full, &text) == 0);
    hand_over(&(struct ipc_msg){.type = IPC_ctl_file, .ctl_file = {.name = str_c(name)}},
              buf_str(&text));
}

static void join(enum role other, unsigned number, bool signing)
{
    static uint64_t serial;
    int fds[2];
    must(ipc_pair(fds) == 0);
    ipc_send_fd(alone.control,
                &(struct ipc_msg){.type = IPC_ctl_peer,
                                  .ctl_peer =
                                      {
                                          .role = other,
                                          .index = number,
                                          .signing = signing,
                                          .serial = ++serial,
                                      }},
                fds[0]);
    speech_take(alone.loop, other, number, alone.role, 0, signing, fds[1]);
}

static void join_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        bool copies =
            talks[i][1] != ROLE_QUEUE && talks[i][1] != ROLE_KEYS && talks[i][1] != ROLE_LOOKUP;
        for (unsigned k = 0; talks[i][0] == alone.role && k < (copies ? COPIES : 1); k++) {
            if (speech_lost(talks[i][1], k)) {
                join(talks[i][1], k, false);
            }
        }
    }
    bool signs = alone.role == ROLE_SMTPIN || alone.role == ROLE_SMTPOUT || alone.role == ROLE_WEB;
    if (signs && dice_below(4) == 0) {
        join(ROLE_KEYS, 0, true);
    }
}

static void start(void)
{
    char program[300], index[] = "0", *argv[] = {program, index, NULL};
    snprintf(program, sizeof program, "%s", alone.program);
    struct spawn_user user = {0};
    int fds[2];
    must(ipc_pair(fds) == 0 &&
         spawn_child(alone.program, argv, fds[1], -1, &user, &alone.pid) == 0);
    close(fds[1]);
    alone.lives++;
    alone.ready = false;
    alone.waits = 0;
    alone.control =
        ipc_channel_new(alone.loop, fds[0], "alone", control_rules, on_control_gone, NULL);
    hand_over(&(struct ipc_msg){.type = IPC_ctl_conf}, str_c(alone.conf));
    hand_over_file("trust-store", "ca.pem");
    if (alone.role == ROLE_SMTPIN || alone.role == ROLE_WEB) {
        hand_over_file("certificate 0", "good.pem");
        const struct ipc_msg m = {.type = IPC_ctl_listener,
                                  .ctl_listener = {.name = STR("alone"),
                                                   .kind = alone.role == ROLE_WEB ? 2 : 0}};
        ipc_send_fd(alone.control, &m, dup(alone.listener));
    }
    if (alone.role == ROLE_KEYS) {
        hand_over(&(struct ipc_msg){.type = IPC_ctl_file,
                                    .ctl_file = {.name = STR("at-rest-secret")}},
                  str_from((const char *)alone.secret, sizeof alone.secret));
        hand_over_file("server-key 0", "good.key");
    }
    ipc_send(alone.control,
             &(struct ipc_msg){.type = IPC_ctl_start, .ctl_start = {.generation = 0}});
    if (alone.role == ROLE_SMTPIN || alone.role == ROLE_SMTPOUT || alone.role == ROLE_WEB) {
        ipc_send(alone.control,
                 &(struct ipc_msg){.type = IPC_ctl_public_key,
                                   .ctl_public_key = {
                                       .key =
                                           str_from((const char *)alone.public_key, REST_PUBLIC)}});
    }
}

/* True once it has ended; how is what this program is for. */
static bool has_ended(void)
{
    int status;
    if (waitpid(alone.pid, &status, WNOHANG) != alone.pid) {
        return false;
    }
    bool alarm_clock =
        WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM && alone.role == ROLE_INSPECT;
    if (!alarm_clock && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        char how[60];
        snprintf(how, sizeof how, "%s %d", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        fail("crashed: ", how);
    }
    return true;
}

/* --- clients ------------------------------------------------------------ */

static const char *some_words(void)
{
    static const char *const smtp[] = {
        "EHLO a\r\nMAIL FROM:<a@inside.test>\r\nRCPT "
        "TO:<b@good.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",
        "EHLO a\r\nMAIL FROM:<a@inside.test> SIZE=200000\r\nRCPT "
        "TO:<b@good.test>\r\nDATA\r\nSubject: x\r\n",
        "x\r\n.\r\n",
        "\r\n.\r\nQUIT\r\n",
        "RSET\r\n",
        "EHLO a\r\nAUTH PLAIN AGEAYg==\r\n",
        "AUTH LOGIN\r\nYQ==\r\nYg==\r\n",
        "BDAT 5 LAST\r\nx\r\n\r\nMAIL FROM:<a@inside.test>\r\n",
    };
    static const char *const http[] = {
#define HEAD \
    " HTTP/1.1\r\nHost: gateway.test\r\nX-Forwarded-For: 192.0.2.1\r\nCookie: " \
    "__Host-pass=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG; " \
    "__Host-link=abcdefghijklmnopqrstuvwxyz; __Host-csrf=abcdefghijklmnopqrstuvwxyz\r\n"
        "GET /" HEAD "\r\n",
        "GET /list" HEAD "\r\n",
        "GET /sent" HEAD "\r\n",
        "GET /compose" HEAD "\r\n",
        "GET /mail/1" HEAD "\r\n",
        "GET /mail/1/body" HEAD "\r\n",
        "GET /mail/1/part/1" HEAD "\r\n",
        "GET /mail/1/all.zip" HEAD "\r\n",
        "GET /mail/1/original.eml" HEAD "\r\n",
        "GET /mail/1/answer" HEAD "\r\n",
        "GET /phrase" HEAD "\r\n",
        "GET /prove" HEAD "\r\n",
        "POST /code" HEAD "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        "20\r\n\r\ncsrf=abc&code=ABCDEF",
        "GET /sent/1" HEAD "\r\n",
        "POST /login" HEAD "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        "27\r\n\r\ncsrf=abc&name=a&password=bc",
        "GET /mail/1/answer?x=1" HEAD "\r\n"};
    return alone.role == ROLE_WEB ? http[dice_below(ARRAY_LEN(http))]
                                  : smtp[dice_below(ARRAY_LEN(smtp))];
}

static void clients_turn(void)
{
    char answer[65536];
    const struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons(alone.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int *fd = &alone.clients[dice_below(CLIENTS)];
    if (alone.listener < 0) {
        return;
    }
    if (*fd >= 0 && (dice_below(20) == 0 || recv(*fd, answer, sizeof answer, MSG_DONTWAIT) == 0)) {
        close(*fd);
        *fd = -1;
    }
    if (*fd < 0) {
        *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(*fd, (const struct sockaddr *)&at, sizeof at);
    } else {
        const char *words = some_words();
        (void)!send(*fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT);
        for (int i = 0; alone.role == ROLE_SMTPIN && dice_below(10) == 0 && i < 1500; i++) {
            (void)!send(
                *fd, "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
                72, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
}

static void listen_somewhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    alone.listener = -1;
    if (alone.role == ROLE_SMTPIN || alone.role == ROLE_WEB) {
        alone.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        must(bind(alone.listener, (struct sockaddr *)&at, sizeof at) == 0 &&
             listen(alone.listener, 64) == 0 &&
             getsockname(alone.listener, (struct sockaddr *)&at, &n) == 0);
        alone.port = ntohs(at.sin_port);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        alone.clients[i] = -1;
    }
}

/* --- the time ----------------------------------------------------------- */

static void on_time(void *arg)
{
    alone.turns++;
    if (has_ended()) {
        if (alone.control) {
            ipc_channel_free(alone.control);
            alone.control = NULL;
        }
        if (alone.over) {
            loop_stop(alone.loop);
            return;
        }
        start();
    }
    if (!alone.over && alone.turns > alone.end_turn) {
        alone.over = true;
        ipc_send(alone.control, &(struct ipc_msg){.type = IPC_ctl_stop});
    }
    if (alone.ready && (alone.waits == 0 || alone.waits++ > WAIT_TURNS)) {
        if (alone.spoken++ % JOIN_TURNS == 0 && !alone.over) {
            join_all();
        }
        speech_turn();
        dice_take(DICE_CLIENT);
        clients_turn();
        /* each turn is heard before the next one */
        ipc_send(alone.control, &(struct ipc_msg){.type = IPC_ctl_status_ask});
        alone.waits = 1;
    }
    timer_start(alone.timer, TURN_MS);
}

#define MAIL "From: <a@inside.test>\r\nSubject: x\r\n\r\nhello\r\n"

/* A message that opens with a key that an evil keys gives. */
static void seal_one(void)
{
    unsigned char key[REST_KEY], wrapped[REST_WRAPPED];
    CLEANUP(buf_free) struct buf sealed = BUF_INIT(65536);
    must(rest_init() == 0);
    rest_make_secret(alone.secret);
    rest_opener_free(rest_opener_new(alone.secret, alone.public_key));
    struct rest_wrapper *w = rest_wrapper_new(alone.public_key);
    must(rest_wrap(w, 1, key, wrapped) == 0);
    struct rest_sealer *s = rest_sealer_new(key);
    must(rest_seal(s, STR(MAIL), &sealed) == 0 && rest_seal_end(s, &sealed) == 0);
    speech_knows(str_from((const char *)wrapped, sizeof wrapped), buf_str(&sealed),
                 str_from((const char *)key, sizeof key));
    rest_sealer_free(s);
    rest_wrapper_free(w);
}

static void make_certificates(void)
{
    char command[300];
    snprintf(alone.dir, sizeof alone.dir, "/tmp/postern-alone.XXXXXX");
    must(mkdtemp(alone.dir));
    snprintf(command, sizeof command, "tests/unit/make-certs %s >/dev/null 2>&1", alone.dir);
    must(system(command) == 0);
}

int main(int argc, char **argv)
{
    char name[100], here[200], store[120];
    if (argc < 3 || !getcwd(here, sizeof here)) {
        fprintf(stderr, "usage: alone PROGRAM SECONDS [any]\n");
        return 64;
    }
    /* the filter lets nobody look for leaks; meson has options of its own */
    setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1:handle_abort=1", 1);
    alone.program = argv[1];
    str_copy_cut(str_c(argv[1]), name, sizeof name);
    alone.role = speech_role(basename(name));
    const char *longer = getenv("POSTERN_EVIL_SECONDS");
    /* a turn takes its time, too */
    alone.end_turn = atol(longer ? longer : argv[2]) * 1000 / TURN_MS / 2;
    must(alone.role < ROLE_END);
    dice_begin(getenv("POSTERN_EVIL_SEED"));
    speech_begin(argc > 3);
    make_certificates();
    seal_one();
    snprintf(store, sizeof store, "%s/store", alone.dir);
    must(mkdir(store, 0700) == 0);
    listen_somewhere();
    snprintf(
        alone.conf, sizeof alone.conf,
        "hostname gateway.test;\nstore sqlite %s/store;\nat-rest-key %s/at-rest;\ntrust-store "
        "%s/ca.pem;\n"
        "certificate { chain %s/good.pem; key %s/good.key; }\nlisten smtp { address "
        "127.0.0.1:1025; }\nlisten submission { address 127.0.0.1:1587; }\n"
        "inside { domains inside.test; networks 127.0.0.0/8; deliver-to localhost { tls none; } }\n"
        "limits { tarpit 0s; errors 1000; connections-per-address 1000; }\nqueue { first-retry 1s; "
        "}\n"
        "delivery { private-addresses yes; connect-time 1s; }\n"
        "inspection { packs %s/packs; wait 1s; }\n"
        "portal { url https://gateway.test; address 127.0.0.1:1443; proxy-address 127.0.0.1:1080; "
        "proxies 127.0.0.0/8; from secure@inside.test; pages %s/pages; }\n",
        alone.dir, alone.dir, alone.dir, alone.dir, alone.dir, here, here);
    alone.loop = loop_new();
    alone.timer = timer_new(alone.loop, on_time, NULL);
    start();
    timer_start(alone.timer, TURN_MS);
    loop_run(alone.loop);
    printf("%s: %u turns, %u lives, seed %llu\n%s\n", role_names[alone.role], alone.turns,
           alone.lives, (unsigned long long)dice_seed(), alone.status);
    return 0;
}
