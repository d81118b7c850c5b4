/* SPDX-License-Identifier: Apache-2.0
 * proof_kinds.h: what queue has login check of people in front of the portal: what takes time
 * (argon2id), or takes apart what strangers sent (JSON, CBOR, signatures).
 *
 * known is a line for each thing that is known, answer what came from outside, as the browser or
 * the provider sent it.
 */
#pragma once

enum proof_kind {
    PROOF_HASH,   /* known: nothing. answer: a phrase to be kept. Back: key: its hash */
    PROOF_PHRASE, /* known: its hash, or nothing. answer: the phrase */
    /* known: challenge, origin. answer: client data, authenticator data. Back: id, key,
     * algorithm as number, uses */
    PROOF_NEW_PASSKEY,
    /* known: challenge, origin, algorithm, uses, key. answer: client data, authenticator data,
     * signature. Back: uses */
    PROOF_PASSKEY,
    /* known: issuer. answer: its description. Back: key: where to log in, where tokens are, a
     * line each */
    PROOF_PROVIDER,
    /* known: issuer, client, nonce, address, claim. answer: that of the token endpoint */
    PROOF_LOGIN,
    PROOF_KIND_END,
};
