/* SPDX-License-Identifier: Apache-2.0
 * test_postern_asking.c: the postern command where posternd and the queue are down, silent, end in
 * the middle, or say what they may not: what was taken over must not reach who asks, who is root
 * most often. Exit statuses: docs/man/postern.1, EXIT STATUS.
 */
#include "unit/cmd/scripted.h"

/* All commands that ask the queue for rows. */
static const char *const lists[][4] = {
    {"queue", "list"},
    {"message", "A"},
    {"domains", "list"},
    {"domains", "show", "a"},
    {"domains", "alarms"},
    {"domains", "quirks"},
    {"exception", "list", "--all"},
    {"acts"},
    {"sts", "show", "a"},
    {"tlsrpt", "list"},
    {"tlsrpt", "sent"},
    {"user", "list"},
    {"refusals"},
    {"forward", "audit"},
    {"envelope", "list"},
    {"envelope", "show", "A"},
};

static int run_list(size_t i, bool json)
{
    const char *words[6] = {json ? "--json" : "--by"};
    size_t n = 1;
    if (!json) {
        words[n++] = "a";
    }
    for (size_t k = 0; lists[i][k]; k++) {
        words[n++] = lists[i][k];
    }
    return postern_with("", words);
}

/* A message of each type with this number or text in each field that takes it. */
#define ODD_u8(f, most)    m->f = (most) == 0 || (most) >= v ? v : 0;
#define ODD_u16(f, most)   m->f = v;
#define ODD_u32(f, most)   m->f = v;
#define ODD_u64(f, most)   m->f = v;
#define ODD_i64(f, most)   m->f = v;
#define ODD_key(f, most)   m->f = v;
#define ODD_flag(f, most)  m->f = v != 0;
#define ODD_str(f, most)   m->f = text;
#define ODD_bytes(f, most) m->f = text;
#define ODD_blob(f, most)  m->f = text;
#define ODD_lease(f, most)
#define ODD_enum(f, most)
#define ODD_serial(f, most)
#define ODD_store_enum(f, most)
#define ODD_FIELD(kind, f, most) ODD_##kind(f, most)
#define ODD(number, name, descriptor) \
    static void odd_##name(struct ipc_##name *m, uint8_t v, struct str text) \
    { \
        (void)m, (void)v, (void)text; \
        IPC_FIELDS_##name(ODD_FIELD) \
    }
IPC_MESSAGES(ODD)

#define ODD_CASE(number, name, descriptor) \
    case IPC_##name: \
        odd_##name(&m.name, v, text); \
        break;
static struct ipc_msg odd(enum ipc_type type, uint8_t v, struct str text)
{
    struct ipc_msg m = {.type = type};
    switch (type) {
    case IPC_none:
        break;
        IPC_MESSAGES(ODD_CASE)
    }
    return m;
}

static const enum ipc_type row_types[] = {
    IPC_row_message,  IPC_row_rcpt,           IPC_row_attempt,  IPC_row_inspection,
    IPC_row_envelope, IPC_row_envelope_event, IPC_row_act,      IPC_row_domain,
    IPC_row_probe,    IPC_row_quirk,          IPC_row_alarm,    IPC_row_exception,
    IPC_sts_answer,   IPC_row_rpt_received,   IPC_row_rpt_sent, IPC_account,
    IPC_refusal,      IPC_row_forward,        IPC_row_finding,  IPC_row_process,
    IPC_probe_host,   IPC_probe_done,         IPC_job,          IPC_row_fate,
};

/* Rows that answer another question are no rows of this one: "no answer", exit status 69. */
static void rows_of_another_kind(void **state)
{
    unsigned refused = 0, taken = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t t = 0; t < ARRAY_LEN(row_types); t++) {
            const struct ipc_msg row = odd(row_types[t], 1, STR("text"));
            queue_says(&row, 1);
            int status = run_list(i, t % 2);
            assert_true(status == EXIT_OK || status == EXIT_NO || status == EXIT_UNAVAILABLE);
            if (status == EXIT_UNAVAILABLE) {
                assert_in(scripted.err, "postern: no answer: ");
                assert_string_equal(scripted.out, "");
                refused++;
            } else {
                taken++;
            }
        }
    }
    /* message has 7 kinds, domains show 4, envelope show and queue list 2, the others one */
    assert_int_equal(taken, 7 + 4 + 2 + 2 + 12);
    assert_int_equal(refused + taken, ARRAY_LEN(lists) * ARRAY_LEN(row_types));
}

/* Values that no table has, in each field. */
static void values_that_are_none(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t t = 0; t < ARRAY_LEN(row_types); t++) {
            const struct ipc_msg row = odd(row_types[t], 255, STR(""));
            queue_says(&row, 1);
            for (int json = 0; json < 2; json++) {
                int status = run_list(i, json);
                assert_true(status == EXIT_OK || status == EXIT_NO || status == EXIT_UNAVAILABLE);
                if (json && status == EXIT_OK && *scripted.out) {
                    json_decref(scripted_json());
                }
            }
        }
    }
}

