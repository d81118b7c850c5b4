/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tls_server.c: libFuzzer target. The server side of a TLS channel, and a peer with any
 * certificate.
 */
#include "fuzz_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return talk_tls(true, data, size);
}
