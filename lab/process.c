#include "lab/process.h"

#include "core/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What /proc/PID/stat says. */
struct process_stat {
    char state; /* of its first thread: 'R', 'S', 'T', 'Z', ... */
    uint64_t thread_count;
    uint64_t started_ticks;
};

static bool read_file(const char *path, char *to, size_t room_bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t bytes = read(fd, to, room_bytes - 1);
    close(fd);
    to[bytes > 0 ? bytes : 0] = 0;
    return bytes > 0;
}

static bool read_stat(pid_t pid, struct process_stat *stat)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (pid <= 0 || !read_file(path, text, sizeof text))
        return false;
    /* The second field is the program's name in brackets, and may hold anything, brackets too. */
    const char *after_name = strrchr(text, ')');
    if (!after_name)
        return false;
    unsigned long long thread_count;
    unsigned long long started_ticks;
    const int fields =
        sscanf(after_name + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %llu",
               &stat->state, &thread_count, &started_ticks);
    stat->thread_count = thread_count;
    stat->started_ticks = started_ticks;
    return fields == 3;
}

void process_boot_id(char boot_id[BOOT_ID_BYTES])
{
    if (!read_file("/proc/sys/kernel/random/boot_id", boot_id, BOOT_ID_BYTES))
        boot_id[0] = 0;
}

enum process_state process_state(struct process process)
{
    struct process_stat stat;
    if (!read_stat(process.pid, &stat) || stat.started_ticks != process.started_ticks)
        return PROCESS_GONE;
    /* A process that is killed loses its first thread first; its files are held until the last one has gone. */
    if ((stat.state == 'Z' || stat.state == 'X') && stat.thread_count <= 1)
        return PROCESS_GONE;
    return stat.state == 'T' ? PROCESS_PAUSED : PROCESS_RUNNING;
}

bool process_is_there(struct process process)
{
    return process_state(process) != PROCESS_GONE;
}

uint64_t process_cpu_ns(struct process process)
{
    clockid_t clock;
    struct timespec used;
    if (!process_is_there(process) || clock_getcpuclockid(process.pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* A descriptor of exactly this process: what is opened first and compared afterwards can not become another one. */
static int open_process(struct process process)
{
    if (process.pid <= 0)
        return -1;
    const int fd = pidfd_open(process.pid, 0);
    if (fd >= 0 && !process_is_there(process)) {
        close(fd);
        return -1;
    }
    return fd;
}

enum areg_error process_signal(struct process process, int signal_number)
{
    const int fd = open_process(process);
    if (fd < 0)
        return AREG_ENOTFOUND;
    const int failed = pidfd_send_signal(fd, signal_number, NULL, 0);
    const int cause = errno;
    close(fd);
    if (!failed)
        return AREG_OK;
    return cause == ESRCH ? AREG_ENOTFOUND : AREG_EIO;
}

/* A child of ours stays a zombie until it is waited for; of other processes this changes nothing. */
static void reap(struct process process)
{
    if (process.pid > 0)
        waitpid(process.pid, NULL, WNOHANG);
}

bool process_await_end(struct process process, uint32_t wait_ms)
{
    const int fd = open_process(process);
    bool has_ended = fd < 0;
    if (fd >= 0) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        has_ended = poll(&poll_fd, 1, (int)wait_ms) == 1 || !process_is_there(process);
        close(fd);
    }
    if (has_ended)
        reap(process);
    return has_ended;
}

enum areg_error process_ask_to_end(struct process process)
{
    const enum areg_error error = process_signal(process, SIGTERM);
    /* A paused process would look at its SIGTERM only when it goes on. */
    return error ? error : process_signal(process, SIGCONT);
}

/* Runs in the new process, and only what is safe after a fork(). */
_Noreturn static void become(char *const argv[], enum process_bond bond, pid_t parent, int log_fd, int ready_fd)
{
    if (bond == PROCESS_ENDS_WITH_US)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (bond == PROCESS_ENDS_WITH_US && getppid() != parent)
        _exit(127); /* we had ended before that */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    const int empty_fd = open("/dev/null", O_RDONLY);
    if (empty_fd < 0 || dup2(empty_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0)
        _exit(127);
    if (ready_fd == PROCESS_READY_FD ? fcntl(ready_fd, F_SETFD, 0) < 0 : dup2(ready_fd, PROCESS_READY_FD) < 0)
        _exit(127);
    close_range(PROCESS_READY_FD + 1, ~0U, 0);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

enum areg_error process_spawn(char *const argv[], const char *log_path, enum process_bond bond, struct process *process,
                              int *ready_fd)
{
    *process = (struct process){0};
    int pipe_fds[2];
    const int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0)
        return AREG_EIO;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        close(log_fd);
        return AREG_EIO;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        become(argv, bond, parent, log_fd, pipe_fds[1]);
    const int cause = errno;
    close(log_fd);
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        errno = cause;
        return AREG_EIO;
    }
    /* It is our child and not waited for: its entry in /proc is there even if it has ended already. */
    struct process_stat stat = {0};
    CHECK(read_stat(pid, &stat));
    *process = (struct process){.pid = pid, .started_ticks = stat.started_ticks};
    *ready_fd = pipe_fds[0];
    return AREG_OK;
}
