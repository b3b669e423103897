#include "lab/report.h"

#include "lab/figure.h"
#include "lab/report_page.h"

#include <dirent.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)TABLE_WHY_BYTES <= (int)REPORT_WHY_BYTES, "what is wrong with a run fits");

/* ---------------------------------------------------------------- files */

/* A file that takes its name once it is whole. */
struct output {
    FILE *file;
    char path[PATH_MAX];
    char partial[PATH_MAX];
};

static enum areg_error fail_output(const struct output *output, char why[REPORT_WHY_BYTES])
{
    snprintf(why, REPORT_WHY_BYTES, "%.400s: %s", output->path, strerror(errno));
    return AREG_EIO;
}

static enum areg_error output_open(struct output *output, const char *path, char why[REPORT_WHY_BYTES])
{
    *output = (struct output){0};
    if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path ||
        snprintf(output->partial, sizeof output->partial, "%s.partial", path) >= (int)sizeof output->partial) {
        errno = ENAMETOOLONG;
        return fail_output(output, why);
    }
    output->file = fopen(output->partial, "we");
    return output->file ? AREG_OK : fail_output(output, why);
}

static enum areg_error output_close(struct output *output, char why[REPORT_WHY_BYTES])
{
    const bool has_failed = ferror(output->file) || fflush(output->file) != 0;
    const int cause = errno;
    const bool is_closed = fclose(output->file) == 0;
    if (!has_failed && is_closed && rename(output->partial, output->path) == 0)
        return AREG_OK;
    if (has_failed)
        errno = cause;
    const enum areg_error error = fail_output(output, why);
    unlink(output->partial);
    return error;
}

/* ---------------------------------------------------------------- plots */

/* plots/ of a run, without those of earlier times. */
static enum areg_error prepare_plots_dir(const char *run_dir, char why[REPORT_WHY_BYTES])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/plots", run_dir) >= (int)sizeof path)
        errno = ENAMETOOLONG;
    else if (mkdir(path, 0777) == 0 || errno == EEXIST)
        errno = 0;
    DIR *dir = errno ? NULL : opendir(path);
    if (!dir) {
        snprintf(why, REPORT_WHY_BYTES, "%.400s: %s", path, strerror(errno));
        return AREG_EIO;
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        const size_t bytes = strlen(entry->d_name);
        if (bytes > 4 && strcmp(entry->d_name + bytes - 4, ".svg") == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return AREG_OK;
}

static enum areg_error write_plot(const struct run_data *run, unsigned index, char why[REPORT_WHY_BYTES])
{
    const struct figure_spec *spec = &run->figures.figures[index];
    char figure_why[FIGURE_WHY_BYTES];
    struct plot *plot;
    enum areg_error error = figure_create(run, spec, &plot, figure_why);
    if (error) {
        snprintf(why, REPORT_WHY_BYTES, "plot %u (%s): %s", index + 1, figure_kind_name(spec->kind), figure_why);
        return error;
    }
    char path[PATH_MAX];
    struct output output;
    snprintf(path, sizeof path, "%s/plots/%02u-%s.svg", run->dir, index + 1, figure_kind_name(spec->kind));
    error = output_open(&output, path, why);
    if (!error) {
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", output.file);
        plot_write(plot, "p", output.file);
        error = output_close(&output, why);
    }
    plot_destroy(plot);
    return error;
}

enum areg_error report_plots(const char *run_dir, char why[REPORT_WHY_BYTES])
{
    struct run_data *run;
    enum areg_error error = run_data_create(run_dir, &run, why);
    if (error)
        return error;
    error = prepare_plots_dir(run_dir, why);
    for (unsigned i = 0; i < run->figures.count && error != AREG_EIO; i++) {
        char plot_why[REPORT_WHY_BYTES];
        const enum areg_error plot_error = write_plot(run, i, plot_why);
        if (plot_error && !error) {
            error = plot_error; /* the first one is told */
            snprintf(why, REPORT_WHY_BYTES, "%s", plot_why);
        }
    }
    run_data_destroy(run);
    return error;
}

/* ---------------------------------------------------------------- report */

enum areg_error report_write(const char *const *run_dirs, unsigned run_count, const char *html_path,
                             char why[REPORT_WHY_BYTES])
{
    struct run_data **runs = calloc(run_count + 1, sizeof runs[0]);
    enum areg_error error = AREG_OK;
    if (!runs) {
        snprintf(why, REPORT_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    for (unsigned i = 0; !error && i < run_count; i++)
        error = run_data_create(run_dirs[i], &runs[i], why);
    struct output output;
    if (!error)
        error = output_open(&output, html_path, why);
    if (!error) {
        report_page_write(runs, run_count, output.file);
        error = output_close(&output, why);
    }
    for (unsigned i = 0; i < run_count; i++)
        run_data_destroy(runs[i]);
    free(runs);
    return error;
}
