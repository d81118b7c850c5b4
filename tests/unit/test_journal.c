/* SPDX-License-Identifier: Apache-2.0
 * test_journal.c: the journal (store/journal.h, entry.h) and what the store makes of it:
 * whatever comes, is taken over late or early, or is found after a crash, the tables say the
 * same as if every change had gone to them at once.
 */
#include "check.h"
#include "store/sqlite_priv.h"
#include "store/upkeep.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { SMALL_FILE = 40960, SMALL_CHUNK = 3, STORE = 77 };

static char dir[64];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/postern-journal-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static void shell(const char *format, const char *a, const char *b)
{
    char command[256];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
    shell("rm -rf %s%s", dir, "");
    return 0;
}

/* --- entries ------------------------------------------------------------ */

static const struct entry samples[] = {
    {
        .kind = ENTRY_MESSAGE,
        .body_at = 70000,
        .body_n = 3,
        .message =
            {
                .id = UINT64_MAX,
                .reverse_path = STR("a@b.test"),
                .arrived_ms = -1,
                .size = 1,
                .is_utf8 = true,
                .is_binary = true,
                .ret = 2,
                .envid = STR("e"),
                .login = STR("l"),
                .certificate = STR("c"),
                .client = STR("192.0.2.1"),
                .helo = STR("h"),
                .protocol = STR("ESMTPS"),
                .tls_version = STR("TLSv1.3"),
                .tls_cipher = STR("x"),
                .tls_bits = 65535,
                .tls_group = STR("X25519MLKEM768"),
                .sealed_key = STR("\0key"),
                .spool = STR("f-1"),
                .repaired = 255,
                .report = true,
                .reqtls = true,
            },
    },
    {.kind = ENTRY_RCPT,
     .rcpt =
         {
             .rcpt = 7,
             .id = 128,
             .forward_path = STR("x@y.test"),
             .next_hop = STR("y.test"),
             .state = RCPT_PICKUP,
             .attempts = UINT32_MAX,
             .next_ms = INT64_MAX,
             .last_ms = INT64_MIN,
             .reason = 255,
             .code = STR("2.0.0"),
             .reply = STR("ok"),
             .host = STR("mx"),
             .bounced = true,
             .notice = NOTICE_DELAY,
             .notify = 7,
             .orcpt = STR("rfc822;x"),
             .protection = STR("p"),
             .tls_offered = true,
         }},
    {.kind = ENTRY_ATTEMPT,
     .attempt =
         {
             .id = 1,
             .rcpts = STR("1,2"),
             .at_ms = 3,
             .took_ms = 4,
             .host = STR("h"),
             .address = STR("a"),
             .port = 25,
             .mx = 1,
             .sess = 2,
             .action = 3,
             .grade = 4,
             .floor = 5,
             .reason = 6,
             .raised = 7,
             .reused = true,
             .tls_version = STR("v"),
             .tls_cipher = STR("c"),
             .tls_bits = 256,
             .tls_group = STR("g"),
             .tls_signature = STR("s"),
             .peer_key = STR("k"),
             .cert_check = STR("cc"),
             .cert_subject = STR("cs"),
             .cert_issuer = STR("ci"),
             .cert_fingerprint = STR("cf"),
             .cert_not_after = 8,
             .detail = STR("d"),
             .tlsa = 9,
             .sts = 10,
             .dane_check = STR("dc"),
             .exception = STR("x"),
         }},
    {.kind = ENTRY_INSPECTED, .inspected = {5, 6, STR("facts")}},
    {.kind = ENTRY_RELEASE, .id = 9},
};

static void entries_come_back(void **state)
{
    struct buf b = BUF_INIT(100000);
    struct buf again = BUF_INIT(100000);
    struct entry e;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        assert_int_equal(entry_write(&b, &samples[i]), 0);
    }
    struct str rest = buf_str(&b);
    /* what was read says the same when it is written again */
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        assert_int_equal(entry_read(&rest, &e), 1);
        assert_int_equal(e.kind, samples[i].kind);
        assert_int_equal(entry_write(&again, &e), 0);
    }
    assert_int_equal(entry_read(&rest, &e), 0);
    assert_true(str_eq(buf_str(&b), buf_str(&again)));
    rest = buf_str(&b);
    assert_int_equal(entry_read(&rest, &e), 1);
    assert_true(e.message.id == UINT64_MAX && e.message.arrived_ms == -1 &&
                e.message.tls_bits == 65535 && e.message.repaired == 255 && e.body_at == 70000 &&
                e.body_n == 3);
    assert_true(str_eq(e.message.sealed_key, STR("\0key")) &&
                str_eq(e.message.tls_cipher, STR("x")) &&
                str_eq(e.message.tls_group, STR("X25519MLKEM768")) && e.message.is_utf8 &&
                !e.message.is_8bit);
    assert_int_equal(entry_read(&rest, &e), 1);
    assert_true(e.rcpt.last_ms == INT64_MIN && e.rcpt.next_ms == INT64_MAX &&
                e.rcpt.state == RCPT_PICKUP && e.rcpt.notice == NOTICE_DELAY && e.rcpt.tls_offered);
    assert_true(e.rcpt.attempts == UINT32_MAX && str_eq(e.rcpt.protection, STR("p")) &&
                str_eq(e.rcpt.orcpt, STR("rfc822;x")));
    assert_int_equal(entry_read(&rest, &e), 1);
    assert_true(str_eq(e.attempt.exception, STR("x")) && str_eq(e.attempt.cert_issuer, STR("ci")) &&
                e.attempt.cert_not_after == 8 && e.attempt.sts == 10 && e.attempt.reused);
    buf_free(&b);
    buf_free(&again);
}

