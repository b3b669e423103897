#include "lab/run_dir.h"

#include "core/check.h"
#include "lab/checks.h"
#include "lab/local_cluster.h"
#include "lab/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RUN_PATH_BYTES = PATH_MAX + 64 };

static const char *const file_names[] = {
    [RUN_LATENCIES] = "latencies.csv", [RUN_TIMELINE] = "timeline.csv", [RUN_EVENTS] = "events.csv",
    [RUN_CHECKS] = "checks.csv",       [RUN_POINTS] = "points.csv",
};

static void path_in(const struct run_dir *dir, const char *name, char path[RUN_PATH_BYTES])
{
    snprintf(path, RUN_PATH_BYTES, "%s/%s", dir->path, name);
}

static enum areg_error fail_io(const char *doing, const char *path, char why[RUN_WHY_BYTES])
{
    snprintf(why, RUN_WHY_BYTES, "%s %.900s: %s", doing, path, strerror(errno));
    return AREG_EIO;
}

void run_dir_print_time(bool for_names, char text[32])
{
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, 32, for_names ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- whole files */

/* The whole file as a string for free(); NULL with errno. */
static char *read_whole(const char *path, size_t *file_bytes)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    char *text = NULL;
    if (file && fstat(fileno(file), &status) == 0 && (text = malloc((size_t)status.st_size + 1))) {
        *file_bytes = fread(text, 1, (size_t)status.st_size, file);
        text[*file_bytes] = 0;
    }
    const int cause = errno;
    if (file)
        fclose(file);
    errno = cause;
    return text;
}

/* Whole or not at all. */
static enum areg_error write_whole(const char *path, const char *text, size_t text_bytes, char why[RUN_WHY_BYTES])
{
    char aside[RUN_PATH_BYTES + 8];
    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "we");
    if (!file)
        return fail_io("cannot write", aside, why);
    const bool is_written = fwrite(text, 1, text_bytes, file) == text_bytes;
    if (fclose(file) != 0 || !is_written || rename(aside, path) < 0)
        return fail_io("cannot write", path, why);
    return AREG_OK;
}

static enum areg_error append(const struct run_dir *dir, enum run_file which, const char *text, size_t text_bytes,
                              char why[RUN_WHY_BYTES])
{
    char path[RUN_PATH_BYTES];
    path_in(dir, file_names[which], path);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0)
        return fail_io("cannot open", path, why);
    errno = ENOSPC;
    const bool is_written = write(fd, text, text_bytes) == (ssize_t)text_bytes;
    const enum areg_error error = is_written ? AREG_OK : fail_io("cannot write", path, why);
    close(fd);
    return error;
}

/* ---------------------------------------------------------------- rows */

/* Quantiles of latencies.csv, of 100,000. */
static void print_latencies(const struct tried *tried, FILE *to)
{
    static const uint32_t high[] = {99500, 99900, 99950, 99990, 100000};
    enum { STEP = 2000, LAST = 98000 };
    for (enum load_kind kind = LOAD_READ; kind <= LOAD_WRITE; kind++) {
        const struct histogram *latency_ns = &tried->measurement->kinds[kind].latency_ns;
        for (uint32_t at = 0; latency_ns->count > 0 && at <= 100000;) {
            const double latency_us =
                (double)(at ? histogram_quantile(latency_ns, at) : histogram_min(latency_ns)) / 1e3;
            fprintf(to, "%u,%u,%s,%g,", tried->point, tried->repeat, columns_kind_name(kind), at / 1e5);
            columns_print_number(latency_us, to);
            fputc('\n', to);
            unsigned next = 0;
            while (next < 4 && high[next] <= at)
                next++;
            at = at < LAST ? at + STEP : at == LAST ? 99000 : at == 100000 ? 100001 : high[next];
        }
    }
}

