/* SPDX-License-Identifier: Apache-2.0
 * store.c: postern store: is the store whole, and a copy of it while the gateway runs. Reads the
 * store's files itself: run it as root or as the user the queue runs as.
 */
#include "base/clock.h"
#include "cmd/postern/postern.h"
#include "conf/tree.h"
#include "policy/policy.h"
#include "seal/rest.h"
#include "store/upkeep.h"
#include "sys/file.h"
#include "wire/date.h"
#include "wire/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int store_usage(void)
{
    fputs("usage: postern store check [--repair]\n"
          "       postern store backup DIRECTORY   (which must not exist yet)\n"
          "       postern store backup --into DIRECTORY [--keep N]   (a new one in it; the N "
          "newest stay, 7)\n"
          "       postern store restore DIRECTORY\n"
          "To restore one, see TO RESTORE in postern(1).\n",
          stderr);
    return EXIT_USAGE;
}

struct findings {
    struct json *list; /* NULL: words */
    struct json *lost;
    struct rest_opener *opener;
};

static void on_finding(void *arg, bool fatal, const char *text)
{
    struct findings *f = arg;
    if (f->list) {
        struct json *o = report_object();
        report_put_bool(o, "fatal", fatal);
        report_put_str(o, "finding", str_c(text));
        report_append(f->list, o);
    } else {
        printf("%s %s\n", fatal ? "WRONG  " : "untidy ", text);
    }
}

void at_rest_problem(const struct conf *c, const char *kept, struct buf *ret_problem)
{
    struct buf secret = BUF_INIT(64 * 1024);
    char have[REST_FINGERPRINT] = "";
    int r = file_read(c->at_rest_key, &secret);
    if (r == 0 && buf_len(&secret) == REST_SECRET && rest_init() == 0) {
        rest_fingerprint((const unsigned char *)buf_str(&secret).p, have);
    }
    buf_wipe(&secret);
    if (r == -ENOENT) {
        (void)!buf_printf(
            ret_problem,
            "the at-rest key %s is missing: without it nothing in the store can be "
            "read. Restore it from its backup (a backup of the store does not contain it)",
            c->at_rest_key);
    } else if (r < 0 && r != -EACCES && r != -EPERM) {
        (void)!buf_printf(ret_problem, "the at-rest key %s cannot be read: %s", c->at_rest_key,
                          strerror(-r));
    } else if (r == 0 && !*have) {
        (void)!buf_printf(ret_problem, "%s is not an at-rest key of %d octets", c->at_rest_key,
                          REST_SECRET);
    } else if (*have && *kept && strcmp(have, kept) != 0) {
        (void)!buf_printf(
            ret_problem,
            "%s is another at-rest key (%s) than the store was written with (%s): nothing in the "
            "store can be read with it. Restore the one that belongs to it",
            c->at_rest_key, have, kept);
    }
}

int at_rest_check(const struct conf *c, struct buf *problems)
{
    CLEANUP(buf_free) struct buf wrong = BUF_INIT(2000);
    struct conf_place at = conf_place_of(c->root, "at-rest-key");
    char kept[REST_FINGERPRINT] = "", why[600];
    struct stat st;
    int key = stat(c->at_rest_key, &st) < 0 || access(c->at_rest_key, R_OK) < 0 ? -errno : 0;
    int r = store_key_kept(c->store_path, kept, sizeof kept, why, sizeof why);
    if (r == -ENOENT || key == -ENOENT || (key == 0 && st.st_size != REST_SECRET)) {
        return 0; /* no store yet: the first start makes both; or said by preflight() */
    }
    if (r == 0 && key < 0) {
        snprintf(why, sizeof why, "%s: %s", c->at_rest_key, strerror(-key));
    }
    if (r < 0 || key < 0) {
        conf_warning(problems, at,
                     "whether the at-rest key belongs to the store could not be checked: %s%s", why,
                     geteuid() == 0 ? "" : ". Run check-config as root");
        return 0;
    }
    at_rest_problem(c, kept, &wrong);
    if (buf_len(&wrong) > 0) {
        return conf_problem(problems, at, STR_FMT ". See TO RESTORE in postern(1)",
                            STR_ARG(buf_str(&wrong)));
    }
    return 0;
}

