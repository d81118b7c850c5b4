/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls_client.c: libFuzzer target. Any bytes at the client side of a TLS channel.
 */
#include "fuzz_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return feed_channel(false, data, size);
}
