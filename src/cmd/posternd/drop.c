/* SPDX-License-Identifier: Apache-2.0
 * drop.c: the directory in which sendmail(8) keeps messages while the gateway is not running,
 * and the process that hands them in: sendmail -q, as the user the gateway runs as. posternd
 * itself never reads what lies there. Called by main.c.
 */
#include "base/log.h"
#include "cmd/posternd/lines.h"
#include "cmd/posternd/posternd.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int drop_make(const struct posternd *d)
{
    const struct conf *c = d->conf;
    const struct spawn_user user = d->pickup_user;
    char parent[600];
    struct stat st;
    struct str path = str_c(c->drop_directory);
    str_copy_cut(str_slice(path, 0, str_find_last(path, '/')), parent, sizeof parent);
    int r = 0;
    if (mkdir(parent, 0755) == 0) {
        r = chmod(parent, 0755) < 0 ? -errno : 0; /* the umask of a service may be narrower */
    } else if (errno != EEXIST) {
        r = -errno;
    }
    if (r == 0 && mkdir(c->drop_directory, 0700) < 0 && errno != EEXIST) {
        r = -errno;
    }
    if (r == 0 && (stat(c->drop_directory, &st) < 0 || !S_ISDIR(st.st_mode))) {
        r = -ENOTDIR; /* the rights of a file are not ours to change */
    }
    if (r == 0 && user.change && chown(c->drop_directory, user.uid, user.gid) < 0) {
        r = -errno;
    }
    /* everybody may put a letter in, nobody may see what is there */
    return r < 0 ? r : chmod(c->drop_directory, 01733) < 0 ? -errno : 0;
}

static bool has_mail(const char *directory)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    bool found = false;
    while (dir && !found && (entry = readdir(dir))) {
        found = strncmp(entry->d_name, "mail-", 5) == 0;
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

void drop_pick_up(struct posternd *d)
{
    char path[600], quick[] = "-q", config[] = "-C";
    if (d->pickup || !has_mail(d->conf->drop_directory)) {
        return;
    }
    snprintf(path, sizeof path, "%s/sendmail", d->bin_dir);
    char *argv[] = {path, quick, config, (char *)d->conf_path, NULL};
    int error_fd = -1;
    d->pickup_budget.per_s = LINES_OF_OTHERS;
    d->pickup_lines = lines_open(d->loop, "pickup", &d->pickup_budget, &error_fd);
    int r = d->pickup_lines ? spawn_child(path, argv, -1, error_fd, &d->pickup_user, &d->pickup)
                            : -EMFILE;
    err_close_fd(&error_fd);
    if (r < 0) {
        lines_close(d->pickup_lines);
        d->pickup_lines = NULL;
        d->pickup = 0;
        log_warn("pickup-failed", KV("problem", strerror(-r)));
    } else {
        lines_of(d->pickup_lines, d->pickup);
    }
}