static void print_timeline(const struct tried *tried, FILE *to)
{
    const struct measurement *measured = tried->measurement;
    const double window_s = (double)measured->window_ns / 1e9;
    for (unsigned i = 0; i < measured->window_count; i++)
        for (enum load_kind kind = LOAD_READ; kind <= LOAD_WRITE; kind++) {
            const struct trial_window *window = &measured->windows[i];
            if (!columns_has(tried->trial, kind))
                continue;
            fprintf(to, "%u,%u,%.6g,%s,", tried->point, tried->repeat, i * window_s, columns_kind_name(kind));
            columns_print_number((double)window->op_counts[kind] / window_s, to);
            fputc(',', to);
            if (window->op_counts[kind]) {
                columns_print_number((double)window->p50_ns[kind] / 1e3, to);
                fputc(',', to);
                columns_print_number((double)window->p99_ns[kind] / 1e3, to);
            } else {
                fputc(',', to);
            }
            fprintf(to, ",%llu\n", (unsigned long long)window->failed_counts[kind]);
        }
}

static void print_events(const struct tried *tried, FILE *to)
{
    for (unsigned i = 0; i < tried->measurement->note_count; i++) {
        const struct trial_note *note = &tried->measurement->notes[i];
        fprintf(to, "%u,%u,%.6g,%.6g,\"", tried->point, tried->repeat, (double)note->begin_ns / 1e9,
                (double)note->end_ns / 1e9);
        for (const char *at = note->text; *at; at++)
            fprintf(to, *at == '"' ? "\"\"" : "%c", *at);
        fprintf(to, "\"\n");
    }
}

static void print_points(const struct tried *tried, FILE *to)
{
    for (enum load_kind kind = LOAD_READ; kind <= LOAD_WRITE; kind++)
        if (columns_has(tried->trial, kind))
            columns_print_row(tried, kind, to);
}

/* Experiments about larger clusters have columns of their own, and nothing in the files about single operations. */
static void print_scale_head(const struct run_dir *dir, FILE *to)
{
    struct trial trial;
    experiment_trial(dir->request->experiment, 0, &trial);
    fputs("point,repeat,", to);
    scale_print_head(scale_columns(&trial.scale), to);
}

static void print_scale_rows(enum run_file which, const struct tried *tried, FILE *failed, FILE *to)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%u,%u,", tried->point, tried->repeat);
    if (which == RUN_POINTS)
        scale_print_rows(&tried->scale->points, prefix, to);
    for (unsigned i = 0; which == RUN_CHECKS && i < tried->scale->check_count; i++) {
        const struct scale_check *check = &tried->scale->checks[i];
        fprintf(to, "%s,%s%d,%.6g,%.6g,\"%s\"\n", check->name, prefix, check->passed, check->measured, check->bound,
                check->detail);
        if (failed && !check->passed)
            fprintf(failed, "areg-lab: not %s: point %u, repeat %u: %s: %.7g, and it may be %.7g\n", check->name,
                    tried->point, tried->repeat, check->detail, check->measured, check->bound);
    }
}

static void print_head(const struct run_dir *dir, enum run_file which, FILE *to)
{
    static const char *const heads[] = {
        [RUN_LATENCIES] = "point,repeat,op,quantile,latency_us\n",
        [RUN_TIMELINE] = "point,repeat,time_s,op,ops_per_s,p50_us,p99_us,failed\n",
        [RUN_EVENTS] = "point,repeat,begin_s,end_s,event\n",
    };
    if (which == RUN_POINTS && dir->request->experiment->backend == EXPERIMENT_SCALE)
        print_scale_head(dir, to);
    else if (which == RUN_POINTS)
        columns_print_head(to);
    else if (which == RUN_CHECKS)
        checks_print_head(to);
    else
        fputs(heads[which], to);
}

