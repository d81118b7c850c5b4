/* SPDX-License-Identifier: Apache-2.0
 * test_postern_answers.c: what the commands of postern show of what the queue and posternd answer,
 * as text and as JSON, and their exit status. What must be shown stands in docs/man/postern.1;
 * times are RFC 3339, grades those of its GRADES.
 */
#include "unit/cmd/scripted.h"

#include "mtasts/cache.h"
#include "policy/alarm.h"
#include "policy/policy.h"
#include "store/domain.h"
#include "store/envelope.h"
#include "store/store.h"
#include "store/tlsrpt.h"
#include "wire/extension.h"
#include "wire/id.h"

/* date -u -d @1795316640: 2026-11-22 03:04 */
#define AT 1795316640000LL
enum { DAY = 24 * 60 * 60 * 1000 };

static const char *id_of(uint64_t id)
{
    static char text[ID_TEXT];
    id_text(id, text);
    return text;
}

/* --- status and reload -------------------------------------------------- */

static const struct ipc_msg one_down[] = {
    {.type = IPC_row_process,
     .row_process = {.name = STR("queue-0"),
                     .pid = 41,
                     .ready = 1,
                     .up_s = 3600,
                     .sandbox = STR("landlock seccomp"),
                     .counters = STR("waiting=3")}},
    {.type = IPC_row_process, .row_process = {.name = STR("smtpin-0"), .restarts = 2}},
    {.type = IPC_row_port, .row_port = {.address = STR("127.0.2.1:25")}},
};

/* "Exit status 1 when one is down or silent." */
static void status_says_who_is_down(void **state)
{
    scripted.says[TO_POSTERND] = (struct script){.rows = one_down, .n = ARRAY_LEN(one_down)};
    assert_int_equal(POSTERN("status"), EXIT_NO);
    assert_in(scripted.out, "queue-0    running  pid 41");
    assert_in(scripted.out, "up 3600s, restarts 0");
    assert_in(scripted.out, "sandbox: landlock seccomp");
    assert_in(scripted.out, "waiting=3");
    assert_in(scripted.out, "smtpin-0   down");
    scripted.says[TO_POSTERND].n = 1;
    assert_int_equal(POSTERN("status"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_POSTERND].verb, ADMIN_STATUS);
    assert_int_equal(scripted.asked[TO_QUEUE].n, 0);
}

static void status_as_json(void **state)
{
    scripted.says[TO_POSTERND] = (struct script){.rows = one_down, .n = ARRAY_LEN(one_down)};
    assert_int_equal(POSTERN("status", "--json"), EXIT_NO);
    json_t *all = scripted_json();
    assert_int_equal(json_array_size(all), 2);
    const json_t *down = json_array_get(all, 1);
    assert_string_equal(text_of(down, "process"), "smtpin-0");
    assert_false(json_is_true(json_object_get(down, "running")));
    assert_int_equal(json_integer_value(json_object_get(down, "restarts")), 2);
    json_decref(all);
}

/* "One that does not answer within a second is SILENT, and what waits for it is said" (the table
 * "If one is slow" of ARCHITECTURE.md). */
static void status_says_what_waits_for_the_silent(void **state)
{
    static const struct {
        const char *name, *waits;
    } silent[] = {
        {"smtpin-1", "its connections stand still"},
        {"login-0", "logins wait"},
        {"queue-0", "no mail is "},
        {"keys-0", "handshakes"},
        {"inspect-0", "the message it reads waits"},
        {"lookup-0", "deliveries that need"},
        {"smtpout-1", "its deliveries wait"},
        {"web-0", "pages of the portal wait"},
        {"metrics-0", "there are no"},
        {"other-0", "what it does waits"},
    };
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        const struct ipc_msg row = {.type = IPC_row_process,
                                    .row_process = {.name = str_c(silent[i].name),
                                                    .pid = 9,
                                                    .ready = 1,
                                                    .counters = STR(STATUS_NO_ANSWER)}};
        scripted.says[TO_POSTERND] = (struct script){.rows = &row, .n = 1};
        assert_int_equal(POSTERN("status"), EXIT_NO);
        assert_in(scripted.out, "SILENT");
        assert_in(scripted.out, silent[i].waits);
    }
}

/* TO RESTORE 5 */
static void status_says_that_the_store_was_put_back(void **state)
{
    static const struct ipc_msg row = {.type = IPC_row_process,
                                       .row_process = {.name = STR("queue-0"),
                                                       .pid = 9,
                                                       .ready = 1,
                                                       .counters = STR("x=1 restored=held")}};
    scripted.says[TO_POSTERND] = (struct script){.rows = &row, .n = 1};
    assert_int_equal(POSTERN("status"), EXIT_OK);
    assert_in(scripted.out, "postern queue release restored");
    scripted.says[TO_POSTERND] = (struct script){.end = END_NO, .text = "not now"};
    assert_int_equal(POSTERN("status"), EXIT_NO);
    assert_in(scripted.err, "not now");
}

