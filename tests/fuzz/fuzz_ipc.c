/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ipc.c: libFuzzer target. Frames: what decodes must encode to the same octets again, for
 * every message of the table.
 */
#include "fuzz.h"
#include "ipc/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from((const char *)data, size);
    while (in.n > 0) {
        struct str before = in;
        struct ipc_msg m;
        unsigned flags;
        if (ipc_decode(&in, &m, &flags) < 0) {
            break;
        }
        CLEANUP(buf_free) struct buf again = BUF_INIT(IPC_FRAME_MAX);
        must(ipc_encode(&m, &again) == 0);
        must(buf_len(&again) == before.n - in.n);
        must(memcmp(buf_str(&again).p + IPC_HEAD, before.p + IPC_HEAD,
                    buf_len(&again) - IPC_HEAD) == 0);
    }
    return 0;
}
