#include "lab/sim_report.h"

#include "core/units.h"
#include "sim/json.h"

#include <inttypes.h>
#include <string.h>

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

/* ---------------------------------------------------------------- text */

void sim_report_setting(const struct sim_options *drawn, FILE *to)
{
    char code[CODE_TEXT_BYTES];
    char bytes[UNITS_TEXT_BYTES];
    code_print(drawn->code, code);
    fprintf(to, "setting   %s on %u hosts, delta %u; %u clients x %u operations, %u keys, values up to %s", code,
            drawn->host_count, drawn->delta, drawn->client_count, drawn->depth, drawn->key_count,
            units_print_bytes(drawn->value_bytes_max, bytes));
    if (drawn->reconfigurer_count)
        fprintf(to, "; %u reconfigurers, %u spare hosts", drawn->reconfigurer_count, drawn->spare_count);
    fputc('\n', to);
}

static void print_faults(const uint64_t counts[FAULT_COUNT], uint32_t enabled, FILE *to)
{
    fprintf(to, "faults   ");
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (enabled >> i & 1)
            fprintf(to, " %s %" PRIu64, fault_name((enum fault)i), counts[i]);
    fprintf(to, "%s\n", enabled ? "" : " none");
}

static void print_outcomes(const char *name, const struct sim_outcomes *outcomes, FILE *to)
{
    fprintf(to, "%-9s ok %" PRIu64, name, outcomes->ok);
    if (outcomes->not_found)
        fprintf(to, ", found nothing %" PRIu64, outcomes->not_found);
    if (outcomes->stale)
        fprintf(to, ", stale base %" PRIu64, outcomes->stale);
    fprintf(to, ", failed %" PRIu64 ", unknown %" PRIu64 "\n", outcomes->failed, outcomes->unknown);
}

static void print_reconfigurations(const struct sim_reconfigurations *counts, FILE *to)
{
    char bytes[UNITS_TEXT_BYTES];
    if (counts->begun == 0)
        return;
    fprintf(to,
            "changes   begun %" PRIu64 ": ok %" PRIu64 ", stale plan %" PRIu64 ", failed %" PRIu64 ", unknown %" PRIu64
            "; configurations decided %" PRIu64 ", finalized %" PRIu64 ", %" PRIu64
            " of them by others than wanted them; %" PRIu64 " registers moved, %s\n",
            counts->begun, counts->ok, counts->stale, counts->failed, counts->unknown, counts->decided,
            counts->finalized, counts->taken_over, counts->registers_moved,
            units_print_bytes(counts->bytes_moved, bytes));
}

static void print_speed(uint64_t event_count, double seconds, uint64_t virtual_ns, FILE *to)
{
    char virtual[UNITS_TEXT_BYTES];
    fprintf(to, "events    %" PRIu64 " in %.2f s (%.0f a second), %s of virtual time\n", event_count, seconds,
            (double)event_count / seconds, units_print_duration(virtual_ns, virtual));
}

void sim_report_text(const struct sim_report *report, double seconds, FILE *to)
{
    const uint64_t read_count = report->reads.ok + report->reads.not_found;
    const uint64_t write_count = report->writes.ok;
    sim_report_setting(&report->drawn, to);
    print_speed(report->event_count, seconds, report->virtual_ns, to);
    print_faults(report->fault_counts, report->drawn.faults, to);
    print_outcomes("reads", &report->reads, to);
    print_outcomes("writes", &report->writes, to);
    print_reconfigurations(&report->reconfigurations, to);
    fprintf(to,
            "costs     %.2f rounds and %.2f values sent a write; %.2f rounds and %.2f values received a read, "
            "%" PRIu64 " wrote back; %" PRIu64 " entries trimmed by force\n",
            ratio(report->write_rounds, write_count), ratio(report->payload_bytes_sent, report->write_bytes),
            ratio(report->read_rounds, read_count), ratio(report->payload_bytes_answered, report->read_bytes),
            report->write_back_count, report->trims_forced);
    fprintf(to, "trace     %016" PRIx64 "\n", report->trace_digest);
    if (report->broken[0])
        fprintf(to, "BROKEN    after %.6f ms: %s: %s\n", (double)report->broken_ns / 1e6, report->broken, report->why);
    else
        fprintf(to, "verdict   every invariant held; linearizable by versions and by values\n");
}

void campaign_report_text(const struct campaign_result *result, FILE *to)
{
    const double seconds = (double)result->wall_ns / 1e9;
    fprintf(to, "seeds     %" PRIu64 ", of which broken %" PRIu64 "\n", result->seed_count, result->broken_count);
    print_speed(result->event_count, seconds, result->virtual_ns, to);
    print_faults(result->fault_counts, FAULTS_ALL, to);
    print_outcomes("reads", &result->reads, to);
    print_outcomes("writes", &result->writes, to);
    print_reconfigurations(&result->reconfigurations, to);
    for (unsigned i = 0; i < result->broken_kept; i++)
        fprintf(to, "BROKEN    seed %" PRIu64 ": %s: %s\n", result->broken[i].seed, result->broken[i].name,
                result->broken[i].why);
}

