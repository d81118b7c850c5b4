/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls_client.c: libFuzzer target. The client side of a TLS channel, and a peer with any
 * certificate.
 */
#include "fuzz_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return talk_tls(false, data, size);
}
