#include "reconfig/cli/kept.h"

#include "core/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- where */

/* False: there is no such place. */
static bool kept_path(const struct admin *admin, const char *name, char path[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int bytes = PATH_MAX;
    if (admin->flags.plans)
        bytes = snprintf(path, PATH_MAX, "%s/%s", admin->flags.plans, name);
    else if (cache && cache[0] == '/')
        bytes = snprintf(path, PATH_MAX, "%s/areg/%s", cache, name);
    else if (home && home[0] == '/')
        bytes = snprintf(path, PATH_MAX, "%s/.cache/areg/%s", home, name);
    return bytes < PATH_MAX;
}

/* The folders above `path`, as far as they are not there. */
static void make_folders(const char *path)
{
    char folder[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        (void)mkdir(folder, 0700); /* if it fails, so does the opening of the file, which is told */
    }
}

static void configs_name(const struct admin *admin, char name[64])
{
    char digest[CONFIG_ID_TEXT_BYTES];
    snprintf(name, 64, "%s.configs", config_id_print(admin->cluster->digest, digest));
}

/* ---------------------------------------------------------------- plans as text */

static bool parse_hex(const char *text, uint8_t *to, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        const char *high = strchr(digits, text[2 * i]);
        const char *low = strchr(digits, text[2 * i + 1]);
        if (!high || !low)
            return false;
        to[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

struct text {
    char *at;
    size_t used_bytes;
    size_t room_bytes;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vsnprintf(text->at + text->used_bytes, text->room_bytes - text->used_bytes, format, arguments);
    va_end(arguments);
    const size_t used_bytes = text->used_bytes + (size_t)bytes;
    text->used_bytes = used_bytes < text->room_bytes ? used_bytes : text->room_bytes - 1;
}

enum areg_error kept_plan_print(const struct kept_plan *plan, char *to, size_t room_bytes)
{
    struct text text = {.at = to, .room_bytes = room_bytes};
    char id[CONFIG_ID_TEXT_BYTES];
    add(&text, "areg-plan 1\ncluster %s\n", config_id_print(plan->cluster, id));
    if (plan->pool[0])
        add(&text, "pool %s\n", plan->pool);
    if (plan->is_forced)
        add(&text, "force\n");
    for (unsigned i = 0; i < plan->word_count; i++)
        add(&text, "word %s\n", plan->words[i]);
    for (unsigned i = 0; i < plan->base_count; i++)
        add(&text, "base %" PRIu32 " %" PRIu32 " %s\n", plan->bases[i].shard, plan->bases[i].index,
            config_id_print(plan->bases[i].id, id));
    add(&text, "end\n");
    return text.used_bytes + 1 < room_bytes ? AREG_OK : AREG_ETOOBIG;
}

static bool parse_base(char *text, struct kept_base *base)
{
    char *rest = text;
    const char *shard_text = strtok_r(text, " ", &rest);
    const char *index_text = strtok_r(NULL, " ", &rest);
    const char *id_text = strtok_r(NULL, " ", &rest);
    uint64_t shard;
    uint64_t index;
    if (!id_text || units_parse_count(shard_text, &shard) != AREG_OK || shard >= SHARD_COUNT_MAX ||
        units_parse_count(index_text, &index) != AREG_OK || index > UINT32_MAX)
        return false;
    base->shard = (uint32_t)shard;
    base->index = (uint32_t)index;
    return parse_hex(id_text, base->id.bytes, sizeof base->id.bytes);
}

/* One line, without its end. */
static bool parse_line(char *line, struct kept_plan *plan)
{
    char *space = strchr(line, ' ');
    char *rest = space ? space + 1 : line + strlen(line);
    if (space)
        *space = 0;
    if (strcmp(line, "cluster") == 0)
        return parse_hex(rest, plan->cluster.bytes, sizeof plan->cluster.bytes);
    if (strcmp(line, "force") == 0) {
        plan->is_forced = true;
    } else if (strcmp(line, "pool") == 0) {
        snprintf(plan->pool, sizeof plan->pool, "%s", rest);
        return name_is_valid(rest, POOL_NAME_BYTES_MAX);
    } else if (strcmp(line, "word") == 0) {
        if (plan->word_count == ADMIN_WORD_COUNT_MAX)
            return false;
        plan->words[plan->word_count++] = rest;
    } else if (strcmp(line, "base") == 0) {
        return plan->base_count < SHARD_COUNT_MAX && parse_base(rest, &plan->bases[plan->base_count++]);
    } else {
        return false;
    }
    return true;
}

enum areg_error kept_plan_parse(char *text, struct kept_plan *plan)
{
    *plan = (struct kept_plan){.bases = calloc(SHARD_COUNT_MAX, sizeof *plan->bases)};
    if (!plan->bases)
        return AREG_ENOMEM;
    char *rest = text;
    const char *first = strtok_r(text, "\n", &rest);
    bool is_plan = first && strcmp(first, "areg-plan 1") == 0;
    bool has_end = false;
    for (char *line = NULL; is_plan && !has_end && (line = strtok_r(NULL, "\n", &rest));) {
        has_end = strcmp(line, "end") == 0;
        is_plan = has_end || parse_line(line, plan);
    }
    if (is_plan && has_end && plan->word_count > 0 && plan->base_count > 0)
        return AREG_OK;
    kept_plan_fini(plan);
    return AREG_EINVAL;
}

void kept_plan_fini(struct kept_plan *plan)
{
    free(plan->bases);
    free(plan->text);
    *plan = (struct kept_plan){0};
}

/* ---------------------------------------------------------------- plans in files */

static enum areg_error write_file(const char *path, const char *text, char why[KEPT_WHY_BYTES])
{
    char draft[PATH_MAX + 16];
    snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid());
    make_folders(path);
    FILE *file = fopen(draft, "we");
    bool is_written = file && fputs(text, file) >= 0;
    if (file)
        is_written = fclose(file) == 0 && is_written;
    if (is_written && rename(draft, path) == 0)
        return AREG_OK;
    snprintf(why, KEPT_WHY_BYTES, "%.400s: %s", path, strerror(errno));
    (void)unlink(draft);
    return AREG_EIO;
}

enum areg_error kept_plan_write(const struct admin *admin, const char *id, const struct kept_plan *plan,
                                char why[KEPT_WHY_BYTES])
{
    char path[PATH_MAX];
    if (!kept_path(admin, id, path)) {
        snprintf(why, KEPT_WHY_BYTES, "there is no home directory; say --plans DIR");
        return AREG_EIO;
    }
    char *text = malloc(KEPT_PLAN_BYTES_MAX);
    enum areg_error error = text ? kept_plan_print(plan, text, KEPT_PLAN_BYTES_MAX) : AREG_ENOMEM;
    if (error)
        snprintf(why, KEPT_WHY_BYTES, "%s", areg_strerror(error));
    else
        error = write_file(path, text, why);
    free(text);
    return error;
}

/* All of a file as text; one that is too long is none of ours. */
static enum areg_error read_file(const char *path, char **text, char why[KEPT_WHY_BYTES])
{
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        const enum areg_error error = errno == ENOENT ? AREG_ENOTFOUND : AREG_EIO;
        snprintf(why, KEPT_WHY_BYTES, "%.400s: %s", path, strerror(errno));
        return error;
    }
    char *read_text = malloc(KEPT_PLAN_BYTES_MAX + 1);
    const size_t bytes = read_text ? fread(read_text, 1, KEPT_PLAN_BYTES_MAX + 1, file) : 0;
    enum areg_error error = !read_text ? AREG_ENOMEM : ferror(file) ? AREG_EIO : AREG_OK;
    if (!error && (bytes > KEPT_PLAN_BYTES_MAX || memchr(read_text, 0, bytes)))
        error = AREG_EINVAL;
    fclose(file);
    if (error) {
        free(read_text);
        snprintf(why, KEPT_WHY_BYTES, "%.400s: %s", path, error == AREG_EINVAL ? "this is no plan" : strerror(errno));
        return error;
    }
    read_text[bytes] = 0;
    *text = read_text;
    return AREG_OK;
}

enum areg_error kept_plan_read(const struct admin *admin, const char *id, struct kept_plan *plan,
                               char why[KEPT_WHY_BYTES])
{
    char path[PATH_MAX];
    char *text;
    *plan = (struct kept_plan){0};
    if (!kept_path(admin, id, path)) {
        snprintf(why, KEPT_WHY_BYTES, "there is no home directory; say --plans DIR");
        return AREG_EIO;
    }
    enum areg_error error = read_file(path, &text, why);
    if (error)
        return error;
    error = kept_plan_parse(text, plan);
    if (error) {
        snprintf(why, KEPT_WHY_BYTES, "%.400s: %s", path, error == AREG_EINVAL ? "this is no plan" : "out of memory");
        free(text);
        return error;
    }
    plan->text = text;
    return AREG_OK;
}

/* ---------------------------------------------------------------- configurations */

void kept_configs_each(const struct admin *admin, kept_config_fn *each, void *arg)
{
    char name[64];
    char path[PATH_MAX];
    configs_name(admin, name);
    FILE *file = kept_path(admin, name, path) ? fopen(path, "re") : NULL;
    if (!file)
        return;
    enum { LINE_BYTES_MAX = 2 * CONFIG_ENCODED_BYTES_MAX + 2 };
    char line[LINE_BYTES_MAX];
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    bool goes_on = true;
    while (goes_on && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        const size_t bytes = strlen(line) / 2;
        struct config config;
        if (bytes <= sizeof encoded && parse_hex(line, encoded, bytes) &&
            config_decode(slice_borrow(encoded, bytes), &config) == AREG_OK)
            goes_on = each(&config, arg);
    }
    fclose(file);
}

/* Which configurations of `shards` are kept already. */
struct seen {
    const struct shards *shards;
    bool base[SHARD_COUNT_MAX];
    bool pending[SHARD_COUNT_MAX];
};

static bool see_config(const struct config *config, void *arg)
{
    struct seen *seen = arg;
    if (config->shard >= seen->shards->count)
        return true;
    const struct shard *shard = &seen->shards->at[config->shard];
    if (shard->has_base && config_id_equal(shard->base.id, config->id))
        seen->base[config->shard] = true;
    if (shard->has_pending && config_id_equal(shard->pending.id, config->id))
        seen->pending[config->shard] = true;
    return true;
}

/* One line, with one write: two programs may do so at once. */
static void append_config(int fd, struct config config)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    char line[2 * CONFIG_ENCODED_BYTES_MAX + 2];
    const size_t bytes = config_encode(&config, encoded, sizeof encoded);
    for (size_t i = 0; i < bytes; i++)
        snprintf(line + 2 * i, 3, "%02x", encoded[i]);
    line[2 * bytes] = '\n';
    const ssize_t written = write(fd, line, 2 * bytes + 1);
    (void)written; /* a line that was cut off is passed over later */
}

