/* SPDX-License-Identifier: Apache-2.0
 * fuzz_header.c: libFuzzer target. Header walking: every octet is seen once, in order.
 */
#include "fuzz.h"
#include "wire/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = str_from((const char *)data, size), rest = all, name, value;
    const char *last = all.p;
    while (header_next(&rest, &name, &value)) {
        must(rest.p > last && name.p >= last && value.p >= last && value.p + value.n <= rest.p);
        last = rest.p;
    }
    must(header_section(all) <= size);
    return 0;
}