/* What the last version of schema 20 wrote of the samples, in hex: its entries had no number of
 * fields. */
static const struct {
    size_t sample;
    const char *octets;
} of_schema_20[] = {
    {0, "0af0a20403ffffffffffffffffff0100086140622e74657374ffffffffffffffffff01010001010001010201"
        "65016c0163093139322e302e322e3101680645534d54505307544c5376312e330178ffff0304006b65790366"
        "2d310e5832353531394d4c4b454d373638ff01"},
    {1, "02078001087840792e7465737406792e7465737406ffffffff0fffffffffffffffff7f808080808080808080"
        "01ff0105322e302e30026f6b026d78010307087266633832323b78017001"},
    {2, "060103312c3203040168016119010203040506070101760163800201670173016b0263630263730263690263"
        "66080164090a0264630178"},
    {3, "070506056661637473"},
    {4, "0809"},
};

/* Reads hex without its last `lacks` octets, with another octet for the kind (0: the one that is
 * there). */
static void read_older(size_t which, char kind, size_t lacks, const struct entry *expected)
{
    struct buf old = BUF_INIT(1000), now = BUF_INIT(1000), as = BUF_INIT(1000);
    struct entry e;
    for (const char *p = of_schema_20[which].octets; *p; p += 2) {
        const char two[3] = {p[0], p[1], '\0'};
        const char octet = (char)strtol(two, NULL, 16);
        assert_int_equal(buf_append(&old, &octet, 1), 0);
    }
    size_t n = buf_len(&old) > lacks ? buf_len(&old) - lacks : 0;
    char *copy = malloc(n); /* so that a sanitizer sees reading behind it */
    memcpy(copy, buf_str(&old).p, n);
    copy[0] = kind ? kind : copy[0];
    struct str rest = str_from(copy, n);
    assert_int_equal(entry_read(&rest, &e), 1);
    assert_int_equal(rest.n, 0);
    assert_int_equal(entry_write(&now, &e), 0);
    assert_int_equal(entry_write(&as, expected), 0);
    assert_true(str_eq(buf_str(&now), buf_str(&as)));
    free(copy);
    buf_free(&old);
    buf_free(&now);
    buf_free(&as);
}

static void entries_of_earlier_versions(void **state)
{
    enum { REPAIRED = 2, GROUP = 15 }; /* octets of these fields */
    static const struct {
        char number;
        enum entry_kind kind;
    } rcpts[] = {{3, ENTRY_BOUNCED}, {4, ENTRY_OUTCOME}, {5, ENTRY_DECIDED}};
    for (size_t i = 0; i < ARRAY_LEN(of_schema_20); i++) {
        read_older(i, 0, 0, &samples[of_schema_20[i].sample]);
    }
    for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
        struct entry e = samples[1];
        e.kind = rcpts[i].kind;
        read_older(1, rcpts[i].number, 0, &e);
    }
    struct entry message = samples[0];
    message.message.repaired = 0;
    read_older(0, 9, REPAIRED, &message); /* schema 12: without what was repaired */
    message.message.tls_group = STR("");
    read_older(0, 1, REPAIRED + GROUP, &message); /* schema 11: without the group, too */
}

/* What a later version adds is not known here; what an earlier one lacks is 0. */
static void fields_are_counted(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct entry e;
    assert_int_equal(entry_write(&b, &samples[3]), 0); /* kind, 3 fields, 5, 6, "facts" */
    char octets[32];
    memcpy(octets, buf_str(&b).p, buf_len(&b));
    assert_int_equal(octets[1], 3);
    octets[1] = 4;
    struct str rest = str_from(octets, buf_len(&b) + 1);
    assert_int_equal(entry_read(&rest, &e), -EBADMSG);
    octets[1] = 2;
    rest = str_from(octets, 4);
    assert_int_equal(entry_read(&rest, &e), 1);
    assert_true(rest.n == 0 && e.inspected.id == 5 && e.inspected.at_ms == 6 &&
                e.inspected.facts.n == 0);
    buf_free(&b);
}

static void entries_that_end_early(void **state)
{
    struct entry e;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct buf b = BUF_INIT(100000);
        assert_int_equal(entry_write(&b, &samples[i]), 0);
        for (size_t n = 1; n < buf_len(&b); n++) {
            char *copy = malloc(n); /* so that a sanitizer sees reading behind it */
            memcpy(copy, buf_str(&b).p, n);
            struct str rest = str_from(copy, n);
            assert_int_equal(entry_read(&rest, &e), -EBADMSG);
            free(copy);
        }
        buf_free(&b);
    }
    struct str unknown = STR("\x3f"),
               endless = STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_int_equal(entry_read(&unknown, &e), -EBADMSG);
    assert_int_equal(entry_read(&endless, &e), -EBADMSG);
    char small[8];
    struct buf full = BUF_INIT(sizeof small);
    assert_int_equal(entry_write(&full, &samples[0]), -ENOSPC);
    assert_int_equal(buf_len(&full), 0);
    buf_free(&full);
}

