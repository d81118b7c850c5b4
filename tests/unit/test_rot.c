/* SPDX-License-Identifier: Apache-2.0
 * test_rot.c: what a disk may do to a store: each page of each of its files with a flipped bit,
 * as zeros, or gone with all behind it; whole files gone, empty, exchanged for another or for
 * what they were before. Either everything is there afterwards, or it is told; never is such a
 * store called whole.
 */
#include "check.h"
#include "store/embedded.h"
#include "store/sqlite_priv.h"
#include "store/upkeep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, FILES = 12, SMALL_FILE = 40000, SMALL_CHUNK = 4, LARGE = 70000 };

/* What lies in a store, in memory. */
struct image {
    struct {
        char name[64];
        char *octets;
        size_t n;
    } files[FILES];
    size_t n;
};

static char dir[64];
static struct image crashed, before; /* as after kill -9, and a while earlier */

static void path_of(const char *store, const char *name, char dst[200])
{
    snprintf(dst, 200, "%s/%s/%s", dir, store, name);
}

static void shell(const char *format, const char *a, const char *b)
{
    char command[256];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

/* --- images ------------------------------------------------------------- */

static void read_file(const char *store, const char *name, struct image *to)
{
    char path[200];
    struct stat st;
    path_of(store, name, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0 && to->n < FILES);
    char *octets = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, octets, (size_t)st.st_size), st.st_size);
    close(fd);
    snprintf(to->files[to->n].name, sizeof to->files[0].name, "%s", name);
    to->files[to->n].octets = octets;
    to->files[to->n++].n = (size_t)st.st_size;
}

static void take_spool(const char *store, struct image *to)
{
    char path[200];
    path_of(store, "spool", path);
    DIR *d = opendir(path);
    const struct dirent *entry;
    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "spool/%s", entry->d_name);
            read_file(store, path, to);
        }
    }
    closedir(d);
}

static void take_image(const char *store, struct image *to)
{
    static const char *const names[] = {
        "journal-0", "journal-1", MARK_FILE, "postern.db", "postern.db-wal",
    };
    char path[200];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        path_of(store, names[i], path);
        if (access(path, F_OK) == 0) {
            read_file(store, names[i], to);
        }
    }
    take_spool(store, to);
}

static void write_file(const char *name, const char *octets, size_t n)
{
    char path[200];
    path_of("trial", name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, n), (ssize_t)n);
    close(fd);
}

/* Not by a shell: to start one costs more than the trial itself. */
static void remove_files(const char *name)
{
    char path[200];
    const struct dirent *entry;
    path_of("trial", name, path);
    DIR *d = opendir(path);
    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (entry->d_type != DT_DIR) {
            assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
        }
    }
    closedir(d);
}

static void lay_out_image(const struct image *from)
{
    char path[200];
    path_of("trial", "", path);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    path_of("trial", "spool", path);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    remove_files("");
    remove_files("spool");
    for (size_t i = 0; i < from->n; i++) {
        write_file(from->files[i].name, from->files[i].octets, from->files[i].n);
    }
}

/* The store after the crash, in a directory of its own. */
static void lay_out(void)
{
    lay_out_image(&crashed);
}

/* --- what is in a store ------------------------------------------------- */

static void dump_table(sqlite3 *db, const char *name, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
        return; /* then it is not the same */
    }
    while (sqlite3_step(q) == SQLITE_ROW) {
        for (int k = 0; k < sqlite3_column_count(q); k++) {
            assert_int_equal(buf_append(out, "|", 1), 0);
            assert_int_equal(buf_append(out, sqlite3_column_blob(q, k),
                                        (size_t)sqlite3_column_bytes(q, k)),
                             0);
        }
        assert_int_equal(buf_append(out, "\n", 1), 0);
    }
    sqlite3_finalize(q);
}

