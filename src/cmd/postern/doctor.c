/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: postern doctor: looks at everything around the gateway that must be right, and says
 * in plain words what is missing and what to do. Changes nothing.
 */
#include "base/clock.h"
#include "cmd/postern/doctor.h"
#include "conf/tree.h"
#include "policy/ladder.h"
#include "policy/validity.h"
#include "proc/contents.h"
#include "proc/preflight.h"
#include "store/upkeep.h"
#include "sys/file.h"
#include "tls/pair.h"
#include "tls/tls.h"
#include "wire/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

void doctor_tell(struct doctor *d, enum health h, const char *what, const char *how,
                 const char *advice)
{
    static const char *const words[] = {"ok     ", "look   ", "WRONG  "};
    static const char *const colour[] = {"\033[32m", "\033[33m", "\033[31m"};
    d->n[h]++;
    if (d->list) {
        struct json *j = report_object();
        report_put_str(j, "what", str_c(what));
        report_put_str(j, "state", str_c(h == WELL ? "ok" : h == CARE ? "look" : "wrong"));
        report_put_str(j, "finding", str_c(how));
        report_put_str(j, "advice", str_c(advice));
        report_append(d->list, j);
        return;
    }
    printf("%s%s%s %-14s %s\n", colours() ? colour[h] : "", words[h], colours() ? "\033[0m" : "",
           what, how);
    if (h != WELL && *advice) {
        printf("                       %s\n", advice);
    }
}

/* --- configuration ------------------------------------------------------ */

/* What postern check-config says of it (preflight.h), in one line. */
static void look_configuration(struct doctor *d)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(1024 * 1024);
    char text[1200], advice[200], first[900] = "";
    unsigned errors = 0, warnings = 0;
    struct conf_finding f;
    int r = preflight(d->c, PREFLIGHT_CHECK, NULL, &problems);
    struct str lines = buf_str(&problems);
    while (conf_finding_next(&lines, &f)) {
        if (!f.is_warning && errors == 0) {
            snprintf(first, sizeof first, ", line %u: " STR_FMT, f.line, STR_ARG(f.text));
        }
        *(f.is_warning ? &warnings : &errors) += 1;
    }
    snprintf(text, sizeof text, "%s%s", d->o->config, first);
    snprintf(advice, sizeof advice, "postern check-config names %u error%s and %u warning%s.",
             errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    doctor_tell(d, r < 0 ? ILL : warnings > 0 ? CARE : WELL, "configuration", text, advice);
}

/* --- certificate -------------------------------------------------------- */

enum health doctor_ending(const struct doctor *d, const struct tls_facts *f, char *text,
                          size_t size)
{
    const struct validity v = {f->not_before_ms, f->not_after_ms};
    char date[DATE_MAX];
    int64_t now = clock_wall_ms();
    long long left_ms = f->not_after_ms - now, days = left_ms / (24 * 60 * 60 * 1000LL);
    date_iso(f->not_after_ms, date);
    if (left_ms >= 0) {
        snprintf(text, size, "ends in %lld days", days);
    } else {
        snprintf(text, size, "ended on %.10s (%lld days ago)", date, -days);
    }
    return left_ms < 0                                               ? ILL
           : validity_ends_soon(v, d->c->limits.expiry_warning, now) ? CARE
                                                                     : WELL;
}

/* A handshake with ourselves, as another server or a browser would do it with that name. True:
 * it would be content. */