/* --- files -------------------------------------------------------------- */

static struct journal_promise promised; /* what a mark would say */

static struct journal *open_journal(uint64_t settled)
{
    struct journal *j = NULL;
    assert_int_equal(journal_open(dir, STORE, promised, settled, SMALL_FILE, &j), 0);
    return j;
}

static int look(uint64_t store, uint64_t settled, uint64_t *ret_waiting, uint64_t *ret_lost)
{
    struct journal_content c;
    int r = journal_look(dir, store, promised, settled, NULL, NULL, &c);
    *ret_waiting = c.waiting;
    *ret_lost = c.lost;
    return r;
}

static void gather(struct journal *j, char letter, size_t n)
{
    static char octets[100000];
    struct buf *entries, *bodies;
    memset(octets, letter, sizeof octets);
    assert_int_equal(journal_room(j, &entries, &bodies), 0);
    assert_int_equal(buf_append(entries, octets, 100), 0);
    assert_int_equal(buf_append(bodies, octets, n), 0);
}

static void put(struct journal *j, char letter, size_t n)
{
    gather(j, letter, n);
    assert_true(journal_has_room(j));
    assert_int_equal(journal_write(j), 0);
}

/* The first letters of the batches that wait, whose bodies must be of the same. */
static void expect(struct journal *j, const char *letters, size_t n)
{
    struct journal_batch b;
    struct buf body = BUF_INIT(200000);
    struct str octets;
    size_t cursor = 0, i = 0;
    while (journal_next(j, &cursor, &b)) {
        assert_int_equal(b.entries.n, 100);
        assert_int_equal(b.entries.p[0], letters[i++]);
        assert_int_equal(journal_body(j, &b, 0, n, &body, &octets), 0);
        assert_int_equal(octets.n, n);
        assert_true(n == 0 || (octets.p[0] == b.entries.p[0] && octets.p[n - 1] == b.entries.p[0]));
    }
    assert_int_equal(i, strlen(letters));
    buf_free(&body);
}

static void reopen(struct journal **j, uint64_t settled)
{
    journal_close(*j);
    *j = open_journal(settled);
}

static size_t octets_of(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static bool is_zero(const char *name)
{
    char path[128];
    int c;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((c = getc(f)) == 0) {
    }
    fclose(f);
    return c == EOF;
}

static void batches_come_back(void **state)
{
    struct journal *j = open_journal(0);
    expect(j, "", 0);
    put(j, 'a', 5000);
    put(j, 'b', 5000);
    gather(j, 'c', 5000); /* not written */
    struct journal_batch before = journal_gathered(j), now;
    gather(j, 'd', 1);
    journal_drop(j, &before);
    now = journal_gathered(j);
    assert_int_equal(now.entries.n, 100);
    assert_int_equal(now.bodies.n, 5000);
    expect(j, "ab", 5000);
    reopen(&j, 0);
    expect(j, "ab", 5000);
    journal_settled(j, 1, false);
    expect(j, "b", 5000);
    put(j, 'c', 5000); /* into the other file: where the first ends is not believed */
    expect(j, "bc", 5000);
    reopen(&j, 1);
    expect(j, "bc", 5000);
    assert_int_equal(journal_newest(j), 3);
    reopen(&j, 3);
    expect(j, "", 0);
    assert_int_equal(journal_newest(j), 3);
    journal_close(j);
}

static void damage(unsigned file, off_t at, bool cut)
{
    char path[128], name[16], octet;
    journal_name(file, name);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (cut) {
        assert_int_equal(ftruncate(fd, at), 0);
    } else {
        assert_int_equal(pread(fd, &octet, 1, at), 1);
        octet ^= 1;
        assert_int_equal(pwrite(fd, &octet, 1, at), 1);
    }
    close(fd);
}

static void a_batch_is_whole_or_not_there(void **state)
{
    static const off_t where[] = {0, 4, 8, 12, 16, 24, 32, 39, 48, 147, 148, 5147};
    /* each part of its header, its entries, its body */
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        struct journal *j = open_journal(0);
        put(j, 'a', 5000);
        put(j, 'b', 5000);
        put(j, 'c', 5000);
        journal_close(j);
        damage(0, 2 * 8192 + where[i], i % 2 == 1);
        j = open_journal(0);
        expect(j, "ab", 5000);
        put(j, 'd', 100); /* under the number of the one that is not there */
        assert_int_equal(journal_newest(j), 3);
        reopen(&j, 0);
        assert_int_equal(journal_newest(j), 3);
        journal_close(j);
        shell("rm %s/journal-*%s", dir, "");
    }
}

/* An audit: ten batches, one bit flipped in the fifth: six were gone without a word, as if the
 * end had been torn. */
