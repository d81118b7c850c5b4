/* SPDX-License-Identifier: Apache-2.0
 * tls_priv.h: what the files of tls/ share.
 */
#pragma once
#include <openssl/ssl.h>

struct tls_context {
    SSL_CTX *ssl;
};
