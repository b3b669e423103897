"""
Clusters of real processes for the tests in this folder.

Every test uses clusters of its own, on ports that were free, below the build tree, and bounds every wait. Nothing is
left running, whatever becomes of the test: a guard process ends the cluster when the test's own process is gone, and
programs that a test runs end with it.

Environment, set by CTest:
    AREG_BIN_DIR         where the programs are
    AREG_WORK_DIR        where directories of clusters are made
    AREG_TEST_SECONDS    how long tests put load on a cluster, instead of their own short times
    AREG_TEST_REGISTERS  how many registers test_reconfiguration_size.py moves, instead of its own few

AREG_SEED, if it is set, is what random choices of tests are made from; they print it.
"""

import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN_DIR = pathlib.Path(os.environ.get("AREG_BIN_DIR", pathlib.Path(__file__).parents[2] / "build/dev/bin"))
WORK_DIR = pathlib.Path(os.environ.get("AREG_WORK_DIR", tempfile.gettempdir()))

COMMAND_SECONDS_MAX = 30  # for one command, unless its test says otherwise


def load_seconds(default):
    """How long to put load on a cluster: the test's own time, or AREG_TEST_SECONDS."""
    return float(os.environ.get("AREG_TEST_SECONDS", default))


def seeded_random():
    """Random choices that can be made again: AREG_SEED, which is printed."""
    seed = int(os.environ.get("AREG_SEED", random.getrandbits(32)))
    print(f"AREG_SEED={seed}", file=sys.stderr)
    return random.Random(seed)


def program(name):
    return str(BIN_DIR / name)


_LIBC = ctypes.CDLL(None)


def _end_with_parent(signal_number=signal.SIGTERM):
    pr_set_pdeathsig = 1
    _LIBC.prctl(pr_set_pdeathsig, signal_number)


def environment(seeds=None):
    """This process's, without what would lead programs to another cluster."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AREG_")}
    if seeds:
        variables["AREG_SEEDS"] = seeds
    return variables


def run(arguments, seeds=None, stdin=b"", seconds_max=COMMAND_SECONDS_MAX, cwd=None):
    """Run a program to its end; the result has returncode, stdout and stderr (bytes). Too slow is an error."""
    return subprocess.run(
        arguments,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(seeds),
        timeout=seconds_max,
        cwd=cwd,
        preexec_fn=_end_with_parent,
    )


def start(arguments, seeds=None):
    """Start a program that ends with this process; its output is read with communicate()."""
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(seeds),
        preexec_fn=_end_with_parent,
    )


def must(result):
    """The same result, if the program has succeeded."""
    if result.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, result.args))}: exit {result.returncode}\n"
            f"{result.stdout.decode(errors='replace')[-2000:]}{result.stderr.decode(errors='replace')[-4000:]}"
        )
    return result


def finish(process, seconds_max):
    """The result of a program that was started; too slow is an error."""
    try:
        stdout, stderr = process.communicate(timeout=seconds_max)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def wait_until(claim, seconds_max, what):
    """Poll until claim() is true."""
    deadline = time.monotonic() + seconds_max
    while not claim():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds_max} s: {what}")
        time.sleep(0.02)


def wait_for_progress(history, kinds=("read", "write"), seconds_max=20):
    """Wait until an operation has succeeded that began from now on."""
    now_ns = time.monotonic_ns()
    wait_until(history.exists, seconds_max, f"{history} is written")
    with open(history, "rb") as file:
        file.seek(0, os.SEEK_END)
        line = b""
        is_whole = False  # the end may be amid a line

        def has_progressed():
            nonlocal line, is_whole
            while text := file.readline():
                line += text
                if not line.endswith(b"\n"):
                    continue
                operation = json.loads(line) if is_whole else {"status": "unknown"}
                line, is_whole = b"", True
                is_new = operation["status"] == "ok" and operation["start_ns"] > now_ns
                if is_new and operation["op"] in kinds:
                    return True
            return False

        wait_until(has_progressed, seconds_max, "an operation that succeeds")


def free_port():
    """A port of 127.0.0.1 that nobody listens on, outside of the range from which connections get theirs."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(10000, max(low, 11000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port on 127.0.0.1")


class Workspace:
    """A directory below the build tree, kept only when the test in it has failed."""

    def __init__(self, name):
        WORK_DIR.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=WORK_DIR))

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, traceback):
        if error_type is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print(f"what is left of it: {self.dir}", file=sys.stderr)


