"""
Many registers, small ones and large ones: a change moves as many bytes as its plan has announced, values are what they
were, and hosts that have left keep nothing.

AREG_TEST_REGISTERS is how many small registers there are; of large ones there are a hundredth. With 10000 of them (some
minutes, and gigabytes of disk) what is printed about times and latencies means something.
"""

import json
import os
import sys
import time
import unittest

import harness

REGISTER_COUNT = int(os.environ.get("AREG_TEST_REGISTERS", 300))
IS_LONG = "AREG_TEST_REGISTERS" in os.environ
COMMAND_SECONDS_MAX = 1200 if IS_LONG else 60


def tell(text):
    print(text, file=sys.stderr)


class Registers:
    """Registers of one size, and clients that read and write them."""

    def __init__(self, name, count, value_bytes, first_client, client_count, mix="a"):
        self.name, self.count, self.value_bytes = name, count, value_bytes
        self._flags = ["--prefix", f"{name}/", "--keys", count, "--value", value_bytes, "--timeout", 30000]
        self._first_client, self._client_count = first_client, client_count
        self._mix = mix
        self._bench = None
        self.histories = []

    def _record(self, cluster):
        self.histories.append(cluster.dir / f"{self.name}-{len(self.histories)}.jsonl")
        return [*self._flags, "--first-client", self._first_client, "--history", self.histories[-1]]

    def begin_load(self, cluster):
        """All are written once, and then read and written."""
        self._bench = cluster.bench_begin("--mix", self._mix, "--run", "1h", "--clients", self._client_count,
                                          *self._record(cluster))  # fmt: skip

    def wait_for_progress(self, seconds_max=20):
        for kind in ("read",) if self._mix == "c" else ("read", "write"):
            harness.wait_for_progress(self.histories[0], [kind], seconds_max)

    def end_load(self, cluster):
        cluster.bench_end(self._bench)

    def read_all(self, cluster):
        """Each of them once."""
        result = cluster.bench("--mix", "c", "--no-fill", "--dist", "in-turn", "--ops", self.count,
                               *self._record(cluster))  # fmt: skip
        assert result["read"]["ok"] == self.count, result

    def describe_latency(self, begin_ns, end_ns):
        """Of the operations that began in this time."""
        words = []
        for kind in ("read", "write"):
            latencies = sorted(
                operation["end_ns"] - operation["start_ns"]
                for operation in harness.read_history(self.histories[0])
                if operation["op"] == kind and begin_ns <= operation["start_ns"] < end_ns
            )
            if latencies:
                rate = len(latencies) * 1e9 / (end_ns - begin_ns)
                p50, p99, most = (latencies[int((len(latencies) - 1) * part)] / 1e6 for part in (0.5, 0.99, 1))
                words.append(f"{rate:.0f} {kind}s/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {most:.0f} ms")
        return f"{self.name}: {'; '.join(words)}"


class Sizes(unittest.TestCase):
    def setUp(self):
        self.registers = [
            Registers("small", REGISTER_COUNT, 16 << 10, first_client=0, client_count=6),
            # A value that is being written while it is moved is fetched twice, which shows where there are few.
            Registers("large", max(REGISTER_COUNT // 100, 4), 4 << 20, first_client=6, client_count=2,
                      mix="a" if IS_LONG else "c"),
        ]  # fmt: skip
        self.register_count = sum(some.count for some in self.registers)
        self.value_bytes = sum(some.count * some.value_bytes for some in self.registers)
        self.times = []  # (what was going on, from, until)

    def apply(self, cluster, *change):
        """Carry out a change, and compare what it has cost with what its plan said. Returns values moved."""
        plan = json.loads(harness.must(cluster.reconfig("plan", *change, "--json")).stdout)
        announced = plan["shards"][0]["network_factor"]
        began_ns = time.monotonic_ns()
        applied = harness.must(cluster.reconfig("apply", plan["plan"], "--json", seconds_max=COMMAND_SECONDS_MAX))
        ended_ns = time.monotonic_ns()
        (result,) = json.loads(applied.stdout)["results"]
        moved = result["bytes"] / self.value_bytes
        seconds = (ended_ns - began_ns) / 1e9
        tell(f"{' '.join(change[:2])}: {seconds:.1f} s for {result['registers']} registers, values of "
             f"{self.value_bytes / seconds / 2**20:.1f} MiB/s; over the network {moved:.3f} bytes for each byte of a "
             f"value, announced {announced:.3f}")  # fmt: skip
        self.times.append((f"during {' '.join(change[:2])}", began_ns, ended_ns))
        # What fails amid a page, since a host is too busy, is moved again with its page.
        self.assertGreaterEqual(result["registers"], self.register_count)
        self.assertAlmostEqual(moved / announced, 1, delta=0.1)
        return moved

    def assert_empty(self, cluster, hosts):
        def is_empty(store):
            return store["register_count"] == store["fragment_bytes"] == 0 and store["used_bytes"] <= 64 << 10

        for host in hosts:
            harness.wait_until(lambda: is_empty(cluster.own_status(host)["store"]), 20, f"{host} is empty")

    def replace_at_rest(self, cluster, host, comes):
        """One value for each register crosses the network, and the others are sent next to nothing."""
        hosts = [*cluster.members(), comes.split("@")[0]]
        before = {host: cluster.own_status(host)["net"] for host in hosts}
        moved = self.apply(cluster, "replace", host, comes)
        after = {host: cluster.own_status(host)["net"] for host in hosts}

        def difference(host, counter):
            return (after[host][counter] - before[host][counter]) / self.value_bytes

        self.assertAlmostEqual(sum(difference(host, "bytes_out") for host in hosts), moved, delta=0.1)
        for unchanged in hosts[:-1]:
            self.assertLess(difference(unchanged, "bytes_in"), 0.01, unchanged)
        self.assertEqual(cluster.own_status(hosts[-1])["store"]["register_count"], self.register_count)

    def test_a_change_moves_what_its_plan_said_and_values_stay_while_clients_work(self):
        with harness.Cluster(name="size") as cluster:
            for some in self.registers:
                some.begin_load(cluster)
            for some in self.registers:
                some.wait_for_progress(COMMAND_SECONDS_MAX)
            comes = cluster.add_hosts("s6", "s7", "s8", "s9", "s10")
            if IS_LONG:
                began_ns = time.monotonic_ns()
                time.sleep(10)
                self.times.append(("before", began_ns, time.monotonic_ns()))
            leave = cluster.ids[:4]
            self.apply(cluster, "recode", "rs:9,5", *(word for host in comes[:4] for word in ("add", host)))
            self.apply(cluster, "recode", "rs:5,3", *(word for host in leave for word in ("remove", host)))
            for some in self.registers:
                some.wait_for_progress()
                some.end_load(cluster)
            for what, began_ns, ended_ns in self.times:
                for some in self.registers:
                    tell(f"{what}: {some.describe_latency(began_ns, ended_ns)}")

            self.replace_at_rest(cluster, "s5", comes[4])
            self.assert_empty(cluster, [*leave, "s5"])
            harness.must(cluster.reconfig("status"))
            for some in self.registers:
                some.read_all(cluster)
            histories = [history for some in self.registers for history in some.histories]
            verdict = cluster.check(*histories, flags=["--expect-no-failures"])
            self.assertTrue(verdict["linearizable"])
            self.assertEqual(verdict["registers"], self.register_count)


if __name__ == "__main__":
    harness.main()
