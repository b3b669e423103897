/*
 * A study: one measured run in the simulator, for researchers. The engines are those of aregd and libareg; what they
 * are put into is a model with few numbers: delays, bandwidth, disks, processors. Nothing fails by itself; hosts die,
 * stop and come back, and configurations change, when the options say so. All invariants are checked as in any other
 * run, and the history is judged at the end.
 *
 * The same options come to the same figures, bit for bit. Chance has two sources, both of the seed: what clients choose
 * depends on the client alone, so that studies that differ in anything else see the same operations.
 *
 * A run: everybody connects, and hosts register; every register is written once; all is quiet; then the load begins,
 * which is what is measured; when it has ended, and all that was to happen has happened, all is quiet again.
 */
#ifndef SIM_STUDY_H
#define SIM_STUDY_H

#include "client/client.h"
#include "core/ablation.h"
#include "core/config.h"
#include "core/random.h"

#include <stdio.h>

enum {
    STUDY_EVENT_MAX = 32,
    STUDY_WORDS_BYTES = 256,
    STUDY_WHY_BYTES = 512,
    STUDY_HOST_MAX = 64,
    STUDY_CLIENT_MAX = 256,
    STUDY_DEPTH_MAX = 64,
    STUDY_KEY_MAX = 1024,
};

/*
 * What the model takes, unless said otherwise: of the machine and the libraries that areg was measured with. They are
 * orders of magnitude; whoever wants to compare with a machine measures that one.
 */
#define STUDY_DELAY_MIN_NS                                                                                             \
    UINT64_C(50000) /* one way, between two machines of one rack: 0.1 to 0.2 ms there and back                         \
                     */
#define STUDY_DELAY_MAX_NS UINT64_C(100000)
#define STUDY_BANDWIDTH_BYTES_PER_S UINT64_C(1250000000) /* 10 Gbit/s */
#define STUDY_COMMIT_MIN_NS UINT64_C(220000)             /* two flushes of 110 to 180 us */
#define STUDY_COMMIT_MAX_NS UINT64_C(360000)
#define STUDY_DISK_BYTES_PER_S UINT64_C(1000000000) /* what a commit of 340 KiB takes longer than one of 100 bytes */
#define STUDY_PROCESSING_NS UINT64_C(5000) /* with many messages in a packet 2 us, with one of them 10 us of a core */

/* ---------------------------------------------------------------- events */

enum study_event_kind {
    STUDY_KILL,        /* kill -9 */
    STUDY_START,       /* a host that was killed */
    STUDY_PAUSE,       /* SIGSTOP */
    STUDY_RESUME,      /* SIGCONT */
    STUDY_RECONFIGURE, /* `words` are those of areg-reconfig apply; hosts need no addresses: "replace s2 s6 delta 4" */
};

struct study_event {
    uint64_t at_ns; /* since the load began */
    enum study_event_kind kind;
    unsigned host; /* s1 is 0; but for RECONFIGURE */
    char words[STUDY_WORDS_BYTES];
};

/** What became of an event. */
struct study_outcome {
    uint64_t begin_ns; /* since the load began */
    uint64_t end_ns;   /* RECONFIGURE: when all has been moved, and the new configuration is finalized */
    enum areg_error error;
    char why[STUDY_WHY_BYTES];
};

/* ---------------------------------------------------------------- operations */

enum study_arrivals {
    STUDY_FIXED,   /* one after the other, at equal distances */
    STUDY_POISSON, /* at exponential ones */
};

/** An operation that has ended, or that was due and could not begin before the end (AREG_EBUSY). */
struct study_op {
    enum client_op_kind kind; /* CLIENT_GET, CLIENT_PUT */
    unsigned client;
    uint64_t key_index;
    uint64_t due_ns; /* since the load began, as all times here; closed loop: = start_ns */
    uint64_t start_ns;
    uint64_t end_ns;
    enum areg_error error;
    unsigned rounds;
    unsigned lambda;             /* configurations that it has asked for data, but for the first */
    bool wrote_back;             /* a read in two rounds */
    uint64_t payload_bytes_sent; /* by the client, for it: fragments and copies */
    uint64_t payload_bytes_received;
};

/** A number below `key_count`; `turn` is how many have been chosen before. */
typedef uint64_t study_key_fn(uint64_t turn, struct random_source *random, void *arg);
typedef void study_op_fn(const struct study_op *op, void *arg);

/* ---------------------------------------------------------------- options */

