/* SPDX-License-Identifier: Apache-2.0
 * pem.h: PEM files (RFC 7468) block by block: certificates, chains, trust stores and keys. One that
 * is cut off or damaged is a mistake to be told, never the end of the file.
 */
#pragma once
#include "base/str.h"

struct tls_pem_block {
    struct str text;       /* with its lines BEGIN and END, or as far as it goes */
    struct str label;      /* of "-----BEGIN LABEL-----" */
    unsigned number, line; /* from 1; of its first line */
};

/* Takes the next block off *rest; *at begins as {0} and counts on. False: there is none. A block
 * without its END line ends before the next BEGIN, or with the text. */
bool tls_pem_next(struct str *rest, struct tls_pem_block *at);
/* How many certificates it holds that can be read. */
size_t tls_pem_certificates(struct str pem);
/* 0 when each block can be read, and each certificate; else -EINVAL and which one cannot, as the
 * end of a sentence that begins with the file, and a hint. A text without blocks is whole. */
int tls_pem_check(struct str pem, char *problem, size_t size) MUST_USE;
