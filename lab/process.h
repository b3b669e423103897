/*
 * Processes that outlive the program that started them.
 *
 * A pid alone names nothing: the kernel uses it again. A process is named here by its pid and the time at which it
 * started; no signal is ever sent to one that does not match both, and none is ever looked up by its name.
 */
#ifndef LAB_PROCESS_H
#define LAB_PROCESS_H

#include "core/error.h"

#include <sys/types.h>

struct process {
    pid_t pid;              /* 0: none */
    uint64_t started_ticks; /* since boot */
};

enum { BOOT_ID_BYTES = 37 };
/** The running kernel's boot, as text: pids and start times of another boot mean nothing. "" if it is unknown. */
void process_boot_id(char boot_id[BOOT_ID_BYTES]);

enum process_state {
    PROCESS_GONE, /* or a zombie */
    PROCESS_RUNNING,
    PROCESS_PAUSED, /* by SIGSTOP */
};
enum process_state process_state(struct process process);
/** Whether it is there, running or paused. */
bool process_is_there(struct process process);
/** The CPU that it has used, user and system; 0 if it is gone. */
uint64_t process_cpu_ns(struct process process);

/** Send a signal; AREG_ENOTFOUND if it is gone, AREG_EIO if it is another user's. */
enum areg_error process_signal(struct process process, int signal_number) MUST_USE;
/** Wait until it has ended; false if it has not, after `wait_ms`. */
bool process_await_end(struct process process, uint32_t wait_ms);
/** Ask it to end, also if it is paused: SIGTERM. It is not waited for. */
enum areg_error process_ask_to_end(struct process process) MUST_USE;

/** The descriptor that a process started here finds its ready pipe at. */
enum { PROCESS_READY_FD = 3 };

/** Whether a process goes on when the one that started it has ended. */
enum process_bond {
    PROCESS_STAYS,
    PROCESS_ENDS_WITH_US, /* it is killed, however we end: when the thread that started it has gone */
};

/**
 * Start a process in a session of its own: stdin is empty, stdout and stderr are appended to `log_path`.
 *
 * @argv      argv[0] is the path of the program.
 * @ready_fd  Becomes the reading end of a pipe whose writing end is PROCESS_READY_FD in the new process; the caller
 *            closes it. It reads as at its end when the process has closed it, or ended.
 * Returns    AREG_EIO, with errno set.
 */
enum areg_error process_spawn(char *const argv[], const char *log_path, enum process_bond bond, struct process *process,
                              int *ready_fd) MUST_USE;

#endif
