/* SPDX-License-Identifier: Apache-2.0
 * test_records.c: each stored record (records/records.def) is written, read and kept in its table
 * field by field: as a version before named columns wrote it (tests/fixtures/store/21.sql, made by
 * that version's code of the samples), and as it is read from there.
 */
#include "check.h"
#include "store/records.h"
#include "store_samples.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE "tests/fixtures/store/21.sql"

static char dir[64], earlier[80], beside[96];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/postern-records-XXXXXX");
    must(mkdtemp(dir));
    snprintf(earlier, sizeof earlier, "%s/earlier", dir);
    snprintf(beside, sizeof beside, "%s/postern.db", earlier);
    return mkdir(earlier, 0700);
}

static int teardown(void **state)
{
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct store *open_in(const char *directory)
{
    char problem[256] = "";
    struct store *s = NULL;
    if (store_open(directory, problem, sizeof problem, &s) < 0) {
        fail_msg("%s", problem);
    }
    return s;
}

static struct store *open_store(void)
{
    return open_in(dir);
}

static void run(sqlite3 *db, const char *sql)
{
    char *problem = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK) {
        fail_msg("%s", problem);
    }
}

/* The tables as that version made them, in a file of that name. */
static void make_earlier(const char *path)
{
    static char sql[64 * 1024];
    sqlite3 *db = NULL;
    FILE *f = fopen(FIXTURE, "r");
    assert_non_null(f);
    sql[fread(sql, 1, sizeof sql - 1, f)] = '\0';
    fclose(f);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run(db, sql);
    run(db, "UPDATE settled SET number=0, marked=0"); /* its journal is not there */
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static sqlite3 *open_both(void)
{
    char path[96], attach[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/postern.db", dir);
    snprintf(attach, sizeof attach, "ATTACH '%s' AS earlier", beside);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run(db, attach);
    return db;
}

/* How many rows a statement has; 1 is NULL, or a text for its ?1. */
static unsigned rows(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *q = NULL;
    unsigned n = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    if (text) {
        sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
    }
    while (sqlite3_step(q) == SQLITE_ROW) {
        n++;
    }
    sqlite3_finalize(q);
    return n;
}

/* Those of one that the other has not, by the names of the columns. */
static void compare_table(sqlite3 *db, const char *table)
{
    char columns[2048] = "", sql[6000];
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT group_concat('quote(\"' || name || '\")') FROM "
                                        "pragma_table_info(?1, 'earlier')",
                                        -1, &q, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    snprintf(columns, sizeof columns, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    static const char *const ways[][2] = {{"earlier", "main"}, {"main", "earlier"}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        snprintf(sql, sizeof sql, "SELECT %s FROM %s.\"%s\" EXCEPT SELECT %s FROM %s.\"%s\"",
                 columns, ways[i][0], table, columns, ways[i][1], table);
        if (rows(db, sql, NULL) != 0) {
            fail_msg("%s: rows of %s are not in %s", table, ways[i][0], ways[i][1]);
        }
    }
    snprintf(sql, sizeof sql, "SELECT 1 FROM \"%s\"", table);
    assert_true(rows(db, sql, NULL) > 0); /* there is a sample of each */
}

static void tables_say_what_they_said_before(void **state)
{
    struct store *s = open_store();
    write_samples(s);
    store_close(s);
    make_earlier(beside);
    sqlite3 *db = open_both();
    sqlite3_stmt *q = NULL;
    unsigned n = 0;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM earlier.sqlite_master WHERE "
                                        "type='table' AND name<>'settled'",
                                        -1, &q, NULL),
                     SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        compare_table(db, (const char *)sqlite3_column_text(q, 0));
        n++;
    }
    sqlite3_finalize(q);
    assert_int_equal(n, 31);
    sqlite3_close(db);
}

/* A column of each table, and how its rows are found. What it is when nothing is said does not
 * matter, as all is always said, nor does its place. */
#define SHAPE(of) \
    "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM " of ".sqlite_master m, " \
    "pragma_table_info(m.name, '" of "') c WHERE m.type='table'"
#define INDEXES(of) "SELECT name, sql FROM " of ".sqlite_master WHERE type='index'"

static void an_upgraded_store_has_the_tables_of_a_new_one(void **state)
{
    store_close(open_store());
    make_earlier(beside);
    store_close(open_in(earlier));
    sqlite3 *db = open_both();
    assert_int_equal(rows(db, SHAPE("main") " EXCEPT " SHAPE("earlier"), NULL), 0);
    assert_int_equal(rows(db, SHAPE("earlier") " EXCEPT " SHAPE("main"), NULL), 0);
    assert_int_equal(rows(db, INDEXES("main") " EXCEPT " INDEXES("earlier"), NULL), 0);
    assert_int_equal(rows(db, INDEXES("earlier") " EXCEPT " INDEXES("main"), NULL), 0);
    assert_true(rows(db, SHAPE("main"), NULL) > 200);
    sqlite3_close(db);
}

/* --- reading ------------------------------------------------------------ */

/* What a walk should show, and how often it did. */
struct wanted {
    const void *row, *second; /* second: NULL where there is one only */
    unsigned n;
};

static void check_fields(const struct record *r, const void *got, const void *want)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct record_field *f = &r->fields[i];
        if (record_is_text(f) ? !str_eq(*record_str_of(f, got), *record_str_of(f, want))
                              : record_number(f, got) != record_number(f, want)) {
            fail_msg("the field %s is another one", f->name);
        }
    }
}

