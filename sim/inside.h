/*
 * The inside of the simulator, shared by its own files only.
 *
 *   run.c         the two phases, the verdict
 *   world.c       creation, virtual time, which event is next
 *   events.c      the heap of events
 *   network.c     packets on their way, and what happens to them
 *   host.c        a host: its disk, its writer, its process
 *   process.c     a process with a client engine, and its connections
 *   agent.c       a host as a client of other hosts, for transfers
 *   reconfigurer.c  who changes configurations, and what became of it
 *   workload.c    what clients do, and what became of it
 *   nemesis.c     faults that come and go
 *   study.c       a run without faults that is measured (study_words.c: what its changes are)
 *   ablation.c    what can be switched off for it
 *   invariants.c  what must hold of registers and operations after every step
 *   sequence.c    the configurations, as disks tell of them, and what must hold of them
 *   trace.c       what happened, as a digest and as text
 *
 * Every source of order is drawn from the seed: which of two simultaneous events comes first, delays, losses, the
 * random bits of clients. Nothing else may be looked at: no address, no real clock.
 */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#include "client/client.h"
#include "client/transfer.h"
#include "core/check.h"
#include "core/random.h"
#include "server/replica.h"
#include "sim/sim.h"
#include "store/store_memory.h"
#include "wire/packet.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct sim;

/* ---------------------------------------------------------------- events */

enum event_kind {
    EVENT_PACKET,      /* `packet` arrives */
    EVENT_HOST_WAKE,   /* a: host */
    EVENT_CLIENT_WAKE, /* a: client */
    EVENT_COMMIT,      /* a: host, b: its life; the disk is done */
    EVENT_SUBMIT,      /* a: client, b: its life; it wants to begin an operation */
    EVENT_CANCEL,      /* a: client, b: its life, c: an operation that it gives up, if it is still under way */
    EVENT_CONNECTION,  /* a: client, b: host, c: 1 up, 0 down; the transport notices */
    EVENT_FAULT,       /* a: class; it strikes */
    EVENT_REPAIR,      /* a: class, b: whom, c: class's own; what it did ends */
    EVENT_STUDY,       /* a: what, b: whom; a study goes on */
};

struct event {
    uint64_t due_ns;
    uint64_t tie; /* decides between simultaneous events: random, or in the order in which they were moved */
    enum event_kind kind;
    uint32_t a;
    uint32_t b;
    uint32_t c;
    struct transit *packet;
};

struct events {
    struct event *heap;
    size_t count;
    size_t room;
};

void events_push(struct events *events, struct event event);
bool events_pop(struct events *events, struct event *event);
void events_fini(struct events *events);

/* ---------------------------------------------------------------- clocks */

/** A process's own clock: local = offset + now * rate / 2^20. */
struct sim_clock {
    int64_t offset_ns;
    uint64_t rate;
};

enum { CLOCK_RATE_ONE = 1 << 20 };

uint64_t clock_local(const struct sim_clock *clock, uint64_t now_ns);
/** The first moment at which the clock shows `local_ns` or more. */
uint64_t clock_global(const struct sim_clock *clock, uint64_t local_ns);

/* ---------------------------------------------------------------- network */

struct sim_link {
    uint64_t last_due_ns[2];  /* to the client, to the host: what is sent later must not arrive sooner */
    uint64_t read_sent_ns[2]; /* in a study: when what was dealt with last was sent */
    uint32_t slowness;        /* delays are so many times longer, in 16ths */
    uint16_t cut[2];          /* by so many partitions: to the client, to the host */
    bool is_connected;
};

/** Where a packet is. */
enum transit_stage {
    TRANSIT_ON_ITS_WAY, /* its first bit is about to arrive */
    TRANSIT_ARRIVED,
    TRANSIT_READ, /* by the host's processor */
};

struct transit {
    uint32_t client_index;
    uint32_t client_life;
    uint32_t host_index;
    bool to_host;
    enum message_kind kind; /* of its first message */
    enum transit_stage stage;
    uint64_t sent_ns;
    unsigned message_count;
    unsigned payload_count;
    struct slice header;
    struct slice payloads[];
};