static void one_flipped_bit_costs_one_batch(void **state)
{
    static const off_t where[] = {0, 4, 8, 12, 16, 24, 32, 39, 48, 147, 148, 5147};
    for (unsigned bad = 0; bad < 5; bad++) {
        /* each part of its header, its entries, its body */
        for (size_t i = 0; i < ARRAY_LEN(where); i++) {
            struct journal *j = open_journal(0);
            char left[8] = "abcdef";
            uint64_t waiting, lost;
            for (char c = 'a'; c < 'g'; c++) { /* five in the first file, one in the other */
                put(j, c, 5000);
            }
            assert_int_equal(journal_lost(j), 0);
            journal_close(j);
            damage(0, bad * 8192 + where[i], false);
            /* the last of its file: nothing tells it from a torn end, but that the other file
             * goes on */
            if (bad == 4) {
                assert_int_equal(look(STORE, 0, &waiting, &lost), -EBADMSG);
                shell("rm %s/journal-*%s", dir, "");
                continue;
            }
            memmove(left + bad, left + bad + 1, 7 - bad);
            assert_int_equal(look(STORE, 0, &waiting, &lost), 0);
            assert_true(waiting == 5 && lost == 1);
            j = open_journal(0);
            expect(j, left, 5000);
            assert_true(journal_lost(j) == 1 && journal_newest(j) == 6);
            journal_close(j);
            j = open_journal(bad + 1); /* the tables have it already: nothing is lost */
            assert_int_equal(journal_lost(j), 0);
            journal_close(j);
            shell("rm %s/journal-*%s", dir, "");
        }
    }
}

/* A batch as version 16 wrote it: a shorter header, without the checksum of the batch before. */
static void write_16(int fd, char letter, uint64_t number, off_t at)
{
    char page[8192] = {0};
    const uint32_t words[] = {0x314a4f50, 0, 100, 5000};
    memcpy(page, words, sizeof words);
    memcpy(page + 16, &number, 8);
    memset(page + 48, letter, 5100);
    uint64_t check = XXH3_64bits_withSeed(page + 48, 100,
                                          XXH3_64bits_withSeed(page + 148, 5000, number)),
             store = STORE;
    memcpy(page + 24, &check, 8);
    memcpy(page + 32, &at, 8);
    memcpy(page + 40, &store, 8);
    assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
}