static void reload_shows_what_was_found(void **state)
{
    static const struct ipc_msg found[] = {
        {.type = IPC_row_finding,
         .row_finding = {.line = STR("/x/postern.conf:3:1: warning: it does nothing")}},
    };
    scripted.says[TO_POSTERND] = (struct script){.rows = found, .n = 1};
    assert_int_equal(POSTERN("reload"), EXIT_OK);
    assert_string_equal(scripted.out, "Reloaded.\n");
    assert_in(scripted.err, "3:1: warning: it does nothing");
    assert_int_equal(scripted.asked[TO_POSTERND].verb, ADMIN_RELOAD);
    assert_string_equal(scripted.asked[TO_POSTERND].argument, scripted.config);
    scripted.says[TO_POSTERND].end = END_NO;
    scripted.says[TO_POSTERND].text = "Not reloaded\nlistener 2 is in use\n";
    assert_int_equal(POSTERN("reload"), EXIT_NO);
    assert_string_equal(scripted.out, "");
    assert_in(scripted.err, "listener 2 is in use");
    assert_int_equal(POSTERN("--json", "reload"), EXIT_NO);
    json_t *j = scripted_json();
    assert_false(json_is_true(json_object_get(j, "reloaded")));
    assert_in(text_of(j, "problem"), "listener 2 is in use");
    assert_int_equal(json_array_size(json_object_get(j, "findings")), 1);
    json_decref(j);
}

/* "a configuration that is wrong": 78, and nobody is asked. */
static void a_wrong_configuration_is_not_reloaded(void **state)
{
    scripted_configure("nonsense yes;");
    assert_int_equal(POSTERN("reload"), EXIT_CONFIG);
    assert_in(scripted.err, "the old configuration stays in force");
    assert_int_equal(POSTERN("reload", "--json"), EXIT_CONFIG);
    json_t *j = scripted_json();
    assert_false(json_is_true(json_object_get(j, "reloaded")));
    json_decref(j);
    assert_int_equal(scripted.asked[TO_POSTERND].n, 0);
}

/* --- queue and message -------------------------------------------------- */

static const struct ipc_msg two_messages[] = {
    {.type = IPC_row_message,
     .row_message = {.id = 5,
                     .reverse_path = STR("nurse@in.test"),
                     .arrived_ms = AT,
                     .size = 1234,
                     .protocol = STR("ESMTPS"),
                     .tls_version = STR("TLSv1.3")}},
    {.type = IPC_row_rcpt,
     .row_rcpt = {.rcpt = 1,
                  .id = 5,
                  .forward_path = STR("x@one.test"),
                  .attempts = 2,
                  .next_ms = AT + DAY,
                  .reason = REASON_CONNECT,
                  .reply = STR("451 come back"),
                  .code = STR("4.4.1")}},
    {.type = IPC_row_rcpt, .row_rcpt = {.rcpt = 2, .id = 5, .forward_path = STR("y@two.test")}},
    {.type = IPC_row_message, .row_message = {.id = 6, .size = 9}},
    {.type = IPC_row_rcpt,
     .row_rcpt = {.rcpt = 3, .id = 6, .forward_path = STR("z@one.test"), .state = RCPT_HELD}},
};