/* ---------------------------------------------------------------- JSON */

static void print_outcomes_json(const char *name, const struct sim_outcomes *outcomes, FILE *to)
{
    fprintf(to,
            ",\"%s\":{\"ok\":%" PRIu64 ",\"not_found\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"unknown\":%" PRIu64 "}",
            name, outcomes->ok, outcomes->not_found, outcomes->stale, outcomes->failed, outcomes->unknown);
}

static void print_reconfigurations_json(const struct sim_reconfigurations *counts, FILE *to)
{
    fprintf(to,
            ",\"reconfigurations\":{\"begun\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"unknown\":%" PRIu64 ",\"decided\":%" PRIu64 ",\"finalized\":%" PRIu64 ",\"taken_over\":%" PRIu64
            ",\"registers_moved\":%" PRIu64 ",\"bytes_moved\":%" PRIu64 "}",
            counts->begun, counts->ok, counts->stale, counts->failed, counts->unknown, counts->decided,
            counts->finalized, counts->taken_over, counts->registers_moved, counts->bytes_moved);
}

static void print_faults_json(const uint64_t counts[FAULT_COUNT], FILE *to)
{
    fprintf(to, ",\"faults\":{");
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        fprintf(to, "%s\"%s\":%" PRIu64, i ? "," : "", fault_name((enum fault)i), counts[i]);
    fprintf(to, "}");
}

static void print_text_member(const char *name, const char *text, FILE *to)
{
    fprintf(to, ",\"%s\":", name);
    json_print_string(to, text, strlen(text));
}

void sim_report_json(const struct sim_report *report, double seconds, FILE *to)
{
    const struct sim_options *drawn = &report->drawn;
    char code[CODE_TEXT_BYTES];
    code_print(drawn->code, code);
    fprintf(to,
            "{\"v\":1,\"seed\":%" PRIu64 ",\"code\":\"%s\",\"hosts\":%u,\"delta\":%u,\"clients\":%u,\"depth\":%u,"
            "\"keys\":%u,\"value_bytes_max\":%u,\"reconfigurers\":%u,\"spares\":%u,\"events\":%" PRIu64
            ",\"seconds\":%.3f,\"virtual_ns\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"commits\":%" PRIu64,
            drawn->seed, code, drawn->host_count, drawn->delta, drawn->client_count, drawn->depth, drawn->key_count,
            drawn->value_bytes_max, drawn->reconfigurer_count, drawn->spare_count, report->event_count, seconds,
            report->virtual_ns, report->packet_count, report->commit_count);
    print_outcomes_json("reads", &report->reads, to);
    print_outcomes_json("writes", &report->writes, to);
    print_faults_json(report->fault_counts, to);
    print_reconfigurations_json(&report->reconfigurations, to);
    fprintf(to,
            ",\"read_rounds\":%" PRIu64 ",\"write_rounds\":%" PRIu64 ",\"write_backs\":%" PRIu64
            ",\"trims_forced\":%" PRIu64 ",\"read_bytes\":%" PRIu64 ",\"write_bytes\":%" PRIu64
            ",\"bytes_sent\":%" PRIu64 ",\"bytes_answered\":%" PRIu64 ",\"trace\":\"%016" PRIx64 "\",\"broken\":",
            report->read_rounds, report->write_rounds, report->write_back_count, report->trims_forced,
            report->read_bytes, report->write_bytes, report->payload_bytes_sent, report->payload_bytes_answered,
            report->trace_digest);
    if (report->broken[0]) {
        json_print_string(to, report->broken, strlen(report->broken));
        print_text_member("why", report->why, to);
        fprintf(to, ",\"broken_ns\":%" PRIu64, report->broken_ns);
    } else {
        fprintf(to, "null");
    }
    fprintf(to, "}\n");
}

void campaign_report_json(const struct campaign_result *result, FILE *to)
{
    fprintf(to,
            "{\"v\":1,\"seeds\":%" PRIu64 ",\"events\":%" PRIu64 ",\"operations\":%" PRIu64
            ",\"seconds\":%.3f,\"virtual_ns\":%" PRIu64,
            result->seed_count, result->event_count, result->op_count, (double)result->wall_ns / 1e9,
            result->virtual_ns);
    print_outcomes_json("reads", &result->reads, to);
    print_outcomes_json("writes", &result->writes, to);
    print_faults_json(result->fault_counts, to);
    print_reconfigurations_json(&result->reconfigurations, to);
    fprintf(to, ",\"broken_count\":%" PRIu64 ",\"broken\":[", result->broken_count);
    for (unsigned i = 0; i < result->broken_kept; i++) {
        fprintf(to, "%s{\"seed\":%" PRIu64, i ? "," : "", result->broken[i].seed);
        print_text_member("name", result->broken[i].name, to);
        print_text_member("why", result->broken[i].why, to);
        fprintf(to, "}");
    }
    fprintf(to, "]}\n");
}
