/* SPDX-License-Identifier: Apache-2.0
 * cmd_rset.c: RSET, RFC 5321 4.1.1.5: forgets the transaction, keeps the session.
 *
 *   rset = "RSET" CRLF
 */
#include "smtp/server_priv.h"

/* RFC 5321 4.1.1.5 MUST: RSET forgets sender, recipients and text
 * RFC 5321 4.1.1.5 MUST: RSET is answered 250
 * RFC 5321 4.1.1.5 MUST NOT: RSET does not end the session */
void smtp_cmd_rset(struct smtp_server *s, struct str args)
{
    if (args.n > 0) {
        smtp_server_refuse(s, REFUSE_RSET_PARAMETER);
        return;
    }
    smtp_server_reset(s);
    smtp_server_reply(s, 250, "2.0.0", "Forgotten");
}
