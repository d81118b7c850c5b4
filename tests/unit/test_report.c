/* SPDX-License-Identifier: Apache-2.0
 * test_report.c: the bounce in the form of RFC 3464, and the message report.
 */
#include "check.h"
#include "policy/policy.h"
#include "report/dsn.h"
#include "report/message.h"
#include "store/store.h"

static const struct dsn_rcpt rcpt = {.forward_path = STR("x@bad.test"), .reason = REASON_REJECTED, .code = STR("5.1.1"), .remote = true,
                                     .reply = STR("550 5.1.1 no such person, and a long explanation that has to be folded somewhere near here"),
                                     .host = STR("mx.bad.test"), .last_ms = 880127706000};

static void bounce(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536);
    const struct dsn d = {.hostname = STR("mx.test"), .organization = STR("Clinic"), .to = STR("a@b.test"), .id = STR("0000000000001"),
                          .own_id = STR("0000000000002"), .arrived_ms = 880127706000, .at_ms = 880127706000, .rcpts = &rcpt, .n_rcpts = 1,
                          .headers = STR("Subject: x\r\n")};
    (void)state;
    assert_int_equal(dsn_write(&d, &out), 0);
    struct str s = buf_str(&out);
    for (size_t i = 0; i < s.n; i++) { /* CRLF only, no line over 998, 7 bit */
        assert_true((unsigned char)s.p[i] < 0x80);
        assert_true(s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'));
    }
    assert_int_equal(buf_append(&out, "", 1), 0);
    static const char *const want[] = {
        "To: <a@b.test>\r\n", "Auto-Submitted: auto-replied\r\n", "Content-Type: multipart/report; report-type=delivery-status;\r\n",
        "Content-Type: message/delivery-status\r\n", "Reporting-MTA: dns;mx.test\r\n", "Final-Recipient: rfc822;x@bad.test\r\n", "Action: failed\r\n",
        "Status: 5.1.1\r\n", "Remote-MTA: dns;mx.bad.test\r\n", "Diagnostic-Code: smtp;550 5.1.1 no such person",
        "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n", "postmaster@mx.test"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        if (!strstr(buf_str(&out).p, want[i])) {
            fail_msg("missing: %s in\n%s", want[i], buf_str(&out).p);
        }
    }
}

static void report_words(void **state)
{
    CLEANUP(buf_free) struct buf out = BUF_INIT(65536), json = BUF_INIT(65536);
    const struct ipc_row_message m = {.id = 1, .reverse_path = STR("a@b.test"), .arrived_ms = 1000, .protocol = STR("ESMTP"), .helo = STR("h"), .client = STR("192.0.2.1")};
    const struct ipc_row_rcpt good = {.rcpt = 5, .forward_path = STR("x@y.test"), .state = RCPT_DELIVERED, .reason = REASON_SENT, .last_ms = 2000};
    const struct ipc_row_rcpt clear = {.rcpt = 6, .forward_path = STR("z@y.test"), .state = RCPT_DELIVERED, .reason = REASON_SENT_PLAIN, .last_ms = 2000};
    const struct ipc_row_attempt a = {.rcpts = STR("4,5"), .host = STR("mx"), .sess = SESS_PKIX_OK, .grade = GRADE_CERT, .tls_version = STR("TLSv1.3"), .tls_cipher = STR("X"), .tls_bits = 256, .cert_check = STR("fine")};
    const struct ipc_row_attempt b = {.rcpts = STR("6"), .host = STR("mx"), .sess = SESS_NOADV, .grade = GRADE_PLAIN, .raised = RAISED(RULE)};
    const struct ipc_row_rcpt *rcpts[] = {&good, &clear};
    const struct ipc_row_attempt *attempts[] = {&a, &b};
    const struct message_report r = {&m, rcpts, 2, attempts, 2};
    (void)state;
    assert_int_equal(message_report_words(&r, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_non_null(strstr(buf_str(&out).p, "To <x@y.test>: delivered 1970-01-01T00:00:02Z\n  Sent securely: yes; encrypted, certificate verified"));
    assert_non_null(strstr(buf_str(&out).p, "Sent securely: NO; not encrypted"));
    assert_non_null(strstr(buf_str(&out).p, "demanded by: a rule"));
    assert_int_equal(report_render(message_report_json(&r), &json), 0);
    assert_int_equal(buf_append(&json, "", 1), 0);
    assert_non_null(strstr(buf_str(&json).p, "\"tls-version\": \"TLSv1.3\""));
    assert_non_null(strstr(buf_str(&json).p, "\"state\": \"delivered\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounce), cmocka_unit_test(report_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
