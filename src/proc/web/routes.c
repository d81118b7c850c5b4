/* SPDX-License-Identifier: Apache-2.0
 * routes.c: the table of the portal's paths (routes.def), and finding a path in it. Called by
 * request.c.
 *
 * A form that does not say how it is known to be ours does not compile, and nor does one of
 * somebody with a pass that would be taken without its token.
 */
#include "proc/web/routes.h"
#include "portal/packed.h"
#include "proc/web/web.h"
#include "wire/id.h"

#define READ(path, answer, who, names)
#define FORM(path, answer, who, csrf) \
    _Static_assert(CSRF_##csrf != CSRF_READS, "the form of " path " needs a proof, or a reason"); \
    _Static_assert(WHO_##who < WHO_PASS || CSRF_##csrf == CSRF_TOKEN, \
                   "the form of " path " comes with a pass, and needs its token");
#define UPLOAD(path, begin, file, answer, who, csrf) \
    FORM(path, answer, who, csrf) \
    _Static_assert(CSRF_##csrf == CSRF_TOKEN, "the files of " path " are taken with a token");
#include "proc/web/routes.def"
#undef READ
#undef FORM
#undef UPLOAD

#define READ(path, answer, who, names) \
    {false, path, NULL, NULL, answer, WHO_##who, CSRF_READS, NAME_##names},
#define FORM(path, answer, who, csrf) \
    {true, path, NULL, NULL, answer, WHO_##who, CSRF_##csrf, NAME_MAIN},
#define UPLOAD(path, begin, file, answer, who, csrf) \
    {true, path, begin, file, answer, WHO_##who, CSRF_##csrf, NAME_MAIN},
const struct route routes[] = {
#include "proc/web/routes.def"
};
const size_t n_routes = ARRAY_LEN(routes);

/* The first part of a path, without its '/'; *rest is what follows. */
static struct str route_first_part(struct str *rest)
{
    size_t end = str_find(*rest, '/', 1);
    struct str part = str_slice(*rest, 1, end);
    *rest = str_slice(*rest, end, rest->n);
    return part;
}

static bool route_take_text(struct str part, size_t most, struct str *ret)
{
    *ret = part;
    return part.n > 0 && part.n <= most;
}

/* A part of a path, where its route has a name. */
static bool route_take(struct str name, struct str part, struct route_values *v)
{
    uint64_t n;
    if (str_eq(name, STR(":envelope"))) {
        return id_parse(part, &v->envelope) == 0;
    }
    if (str_eq(name, STR(":part"))) { /* of a message, from 1 on */
        v->part = part;
        return str_to_u64(part, VIEW_PARTS_MAX, &n) == 0 && n > 0;
    }
    if (str_eq(name, STR(":token"))) {
        return route_take_text(part, ROUTE_TEXT_MAX, &v->token);
    }
    if (str_eq(name, STR(":file"))) {
        return route_take_text(part, ROUTE_TEXT_MAX, &v->file);
    }
    return str_eq(name, STR(":pass")) && route_take_text(part, part.n, &v->pass);
}

bool route_match(const char *route, struct str path, struct route_values *ret)
{
    struct str names = str_c(route);
    *ret = (struct route_values){0};
    while (names.n > 0 && path.n > 0 && path.p[0] == '/') {
        struct str name = route_first_part(&names), part = route_first_part(&path);
        bool named = name.n > 0 && name.p[0] == ':';
        if (!(named ? route_take(name, part, ret) : str_eq(name, part))) {
            return false;
        }
    }
    return names.n == 0 && path.n == 0;
}

const struct route *route_find(bool post, enum route_names name, struct str path,
                               struct route_values *ret)
{
    for (size_t i = 0; i < n_routes; i++) {
        const struct route *t = &routes[i];
        if (t->post == post && (t->names & name) && route_match(t->path, path, ret)) {
            return t;
        }
    }
    *ret = (struct route_values){0};
    return NULL;
}
