/* SPDX-License-Identifier: Apache-2.0
 * fuzz_address.c: libFuzzer target. Paths: what is taken must be taken again, and hold no
 * control octet or bracket outside quotes.
 */
#include "fuzz.h"
#include "wire/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    uint8_t mode = take_octet(&in);
    struct address a, b;
    struct address_net net;
    struct str rest = in;
    if (address_path(&rest, mode & 1, mode & 2, mode & 4, &a) == 0) {
        for (size_t i = 0; i < a.whole.n; i++) {
            unsigned char c = (unsigned char)a.whole.p[i];
            must(c >= 0x20 && c != 0x7f);
        }
        must(a.whole.n <= ADDRESS_MAX && (a.domain.n == 0 || a.domain.p[a.domain.n - 1] != '.'));
        /* octet for octet */
        must(a.domain.n == 0 ||
             (a.whole.n == a.local.n + 1 + a.domain.n && a.whole.p[a.local.n] == '@'));
        must(a.domain.n == 0 || address_mailbox(a.whole, mode & 1, &b) == 0);
    }
    if (address_net_parse(in, &net) == 0) {
        must(net.prefix <= 128);
    }
    return 0;
}