static void batches_of_version_16(void **state)
{
    char path[128];
    snprintf(path, sizeof path, "%s/journal-0", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    write_16(fd, 'a', 1, 0);
    write_16(fd, 'b', 2, 8192);
    close(fd);
    struct journal *j = open_journal(0);
    expect(j, "ab", 5000);
    put(j, 'c', 5000);
    reopen(&j, 0);
    expect(j, "abc", 5000);
    assert_int_equal(journal_lost(j), 0);
    journal_close(j);
    damage(0, 60, false);
    j = open_journal(0);
    expect(j, "bc", 5000);
    assert_int_equal(journal_lost(j), 1);
    journal_close(j);
}

/* The newest batch was promised: what is left of it is no torn end. */
static void the_mark_tells_of_the_newest(void **state)
{
    struct journal *j = open_journal(0);
    for (char c = 'a'; c < 'e'; c++) {
        put(j, c, 5000);
    }
    promised = journal_promised(j);
    journal_close(j);
    damage(0, 3 * 8192 + 5000, false);
    j = open_journal(0);
    expect(j, "abc", 5000);
    assert_true(journal_lost(j) == 1 && journal_newest(j) == 4); /* its number is not used again */
    journal_close(j);
    shell("rm %s/journal-0%s", dir, "");
    j = open_journal(0);
    assert_int_equal(journal_lost(j), 4);
    journal_close(j);
    promised = (struct journal_promise){0};
}

/* The first batches of a file are in the tables and damaged: those behind them are not, and
 * count. */
static void damage_of_what_is_settled_costs_nothing(void **state)
{
    struct journal *j = open_journal(0);
    for (char c = 'a'; c < 'f'; c++) {
        put(j, c, 5000);
    }
    journal_close(j);
    damage(0, 30, false);
    j = open_journal(3);
    expect(j, "de", 5000);
    assert_int_equal(journal_lost(j), 0);
    journal_close(j);
}

/* Two lives of one store after a copy was put back: the same numbers, but not the same batches. */
static void another_life_is_refused(void **state)
{
    struct journal *none = NULL;
    struct journal *j = open_journal(0);
    for (char c = 'a'; c < 'h'; c++) { /* five and two */
        put(j, c, 5000);
    }
    journal_close(j);
    shell("cp %s/journal-1 %s/other", dir, dir);
    shell("rm %s/journal-?%s", dir, "");
    j = open_journal(0);
    for (char c = 'p'; c < 'w'; c++) {
        put(j, c, 5000);
    }
    promised = journal_promised(j);
    journal_close(j);
    shell("mv %s/other %s/journal-1", dir, dir);
    assert_int_equal(journal_open(dir, STORE, promised, 0, SMALL_FILE, &none), -EBADMSG);
    promised = (struct journal_promise){0};
    assert_int_equal(journal_open(dir, STORE, promised, 0, SMALL_FILE, &none), -EBADMSG);
}

/* What lies behind the end of a round is of an older one, whole or not: that is no damage. */
static void an_older_round_is_no_damage(void **state)
{
    struct journal *j = open_journal(0);
    for (char c = 'a'; c < 'k'; c++) { /* both files full */
        put(j, c, 5000);
    }
    journal_settled(j, 10, true);
    put(j, 'k', 9000); /* over the first of the older round, and a part of the second */
    journal_close(j);
    j = open_journal(10);
    expect(j, "k", 9000);
    assert_int_equal(journal_lost(j), 0);
    journal_close(j);
    damage(0, 200, false); /* torn, as far as anybody can tell */
    j = open_journal(10);
    expect(j, "", 0);
    assert_int_equal(journal_lost(j), 0);
    journal_close(j);
}

static void what_is_missing_is_told(void **state)
{
    struct journal *j = open_journal(0), *none = NULL;
    uint64_t waiting, lost;
    for (char c = 'a'; c < 'h'; c++) { /* five in the first file, two in the other */
        put(j, c, 5000);
    }
    journal_close(j);
    assert_int_equal(look(STORE, 0, &waiting, &lost), 0);
    assert_int_equal(waiting, 7);
    assert_int_equal(look(STORE, 6, &waiting, &lost), 0);
    assert_int_equal(waiting, 1);
    /* the last one of that file: nothing in it says that it was whole */
    damage(0, 4 * 8192 + 200, false);
    /* between the files */
    assert_int_equal(journal_open(dir, STORE, promised, 0, SMALL_FILE, &none), -EBADMSG);
    assert_int_equal(look(STORE, 0, &waiting, &lost), -EBADMSG);
    assert_null(none);
    j = open_journal(5); /* the tables have them */
    expect(j, "fg", 5000);
    journal_close(j);
    damage(0, 0, true);
    /* between the tables and the files */
    assert_int_equal(journal_open(dir, STORE, promised, 2, SMALL_FILE, &none), -EBADMSG);
    j = open_journal(5);
    expect(j, "fg", 5000);
    journal_close(j);
    /* another store's */
    assert_int_equal(journal_open(dir, STORE + 1, promised, 5, SMALL_FILE, &none), -EBADMSG);
    assert_int_equal(look(STORE + 1, 7, &waiting, &lost), -EBADMSG);
}

static void clear_all(struct journal *j)
{
    while (journal_clear(j)) {
    }
}

static void prepare_all(struct journal *j)
{
    while (journal_prepare(j)) {
    }
}

/* What comes while the files are wiped is found again, however far that was, and nothing of what
 * was wiped. */
static void wiped_in_part(void **state)
{
    for (int pieces = 1; pieces < 24; pieces++) {
        struct journal *j = open_journal(0);
        for (int i = 0; i < 6; i++) { /* five and one */
            put(j, (char)('a' + i), 5000);
        }
        journal_settled(j, 6, true);
        for (int i = 0; i < pieces && journal_clear(j); i++) {
        }
        assert_int_equal(journal_is_clear(j), pieces >= 12);
        put(j, 'g', 5000);
        put(j, 'h', 5000);
        reopen(&j, 6);
        expect(j, "gh", 5000);
        journal_close(j);
        shell("rm %s/journal-*%s", dir, "");
    }
}

static void files_made_ready(void **state)
{
    struct journal *j = open_journal(0);
    assert_true(journal_is_clear(j));
    put(j, 'a', 5000);
    assert_int_equal(octets_of("journal-0"), 8192);
    prepare_all(j); /* while something waits */
    assert_int_equal(octets_of("journal-0"), SMALL_FILE);
    assert_int_equal(octets_of("journal-1"), SMALL_FILE);
    put(j, 'b', 5000);
    reopen(&j, 0);
    expect(j, "ab", 5000);
    assert_false(journal_clear(j)); /* not while something waits */
    assert_false(is_zero("journal-0"));
    journal_settled(j, 2, true);
    assert_false(journal_is_clear(j));
    clear_all(j);
    assert_true(journal_is_clear(j));
    assert_true(is_zero("journal-0"));
    reopen(&j, 2);
    assert_true(journal_is_clear(j)); /* seen from the first page */
    for (int i = 0; i < 7; i++) {
        put(j, (char)('c' + i), 5000);
    }
    reopen(&j, 2);
    expect(j, "cdefghi", 5000);
    journal_settled(j, 9, true);
    clear_all(j);
    assert_true(is_zero("journal-0") && is_zero("journal-1"));
    assert_int_equal(octets_of("journal-0") + octets_of("journal-1"), 2 * SMALL_FILE);
    journal_close(j);
}

static void files_in_turn(void **state)
{
    struct journal *j = open_journal(0);
    for (int i = 0; i < 10; i++) { /* five in each */
        put(j, (char)('a' + i), 5000);
    }
    gather(j, 'k', 5000);
    assert_false(journal_has_room(j));
    journal_settled(j, 9, false); /* might be undone */
    assert_false(journal_has_room(j));
    journal_settled(j, 4, true);
    assert_false(journal_has_room(j));
    journal_settled(j, 5, true);
    assert_true(journal_has_room(j));
    assert_int_equal(journal_write(j), 0);
    reopen(&j, 5); /* the old ones behind the new one do not come back */
    expect(j, "fghijk", 5000);
    journal_settled(j, 11, true);
    clear_all(j);
    put(j, 'l', 5000);
    reopen(&j, 11);
    expect(j, "l", 5000);
    put(j, 'm', 60000); /* larger than a file is to be: it is written all the same */
    reopen(&j, 12);
    expect(j, "m", 60000);
    journal_close(j);
}

/* --- the store ---------------------------------------------------------- */

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % n;
}

