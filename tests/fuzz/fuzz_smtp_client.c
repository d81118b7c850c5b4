/* SPDX-License-Identifier: Apache-2.0
 * fuzz_smtp_client.c: libFuzzer target. Any bytes as a server's answers: never MAIL without TLS after an offer, never two messages at once.
 */
#include "fuzz.h"
#include "smtp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct smtp_client_config config = {.hello = "gw.test", .lmtp = size % 4 == 3};
    static const struct smtp_mail_rcpt rcpts[] = {{.path = {"x@y.test", 8}, .notify = NOTIFY_SUCCESS, .orcpt = {"rfc822;x", 8}}, {.path = {"z@y.test", 8}}};
    struct str in = str_from((const char *)data, size);
    const struct smtp_mail mail = {.reverse_path = STR("a@b.test"), .rcpts = rcpts, .n_rcpts = 2, .size = 9, .is_8bit = true};
    struct smtp_client *c = smtp_client_new(&config);
    bool over = false, tls = false, offered = false, logged_in = false;
    for (size_t turn = 0; !over && turn < 10000; turn++) {
        struct smtp_client_event ev;
        struct permit permit = {.granted = true, .transport = tls ? PERMIT_TLS : PERMIT_PLAINTEXT};
        smtp_client_next(c, &ev);
        struct str out = buf_str(smtp_client_out(c));
        for (size_t i = 0; !tls && offered && i + 5 <= out.n; i++) {
            must(memcmp(out.p + i, "MAIL ", 5) != 0);
        }
        buf_reset(smtp_client_out(c));
        switch (ev.type) {
        case SMTP_CL_NONE:
            over = in.n == 0;
            if (!over) {
                size_t n = (size_t)take_octet(&in) + 1;
                n = n < in.n ? n : in.n;
                over = smtp_client_feed(c, str_slice(in, 0, n)) < 0;
                in = str_slice(in, n, in.n);
            }
            break;
        case SMTP_CL_OFFERED:
            offered = true;
            break;
        case SMTP_CL_START_TLS:
            tls = true;
            smtp_client_tls_started(c);
            break;
        case SMTP_CL_READY:
            if (tls && smtp_client_caps(c)->auth[0] && !logged_in) {
                logged_in = true;
                smtp_client_auth(c, "PLAIN", STR("eA=="));
                break;
            }
            over = smtp_client_send(c, &permit, &mail) < 0;
            break;
        case SMTP_CL_DONE:
            must(!ev.accepted || config.lmtp || ev.answer->code / 100 == 2);
            over = smtp_client_send(c, &permit, &mail) < 0;
            break;
        case SMTP_CL_RCPT:
            must(ev.rcpt < 2);
            break;
        case SMTP_CL_RCPT_DONE:
            must(ev.rcpt < 2);
            break;
        case SMTP_CL_AUTH_STEP:
            smtp_client_auth_reply(c, STR("eA=="));
            break;
        case SMTP_CL_AUTH_DONE:
            over = smtp_client_send(c, &permit, &mail) < 0;
            break;
        case SMTP_CL_BODY:
            if (smtp_client_wants_body(c)) {
                must(smtp_client_body(c, STR(".x\r\n"), false) == 0);
            }
            must(smtp_client_body(c, STR(".x\r\n"), true) == 0);
            break;
        case SMTP_CL_REFUSED:
        case SMTP_CL_REJECTED:
        case SMTP_CL_BROKEN:
            over = true;
            break;
        }
    }
    smtp_client_free(c);
    return 0;
}
