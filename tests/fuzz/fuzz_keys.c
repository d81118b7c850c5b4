/* SPDX-License-Identifier: Apache-2.0
 * fuzz_keys.c: libFuzzer target. What the processes say to `keys`, in any order and by any of
 * them: leases that queue opens and closes, questions for keys, octets of no message. The whole
 * process is taken in, its main under another name.
 *
 * The property: a key goes to the process that the lease names, once, and it is the message's.
 *
 * An input: acts of two octets and more (see act()).
 */
int keys_main(int argc, char **argv);
#define main keys_main
#include "proc/keys/main.c"
#undef main
#include "fuzz.h"

#include <sys/socket.h>

enum { PEERS = 6, NUMBERS = 8, ACTS = 40 };

/* Who talks to it; the last one for signatures of TLS. */
static const struct {
    enum role role;
    unsigned index;
} who[PEERS] = {
    {ROLE_QUEUE, 0},   {ROLE_SMTPOUT, 0}, {ROLE_SMTPOUT, 1},
    {ROLE_INSPECT, 0}, {ROLE_WEB, 0},     {ROLE_SMTPIN, 0},
};

static struct keys keys;
static struct loop *the_loop;
static struct rest_wrapper *wrapper;
static int ends[PEERS];
static struct promise {
    bool open;
    uint8_t role, index;
    unsigned char key[REST_KEY];
} promised[NUMBERS];

struct loop *child_loop(struct child *c)
{
    return the_loop;
}

/* Each refusal would be a line. */
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
}