static void print_rows(const struct run_dir *dir, enum run_file which, const struct tried *tried, FILE *failed,
                       FILE *to)
{
    typedef void print_fn(const struct tried *of, FILE *out);
    static print_fn *const prints[] = {[RUN_LATENCIES] = print_latencies,
                                       [RUN_TIMELINE] = print_timeline,
                                       [RUN_EVENTS] = print_events,
                                       [RUN_POINTS] = print_points};
    if (tried->scale)
        print_scale_rows(which, tried, failed, to);
    else if (which == RUN_CHECKS)
        checks_print(tried, dir->request->experiment->checks, to, failed);
    else
        prints[which](tried, to);
}

enum areg_error run_dir_add(struct run_dir *dir, const struct tried *tried, FILE *failed, char why[RUN_WHY_BYTES])
{
    for (enum run_file which = 0; which < RUN_FILE_COUNT; which++) {
        char *text = NULL;
        size_t text_bytes = 0;
        FILE *rows = open_memstream(&text, &text_bytes);
        if (!rows)
            return AREG_ENOMEM;
        print_rows(dir, which, tried, failed, rows);
        const bool has_memory = fclose(rows) == 0;
        const enum areg_error error = has_memory ? append(dir, which, text, text_bytes, why) : AREG_ENOMEM;
        free(text);
        if (error)
            return error;
    }
    dir->done[tried->point * dir->request->experiment->repeats + tried->repeat] = true;
    dir->done_count++;
    return AREG_OK;
}

/* ---------------------------------------------------------------- going on */

static unsigned try_count(const struct run_dir *dir)
{
    return dir->request->experiment->point_count * dir->request->experiment->repeats;
}

/* Which try a line is of; -1 if it is none of this run. */
static int64_t try_of_line(const struct run_dir *dir, enum run_file which, const char *line)
{
    unsigned point;
    unsigned repeat;
    if (which == RUN_CHECKS) /* they begin with the check's name */
        line += strcspn(line, ",") + 1;
    if (sscanf(line, "%u,%u,", &point, &repeat) != 2 || point >= dir->request->experiment->point_count ||
        repeat >= dir->request->experiment->repeats)
        return -1;
    return (int64_t)point * dir->request->experiment->repeats + repeat;
}

/* The end of a line, past its newline; NULL for one that does not end. */
static const char *line_end(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : NULL;
}

/* Rows that a try has in points.csv. */
static unsigned expected_rows(const struct run_dir *dir, unsigned try)
{
    struct trial trial;
    experiment_trial(dir->request->experiment, try / dir->request->experiment->repeats, &trial);
    if (dir->request->experiment->backend == EXPERIMENT_SCALE)
        return scale_row_count(&trial.scale);
    return columns_has(&trial, LOAD_READ) + columns_has(&trial, LOAD_WRITE);
}

static enum areg_error find_done(struct run_dir *dir, const char *points)
{
    uint8_t *row_counts = calloc(try_count(dir), 1);
    if (!row_counts)
        return AREG_ENOMEM;
    const char *line = points ? line_end(points) : NULL;
    for (const char *next; line && (next = line_end(line)); line = next) {
        const int64_t try = try_of_line(dir, RUN_POINTS, line);
        if (try >= 0 && row_counts[try] < UINT8_MAX)
            row_counts[try]++;
    }
    for (unsigned try = 0; try < try_count(dir); try++) {
        dir->done[try] = row_counts[try] > 0 && row_counts[try] == expected_rows(dir, try);
        dir->done_count += dir->done[try];
    }
    free(row_counts);
    return AREG_OK;
}

