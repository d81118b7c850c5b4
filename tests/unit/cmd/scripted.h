/* SPDX-License-Identifier: Apache-2.0
 * scripted.h: the postern command against a posternd and a queue that answer what a test says. The
 * sockets are real, in a directory of the test's own; one thread is both peers.
 */
#pragma once
#include "check.h"
#include "cmd/postern/postern.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio_ext.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int postern_main(int argc, char **argv);

enum scripted_end {
    END_OK,      /* admin_done with ok */
    END_NO,      /* admin_done without */
    END_CLOSE,   /* goes away behind the rows */
    END_GARBAGE, /* octets that are no message */
};

struct script {
    const struct ipc_msg *rows;
    size_t n;
    enum scripted_end end;
    const char *text;
};

/* The last question to one of the peers. */
struct question {
    unsigned n; /* questions so far */
    enum admin_verb verb;
    char argument[1100], data[8192], by[130];
};

enum { TO_POSTERND, TO_QUEUE, PEERS };

static struct scripted {
    char dir[64], config[128];
    int listeners[PEERS], stop[2];
    pthread_t thread;
    struct script says[PEERS];
    struct question asked[PEERS];
    int status;                      /* of the last command */
    char out[1 << 18], err[1 << 16]; /* what it printed */
} scripted;

static inline void scripted_send(int fd, const struct ipc_msg *m)
{
    (void)!ipc_call_send(fd, m); /* the command may have gone away */
}

static inline void scripted_answer(int fd, const struct script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        scripted_send(fd, &s->rows[i]);
    }
    if (s->end == END_GARBAGE) {
        (void)!send(fd, "\xff\xff\0\0\xff\xff\xff\xff", 8, MSG_NOSIGNAL);
    } else if (s->end != END_CLOSE) {
        scripted_send(fd, &(struct ipc_msg){
                              .type = IPC_admin_done,
                              .admin_done = {.ok = s->end == END_OK,
                                             .text = str_c(s->text ? s->text : "")},
                          });
    }
}

/* All questions of one connection. */
static inline void scripted_serve(int listener, unsigned peer)
{
    int fd = accept(listener, NULL, NULL);
    char *frame = malloc(IPC_FRAME_MAX);
    struct str pending = STR("");
    struct ipc_msg m;
    struct question *q = &scripted.asked[peer];
    while (fd >= 0 && frame && ipc_call_recv(fd, frame, &pending, &m) == 0 && m.type == IPC_admin) {
        q->n++;
        q->verb = (enum admin_verb)m.admin.verb;
        str_copy_cut(m.admin.argument, q->argument, sizeof q->argument);
        str_copy_cut(m.admin.data, q->data, sizeof q->data);
        str_copy_cut(m.admin.by, q->by, sizeof q->by);
        scripted_answer(fd, &scripted.says[peer]);
        if (scripted.says[peer].end >= END_CLOSE) {
            break;
        }
    }
    free(frame);
    close(fd);
}

static inline void *scripted_run(void *arg)
{
    struct pollfd p[PEERS + 1];
    for (;;) {
        for (int i = 0; i < PEERS; i++) {
            p[i] = (struct pollfd){.fd = scripted.listeners[i], .events = POLLIN};
        }
        p[PEERS] = (struct pollfd){.fd = scripted.stop[0], .events = POLLIN};
        if (poll(p, PEERS + 1, -1) < 0 || p[PEERS].revents) {
            return NULL;
        }
        for (unsigned i = 0; i < PEERS; i++) {
            if (p[i].revents) {
                scripted_serve(p[i].fd, i);
            }
        }
    }
}

static inline int scripted_listen(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", scripted.dir, name);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 5) == 0);
    return fd;
}

static inline void scripted_path(const char *name, char dst[128])
{
    snprintf(dst, 128, "%s/%s", scripted.dir, name);
}