enum delay_kind { DELAY_CONSTANT, DELAY_UNIFORM, DELAY_LOGNORMAL };

/** How the network is today. */
struct weather {
    enum delay_kind delay;
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;
    unsigned loss_permyriad;
    unsigned dup_permyriad;
    unsigned corrupt_permyriad;
    bool reorders;
};

/** What there is of everything in a study; zeroes: without limit, at once. */
struct capacity {
    uint64_t host_bytes_per_s; /* each way */
    uint64_t client_bytes_per_s;
    uint64_t disk_bytes_per_s;
    uint64_t processing_ns; /* of a message, at a host */
};

/** Until when somebody sends and receives what is there already. */
struct nic {
    uint64_t sends_until_ns;
    uint64_t receives_until_ns;
};

/** How long so many bytes take; 0 bytes per second: no time. */
static inline uint64_t transfer_ns(uint64_t bytes, uint64_t bytes_per_s)
{
    return bytes_per_s ? (bytes * SECOND + bytes_per_s - 1) / bytes_per_s : 0;
}

/** Send a packet, whose references are taken over; `like` tells from whom to whom. */
void network_send(struct sim *sim, const struct packet *packet, const struct transit *like);
/** Send what the writer holds; nothing if it is empty. */
void network_flush(struct sim *sim, struct packet_writer *writer, const struct transit *like);
void network_deliver(struct sim *sim, struct transit *transit);
void network_heal(struct sim *sim);
void transit_free(struct transit *transit);
struct transit *transit_copy(const struct transit *from);
/** Whether a packet is held back: then it arrives when somebody says so. */
typedef bool hold_fn(const struct transit *transit, void *arg);
/** It arrives when somebody says so. */
void network_hold(struct sim *sim, struct transit *transit);
struct sim_link *link_of(struct sim *sim, uint32_t client_index, uint32_t host_index);

/* ---------------------------------------------------------------- processes */

/* Clients come first, then reconfigurers, then the agents of hosts. */
enum process_role { ROLE_CLIENT, ROLE_RECONFIGURER, ROLE_AGENT };
enum { PROCESS_NONE = UINT32_MAX, PROCESS_MAX = SIM_CLIENT_MAX + SIM_RECONFIGURER_MAX + SIM_HOST_MAX };
enum { PROCESS_NAME_BYTES = 48 };

/* ---------------------------------------------------------------- hosts */

struct job_item {
    struct request request;
    /* Of the reply. */
    enum reply_status status;
    bool is_granted; /* PREPARE, ACCEPT, ADOPT */
    uint32_t told;   /* the configuration that it tells of; CONFIG_NONE */
};

/** Mutating requests of one packet, or a note of the host's own worker, waiting for the writer. */
struct job {
    struct job *next;
    uint32_t client_index; /* PROCESS_NONE: the worker */
    uint32_t client_life;
    struct slice header;  /* the requests' keys lie in it */
    struct slice replies; /* a header of replies, to be sent after the commit */
    unsigned item_count;
    struct job_item items[];
};

/** What a register was when it was last seen, and whether it may have gone back. */
struct shadow {
    struct tag trimmed;
    struct tag confirmed;
    uint32_t entry_count;
    struct tag tags[ENTRY_COUNT_MAX];
};

/** What a host's disk had of a configuration when it was last seen. */
struct config_shadow {
    uint32_t slot; /* 0: the host is no member, as far as its disk goes */
    enum link_status link;
    uint32_t next; /* the configuration that the link names; CONFIG_NONE */
    struct ballot promised;
    struct ballot accepted;
    struct transfer_progress transfer;
    bool is_empty;            /* without registers */
    struct shadow *registers; /* by key */
};

