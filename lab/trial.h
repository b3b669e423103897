/*
 * A trial: one cluster, one load on it, and what happens to it meanwhile. It is what one point of an experiment
 * measures once, either with real processes on this machine (trial_local.c) or in the simulator (trial_sim.c); both are
 * told the same and answer in the same terms.
 */
#ifndef LAB_TRIAL_H
#define LAB_TRIAL_H

#include "core/config.h"
#include "lab/histogram.h"
#include "lab/load.h"
#include "lab/scale.h"

enum {
    TRIAL_EVENT_MAX = 32,
    TRIAL_WORDS_BYTES = 256,
    TRIAL_WINDOW_MAX = 6000,
    TRIAL_WHY_BYTES = 512,
    TRIAL_NOTE_BYTES = 160,
    TRIAL_NAME_BYTES = 32,
    TRIAL_HOST_MAX = 64,
};

enum trial_backend { TRIAL_LOCAL, TRIAL_SIM };

enum trial_event_kind {
    TRIAL_KILL,        /* kill -9 */
    TRIAL_START,       /* a host that was killed */
    TRIAL_PAUSE,       /* SIGSTOP */
    TRIAL_RESUME,      /* SIGCONT */
    TRIAL_RECONFIGURE, /* `words` are those of areg-reconfig apply: "recode rs:5,3" */
};

struct trial_event {
    uint64_t at_ns; /* since the load began */
    enum trial_event_kind kind;
    char host[HOST_ID_BYTES_MAX + 1];
    char words[TRIAL_WORDS_BYTES];
};

struct trial {
    enum trial_backend backend;
    uint64_t seed;

    struct code code;
    unsigned delta;
    unsigned host_count;            /* members first, all others are spare: s1, s2, ... */
    bool syncs;                     /* to disk, before a host answers */
    uint64_t delay_min_ns;          /* of a message, one way, beyond what the machine takes */
    uint64_t delay_max_ns;          /* simulator: exactly these; both 0: STUDY_DELAY_* of sim/study.h */
    uint64_t bandwidth_bytes_per_s; /* of each host, each way; 0: without limit */
    uint64_t processing_ns;         /* simulator only: of a host, for each request; 0: processors take no time */

    unsigned reader_count; /* clients that only read */
    unsigned writer_count; /* clients that only write */
    unsigned mixed_count;  /* clients that do both, `read_percent` reads */
    unsigned read_percent;
    unsigned depth;
    uint64_t key_count;
    size_t value_bytes;
    char distribution[TRIAL_NAME_BYTES]; /* as for --dist */
    uint64_t rate_hz;                    /* 0: closed loop */
    uint64_t duration_ns;
    uint64_t op_count_max; /* UINT64_MAX: no limit */

    char switched_off[TRIAL_NAME_BYTES]; /* an optimisation, by its name in sim/study.h; "": none. Simulator only */
    unsigned event_count;
    struct trial_event events[TRIAL_EVENT_MAX];
    const char *history_path; /* NULL: none is kept */
    const char *dir;          /* where hosts may keep what they have; the caller removes it */

    struct scale_options scale; /* of experiments that are about larger clusters: instead of all of the above */
};

/** What has happened in one `window_ns` of a trial. */
struct trial_window {
    uint64_t op_counts[LOAD_KIND_COUNT];
    uint64_t failed_counts[LOAD_KIND_COUNT]; /* of unknown outcome, too */
    uint64_t p50_ns[LOAD_KIND_COUNT];
    uint64_t p99_ns[LOAD_KIND_COUNT];
};

/** When an event began, and when it was over. */
struct trial_note {
    uint64_t begin_ns;
    uint64_t end_ns;
    bool has_failed; /* or was never begun */
    char text[TRIAL_NOTE_BYTES];
};

/** What it came to; NAN is what this backend can not tell. Ratios are in units of the value. */
struct measurement {
    double seconds;
    struct load_tally kinds[LOAD_KIND_COUNT]; /* of all, from when they were due */
    double rounds[LOAD_KIND_COUNT];           /* for each operation */
    double sent_values[LOAD_KIND_COUNT];      /* by clients, for each operation */
    double received_values[LOAD_KIND_COUNT];  /* by clients, for each operation */
    double stored_values_max;                 /* of all hosts together, for each value, at its most while loaded */
    double stored_values_rest;                /* at rest afterwards */
    double moved_values;                      /* by changes of configuration over the network, for each value */
    double packets_per_op;
    double overhead_bytes_per_op;
    double client_cpu_us_per_op;
    double hosts_cpu_us_per_op;
    uint64_t configuration_max; /* index of the last one */

    uint64_t window_ns;
    unsigned window_count;
    struct trial_window *windows; /* freed by measurement_fini() */
    unsigned note_count;
    struct trial_note notes[2 * TRIAL_EVENT_MAX];
};

/**
 * Do it. A trial in the simulator comes to the same measurement, bit for bit, whenever the seed and all else are the
 * same. `result` is overwritten; measurement_fini() it even after an error.
 *
 * @interrupt_fd  When it becomes readable, give up with AREG_ECANCELED; -1: none.
 * Returns        AREG_EINVAL (it can not be done as it is described), AREG_EUNAVAIL, AREG_EIO, AREG_ECANCELED,
 * AREG_ECORRUPT (the simulator found an invariant broken); `why` says more. An operation that fails is part of the
 * measurement, not an error.
 */
enum areg_error trial_run_local(const struct trial *trial, int interrupt_fd, struct measurement *result,
                                char why[TRIAL_WHY_BYTES]) MUST_USE;
enum areg_error trial_run_sim(const struct trial *trial, int interrupt_fd, struct measurement *result,
                              char why[TRIAL_WHY_BYTES]) MUST_USE;
void measurement_fini(struct measurement *result);

#endif
