/* SPDX-License-Identifier: Apache-2.0
 * fuzz_directory.c: libFuzzer target. Any octets as what an LDAP server says to one login and to
 * one question for a group's members (RFC 4511): they come to libldap over a socket pair, as
 * this file's own ldap_initialize() connects it. Nobody is right whom the server did not bind.
 */
#include "directory/directory.h"
#include "directory/look.h"
#include "fuzz.h"

#include <ldap.h>
#include <openldap.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request that cannot be written any more is not freed by libldap 2.5
 * (ldap_send_server_request); nothing else says whose memory it is, as its libraries are built
 * without frame pointers. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:liblber\n";
}

static int server = -1;
static struct str said;

/* In the place of the library's: connected already, and all that the server will ever say is
 * there. */
int ldap_initialize(LDAP **ret, LDAP_CONST char *url)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    must(write(pair[1], said.p, said.n) == (ssize_t)said.n && shutdown(pair[1], SHUT_WR) == 0);
    server = pair[1];
    return ldap_init_fd(pair[0], LDAP_PROTO_TCP, url, ret);
}

/* In the place of directory/look.c's: there is no way to look at. */
enum directory_seen directory_look(const struct directory_place *p, int64_t limit_ms, char *why,
                                   size_t size)
{
    must(p->url && limit_ms > 0 && why && size > 0);
    return DIRECTORY_SEEN_WELL;
}

static void hang_up(void)
{
    if (server >= 0) {
        close(server);
    }
    server = -1;
}

/* Each address is one word, and apart from the next by one blank. */
static void check_addresses(const struct buf *addresses)
{
    struct str left = buf_str(addresses), one;
    while (left.n > 0 && str_split(&left, ' ', &one)) {
        must(one.n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct directory_config config = {
        .url = "ldap://127.0.0.1:1",
        .base = "dc=example",
        .filter = "(uid=%u)",
        .bind_dn = "cn=postern",
        .bind_password = "secret",
        .group = "cn=mail,dc=example",
        .mail_attribute = "mail",
        .trust_store = "",
        .timeout_ms = 1000,
    };
    char problem[500] = "";
    said = str_from((const char *)data, size);
    CLEANUP(buf_free) struct buf addresses = BUF_INIT(1 << 20);
    enum directory_result r =
        directory_login(&config, "alice", "password", &addresses, problem, sizeof problem);
    must(r != DIRECTORY_AWAY || problem[0]);
    check_addresses(&addresses);
    hang_up();
    buf_reset(&addresses);
    (void)directory_members(&config, config.group, &addresses, problem, sizeof problem);
    check_addresses(&addresses);
    hang_up();
    return 0;
}