struct study_options {
    uint64_t seed;
    struct code code;
    unsigned delta;
    unsigned host_count; /* members first, all others are spare: s1, s2, ...; at least code.n */

    /* Clients: first those that only read, then those that only write, then those that do both. */
    unsigned reader_count;
    unsigned writer_count;
    unsigned mixed_count;
    unsigned read_percent; /* of mixed clients */
    unsigned depth;        /* operations that each may have under way */
    unsigned key_count;
    size_t value_bytes;
    uint64_t timeout_ns; /* of an operation */
    uint64_t rate_hz;    /* open loop: operations of all clients together; 0: closed loop */
    enum study_arrivals arrivals;
    uint64_t duration_ns;  /* no operation begins later; UINT64_MAX: no limit */
    uint64_t op_count_max; /* UINT64_MAX: no limit */

    /* The network. A packet is header and payloads as on the wire; its first bit takes the delay, and it occupies what
     * its sender sends with, and what its receiver receives with, for its bytes, in order of arrival. A host and its
     * worker share theirs. */
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;                 /* uniform in between; packets of one connection stay in order */
    uint64_t host_bandwidth_bytes_per_s;   /* each way; 0: without limit */
    uint64_t client_bandwidth_bytes_per_s; /* each way, of each client; 0: without limit */
    /* Hosts: one commit at a time, of all that waits; one message at a time. */
    uint64_t commit_min_ns; /* uniform in between */
    uint64_t commit_max_ns;
    uint64_t disk_bytes_per_s; /* and for what is written; 0: without limit */
    uint64_t processing_ns;    /* of each request, before it is answered or waits for a commit */

    unsigned switched_off; /* bits of enum ablation */

    unsigned event_count;
    struct study_event events[STUDY_EVENT_MAX];

    /* All optional. */
    study_key_fn *choose_key; /* NULL: uniform */
    void *choose_key_arg;
    study_op_fn *on_op; /* in the order in which they end */
    void *on_op_arg;
    bool (*is_canceled)(void *arg); /* asked now and then, in real time */
    void *is_canceled_arg;
    FILE *history; /* what the checkers read */
};

/** All that is not about the cluster or the load, as above; a timeout of 10 s. */
void study_defaults(struct study_options *options);
/** AREG_EINVAL and a sentence, if it can not be done as it is described. */
enum areg_error study_check(const struct study_options *options, char why[STUDY_WHY_BYTES]) MUST_USE;

/* ---------------------------------------------------------------- results */

struct study_report {
    /* "" if all is well; else what is broken, by its name in docs/simulator.md. The figures are worthless then. */
    char broken[40];
    char why[STUDY_WHY_BYTES];
    bool is_canceled;
    uint64_t digest; /* of the whole run, event by event */
    uint64_t event_count;

    /* Of the load alone. */
    uint64_t load_ns; /* until the last operation has ended */
    uint64_t op_count;
    uint64_t packet_count;          /* over the network, of whomever */
    uint64_t header_bytes;          /* of these packets: all but values */
    uint64_t payload_bytes;         /* and the values */
    uint64_t late_payload_bytes[2]; /* that came for reads, and for writes, when these had ended */
    uint64_t stored_bytes_max;      /* fragments, of all hosts together, at any moment */

    /* At the end. */
    uint64_t stored_bytes_rest; /* fragments, of all hosts together */
    uint64_t moved_bytes;       /* fragments that came or went over the network for changes of configuration */
    uint64_t moved_count;       /* registers */
    uint64_t admin_bytes;       /* fragments that went through the machine of who changes configurations */
    uint32_t configuration;     /* index of the last finalized one */
    struct study_outcome outcomes[STUDY_EVENT_MAX]; /* of the events */
};

/* ---------------------------------------------------------------- ablations */

/** "confirm". */
const char *ablation_name(enum ablation ablation);
/** What is done instead. */
const char *ablation_sentence(enum ablation ablation);
/** The bits of a name; of "all"; "none" and "": no bits. AREG_EINVAL: there is none of this name. */
enum areg_error ablation_parse(const char *text, unsigned *switched_off) MUST_USE;
/** In all simulations of this process from now on; study_run() does it for its own. */
void ablation_set(unsigned switched_off);

/* ---------------------------------------------------------------- the run */

/** study_check() has passed. Fails a CHECK without memory. */
void study_run(const struct study_options *options, struct study_report *report);

#endif
