#include "net/frames.h"

#include "core/check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* ---------------------------------------------------------------- ledgers */

struct ledger {
    atomic_uint reference_count;
    atomic_uint_least64_t queued_bytes;
};

struct ledger *ledger_create(void)
{
    struct ledger *ledger = malloc(sizeof *ledger);
    if (!ledger)
        return NULL;
    atomic_init(&ledger->reference_count, 1);
    atomic_init(&ledger->queued_bytes, 0);
    return ledger;
}

void ledger_unref(struct ledger *ledger)
{
    if (ledger && atomic_fetch_sub(&ledger->reference_count, 1) == 1) {
        CHECK(atomic_load(&ledger->queued_bytes) == 0);
        free(ledger);
    }
}

uint64_t ledger_queued_bytes(const struct ledger *ledger)
{
    return atomic_load(&ledger->queued_bytes);
}

/* ---------------------------------------------------------------- sending */

uint64_t frames_packet_bytes(const struct packet *packet)
{
    uint64_t bytes = packet->header.bytes;
    for (unsigned i = 0; i < packet->payload_count; i++)
        bytes += packet->payloads[i].bytes;
    return bytes;
}

/** Memory that is lent to ZeroMQ. */
struct lent_part {
    struct slice slice;
    struct ledger *ledger;
};

/** Runs on ZeroMQ's thread when the part has left, or never will. */
static void give_back(void *memory, void *arg)
{
    (void)memory;
    struct lent_part *lent = arg;
    atomic_fetch_sub(&lent->ledger->queued_bytes, lent->slice.bytes);
    ledger_unref(lent->ledger);
    slice_unref(&lent->slice);
    free(lent);
}

/** Make a message of a slice, taking one more reference to it if it is lent. False: no memory, and no message. */
static bool part_init(zmq_msg_t *part, struct slice slice, struct ledger *ledger)
{
    if (slice.bytes < FRAME_COPY_BYTES_MAX || !slice.owner) {
        if (zmq_msg_init_size(part, slice.bytes) != 0)
            return false;
        if (slice.bytes)
            memcpy(zmq_msg_data(part), slice.at, slice.bytes);
        return true;
    }
    struct lent_part *lent = malloc(sizeof *lent);
    if (!lent)
        return false;
    *lent = (struct lent_part){.slice = slice, .ledger = ledger};
    /* ZeroMQ wants memory that it may write to, and never writes to what it sends. */
    if (zmq_msg_init_data(part, buffer_at(slice.owner) + (slice.at - buffer_at(slice.owner)), slice.bytes, give_back,
                          lent) != 0) {
        free(lent);
        return false;
    }
    slice_ref(slice);
    atomic_fetch_add(&ledger->reference_count, 1);
    atomic_fetch_add(&ledger->queued_bytes, slice.bytes);
    return true;
}

/** Whether the first part went; with it all of the message is as good as queued. */
static bool send_part(void *socket, zmq_msg_t *part, int more)
{
    int rc;
    do
        rc = zmq_msg_send(part, socket, ZMQ_DONTWAIT | more);
    while (rc < 0 && errno == EINTR);
    return rc >= 0;
}

/** Room for a prefix, a header and payloads. */
enum { PART_COUNT_MAX = 2 + PACKET_MESSAGE_COUNT_MAX };

static bool send_parts(void *socket, zmq_msg_t *parts, unsigned part_count)
{
    const int more = part_count > 1 ? ZMQ_SNDMORE : 0;
    bool sent = send_part(socket, &parts[0], more);
    if (!sent && errno == EAGAIN) {
        /* ZeroMQ looks at its mailbox only now and then while it sends, and may not know yet of a connection that came
         * up, or of room in its queue. Asking for the events makes it look. */
        int events = 0;
        size_t events_bytes = sizeof events;
        if (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &events_bytes) == 0 && (events & ZMQ_POLLOUT))
            sent = send_part(socket, &parts[0], more);
    }
    /* Once the first part is in, the queue has room for the others: its limit counts whole messages. */
    for (unsigned i = 1; sent && i < part_count; i++)
        sent = send_part(socket, &parts[i], i + 1 < part_count ? ZMQ_SNDMORE : 0);
    for (unsigned i = 0; i < part_count; i++)
        zmq_msg_close(&parts[i]);
    return sent;
}

