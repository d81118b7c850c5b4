/* SPDX-License-Identifier: Apache-2.0
 * fuzz_conf.c: libFuzzer target. Configuration text: what is taken must be taken again in its
 * canonical form.
 */
#include "conf/conf.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_free) struct buf problems = BUF_INIT(65536), text = BUF_INIT(CONF_TEXT_MAX);
    struct conf *c, *again;
    if (conf_parse(str_from((const char *)data, size), "fuzz", &problems, &c) < 0) {
        return 0;
    }
    must(conf_write(c, &text) == 0);
    if (conf_parse(buf_str(&text), "canonical", &problems, &again) < 0) {
        abort();
    }
    conf_free(c);
    conf_free(again);
    return 0;
}