/* CVE-2003-0063 and its kin: what strangers wrote says nothing to a terminal; CVE-2021-42574: nor
 * does it turn a line round. JSON has it as it is, escaped (RFC 8259 7). */
static void what_strangers_wrote_is_tame(void **state)
{
    static const char bad[] = "a\x1b[2Jb\rc\x7f"
                              "d\xc2\x9b"
                              "e\xe2\x80\xae"
                              "f\xe2\x81\xa6"
                              "g\xe2\x80\x8b"
                              "h";
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t t = 0; t < ARRAY_LEN(row_types); t++) {
            const struct ipc_msg row = odd(row_types[t], 0, str_c(bad));
            queue_says(&row, 1);
            int status = run_list(i, false);
            for (const char *p = scripted.out; *p; p++) {
                assert_true((unsigned char)*p >= ' ' || *p == '\n' || *p == '\t');
            }
            assert_not_in(scripted.out, "\x7f");
            assert_not_in(scripted.out, "\xc2\x9b");
            assert_not_in(scripted.out, "\xe2\x80\xae");
            assert_not_in(scripted.out, "\xe2\x81\xa6");
            assert_not_in(scripted.out, "\xe2\x80\x8b");
            if (run_list(i, true) == EXIT_OK && status == EXIT_OK && *scripted.out) {
                assert_not_in(scripted.out, "\x1b");
                json_decref(scripted_json());
            }
        }
    }
    const struct ipc_msg row = odd(IPC_row_act, 1, str_c(bad));
    queue_says(&row, 1);
    assert_int_equal(POSTERN("acts"), EXIT_OK);
    assert_in(scripted.out, "a?[2Jb?c?d??e???f???g???h");
    assert_int_equal(POSTERN("acts", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "about"), bad);
    json_decref(all);
}

/* An answer without its end is none, whatever came before. */
static void who_ends_in_the_middle(void **state)
{
    static const struct ipc_msg row = {.type = IPC_row_act, .row_act = {.by = STR("anna")}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        scripted.says[TO_QUEUE] = (struct script){.end = END_CLOSE};
        assert_int_equal(run_list(i, i % 2), EXIT_UNAVAILABLE);
        assert_in(scripted.err, "postern: no answer: the other side went away");
        scripted.says[TO_QUEUE].end = END_GARBAGE;
        assert_int_equal(run_list(i, i % 2), EXIT_UNAVAILABLE);
        assert_in(scripted.err, "postern: no answer: ");
        assert_string_equal(scripted.out, "");
    }
    scripted.says[TO_QUEUE] = (struct script){.rows = &row, .n = 1, .end = END_CLOSE};
    assert_int_equal(POSTERN("acts"), EXIT_UNAVAILABLE);
    assert_string_equal(scripted.out, "");
}

/* A probe whose server says more than can be open at once, or ends before its end. */
static void probes_of_nobody(void **state)
{
    static struct ipc_msg hosts[100];
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        hosts[i] = (struct ipc_msg){.type = IPC_probe_host, .probe_host = {.token = i + 1}};
    }
    QUEUE_SAYS(hosts);
    assert_int_equal(POSTERN("probe", "one.test"), EXIT_UNAVAILABLE);
    assert_in(scripted.err, "postern: no answer: ");
    scripted.says[TO_QUEUE] = (struct script){.end = END_CLOSE};
    assert_int_equal(POSTERN("probe", "one.test"), EXIT_UNAVAILABLE);
    scripted.says[TO_QUEUE] = (struct script){.end = END_GARBAGE};
    assert_int_equal(POSTERN("probe", "one.test"), EXIT_UNAVAILABLE);
    for (unsigned v = 0; v < 256; v += 51) {
        const struct ipc_msg rows[] = {
            odd(IPC_probe_host, (uint8_t)v, STR("\x1b[2J")),
            odd(IPC_probe_done, (uint8_t)v, STR("\x1b[2J")),
        };
        QUEUE_SAYS(rows);
        assert_int_not_equal(POSTERN("probe", "one.test"), EXIT_USAGE);
        assert_not_in(scripted.out, "\x1b");
    }
}