void pickup_without_portal(const struct conf *c, char *ret_text, size_t size)
{
    uint64_t n = 0;
    int64_t last_ms = 0;
    char date[DATE_MAX];
    *ret_text = '\0';
    if (!c->portal.url && store_pickup_waiting(c->store_path, &n, &last_ms) == 0 && n > 0) {
        date_iso(last_ms, date);
        snprintf(ret_text, size,
                 "%llu message%s wait%s to be picked up until %.10s, and nobody can open %s: there "
                 "is no portal block",
                 (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "s" : "", date,
                 n == 1 ? "it" : "them");
    }
}

void pickup_check(const struct conf *c, struct buf *problems)
{
    char text[300];
    pickup_without_portal(c, text, sizeof text);
    if (*text) {
        conf_warning(problems, c->root->at, "%s. " PICKUP_ADVICE, text);
    }
}

/* Adds what is wrong with the key to the findings. */
static void check_at_rest(const struct conf *c, struct findings *f, struct store_health *h)
{
    CLEANUP(buf_free) struct buf problem = BUF_INIT(2000);
    at_rest_problem(c, h->at_rest, &problem);
    if (buf_len(&problem) > 0 && buf_append(&problem, "", 1) == 0) {
        on_finding(f, true, buf_str(&problem).p);
        h->findings++;
        h->fatal++;
    }
}

/* --- bodies, opened with the at-rest key -------------------------------- */

enum { PIECE = 64 * 1024 };

/* NULL: the key is not there, or not this store's; that is a finding of its own. */
static struct rest_opener *open_key(const struct conf *c, const char *kept)
{
    CLEANUP(buf_wipe) struct buf secret = BUF_INIT(64 * 1024);
    unsigned char public_key[REST_PUBLIC];
    char have[REST_FINGERPRINT];
    if (rest_init() < 0 || file_read(c->at_rest_key, &secret) < 0 ||
        buf_len(&secret) != REST_SECRET) {
        return NULL;
    }
    const unsigned char *octets = (const unsigned char *)buf_str(&secret).p;
    rest_fingerprint(octets, have);
    return *kept && strcmp(have, kept) != 0 ? NULL : rest_opener_new(octets, public_key);
}

static int read_sealed(struct rest_reader *r, struct str sealed)
{
    CLEANUP(buf_wipe) struct buf plain = BUF_INIT(2 * PIECE);
    int e = 0;
    while (e == 0 && sealed.n > 0) {
        size_t n = sealed.n < PIECE ? sealed.n : PIECE;
        e = rest_read(r, str_slice(sealed, 0, n), &plain);
        sealed = str_slice(sealed, n, sealed.n);
        buf_reset(&plain);
    }
    return e;
}

static int read_sealed_file(struct rest_reader *r, int fd)
{
    char piece[PIECE];
    ssize_t n = 0;
    int e = 0;
    while (e == 0 && (n = read(fd, piece, sizeof piece)) > 0) {
        e = read_sealed(r, str_from(piece, (size_t)n));
    }
    return n < 0 ? -errno : e;
}

static int body_is_whole(void *arg, struct str sealed_key, int fd, struct str sealed)
{
    struct findings *f = arg;
    unsigned char key[REST_KEY];
    if (rest_unwrap(f->opener, sealed_key, key) < 0) {
        return -EBADMSG;
    }
    struct rest_reader *r = rest_reader_new(key);
    CLEANUP(buf_wipe) struct buf rest = BUF_INIT(2 * PIECE);
    int e = fd >= 0 ? read_sealed_file(r, fd) : read_sealed(r, sealed);
    e = e == 0 ? rest_read(r, STR(""), &rest) : e;
    e = e == 0 && !rest_read_done(r) ? -EBADMSG : e;
    rest_reader_free(r);
    return e;
}

/* --- check -------------------------------------------------------------- */

static void on_progress(void *arg, uint64_t done, uint64_t all)
{
    static const char bar[] = "########################################";
    if (isatty(STDERR_FILENO) && all > 0) {
        fprintf(stderr, "\r[%-40.*s] %3d %%", (int)(done * 40 / all), bar, (int)(done * 100 / all));
        fputs(done == all ? "\n" : "", stderr);
    }
}

static struct json *lost_json(const char *id, const struct store_damage *d)
{
    struct json *o = report_object();
    report_put_str(o, "id", str_c(id));
    report_put_str(o, "from", d->reverse_path);
    report_put_str(o, "to", d->rcpts);
    report_put_time(o, "taken", d->arrived_ms);
    report_put_str(o, "what", d->what);
    report_put_bool(o, "sender-told", d->told);
    return o;
}

static void store_on_lost(void *arg, const struct store_damage *d)
{
    struct findings *f = arg;
    char id[ID_TEXT], at[32];
    id_text(d->id, id);
    if (f->lost) {
        report_append(f->lost, lost_json(id, d));
    } else {
        CLEANUP(buf_free) struct buf line = BUF_INIT(64 * 1024 * 1024);
        (void)!buf_printf(&line,
                          "LOST    %s from <" STR_FMT "> to " STR_FMT ", taken %s: " STR_FMT "%s\n",
                          id, STR_ARG(d->reverse_path), STR_ARG(d->rcpts), when(d->arrived_ms, at),
                          STR_ARG(d->what), d->told ? " (sender told)" : "");
        tame_text(buf_str(&line));
        print_buf(&line);
    }
}

static void print_check(const struct conf *c, const struct store_health *h, bool opened)
{
    printf("%s: %s. %llu messages known, %llu recipients queued, %llu held, %llu files.\n",
           c->store_path,
           h->fatal      ? "something is WRONG"
           : h->findings ? "whole, but untidy (repaired at the next start)"
                         : "whole",
           (unsigned long long)h->messages, (unsigned long long)h->queued,
           (unsigned long long)h->held, (unsigned long long)h->spool_files);
    printf("Journal: %llu batches were promised; the tables have %llu of them, %llu wait to be "
           "taken over, %llu are lost.\n",
           (unsigned long long)h->newest, (unsigned long long)h->settled,
           (unsigned long long)h->waiting, (unsigned long long)h->lost);
    if (!opened) {
        printf("Bodies were not opened: that needs the at-rest key (%s), which root can read.\n",
               c->at_rest_key);
    }
    if (h->fatal) {
        printf("Stop the gateway, then: postern store check --repair; or restore a backup: TO "
               "RESTORE in postern(1).\n");
    }
}

static struct json *check_json(const struct store_health *h, struct findings *f)
{
    struct json *out = report_object();
    report_put_int(out, "messages", (int64_t)h->messages);
    report_put_int(out, "queued", (int64_t)h->queued);
    report_put_int(out, "held", (int64_t)h->held);
    report_put_int(out, "files", (int64_t)h->spool_files);
    report_put_int(out, "journal", (int64_t)h->waiting);
    report_put_int(out, "batches", (int64_t)h->newest);
    report_put_int(out, "batches-settled", (int64_t)h->settled);
    report_put_int(out, "batches-lost", (int64_t)h->lost);
    report_put_bool(out, "bodies-opened", f->opener != NULL);
    report_put(out, "findings", f->list);
    report_put(out, "lost", f->lost);
    return out;
}

static struct store_checker checker_of(struct findings *f)
{
    return (struct store_checker){
        .arg = f,
        .finding = on_finding,
        .lost = store_on_lost,
        .progress = on_progress,
        .body = f->opener ? body_is_whole : NULL,
    };
}

/* The key that the store was written with. sure: only where the store says which one that is. */
static void store_find_key(const struct conf *c, struct findings *f, bool sure)
{
    char kept[REST_FINGERPRINT] = "", why[600];
    bool known =
        store_key_kept(c->store_path, kept, sizeof kept, why, sizeof why) == 0 && (*kept || !sure);
    f->opener = known ? open_key(c, kept) : NULL;
}

static int check(const struct options *o, const struct conf *c)
{
    struct findings f = {
        .list = o->json ? report_array() : NULL,
        .lost = o->json ? report_array() : NULL,
    };
    struct store_health h;
    char problem[600];
    store_find_key(c, &f, false);
    const struct store_checker checker = checker_of(&f);
    int r = store_check(c->store_path, &checker, &h, problem, sizeof problem);
    if (r < 0) {
        fprintf(stderr, "postern: %s\n", problem);
        return EXIT_UNAVAILABLE;
    }
    check_at_rest(c, &f, &h);
    if (o->json) {
        print_json(check_json(&h, &f));
    } else {
        print_check(c, &h, f.opener != NULL);
    }
    rest_opener_free(f.opener);
    return h.fatal ? EXIT_NO : EXIT_OK;
}

/* Nobody else may use the store meanwhile: the lock is posternd's own (posternd/control.c). */
static int lock_store(const struct conf *c, int *ret_fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[4096];
    snprintf(path, sizeof path, "%s/posternd.lock", c->store_path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        fprintf(stderr, "postern: %s: %s\n", path, strerror(errno));
        return EXIT_UNAVAILABLE;
    }
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        bool known = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
        fprintf(stderr,
                "postern: the gateway is running (pid %ld) and has the store open: stop it first "
                "(systemctl stop postern)\n",
                known ? (long)lock.l_pid : 0L);
        close(fd);
        return EXIT_NO;
    }
    *ret_fd = fd;
    return EXIT_OK;
}

