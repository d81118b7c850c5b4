/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pack.c: pack files an administrator may write wrongly: read, tested by their own vectors,
 * used.
 */
#include "detect/detect.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(64 * 1024);
    struct detect_packs *p = detect_packs_new();
    struct str text = str_from((const char *)data, size), names[16];
    (void)!detect_pack_needs(text, names, 16);
    if (detect_packs_add(p, text, "fuzz", &problems) == 0) {
        (void)!detect_packs_test(p, &problems);
    } else {
        must(buf_len(&problems) > 0);
    }
    detect_packs_free(p);
    return 0;
}
