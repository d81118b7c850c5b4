/* SPDX-License-Identifier: Apache-2.0
 * decision.c: what the TLS decision and its cached lookups cost a message: CPU time of each step
 * for a domain with two servers, two TLSA records each and an enforced MTA-STS policy. Run by
 * bench/decision.
 */
#include "base/map.h"
#include "mtasts/cache.h"
#include "policy/policy.h"
#include "ipc/channel.h"
#include "tls/dane.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 200000 };
#define POLICY \
    "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.com\r\nmx: " \
    "backup.example.net\r\nmax_age: 604800\r\n"

static volatile unsigned sink;

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void decide(void)
{
    struct facts f = {
        .force = FORCE_CERT,
        .counts = COUNTS_CERT,
        .mx = MX_SECURE,
        .tlsa = TLSA_USABLE,
        .sts = STS_MATCH,
        .seen = true,
        .sess = SESS_DANE_OK,
    };
    struct host_verdict v[2] = {policy_host(&f), policy_host(&f)};
    sink += policy_recipient(&f, v, 2).grade;
}

static void tlsa(void)
{
    static char octets[2 * 37];
    struct dane_set set;
    for (int i = 0; i < 2; i++) {
        memcpy(octets + (size_t)i * 37, "\0\x23\3\1\1", 5);
    }
    sink += dane_read(str_from(octets, sizeof octets), &set) == 0 ? (unsigned)set.n_usable : 0;
    sink += (unsigned)map_hash(str_from(octets, sizeof octets));
}

static void policy(void)
{
    struct sts_policy p;
    char problem[100];
    sink += sts_policy_parse(STR(POLICY), &p, problem, sizeof problem) == 0 &&
            sts_policy_covers(str_c(p.mx), domain_from(STR("mx2.example.com")));
    sts_policy_clear(&p);
}

/* The question to lookup and its answer, encoded and decoded once each. */
static void messages(void)
{
    static char octets[74];
    struct buf b = BUF_INIT(IPC_FRAME_MAX);
    struct ipc_msg m;
    unsigned flags;
    int r = ipc_encode(&(struct ipc_msg){.type = IPC_resolve,
                                         .resolve =
                                             {
                                                 .token = 1,
                                                 .port = 25,
                                                 .name = STR("example.com"),
                                             }},
                       &b);
    for (int i = 0; i < 2; i++) {
        r |= ipc_encode(&(struct ipc_msg){.type = IPC_resolved_host,
                                          .resolved_host =
                                              {
                                                  .token = 1,
                                                  .preference = 10,
                                                  .name = STR("mx1.example.com"),
                                                  .addresses = STR("192.0.2.1 2001:db8::1"),
                                                  .tlsa = 1,
                                                  .base = STR("mx1.example.com"),
                                                  .records = str_from(octets, sizeof octets),
                                              }},
                        &b);
    }
    r |= ipc_encode(&(struct ipc_msg){.type = IPC_resolved,
                                      .resolved =
                                          {
                                              .token = 1,
                                              .sts = 2,
                                              .sts_id = STR("20260101"),
                                              .sts_text = STR(POLICY),
                                          }},
                    &b);
    struct str all = buf_str(&b);
    while (r == 0 && all.n > 0) {
        r = ipc_decode(&all, &m, &flags);
        sink += m.type;
    }
    must(r == 0);
    buf_free(&b);
}

static double measure(const char *name, void (*step)(void))
{
    for (int i = 0; i < 1000; i++) {
        step();
    }
    double before = cpu_us();
    for (int i = 0; i < ROUNDS; i++) {
        step();
    }
    double each = (cpu_us() - before) / ROUNDS;
    printf("%-52s %8.3f us\n", name, each);
    return each;
}

int main(void)
{
    double sum = measure("decision: two hosts and the recipient", decide);
    sum += measure("TLSA: two records read, judged, hashed", tlsa);
    sum += measure("MTA-STS: cached policy parsed, name matched", policy);
    sum += measure("lookup's question and answer: encoded, decoded", messages);
    printf("%-52s %8.3f us CPU per message\n", "together", sum);
    return 0;
}