static bool certificate_serves(const struct doctor *d, struct tls_context *server,
                               struct tls_context *client, const char *name, const char *chain,
                               char *text, size_t size, enum health *ret_ending)
{
    CLEANUP(buf_free)
    struct buf a = BUF_INIT(1 << 16), b = BUF_INIT(1 << 16), pa = BUF_INIT(1 << 16),
               pb = BUF_INIT(1 << 16);
    struct tls_channel *s = tls_channel_server(server),
                       *c = tls_channel_client(client, &(struct tls_peer){.name = name});
    for (int i = 0; i < 6; i++) {
        struct buf from_c = a, from_s = b;
        a = b = BUF_INIT(1 << 16);
        (void)!tls_channel_feed(s, buf_str(&from_c), &pa, &b);
        (void)!tls_channel_feed(c, buf_str(&from_s), &pb, &a);
        buf_free(&from_c);
        buf_free(&from_s);
    }
    const struct tls_facts *f = tls_channel_facts(c);
    bool good = f->check == TLS_CHECK_OK;
    char end[80];
    *ret_ending = doctor_ending(d, f, end, sizeof end);
    if (*ret_ending == ILL) {
        snprintf(text, size, "%s, for %s: %s", chain, f->names, end);
    } else {
        snprintf(text, size, "%s: %s, for %s, %s", chain, f->check_text, f->names, end);
    }
    tls_channel_free(s);
    tls_channel_free(c);
    return good;
}

/* Each certificate serves the host's name, or one of the portal's. */
static void look_certificate(struct doctor *d, const struct conf_certificate *own)
{
    CLEANUP(buf_wipe) struct buf chain = BUF_INIT(4 << 20), key = BUF_INIT(4 << 20);
    CLEANUP(buf_free) struct buf trust = BUF_INIT(4 << 20);
    struct tls_context *server = NULL, *client = NULL;
    char problem[300] = "", text[500], name[300];
    const char *urls[] = {d->c->portal.url, d->c->portal.files_url};
    int r = file_read(own->chain, &chain);
    r = r < 0 ? r : file_read(own->key, &key);
    if (r < 0) {
        snprintf(text, sizeof text, "%s or %s cannot be read: %s", own->chain, own->key,
                 strerror(-r));
        doctor_tell(d, ILL, "certificate", text,
                    "Put the certificate and its key there, or run this as root.");
        return;
    }
    if (tls_pair_usable(TLS_PAIR_SERVER, buf_str(&chain), buf_str(&key), clock_wall_ms(), problem,
                        sizeof problem) < 0) {
        snprintf(text, sizeof text, "%s: %s", own->chain, problem);
        doctor_tell(d, ILL, "certificate", text, "");
        return;
    }
    const struct tls_own files = {buf_str(&chain), buf_str(&key)};
    if (tls_context_server(&files, 1, TLS_PROFILE_WIDE, STR(""), problem, sizeof problem, &server) <
            0 ||
        file_read(d->c->trust_store, &trust) < 0 ||
        tls_context_client(buf_str(&trust), TLS_PROFILE_WIDE, problem, sizeof problem, &client) <
            0) {
        doctor_tell(d, ILL, "certificate", problem,
                    "The chain file begins with our certificate; the key belongs to it and has no "
                    "password.");
        tls_context_free(server);
        return;
    }
    enum health ending;
    bool good = certificate_serves(d, server, client, d->c->hostname, own->chain, text, sizeof text,
                                   &ending);
    for (size_t i = 0; i < ARRAY_LEN(urls) && !good; i++) {
        uint16_t port;
        char other[500];
        enum health others_ending;
        if (urls[i]) {
            doctor_split_url(urls[i], name, sizeof name, &port);
            good = certificate_serves(d, server, client, name, own->chain, other, sizeof other,
                                      &others_ending);
        }
        if (good) {
            str_copy_cut(str_c(other), text, sizeof text);
            ending = others_ending;
        }
    }
    doctor_tell(d,
                ending == ILL ? ILL
                : !good       ? CARE
                              : ending,
                "certificate", text,
                !good && ending != ILL ? "Partners who verify would refuse it: it must be from a "
                                         "public authority and for the host name."
                                       : "Renew it; the new files are noticed within a minute.");
    tls_context_free(server);
    tls_context_free(client);
}

/* --- machine ------------------------------------------------------------ */