struct sim_host {
    struct host_id id;
    char address[ADDRESS_BYTES_MAX + 1];
    struct store *store;
    struct replica *replica; /* NULL: the process is down */
    uint32_t life;
    uint64_t incarnation; /* of its disk, written at its first start */
    bool is_lost;         /* its disk is gone, and there is no other yet */
    bool is_full;
    struct sim_clock clock;
    uint64_t paused_until_ns;
    uint64_t wake_ns; /* of the event that is scheduled; UINT64_MAX: none */
    struct job *first_job;
    struct job *last_job;
    unsigned waiting_count; /* requests */
    /* The batch that the disk is working on. */
    struct store_txn *txn;
    struct job *batch;
    uint64_t disk_min_ns;
    uint64_t disk_max_ns;
    struct nic nic;
    uint64_t busy_until_ns;        /* its processor */
    struct config_shadow *configs; /* by number; room for `config_room` */
    uint32_t config_room;
    uint32_t slot_max;  /* that was seen */
    uint32_t finalizer; /* the process that last told it of a finalized configuration; PROCESS_NONE */
    uint32_t finalizer_life;
    uint64_t touched[SIM_KEY_MAX / 64]; /* registers that commits since the last look may have changed, by requests */
    uint32_t final;                     /* the last finalized configuration that it knows; CONFIG_NONE */
};

/** Of its first disk. */
static inline uint64_t host_first_incarnation(uint32_t host_index)
{
    return 1 + host_index;
}

/** It is not up yet. */
void host_init(struct sim *sim, uint32_t host_index);
void host_fini(struct sim *sim, uint32_t host_index);
bool host_is_up(const struct sim *sim, uint32_t host_index);
void host_start(struct sim *sim, uint32_t host_index);
/** A host whose disk was lost is up again, with an empty one. */
void host_renew(struct sim *sim, uint32_t host_index);
/** kill -9: what was not committed is gone, or just made it. */
void host_crash(struct sim *sim, uint32_t host_index);
void host_receive(struct sim *sim, const struct transit *from, const struct packet *packet);
void host_wake(struct sim *sim, uint32_t host_index);
void host_commit(struct sim *sim, uint32_t host_index);
/** Its worker has moved something, which is to be made durable. Slices are copied. */
void host_note(struct sim *sim, uint32_t host_index, const struct request *note);
/** A configuration's register as it is committed; false if there is none. */
bool host_register(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                   struct stored_register *found);

/* ---------------------------------------------------------------- configurations */

/*
 * Known by numbers, in the order in which disks first showed them; c0 is 0. Most are in the sequence; others were
 * joined, and something else was decided.
 */
enum { CONFIG_NONE = UINT32_MAX, CONFIG_COUNT_MAX = 128 };

/** Members of a configuration that have accepted a successor under a ballot. */
struct votes {
    struct ballot ballot;
    uint32_t successor;
    struct voters voters;
};

struct sim_config {
    struct config config;
    struct slice descriptor; /* counted */
    uint8_t hosts[MEMBER_COUNT_MAX];
    uint64_t rotted; /* bits of hosts whose fragments may be */
    /* What disks have shown, whatever has become of them. */
    struct voters joined;
    struct voters linked;  /* they had a successor of it, pending or not */
    uint32_t slices_moved; /* into it, as workers said */
    uint32_t chosen;       /* its successor, by a majority of its members; CONFIG_NONE */
    bool is_finalized;     /* some host knows that it is */
    struct votes *votes;
    uint32_t votes_count;
    uint32_t votes_room;
};

/** All that is known of the shard's configurations, from disks alone. */
struct sequence {
    struct sim_config *configs[CONFIG_COUNT_MAX];
    uint32_t config_count;
    uint32_t numbers[CONFIG_COUNT_MAX]; /* by index: the successor of each that some host has shown */
    uint32_t count;
    uint32_t base; /* index of the last finalized one */
};

void sequence_init(struct sim *sim);
void sequence_fini(struct sequence *sequence);
/** The number of the configuration with this descriptor; CONFIG_NONE: it does not decode. */
uint32_t sequence_number(struct sim *sim, struct slice descriptor);
/** Whether a configuration with this reason, which is of one change alone, is in the sequence. */
bool sequence_has_reason(const struct sim *sim, const char *reason);
uint32_t sequence_find(const struct sim *sim, struct config_id id);
/** The position of a host among the members; -1 if it is none. */
int sequence_member(const struct sim_config *config, uint32_t host_index);
/** Whether a member has lost what it had as one, and must keep silent: its disk is gone, or is another one. */
bool sequence_has_forgotten(const struct sim *sim, uint32_t number, unsigned member_index);
/** Whether operations may still need it: no majority of its members knows that a later one is finalized, or none of
 * that one's members does. */