#define SEE(name) \
    static void see_##name(void *arg, const struct store_##name *got) \
    { \
        struct wanted *w = arg; \
        check_fields(store_record_##name(), got, w->n++ == 0 ? w->row : w->second); \
    }
SEE(message)
SEE(rcpt)
SEE(attempt)
SEE(domain)
SEE(probe)
SEE(alarm)
SEE(exception)
SEE(sts)
SEE(quirk)
SEE(rpt_count)
SEE(rpt_failure)
SEE(rpt_sent)
SEE(rpt_received)
SEE(account)
SEE(refusal)
SEE(act)
SEE(place)
SEE(envelope)
SEE(envelope_event)
SEE(pass)
SEE(person)
SEE(passkey)
SEE(thread)
SEE(damage)

static void read_well(void *arg, enum store_result r)
{
    struct wanted *w = arg;
    assert_int_equal(r, STORE_OK);
    assert_int_equal(w->n, w->second ? 2 : 1);
}

#define WANT(one)       (&(struct wanted){(one), NULL, 0})
#define TWO(one, other) (&(struct wanted){(one), (other), 0})
#define READ(call, want) \
    do { \
        struct wanted *w = (want); \
        read_well(w, call); \
    } while (0)

static void see_inspection(void *arg, uint64_t id, int64_t at_ms, struct str facts)
{
    assert_true(id == sample_message.id && at_ms == 1700000000241 &&
                str_eq(facts, STR("flags=none")));
    ((struct wanted *)arg)->n++;
}

static void see_view(void *arg, struct str sealed)
{
    assert_true(str_eq(sealed, STR("\0view")));
    ((struct wanted *)arg)->n++;
}

static void see_draft(void *arg, struct str sealed_key, struct str sealed)
{
    assert_true(str_eq(sealed_key, STR("\0draft's key")) && str_eq(sealed, STR("\0draft")));
    ((struct wanted *)arg)->n++;
}

static void see_group(void *arg, struct str name, struct str addresses)
{
    assert_true(str_eq(name, STR("cn=team")) && str_eq(addresses, STR("ann@inside.test")));
    ((struct wanted *)arg)->n++;
}

static void see_all_of_a_message(struct store *s)
{
    struct store_rcpt rcpt = sample_rcpt;
    rcpt.rcpt = 1;
    rcpt.id = sample_message.id;
    READ(store_message_get(s, sample_message.id, see_message, w), WANT(&sample_message));
    READ(store_report(s, sample_message.id, NULL, see_rcpt, NULL, w), WANT(&rcpt));
    READ(store_list(s, RCPT_HELD, 9, NULL, see_rcpt, w), WANT(&rcpt));
    READ(store_each_held(s, rcpt.reason, 0, 9, see_rcpt, w), WANT(&rcpt));
    READ(store_each_outcome_due(s, INT64_MAX, 9, see_rcpt, w), WANT(&rcpt));
    READ(store_inspection_get(s, sample_message.id, see_inspection, w), WANT(NULL));
    READ(store_each_damage(s, true, 9, see_damage, w), WANT(&sample_damage));
}

static void ignore_rcpt(void *arg, const struct store_rcpt *r)
{
}

static void see_domains(struct store *s)
{
    struct store_alarm alarm = sample_alarm;
    struct store_exception exception = sample_exception;
    struct store_quirk quirk = sample_quirk;
    alarm.alarm = 1;
    exception.exception = 1;
    exception.ended_by = STR("bob (1001)");
    exception.ended_ms = 1700000000251;
    quirk.host = STR("mx.quirk.test");
    READ(store_each_domain(s, see_domain, w), WANT(&sample_domain));
    READ(store_each_probe(s, sample_probe.domain, 9, see_probe, w), WANT(&sample_probe));
    READ(store_each_alarm(s, true, 9, see_alarm, w), WANT(&alarm));
    READ(store_each_unmailed_alarm(s, 9, see_alarm, w), WANT(&alarm));
    READ(store_each_exception(s, see_exception, w), WANT(&exception));
    READ(store_each_sts(s, see_sts, w), WANT(&sample_sts));
    READ(store_each_quirk(s, see_quirk, w), WANT(&quirk));
}

static void see_reports(struct store *s)
{
    const struct store_rpt_session *f = &sample_rpt_failed;
    const struct store_rpt_count count = {
        .day = f->day,
        .domain = f->domain,
        .type = f->type,
        .policy = f->policy,
        .mx = f->mx,
        .ok = 2,
        .failed = 1,
    };
    struct store_rpt_failure failure = {
        .day = f->day,
        .domain = f->domain,
        .type = f->type,
        .policy = f->policy,
        .n = 1,
    };
    struct store_rpt_received received = sample_rpt_received;
    RECORD_COPY(RPT_FAILED, &failure, f);
    received.received = 1;
    READ(store_each_rpt_count(s, f->day, f->domain, see_rpt_count, w), WANT(&count));
    READ(store_each_rpt_failure(s, f->day, f->domain, f->type, f->policy, see_rpt_failure, w),
         WANT(&failure));
    READ(store_each_rpt_sent(s, 9, see_rpt_sent, w), WANT(&sample_rpt_sent));
    READ(store_each_rpt_received(s, 0, 9, see_rpt_received, w), WANT(&received));
    READ(store_each_rpt_received(s, 1, 9, see_rpt_received, w), WANT(&received));
}

static void see_people(struct store *s)
{
    struct store_act act = sample_act;
    act.act = 1;
    READ(store_each_account(s, see_account, w), WANT(&sample_account));
    READ(store_each_refusal(s, 9, see_refusal, w), WANT(&sample_refusal));
    READ(store_each_act(s, sample_act.about, 9, see_act, w), WANT(&act));
    READ(store_each_place(s, 0, see_place, w), WANT(&sample_place));
    READ(store_each_directory_group(s, see_group, w), WANT(NULL));
}

static void see_portal(struct store *s)
{
    const struct store_envelope *e = &sample_envelope;
    const struct str address = sample_envelope.address;
    READ(store_envelopes(s, ENVELOPE_BY_NUMBER, e->envelope, see_envelope, w), WANT(e));
    READ(store_envelopes(s, ENVELOPE_BY_NOTICE, e->notice_id, see_envelope, w), WANT(e));
    READ(store_envelopes_of(s, ENVELOPE_OF_TOKEN, STR("\0token"), 9, see_envelope, w), WANT(e));
    READ(store_envelopes_due(s, ENVELOPE_OVER, INT64_MAX, 9, see_envelope, w), WANT(e));
    READ(store_envelope_events(s, e->envelope, 9, see_envelope_event, w),
         TWO(&sample_event, &sample_reading));
    READ(store_get_view(s, e->id, see_view, w), WANT(NULL));
    READ(store_get_draft(s, e->envelope, see_draft, w), WANT(NULL));
    READ(store_get_pass(s, sample_pass.hash, see_pass, w), WANT(&sample_pass));
    READ(store_get_person(s, address, see_person, w), WANT(&sample_person));
    READ(store_passkeys_of(s, address, see_passkey, w), WANT(&sample_passkey));
    READ(store_get_thread(s, e->thread, see_thread, w), WANT(&sample_thread));
}

static void read_samples(struct store *s)
{
    see_all_of_a_message(s);
    READ(store_report(s, sample_message.id, NULL, ignore_rcpt, see_attempt, w),
         WANT(&sample_attempt));
    see_domains(s);
    see_reports(s);
    see_people(s);
    see_portal(s);
}

static void what_is_written_is_read(void **state)
{
    struct store *s = open_store();
    write_samples(s);
    read_samples(s);
    store_close(s);
}

static void what_an_earlier_version_wrote_is_read(void **state)
{
    make_earlier(beside);
    struct store *s = open_in(earlier);
    read_samples(s);
    store_close(s);
}

/* --- copies ------------------------------------------------------------- */

static void a_copy_has_texts_of_its_own(void **state)
{
    const struct record *r = store_record_envelope();
    struct store_envelope held = sample_envelope, cut = sample_envelope, own = sample_envelope;
    char room[RECORD_ROOM(envelope)], small[10];
    record_hold(r, &held, room, sizeof room);
    check_fields(r, &held, &sample_envelope);
    assert_ptr_equal(held.address.p, room);
    assert_string_equal(held.thread.p, "thread-1");
    record_hold(r, &cut, small, sizeof small);
    assert_string_equal(cut.address.p, "bob@outsi");
    assert_true(cut.address.n == 9 && cut.sender.n == 0 && cut.subject.n == 0);
    assert_int_equal(cut.octets, sample_envelope.octets);
    record_own(r, &own);
    check_fields(r, &own, &sample_envelope);
    assert_ptr_not_equal(own.subject.p, sample_envelope.subject.p);
    record_free(r, &own);
    assert_int_equal(own.subject.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_say_what_they_said_before, setup, teardown),
        cmocka_unit_test_setup_teardown(an_upgraded_store_has_the_tables_of_a_new_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_earlier_version_wrote_is_read, setup, teardown),
        cmocka_unit_test(a_copy_has_texts_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
