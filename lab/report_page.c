#include "lab/report_page.h"

#include "lab/figure.h"
#include "lab/markup.h"
#include "lab/report_table.h"
#include "lab/report_verdict.h"

#include <math.h>

/* ---------------------------------------------------------------- looks */

static const char style[] =
    "html{font:16px/1.5 system-ui,sans-serif;color:#1c1e21;background:#fff}\n"
    "body{max-width:68rem;margin:2.5rem auto 5rem;padding:0 1.25rem}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}\n"
    "h2{font-size:1.35rem;line-height:1.25;margin:3.2rem 0 .4rem;padding-top:1.1rem;border-top:2px solid #1c1e21}\n"
    "h3{font-size:1.02rem;margin:1.8rem 0 .4rem}\n"
    "p{margin:.4rem 0}.question{font-size:1.05rem;max-width:48rem}.quiet,caption{color:#5b6068;font-size:.86rem}\n"
    "a{color:#0a5fa5;text-decoration:none}a:hover{text-decoration:underline}\n"
    ".ok,.bad,.open{display:inline-block;font-weight:600;font-size:.8rem;padding:.02rem .5rem;border-radius:.6rem;"
    "white-space:nowrap;border:1px solid}\n"
    ".ok{color:#0b5d2e;background:#e3f5e9;border-color:#8fcfa6}.bad{color:#9b1111;background:#fde7e7;"
    "border-color:#e59a9a}.open{color:#5b4a00;background:#fdf3cf;border-color:#dcc66f}\n"
    ".all{font-size:1.1rem;margin:1rem 0}.all .ok,.all .bad,.all .open{font-size:1rem;padding:.1rem .7rem;"
    "margin-right:.5rem}\n"
    "table{border-collapse:collapse;font-size:.84rem;line-height:1.35;font-variant-numeric:tabular-nums}\n"
    "caption{caption-side:bottom;text-align:left;padding-top:.35rem}\n"
    "th{text-align:left;vertical-align:bottom;font-weight:600;border-bottom:1.5px solid #1c1e21;padding:.25rem .5rem}\n"
    "td{vertical-align:top;border-bottom:1px solid #e3e5e8;padding:.22rem .5rem}\n"
    "td small{display:block;color:#5b6068;font-size:.86em}\n"
    "th.n,td.n{text-align:right;white-space:nowrap}th.n{white-space:normal}\n"
    "th button{all:unset;cursor:pointer;font-weight:600}th button:focus-visible{outline:2px solid #0a5fa5}\n"
    "th[aria-sort=ascending] button::after{content:\" \\25B2\";font-size:.7em}\n"
    "th[aria-sort=descending] button::after{content:\" \\25BC\";font-size:.7em}\n"
    ".wide{overflow-x:auto;margin:.6rem 0}.overview td:nth-child(2){min-width:12rem}\n"
    "figure{margin:1.2rem 0}figure svg{display:block;max-width:100%;height:auto}\n"
    ".problem{border-left:4px solid #d55e00;padding:.2rem .8rem;background:#fdf1e7}\n"
    "pre{font-size:.78rem;line-height:1.4;background:#f6f7f8;padding:.7rem .9rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    "nav ol{columns:2;column-gap:2.5rem;padding-left:1.4rem;margin:.4rem 0}nav li{break-inside:avoid}\n"
    "@media print{html{font-size:11px}body{margin:0;max-width:none}h2{break-before:page}"
    "h2.first{break-before:auto}h2,h3{break-after:avoid}figure,tr,pre{break-inside:avoid}.wide{overflow:visible}"
    "a{color:inherit}thead{display:table-header-group}*{print-color-adjust:exact}}\n";

/* Sorting: a head becomes a button; numbers are told by data-v. Equal rows keep their order. */
static const char script[] =
    "for (const table of document.querySelectorAll('table.sortable')) {\n"
    "  const heads = [...table.tHead.rows[0].cells];\n"
    "  heads.forEach((head, column) => {\n"
    "    const button = document.createElement('button');\n"
    "    button.append(...head.childNodes);\n"
    "    head.append(button);\n"
    "    button.onclick = () => {\n"
    "      const sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;\n"
    "      const value = row => row.cells[column].dataset.v ?? row.cells[column].textContent;\n"
    "      const compare = (a, b) => {\n"
    "        const x = value(a), y = value(b), difference = x - y;\n"
    "        return Number.isNaN(difference) ? x.localeCompare(y) : difference;\n"
    "      };\n"
    "      const rows = [...table.tBodies[0].rows].sort((a, b) => sign * compare(a, b));\n"
    "      heads.forEach(other => other.removeAttribute('aria-sort'));\n"
    "      head.setAttribute('aria-sort', sign > 0 ? 'ascending' : 'descending');\n"
    "      table.tBodies[0].append(...rows);\n"
    "    };\n"
    "  });\n"
    "}\n";

