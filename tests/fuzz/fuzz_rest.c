/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rest.c: libFuzzer target. Sealed bodies and wrapped keys from a hostile disk: never accepted unless they are ours.
 */
#include "fuzz.h"
#include "seal/rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char secret[REST_SECRET] = {7};
    unsigned char key[REST_KEY] = {1}, public[REST_PUBLIC];
    static struct rest_opener *o;
    struct str in = str_from((const char *)data, size);
    if (!o) {
        must(rest_init() == 0);
        o = rest_opener_new(secret, public);
    }
    CLEANUP(buf_free) struct buf out = BUF_INIT(1 << 20);
    struct rest_reader *r = rest_reader_new(key);
    if (rest_read(r, in, &out) == 0 && rest_read(r, STR(""), &out) == 0) {
        must(!rest_read_done(r)); /* nobody can make a valid stream without the key */
    }
    rest_reader_free(r);
    must(rest_unwrap(o, in, key) < 0);
    return 0;
}
