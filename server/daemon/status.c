#include "server/daemon/status.h"

#include "core/check.h"
#include "server/daemon/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/** A growing text in a room that is known to be enough. */
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
    CHECK(bytes >= 0 && text->used_bytes + (size_t)bytes < text->room_bytes);
    text->used_bytes += (size_t)bytes;
}

static void add_field(struct text *text, const char *name, uint64_t value)
{
    const char before = text->at[text->used_bytes - 1];
    add(text, "%s\"%s\":%" PRIu64, before == '{' ? "" : ",", name, value);
}

static void add_host(struct text *text, const struct host *host, const char *address)
{
    char digest[CONFIG_ID_TEXT_BYTES];
    char name[6 * CLUSTER_NAME_BYTES_MAX + 16];
    add(text, "{\"v\":1,\"host\":\"%s\",\"cluster\":%s,\"genesis\":\"%s\"", host->id.text,
        log_quote(host->cluster->name, name, sizeof name), config_id_print(host->cluster->digest, digest));
    /* As text: a JSON number may lose the lower bits of 64. */
    add(text, ",\"incarnation\":\"%016" PRIx64 "\",\"version\":\"%d.%d.%d\",\"protocol\":%d", host->incarnation,
        AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH, PROTOCOL_VERSION);
    add(text, ",\"address\":\"%s\",\"uptime_s\":%" PRIu64 ",\"sync\":\"%s\",\"has_lost_data\":%s", address,
        (clock_now_ns() - host->started_ns) / UINT64_C(1000000000), host->sync ? "batch" : "none",
        atomic_load(&host->has_lost_data) ? "true" : "false");
}

static void add_store(struct text *text, const struct store_stats *store)
{
    add(text, ",\"store\":{");
    add_field(text, "register_count", store->register_count);
    add_field(text, "entry_count", store->entry_count);
    add_field(text, "fragment_bytes", store->fragment_bytes);
    add_field(text, "used_bytes", store->used_bytes);
    add_field(text, "file_bytes", store->file_bytes);
    add_field(text, "quota_bytes", store->quota_bytes);
    add_field(text, "disk_free_bytes", store->disk_free_bytes);
    add(text, ",\"is_full\":%s}", store->is_full ? "true" : "false");
}

static void add_replica(struct text *text, const struct replica *replica)
{
    struct replica_counters counters;
    replica_counters(replica, &counters);
    add(text, ",\"replica\":{");
    add_field(text, "puts", counters.puts);
    add_field(text, "put_bytes", counters.put_bytes);
    add_field(text, "puts_stale", counters.puts_stale);
    add_field(text, "confirms", counters.confirms);
    add_field(text, "trims", counters.trims);
    add_field(text, "trims_forced", counters.trims_forced);
    add_field(text, "damaged", counters.damaged);
    add_field(text, "full", counters.full);
    add_field(text, "invalid", counters.invalid);
    add_field(text, "memberships", counters.memberships);
    add_field(text, "retired", counters.retired);
    add_field(text, "registers_deleted", counters.registers_deleted);
    add_field(text, "successors_refused", counters.successors_refused);
    add_field(text, "adoptions", counters.adoptions);
    add(text, "}");
}

static void add_writer(struct text *text, const struct writer_figures *writer, const struct work_figures *queue)
{
    add(text, ",\"writer\":{");
    add_field(text, "queued_messages", queue->message_count);
    add_field(text, "queued_bytes", queue->bytes);
    add_field(text, "batches", writer->batch_count);
    add_field(text, "sweeps", writer->sweep_count);
    add_field(text, "messages", writer->message_count);
    add(text, ",\"messages_per_batch\":%.2f",
        writer->batch_count ? (double)writer->message_count / (double)writer->batch_count : 0.0);
    add_field(text, "commit_p50_us", latency_percentile_us(&writer->commits, 50));
    add_field(text, "commit_p99_us", latency_percentile_us(&writer->commits, 99));
    add_field(text, "commit_max_us", writer->commits.max_us);
    add_field(text, "full", writer->full_count);
    add_field(text, "lost", writer->lost_count);
    add_field(text, "failed_batches", writer->failed_count);
    add(text, "}");
}

static void add_service(struct text *text, const struct service_figures *service, const struct net_counters *net)
{
    add(text, ",\"service\":{");
    add_field(text, "reads", service->read_count);
    add_field(text, "gets", service->get_count);
    add_field(text, "reads_failed", service->read_failed_count);
    add_field(text, "writes", service->write_count);
    add_field(text, "busy", service->busy_count);
    add_field(text, "confirms_dropped", service->confirm_dropped_count);
    add_field(text, "malformed", service->malformed_count + net->packets_malformed);
    add_field(text, "other_versions", service->version_count);
    add(text, "},\"net\":{");
    add_field(text, "packets_in", net->packets_received);
    add_field(text, "packets_out", net->packets_sent);
    add_field(text, "packets_unsent", net->packets_unsent);
    add_field(text, "bytes_in", net->bytes_received);
    add_field(text, "bytes_out", net->bytes_sent);
    add(text, "}");
}

size_t status_print(const struct status_sources *sources, char *to, size_t room_bytes)
{
    struct text text = {.at = to, .room_bytes = room_bytes};
    add_host(&text, sources->host, sources->address);
    add_store(&text, sources->store);
    add_replica(&text, sources->host->replica);
    add_writer(&text, sources->writer, sources->queue);
    add_service(&text, sources->service, sources->net);
    add(&text, "}");
    return text.used_bytes;
}