static void look_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    bool kept = state != TIME_ERROR && !(t.status & STA_UNSYNC);
    doctor_tell(d, kept ? WELL : CARE, "clock",
                kept ? "is kept right by the network" : "is not known to be right",
                "Certificates and signatures depend on it: run a time service (systemd-timesyncd, "
                "chrony).");
}

static void look_disk(struct doctor *d)
{
    struct statvfs fs;
    char text[300];
    if (statvfs(d->c->store_path, &fs) < 0) {
        snprintf(text, sizeof text, "%s: %s", d->c->store_path, strerror(errno));
        doctor_tell(d, CARE, "disk", text, "posternd makes the directory at its first start.");
        return;
    }
    uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20,
             reserve_mib = (uint64_t)d->c->queue.reserve >> 20;
    uint64_t inodes = fs.f_files ? (uint64_t)fs.f_favail * 100 / fs.f_files : 100;
    snprintf(text, sizeof text, "%llu MiB and %llu %% of the inodes free for %s",
             (unsigned long long)free_mib, (unsigned long long)inodes, d->c->store_path);
    bool tight = free_mib < reserve_mib * 4 || inodes < 5;
    doctor_tell(d,
                free_mib < reserve_mib ? ILL
                : tight                ? CARE
                                       : WELL,
                "disk", text, "Below the reserve no more mail is taken.");
}

static void doctor_no_finding(void *arg, bool fatal, const char *text)
{
}

#define TO_RESTORE "See TO RESTORE in postern(1)."

static void look_store(struct doctor *d)
{
    struct store_health h;
    char problem[500], text[300], path[600];
    struct stat st;
    snprintf(path, sizeof path, "%s/postern.db", d->c->store_path);
    if (stat(path, &st) < 0) {
        doctor_tell(d, CARE, "store", errno == ENOENT ? "none yet" : strerror(errno),
                    "posternd makes it at its first start.");
        return;
    }
    if (store_check(d->c->store_path, &(struct store_checker){.finding = doctor_no_finding}, &h,
                    problem, sizeof problem) < 0) {
        doctor_tell(d, CARE, "store", problem, "Run this as root or as the gateway's user.");
        return;
    }
    CLEANUP(buf_free) struct buf wrong = BUF_INIT(2000);
    at_rest_problem(d->c, h.at_rest, &wrong);
    if (buf_len(&wrong) > 0 && buf_append(&wrong, "", 1) == 0) {
        if (access(d->c->at_rest_key, F_OK) == 0) { /* else: look_key() */
            doctor_tell(d, ILL, "at-rest key", buf_str(&wrong).p, TO_RESTORE);
        }
        if (!h.fatal) {
            return; /* a store that cannot be read is not called whole */
        }
    }
    snprintf(text, sizeof text, "%s; %llu recipients wait, %llu are held",
             h.fatal ? "damaged" : "whole", (unsigned long long)h.queued,
             (unsigned long long)h.held);
    doctor_tell(d, h.fatal ? ILL : WELL, "store", text, "postern store check names each finding.");
    if (h.restored_ms > 0) {
        char at[32];
        snprintf(text, sizeof text, "put back from a copy on %s: all its mail is held",
                 when(h.restored_ms, at));
        doctor_tell(d, CARE, "restored store", text,
                    "Look at it: postern queue list. What went out after the copy was made would "
                    "go once more: delete it. Then: postern queue release restored.");
    }
}