static struct store *open_store(const char *name, bool small)
{
    char path[128], problem[300] = "";
    struct store *s = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)mkdir(path, 0700);
    if (store_open_with(path,
                        small
                            ? (struct store_sizes){.journal_file = SMALL_FILE, .chunk = SMALL_CHUNK}
                            : (struct store_sizes){.journal_file = JOURNAL_FILE_MAX, .chunk = 64},
                        problem, sizeof problem, &s) < 0) {
        fail_msg("%s", problem);
    }
    return s;
}

static void on_done(void *arg, enum store_result r)
{
    assert_int_equal(r, STORE_OK);
}

enum { RCPTS = 3 };

static void come(struct store *s, uint64_t id, unsigned n, unsigned octets, uint64_t bounce_of,
                 const uint64_t *bounced, size_t n_bounced)
{
    static char body[30000];
    struct store_rcpt r[RCPTS] = {
        {.forward_path = STR("x@one.test"), .next_hop = STR("one.test")},
        {
            .forward_path = STR("y@two.test"),
            .next_hop = STR("two.test"),
            .state = RCPT_HELD,
            .notice = NOTICE_DUE,
        },
        {
            .forward_path = STR("z@two.test"),
            .next_hop = STR("two.test"),
            .notify = 1,
        },
    };
    memset(body, (char)id, sizeof body);
    const struct store_message m = {
        .id = id,
        .bounce_of = bounce_of,
        .reverse_path = STR("a@b.test"),
        .arrived_ms = (int64_t)id,
        .size = octets,
        .sealed_key = STR("key"),
        .body = str_from(body, octets),
    };
    store_enqueue(s, &m, r, n, bounced, n_bounced, on_done, NULL);
}

/* One change, the same whatever store it is; ids and numbers of recipients grow alike in both. */
struct change {
    unsigned kind, n, octets;
    uint64_t id, rcpt, other;
    enum rcpt_state state;
    bool bounced;
};

static void apply(struct store *s, const struct change *c)
{
    const struct store_rcpt r = {
        .rcpt = c->rcpt,
        .id = c->id,
        .next_hop = STR("three.test"),
        .state = c->state,
        .attempts = c->n,
        .next_ms = c->octets,
        .code = STR("4.0.0"),
        .reply = STR("later"),
        .host = STR("mx"),
        .bounced = c->bounced,
        .notice = c->bounced ? NOTICE_SENT : NOTICE_DUE,
        .protection = STR("p"),
    };
    switch (c->kind) {
    case 0:
    case 1:
        come(s, c->id, 1 + c->n % RCPTS, c->octets, 0, NULL, 0);
        break;
    case 2:
    case 3:
        store_outcome(s, &r);
        store_add_attempt(s, &(struct store_attempt){
                                 .id = c->id,
                                 .rcpts = STR("1"),
                                 .at_ms = c->octets,
                             });
        store_release_body(s, c->id);
        break;
    case 4:
        store_decided(s, &r);
        store_inspected(s, c->id, c->octets, STR("facts"));
        break;
    case 5:
        store_release_body(s, c->id);
        break;
    case 6:
        come(s, c->other, 1, c->octets, c->id, &c->rcpt, 1);
        store_release_body(s, c->id);
        break;
    case 7: /* changes that go to the tables at once */
        store_set_state(s, c->id, RCPT_HELD, RCPT_QUEUED, 5, 0);
        break;
    default:
        store_redirect(s, &(struct store_rcpt){
                              .rcpt = c->rcpt,
                              .forward_path = STR("new@one.test"),
                              .next_hop = STR("one.test"),
                              .protection = STR("q"),
                          });
        break;
    }
}