/* "Messages under way or held: id, state, size, from, to, and why they wait." */
static void queue_list_has_each_recipient(void **state)
{
    QUEUE_SAYS(two_messages);
    assert_int_equal(POSTERN("queue", "list"), EXIT_OK);
    assert_in(scripted.out, id_of(5));
    assert_in(scripted.out, "1234  <nurse@in.test> -> <x@one.test>");
    assert_in(scripted.out, "2 attempts, next 2026-11-23T03:04:00");
    assert_in(scripted.out, "451 come back");
    assert_in(scripted.out, "<nurse@in.test> -> <y@two.test>");
    assert_in(scripted.out, "held");
    assert_in(scripted.out, "<> -> <z@one.test>");
    assert_in(scripted.out, "2 messages in the queue.");
    assert_int_equal(POSTERN("queue", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_int_equal(json_array_size(all), 2);
    const json_t *first = json_array_get(all, 0);
    assert_string_equal(text_of(first, "id"), id_of(5));
    assert_int_equal(json_array_size(json_object_get(first, "recipients")), 2);
    json_decref(all);
}

static void an_empty_queue(void **state)
{
    assert_int_equal(POSTERN("queue", "list"), EXIT_OK);
    assert_string_equal(scripted.out, "0 messages in the queue.\n");
    assert_int_equal(POSTERN("queue", "list", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
}

/* "the security report of a message: ... over what it was sent (TLS version, cipher, bits, how the
 * certificate was verified) ...; then each attempt" */
static void message_is_its_report(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_row_message,
         .row_message = {.id = 5, .reverse_path = STR("nurse@in.test"), .arrived_ms = AT}},
        {.type = IPC_row_rcpt,
         .row_rcpt = {.rcpt = 1,
                      .id = 5,
                      .forward_path = STR("x@one.test"),
                      .state = RCPT_DELIVERED,
                      .attempts = 1,
                      .last_ms = AT,
                      .reply = STR("250 taken")}},
        {.type = IPC_row_attempt,
         .row_attempt = {.id = 5,
                         .rcpts = STR("1"),
                         .at_ms = AT,
                         .host = STR("mx.one.test"),
                         .address = STR("192.0.2.25"),
                         .port = 25,
                         .grade = GRADE_CERT,
                         .tls_version = STR("TLSv1.3"),
                         .tls_cipher = STR("TLS_AES_256_GCM_SHA384"),
                         .tls_bits = 256,
                         .cert_check = STR("trusted CA and right name")}},
        {.type = IPC_row_act,
         .row_act = {.at_ms = AT, .verb = STR("hold"), .about = STR("5"), .by = STR("anna")}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("message", id_of(5)), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, id_of(5));
    assert_in(scripted.out, "x@one.test");
    assert_in(scripted.out, "mx.one.test");
    assert_in(scripted.out, "TLSv1.3");
    assert_in(scripted.out, "TLS_AES_256_GCM_SHA384");
    assert_in(scripted.out, "256");
    assert_in(scripted.out, "trusted CA and right name");
    assert_in(scripted.out, "anna");
    assert_int_equal(POSTERN("queue", "show", "X", "--json"), EXIT_OK);
    json_t *j = scripted_json();
    const json_t *attempt = json_array_get(json_object_get(j, "attempts"), 0);
    assert_string_equal(text_of(attempt, "host"), "mx.one.test");
    assert_string_equal(text_of(attempt, "grade"), "cert");
    json_decref(j);
    scripted.says[TO_QUEUE] = (struct script){.end = END_NO, .text = "there is no such message"};
    assert_int_equal(POSTERN("message", "X"), EXIT_NO);
    assert_in(scripted.err, "there is no such message");
}

static void queue_changes_say_what_was_done(void **state)
{
    static const struct {
        const char *word;
        enum admin_verb verb;
    } words[] = {{"retry", ADMIN_RETRY},
                 {"hold", ADMIN_HOLD},
                 {"release", ADMIN_RELEASE},
                 {"delete", ADMIN_DELETE}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        scripted.says[TO_QUEUE] = (struct script){.text = "1 recipient"};
        assert_int_equal(POSTERN("--by", "anna", "queue", words[i].word, "ID"), EXIT_OK);
        assert_string_equal(scripted.out, "1 recipient.\n");
        assert_int_equal(scripted.asked[TO_QUEUE].verb, words[i].verb);
        assert_string_equal(scripted.asked[TO_QUEUE].argument, "ID");
        assert_string_equal(scripted.asked[TO_QUEUE].by, "anna");
        scripted.says[TO_QUEUE].end = END_NO;
        assert_int_equal(POSTERN("--by", "anna", "queue", words[i].word, "ID"), EXIT_NO);
        assert_string_equal(scripted.err, "postern: 1 recipient.\n");
        assert_int_equal(POSTERN("--json", "--by", "a", "queue", words[i].word, "ID"), EXIT_NO);
        json_t *j = scripted_json();
        assert_true(json_is_false(json_object_get(j, "ok")));
        assert_string_equal(text_of(j, "text"), "1 recipient");
        json_decref(j);
    }
}

/* --- domains ------------------------------------------------------------ */

static const struct ipc_msg domains[] = {
    {.type = IPC_row_domain,
     .row_domain = {.name = STR("two.test"), .looked_ms = AT, .grade = GRADE_PLAIN}},
    {.type = IPC_row_domain,
     .row_domain = {.name = STR("one.test"),
                    .seen = 1,
                    .monitored = 1,
                    .offered_ms = AT,
                    .looked_ms = AT,
                    .probed_ms = AT,
                    .next_probe_ms = AT + DAY,
                    .helo_ms = AT,
                    .lowered_ms = AT,
                    .negative_days = 3,
                    .await_confirm = 1,
                    .alarms = 1u << ALARM_LOST_TLS | 1u << ALARM_DANE,
                    .grade = GRADE_AUTH,
                    .tlsa = 1,
                    .sts = STS_STATE_ENFORCE}},
    {.type = IPC_row_domain, .row_domain = {.name = STR("xn--bcher-kva.test")}},
};

static void domains_are_sorted_and_named(void **state)
{
    QUEUE_SAYS(domains);
    assert_int_equal(POSTERN("domains"), EXIT_OK);
    const char *one = strstr(scripted.out, "one.test"), *two = strstr(scripted.out, "two.test");
    assert_true(one && two && one < two);
    assert_in(scripted.out, "encrypted     auth     yes   enforce  2026-11-22 03:04");
    assert_in(scripted.out, "lost-tls,dane\n");
    assert_in(scripted.out, "may be clear");
    assert_in(scripted.out, "unknown");
    /* RFC 5891: the A-label, and the name in its own letters */
    assert_in(scripted.out, "xn--bcher-kva.test (b\xc3\xbc"
                            "cher.test)");
    assert_int_equal(POSTERN("domains", "list", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    const json_t *d = json_array_get(all, 0);
    assert_string_equal(text_of(d, "domain"), "one.test");
    assert_string_equal(text_of(d, "mta-sts"), "enforce");
    assert_string_equal(text_of(d, "last-offer"), "2026-11-22T03:04:00Z");
    assert_int_equal(json_array_size(json_object_get(d, "alarms")), 2);
    json_decref(all);
}

static void no_domain_is_known(void **state)
{
    assert_int_equal(POSTERN("domains", "list"), EXIT_OK);
    assert_int_equal(POSTERN("domains", "list", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
}

static void a_domain_and_its_history(void **state)
{
    const struct ipc_msg rows[] = {
        domains[1],
        {.type = IPC_row_quirk,
         .row_quirk = {.host = STR("mx.one.test"),
                       .address = STR("192.0.2.25"),
                       .extension = EXTENSION_DSN,
                       .since_ms = AT,
                       .until_ms = AT + DAY,
                       .domain = STR("one.test"),
                       .why = STR("501 no")}},
        {.type = IPC_row_probe,
         .row_probe = {.at_ms = AT,
                       .complete = 1,
                       .offered = 1,
                       .all_offered = 1,
                       .would_send = 1,
                       .grade = GRADE_CERT,
                       .tlsa_published = 1}},
        {.type = IPC_row_probe,
         .row_probe = {.at_ms = AT, .tlsa_bad = 1, .reason = REASON_CONNECT}},
        {.type = IPC_row_act,
         .row_act = {.at_ms = AT, .verb = STR("confirm"), .by = STR("anna"), .uid = 7}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("domains", "show", "one.test"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "one.test");
    assert_in(scripted.out, "never goes in clear");
    assert_in(scripted.out, "Days in a row without any offer: 3; an administrator must confirm");
    assert_in(scripted.out, "without dsn since 2026-11-22 03:04, until 2026-11-23 03:04: 501 no");
    assert_in(scripted.out, "yes      cert     yes");
    assert_in(scripted.out, "BROKEN");
    assert_in(scripted.out, "confirm");
    assert_in(scripted.out, "by anna (uid 7)");
    assert_int_equal(POSTERN("domains", "show", "one.test", "--json"), EXIT_OK);
    json_t *j = scripted_json();
    assert_int_equal(json_array_size(json_object_get(j, "history")), 2);
    assert_int_equal(json_array_size(json_object_get(j, "quirks")), 1);
    assert_int_equal(json_array_size(json_object_get(j, "acts")), 1);
    json_decref(j);
    scripted.says[TO_QUEUE] = (struct script){.end = END_NO, .text = "nothing is known of it"};
    assert_int_equal(POSTERN("domains", "show", "one.test", "--json"), EXIT_NO);
    assert_in(scripted.err, "nothing is known of it");
}

static void alarms_and_what_is_over(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_row_alarm,
         .row_alarm = {.alarm = 1,
                       .at_ms = AT,
                       .kind = ALARM_EXPIRY,
                       .domain = STR("one.test"),
                       .detail = STR("in 3 days\nmore")}},
        {.type = IPC_row_alarm,
         .row_alarm = {.at_ms = AT, .kind = ALARM_RESOLVER, .cleared_ms = AT + DAY}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("domains", "alarms", "--all"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "all");
    assert_in(scripted.out,
              "2026-11-22 03:04  expiry       one.test the certificate of a receiving");
    assert_in(scripted.out, "in 3 days\n");
    assert_not_in(scripted.out, "more");
    assert_in(scripted.out, "over since 2026-11-23 03:04");
    assert_int_equal(POSTERN("domains", "alarms", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "kind"), "expiry");
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("domains", "alarms"), EXIT_OK);
    assert_string_equal(scripted.out, "No alarms.\n");
}

static void quirks_and_what_they_said(void **state)
{
    static const struct ipc_msg rows[] = {{.type = IPC_row_quirk,
                                           .row_quirk = {.host = STR("mx.one.test"),
                                                         .extension = EXTENSION_HYBRID_GROUPS,
                                                         .why = STR("reset")}}};
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("domains", "quirks"), EXIT_OK);
    assert_in(scripted.out, "mx.one.test []: without hybrid-groups");
    assert_int_equal(POSTERN("domains", "quirks", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "without"), "hybrid-groups");
    json_decref(all);
    scripted.says[TO_QUEUE] = (struct script){.text = "1 forgotten"};
    assert_int_equal(POSTERN("--by", "a", "domains", "forget-quirks", "mx.one.test"), EXIT_OK);
    assert_string_equal(scripted.out, "1 forgotten\n");
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_FORGET_QUIRKS);
    assert_int_equal(POSTERN("--by", "a", "domains", "confirm", "one.test"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_CONFIRM);
    assert_int_equal(POSTERN("domains", "quirks"), EXIT_OK);
    assert_in(scripted.out, "what they announce");
}

/* "remembers its domains that offered encryption" */
static void import_takes_those_seen(void **state)
{
    char path[128];
    scripted_write("list.json", "[{\"domain\":\"one.test\",\"seen\":true},"
                                "{\"domain\":\"two.test\",\"seen\":false},"
                                "{\"domain\":\"three.test\",\"seen\":true}]");
    scripted_path("list.json", path);
    scripted.says[TO_QUEUE].text = "2 learned";
    assert_int_equal(POSTERN("--by", "a", "domains", "import", path), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].data, "one.test\nthree.test\n");
    assert_string_equal(scripted.out, "2 learned\n");
    scripted_write("list.json", "[]");
    assert_int_equal(POSTERN("--by", "a", "domains", "import", path), EXIT_OK);
    assert_in(scripted.out, "no domain that offered encryption");
    scripted_write("list.json", "{");
    assert_int_equal(POSTERN("--by", "a", "domains", "import", path), EXIT_USAGE);
    assert_int_equal(POSTERN("--by", "a", "domains", "import", "/nonexistent"), EXIT_USAGE);
    assert_in(scripted.err, "No such file");
}

/* --- other lists -------------------------------------------------------- */

static void exceptions_in_force_and_over(void **state)
{
    const int64_t now = (int64_t)time(NULL) * 1000;
    const struct ipc_msg rows[] = {
        {.type = IPC_row_exception,
         .row_exception = {.exception = 4,
                           .domain = STR("one.test"),
                           .kind = EXCEPTION_LEGACY,
                           .owner = STR("Bank"),
                           .reason = STR("old server"),
                           .until_ms = now + DAY,
                           .uid = 7,
                           .added_by = STR("anna")}},
        {.type = IPC_row_exception,
         .row_exception = {.exception = 3, .domain = STR("two.test"), .until_ms = now - 1}},
        {.type = IPC_row_exception,
         .row_exception = {.exception = 2,
                           .domain = STR("six.test"),
                           .until_ms = now + DAY,
                           .ended_ms = now,
                           .ended_by = STR("otto")}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("exception", "list"), EXIT_OK);
    assert_in(scripted.out, "   4  legacy  one.test  until ");
    assert_in(scripted.out, "by Bank  (in force)\n      old server\n      added by anna (uid 7)\n");
    assert_not_in(scripted.out, "two.test");
    assert_int_equal(POSTERN("exception", "list", "--all"), EXIT_OK);
    assert_in(scripted.out, "(over)");
    assert_in(scripted.out, "(ended by hand)");
    assert_in(scripted.out, "added by somebody (uid 0), ended by otto");
    assert_int_equal(POSTERN("exception", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(text_of(json_array_get(all, 0), "state"), "in force");
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("exception", "list"), EXIT_OK);
    assert_in(scripted.out, "in force");
    assert_int_equal(POSTERN("exception", "list", "--all"), EXIT_OK);
    assert_in(scripted.out, "never been an exception");
}

/* "for at most 30 days" */
static void exceptions_are_asked_for_in_hours(void **state)
{
    assert_int_equal(POSTERN("--by", "a", "exception", "add", "relax", "one.test", "--owner",
                             "Bank", "--reason", "old", "--days", "30"),
                     EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "relax\tone.test\t720\tBank\told");
    assert_int_equal(POSTERN("--by", "a", "exception", "add", "relax", "one.test", "--owner",
                             "Bank", "--reason", "old"),
                     EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "relax\tone.test\t168\tBank\told");
    unsigned asked = scripted.asked[TO_QUEUE].n;
    assert_int_equal(POSTERN("--by", "a", "exception", "add", "relax", "one.test", "--hours",
                             "721"),
                     EXIT_USAGE);
    assert_int_equal(POSTERN("--by", "a", "exception", "add", "relax", "one.test", "--owner",
                             "a\tb"),
                     EXIT_USAGE);
    assert_int_equal(scripted.asked[TO_QUEUE].n, asked);
    assert_int_equal(POSTERN("--by", "a", "exception", "end", "4"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_EXCEPTION_END);
}

static void acts_and_who_did_them(void **state)
{
    static const struct ipc_msg rows[] = {{.type = IPC_row_act,
                                           .row_act = {.at_ms = AT,
                                                       .verb = STR("hold"),
                                                       .about = STR("ABC"),
                                                       .detail = STR("2 recipients"),
                                                       .by = STR("anna"),
                                                       .uid = 1000}}};
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("acts", "--about", "ABC"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "ABC");
    assert_in(scripted.out, "2026-11-22T03:04:00Z  hold");
    assert_in(scripted.out, "by anna (uid 1000): ABC, 2 recipients\n");
    assert_int_equal(POSTERN("acts", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "by"), "anna");
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("acts"), EXIT_OK);
    assert_string_equal(scripted.out, "Nothing was done yet.\n");
}

static void policies_that_are_kept(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_sts_answer,
         .sts_answer = {.domain = STR("one.test"),
                        .state = STR("enforce"),
                        .id = STR("20260101"),
                        .fetched_ms = AT,
                        .expires_ms = AT + DAY,
                        .problem = STR("sts-policy-fetch-error"),
                        .detail = STR("timeout"),
                        .text = STR(
                            "version: STSv1\nmode: enforce\nmx: mx.one.test\nmax_age: 86400")}}};
    char path[128];
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("sts", "show", "one.test"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_STS);
    assert_in(scripted.out, "id 20260101, fetched 2026-11-22 03:04, valid until 2026-11-23 03:04");
    assert_in(scripted.out, "mode: enforce\n");
    assert_in(scripted.out, "sts-policy-fetch-error (timeout)");
    assert_int_equal(POSTERN("--by", "a", "sts", "refresh", "one.test", "--json"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_STS_SET);
    json_t *j = scripted_json();
    assert_string_equal(text_of(j, "state"), "enforce");
    json_decref(j);
    scripted_write("policy", "version: STSv1\n");
    scripted_path("policy", path);
    assert_int_equal(POSTERN("--by", "a", "sts", "preload", "one.test", path), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "preload one.test");
    assert_string_equal(scripted.asked[TO_QUEUE].data, "version: STSv1\n");
    assert_int_equal(POSTERN("--by", "a", "sts", "preload", "one.test", "/nonexistent"),
                     EXIT_USAGE);
}

/* RFC 8460 4.4 has these numbers. */
static void reports_of_others_and_ours(void **state)
{
    static const struct ipc_msg received[] = {
        {.type = IPC_row_rpt_received,
         .row_rpt_received = {.received = 12,
                              .at_ms = AT,
                              .organization = STR("Company-X"),
                              .report_id = STR("5065427c-23d3"),
                              .domain = STR("in.test"),
                              .begin_ms = AT,
                              .end_ms = AT + DAY,
                              .type = STR("sts"),
                              .ok = 5326,
                              .failed = 303,
                              .details = STR("100 certificate-expired\n")}}};
    static const struct ipc_msg ours[] = {
        {.type = IPC_row_rpt_sent,
         .row_rpt_sent = {.day = AT / DAY, .domain = STR("one.test"), .state = RPT_DONE}},
        {.type = IPC_row_rpt_sent,
         .row_rpt_sent = {.day = AT / DAY, .domain = STR("two.test"), .state = RPT_GIVEN_UP}},
        {.type = IPC_row_rpt_sent,
         .row_rpt_sent = {.day = AT / DAY, .domain = STR("six.test"), .state = RPT_NOT_WANTED}},
        {.type = IPC_row_rpt_sent,
         .row_rpt_sent = {.day = AT / DAY, .domain = STR("ten.test"), .next_ms = AT}},
    };
    QUEUE_SAYS(received);
    assert_int_equal(POSTERN("tlsrpt"), EXIT_OK);
    assert_in(scripted.out, "12  2026-11-22 03:04  Company-X");
    assert_in(scripted.out, "5326       303");
    assert_int_equal(POSTERN("tlsrpt", "show", "12"), EXIT_OK);
    assert_in(scripted.out, "report 5065427c-23d3\n100 certificate-expired\n");
    assert_int_equal(POSTERN("tlsrpt", "list", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "report-id"), "5065427c-23d3");
    json_decref(all);
    QUEUE_SAYS(ours);
    assert_int_equal(POSTERN("tlsrpt", "sent"), EXIT_OK);
    assert_in(scripted.out, "2026-11-22  one.test                           sent");
    assert_in(scripted.out, "given up");
    assert_in(scripted.out, "not asked for");
    assert_in(scripted.out, "waiting");
    assert_int_equal(POSTERN("tlsrpt", "sent", "--json"), EXIT_OK);
    all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 3), "next"), "2026-11-22T03:04:00Z");
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("--by", "a", "tlsrpt", "send"), EXIT_OK);
    assert_int_equal(POSTERN("tlsrpt"), EXIT_OK);
    assert_in(scripted.out, "No report was received yet.");
    assert_int_equal(POSTERN("tlsrpt", "show", "99"), EXIT_OK);
    assert_in(scripted.out, "There is no report with this number.");
}

static void refusals_are_counted_by_rule(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_refusal,
         .refusal = {.at_ms = AT,
                     .rule = STR("Bank"),
                     .enforced = 1,
                     .client = STR("192.0.2.1"),
                     .helo = STR("mx.bank.test"),
                     .reverse_path = STR("x@bank.test"),
                     .wanted = STR("verified"),
                     .had = STR("encrypted")}},
        {.type = IPC_refusal, .refusal = {.rule = STR("Bank")}},
        {.type = IPC_refusal, .refusal = {.rule = STR("Town")}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("refusals"), EXIT_OK);
    assert_in(scripted.out, "2026-11-22 03:04  refused      Bank");
    assert_in(scripted.out, "at 192.0.2.1 (mx.bank.test): wanted verified, had encrypted");
    assert_in(scripted.out, "Bank                 1 refused, 1 would have been");
    assert_in(scripted.out, "Town                 0 refused, 1 would have been");
    assert_int_equal(POSTERN("refusals", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_true(json_is_true(json_object_get(json_array_get(all, 0), "refused")));
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("refusals"), EXIT_OK);
    assert_in(scripted.out, "Nobody was turned away");
}

/* "Exit status 1 when one is off" */
static void forwards_that_are_off(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_row_forward,
         .row_forward = {.address = STR("a@in.test"),
                         .target = STR("a@one.test"),
                         .known = 1,
                         .grade = GRADE_CERT,
                         .probed_ms = AT}},
        {.type = IPC_row_forward,
         .row_forward = {.address = STR("b@in.test"), .target = STR("b@two.test")}},
        {.type = IPC_row_forward,
         .row_forward = {.address = STR("c@in.test"), .target = STR("c@six.test"), .off = 1}},
    };
    queue_says(rows, 2);
    assert_int_equal(POSTERN("forward", "audit"), EXIT_OK);
    assert_in(scripted.out, "cert     2026-11-22 03:04");
    assert_in(scripted.out, "1 not looked at yet");
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("forward", "audit"), EXIT_NO);
    assert_in(scripted.out, "3 forwards; 1 off");
    assert_int_equal(POSTERN("forward", "audit", "--json"), EXIT_NO);
    json_t *all = scripted_json();
    assert_true(json_is_false(json_object_get(json_array_get(all, 2), "on")));
    json_decref(all);
}