/* "69 posternd cannot be reached or its process queue is down" */
static void who_is_not_there(void **state)
{
    static const struct ipc_msg down = {.type = IPC_row_process,
                                        .row_process = {.name = STR("queue-0"), .restarts = 4}};
    /* an act is not even asked for: it would be done when the queue is back */
    scripted.says[TO_POSTERND] = (struct script){.rows = &down, .n = 1};
    assert_int_equal(POSTERN("--by", "a", "queue", "hold", "all"), EXIT_UNAVAILABLE);
    assert_in(scripted.err, "queue is down (4 restarts)");
    assert_int_equal(scripted.asked[TO_QUEUE].n, 0);
    scripted_configure("");
    char text[4096], path[128];
    scripted_take("postern.conf", text, sizeof text);
    scripted_path("", path);
    char *at = strstr(text, "run-directory");
    memcpy(at + strlen("run-directory "), "/tmp/none-there-is-no", 21);
    scripted_write("postern.conf", text);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_int_equal(run_list(i, i % 2), EXIT_UNAVAILABLE);
        assert_in(scripted.err, "posternd cannot be reached in /tmp/none-there-is-no");
        assert_in(scripted.err, "is it running, and with this configuration?");
    }
    assert_int_equal(POSTERN("status"), EXIT_UNAVAILABLE);
    assert_int_equal(POSTERN("reload"), EXIT_UNAVAILABLE);
    assert_int_equal(POSTERN("probe", "one.test"), EXIT_UNAVAILABLE);
}

/* 78, and nobody is asked. */
static void a_wrong_configuration(void **state)
{
    scripted_configure("nonsense yes;");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_int_equal(run_list(i, i % 2), EXIT_CONFIG);
        assert_in(scripted.err, "nonsense");
    }
    assert_int_equal(scripted.asked[TO_QUEUE].n + scripted.asked[TO_POSTERND].n, 0);
}

/* "64 wrong use": nobody is asked, and how it is used is said. */
static void wrong_use(void **state)
{
    static const char *const wrong[][6] = {
        {"queue", "nonsense"},
        {"queue", "hold"},
        {"queue", "list", "x"},
        {"message"},
        {"message", "a", "b"},
        {"domains", "show"},
        {"domains", "nonsense"},
        {"exception", "add"},
        {"exception", "end"},
        {"exception", "add", "relax", "a", "--days"},
        {"acts", "x"},
        {"acts", "--about"},
        {"sts"},
        {"sts", "show"},
        {"tlsrpt", "show"},
        {"tlsrpt", "x"},
        {"user", "x", "y"},
        {"user", "add"},
        {"user", "add", "a", "--nonsense"},
        {"user", "forgive"},
        {"refusals", "x"},
        {"forward"},
        {"forward", "x"},
        {"envelope"},
        {"envelope", "list", "--x", "y"},
        {"envelope", "show"},
        {"envelope", "x", "y"},
        {"probe"},
        {"probe", "--x"},
        {"portal"},
        {"store"},
        {"explain"},
        {"detect"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(postern_with("", wrong[i]), EXIT_USAGE);
        assert_in(scripted.err, "usage: postern ");
        assert_string_equal(scripted.out, "");
    }
    assert_int_equal(POSTERN("stats"), EXIT_USAGE);
    assert_in(scripted.err, "Did you mean \"status\"?");
    assert_int_equal(POSTERN("--nonsense"), EXIT_USAGE);
    assert_in(scripted.err, "option \"--nonsense\"");
    assert_int_equal(POSTERN(NULL), EXIT_USAGE);
    assert_int_equal(scripted.asked[TO_QUEUE].n, 0);
}

/* An administrator's name is one line of UTF-8 (acts). */
static void names_that_are_none(void **state)
{
    char longest[102];
    memset(longest, 'x', sizeof longest);
    longest[101] = '\0';
    const char *const names[] = {"", " a", "a ", "a\nb", "\xff", longest};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(POSTERN("--by", names[i], "queue", "hold", "all"), EXIT_USAGE);
        assert_in(scripted.err, "the name after --by");
    }
    assert_int_equal(scripted.asked[TO_QUEUE].n, 0);
    longest[100] = '\0';
    assert_int_equal(POSTERN("--by", longest, "queue", "hold", "all"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].by, longest);
}

static void help_and_version(void **state)
{
    assert_int_equal(POSTERN("--version"), EXIT_OK);
    assert_in(scripted.out, "postern " POSTERN_VERSION "\n");
    assert_int_equal(POSTERN("--help"), EXIT_OK);
    assert_in(scripted.out, "  queue list|show ID");
    assert_not_in(scripted.out, "  manual");
    assert_int_equal(POSTERN("queue", "--help"), EXIT_OK);
    assert_in(scripted.out, "Usage: postern queue list\n       postern queue show ID\n");
    assert_int_equal(POSTERN("detect", "-h"), EXIT_OK);
    assert_in(scripted.out, "--pack");
    assert_int_equal(POSTERN("nonsense", "--help"), EXIT_USAGE);
}

#define TEST(name) cmocka_unit_test_setup(name, scripted_reset)
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(rows_of_another_kind),
                                       TEST(values_that_are_none),
                                       TEST(what_strangers_wrote_is_tame),
                                       TEST(who_ends_in_the_middle),
                                       TEST(probes_of_nobody),
                                       TEST(who_is_not_there),
                                       TEST(a_wrong_configuration),
                                       TEST(wrong_use),
                                       TEST(names_that_are_none),
                                       TEST(help_and_version)};
    return cmocka_run_group_tests(tests, scripted_up, scripted_down);
}
