/* SPDX-License-Identifier: Apache-2.0
 * cmd_noop.c: NOOP, RFC 5321 4.1.1.9. Any argument is ignored.
 *
 *   noop = "NOOP" [ SP String ] CRLF
 */
#include "smtp/server_priv.h"

/* RFC 5321 4.1.1.9 SHOULD: a parameter of NOOP is ignored */
void smtp_cmd_noop(struct smtp_server *s, struct str args)
{
    smtp_server_reply(s, 250, "2.0.0", "Still here");
}