/* Keep what belongs to tries that are done, of a file as it was found, or NULL; its first line must be ours. */
static enum areg_error recover_file(const struct run_dir *dir, enum run_file which, const char *found,
                                    char why[RUN_WHY_BYTES])
{
    char path[RUN_PATH_BYTES];
    char *text = NULL;
    size_t text_bytes = 0;
    path_in(dir, file_names[which], path);
    FILE *kept = open_memstream(&text, &text_bytes);
    if (!kept)
        return AREG_ENOMEM;
    print_head(dir, which, kept);
    fflush(kept);
    const bool is_ours = !found || !line_end(found) || strncmp(found, text, text_bytes) == 0;
    const char *line = found ? line_end(found) : NULL;
    for (const char *next; is_ours && line && (next = line_end(line)); line = next) {
        const int64_t try = try_of_line(dir, which, line);
        if (try >= 0 && dir->done[try])
            fwrite(line, 1, (size_t)(next - line), kept);
    }
    enum areg_error error = fclose(kept) == 0 ? AREG_OK : AREG_ENOMEM;
    if (!error && !is_ours) {
        snprintf(why, RUN_WHY_BYTES, "%.900s has other columns: it is of another version", path);
        error = AREG_EINVAL;
    }
    if (!error)
        error = write_whole(path, text, text_bytes, why);
    free(text);
    return error;
}

static enum areg_error recover(struct run_dir *dir, char why[RUN_WHY_BYTES])
{
    char path[RUN_PATH_BYTES];
    char *found[RUN_FILE_COUNT];
    size_t found_bytes;
    for (enum run_file which = 0; which < RUN_FILE_COUNT; which++) {
        path_in(dir, file_names[which], path);
        found[which] = read_whole(path, &found_bytes);
    }
    enum areg_error error = find_done(dir, found[RUN_POINTS]);
    for (enum run_file which = 0; which < RUN_FILE_COUNT; which++) {
        if (!error)
            error = recover_file(dir, which, found[which], why);
        free(found[which]);
    }
    return error;
}

/* ---------------------------------------------------------------- opening */

static bool is_empty(const struct run_dir *dir)
{
    DIR *entries = opendir(dir->path);
    const struct dirent *entry;
    bool is_so = entries != NULL;
    while (is_so && (entry = readdir(entries)))
        is_so = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (entries)
        closedir(entries);
    return is_so;
}

/* The copy of the experiment's file: written if it is not there; else it must be the same. */
static enum areg_error settle_config(const struct run_dir *dir, char why[RUN_WHY_BYTES])
{
    char path[RUN_PATH_BYTES];
    size_t ours_bytes = 0;
    size_t theirs_bytes = 0;
    const char *from = dir->request->experiment->path;
    path_in(dir, "experiment.cfg", path);
    char *ours = read_whole(from, &ours_bytes);
    if (!ours)
        return fail_io("cannot read", from, why);
    char *theirs = read_whole(path, &theirs_bytes);
    enum areg_error error = AREG_OK;
    if (!theirs) {
        error = write_whole(path, ours, ours_bytes, why);
    } else if (ours_bytes != theirs_bytes || memcmp(ours, theirs, ours_bytes) != 0) {
        snprintf(why, RUN_WHY_BYTES, "%.400s has changed since the run in %.400s was begun, which has a copy of it",
                 from, dir->path);
        error = AREG_EINVAL;
    }
    free(ours);
    free(theirs);
    return error;
}

/* Whether the run that is there was asked for in the same way. */
static enum areg_error judge_manifest(struct run_dir *dir, const struct manifest *manifest, char why[RUN_WHY_BYTES])
{
    const struct run_request *request = dir->request;
    char sets[sizeof manifest->sets];
    manifest_print_sets(request->options, sets, sizeof sets);
    const char *other = NULL;
    if (manifest->seed != request->seed)
        other = "another --seed";
    else if (manifest->is_full != request->options->is_full)
        other = manifest->is_full ? "--full" : "no --full";
    else if (manifest->repeats != request->experiment->repeats)
        other = "other --repeats";
    else if (strcmp(manifest->sets, sets) != 0)
        other = "other --set";
    else if (strcmp(manifest->revision, manifest_revision) != 0)
        other = "another revision of areg";
    if (!other)
        return AREG_OK;
    snprintf(why, RUN_WHY_BYTES, "the run in %.800s was begun with %s; its manifest.json has the command", dir->path,
             other);
    return AREG_EINVAL;
}