/* ---------------------------------------------------------------- verdicts */

static void write_verdict(struct run_verdict verdict, FILE *to)
{
    switch (verdict.verdict) {
    case VERDICT_PASSED:
        fprintf(to, "<span class=\"ok\">passed</span>");
        break;
    case VERDICT_FAILED:
        fprintf(to, "<span class=\"bad\">FAILED</span> %u of %u checks", verdict.failed_count, verdict.check_count);
        break;
    case VERDICT_INCOMPLETE:
        fprintf(to, "<span class=\"open\">incomplete</span>");
        break;
    case VERDICT_NONE:
        fprintf(to, "<span class=\"open\">no checks</span>");
        break;
    }
}

static void write_verdict_of_all(struct run_data *const *runs, unsigned run_count, FILE *to)
{
    unsigned check_count = 0;
    unsigned failed_count = 0;
    unsigned incomplete_count = 0;
    for (unsigned i = 0; i < run_count; i++) {
        const struct run_verdict verdict = run_verdict_of(runs[i]);
        check_count += verdict.check_count;
        failed_count += verdict.failed_count;
        incomplete_count += !runs[i]->is_complete;
    }
    fputs("<p class=\"all\">", to);
    if (failed_count)
        fprintf(to, "<span class=\"bad\">FAILED</span> %u of %u checks failed", failed_count, check_count);
    else if (check_count)
        fprintf(to, "<span class=\"%s\">%s</span> %s %u check%s passed", incomplete_count ? "open" : "ok",
                incomplete_count ? "incomplete" : "passed", check_count == 1 ? "the" : "all", check_count,
                check_count == 1 ? "" : "s");
    else
        fprintf(to, "<span class=\"open\">no checks</span> nothing was checked");
    if (incomplete_count)
        fprintf(to, "; %u of %u experiments %s not complete", incomplete_count, run_count,
                incomplete_count == 1 ? "is" : "are");
    fputs("</p>\n", to);
}

/* ---------------------------------------------------------------- overview */

static void write_duration(double seconds, FILE *to)
{
    if (isnan(seconds))
        fputs("–", to);
    else if (seconds >= 120)
        fprintf(to, "%.0f min", seconds / 60);
    else
        fprintf(to, "%.0f s", seconds);
}

static void write_overview(struct run_data *const *runs, unsigned run_count, FILE *to)
{
    fputs("<div class=\"wide\"><table class=\"overview sortable\"><thead><tr><th scope=\"col\">verdict</th><th "
          "scope=\"col\">experiment</th><th scope=\"col\">backend</th><th scope=\"col\">key figures</th><th "
          "scope=\"col\" class=\"n\">took</th></tr></thead>\n<tbody>\n",
          to);
    for (unsigned i = 0; i < run_count; i++) {
        const struct run_data *run = runs[i];
        fputs("<tr><td>", to);
        write_verdict(run_verdict_of(run), to);
        fprintf(to, "</td><td><a href=\"#run-%u\">", i + 1);
        markup_text(to, run->title);
        fputs("</a></td><td>", to);
        markup_text(to, run->backend);
        fputs("</td><td>", to);
        report_table_key_figures(run, to);
        fprintf(to, "</td><td class=\"n\" data-v=\"%.17g\">", isnan(run->seconds) ? 0 : run->seconds);
        write_duration(run->seconds, to);
        fputs("</td></tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

static void write_contents(struct run_data *const *runs, unsigned run_count, FILE *to)
{
    fputs("<nav aria-label=\"contents\"><h3>Contents</h3><ol>\n", to);
    for (unsigned i = 0; i < run_count; i++) {
        fprintf(to, "<li><a href=\"#run-%u\">", i + 1);
        markup_text(to, runs[i]->title);
        fputs("</a></li>\n", to);
    }
    fputs("<li><a href=\"#manifests\">Manifests</a></li>\n</ol></nav>\n", to);
}

/* ---------------------------------------------------------------- one run */

static void write_figure(const struct run_data *run, unsigned run_index, unsigned index, FILE *to)
{
    char why[FIGURE_WHY_BYTES];
    char id[32];
    struct plot *plot;
    if (figure_create(run, &run->figures.figures[index], &plot, why) != AREG_OK) {
        fprintf(to, "<p class=\"problem\">Plot %u (%s) can not be drawn: ", index + 1,
                figure_kind_name(run->figures.figures[index].kind));
        markup_text(to, why);
        fputs(".</p>\n", to);
        return;
    }
    snprintf(id, sizeof id, "p%u-%u", run_index + 1, index + 1);
    fputs("<figure>\n", to);
    plot_write(plot, id, to);
    fputs("</figure>\n", to);
    plot_destroy(plot);
}

/* How many there are of what is counted from 0. */
static unsigned count_of(const struct table *table, int column)
{
    unsigned count = 0;
    for (unsigned row = 0; row < table->row_count; row++) {
        const double number = table_number(table, row, column);
        if (number >= count && number < UINT32_MAX)
            count = (unsigned)number + 1;
    }
    return count;
}

static void write_data_note(const struct run_data *run, FILE *to)
{
    const struct {
        const char *name;
        const struct table *table;
    } tables[] = {
        {"points.csv", &run->points}, {"latencies.csv", &run->latencies}, {"timeline.csv", &run->timeline},
        {"events.csv", &run->events}, {"checks.csv", &run->checks},       {"limits.csv", &run->limits},
    };
    const char *between = "";
    fputs("<p class=\"quiet\">Data, in the directory of this run: ", to);
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i].table->column_count == 0)
            continue;
        fprintf(to, "%s%s (%u rows)", between, tables[i].name, tables[i].table->row_count);
        between = ", ";
    }
    fputs(".</p>\n", to);
}

