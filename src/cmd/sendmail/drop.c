/* SPDX-License-Identifier: Apache-2.0
 * drop.c: letters that wait in a directory while the gateway is not running: a file each, written
 * under a name nobody can guess, synced, then renamed to its final name. posternd has them picked
 * up. Called by main.c and notice.c.
 *
 * The directory lets everybody put files in and nobody list them (mode 1733). What can go wrong:
 * no space, no right: the caller hears it at once, and nothing is left behind.
 */
#include "base/random.h"
#include "cmd/sendmail/sendmail.h"
#include "sys/file.h"
#include "wire/address.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void letter_free(struct letter *l)
{
    for (size_t i = 0; i < l->n_rcpts; i++) {
        free(l->rcpts[i]);
    }
    buf_wipe(&l->text);
    *l = (struct letter){0};
}

int letter_add(struct letter *l, struct str address)
{
    struct address a;
    bool bare = str_find(address, '@', 0) == address.n && str_eq_nocase(address, STR("postmaster"));
    if (!bare && address_mailbox(address, true, &a) < 0) {
        return -EINVAL;
    }
    if (l->n_rcpts == SENDMAIL_RCPTS_MAX) {
        return -ENOSPC;
    }
    l->rcpts[l->n_rcpts++] = str_dup(address);
    return 0;
}

static int drop_write_letter(int fd, const struct letter *l)
{
    CLEANUP(buf_free) struct buf head = BUF_INIT(2 * 1024 * 1024);
    int r = buf_printf(&head, "postern-drop 1\nfrom %s\n", l->sender);
    for (size_t i = 0; r == 0 && i < l->n_rcpts; i++) {
        r = buf_printf(&head, "to %s\n", l->rcpts[i]);
    }
    r = r < 0 ? r : buf_add(&head, STR("\n"));
    r = r < 0 ? r : file_write_all(fd, buf_str(&head));
    r = r < 0 ? r : file_write_all(fd, buf_str(&l->text));
    return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

int drop_put(const char *directory, const struct letter *l)
{
    unsigned char octets[16];
    char name[40], draft[700], final[700];
    random_bytes(octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        snprintf(name + i * 2, 3, "%02x", octets[i]);
    }
    snprintf(draft, sizeof draft, "%s/new-%s", directory, name);
    snprintf(final, sizeof final, "%s/mail-%s", directory, name);
    CLEANUP(err_close_fd)
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return -errno;
    }
    /* the user that picks it up must be able to read it; its name is the lock */
    (void)fchmod(fd, 0644);
    int r = drop_write_letter(fd, l);
    r = r < 0 ? r : rename(draft, final) < 0 ? -errno : 0;
    if (r < 0) {
        (void)unlink(draft);
        return r;
    }
    /* we may not open the directory; syncing the renamed file takes its new name along (ext4,
     * XFS, Btrfs) */
    return fsync(fd) < 0 ? -errno : 0;
}

int drop_put_rest(const char *directory, const struct letter *l, const bool *put_off)
{
    struct letter rest = {.text = l->text}; /* all in it is borrowed */
    str_copy_cut(str_c(l->sender), rest.sender, sizeof rest.sender);
    for (size_t i = 0; i < l->n_rcpts; i++) {
        if (put_off[i]) {
            rest.rcpts[rest.n_rcpts++] = l->rcpts[i];
        }
    }
    return rest.n_rcpts > 0 ? drop_put(directory, &rest) : 0;
}

int drop_get(const char *path, struct letter *ret)
{
    struct str rest, line;
    CLEANUP(buf_free) struct buf all = BUF_INIT(SENDMAIL_MESSAGE_MAX + 2 * 1024 * 1024);
    CLEANUP(err_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    int r = fd < 0                ? -errno
            : fstat(fd, &st) < 0  ? -errno
            : S_ISREG(st.st_mode) ? file_read_fd(fd, &all)
                                  : -EBADMSG;
    if (r < 0) {
        return r;
    }
    *ret = (struct letter){.text = BUF_INIT(SENDMAIL_MESSAGE_MAX)};
    rest = buf_str(&all);
    bool good = str_split(&rest, '\n', &line) && str_eq(line, STR("postern-drop 1"));
    while (good && rest.n > 0 && str_split(&rest, '\n', &line) && line.n > 0) {
        if (str_starts_nocase(line, STR("from "))) {
            struct address a;
            struct str from = str_slice(line, 5, line.n);
            good = (from.n == 0 || address_mailbox(from, true, &a) == 0) &&
                   str_copy(from, ret->sender, sizeof ret->sender) == 0;
        } else {
            good = str_starts_nocase(line, STR("to ")) &&
                   letter_add(ret, str_slice(line, 3, line.n)) == 0;
        }
    }
    good = good && ret->n_rcpts > 0 &&
           buf_printf(&ret->text, "Received: by sendmail (uid %u)\r\n", (unsigned)st.st_uid) == 0 &&
           buf_add(&ret->text, rest) == 0;
    return good ? 0 : -EBADMSG;
}