bool sequence_is_live(const struct sim *sim, uint32_t number);

/** Look at all of a host's disk (I1, I2, I4, I7, I9, I10), as it is committed. */
void watch_disk(struct sim *sim, uint32_t host_index);
/** A host has committed: the same, but for what can hardly have changed. */
void watch_commit(struct sim *sim, uint32_t host_index);
/** A host is about to say this, of what is in `txn`. Returns the configuration that the reply's `next` names. */
uint32_t watch_answer(struct sim *sim, uint32_t host_index, struct store_txn *txn, const struct request *request,
                      const struct reply *reply);
/** A host tells of a configuration: it must be the one of its index (I3). */
void watch_told(struct sim *sim, uint32_t host_index, uint32_t told);
/** A process takes this for the last finalized configuration, or for its pending successor (I3). */
void watch_known(struct sim *sim, uint32_t client_index, uint32_t number, bool is_finalized);
/** An operation is complete in the configuration of this index alone, which is pending. */
void watch_propagated(struct sim *sim, uint32_t index);
/** A host is about to release the reply to something about configurations, which must be on disk (I8, I9). */
void watch_config_reply(struct sim *sim, uint32_t host_index, const struct job_item *item);

/* ---------------------------------------------------------------- clients */

struct sim_client {
    struct client *engine; /* NULL: an agent whose host is down */
    struct worker *worker; /* an agent's */
    uint32_t life;
    struct sim_clock clock;
    uint64_t paused_until_ns;
    uint64_t wake_ns;
    unsigned peers_told;
    uint32_t peer_hosts[2 * SIM_HOST_MAX];
    uint32_t outstanding_count;
    uint64_t think_ns;               /* between operations, at most */
    struct nic nic;                  /* an agent's is its host's */
    struct tag written[SIM_KEY_MAX]; /* by the writes of this life that have ended: the last one's */
};

enum process_role process_role(const struct sim *sim, uint32_t client_index);
/** "c3", "r1", "s2" for the agent of s2. */
const char *process_name(const struct sim *sim, uint32_t client_index, char name[PROCESS_NAME_BYTES]);
/** A process is a client of the hosts with these addresses. */
void process_open(struct sim *sim, uint32_t client_index, const char *const *seeds, unsigned seed_count);
/** A client, or a reconfigurer. */
void process_start(struct sim *sim, uint32_t client_index);
/** The process dies; another takes its place. */
void process_crash(struct sim *sim, uint32_t client_index);
void process_receive(struct sim *sim, const struct transit *from, const struct packet *packet);
void process_wake(struct sim *sim, uint32_t client_index);
void process_connection(struct sim *sim, uint32_t client_index, uint32_t host_index, bool is_up);
/** Take all effects of the engine. */
void process_drain(struct sim *sim, uint32_t client_index);
uint64_t process_now(const struct sim *sim, uint32_t client_index);
/** An agent's is its host's. */
uint64_t process_paused_until(const struct sim *sim, uint32_t client_index);

/* ---------------------------------------------------------------- agents */

/** The process that is a host's agent; PROCESS_NONE: there are none in this run. */
uint32_t agent_of_host(const struct sim *sim, uint32_t host_index);
uint32_t agent_host(const struct sim *sim, uint32_t client_index);
/** It lives as long as its host's process. */
void agent_start(struct sim *sim, uint32_t host_index);
void agent_stop(struct sim *sim, uint32_t host_index);
/** The host's store has news for the worker. */
void agent_load(struct sim *sim, uint32_t host_index);
void agent_done(struct sim *sim, uint32_t client_index, struct client_done *done);
/** The worker does what it can do now. */
void agent_step(struct sim *sim, uint32_t client_index);

/* ---------------------------------------------------------------- reconfigurers */

