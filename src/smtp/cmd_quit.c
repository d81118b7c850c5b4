/* SPDX-License-Identifier: Apache-2.0
 * cmd_quit.c: QUIT, RFC 5321 4.1.1.10. A transaction that was not completed is forgotten.
 *
 *   quit = "QUIT" CRLF
 */
#include "smtp/server_priv.h"

/* RFC 5321 4.1.1.10 MUST: QUIT is answered 221, then the connection ends */
void smtp_cmd_quit(struct smtp_server *s, struct str args)
{
    if (args.n > 0) {
        smtp_server_refuse(s, REFUSE_QUIT_PARAMETER);
        return;
    }
    smtp_server_end(s, &(struct smtp_reply){221, "2.0.0", "Good bye"});
}
