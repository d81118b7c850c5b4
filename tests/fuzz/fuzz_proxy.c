/* SPDX-License-Identifier: Apache-2.0
 * fuzz_proxy.c: libFuzzer target. A balancer's header, header sections and the words of RFC 3461.
 */
#include "fuzz.h"
#include "wire/mailboxes.h"
#include "wire/notify.h"
#include "wire/proxy.h"
#include "wire/section.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    struct mailbox author;
    char ip[46];
    size_t n;
    struct section_done done;
    uint8_t bits;
    CLEANUP(buf_free) struct buf out = BUF_INIT(size * 3 + 1000), back = BUF_INIT(size * 3 + 1000);
    enum proxy_result r = proxy_read(in, &n, ip);
    must(n <= size && (r != PROXY_GIVEN || n > 0));
    const struct section_change change = {
        .authserv_id = STR("mx.test"),
        .add_date = STR("x"),
        .add_message_id = STR("<x>"),
    };
    n = section_end(in, 0);
    must(n <= size && section_write(str_slice(in, 0, n ? n : size), &change, &out, &done) == 0);
    for (struct str rest = in, from; section_next_from(&rest, &from);) {
        while (mailboxes_next(&from, &author)) {
            must(author.address.n > 0 && author.address.n <= in.n);
        }
    }
    buf_reset(&out);
    if (notify_xtext_read(in, &out) == 0) { /* what it means, written again, means the same */
        must(notify_xtext_write(buf_str(&out), &back) == 0);
        CLEANUP(buf_free) struct buf again = BUF_INIT(size * 3 + 1000);
        must(notify_xtext_read(buf_str(&back), &again) == 0 &&
             str_eq(buf_str(&again), buf_str(&out)));
    }
    buf_reset(&back);
    if (notify_parse(in, &bits) == 0) {
        uint8_t same;
        must(notify_write(bits, &back) == 0 && notify_parse(buf_str(&back), &same) == 0 &&
             same == bits);
    }
    (void)notify_orcpt_ok(in);
    return 0;
}