/** An operation RECONFIGURE. */
struct sim_change {
    uint32_t client_index;
    uint32_t client_life;
    enum reconfigure_goal goal;
    uint32_t expected; /* CHANGE: the number of the configuration that it is made for */
    bool is_limited;   /* it has a deadline, or was canceled */
    bool has_ended;
    bool is_lost; /* its process died */
    struct config wanted;
    uint64_t wanted_hosts; /* bits */
    uint32_t floor;        /* index of the last configuration that a completed operation had found when it began */
    enum areg_error error;
    uint32_t base;    /* it has ended: the last finalized configuration that it found; CONFIG_NONE */
    uint32_t pending; /* and its successor */
    uint64_t engine_id;
    uint64_t start_ns;
    uint64_t end_ns;
};

/** A configuration to be, as hosts in their places. */
struct wish {
    struct code code;
    unsigned delta;
    unsigned count;
    uint32_t hosts[SIM_HOST_MAX];
};

struct change_request {
    enum reconfigure_goal goal;
    const struct wish *wish; /* CHANGE */
    const char *reason;      /* CHANGE; NULL: one is made up */
    uint32_t expected;       /* CHANGE: the number of the configuration that it is made for */
    uint64_t timeout_ns;     /* UINT64_MAX: none */
};

struct changes {
    struct sim_change **items;
    uint32_t count;
    uint32_t room;
    uint32_t open_count;
    uint32_t floor;
};

/** "r1.3": a reconfigurer in its third life, as the author of configurations. */
const char *reconfigurer_author(const struct sim *sim, uint32_t client_index, uint32_t life,
                                char author[HOST_ID_BYTES_MAX + 1]);
/** As fast as can be. Returns the index of the change. */
uint32_t reconfigurer_submit(struct sim *sim, uint32_t client_index, const struct change_request *request);
/** Somebody wants another configuration, or to know which there are. */
void reconfigurer_strike(struct sim *sim);
/** Finish what is pending, with a process that has just started; its index. */
uint32_t reconfigurer_finish(struct sim *sim);
/** Change the configuration to one whose hosts are all up; the index. */
uint32_t reconfigurer_change(struct sim *sim);
/** The same, to this code with these hosts in their places, as fast as can be. */
uint32_t reconfigurer_want(struct sim *sim, uint32_t client_index, struct code code, const uint32_t *hosts);
void reconfigurer_done(struct sim *sim, uint32_t client_index, const struct client_done *done);
void reconfigurer_died(struct sim *sim, uint32_t client_index);
/** Everything has healed: what still waits for a host that is gone is given up. */
void reconfigurer_heal(struct sim *sim);
void reconfigurer_fini(struct sim *sim);

/* ---------------------------------------------------------------- operations */

struct sim_op {
    uint32_t client_index;
    uint32_t client_life;
    enum client_op_kind kind;
    uint32_t key_index;
    bool has_base;
    bool has_after; /* LIST: not from the first key on */
    bool has_ended;
    bool is_lost;    /* its client died */
    bool is_limited; /* it has a deadline, or was canceled */
    struct tag base;
    struct tag tag;
    struct tag floor;    /* the largest tag of its key that had completed when it began */
    uint32_t base_index; /* of the last finalized configuration when it began */
    uint64_t value_digest;
    uint32_t value_bytes;
    enum areg_error error;
    uint64_t engine_id;
    uint64_t start_ns;
    uint64_t end_ns;
    uint32_t rounds;
};

struct sim_key {
    char text[16];
    uint32_t text_bytes;
    struct tag completed; /* the largest tag of an operation that has completed */
    uint64_t value_count;
    uint64_t sized_count[8]; /* values of so few bytes that there are not many different ones */
    uint64_t written_ns;     /* when the first put had completed; UINT64_MAX: none has */
    bool was_deleted;        /* by an operation that may have had an effect */
};

struct op_request {
    enum client_op_kind kind;
    uint32_t key_index;
    size_t value_bytes;
    struct slice value;  /* PUT: borrowed; empty: one of `value_bytes` is made up */
    uint64_t timeout_ns; /* UINT64_MAX: none */
    bool has_base;
    struct tag base;
    bool has_after;         /* LIST: only what comes after the key */
    uint32_t key_count_max; /* LIST: 0: as many as a page holds */
};