/* All rows but the count of transactions. */
static void dump(const char *store, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    sqlite3 *db = NULL;
    char path[200];
    buf_reset(out);
    path_of(store, "postern.db", path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(
            db,
            "SELECT name FROM sqlite_master WHERE type='table' AND name<>'settled' ORDER BY name",
            -1, &q, NULL) == SQLITE_OK) {
        while (sqlite3_step(q) == SQLITE_ROW) {
            dump_table(db, (const char *)sqlite3_column_text(q, 0), out);
        }
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static struct store *open_store(const char *name)
{
    char path[200], problem[600];
    struct store *s = NULL;
    path_of(name, "", path);
    (void)mkdir(path, 0700);
    return store_open_with(path,
                           (struct store_sizes){.journal_file = SMALL_FILE, .chunk = SMALL_CHUNK},
                           problem, sizeof problem, &s) < 0
               ? NULL
               : s;
}

/* Stands for a seal: every octet of a body is the same. */
static int is_as_sealed(void *arg, struct str sealed_key, int fd, struct str sealed)
{
    static char octets[200000];
    ssize_t n = fd < 0 ? (ssize_t)sealed.n : read(fd, octets, sizeof octets);
    const char *p = fd < 0 ? sealed.p : octets;
    assert_true(str_eq(sealed_key, STR("key")) && n >= 0);
    return n > 0 && (fd < 0 || n == LARGE) && memcmp(p, p + 1, (size_t)n - 1) == 0 ? 0 : -EBADMSG;
}

/* The bodies of large messages, as much as the rest. */
static void dump_spool(const char *store, struct buf *out)
{
    struct image now = {0};
    take_spool(store, &now);
    for (size_t i = 0; i < now.n; i++) {
        assert_int_equal(buf_append(out, now.files[i].octets, now.files[i].n), 0);
        free(now.files[i].octets);
    }
}

static void on_done(void *arg, enum store_result r)
{
    assert_int_equal(r, STORE_OK);
}

static void come(struct store *s, uint64_t id, size_t octets)
{
    static char body[20000];
    struct store_rcpt r = {
        .forward_path = STR("x@one.test"),
        .next_hop = STR("one.test"),
        .state = id % 3 == 0 ? RCPT_HELD : RCPT_QUEUED,
    };
    memset(body, (int)id, sizeof body);
    const struct store_message m = {
        .id = id,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = (int64_t)id,
        .size = octets,
        .sealed_key = STR("key"),
        .body = str_from(body, octets),
    };
    store_enqueue(s, &m, &r, 1, NULL, 0, on_done, NULL);
    store_flush(s);
}

static void come_large(struct store *s, uint64_t id)
{
    static char body[LARGE];
    char name[64];
    int fd = -1;
    struct store_rcpt r = {.forward_path = STR("large@one.test"), .next_hop = STR("one.test")};
    memset(body, (int)id, sizeof body);
    assert_int_equal(store_spool_create(s, 1, name, &fd), STORE_OK);
    assert_int_equal(write(fd, body, sizeof body), sizeof body);
    close(fd);
    const struct store_message m = {
        .id = id,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = (int64_t)id,
        .size = LARGE,
        .sealed_key = STR("key"),
        .spool = str_c(name),
    };
    store_enqueue(s, &m, &r, 1, NULL, 0, on_done, NULL);
    store_flush(s);
}

/* Mail in the tables, in their log and in the journal alone; changes of the tables that no batch
 * has. */
static void live(void)
{
    struct store *s = open_store("store");
    assert_non_null(s);
    come(s, 1, 100);
    come(s, 2, 15000);
    come(s, 3, 100);
    come_large(s, 100);
    store_close(s);
    take_image("store", &before);
    s = open_store("store");
    come(s, 4, 9000);
    store_set_state(s, 3, RCPT_HELD, RCPT_QUEUED, 7, 0);
    store_flush(s);
    come(s, 5, 5000);
    come(s, 6, 100);
    come_large(s, 101);
    come(s, 7, 15000); /* into the other file */
    come(s, 8, 15000);
    come(s, 9, 100);
    take_image("store", &crashed);
    store_close(s);
}

/* --- trials ------------------------------------------------------------- */

static unsigned trials, told_at;

static void no_finding(void *arg, bool fatal, const char *text)
{
}

static bool is_told(void)
{
    char path[200], problem[600];
    struct store_health h;
    path_of("trial", "", path);
    return store_check(path, &(struct store_checker){.finding = no_finding, .body = is_as_sealed},
                       &h, problem, sizeof problem) < 0 ||
           h.fatal > 0;
}

/* What the damaged store in "trial" is after check and start. */
static void try_it(const char *what, const char *name, size_t page, struct buf *whole)
{
    struct buf now = BUF_INIT(64 * 1024 * 1024);
    bool told = is_told();
    struct store *s = open_store("trial");
    bool lost =
        s && (store_lost(s).batches > 0 || store_lost(s).transactions > 0 || store_lost(s).mark);
    store_close(s);
    if (s) {
        dump("trial", &now);
        dump_spool("trial", &now);
    }
    bool recovered = s && str_eq(buf_str(&now), buf_str(whole));
    if (!told && (lost || !recovered)) {
        fail_msg("%s, page %zu: %s, and it is called whole (%s)", name, page, what,
                 !s     ? "it does not start"
                 : lost ? "the start knows"
                        : "nothing knows");
    }
    trials++;
    told_at += told;
    buf_free(&now);
}

static void try_pages(size_t at, struct buf *whole)
{
    char *octets = crashed.files[at].octets;
    const char *name = crashed.files[at].name;
    size_t n = crashed.files[at].n;
    static const char zeros[PAGE];
    for (size_t page = 0; page * PAGE < n; page++) {
        size_t here = n - page * PAGE < PAGE ? n - page * PAGE : PAGE,
               bit = page * 2654435761U % (here * 8);
        char kept[PAGE];
        memcpy(kept, octets + page * PAGE, here);
        octets[page * PAGE + bit / 8] ^= (char)(1 << bit % 8);
        lay_out();
        try_it("a bit flipped", name, page, whole);
        memcpy(octets + page * PAGE, zeros, here);
        lay_out();
        try_it("all zeros", name, page, whole);
        memcpy(octets + page * PAGE, kept, here);
        lay_out();
        write_file(name, octets, page * PAGE);
        try_it("cut", name, page, whole);
    }
}

static void each_page_of_each_file(void **state)
{
    struct buf whole = BUF_INIT(64 * 1024 * 1024);
    lay_out();
    assert_false(is_told());
    store_close(open_store("trial"));
    dump("trial", &whole);
    dump_spool("trial", &whole);
    assert_true(buf_len(&whole) > 50000);
    for (size_t i = 0; i < crashed.n; i++) {
        try_pages(i, &whole);
    }
    print_message("%u trials, %u told, the others recovered\n", trials, told_at);
    assert_true(trials > 250 && told_at > 100);
    buf_free(&whole);
}

/* --- reading ------------------------------------------------------------ */

struct reading {
    struct buf text;
    bool failed;
};

static void read_message(void *arg, const struct store_message *m)
{
    struct reading *r = arg;
    assert_int_equal(buf_printf(&r->text, "%llu " STR_FMT " " STR_FMT "\n",
                                (unsigned long long)m->id, STR_ARG(m->reverse_path),
                                STR_ARG(m->body)),
                     0);
}

static void read_rcpt(void *arg, const struct store_rcpt *rcpt)
{
    struct reading *r = arg;
    assert_int_equal(buf_printf(&r->text, STR_FMT " " STR_FMT " %d\n", STR_ARG(rcpt->forward_path),
                                STR_ARG(rcpt->next_hop), rcpt->state),
                     0);
}

/* All mail as queue would read it. False: the store cannot be opened or read, and says so. */
static bool read_all(struct reading *r)
{
    static const uint64_t ids[] = {1, 2, 3, 100};
    struct store *s = open_store("trial");
    buf_reset(&r->text);
    r->failed = !s;
    for (size_t i = 0; i < ARRAY_LEN(ids) && s; i++) {
        r->failed |= store_message_get(s, ids[i], read_message, r) != STORE_OK;
        r->failed |= store_report(s, ids[i], NULL, read_rcpt, NULL, r) != STORE_OK;
    }
    store_close(s);
    return !r->failed;
}

/* A flipped bit anywhere in the tables is an error of the disk, never another recipient or
 * another body: not only for a check, which looks by itself, but for whoever reads. */
static void what_is_damaged_is_not_read(void **state)
{
    enum { BITS = 8 };
    struct reading whole = {.text = BUF_INIT(1 << 20)}, now = {.text = BUF_INIT(1 << 20)};
    size_t at = 0, refused = 0;
    while (strcmp(before.files[at].name, "postern.db") != 0) {
        assert_true(++at < before.n);
    }
    lay_out_image(&before);
    assert_true(read_all(&whole) && buf_len(&whole.text) > 15000);
    for (size_t i = 0; i < before.files[at].n / PAGE * BITS; i++) {
        size_t bit = i / BITS * PAGE * 8 + i * 2654435761U % (PAGE * 8);
        before.files[at].octets[bit / 8] ^= (char)(1 << bit % 8);
        lay_out_image(&before);
        before.files[at].octets[bit / 8] ^= (char)(1 << bit % 8);
        bool is_read = read_all(&now);
        refused += !is_read;
        if (is_read && !str_eq(buf_str(&now.text), buf_str(&whole.text))) {
            fail_msg("page %zu, bit %zu: another mail is read", i / BITS, bit % (PAGE * 8));
        }
    }
    assert_true(refused > 3 * BITS);
    buf_free(&whole.text);
    buf_free(&now.text);
}

static void remove_in_trial(const char *name)
{
    char path[200];
    path_of("trial", name, path);
    assert_int_equal(unlink(path), 0);
}

/* What a start knows by itself, without a check: of a file that is gone or an older one
 * something is missing, and it says so, or does not start; of the mark alone, that nothing tells
 * any more. Files of bodies are looked at when they are sent. */
static void try_start(const char *what, const char *name, struct buf *whole)
{
    struct buf now = BUF_INIT(64 * 1024 * 1024);
    struct store *s = open_store("trial");
    struct store_loss l = s ? store_lost(s) : (struct store_loss){0};
    bool knows = !s || l.batches > 0 || l.transactions > 0 || l.mark;
    store_close(s);
    if (!knows) {
        dump("trial", &now);
    }
    bool wants_mark = strcmp(name, MARK_FILE) == 0 && strcmp(what, "removed") == 0;
    if (!knows && (wants_mark || !str_eq(buf_str(&now), buf_str(whole)))) {
        fail_msg("%s: %s, and the start knows nothing of it", name, what);
    }
    buf_free(&now);
}

static void whole_files(void **state)
{
    struct buf whole = BUF_INIT(64 * 1024 * 1024), tables = BUF_INIT(64 * 1024 * 1024);
    lay_out();
    store_close(open_store("trial"));
    dump("trial", &tables);
    dump("trial", &whole);
    dump_spool("trial", &whole);
    for (size_t i = 0; i < crashed.n; i++) {
        const char *name = crashed.files[i].name;
        bool is_body = strncmp(name, "spool/", 6) == 0;
        lay_out();
        remove_in_trial(name);
        try_it("removed", name, 0, &whole);
        lay_out();
        remove_in_trial(name);
        if (!is_body) {
            try_start("removed", name, &tables);
        }
        for (size_t k = 0; k < before.n; k++) { /* an older one in its place */
            if (strcmp(before.files[k].name, name) == 0) {
                lay_out();
                write_file(name, before.files[k].octets, before.files[k].n);
                try_it("what it was before", name, 0, &whole);
                lay_out();
                write_file(name, before.files[k].octets, before.files[k].n);
                try_start("what it was before", name, &tables);
            }
        }
    }
    lay_out();
    write_file("journal-0", crashed.files[1].octets, crashed.files[1].n);
    write_file("journal-1", crashed.files[0].octets, crashed.files[0].n);
    try_it("exchanged", "journal-0 and journal-1", 0, &whole);
    lay_out();
    remove_in_trial("journal-0");
    remove_in_trial("journal-1");
    try_it("removed", "both journals", 0, &whole);
    remove_in_trial(MARK_FILE);
    try_it("removed", "both journals and the mark", 0, &whole);
    lay_out();
    store_close(open_store("other"));
    shell("cd %s/trial && rm journal-0 journal-1 postern.db-wal && cp ../other/postern.db . && rm "
          "-r %s/other",
          dir, dir);
    assert_null(open_store("trial")); /* the mark is of another store: nothing is begun over it */
    buf_free(&whole);
    buf_free(&tables);
}

/* --- repair ------------------------------------------------------------- */

static struct buf lost_text = BUF_INIT(4096);

static void on_lost(void *arg, const struct store_damage *d)
{
    assert_int_equal(buf_printf(&lost_text, "%llu " STR_FMT " " STR_FMT ": " STR_FMT "\n",
                                (unsigned long long)d->id, STR_ARG(d->reverse_path),
                                STR_ARG(d->rcpts), STR_ARG(d->what)),
                     0);
}

static size_t file_named(const char *start)
{
    size_t i = 0;
    while (i < crashed.n && strncmp(crashed.files[i].name, start, strlen(start)) != 0) {
        i++;
    }
    assert_true(i < crashed.n);
    return i;
}

static unsigned in_quarantine(const char *directory)
{
    unsigned n = 0;
    DIR *d = opendir(directory);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        n += entry->d_name[0] != '.';
    }
    if (d) {
        closedir(d);
    }
    return n;
}

/* A file of a large message and a body in the journal are damaged, a file is nobody's: listed
 * and put aside, nothing is deleted, and the store is whole afterwards. */
static void a_repair_lists_and_keeps(void **state)
{
    static struct store_repaired done;
    char path[200], problem[600] = "";
    struct store_health h;
    const struct store_checker checker = {
        .finding = no_finding,
        .body = is_as_sealed,
        .lost = on_lost,
    };
    size_t spool = file_named("spool/");
    lay_out();
    path_of("trial", "", path);
    /* the one in the tables */
    size_t other = crashed.files[spool].octets[0] == 100 ? spool : spool + 1;
    spool = other;
    crashed.files[spool].octets[5000] ^= 4;
    write_file(crashed.files[spool].name, crashed.files[spool].octets, LARGE);
    crashed.files[spool].octets[5000] ^= 4;
    write_file("spool/ffff-1-1", "nobody's", 8);
    crashed.files[0].octets[4 * PAGE + 300] ^= 1; /* in the body of message 5 */
    write_file("journal-0", crashed.files[0].octets, crashed.files[0].n);
    crashed.files[0].octets[4 * PAGE + 300] ^= 1;
    /* a check names them, too */
    assert_int_equal(store_check(path, &checker, &h, problem, sizeof problem), 0);
    assert_non_null(strstr(buf_str(&lost_text).p, "large@one.test: its file is damaged"));
    assert_non_null(strstr(buf_str(&lost_text).p, "x@one.test: it was in a part of the journal"));
    buf_reset(&lost_text);
    assert_int_equal(store_repair(path, &checker, 9, &done, problem, sizeof problem), 0);
    assert_int_equal(done.loss.batches, 1);
    assert_non_null(
        strstr(buf_str(&lost_text).p, "100 a@b.test large@one.test: its file is damaged"));
    assert_non_null(
        strstr(buf_str(&lost_text).p, " a@b.test x@one.test: it was in a part of the journal"));
    /* both files, the two of the journal as they were */
    assert_int_equal(in_quarantine(done.quarantine), 4);
    assert_int_equal(store_check(path, &checker, &h, problem, sizeof problem), 0);
    assert_int_equal(h.fatal + h.findings, 0);
    assert_int_equal(h.lost_before, 2);
    /* a second time finds nothing */
    assert_int_equal(store_repair(path, &checker, 9, &done, problem, sizeof problem), 0);
    assert_true(done.moved == 0 && done.loss.batches == 0 && in_quarantine(done.quarantine) == 0);
    buf_free(&lost_text);
}

static uint64_t seen_ids[64];
static size_t n_seen;

static void on_lost_id(void *arg, const struct store_damage *d)
{
    assert_true(n_seen < ARRAY_LEN(seen_ids));
    seen_ids[n_seen++] = d->id;
}

static void on_kept_id(void *arg, const struct store_message *m)
{
    assert_true(n_seen < ARRAY_LEN(seen_ids));
    seen_ids[n_seen++] = m->id;
}

static void no_rcpt(void *arg, const struct store_rcpt *r)
{
}

static bool is_seen(uint64_t id)
{
    size_t i = 0;
    while (i < n_seen && seen_ids[i] != id) {
        i++;
    }
    return i < n_seen;
}

/* Each page of the tables flipped: after a repair the store is whole, and each message is there
 * or among the lost ones. */
static void damaged_tables_are_written_anew(void **state)
{
    static struct store_repaired done;
    size_t at = file_named("postern.db");
    const struct store_checker checker = {
        .finding = no_finding,
        .body = is_as_sealed,
        .lost = on_lost_id,
    };
    char path[200], problem[600];
    struct store_health h;
    unsigned mended = 0, refused = 0;
    path_of("trial", "", path);
    for (size_t page = 0; page * PAGE < crashed.files[at].n; page++) {
        crashed.files[at].octets[page * PAGE + 2000] ^= 1;
        lay_out();
        crashed.files[at].octets[page * PAGE + 2000] ^= 1;
        n_seen = 0;
        if (store_repair(path, &checker, 9, &done, problem, sizeof problem) < 0) {
            refused++;
            continue;
        }
        mended++;
        assert_int_equal(store_check(path,
                                     &(struct store_checker){.finding = no_finding,
                                                             .body = is_as_sealed},
                                     &h, problem, sizeof problem),
                         0);
        assert_int_equal(h.fatal, 0);
        struct store *s = open_store("trial");
        assert_non_null(s);
        for (uint64_t id = 1; id <= 10; id++) {
            assert_int_equal(store_report(s, id < 10 ? id : 100, on_kept_id, no_rcpt, NULL, NULL),
                             STORE_OK);
            if (!is_seen(id < 10 ? id : 100)) {
                fail_msg("page %zu: message %llu is neither there nor lost", page,
                         (unsigned long long)id);
            }
        }
        store_close(s);
    }
    print_message("%u pages mended, %u need a copy\n", mended, refused);
    assert_true(mended > 10 * refused);
}

/* One of the two journal files is gone: the start is refused, a repair takes what is there. */
static void a_repair_takes_what_is_there(void **state)
{
    static struct store_repaired done;
    char path[200], problem[600] = "";
    struct store_health h;
    const struct store_checker checker = {.finding = no_finding, .body = is_as_sealed};
    lay_out();
    path_of("trial", "", path);
    remove_in_trial("journal-0");
    assert_null(open_store("trial"));
    assert_int_equal(store_repair(path, &checker, 9, &done, problem, sizeof problem), 0);
    assert_true(done.loss.batches > 0 && !done.journal_moved);
    assert_int_equal(store_check(path, &checker, &h, problem, sizeof problem), 0);
    assert_int_equal(h.fatal, 0);
    store_close(open_store("trial"));
}

/* --- a copy that is put back -------------------------------------------- */

static void no_progress(void *arg, uint64_t done, uint64_t all)
{
    assert_true(done <= all);
}

static int put_back(const char *from, const char *to, struct store_restored *ret)
{
    char a[200], b[200], problem[600] = "";
    path_of(from, "", a);
    path_of(to, "", b);
    return store_restore(a, b, 9, no_progress, NULL, ret, problem, sizeof problem);
}

static void count_held(void *arg, const struct store_rcpt *r)
{
    *(unsigned *)arg += r->state == RCPT_HELD && r->reason == 9;
}

static void no_message(void *arg, const struct store_message *m)
{
}

/* camunda/camunda#32393: a file system of its own is never quite empty. sourcefrog/conserve#38:
 * whatever else is there stays. */
static void a_copy_is_put_back_where_nothing_is(void **state)
{
    struct store_restored done;
    unsigned held = 0;
    lay_out();
    shell("rm -rf %s/new; mkdir -p %s/new/lost+found", dir, dir);
    assert_int_equal(put_back("trial", "new", &done), 0);
    struct store *s = open_store("new");
    assert_non_null(s);
    assert_true(store_restored_ms(s) > 0);
    assert_int_equal(store_list(s, RCPT_STATE_END, 100, no_message, count_held, &held), STORE_OK);
    assert_true(held == done.held && held > 5);
    store_set_restored(s, 0);
    store_flush(s);
    store_close(s);
    s = open_store("new");
    assert_int_equal(store_restored_ms(s), 0);
    store_close(s);
    assert_int_equal(put_back("trial", "new", &done), -EEXIST);
    shell("rm -rf %s/new; mkdir -p %s/new/spool", dir, dir); /* of a restore that did not end */
    assert_int_equal(put_back("trial", "new", &done), -EEXIST);
    assert_int_equal(put_back("nowhere", "else", &done), -ENOENT);
}

static int setup(void **state)
{
    /* thousands of syncs */
    snprintf(dir, sizeof dir, "%s/postern-rot-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) {
        return -1;
    }
    live();
    return 0;
}

static int teardown(void **state)
{
    shell("rm -rf %s%s", dir, "");
    for (size_t i = 0; i < FILES; i++) {
        free(crashed.files[i].octets);
        free(before.files[i].octets);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_page_of_each_file),
        cmocka_unit_test(what_is_damaged_is_not_read),
        cmocka_unit_test(whole_files),
        cmocka_unit_test(a_repair_lists_and_keeps),
        cmocka_unit_test(damaged_tables_are_written_anew),
        cmocka_unit_test(a_repair_takes_what_is_there),
        cmocka_unit_test(a_copy_is_put_back_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