static inline void scripted_write(const char *name, const char *text)
{
    char path[128];
    scripted_path(name, path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A configuration with these lines more. */
static inline void scripted_configure(const char *more)
{
    char text[4096];
    snprintf(text, sizeof text,
             "hostname gateway.test;\nrun-directory %s;\nstore sqlite %s/store;\n"
             "at-rest-key %s/at-rest.key;\nlisten smtp { address 127.0.2.1:25; }\n"
             "inside { domains in.test; networks 10.0.0.0/8; deliver-to 127.0.3.1 { tls none; } "
             "}\n%s\n",
             scripted.dir, scripted.dir, scripted.dir, more);
    scripted_write("postern.conf", text);
    scripted_path("postern.conf", scripted.config);
}

/* The queue is up, and answers with nothing. */
static inline int scripted_reset(void **state)
{
    static const struct ipc_msg queue_up[] = {
        {.type = IPC_row_process,
         .row_process = {.name = STR("queue-0"), .pid = 77, .ready = 1, .up_s = 5}}};
    memset(scripted.says, 0, sizeof scripted.says);
    memset(scripted.asked, 0, sizeof scripted.asked);
    scripted.says[TO_POSTERND] = (struct script){.rows = queue_up, .n = 1};
    scripted_configure("");
    return 0;
}

static inline int scripted_up(void **state)
{
    snprintf(scripted.dir, sizeof scripted.dir, "/tmp/postern-scripted-XXXXXX");
    assert_non_null(mkdtemp(scripted.dir));
    assert_int_equal(pipe(scripted.stop), 0);
    scripted.listeners[TO_POSTERND] = scripted_listen("posternd.sock");
    scripted.listeners[TO_QUEUE] = scripted_listen("queue.sock");
    assert_int_equal(pthread_create(&scripted.thread, NULL, scripted_run, NULL), 0);
    return 0;
}

static inline int scripted_down(void **state)
{
    char command[128];
    assert_int_equal(write(scripted.stop[1], "", 1), 1);
    pthread_join(scripted.thread, NULL);
    for (int i = 0; i < PEERS; i++) {
        close(scripted.listeners[i]);
        close(scripted.stop[i]);
    }
    snprintf(command, sizeof command, "rm -rf %s", scripted.dir);
    return system(command);
}

/* One of the three descriptors of a program, exchanged for a file; what it was before. */
static inline int scripted_swap(int fd, const char *name, int flags)
{
    char path[128];
    scripted_path(name, path);
    int kept = dup(fd), file = open(path, flags, 0600);
    assert_true(kept >= 0 && file >= 0 && dup2(file, fd) == fd);
    close(file);
    return kept;
}

static inline void scripted_take(const char *name, char *dst, size_t size)
{
    char path[128];
    scripted_path(name, path);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    dst[fread(dst, 1, size - 1, f)] = '\0';
    fclose(f);
}

static inline void scripted_back(int fd, int kept)
{
    dup2(kept, fd);
    close(kept);
}

/* postern -c FILE words... (up to a NULL), with this on its standard input. */
static inline int postern_with(const char *input, const char *const *words)
{
    static char name[] = "postern", option[] = "-c";
    char *argv[40] = {name, option, scripted.config};
    int argc = 3;
    for (; words[argc - 3] && argc < 39; argc++) {
        argv[argc] = (char *)(uintptr_t)words[argc - 3];
    }
    scripted_write("in", input);
    fflush(NULL);
    int in = scripted_swap(0, "in", O_RDONLY | O_CLOEXEC),
        out = scripted_swap(1, "out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC),
        err = scripted_swap(2, "err", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    clearerr(stdin);
    __fpurge(stdin); /* what it has read of the file before */
    scripted.status = postern_main(argc, argv);
    fflush(NULL);
    scripted_back(0, in);
    scripted_back(1, out);
    scripted_back(2, err);
    scripted_take("out", scripted.out, sizeof scripted.out);
    scripted_take("err", scripted.err, sizeof scripted.err);
    return scripted.status;
}

#define POSTERN(...) postern_with("", (const char *const[]){__VA_ARGS__, NULL})

static inline void queue_says(const struct ipc_msg *rows, size_t n)
{
    scripted.says[TO_QUEUE].rows = rows;
    scripted.says[TO_QUEUE].n = n;
}
#define QUEUE_SAYS(rows) queue_says(rows, ARRAY_LEN(rows))

static inline void assert_in(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static inline void assert_not_in(const char *text, const char *part)
{
    if (strstr(text, part)) {
        fail_msg("\"%s\" is in:\n%s", part, text);
    }
}

/* What the command printed, as JSON; decref it. */
static inline json_t *scripted_json(void)
{
    json_error_t e;
    json_t *j = json_loads(scripted.out, JSON_REJECT_DUPLICATES, &e);
    if (!j) {
        fail_msg("no JSON: %s\n%s", e.text, scripted.out);
    }
    return j;
}

static inline const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s) {
        fail_msg("no text \"%s\" in:\n%s", key, scripted.out);
    }
    return s;
}