static struct json *repair_json(const struct store_repaired *done, struct findings *f)
{
    struct json *out = report_object();
    report_put_str(out, "quarantine", str_c(done->moved ? done->quarantine : ""));
    report_put_int(out, "moved", done->moved);
    report_put_bool(out, "journal-moved", done->journal_moved);
    report_put_bool(out, "tables-rewritten", done->tables_rewritten);
    report_put_int(out, "holes", (int64_t)done->holes);
    report_put_int(out, "batches-lost", (int64_t)done->loss.batches);
    report_put_int(out, "transactions-lost", (int64_t)done->loss.transactions);
    report_put(out, "lost", f->lost);
    return out;
}

static void print_repair(const struct store_repaired *done)
{
    if (done->loss.batches > 0 || done->loss.transactions > 0) {
        printf("%llu batches of the journal and %llu transactions of the tables are lost.\n",
               (unsigned long long)done->loss.batches, (unsigned long long)done->loss.transactions);
    }
    if (done->tables_rewritten) {
        printf("The tables were damaged and were rewritten from what could be read of them; in "
               "%llu places something may be missing: accounts, exceptions, what was known of "
               "domains, reports. Please review them.\n",
               (unsigned long long)done->holes);
    }
    if (done->journal_moved) {
        printf("The journal did not belong to the tables and was set aside.\n");
    }
    if (done->moved > 0) {
        printf("Nothing was deleted: %u files are in %s.\n", done->moved, done->quarantine);
    }
    printf("Done. Senders of lost mail will be notified when the gateway runs again. Now: postern "
           "store check\n");
}

