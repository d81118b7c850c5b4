/* SPDX-License-Identifier: Apache-2.0
 * file.h: whole small files, sealed memory files, directories: what start-up and spool need.
 */
#pragma once
#include "base/buf.h"

#include <sys/types.h>

/* Appends the whole content of path or fd to out. 0, -errno, -ENOSPC over the buffer's maximum. */
int file_read(const char *path, struct buf *out) MUST_USE;
int file_read_fd(int fd, struct buf *out) MUST_USE;
/* A sealed memory file with these bytes (for passing to another process); -errno or the fd. */
int file_memory(const char *name, struct str bytes) MUST_USE;
/* Memory that several processes may map, zeroed; -errno or the fd. */
int file_shared(const char *name, size_t octets) MUST_USE;
/* Cuts off what lies behind the place written last (of what the file held before). 0 or -errno. */
int file_end_here(int fd) MUST_USE;
/* Its octets and its length survive a power loss from here on (not yet its name). Blocks. 0 or
 * -errno. */
int file_sync(int fd) MUST_USE;
/* Writes all, or -errno. */
int file_write_all(int fd, struct str bytes) MUST_USE;
/* Creates a directory (0700) unless it is there, and gives it to uid/gid when asked (uid >= 0). */
int file_make_dir(const char *path, long uid, long gid) MUST_USE;
/* Gives everything below a directory to uid/gid, whoever it belongs to now; not what a link
 * points to, and no file that has another name as well. 0 or -errno; what goes meanwhile is no
 * error. */
int file_give_tree(const char *path, uid_t uid, gid_t gid) MUST_USE;
