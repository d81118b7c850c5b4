/* SPDX-License-Identifier: Apache-2.0
 * sealed.h: what its sender's own program encrypted, told by the octets and never by a label:
 * S/MIME (RFC 5652 6, RFC 5083), OpenPGP (RFC 9580 10.3). Called by message.c and body.c. Pure.
 */
#pragma once
#include "mime/tree.h"

enum seal { SEAL_NONE, SEAL_SMIME, SEAL_PGP };

/* What these octets are, from the first to the last: nothing else stands before, in between or
 * behind. */
enum seal sealed_octets(struct str octets);
/* A whole message: every part with something in it is encrypted. */
enum mime_encryption sealed_message(const struct tree *t);
/* The beginning of an OpenPGP message that is encrypted (or, where armour is not asked for,
 * signed), in armour (RFC 9580 6.2), also within a text, or not; it may be cut or damaged. */
bool sealed_begins_pgp(struct str octets, bool armoured_only);
/* What accompanies an encrypted part (RFC 3156 4) and says nothing. */
bool sealed_is_control(const struct part *p);
