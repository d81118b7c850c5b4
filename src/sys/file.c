/* SPDX-License-Identifier: Apache-2.0
 * file.c: small file operations. Called by posternd, queue and keys at start.
 */
#include "sys/file.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read_fd(int fd, struct buf *out)
{
    off_t at = 0;
    for (;;) {
        char *room;
        int r = buf_reserve(out, 4096, &room);
        if (r < 0) {
            return r;
        }
        ssize_t n = pread(fd, room, 4096, at);
        if (n < 0 && errno == ESPIPE) {
            n = read(fd, room, 4096);
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            return 0;
        }
        if (n > 0) {
            buf_commit(out, (size_t)n);
            at += n;
        }
    }
}

int file_read(const char *path, struct buf *out)
{
    CLEANUP(err_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : file_read_fd(fd, out);
}

int file_write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            bytes = str_slice(bytes, (size_t)n, bytes.n);
        }
    }
    return 0;
}

int file_memory(const char *name, struct str bytes)
{
    CLEANUP(err_close_fd) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    int r = file_write_all(fd, bytes);
    if (r < 0) {
        return r;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
        return -errno;
    }
    int give = fd;
    fd = -1;
    return give;
}

int file_make_dir(const char *path, long uid, long gid)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    struct stat st;
    if (stat(path, &st) < 0) {
        return -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    if (uid >= 0 && (st.st_uid != (uid_t)uid || st.st_gid != (gid_t)gid) &&
        chown(path, (uid_t)uid, (gid_t)gid) < 0) {
        return -errno;
    }
    return 0;
}

int file_give_tree(const char *path, uid_t uid, gid_t gid)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
    const FTSENT *e;
    int r = tree ? 0 : -errno;
    while (r == 0 && (errno = 0, e = fts_read(tree))) {
        bool may = e->fts_info == FTS_D || (e->fts_info == FTS_F && e->fts_statp->st_nlink == 1);
        if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS) {
            r = e->fts_errno == ENOENT ? 0 : -e->fts_errno;
        } else if (may && (e->fts_statp->st_uid != uid || e->fts_statp->st_gid != gid) &&
                   lchown(e->fts_accpath, uid, gid) < 0) {
            r = errno == ENOENT ? 0 : -errno;
        }
    }
    r = r == 0 && errno ? -errno : r;
    if (tree) {
        fts_close(tree);
    }
    return r;
}

int file_shared(const char *name, size_t octets)
{
    CLEANUP(err_close_fd) int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)octets) < 0) {
        return -errno;
    }
    int give = fd;
    fd = -1;
    return give;
}

int file_end_here(int fd)
{
    off_t end = lseek(fd, 0, SEEK_CUR), whole = lseek(fd, 0, SEEK_END);
    if (end < 0 || whole < 0 || (whole > end && ftruncate(fd, end) < 0)) {
        return -errno;
    }
    return 0;
}

int file_sync(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}