static void join(unsigned peer)
{
    int fds[2];
    must(ipc_pair(fds) == 0);
    if (ends[peer] >= 0) {
        close(ends[peer]);
    }
    ends[peer] = fds[1];
    if (who[peer].role == ROLE_SMTPIN) {
        keys_on_signing(&keys, NULL, who[peer].role, fds[0]);
    } else {
        keys_on_peer(&keys, NULL, who[peer].role, who[peer].index, fds[0]);
    }
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void turn(void)
{
    struct timer *t = timer_new(the_loop, stop, the_loop);
    timer_start(t, 0);
    loop_run(the_loop);
    timer_free(t);
}

static struct lease_id lease_of(uint8_t number)
{
    return (struct lease_id){.octets = {1, (unsigned char)(number % NUMBERS)}};
}

/* What this process was answered. */
static void hear(unsigned peer)
{
    static char frame[IPC_FRAME_MAX];
    ssize_t n;
    while ((n = recv(ends[peer], frame, sizeof frame, MSG_DONTWAIT)) > 0) {
        struct str in = str_from(frame, (size_t)n);
        struct ipc_msg m;
        unsigned flags;
        while (in.n > 0) {
            must(ipc_decode(&in, &m, &flags) == 0);
            must(m.type != IPC_unwrapped || peer != 0);
            struct promise *p = &promised[m.unwrapped.lease.octets[1] % NUMBERS];
            if (m.type == IPC_unwrapped && !m.unwrapped.ok) {
                p->open = false; /* it could not be read, or there was none */
            } else if (m.type == IPC_unwrapped) {
                must(p->open && p->role == who[peer].role && p->index == who[peer].index);
                must(m.unwrapped.key.n == REST_KEY &&
                     memcmp(m.unwrapped.key.p, p->key, REST_KEY) == 0);
                p->open = false;
            }
        }
    }
    if (n == 0) { /* its channel was closed: as posternd joins them again */
        join(peer);
    }
}

/* All that is under way has come where it goes. */
static void settle(void)
{
    for (int i = 0; i < 3; i++) {
        turn();
        for (unsigned k = 0; k < PEERS; k++) {
            hear(k);
        }
    }
}

static void say(unsigned peer, const struct ipc_msg *m)
{
    CLEANUP(buf_free) struct buf frame = BUF_INIT(IPC_FRAME_MAX);
    if (ipc_encode(m, &frame) == 0) {
        (void)!send(ends[peer], buf_str(&frame).p, buf_len(&frame), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    settle();
}

static void open_lease(uint8_t number, uint8_t to, bool whole)
{
    unsigned char wrapped[REST_WRAPPED], key[REST_KEY];
    struct promise *p = &promised[number % NUMBERS];
    must(rest_wrap(wrapper, 0, key, wrapped) == 0);
    if (!p->open) {
        *p = (struct promise){
            .open = true,
            .role = (uint8_t)who[to % PEERS].role,
            .index = (uint8_t)who[to % PEERS].index,
        };
        memcpy(p->key, key, sizeof key);
    }
    const struct ipc_lease_open l = {
        .lease = lease_of(number),
        .role = (uint8_t)who[to % PEERS].role,
        .index = who[to % PEERS].index,
        .sealed_key = str_from((const char *)wrapped, whole ? sizeof wrapped : 7),
    };
    say(0, &(struct ipc_msg){.type = IPC_lease_open, .lease_open = l});
}

static void close_lease(uint8_t number)
{
    promised[number % NUMBERS].open = false;
    say(0, &(struct ipc_msg){.type = IPC_lease_close, .lease_close = {.lease = lease_of(number)}});
}

/* Of any message: octets as they stand, with a head that says how many there are. */
static void say_octets(unsigned peer, uint8_t type, struct str octets)
{
    char head[IPC_HEAD] = {(char)type, 0, 0, 0, (char)octets.n, (char)(octets.n >> 8)};
    CLEANUP(buf_free) struct buf frame = BUF_INIT(IPC_FRAME_MAX);
    must(buf_append(&frame, head, sizeof head) == 0 && buf_add(&frame, octets) == 0);
    if (peer == 0) {
        memset(promised, 0, sizeof promised); /* queue may have closed what it opened */
    }
    (void)!send(ends[peer], buf_str(&frame).p, buf_len(&frame), MSG_DONTWAIT | MSG_NOSIGNAL);
    settle();
}

static void act(uint8_t what, struct str *in)
{
    uint8_t number = take_octet(in), to = take_octet(in);
    unsigned peer = 1 + to % (PEERS - 1);
    switch (what % 8) {
    case 0:
    case 1:
        open_lease(number, to, what % 8 == 0);
        break;
    case 2:
        close_lease(number);
        break;
    case 3:
    case 4:
        say(peer, &(struct ipc_msg){.type = IPC_unwrap, .unwrap = {.lease = lease_of(number)}});
        break;
    case 5:
        sweep(&keys);
        break;
    case 6:
        say_octets(peer, number, str_slice(*in, 0, in->n < what ? in->n : what));
        *in = str_slice(*in, in->n < what ? in->n : what, in->n);
        break;
    default:
        join(peer);
        settle();
    }
}

static void begin(void)
{
    static const unsigned char secret[REST_SECRET] = {7};
    must(rest_init() == 0);
    the_loop = loop_new();
    keys = (struct keys){.leases = map_new(LEASES_MAX)};
    list_init(&keys.by_age);
    list_init(&keys.asks);
    keys.opener = rest_opener_new(secret, keys.public_key);
    keys.sweep = timer_new(the_loop, sweep, &keys);
    wrapper = rest_wrapper_new(keys.public_key);
    for (unsigned i = 0; i < PEERS; i++) {
        ends[i] = -1;
        join(i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    if (!the_loop) {
        begin();
    }
    for (int i = 0; i < ACTS && in.n > 0; i++) {
        act(take_octet(&in), &in);
    }
    for (uint8_t i = 0; i < NUMBERS; i++) {
        close_lease(i); /* the next input begins anew */
    }
    forget_asks_from(&keys, NULL, INT64_MAX);
    settle();
    must(map_len(keys.leases) < LEASES_MAX / 2);
    return 0;
}