static void look_key(struct doctor *d)
{
    struct stat st;
    char text[1024];
    if (preflight_key_of_store(d->c, text, sizeof text) < 0) {
        doctor_tell(d, ILL, "at-rest key", text, TO_RESTORE);
        return;
    }
    if (stat(d->c->at_rest_key, &st) < 0) {
        snprintf(text, sizeof text, "%s: %s", d->c->at_rest_key, strerror(errno));
        doctor_tell(d, errno == ENOENT ? CARE : ILL, "at-rest key", text,
                    "Made at the first start. Then keep a copy of it elsewhere.");
        return;
    }
    CLEANUP(buf_free) struct buf wrong = BUF_INIT(2000);
    char kept[80];
    if (store_key_kept(d->c->store_path, kept, sizeof kept, text, sizeof text) == 0) {
        at_rest_problem(d->c, kept, &wrong);
    }
    if (buf_len(&wrong) > 0) {
        return; /* look_store() says what is wrong with it */
    }
    bool open = (st.st_mode & 077) != 0;
    snprintf(text, sizeof text, "%s, mode %04o", d->c->at_rest_key, (unsigned)(st.st_mode & 07777));
    doctor_tell(d, open ? ILL : WELL, "at-rest key", text, "Others can read it: chmod 400.");
}

/* Packs, the program that reads PDF, and whether what must not go by transport alone has another
 * way. */
static void look_protection(struct doctor *d)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct contents *k = NULL;
    struct ladder_order l;
    char text[700];
    int r = contents_new(d->c, &problems, &k);
    contents_free(k);
    if (d->c->n_contents > 0) {
        snprintf(text, sizeof text, "%zu content blocks, from %s", d->c->n_contents,
                 d->c->inspection.packs);
        str_copy_cut(r < 0 ? buf_str(&problems) : str_c(text), text, sizeof text);
        text[strcspn(text, "\n")] = '\0';
        doctor_tell(d, r < 0 ? ILL : WELL, "packs", text,
                    "postern check-config names each mistake.");
    }
    bool pdf = access("/usr/bin/pdftotext", X_OK) == 0;
    doctor_tell(d, pdf ? WELL : CARE, "documents",
                pdf ? "pdftotext reads PDF" : "PDF cannot be read: it counts as unknown",
                "apt-get install poppler-utils");
    ladder_of(d->c, "default", &l);
    bool other = ladder_next(&l, 0, ladder_there(d->c), false) < l.n;
    doctor_tell(d, other ? WELL : CARE, "ladder",
                other ? "has a way for mail that must not go by transport alone"
                      : "mail with a flag such as [secure] comes back to its sender",
                "ladder \"default\" { channels tls:15m hold; }: somebody looks at it.");
}

int command_doctor(const struct options *o)
{
    struct conf *c = NULL;
    struct doctor d = {.o = o};
    if (o->argc == 2 && strcmp(o->argv[0], "--outbound") == 0) {
        d.outbound = o->argv[1];
    } else if (o->argc > 0) {
        fputs("usage: postern doctor [--outbound HOST]\n", stderr);
        return EXIT_USAGE;
    }
    int r = load_config(o, &c);
    if (r) {
        return r;
    }
    d.c = c;
    d.list = o->json ? report_array() : NULL;
    look_configuration(&d);
    doctor_users(&d);
    look_key(&d);
    for (size_t i = 0; i < c->n_own; i++) {
        look_certificate(&d, &c->own[i]);
    }
    if (c->n_own == 0) {
        doctor_tell(&d, ILL, "certificate", "none is set: nobody can encrypt mail to you",
                    "Add a certificate block.");
    }
    doctor_ask(&d);
    doctor_names(&d);
    doctor_resolver(&d);
    doctor_hops(&d);
    doctor_logins(&d);
    doctor_portal(&d);
    doctor_notices(&d);
    doctor_outbound(&d);
    doctor_running(&d);
    look_clock(&d);
    look_disk(&d);
    look_store(&d);
    look_protection(&d);
    if (d.list) {
        print_json(d.list);
    } else {
        printf("\n%u well, %u to look at, %u wrong.\n", d.n[WELL], d.n[CARE], d.n[ILL]);
    }
    response_free(&d.status);
    conf_free(c);
    return d.n[ILL] ? EXIT_NO : EXIT_OK;
}