static int repair(const struct options *o, const struct conf *c)
{
    struct findings f = {
        .list = o->json ? report_array() : NULL,
        .lost = o->json ? report_array() : NULL,
    };
    struct store_repaired done;
    CLEANUP(err_close_fd) int lock = -1;
    char problem[600] = "";
    int status = lock_store(c, &lock);
    if (status != EXIT_OK) {
        return status;
    }
    store_find_key(c, &f, true);
    if (!f.opener) {
        fprintf(stderr,
                "postern: the at-rest key %s is missing, not readable, or not known to be the one "
                "that the store was written with. Without it every message would count as lost: "
                "nothing was done\n",
                c->at_rest_key);
        return EXIT_NO;
    }
    const struct store_checker checker = checker_of(&f);
    int r = store_repair(c->store_path, &checker, REASON_DAMAGED, &done, problem, sizeof problem);
    rest_opener_free(f.opener);
    if (r < 0) {
        fprintf(stderr,
                "postern: the store could not be repaired: %s. Restore a backup: TO RESTORE in "
                "postern(1)\n",
                problem);
        return EXIT_NO;
    }
    if (o->json) {
        print_json(repair_json(&done, &f));
    } else {
        print_repair(&done);
    }
    return EXIT_OK;
}

/* --- backup ------------------------------------------------------------- */