class Cluster(Workspace):
    """A cluster that areg-lab runs. Use it in a with statement."""

    def __init__(self, hosts=5, code="rs:5,3", name="cluster", **options):
        """options: delta, shards, sync, as areg-lab up takes them."""
        super().__init__(name)
        self.ids = [f"s{i + 1}" for i in range(hosts)]
        self._up = [program("areg-lab"), "up", "--json", "-n", str(hosts), "--code", code, "--dir", str(self.dir)]
        for option, value in options.items():
            self._up += [f"--{option}", str(value)]
        self._children = []
        self._guard = None

    def __enter__(self):
        # When this process ends, however it does, the guard reads the end of its input.
        down = '"$0" down -q --dir "$1"'
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", f"cat >/dev/null; {down} || {{ sleep 1; {down}; }}", program("areg-lab"), str(self.dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            document = json.loads(must(run(self._up)).stdout)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.seeds = document["seeds"]
        self.addresses = {host["id"]: host["address"] for host in document["hosts"]}
        return self

    def __exit__(self, error_type, error, traceback):
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        self._guard.stdin.close()
        self._guard.wait(timeout=COMMAND_SECONDS_MAX)
        super().__exit__(error_type, error, traceback)

    # Accidents. Each waits until it has happened; hosts are given by their ids, none means all.

    def _act(self, action, ids):
        must(run([program("areg-lab"), "host", ",".join(ids) or "all", action, "--dir", str(self.dir)]))

    def kill(self, *ids):
        """SIGKILL."""
        self._act("kill", ids)

    def stop(self, *ids):
        """SIGTERM."""
        self._act("stop", ids)

    def start_hosts(self, *ids):
        """Start them again with their data; returns when they are ready."""
        self._act("start", ids)

    def pause(self, *ids):
        """SIGSTOP."""
        self._act("pause", ids)

    def resume(self, *ids):
        """SIGCONT."""
        self._act("resume", ids)

    def add_hosts(self, *ids):
        """Start hosts that genesis does not name; returns the words that areg-reconfig takes them by."""
        added = must(run([program("areg-lab"), "host", ",".join(ids), "add", "--dir", str(self.dir)]))
        words = added.stdout.decode().split()
        self.addresses |= dict(word.split("@") for word in words)
        return words

    def hosts(self):
        """What areg-lab says of the processes: id -> state, pid, address."""
        listed = json.loads(must(run([program("areg-lab"), "host", "--json", "--dir", str(self.dir)])).stdout)
        return {host["id"]: host for host in listed["hosts"]}

    def log(self, host):
        """What a host has said."""
        return (self.dir / f"{host}.log").read_text(errors="replace")

    # Programs.

    def areg(self, *arguments, stdin=b"", seconds_max=COMMAND_SECONDS_MAX):
        """Run areg on this cluster."""
        return run([program("areg"), *map(str, arguments)], self.seeds, stdin, seconds_max)

    def areg_begin(self, *arguments):
        """Run it in the background; see finish()."""
        return self._begin([program("areg"), *map(str, arguments)])

    def _begin(self, arguments):
        child = start(arguments, self.seeds)
        self._children.append(child)
        return child

    def status(self):
        """What every host says of itself: id -> the host's row of `areg ping --json`."""
        document = json.loads(must(self.areg("ping", "--json")).stdout)
        return {host["id"]: host for host in document["hosts"]}

    def own_status(self, host):
        """A host's status as it logs it when it is told to: whether it is a member of anything or not."""
        status = None
        said_bytes = len(self.log(host))
        os.kill(self.hosts()[host]["pid"], signal.SIGUSR1)

        def is_said():
            nonlocal status
            for line in self.log(host)[said_bytes:].splitlines(keepends=True):
                if " status {" in line and line.endswith("\n"):
                    status = json.loads(line.split(" status ", 1)[1])
            return status is not None

        wait_until(is_said, 10, f"the status of {host}")
        return status

    def _reconfig(self, arguments):
        return [program("areg-reconfig"), *map(str, arguments), "--plans", str(self.dir / "plans")]

    def reconfig(self, *arguments, seconds_max=2 * COMMAND_SECONDS_MAX):
        """Run areg-reconfig on this cluster."""
        return run(self._reconfig(arguments), self.seeds, seconds_max=seconds_max)

    def reconfig_begin(self, *arguments):
        """Run it in the background; see finish()."""
        return self._begin(self._reconfig(arguments))

    def reconfig_elsewhere(self, seeds, *arguments, seconds_max=2 * COMMAND_SECONDS_MAX):
        """Run areg-reconfig as on a machine that has never seen this cluster, and is told other seeds."""
        with tempfile.TemporaryDirectory(dir=self.dir) as machine:
            flags = ["--plans", f"{machine}/plans", "--seeds", ",".join(seeds)]
            return run([program("areg-reconfig"), *map(str, arguments), *flags], seconds_max=seconds_max, cwd=machine)

    def shard(self):
        """The one shard of the cluster, as areg-reconfig status --json describes it."""
        result = self.reconfig("status", "--json")
        assert result.stdout, result.stderr
        (shard,) = json.loads(result.stdout)["shards"]
        return shard

    def members(self):
        """The ids of its members, in order."""
        return [member["id"] for member in self.shard()["config"]["members"]]

    def _bench(self, arguments):
        return [program("areg-lab"), "bench", "--json", "--seeds", self.seeds, *map(str, arguments)]

    def bench(self, *arguments, seconds_max=120):
        """Run areg-lab bench to its end; returns its document."""
        return json.loads(must(run(self._bench(arguments), seconds_max=seconds_max)).stdout)

    def bench_begin(self, *arguments):
        """Run areg-lab bench in the background; see bench_end()."""
        return self._begin(self._bench(arguments))

    def bench_end(self, child, seconds_max=120):
        """Let it begin no more operations; returns its document. SIGTERM is how one asks it to end early."""
        child.send_signal(signal.SIGTERM)
        return json.loads(must(finish(child, seconds_max)).stdout)

    def check(self, *histories, flags=()):
        """Run areg-lab check; returns its verdict's document, and fails unless it is linearizable."""
        return json.loads(must(run([program("areg-lab"), "check", "--json", *flags, *map(str, histories)])).stdout)