static bool send_packet(void *socket, struct slice prefix, const struct packet *packet, struct ledger *ledger)
{
    CHECK(packet->payload_count <= PACKET_MESSAGE_COUNT_MAX);
    zmq_msg_t parts[PART_COUNT_MAX];
    unsigned part_count = 0;
    bool ok = true;
    if (prefix.bytes)
        ok = part_init(&parts[part_count++], prefix, ledger);
    if (ok)
        ok = part_init(&parts[part_count++], packet->header, ledger);
    for (unsigned i = 0; ok && i < packet->payload_count; i++)
        ok = part_init(&parts[part_count++], packet->payloads[i], ledger);
    if (ok)
        return send_parts(socket, parts, part_count);
    for (unsigned i = 0; i + 1 < part_count; i++)
        zmq_msg_close(&parts[i]);
    return false;
}

bool frames_send(void *socket, struct slice prefix, struct packet *packet, struct ledger *ledger,
                 struct net_counters *counters)
{
    const uint64_t bytes = frames_packet_bytes(packet);
    const bool fits = ledger_queued_bytes(ledger) + bytes <= PEER_QUEUE_BYTES_MAX;
    const bool sent = fits && send_packet(socket, prefix, packet, ledger);
    packet_fini(packet);
    counters->packets_sent += sent;
    counters->bytes_sent += sent ? bytes : 0;
    counters->packets_unsent += !sent;
    return sent;
}

/* ---------------------------------------------------------------- receiving */

static void free_received(void *memory, void *arg)
{
    (void)memory;
    zmq_msg_close(arg);
    free(arg);
}

/** Keep the memory of a received part as a counted slice; the part is closed or moved. False: no memory. */
static bool part_keep(zmq_msg_t *part, struct slice *slice)
{
    const size_t bytes = zmq_msg_size(part);
    if (bytes < FRAME_COPY_BYTES_MAX) {
        *slice = slice_copy(slice_borrow(zmq_msg_data(part), bytes));
        zmq_msg_close(part);
        return slice->bytes == bytes;
    }
    zmq_msg_t *kept = malloc(sizeof *kept);
    if (kept) {
        zmq_msg_init(kept);
        zmq_msg_move(kept, part);
        struct buffer *buffer = buffer_wrap(zmq_msg_data(kept), bytes, free_received, kept);
        if (buffer) {
            *slice = slice_of(buffer, 0, bytes);
            zmq_msg_close(part);
            return true;
        }
        free_received(NULL, kept);
    }
    zmq_msg_close(part);
    return false;
}

static bool receive_part(void *socket, zmq_msg_t *part, bool *has_more)
{
    zmq_msg_init(part);
    int rc;
    do
        rc = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        zmq_msg_close(part);
        return false;
    }
    *has_more = zmq_msg_more(part);
    return true;
}

enum frames_outcome frames_receive(void *socket, struct packet *packet, struct net_counters *counters)
{
    zmq_msg_t part;
    bool has_more;
    if (!receive_part(socket, &part, &has_more))
        return FRAMES_NONE;
    packet->payload_count = 0;
    packet->header = (struct slice){0};
    uint64_t payload_bytes = 0;
    bool ok = zmq_msg_size(&part) <= PACKET_HEADER_BYTES_MAX;
    if (!part_keep(&part, &packet->header))
        ok = false;
    /* All parts of a message arrive at once; those of a bad one are read to its end, and dropped. */
    while (has_more && receive_part(socket, &part, &has_more)) {
        payload_bytes += zmq_msg_size(&part);
        ok = ok && packet->payload_count < PACKET_MESSAGE_COUNT_MAX && payload_bytes <= PACKET_PAYLOAD_BYTES_MAX;
        if (!ok)
            zmq_msg_close(&part);
        else if (part_keep(&part, &packet->payloads[packet->payload_count]))
            packet->payload_count++;
        else
            ok = false;
    }
    if (!ok) {
        packet_fini(packet);
        counters->packets_malformed++;
        return FRAMES_MALFORMED;
    }
    counters->packets_received++;
    counters->bytes_received += packet->header.bytes + payload_bytes;
    return FRAMES_RECEIVED;
}