static int backup(const struct conf *c, const char *to)
{
    char problem[600], kept[REST_FINGERPRINT] = "";
    uint64_t gone;
    if (store_backup(c->store_path, to, on_progress, NULL, &gone, problem, sizeof problem) < 0) {
        fprintf(stderr, "postern: the backup failed: %s\n", problem);
        return EXIT_NO;
    }
    (void)!store_key_kept(to, kept, sizeof kept, problem, sizeof problem);
    printf("Backed up to %s. The at-rest key is not in it: it is %s on this machine%s%s. Keep a "
           "copy of that key as well, in another place than the backup; without it the backup "
           "cannot be read.\n",
           to, c->at_rest_key, *kept ? ", fingerprint " : "", kept);
    if (gone > 0) {
        printf("%llu messages were delivered while the backup was made; after a restore they would "
               "be held.\n",
               (unsigned long long)gone);
    }
    return EXIT_OK;
}

static void store_no_finding(void *arg, bool fatal, const char *text)
{
    if (fatal) {
        fprintf(stderr, "postern: %s: %s\n", (const char *)arg, text);
    }
}

/* A copy that is not whole pushes no older one out. */
static bool is_copy_whole(char *path)
{
    struct store_health h;
    char problem[600];
    const struct store_checker checker = {.arg = path, .finding = store_no_finding};
    return store_check(path, &checker, &h, problem, sizeof problem) == 0 && h.fatal == 0;
}

#define COPY_NAME "postern-2026-01-01T00:00:00Z"
enum { COPIES_MAX = 1000 };

/* A copy that backup --into made, by its name. */
static int is_copy_name(const struct dirent *e)
{
    static const char form[] = COPY_NAME;
    if (strlen(e->d_name) != sizeof form - 1) {
        return 0;
    }
    for (size_t i = 0; form[i]; i++) {
        bool digit = form[i] >= '0' && form[i] <= '9',
             is_digit = e->d_name[i] >= '0' && e->d_name[i] <= '9';
        if (digit != is_digit || (!digit && form[i] != e->d_name[i])) {
            return 0;
        }
    }
    return 1;
}

static int remove_copy(const char *path)
{
    static const char *const names[] = {
        "journal-0", "journal-1", "journal-mark", "postern.db", "postern.db-wal", "postern.db-shm",
    };
    char name[4096];
    const struct dirent *e;
    snprintf(name, sizeof name, "%s/spool", path);
    DIR *spool = opendir(name);
    while (spool && (e = readdir(spool))) {
        if (e->d_name[0] != '.') {
            (void)unlinkat(dirfd(spool), e->d_name, 0);
        }
    }
    if (spool) {
        closedir(spool);
    }
    (void)rmdir(name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(name, sizeof name, "%s/%s", path, names[i]);
        (void)unlink(name);
    }
    return rmdir(path) < 0 ? -errno : 0;
}

/* The newest ones stay. */
static int remove_older(const char *into, uint64_t keep)
{
    struct dirent **names = NULL;
    char path[4096];
    int n = scandir(into, &names, is_copy_name, alphasort), status = n < 0 ? EXIT_NO : EXIT_OK;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", into, names[i]->d_name);
        int r = (uint64_t)(n - i) > keep ? remove_copy(path) : 0;
        if (r < 0) {
            fprintf(stderr, "postern: %s could not be removed: %s\n", path, strerror(-r));
            status = EXIT_NO;
        }
        free(names[i]);
    }
    free(names);
    return status;
}

static int backup_into(const struct conf *c, const char *into, uint64_t keep)
{
    char path[4096], date[DATE_MAX];
    date_iso(clock_wall_ms(), date);
    snprintf(path, sizeof path, "%s/postern-%.19sZ", into, date);
    int r = file_make_dir(into, -1, -1);
    if (r < 0) {
        fprintf(stderr, "postern: %s: %s\n", into, strerror(-r));
        return EXIT_NO;
    }
    int status = backup(c, path);
    if (status == EXIT_OK && !is_copy_whole(path)) {
        fprintf(stderr,
                "postern: the backup %s is not whole: check the store itself (postern store "
                "check). Older backups stay\n",
                path);
        status = EXIT_NO;
    }
    return status == EXIT_OK ? remove_older(into, keep) : status;
}

/* backup DIRECTORY, or backup --into DIRECTORY [--keep N] */
static int command_backup(const struct options *o, const struct conf *c)
{
    uint64_t keep = 7;
    bool is_into = strcmp(o->argv[1], "--into") == 0;
    bool has_keep = is_into && o->argc == 5 && strcmp(o->argv[3], "--keep") == 0;
    if (!is_into) {
        return o->argc == 2 ? backup(c, o->argv[1]) : store_usage();
    }
    if (!(o->argc == 3 || has_keep) ||
        (has_keep && (str_to_u64(str_c(o->argv[4]), COPIES_MAX, &keep) < 0 || keep == 0))) {
        return store_usage();
    }
    return backup_into(c, o->argv[2], keep);
}