/** Told of every operation that ends. `done` is borrowed. */
typedef void done_fn(uint32_t op_index, const struct client_done *done, void *arg);

/** Who watches a study; NULL: nobody. */
struct listener {
    void (*on_event)(uint32_t what, uint32_t whom, void *arg);
    void (*on_request)(uint32_t client_index, const struct request *request, void *arg); /* leaves a process */
    void (*on_reply)(uint32_t client_index, const struct reply *reply, void *arg);       /* has come to one */
    void (*on_commit)(uint32_t host_index, void *arg);
    void *arg;
};

/** Returns the index of the operation. */
uint32_t workload_submit(struct sim *sim, uint32_t client_index, const struct op_request *request);
/** A client wants to begin an operation of its own choice. */
void workload_next(struct sim *sim, uint32_t client_index);
void workload_done(struct sim *sim, uint32_t client_index, const struct client_done *done);
void workload_cancel(struct sim *sim, uint32_t client_index, uint32_t op_index);
/** Its operations will never end. */
void workload_client_died(struct sim *sim, uint32_t client_index);
struct history_op workload_history_op(const struct sim_op *op, bool *is_wanted);

/* ---------------------------------------------------------------- invariants */

/** What a tag names, wherever it was seen. */
struct named {
    struct tag tag; /* zero: free */
    uint32_t key_index;
    uint32_t value_bytes;
    uint64_t value_digest;
    uint32_t flags;
    bool is_completed;
};

struct names {
    struct named *table;
    size_t count;
    size_t room; /* a power of two */
};

/** What the fragment of a value at one position is, for all codes that cut it alike; wherever it was seen. */
struct piece {
    struct tag tag; /* zero: free */
    uint32_t key_index;
    uint8_t k;
    uint8_t position; /* 0 for whole copies */
    uint32_t checksum;
};

struct pieces {
    struct piece *table;
    size_t count;
    size_t room; /* a power of two */
};