static enum areg_error open_fd(struct run_dir *dir, const char *path, char why[RUN_WHY_BYTES])
{
    if (!local_make_dirs(path) || !realpath(path, dir->path))
        return fail_io("cannot make", path, why);
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0)
        return fail_io("cannot open", path, why);
    if (flock(dir->fd, LOCK_EX | LOCK_NB) == 0)
        return AREG_OK;
    snprintf(why, RUN_WHY_BYTES, "another areg-lab is busy in %.900s", dir->path);
    return AREG_EBUSY;
}

static enum areg_error settle(struct run_dir *dir, char why[RUN_WHY_BYTES])
{
    struct manifest manifest;
    enum areg_error error = manifest_read(dir->path, &manifest, why);
    if (error == AREG_ENOTFOUND) {
        if (!is_empty(dir)) {
            snprintf(why, RUN_WHY_BYTES, "%.900s is neither empty nor the directory of a run", dir->path);
            return AREG_EINVAL;
        }
        run_dir_print_time(false, dir->begun);
        error = manifest_write(dir, false, 0, why);
    } else if (!error) {
        error = judge_manifest(dir, &manifest, why);
        snprintf(dir->begun, sizeof dir->begun, "%s", manifest.begun);
        dir->seconds_before = manifest.seconds;
    }
    if (!error)
        error = settle_config(dir, why);
    if (!error)
        error = recover(dir, why);
    dir->is_complete = !error && manifest.is_complete && dir->done_count == try_count(dir);
    return error;
}

enum areg_error run_dir_open(struct run_dir *dir, const char *path, const struct run_request *request,
                             char why[RUN_WHY_BYTES])
{
    *dir = (struct run_dir){.fd = -1, .request = request, .begun_ns = now_ns()};
    snprintf(why, RUN_WHY_BYTES, "out of memory");
    dir->done = calloc(try_count(dir), sizeof *dir->done);
    enum areg_error error = dir->done ? open_fd(dir, path, why) : AREG_ENOMEM;
    if (!error)
        error = settle(dir, why);
    if (error) {
        dir->done_count = 0; /* what is there stays as it is */
        run_dir_close(dir);
    }
    return error;
}

bool run_dir_is_done(const struct run_dir *dir, unsigned point, unsigned repeat)
{
    CHECK(point < dir->request->experiment->point_count && repeat < dir->request->experiment->repeats);
    return dir->done[point * dir->request->experiment->repeats + repeat];
}

enum areg_error run_dir_count_failed(const struct run_dir *dir, unsigned *failed_count, char why[RUN_WHY_BYTES])
{
    char path[RUN_PATH_BYTES];
    size_t text_bytes;
    path_in(dir, file_names[RUN_CHECKS], path);
    char *text = read_whole(path, &text_bytes);
    if (!text)
        return fail_io("cannot read", path, why);
    *failed_count = 0;
    const char *line = line_end(text);
    for (const char *next; line && (next = line_end(line)); line = next) {
        unsigned passed;
        *failed_count += sscanf(line, "%*[^,],%*u,%*u,%u,", &passed) == 1 && passed == 0;
    }
    free(text);
    return AREG_OK;
}

static double seconds_so_far(const struct run_dir *dir)
{
    return dir->seconds_before + (double)(now_ns() - dir->begun_ns) / 1e9;
}

enum areg_error run_dir_complete(struct run_dir *dir, char why[RUN_WHY_BYTES])
{
    CHECK(dir->done_count == try_count(dir));
    const enum areg_error error = manifest_write(dir, true, seconds_so_far(dir), why);
    dir->is_complete = !error;
    return error;
}

void run_dir_close(struct run_dir *dir)
{
    char why[RUN_WHY_BYTES];
    /* What it has taken so far; if it can not be noted, nothing but that is lost. */
    if (dir->fd >= 0 && !dir->is_complete && dir->done_count > 0 &&
        manifest_write(dir, false, seconds_so_far(dir), why) != AREG_OK)
        why[0] = 0;
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
    free(dir->done);
    dir->done = NULL;
}