void kept_configs_add(const struct admin *admin, const struct shards *shards)
{
    struct seen seen = {.shards = shards};
    kept_configs_each(admin, see_config, &seen);
    char name[64];
    char path[PATH_MAX];
    configs_name(admin, name);
    int fd = -1;
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        const bool adds_base = shard->has_base && shard->base.index > 0 && !seen.base[i];
        const bool adds_pending = shard->has_pending && !seen.pending[i];
        if (!adds_base && !adds_pending)
            continue;
        if (fd < 0) {
            if (!kept_path(admin, name, path))
                return;
            make_folders(path);
            fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0)
                return;
        }
        if (adds_base)
            append_config(fd, shard->base);
        if (adds_pending)
            append_config(fd, shard->pending);
    }
    if (fd >= 0)
        close(fd);
}

struct search {
    uint32_t shard;
    struct config_id id;
    struct config *config;
    bool is_found;
};

static bool compare_config(const struct config *config, void *arg)
{
    struct search *search = arg;
    if (config->shard != search->shard || !config_id_equal(config->id, search->id))
        return true;
    *search->config = *config;
    search->is_found = true;
    return false;
}

bool kept_config_find(const struct admin *admin, uint32_t shard, struct config_id id, struct config *config)
{
    cluster_genesis_config(admin->cluster, shard, config);
    if (config_id_equal(config->id, id))
        return true;
    struct search search = {.shard = shard, .id = id, .config = config};
    kept_configs_each(admin, compare_config, &search);
    return search.is_found;
}