/** Something is broken: the run ends. Only the first is kept. */
void broken(struct sim *sim, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** A tag was seen to name this value (I6). */
struct named *watch_name(struct sim *sim, uint32_t key_index, const struct entry *entry);
/** What a client takes the cluster to be (I3). */
void watch_cluster(struct sim *sim, uint32_t client_index);
/** A register as it is on a host's disk now (I7, I8, I10); NULL: there is none. */
void watch_register(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                    const struct stored_register *found);
/** A host is about to say that it has this (I8). */
void watch_put_reply(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index, struct tag tag);
/** Members of a configuration that have a tag, or may have had it: listed, or covered by `trimmed`. */
struct voters watch_holders(struct sim *sim, uint32_t number, uint32_t key_index, struct tag tag);
/** Whether a quorum has this tag, or has a newer one. */
bool watch_has_arrived(struct sim *sim, uint32_t number, uint32_t key_index, struct tag tag);
/** An operation has ended, with an outcome that it can have had. */
void watch_outcome(struct sim *sim, const struct sim_op *op);
/** The writes of one client to one register take effect in the order in which they were begun. */
void watch_turn(struct sim *sim, const struct sim_op *op);
/** A covering write has ended. */
void watch_base(struct sim *sim, const struct sim_op *op);
/** An operation has ended with this tag (I5, I11). */
void watch_end(struct sim *sim, const struct sim_op *op);
void names_fini(struct names *names);
void pieces_fini(struct pieces *pieces);

/* ---------------------------------------------------------------- faults */

struct nemesis {
    uint32_t enabled;
    bool is_over;                  /* everything has healed */
    bool keeps_retired;            /* enough hosts of retired configurations stay to send on who comes late */
    bool keeps_quorums;            /* no configuration has more members down than it tolerates */
    unsigned down_max;             /* else so many */
    uint32_t victim;               /* the host whose disk is lost; it rots, too, */
    unsigned rot_max;              /* and so do the next ones: so many may */
    uint64_t pace_ns[FAULT_COUNT]; /* the mean time between two strikes */
};

void nemesis_init(struct sim *sim);
void nemesis_strike(struct sim *sim, enum fault fault);
void nemesis_repair(struct sim *sim, enum fault fault, uint32_t whom, uint32_t what);
/** Everything is well again, but for as many hosts as may be down for good. */
void nemesis_heal(struct sim *sim);
bool fault_is_on(const struct sim *sim, enum fault fault);

/* ---------------------------------------------------------------- trace */

enum trace_kind {
    TRACE_SUBMIT,    /* client, operation */
    TRACE_DONE,      /* client, operation, outcome */
    TRACE_SEND,      /* packet leaves */
    TRACE_DROP,      /* packet is lost, or arrives nowhere */
    TRACE_ARRIVE,    /* packet arrives */
    TRACE_COMMIT,    /* host, messages in it, outcome */
    TRACE_FAULT,     /* class, whom */
    TRACE_REPAIR,    /* class, whom */
    TRACE_HOST_UP,   /* host */
    TRACE_HOST_DOWN, /* host */
    TRACE_CLIENT_UP, /* client, life */
    TRACE_BROKEN,
    TRACE_DECIDED,   /* index, number */
    TRACE_FINALIZED, /* index, number, the first host that knows it, who told it */
    TRACE_CHANGE,    /* process, change, goal */
    TRACE_CHANGED,   /* process, change, outcome */
    TRACE_MOVED,     /* host, number, slices */
};

/** a, b, c and d mean what trace.c makes of them for this kind. */
void trace(struct sim *sim, enum trace_kind kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* ---------------------------------------------------------------- the world */

struct sim {
    struct sim_options options;
    struct sim_report *report;
    struct random_source random;
    uint64_t now_ns;
    struct events events;
    uint64_t moved_count;        /* events whose time was changed */
    uint32_t moment_event_count; /* at `now_ns`, so far */
    struct weather weather;
    struct capacity capacity;
    struct nemesis nemesis;
    struct cluster cluster;
    struct sequence sequence;
    uint32_t host_count; /* of genesis, and spares */
    unsigned queue_max;
    bool is_submitting; /* clients begin new operations */
    struct sim_host hosts[SIM_HOST_MAX];
    uint32_t process_count;
    struct sim_client clients[PROCESS_MAX];
    struct changes changes;
    struct sim_link *links; /* by process, then host */
    struct sim_key keys[SIM_KEY_MAX];
    struct sim_op *ops;
    uint32_t op_count;
    uint32_t op_room;
    uint32_t open_op_count;
    struct names names;
    struct pieces pieces;
    struct packet_writer *writers[SIM_HOST_MAX]; /* scratch, one for each host */
    struct packet_writer *reply_writer;
    uint64_t digest;
    bool is_broken;
    /* If somebody decides what becomes of messages; each travels alone then. */
    hold_fn *holds;
    void *holds_arg;
    struct transit **held;
    size_t held_count;
    size_t held_room;
    done_fn *on_done; /* NULL: nobody listens */
    void *on_done_arg;
    const struct listener *listener;
};

/** Draws what is not given. */
struct sim *sim_create(const struct sim_options *options, struct sim_report *report);
void sim_destroy(struct sim *sim);
/** Deal with the next event; false if there is none, or it is later than `until_ns`. */
bool sim_step(struct sim *sim, uint64_t until_ns);
/** Both judges look at what has happened so far. */
void sim_judge(struct sim *sim);
/** To the options' file. */
void sim_print_history(const struct sim *sim);
void sim_push(struct sim *sim, uint64_t due_ns, struct event event);
/** What is due later than that is due then, in its order. */
void sim_hasten(struct sim *sim, uint64_t latest_ns);

/** Uniform in [low, high]. */
uint64_t draw_between(struct sim *sim, uint64_t low, uint64_t high);
/** Exponential, but never more than twenty times the mean. */
uint64_t draw_exponential(struct sim *sim, uint64_t mean);
/** Log-uniform in [low, high]. */
uint64_t draw_scale(struct sim *sim, uint64_t low, uint64_t high);
bool draw_chance(struct sim *sim, unsigned permyriad);
/** One of those that runs are about. */
struct code draw_code(struct sim *sim);

#endif