/* --- envelopes ---------------------------------------------------------- */

static const struct ipc_msg envelope[] = {
    {.type = IPC_row_envelope,
     .row_envelope = {.envelope = 8,
                      .id = 5,
                      .address = STR("x@one.test"),
                      .sender = STR("nurse@in.test"),
                      .made_ms = AT,
                      .expires_ms = AT + 7LL * DAY,
                      .level = 2,
                      .sealed = 1,
                      .legal_hold = 1}},
    {.type = IPC_row_envelope_event,
     .row_envelope_event = {.envelope = 8, .at_ms = AT, .kind = EVENT_MADE}},
    {.type = IPC_row_envelope_event,
     .row_envelope_event =
         {.envelope = 8, .at_ms = AT, .kind = EVENT_OPENED, .who = STR("192.0.2.9")}},
};

static void envelopes_and_what_happened_to_them(void **state)
{
    queue_says(envelope, 1);
    assert_int_equal(POSTERN("envelope", "list", "--to", "x@one.test"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "to x@one.test");
    assert_in(scripted.out, id_of(8));
    assert_in(scripted.out, "waiting    never            2026-11-29 03:04, sealed, legal hold");
    assert_int_equal(POSTERN("envelope", "list", "--json"), EXIT_OK);
    json_t *all = scripted_json();
    assert_string_equal(text_of(json_array_get(all, 0), "state"), "waiting");
    json_decref(all);
    QUEUE_SAYS(envelope);
    assert_int_equal(POSTERN("envelope", "show", id_of(8)), EXIT_OK);
    assert_in(scripted.out, "x@one.test");
    assert_in(scripted.out, "opened");
    assert_in(scripted.out, "192.0.2.9");
    assert_int_equal(POSTERN("envelope", "show", id_of(8), "--json"), EXIT_OK);
    json_t *j = scripted_json();
    assert_int_equal(json_array_size(json_object_get(j, "events")), 2);
    json_decref(j);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("envelope", "list"), EXIT_OK);
    assert_in(scripted.out, "portal is empty");
}

