/* SPDX-License-Identifier: Apache-2.0
 * fuzz_mx.c: libFuzzer target. MX records in wire format.
 */
#include "dns/mx.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t preference;
    char name[256];
    if (mx_parse(str_from((const char *)data, size), &preference, name, sizeof name) == 0) {
        for (const char *p = name; *p; p++) {
            must((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '.');
        }
    }
    return 0;
}
