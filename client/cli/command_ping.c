/*
 * areg ping: which hosts answer, and how fast.
 */
#include "client/cli/cli.h"

#include "client/cli/json.h"
#include "core/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Hosts as they are told, since a table's widths are known only at its end. */
struct row {
    char id[40];
    char address[140];
    char round_trip[UNITS_TEXT_BYTES];
    bool is_up;
};

struct table {
    bool is_json;
    bool is_failed; /* out of memory */
    unsigned row_count;
    unsigned row_room;
    struct row *rows;
};

/* A host's status goes into our document as it came, so at least its ends must be those of an object. */
static bool is_object(const char *status)
{
    const size_t bytes = strlen(status);
    return bytes >= 2 && status[0] == '{' && status[bytes - 1] == '}' && json_is_utf8(status, bytes);
}

static void print_host_json(const struct areg_host_status *host, bool is_first)
{
    fputs(is_first ? "{" : ",{", stdout);
    json_print_member(stdout, "id", host->id, strlen(host->id));
    putchar(',');
    json_print_member(stdout, "address", host->address, strlen(host->address));
    printf(",\"up\":%s,", host->is_up ? "true" : "false");
    if (host->is_up)
        printf("\"round_trip_us\":%" PRIu32 ",", host->round_trip_us);
    printf("\"status\":%s}", is_object(host->status) ? host->status : "null");
}

static void add_row(struct table *table, const struct areg_host_status *host)
{
    if (table->row_count == table->row_room) {
        const unsigned room = table->row_room ? 2 * table->row_room : 16;
        struct row *rows = realloc(table->rows, room * sizeof *rows);
        if (!rows) {
            table->is_failed = true;
            return;
        }
        table->rows = rows;
        table->row_room = room;
    }
    struct row *row = &table->rows[table->row_count++];
    snprintf(row->id, sizeof row->id, "%s", host->id);
    snprintf(row->address, sizeof row->address, "%s", host->address);
    row->is_up = host->is_up;
    row->round_trip[0] = 0;
    if (host->is_up)
        units_print_duration((uint64_t)host->round_trip_us * 1000, row->round_trip);
}

static void take_host(const struct areg_host_status *host, void *arg)
{
    struct table *table = arg;
    if (!table->is_json) {
        add_row(table, host);
        return;
    }
    print_host_json(host, table->row_count == 0);
    table->row_count++;
}

static void print_table(const struct table *table)
{
    const char *no_color = getenv("NO_COLOR");
    const bool has_color = isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
    int id_width = (int)strlen("host");
    int address_width = (int)strlen("address");
    for (unsigned i = 0; i < table->row_count; i++) {
        const int id_bytes = (int)strlen(table->rows[i].id);
        const int address_bytes = (int)strlen(table->rows[i].address);
        id_width = id_bytes > id_width ? id_bytes : id_width;
        address_width = address_bytes > address_width ? address_bytes : address_width;
    }
    printf("%-*s  %-*s  state  round trip\n", id_width, "host", address_width, "address");
    for (unsigned i = 0; i < table->row_count; i++) {
        const struct row *row = &table->rows[i];
        printf("%-*s  %-*s  ", id_width, row->id, address_width, row->address);
        if (row->is_up)
            printf("up     %s\n", row->round_trip);
        else
            printf("%s\n", has_color ? "\033[31mdown\033[0m" : "down");
    }
}

static enum exit_code run_ping(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const struct flag flags[] = {CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !cli_open(&cli, &code))
        return code;
    struct table table = {.is_json = cli.flags.json};
    if (table.is_json)
        fputs("{\"v\":1,\"hosts\":[", stdout);
    enum areg_error error = areg_ping(cli.client, NULL, take_host, &table);
    if (table.is_failed)
        error = AREG_ENOMEM;
    if (table.is_json)
        printf("],\"error\":%s%s%s}\n", error ? "\"" : "", error ? areg_error_name(error) : "null", error ? "\"" : "");
    else
        print_table(&table);
    free(table.rows);
    cli.flags.json = false; /* the one document is complete */
    if (error)
        code = cli_fail(&cli, error, "%s", error == AREG_EUNAVAIL ? "no host answered" : areg_strerror(error));
    cli_close(&cli);
    return code;
}

const struct command command_ping = {
    .name = "ping",
    .synopsis = "ping [FLAG...]",
    .summary = "ask every host how it is",
    .text = "Ask every host of the cluster for its status. Exit code 0 if at least one answered, 4 if none did.\n"
            "--json adds what the hosts say about themselves.",
    .examples = "  areg ping\n"
                "  areg ping --json | jq '.hosts[] | select(.up) | .status'\n",
    .word_count_min = 0,
    .word_count_max = 0,
    .run = run_ping,
};