static void envelopes_are_changed(void **state)
{
    assert_int_equal(POSTERN("--by", "a", "envelope", "extend", "E", "30"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "extend E 30");
    assert_string_equal(scripted.out, "Done.\n");
    assert_int_equal(POSTERN("--by", "a", "envelope", "recall", "E"), EXIT_OK);
    assert_in(scripted.out, "its key is destroyed");
    assert_int_equal(POSTERN("--by", "a", "envelope", "recall"), EXIT_USAGE);
    assert_int_equal(POSTERN("--by", "a", "envelope", "extend", "E"), EXIT_USAGE);
    static const char *const phrase[] = {"--by", "a", "envelope", "phrase", "E", NULL};
    assert_int_equal(postern_with("  blue horse \n", phrase), EXIT_OK);
    /* a hash goes, never the phrase (docs/man/postern.1: argon2id) */
    assert_in(scripted.asked[TO_QUEUE].argument, "phrase E $argon2id$");
    assert_not_in(scripted.asked[TO_QUEUE].argument, "horse");
    assert_int_equal(postern_with("\n", phrase), EXIT_USAGE);
    assert_int_equal(postern_with("", phrase), EXIT_USAGE);
}

/* --- accounts ----------------------------------------------------------- */

static void accounts_are_listed(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_account,
         .account = {.name = STR("nurse@in.test"),
                     .hash = STR("secret-hash"),
                     .scram = STR("4096,a,b,c"),
                     .enabled = 1,
                     .changed_ms = AT}},
        {.type = IPC_account, .account = {.name = STR("scan"), .addresses = STR("s@in.test")}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("user", "list"), EXIT_OK);
    assert_in(scripted.out, "enabled   scram  changed 2026-11-22 03:04  sends as nurse@in.test");
    assert_in(scripted.out, "disabled  -      changed never  sends as s@in.test");
    assert_not_in(scripted.out, "secret-hash");
    assert_int_equal(POSTERN("user", "list", "--json"), EXIT_OK);
    assert_not_in(scripted.out, "secret-hash");
    json_t *all = scripted_json();
    assert_true(json_is_true(json_object_get(json_array_get(all, 0), "scram")));
    json_decref(all);
    queue_says(NULL, 0);
    assert_int_equal(POSTERN("user"), EXIT_OK);
    assert_in(scripted.out, "no accounts yet");
}