/* Everything the tables say. */
static void dump(const char *name, struct buf *out)
{
    static const char *const queries[] = {
        "SELECT * FROM message ORDER BY id",     "SELECT * FROM body ORDER BY id",
        "SELECT * FROM recipient ORDER BY rcpt", "SELECT * FROM attempt ORDER BY attempt",
        "SELECT * FROM inspection ORDER BY id",
    };
    char path[128];
    sqlite3 *db = NULL;
    buf_reset(out);
    snprintf(path, sizeof path, "%s/%s/postern.db", dir, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        sqlite3_stmt *q = NULL;
        assert_int_equal(sqlite3_prepare_v2(db, queries[i], -1, &q, NULL), SQLITE_OK);
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
    sqlite3_close(db);
}

static void assert_same(struct buf *a, struct buf *b)
{
    assert_true(buf_len(a) > 1000);
    assert_true(str_eq(buf_str(a), buf_str(b)));
}

/* As it would be found after the process was killed here. */
static void look_at_a_copy(struct buf *a, struct buf *b)
{
    shell("rm -rf %s/copy; cd %s; cp -r late copy", dir, dir);
    store_close(open_store("copy", true));
    dump("copy", a);
    dump("at-once", b);
    assert_same(a, b);
}

static uint64_t first_rcpt[2000], n_rcpts[2000]; /* of each message */

static struct change any_change(const struct store *s, uint64_t *ids)
{
    struct change c = {
        .kind = below(16),
        .n = below(9),
        .octets = below(100) < 80 ? below(3000) : below(30000),
        .state = (enum rcpt_state)below(RCPT_STATE_END),
        .bounced = below(2) == 0,
    };
    /* mostly what mostly happens */
    c.kind = c.kind < 9 ? c.kind : c.kind < 11 ? 1 : c.kind < 14 ? 2 : 6;
    c.id = c.kind < 2                  ? ++*ids
           : *ids > 30 && below(4) > 0 ? *ids - below(below(2) ? 6 : 30)
                                       : 1 + below((unsigned)*ids + 1);
    c.rcpt = s->next_rcpt > 60 ? s->next_rcpt - 1 - below(60) : 1 + below(3);
    /* mostly one of this very message, and mostly it ends */
    if (c.kind > 1 && c.id <= *ids && below(8) > 0) {
        c.rcpt = first_rcpt[c.id] + below((unsigned)n_rcpts[c.id]);
        c.state = below(3) > 0 ? below(2) ? RCPT_DELIVERED : RCPT_FAILED : c.state;
    }
    c.other = c.kind == 6 ? ++*ids : 0;
    if (c.kind < 2 || c.kind == 6) {
        first_rcpt[*ids] = s->next_rcpt;
        n_rcpts[*ids] = c.kind == 6 ? 1 : 1 + c.n % RCPTS;
    }
    return c;
}

static void settle_somehow(struct store *s)
{
    unsigned n = below(12);
    if (n == 0) {
        for (unsigned i = below(8); i > 0 && store_rest(s); i--) {
        }
    } else {
        (void)store_settle(s, n < 3 ? STORE_SETTLE_OLD : STORE_SETTLE_EXCESS);
    }
}

static void the_same_as_at_once(void **state)
{
    struct buf a = BUF_INIT(64 * 1024 * 1024), b = BUF_INIT(64 * 1024 * 1024);
    for (uint64_t round = 1; round <= 20; round++) {
        seed = round * 7919;
        struct store *late = open_store("late", round % 2 == 0),
                     *at_once = open_store("at-once", false);
        uint64_t ids = 0;
        for (unsigned step = 0; step < 600; step++) {
            struct change c = any_change(late, &ids);
            apply(late, &c);
            /* nobody's: from here on the batch goes to the tables */
            store_set_notice(at_once, 0, NOTICE_NONE);
            apply(at_once, &c);
            if (below(4) > 0) {
                continue;
            }
            store_flush(late);
            store_flush(at_once);
            assert_int_equal(journal_newest(at_once->journal), 0);
            settle_somehow(late);
            if (step > 100 && below(24) == 0) {
                look_at_a_copy(&a, &b);
            }
        }
        assert_true(journal_newest(late->journal) > 50);
        store_close(late);
        store_close(at_once);
        dump("late", &a);
        dump("at-once", &b);
        assert_same(&a, &b);
        shell("rm -r %s/late %s/at-once", dir, dir);
    }
    buf_free(&a);
    buf_free(&b);
}

/* Under load what has ended in time never was in the tables with its body: the log of commits
 * would have it. */
static void what_has_ended_leaves_no_body(void **state)
{
    struct store *s = open_store("store", false);
    struct store_rcpt r[40];
    char path[128];
    struct stat st;
    for (unsigned turn = 0; turn < 40; turn++) {
        come(s, turn + 1, 1, 30000, 0, NULL, 0);
        r[turn] = (struct store_rcpt){
            .rcpt = s->next_rcpt - 1,
            .id = turn + 1,
            .state = RCPT_DELIVERED,
            .bounced = true,
        };
        store_flush(s);
        if (turn >= 20) {
            store_outcome(s, &r[turn - 20]);
            store_release_body(s, turn - 20 + 1);
            store_flush(s);
        }
    }
    while (store_settle(s, STORE_SETTLE_OLD) || store_settle(s, STORE_SETTLE_EXCESS)) {
    }
    snprintf(path, sizeof path, "%s/store/postern.db-wal", dir);
    assert_int_equal(stat(path, &st), 0);
    /* of forty bodies the twenty that go on, rows and indexes */
    assert_in_range(st.st_size, 20 * 30000, 33 * 30000);
    store_close(s);
    assert_true(octets_of("store/journal-0") > 40 * 30000);
    assert_true(is_zero("store/journal-0")); /* nothing of them is left behind */
}

static int state_of_the_first(void)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    snprintf(path, sizeof path, "%s/store/postern.db", dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT state FROM recipient WHERE rcpt=1", -1, &q,
                                        NULL),
                     SQLITE_OK);
    int state = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int(q, 0) : -1;
    sqlite3_finalize(q);
    sqlite3_close(db);
    return state;
}

/* Taken over to make room for a batch that may still fail: what that one says does not count
 * yet. */