class Load:
    """Several processes that read and write, and record what they see, until end()."""

    def __init__(self, cluster, keys, processes=2, clients=3, flags=()):
        """keys: flags of bench that say which there are; flags: others."""
        self._cluster = cluster
        self.histories = [cluster.dir / f"load-{i}.jsonl" for i in range(processes)]
        self._benches = [
            cluster.bench_begin("--mix", "a", *keys, "--clients", clients, "--first-client", i * clients,
                                "--run", "1h", *flags, "--history", history)
            for i, history in enumerate(self.histories)
        ]  # fmt: skip
        for history in self.histories:
            wait_for_progress(history, ["read"])  # there is none while keys are written for the first time

    def wait_for_progress(self, seconds_max=20):
        """Until every process has read and written something that it had not begun yet."""
        for history in self.histories:
            for kind in ("read", "write"):
                wait_for_progress(history, [kind], seconds_max)

    def signal(self, number):
        """To all of the processes."""
        for bench in self._benches:
            bench.send_signal(number)

    def end(self):
        """The verdict; that an operation has failed, or is of unknown outcome, is an error, too."""
        for bench in self._benches:
            self._cluster.bench_end(bench)
        verdict = self._cluster.check(*self.histories, flags=["--expect-no-failures"])
        assert verdict["linearizable"]
        return verdict


def read_history(path):
    """The operations of a history, as dictionaries; versions as tuples that compare like tags."""
    operations = []
    for line in pathlib.Path(path).read_text().splitlines():
        operation = json.loads(line)
        if operation["version"] is not None:
            z, writer = operation["version"].split(".")
            operation["version"] = (int(z), int(writer, 16))
        operations.append(operation)
    return operations


def write_genesis(path, addresses, code="rs:5,3", delta=8, shards=1):
    """A genesis.conf of one pool on all of these hosts: id -> the address that clients are told."""
    hosts = ",\n".join(f'    {{ id = "{host}"; addr = "{address}"; }}' for host, address in addresses.items())
    members = ", ".join(f'"{host}"' for host in addresses)
    pathlib.Path(path).write_text(
        f'cluster = "test-{random.getrandbits(32):08x}";\nhosts = (\n{hosts}\n);\n'
        f'pools = ( {{ name = "default"; prefix = ""; code = "{code}"; delta = {delta}; shards = {shards};\n'
        f"            on = [ {members} ]; }} );\n"
    )


class Aregd:
    """
    One aregd as a child of the test, for those who need what areg-lab does not offer: an address in genesis that is
    not the one listened on, so that a proxy can stand between. Use it in a with statement.
    """

    def __init__(self, genesis, host_id, data_dir, listen, *flags):
        self.log_path = pathlib.Path(f"{data_dir}.log")
        self._arguments = [
            program("aregd"), "--genesis", str(genesis), "--id", host_id, "--data", str(data_dir),
            "--listen", listen, *flags,
        ]  # fmt: skip
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Returns when it is ready."""
        read_fd, write_fd = os.pipe()
        with open(self.log_path, "ab") as log, open(read_fd, "rb") as ready:
            self.process = subprocess.Popen(
                [*self._arguments, "--ready-fd", str(write_fd)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                pass_fds=[write_fd],
                preexec_fn=lambda: _end_with_parent(signal.SIGKILL),  # it may be stopped
            )
            os.close(write_fd)
            line = ready.readline()
        if line != b"ready\n":
            self.kill()
            raise AssertionError(f"not ready: {self.log_path.read_text(errors='replace')[-2000:]}")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


def main():
    """Run the tests of the calling file."""
    unittest.main(verbosity=2)