/* "it is hashed here (argon2id, and keys for SCRAM unless --no-scram) and goes nowhere else" */
static void a_password_is_hashed_here(void **state)
{
    static const char *const add[] = {"--by", "a", "user", "add", "nurse@in.test", NULL},
                             *const plain[] = {"--by", "a",          "user", "passwd",
                                               "scan", "--no-scram", NULL},
                             *const scan[] = {"--by", "a",           "user",       "add",
                                              "scan", "--addresses", "@in.test b", NULL};
    assert_int_equal(postern_with("correct horse\n", add), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "add\tnurse@in.test");
    assert_in(scripted.asked[TO_QUEUE].data, "$argon2id$");
    assert_not_in(scripted.asked[TO_QUEUE].data, "horse");
    assert_non_null(strstr(strchr(scripted.asked[TO_QUEUE].data, '\t'), ",")); /* SCRAM's keys */
    assert_int_equal(postern_with("correct horse\n", plain), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "set\tscan");
    assert_string_equal(strchr(scripted.asked[TO_QUEUE].data, '\t'), "\t\t");
    assert_int_equal(postern_with("short\n", add), EXIT_USAGE);
    assert_in(scripted.err, "at least 8 characters");
    assert_int_equal(postern_with("correct horse\n", scan), EXIT_USAGE); /* "b" is no address */
    assert_int_equal(POSTERN("--by", "a", "user", "add", "scan"), EXIT_USAGE);
    assert_in(scripted.err, "is not an address");
}

