#include "reconfig/cli/workers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool has_told(const struct host_asked *host)
{
    return host->has_answered && host->status == REPLY_OK;
}

static void sum_up(struct workers *workers)
{
    workers->sum = (struct transfer_progress){0};
    workers->silent_count = 0;
    for (unsigned i = 0; i < workers->count; i++) {
        const struct host_asked *host = &workers->hosts[i];
        if (!has_told(host)) {
            workers->silent_count++;
            continue;
        }
        workers->sum.slices_given |= host->transfer.slices_given;
        workers->sum.slices_moved |= host->transfer.slices_moved;
        workers->sum.register_count += host->transfer.register_count;
        workers->sum.bytes += host->transfer.bytes;
        workers->sum.stuck_count += host->transfer.stuck_count;
        workers->sum.is_paused |= host->transfer.is_paused;
    }
}

static void prepare(const struct shard *shard, unsigned index, struct host_asked *host)
{
    const struct member *member = &shard->pending.members[index];
    *host = (struct host_asked){.id = member->id};
    memcpy(host->address, member->address, sizeof host->address);
    host->request.kind = MESSAGE_TRANSFER;
    host->request.shard = shard->shard;
    host->request.config = shard->pending.id;
}

enum areg_error workers_ask(const struct admin *admin, const struct shard *shard, struct workers *workers)
{
    memset(workers, 0, sizeof *workers);
    workers->count = shard->pending.member_count;
    for (unsigned i = 0; i < workers->count; i++)
        prepare(shard, i, &workers->hosts[i]);
    const enum areg_error error = hosts_ask(workers->hosts, workers->count, admin_deadline_ns(admin));
    sum_up(workers);
    return error;
}

enum areg_error workers_set_pace(const struct admin *admin, const struct shard *shard, const struct pace *pace,
                                 struct workers *workers)
{
    enum areg_error error = workers_ask(admin, shard, workers);
    if (error)
        return error;
    /* Those that are silent are asked again, too: they may be back, and then their own pace is not known. */
    for (unsigned i = 0; i < workers->count; i++) {
        const struct transfer_progress before = workers->hosts[i].transfer;
        prepare(shard, i, &workers->hosts[i]);
        workers->hosts[i].request.transfer = (struct transfer){
            .sets_pace = true,
            .is_paused = pace->sets_paused ? pace->is_paused : before.is_paused,
            .bytes_per_s = pace->sets_rate ? pace->bytes_per_s : before.bytes_per_s,
        };
    }
    error = hosts_ask(workers->hosts, workers->count, admin_deadline_ns(admin));
    sum_up(workers);
    return !error && workers->silent_count > 0 ? AREG_EUNAVAIL : error;
}

void workers_list_silent(const struct workers *workers, char *to, size_t room_bytes)
{
    size_t used_bytes = 0;
    to[0] = 0;
    for (unsigned i = 0; i < workers->count && used_bytes < room_bytes; i++)
        if (!has_told(&workers->hosts[i]))
            used_bytes +=
                (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, "%s%s (%s)", used_bytes > 0 ? ", " : "",
                                 workers->hosts[i].id.text, workers->hosts[i].address);
}

void workers_list_stuck(const struct workers *workers, char *to, size_t room_bytes)
{
    size_t used_bytes = 0;
    to[0] = 0;
    for (unsigned i = 0; i < workers->count && used_bytes < room_bytes; i++) {
        const struct host_asked *host = &workers->hosts[i];
        const uint32_t stuck_count = has_told(host) ? host->transfer.stuck_count : 0;
        if (stuck_count > 0)
            used_bytes += (size_t)snprintf(
                to + used_bytes, room_bytes - used_bytes, "%s%s: %" PRIu32 " register%s can not be moved: see its log",
                used_bytes > 0 ? ", " : "", host->id.text, stuck_count, stuck_count == 1 ? "" : "s");
    }
}