/* --- restore ------------------------------------------------------------ */

/* The key that the copy was written with must be there first: a new one beside it could read
 * nothing of it. */
static int key_of_copy(const struct conf *c, const char *from, char kept[REST_FINGERPRINT])
{
    CLEANUP(buf_free) struct buf wrong = BUF_INIT(2000);
    char why[600];
    int r = store_key_kept(from, kept, REST_FINGERPRINT, why, sizeof why);
    if (r < 0) {
        fprintf(stderr,
                r == -ENOENT ? "postern: %s is not a backup of a store: it has no postern.db\n"
                             : "postern: %s cannot be read: %s\n",
                from, why);
        return EXIT_NO;
    }
    at_rest_problem(c, kept, &wrong);
    if (buf_len(&wrong) == 0 && access(c->at_rest_key, R_OK) < 0) {
        (void)!buf_printf(&wrong, "the at-rest key %s cannot be read: %s", c->at_rest_key,
                          strerror(errno));
    }
    if (buf_len(&wrong) > 0) {
        fprintf(stderr,
                "postern: this backup needs the at-rest key with the fingerprint %s. Nothing was "
                "done: " STR_FMT "\n",
                *kept ? kept : "(not noted)", STR_ARG(buf_str(&wrong)));
        return EXIT_NO;
    }
    return EXIT_OK;
}

static int put_back(const struct options *o, const struct conf *c, const char *from,
                    const char *kept)
{
    struct store_restored done;
    char problem[600] = "";
    int r = store_restore(from, c->store_path, REASON_RESTORED, on_progress, NULL, &done, problem,
                          sizeof problem);
    if (r < 0) {
        fprintf(stderr, "postern: the backup was not restored: %s\n", problem);
        return EXIT_NO;
    }
    if (o->json) {
        struct json *out = report_object();
        report_put_str(out, "store", str_c(c->store_path));
        report_put_str(out, "at-rest-key", str_c(kept));
        report_put_int(out, "held", (int64_t)done.held);
        report_put_int(out, "batches-lost", (int64_t)done.loss.batches);
        print_json(out);
        return EXIT_OK;
    }
    printf(
        "Restored to %s; the at-rest key %s belongs to it.\nAll its mail is held: %llu recipients. "
        "Bounces, notices and emails of the portal wait, too. Start the gateway, then review it: "
        "postern queue list.\nWhat went out after the backup was made would be sent again: postern "
        "queue delete ID. Then release the rest: postern queue release restored\n",
        c->store_path, kept, (unsigned long long)done.held);
    return check(o, c);
}

static int restore(const struct options *o, const struct conf *c, const char *from)
{
    CLEANUP(err_close_fd) int lock = -1;
    char kept[REST_FINGERPRINT] = "";
    int status = key_of_copy(c, from, kept);
    if (status == EXIT_OK && access(c->store_path, F_OK) == 0) {
        status = lock_store(c, &lock);
    }
    return status == EXIT_OK ? put_back(o, c, from, kept) : status;
}

static bool store_is_word(const struct options *o, int at, const char *word)
{
    return o->argc > at && strcmp(o->argv[at], word) == 0;
}

int command_store(const struct options *o)
{
    struct conf *c = NULL;
    bool is_check = store_is_word(o, 0, "check") && o->argc == 1,
         is_repair =
             store_is_word(o, 0, "check") && store_is_word(o, 1, "--repair") && o->argc == 2;
    bool is_backup = store_is_word(o, 0, "backup") && o->argc >= 2,
         is_restore = store_is_word(o, 0, "restore") && o->argc == 2;
    if (!is_check && !is_repair && !is_backup && !is_restore) {
        return store_usage();
    }
    int r = load_config(o, &c);
    if (r == 0) {
        r = is_check    ? check(o, c)
            : is_repair ? repair(o, c)
            : is_backup ? command_backup(o, c)
                        : restore(o, c, o->argv[1]);
        conf_free(c);
    }
    return r;
}