static void what_is_not_synced_changes_nothing(void **state)
{
    struct store *s = open_store("store", true);
    const struct store_rcpt r = {.rcpt = 1, .id = 1, .state = RCPT_DELIVERED, .bounced = true};
    for (uint64_t id = 1; id <= 4; id++) { /* two in each file */
        come(s, id, 1, 14000, 0, NULL, 0);
        store_flush(s);
    }
    come(s, 5, 1, 14000, 0, NULL, 0);
    store_outcome(s, &r);
    store_release_body(s, 1);
    assert_false(journal_has_room(s->journal));
    assert_true(store_make_room(s));
    assert_int_equal(state_of_the_first(), RCPT_QUEUED);
    store_flush(s);
    store_close(s);
    assert_int_equal(state_of_the_first(), RCPT_DELIVERED);
}

static void no_progress(void *arg, uint64_t done, uint64_t all)
{
}

static void count_finding(void *arg, bool fatal, const char *text)
{
    *(unsigned *)arg += fatal && strstr(text, "journal") != NULL;
}

static struct store_health check(const char *name, unsigned *ret_findings)
{
    char path[128], problem[300] = "";
    struct store_health h;
    *ret_findings = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (store_check(path, &(struct store_checker){.arg = ret_findings, .finding = count_finding},
                    &h, problem, sizeof problem) < 0) {
        fail_msg("%s", problem);
    }
    return h;
}

/* Copied and looked at from outside, while what was promised is in the journal alone. */
static void a_backup_has_the_journal(void **state)
{
    struct store *s = open_store("store", false);
    char from[128], to[128], problem[300] = "";
    uint64_t gone;
    unsigned findings;
    come(s, 1, 1, 30000, 0, NULL, 0);
    store_flush(s);
    come(s, 2, 2, 100, 0, NULL, 0); /* of another batch */
    store_flush(s);
    assert_int_equal(check("store", &findings).waiting, 2);
    assert_int_equal(findings, 0);
    snprintf(from, sizeof from, "%s/store", dir);
    snprintf(to, sizeof to, "%s/backup", dir);
    assert_int_equal(store_backup(from, to, no_progress, NULL, &gone, problem, sizeof problem), 0);
    store_close(s);
    assert_int_equal(check("store", &findings).waiting, 0);
    assert_int_equal(check("backup", &findings).waiting, 2);
    assert_int_equal(findings, 0);
    store_close(open_store("backup", false));
    struct store_health h = check("backup", &findings);
    assert_int_equal(h.messages, 2);
    assert_int_equal(h.queued + h.held, 3);
    assert_int_equal(h.waiting, 0);
}

/* A bit of the third of five messages flips after a crash: the others are there, and nothing
 * says that all is well. */
static void a_damaged_journal_is_told(void **state)
{
    struct store *s = open_store("store", false);
    unsigned findings;
    for (uint64_t id = 1; id <= 5; id++) { /* a page each */
        come(s, id, 1, 100, 0, NULL, 0);
        store_flush(s);
    }
    shell("cp -r %s/store %s/crashed", dir, dir);
    store_close(s);
    shell("mv %s/crashed/journal-0 %s", dir, dir);
    damage(0, 2 * 4096 + 60, false);
    shell("mv %s/journal-0 %s/crashed", dir, dir);
    struct store_health h = check("crashed", &findings);
    assert_true(h.waiting == 4 && h.lost == 1 && findings == 1);
    s = open_store("crashed", false);
    assert_int_equal(store_lost(s).batches, 1);
    store_close(s);
    h = check("crashed", &findings);
    assert_true(h.messages == 4 && h.waiting == 0 && h.lost == 0);
    /* what was damaged is kept, and named until somebody takes it away */
    assert_int_equal(findings, JOURNAL_FILES);
    shell("rm %s/crashed/journal-*.damaged-*%s", dir, "");
    check("crashed", &findings);
    assert_int_equal(findings, 0);
}

/* The tables of one store beside the journal of another: nothing is guessed. */
static void another_journal_is_refused(void **state)
{
    struct store *s = open_store("store", false), *other = open_store("other", false), *none = NULL;
    char path[128], problem[300] = "";
    unsigned findings;
    come(other, 1, 1, 100, 0, NULL, 0);
    store_flush(other);
    store_close(s);
    shell("cp %s/other/journal-0 %s/store/journal-0", dir, dir);
    store_close(other);
    snprintf(path, sizeof path, "%s/store", dir);
    assert_true(store_open(path, problem, sizeof problem, &none) < 0);
    assert_non_null(strstr(problem, "belongs to another postern.db"));
    check("store", &findings);
    assert_int_equal(findings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back),
        cmocka_unit_test(entries_of_earlier_versions),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(entries_that_end_early),
        cmocka_unit_test_setup_teardown(one_flipped_bit_costs_one_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_of_version_16, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mark_tells_of_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_of_what_is_settled_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(another_life_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_round_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_whole_or_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(files_made_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(wiped_in_part, setup, teardown),
        cmocka_unit_test_setup_teardown(files_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_as_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_ended_leaves_no_body, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_synced_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_backup_has_the_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_journal_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(another_journal_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