static void accounts_are_changed(void **state)
{
    assert_int_equal(POSTERN("--by", "a", "user", "disable", "scan"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_ACCOUNT_DISABLE);
    assert_string_equal(scripted.out, "scan: may no longer log in\n");
    assert_int_equal(POSTERN("--by", "a", "user", "enable", "scan"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_ACCOUNT_ENABLE);
    assert_int_equal(POSTERN("--by", "a", "user", "remove", "scan"), EXIT_OK);
    assert_int_equal(scripted.asked[TO_QUEUE].verb, ADMIN_ACCOUNT_DROP);
    assert_int_equal(POSTERN("--by", "a", "user", "addresses", "scan", "a@in.test @b.test"),
                     EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].data, "\t\ta@in.test @b.test");
    scripted.says[TO_QUEUE].text = "90";
    assert_int_equal(POSTERN("--by", "a", "user", "forgive", "scan", "192.0.2.1"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].data, "192.0.2.1");
    assert_in(scripted.out, "90 s");
    assert_int_equal(POSTERN("--json", "--by", "a", "user", "forgive", "scan"), EXIT_OK);
    json_t *j = scripted_json();
    assert_int_equal(json_integer_value(json_object_get(j, "kept-waiting")), 90);
    json_decref(j);
    scripted.says[TO_QUEUE].text = "0";
    assert_int_equal(POSTERN("--by", "a", "user", "forgive", "scan"), EXIT_OK);
    assert_in(scripted.out, "was not kept waiting");
    assert_int_equal(POSTERN("--by", "a", "user", "forgive", "scan", "nonsense"), EXIT_USAGE);
}

/* --- probe -------------------------------------------------------------- */

static void probe_says_what_a_server_offers(void **state)
{
    static const struct ipc_msg rows[] = {
        {.type = IPC_probe_host,
         .probe_host = {.token = 1,
                        .preference = 10,
                        .host = STR("mx.one.test"),
                        .address = STR("192.0.2.25"),
                        .offered = 1,
                        .ext = 1,
                        .sess = SESS_PKIX_OK,
                        .grade = GRADE_CERT,
                        .tls_version = STR("TLSv1.3"),
                        .tls_cipher = STR("TLS_AES_128_GCM_SHA256"),
                        .tls_bits = 128,
                        .cert_names = STR("mx.one.test"),
                        .versions = STR("TLSv1.2 TLSv1.3"),
                        .tlsa_text = STR("3 1 1 aa\n3 1 1 bb\n")}},
        {.type = IPC_probe_host,
         .probe_host = {.token = 1,
                        .host = STR("mx2.one.test"),
                        .sess = SESS_NOCONN,
                        .detail = STR("timeout")}},
        {.type = IPC_probe_done,
         .probe_done = {.token = 1,
                        .domain = STR("one.test"),
                        .outcome = 0,
                        .would_send = 1,
                        .offered = 1,
                        .grade = GRADE_CERT,
                        .rua = STR("mailto:tls@one.test"),
                        .sts_text = STR("version: STSv1\r\nmode: testing\r\n")}},
    };
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("probe", "x@one.test"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "deep one.test");
    assert_in(scripted.out, "one.test: yes: mail goes encrypted, with a");
    assert_in(scripted.out, "TLSv1.3, TLS_AES_128_GCM_SHA256, 128 bit");
    assert_in(scripted.out, "versions accepted: TLSv1.2 TLSv1.3");
    assert_in(scripted.out, "TLSA 3 1 1 bb\n");
    assert_in(scripted.out, "REQUIRETLS yes");
    assert_in(scripted.out, "no answer: timeout");
    assert_in(scripted.out, "      mode: testing\n");
    assert_in(scripted.out, "TLS reports go to: mailto:tls@one.test");
    assert_int_equal(POSTERN("probe", "--quick", "--json", "one.test"), EXIT_OK);
    assert_string_equal(scripted.asked[TO_QUEUE].argument, "one.test");
    json_t *all = scripted_json();
    const json_t *hosts = json_object_get(json_array_get(all, 0), "hosts");
    assert_int_equal(json_array_size(hosts), 2);
    assert_true(json_is_true(json_object_get(json_array_get(hosts, 0), "requiretls")));
    json_decref(all);
}

/* "Exit status 0 only if mail to every domain would go encrypted." */
static void probe_of_many_is_a_line_each(void **state)
{
    static const struct ipc_msg rows[] = {{.type = IPC_probe_done,
                                           .probe_done = {.token = 1,
                                                          .domain = STR("one.test"),
                                                          .would_send = 1,
                                                          .tlsa_bad = 1,
                                                          .grade = GRADE_PLAIN}}};
    char path[128];
    scripted_write("domains", "# mine\none.test\n\ntwo.test # theirs\r\n");
    scripted_path("domains", path);
    QUEUE_SAYS(rows);
    assert_int_equal(POSTERN("probe", "--file", path), EXIT_NO);
    assert_int_equal(scripted.asked[TO_QUEUE].n, 2);
    assert_in(scripted.out, "NO: mail would go in clear");
    assert_in(scripted.out, "BROKEN");
    assert_in(scripted.out, "2 domains: 0 with a good certificate, 0 encrypted only, 2 in clear");
    assert_int_equal(POSTERN("probe", "--file", "/nonexistent"), EXIT_USAGE);
    scripted.says[TO_QUEUE] = (struct script){.end = END_NO, .text = "that is no domain"};
    assert_int_equal(POSTERN("probe", "x"), EXIT_NO);
    assert_in(scripted.err, "that is no domain");
}

#define TEST(name) cmocka_unit_test_setup(name, scripted_reset)
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(status_says_who_is_down),
                                       TEST(status_as_json),
                                       TEST(status_says_what_waits_for_the_silent),
                                       TEST(status_says_that_the_store_was_put_back),
                                       TEST(reload_shows_what_was_found),
                                       TEST(a_wrong_configuration_is_not_reloaded),
                                       TEST(queue_list_has_each_recipient),
                                       TEST(an_empty_queue),
                                       TEST(message_is_its_report),
                                       TEST(queue_changes_say_what_was_done),
                                       TEST(domains_are_sorted_and_named),
                                       TEST(no_domain_is_known),
                                       TEST(a_domain_and_its_history),
                                       TEST(alarms_and_what_is_over),
                                       TEST(quirks_and_what_they_said),
                                       TEST(import_takes_those_seen),
                                       TEST(exceptions_in_force_and_over),
                                       TEST(exceptions_are_asked_for_in_hours),
                                       TEST(acts_and_who_did_them),
                                       TEST(policies_that_are_kept),
                                       TEST(reports_of_others_and_ours),
                                       TEST(refusals_are_counted_by_rule),
                                       TEST(forwards_that_are_off),
                                       TEST(envelopes_and_what_happened_to_them),
                                       TEST(envelopes_are_changed),
                                       TEST(accounts_are_listed),
                                       TEST(a_password_is_hashed_here),
                                       TEST(accounts_are_changed),
                                       TEST(probe_says_what_a_server_offers),
                                       TEST(probe_of_many_is_a_line_each)};
    return cmocka_run_group_tests(tests, scripted_up, scripted_down);
}
