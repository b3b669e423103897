/*
 * What happened, as a digest that tells whether two runs were the same, and as one line of text for each event.
 */
#include "sim/inside.h"

#include <inttypes.h>

/* The digest mixes every event into one number: two runs with one digest were the same. */
static uint64_t mix(uint64_t digest, uint64_t with)
{
    digest ^= with;
    digest *= UINT64_C(0x9E3779B97F4A7C15);
    return digest ^ digest >> 32;
}

static const char *message_name(uint64_t kind)
{
    static const char *const names[] = {
        [MESSAGE_HELLO] = "hello",
        [MESSAGE_GET_TAG] = "get-tag",
        [MESSAGE_GET_DATA] = "get-data",
        [MESSAGE_PUT_DATA] = "put-data",
        [MESSAGE_CONFIRM] = "confirm",
        [MESSAGE_LIST_KEYS] = "list-keys",
        [MESSAGE_STATUS] = "status",
        [MESSAGE_READ_CONFIG] = "read-config",
        [MESSAGE_WRITE_CONFIG] = "write-config",
        [MESSAGE_PREPARE] = "prepare",
        [MESSAGE_ACCEPT] = "accept",
        [MESSAGE_JOIN] = "join",
        [MESSAGE_FINALIZE] = "finalize",
        [MESSAGE_HINT] = "hint",
        [MESSAGE_ADOPT] = "adopt",
        [MESSAGE_TRANSFER] = "transfer",
        [MESSAGE_REGISTER] = "register",
    };
    return kind < sizeof names / sizeof names[0] && names[kind] ? names[kind] : "?";
}

static const char *op_name(uint64_t kind)
{
    static const char *const names[] = {"get", "stat", "put", "del", "list"};
    return names[kind];
}

static void print_packet(const struct sim *sim, const char *what, uint64_t client, uint64_t host, uint64_t to_host,
                         uint64_t kind)
{
    const char *host_id = sim->hosts[host].id.text;
    char name[PROCESS_NAME_BYTES];
    process_name(sim, (uint32_t)client, name);
    if (to_host)
        fprintf(sim->options.log, "%-8s %s > %s  %s\n", what, name, host_id, message_name(kind));
    else
        fprintf(sim->options.log, "%-8s %s > %s  %s reply\n", what, host_id, name, message_name(kind));
}

static void print_op(const struct sim *sim, uint64_t client, uint64_t op_index)
{
    const struct sim_op *op = &sim->ops[op_index];
    fprintf(sim->options.log, "c%" PRIu64 "  op %" PRIu64 "  %s %s", client + 1, op_index, op_name(op->kind),
            op->kind == CLIENT_LIST ? "" : sim->keys[op->key_index].text);
}

static void print_fault(const struct sim *sim, const char *what, uint64_t fault, uint64_t whom)
{
    fprintf(sim->options.log, "%-8s %s %" PRIu64 "\n", what, fault_name((enum fault)fault), whom);
}

static void print(const struct sim *sim, enum trace_kind kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    FILE *log = sim->options.log;
    char name[PROCESS_NAME_BYTES];
    fprintf(log, "%14.6f ms  ", (double)sim->now_ns / 1e6);
    switch (kind) {
    case TRACE_SUBMIT:
        fprintf(log, "begin    ");
        print_op(sim, a, b);
        fprintf(log, "\n");
        break;
    case TRACE_DONE:
        fprintf(log, "end      ");
        print_op(sim, a, b);
        fprintf(log, "  %s, tag %" PRIu64 ".%" PRIx64 "\n", error_name((enum areg_error)c), d, sim->ops[b].tag.w);
        break;
    case TRACE_SEND:
        print_packet(sim, "send", a, b, c, d);
        break;
    case TRACE_DROP:
        print_packet(sim, "drop", a, b, c, d);
        break;
    case TRACE_ARRIVE:
        print_packet(sim, "arrive", a, b, c, d);
        break;
    case TRACE_COMMIT:
        fprintf(log, "commit   %s  %s\n", sim->hosts[a].id.text, error_name((enum areg_error)b));
        break;
    case TRACE_FAULT:
        print_fault(sim, "fault", a, b);
        break;
    case TRACE_REPAIR:
        print_fault(sim, "repair", a, b);
        break;
    case TRACE_HOST_UP:
        fprintf(log, "up       %s, life %" PRIu64 "\n", sim->hosts[a].id.text, b);
        break;
    case TRACE_HOST_DOWN:
        fprintf(log, "down     %s\n", sim->hosts[a].id.text);
        break;
    case TRACE_CLIENT_UP:
        fprintf(log, "up       %s, life %" PRIu64 "\n", process_name(sim, (uint32_t)a, name), b);
        break;
    case TRACE_DECIDED:
        fprintf(log, "decided  c%" PRIu64 " (%s)\n", a, sim->sequence.configs[b]->config.reason);
        break;
    case TRACE_FINALIZED:
        fprintf(log, "final    c%" PRIu64 " (%s), known to %s\n", a, sim->sequence.configs[b]->config.reason,
                sim->hosts[c].id.text);
        break;
    case TRACE_CHANGE:
        fprintf(log, "begin    %s  change %" PRIu64 "  %s\n", process_name(sim, (uint32_t)a, name), b,
                c == RECONFIGURE_LOOK     ? "look"
                : c == RECONFIGURE_FINISH ? "finish what is pending"
                                          : sim->changes.items[b]->wanted.reason);
        break;
    case TRACE_CHANGED:
        fprintf(log, "end      %s  change %" PRIu64 "  %s\n", process_name(sim, (uint32_t)a, name), b,
                error_name((enum areg_error)c));
        break;
    case TRACE_MOVED:
        fprintf(log, "moved    %s  c%u  slices %08" PRIx64 "\n", sim->hosts[a].id.text,
                sim->sequence.configs[b]->config.index, c);
        break;
    case TRACE_BROKEN:
        fprintf(log, "BROKEN   %s: %s\n", sim->report->broken, sim->report->why);
        break;
    }
}

void trace(struct sim *sim, enum trace_kind kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t digest = mix(sim->digest, sim->now_ns ^ (uint64_t)kind << 56);
    digest = mix(digest, a ^ b << 32);
    sim->digest = mix(digest, c ^ d << 8);
    if (sim->options.log)
        print(sim, kind, a, b, c, d);
}
