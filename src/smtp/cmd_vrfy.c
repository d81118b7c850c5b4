/* SPDX-License-Identifier: Apache-2.0
 * cmd_vrfy.c: VRFY, RFC 5321 4.1.1.6 and 7.3: never tells who exists.
 *
 *   vrfy = "VRFY" SP String CRLF
 */
#include "smtp/server_priv.h"

/* RFC 5321 3.5.3 MUST NOT: VRFY is not answered 250 for an address that was not verified
 * RFC 5321 3.5.3 SHOULD: VRFY is answered 252 by a relay
 * RFC 5321 7.3 MUST NOT: nobody learns from VRFY who exists
 * RFC 5321 7.3 MUST: VRFY without verifying is answered 252 */
void smtp_cmd_vrfy(struct smtp_server *s, struct str args)
{
    if (args.n == 0) {
        smtp_server_refuse(s, REFUSE_VRFY_FORM);
        return;
    }
    smtp_server_reply(s, 252, "2.5.2", "Addresses are not verified here; send the message and see");
}
