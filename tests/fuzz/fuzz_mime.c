/* SPDX-License-Identifier: Apache-2.0
 * fuzz_mime.c: any octets as a message and as a file. Always ends within its limits.
 */
#include "fuzz.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mime_limits limits = mime_standard_limits;
    struct str octets = str_from((const char *)data, size);
    limits.text_octets = 1 << 20;
    limits.opened_octets = 4 << 20;
    mime_init();
    for (int i = 0; i < 2; i++) {
        struct mime_reading *m =
            i ? mime_read_file(octets, "x", &limits) : mime_read(octets, &limits);
        uint64_t sum = 0;
        for (size_t k = 0; k < m->n_texts; k++) {
            sum += buf_len(&m->texts[k].text);
        }
        must(sum <= limits.text_octets && m->n_problems <= limits.problems &&
             m->parts <= limits.parts + 1);
        mime_reading_free(m);
    }
    return 0;
}