static void write_facts(const struct run_data *run, FILE *to)
{
    const struct table *points = &run->points;
    const unsigned point_count = count_of(points, table_column(points, "point"));
    const unsigned repeat_count = count_of(points, table_column(points, "repeat"));
    fputs("<p class=\"quiet\">", to);
    markup_text(to, run->backend[0] ? run->backend : "unknown backend");
    if (run->network[0] && run->network[0] != 'n') {
        fputs(", network: ", to);
        markup_text(to, run->network);
    }
    fprintf(to, " · %u point%s, %u repeat%s%s", point_count, point_count == 1 ? "" : "s", repeat_count,
            repeat_count == 1 ? "" : "s", run->is_quick ? ", quick" : "");
    if (run->seed[0]) {
        fputs(" · seed ", to);
        markup_text(to, run->seed);
    }
    if (run->revision[0]) {
        fputs(" · revision ", to);
        markup_text(to, run->revision);
    }
    if (run->begun[0]) {
        fputs(" · ", to);
        markup_text(to, run->begun);
    }
    fputs("</p>\n<p class=\"quiet\">", to);
    report_table_setting(run, to);
    fputs("</p>\n", to);
}

static void write_run(const struct run_data *run, unsigned index, FILE *to)
{
    fprintf(to, "<section>\n<h2 id=\"run-%u\"%s>%u. ", index + 1, index == 0 ? " class=\"first\"" : "", index + 1);
    markup_text(to, run->title);
    fputs("</h2>\n<p>", to);
    write_verdict(run_verdict_of(run), to);
    fputs("</p>\n<p class=\"question\">", to);
    markup_text(to, run->question);
    fputs("</p>\n", to);
    write_facts(run, to);
    for (unsigned i = 0; i < run->problem_count; i++) {
        fputs("<p class=\"problem\">", to);
        markup_text(to, run->problems[i]);
        fputs("</p>\n", to);
    }
    for (unsigned i = 0; i < run->figures.count; i++)
        write_figure(run, index, i, to);
    fputs("<h3>Measured</h3>\n", to);
    report_table_summary(run, to);
    if (run->limits.row_count > 0) {
        fputs("<h3>What it took</h3>\n", to);
        report_table_limits(run, to);
    }
    fputs("<h3>Checks</h3>\n", to);
    report_table_checks(run, to);
    write_data_note(run, to);
    fputs("</section>\n", to);
}

static void write_manifests(struct run_data *const *runs, unsigned run_count, FILE *to)
{
    fputs("<section>\n<h2 id=\"manifests\">Manifests</h2>\n", to);
    for (unsigned i = 0; i < run_count; i++) {
        fprintf(to, "<h3>%u. ", i + 1);
        markup_text(to, runs[i]->name);
        fputs("</h3>\n<pre>", to);
        markup_text(to, runs[i]->manifest ? runs[i]->manifest : "There is none.");
        fputs("</pre>\n", to);
    }
    fputs("</section>\n", to);
}

void report_page_write(struct run_data *const *runs, unsigned run_count, FILE *to)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          to);
    markup_text(to, run_count == 1 ? runs[0]->title : "areg: experiments");
    fprintf(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n<h1>", style);
    markup_text(to, run_count == 1 ? runs[0]->title : "Experiments with areg");
    fputs("</h1>\n", to);
    write_verdict_of_all(runs, run_count, to);
    write_overview(runs, run_count, to);
    write_contents(runs, run_count, to);
    fputs("</header>\n<main>\n", to);
    for (unsigned i = 0; i < run_count; i++)
        write_run(runs[i], i, to);
    write_manifests(runs, run_count, to);
    fprintf(to, "</main>\n<script>\n%s</script>\n</body>\n</html>\n", script);
}
