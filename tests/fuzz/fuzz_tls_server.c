/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls_server.c: libFuzzer target. Any bytes at the server side of a TLS channel.
 */
#include "fuzz_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return feed_channel(true, data, size);
}
