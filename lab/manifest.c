#include "lab/manifest.h"

#include "sim/json.h"

#include <areg.h>

#include <errno.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MANIFEST_BYTES_MAX = 64 << 10, MANIFEST_PATH_BYTES = PATH_MAX + 32 };

void manifest_print_sets(const struct experiment_options *options, char *to, size_t room_bytes)
{
    size_t used_bytes = 0;
    to[0] = 0;
    for (unsigned i = 0; i < options->set_count && used_bytes < room_bytes; i++)
        used_bytes += (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, "%s%s=%s", i ? " " : "",
                                       options->sets[i].setting, options->sets[i].value);
}

/* ---------------------------------------------------------------- writing */

static void print_string(const char *name, const char *text, FILE *to)
{
    fprintf(to, ",\n\"%s\":", name);
    json_print_string(to, text, strlen(text));
}

/* What stands after `name` and its separators in a file of lines; "" if it is not there. */
static void find_line(const char *path, const char *name, char *to, size_t room_bytes)
{
    char line[512];
    FILE *file = fopen(path, "re");
    to[0] = 0;
    while (file && !to[0] && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) != 0)
            continue;
        const char *text = line + strlen(name) + strspn(line + strlen(name), " \t:=\"");
        snprintf(to, room_bytes, "%.*s", (int)strcspn(text, "\"\n"), text);
    }
    if (file)
        fclose(file);
}

static void print_machine(FILE *to)
{
    char os[128];
    char cpu[128];
    char long_os[256];
    struct utsname kernel = {0};
    uname(&kernel);
    find_line("/etc/os-release", "PRETTY_NAME", os, sizeof os);
    find_line("/proc/cpuinfo", "model name", cpu, sizeof cpu);
    snprintf(long_os, sizeof long_os, "%s, %.60s %.60s", os[0] ? os : "unknown", kernel.sysname, kernel.release);
    fprintf(to, ",\n\"machine\":{\"os\":");
    json_print_string(to, long_os, strlen(long_os));
    fprintf(to, ",\"cpu\":");
    json_print_string(to, cpu, strlen(cpu));
    fprintf(to, ",\"cores\":%ld,\"memory_bytes\":%" PRIu64 "}", sysconf(_SC_NPROCESSORS_ONLN),
            (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void print_manifest(const struct run_dir *dir, bool is_complete, double seconds, FILE *to)
{
    const struct run_request *request = dir->request;
    const struct experiment *experiment = request->experiment;
    char sets[sizeof((struct manifest *)0)->sets];
    manifest_print_sets(request->options, sets, sizeof sets);
    fprintf(to, "{\"v\":1");
    print_string("name", experiment->name, to);
    print_string("title", experiment->title, to);
    print_string("question", experiment->question, to);
    print_string("revision", manifest_revision, to);
    fprintf(to, ",\n\"seed\":%" PRIu64 ",\n\"command\":[", request->seed);
    for (const char *const *word = request->command; *word; word++) {
        fprintf(to, "%s", word > request->command ? "," : "");
        json_print_string(to, *word, strlen(*word));
    }
    fprintf(to, "]");
    print_string("set", sets, to);
    print_string("backend", experiment_backend_name(experiment->backend), to);
    print_string("network", request->network, to);
    fprintf(to, ",\n\"quick\":%s,\n\"points\":%u,\n\"repeats\":%u", request->options->is_full ? "false" : "true",
            experiment->point_count, experiment->repeats);
    fprintf(to, ",\n\"versions\":{\"areg\":\"%s\",\"compiler\":\"gcc %s\",\"libc\":\"glibc %s\"}", areg_version(),
            __VERSION__, gnu_get_libc_version());
    print_machine(to);
    print_string("begun", dir->begun, to);
    fprintf(to, ",\n\"seconds\":%.1f,\n\"complete\":%s}\n", seconds, is_complete ? "true" : "false");
}

enum areg_error manifest_write(const struct run_dir *dir, bool is_complete, double seconds, char why[RUN_WHY_BYTES])
{
    char aside[MANIFEST_PATH_BYTES];
    char path[MANIFEST_PATH_BYTES];
    snprintf(aside, sizeof aside, "%s/manifest.json.new", dir->path);
    snprintf(path, sizeof path, "%s/manifest.json", dir->path);
    FILE *file = fopen(aside, "we");
    if (file) {
        print_manifest(dir, is_complete, seconds, file);
        const bool has_failed = ferror(file);
        if ((fclose(file) | has_failed) == 0 && rename(aside, path) == 0)
            return AREG_OK;
    }
    snprintf(why, RUN_WHY_BYTES, "cannot write %.900s: %s", path, strerror(errno));
    return AREG_EIO;
}

/* ---------------------------------------------------------------- reading */

static bool take_field(const struct json_field *field, struct manifest *manifest)
{
    if (json_name_is(field, "seed"))
        return json_get_count(field, &manifest->seed);
    if (json_name_is(field, "repeats"))
        return json_get_count(field, &manifest->repeats);
    if (json_name_is(field, "set"))
        return json_get_string(field, manifest->sets, sizeof manifest->sets);
    if (json_name_is(field, "begun"))
        return json_get_string(field, manifest->begun, sizeof manifest->begun);
    if (json_name_is(field, "revision"))
        return json_get_string(field, manifest->revision, sizeof manifest->revision);
    if (json_name_is(field, "quick"))
        manifest->is_full = field->kind == JSON_FALSE;
    if (json_name_is(field, "complete"))
        manifest->is_complete = field->kind == JSON_TRUE;
    if (json_name_is(field, "seconds"))
        manifest->seconds = strtod(field->text, NULL); /* ends at what follows the number */
    return true;
}

enum areg_error manifest_read(const char *dir_path, struct manifest *manifest, char why[RUN_WHY_BYTES])
{
    char path[MANIFEST_PATH_BYTES];
    *manifest = (struct manifest){0};
    snprintf(path, sizeof path, "%s/manifest.json", dir_path);
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(why, RUN_WHY_BYTES, "%.900s: %s", path, strerror(errno));
        return errno == ENOENT ? AREG_ENOTFOUND : AREG_EIO;
    }
    char *text = malloc(MANIFEST_BYTES_MAX + 1);
    const size_t text_bytes = text ? fread(text, 1, MANIFEST_BYTES_MAX, file) : 0;
    fclose(file);
    if (!text)
        return AREG_ENOMEM;
    text[text_bytes] = 0;
    struct json_reader reader = json_reader_on(text, text_bytes);
    struct json_field field;
    bool is_good = true;
    while (is_good && json_next(&reader, &field))
        is_good = take_field(&field, manifest);
    is_good = is_good && !reader.failed;
    free(text);
    if (!is_good)
        snprintf(why, RUN_WHY_BYTES, "%.900s is no manifest of a run", path);
    return is_good ? AREG_OK : AREG_EINVAL;
}
