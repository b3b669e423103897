"""areg-reconfig on real clusters: what it prints, what it refuses, how it exits, and that values survive it."""

import json
import os
import shutil
import signal
import time
import unittest

import harness

VALUE = b"\x00\xffvalue" * 1000


def document(result):
    """The one document on stdout."""
    parsed = json.loads(result.stdout)
    assert parsed["v"] == 1
    return parsed


class Newcomer(harness.Aregd):
    """A host that is not in genesis."""

    def __init__(self, cluster, host_id, *flags):
        super().__init__("", host_id, cluster.dir / f"new-{host_id}", "")
        self.address = f"tcp://127.0.0.1:{harness.free_port()}"
        self.word = f"{host_id}@{self.address}"
        self._arguments = [
            harness.program("aregd"), "--join", cluster.seeds, "--id", host_id, "--sync", "none",
            "--data", str(cluster.dir / f"new-{host_id}"), "--listen", self.address, *flags,
        ]  # fmt: skip


class AdminTest(unittest.TestCase):
    """Each test has a cluster of its own, since it changes it."""

    def cluster(self, **options):
        cluster = harness.Cluster(name="admin", sync="none", **options)
        cluster.__enter__()
        self.addCleanup(lambda: cluster.__exit__(None, None, None))
        self.kept = cluster.dir / "kept"
        self.current = cluster
        return cluster

    def newcomer(self, host_id, *flags):
        host = Newcomer(self.current, host_id, *flags)
        host.__enter__()
        self.addCleanup(lambda: host.__exit__(None, None, None))
        return host

    def arguments(self, *words):
        return [harness.program("areg-reconfig"), *map(str, words), "--plans", str(self.kept)]

    def admin(self, *words, exit_code=0, seconds_max=harness.COMMAND_SECONDS_MAX):
        result = harness.run(self.arguments(*words), self.current.seeds, seconds_max=seconds_max)
        output = f"{words}\n{result.stdout.decode()}\n{result.stderr.decode()}"
        self.assertEqual(result.returncode, exit_code, output)
        return result

    def begin(self, *words):
        child = harness.start(self.arguments(*words), self.current.seeds)
        self.current._children.append(child)
        return child

    def put_values(self, count, value=VALUE):
        for i in range(count):
            harness.must(self.current.areg("put", f"mine/{i}", "-", stdin=value))

    def check_values(self, count, value=VALUE):
        for i in range(count):
            self.assertEqual(harness.must(self.current.areg("get", f"mine/{i}")).stdout, value)

    def config(self, shard=0):
        return document(self.admin("status", "--json"))["shards"][shard]["config"]

    def members(self, shard=0):
        return [member["id"] for member in self.config(shard)["members"]]


class WhatIsThere(AdminTest):
    def test_status_exits_with_how_much_may_still_be_lost(self):
        cluster = self.cluster(hosts=5, code="repl:5", shards=3)
        result = self.admin("status")
        self.assertIn(b"pool default, shards 0..2: c0 repl:5 on s1 s2 s3 s4 s5, delta 8", result.stdout)
        self.assertIn(b"tolerates the loss of 2 more", result.stdout)
        status = document(self.admin("status", "default", "--json"))
        self.assertEqual(status["health"], "healthy")
        self.assertEqual([shard["shard"] for shard in status["shards"]], [0, 1, 2])
        self.assertEqual(status["shards"][0]["pending"], None)
        self.assertEqual({host["state"] for host in status["hosts"]}, {"up"})
        self.assertEqual(status["hosts"][0]["status"]["host"], "s1")
        for host, exit_code, health in (("s2", 10, "degraded"), ("s3", 11, "at_risk"), ("s4", 12, "unavailable")):
            cluster.kill(host)
            status = document(self.admin("status", "--json", "--timeout", 1500, exit_code=exit_code))
            self.assertEqual(status["health"], health)
            self.assertEqual([row["state"] for row in status["hosts"] if row["id"] == host], ["down"])
        self.assertIn(b"down", self.admin("status", "--timeout", 1500, exit_code=12).stdout)

    def test_ok_to_stop_says_which_shard_would_stop(self):
        cluster = self.cluster(hosts=5, code="rs:5,3")
        self.assertIn(b"yes", self.admin("ok-to-stop", "s2").stdout)
        result = self.admin("ok-to-stop", "s2", "s4", exit_code=9)
        self.assertIn(b"pool default, shard 0, which would have 3 of 5 members up and needs 4", result.stderr)
        self.admin("ok-to-stop", "s9", exit_code=3)
        self.admin("ok-to-stop", exit_code=2)
        cluster.kill("s1")
        self.assertEqual(document(self.admin("ok-to-stop", "s1", "--json"))["ok"], True)
        self.assertEqual(document(self.admin("ok-to-stop", "s2", "--json", exit_code=9))["error"], "refused")

    def test_words_flags_and_pools_are_judged(self):
        self.cluster(hosts=3, code="repl:3")
        self.assertIn(b"did you mean status?", self.admin("statsu", exit_code=2).stderr)
        self.assertIn(b"not supported by this version", self.admin("scrub", exit_code=2).stderr)
        self.assertIn(b"did you mean recode rs:3,1?", self.admin("plan", "rs:3,1", exit_code=2).stderr)
        self.assertIn(b"did you mean default?", self.admin("status", "defalt", exit_code=3).stderr)
        self.admin("plan", "delta", 1, "--pool", "none", exit_code=3)
        self.admin("apply", "p-0123456789", exit_code=3)
        self.admin("throttle", "fast", exit_code=2)
        self.admin("apply", "delta", 1, "--rate", "fast", exit_code=2)
        self.admin("apply", "delta", 1, "-m", "x" * 257, exit_code=2)
        self.assertIn(b"areg-reconfig ", self.admin("--version").stdout)
        for command in ("", "status", "plan", "apply", "progress", "resume", "pause", "throttle", "ok-to-stop",
                        "history", "undo"):  # fmt: skip
            result = self.admin(*command.split(), "--help")
            self.assertIn(b"examples:\n  ", result.stdout)
        nobody = f"tcp://127.0.0.1:{harness.free_port()}"
        result = self.admin("status", "--seeds", nobody, "--timeout", 300, exit_code=4)
        self.assertIn(nobody.encode(), result.stderr)


class Changes(AdminTest):
    def test_a_code_is_changed_and_changed_back(self):
        self.cluster(hosts=5, code="repl:5", shards=2)
        self.put_values(6)
        result = self.admin("apply", "recode", "rs:5,3", "-m", "half the disks")
        self.assertIn(b"decided: pool default, shard 1: c1 rs:5,3 on s1 s2 s3 s4 s5", result.stdout)
        self.assertIn(b"finalized: pool default, shard 0: c1 rs:5,3", result.stdout)
        self.assertNotIn(b"discarded", result.stdout)
        self.check_values(6)
        self.assertEqual([self.config(shard)["code"] for shard in (0, 1)], ["rs:5,3", "rs:5,3"])
        self.admin("undo")
        self.check_values(6)
        history = self.admin("history").stdout.decode()
        self.assertIn("shards 0..1", history)
        self.assertRegex(history, r"over .*c1 rs:5,3 .*: half the disks\n.*current .*c2 repl:5 .*: undo\n")
        configs = document(self.admin("history", "default", "--json"))["configs"]
        self.assertEqual([row["config"]["index"] for row in configs], [0, 1, 2] * 2)
        self.assertEqual([row["state"] for row in configs], ["over", "over", "current"] * 2)

    def test_every_code_becomes_every_other_one(self):
        self.cluster(hosts=6, code="rs:6,3")
        self.put_values(4)
        for code in ("ldr:3,3", "repl:6", "ldr:3,3", "rs:6,4"):
            self.admin("apply", "recode", code)
            self.check_values(4)
            self.assertEqual(self.config()["code"], code)

    def test_a_plan_is_carried_out_by_its_name_and_only_where_it_was_made_for(self):
        self.cluster(hosts=5, code="rs:5,3")
        plan = document(self.admin("plan", "recode", "rs:5,1", "--json"))
        self.assertEqual(plan["problems"], [])
        self.assertEqual(plan["shards"][0]["tolerance"], [1, 2])
        text = self.admin("plan", "recode", "rs:5,1").stdout.decode()
        self.assertIn(f"areg-reconfig apply {plan['plan']}", text)
        self.assertEqual(self.config()["index"], 0)
        other = document(self.admin("plan", "delta", 3, "--json"))["plan"]
        self.admin("apply", plan["plan"])
        self.assertEqual(self.config()["code"], "rs:5,1")
        result = self.admin("apply", other, exit_code=5)
        self.assertRegex(result.stderr.decode(), r"stale: it was made for c0 of shard 0, which has c1 now \(rs:5,1")
        self.admin("apply", plan["plan"], exit_code=5)
        self.assertIn(b"nothing changes", self.admin("apply", "recode", "rs:5,1", exit_code=9).stderr)

    def test_a_host_is_replaced_under_load_and_may_be_discarded(self):
        cluster = self.cluster(hosts=5, code="rs:5,3")
        history = cluster.dir / "load.jsonl"
        load = cluster.bench_begin(
            "--mix", "a", "--keys", 40, "--value", "20KiB", "--clients", 2, "--run", "60s", "--history", history
        )
        self.put_values(5)
        host = self.newcomer("s6")
        result = self.admin("apply", "replace", "s2", host.word)
        self.assertTrue(result.stdout.endswith(b"may be discarded: s2\n"), result.stdout)
        self.assertEqual(self.members(), ["s1", "s6", "s3", "s4", "s5"])
        cluster.kill("s2")
        self.admin("apply", "recode", "rs:6,4", "add", "s7@" + self.newcomer("s7").address)
        cluster.bench_end(load)
        cluster.check(history)
        self.check_values(5)
        self.assertEqual(self.members(), ["s1", "s6", "s3", "s4", "s5", "s7"])
        discard = document(self.admin("apply", "recode", "rs:5,3", "remove", "s1", "--json"))["discard"]
        self.assertEqual(discard, ["s1"])
        self.check_values(5)

    def test_a_host_that_lost_its_disk_is_seen_and_replaced_by_itself(self):
        cluster = self.cluster(hosts=5, code="repl:5", shards=2)
        self.put_values(4)
        cluster.kill("s3")
        shutil.rmtree(cluster.dir / "s3")
        cluster.start_hosts("s3")
        status = document(self.admin("status", "--json", exit_code=10))
        self.assertEqual([host["state"] for host in status["hosts"] if host["state"] != "up"], ["silent"])
        self.assertIn(b"silent: it has lost its disk", self.admin("status", exit_code=10).stdout)
        self.assertIn(b"replace s3 s3", self.admin("apply", "delta", 1, exit_code=9).stderr)
        self.admin("apply", "replace", "s3", "s3", "delta", 1)
        self.admin("status")
        cluster.kill("s1", "s2")
        self.check_values(4)

    def test_of_two_admins_at_once_one_is_told_that_it_is_late(self):
        self.cluster(hosts=5, code="rs:5,3")
        self.put_values(3)
        children = [self.begin("apply", "delta", delta) for delta in (2, 4)]
        codes = [harness.finish(child, 30).returncode for child in children]
        self.assertIn(0, codes)
        self.assertLessEqual(set(codes), {0, 5})
        self.assertEqual(self.config()["index"], codes.count(0))
        self.check_values(3)


class Advice(AdminTest):
    LOAD = ["--reads-per-s", 500, "--writes-per-s", 100]
    MACHINES = ["--rtt", "300us", "--rtt-max", "600us", "--commit", "1ms", "--commit-max", "3ms"]

    def test_without_a_cluster_it_says_the_same_every_time_and_needs_to_be_told_everything(self):
        arguments = [harness.program("areg-reconfig"), "advise"]
        words = [*arguments, "--hosts", 7, "--value", "64KiB", "--json", *self.LOAD, *self.MACHINES]
        first, second = (harness.must(harness.run([*map(str, words), "--slo-p99", "10"])) for _ in range(2))
        self.assertEqual(first.stdout, second.stdout)
        advice = document(first)
        self.assertEqual((advice["present"], advice["best"], advice["nearest"]), (None, "rs:7,5", None))
        self.assertEqual({code["moved_bytes"] for code in advice["codes"]}, {None})
        safer = document(harness.must(harness.run([*map(str, words), "--tolerate", "2"])))
        self.assertEqual(safer["best"], "rs:7,3")
        self.assertEqual({code["tolerance"] for code in safer["codes"]}, {2, 3})
        result = harness.run([*map(str, words), "--slo-p99", "900us"])
        self.assertEqual((result.returncode, document(result)["best"]), (9, None))
        self.assertIn(b"no code is fast enough; the nearest is " + document(result)["nearest"].encode(), result.stderr)
        result = harness.run([*map(str, words), "--tolerate", "4"])
        self.assertEqual((result.returncode, document(result)["codes"]), (9, []))
        self.assertIn(b"that takes 9", result.stderr)
        for word in ("--hosts", "--value", "--reads-per-s", "--writes-per-s"):
            without = words[: words.index(word)] + words[words.index(word) + 2 :]
            self.assertEqual(harness.run([*map(str, without)]).returncode, 2, word)
        for wrong in (["--slo-p99", "soon"], ["--bandwidth", "-1"], ["--rtt", "2ms"], ["--hosts", "33"]):
            self.assertEqual(harness.run([*map(str, words), *wrong]).returncode, 2, wrong)

    def test_it_knows_the_present_code_and_what_it_costs_to_leave_it(self):
        self.cluster(hosts=5, code="repl:5")
        self.put_values(10)
        advice = document(self.admin("advise", "--json", *self.LOAD, *self.MACHINES))
        self.assertEqual((advice["present"], advice["best"], advice["hosts"]), ("repl:5", "rs:5,3", 5))
        registers = advice["workload"]["registers"]  # as the host with the fewest counts them
        self.assertIn(registers, range(5, 11))
        self.assertEqual(advice["workload"]["value_bytes"], len(VALUE))
        moved = {code["code"]: code["moved_bytes"] for code in advice["codes"]}
        self.assertEqual((moved["repl:5"], moved["repl:3"]), (0, 0))
        self.assertAlmostEqual(moved["rs:5,3"], registers * len(VALUE) * 4 / 3, delta=2)
        text = self.admin("advise", *self.LOAD, *self.MACHINES, "--hosts", 7).stdout
        self.assertIn(b"recode rs:7,5, and add 2 hosts, in one change", text)
        self.assertEqual(self.admin("advise", "nowhere", *self.LOAD, exit_code=3).stdout, b"")
        self.admin("apply", "recode", "rs:5,3")
        self.assertIn(b"rs:5,3, which it has, is the cheapest", self.admin("advise", *self.LOAD).stdout)

    def test_it_measures_the_load_that_hosts_count(self):
        cluster = self.cluster(hosts=3, code="repl:3")
        load = cluster.bench_begin(
            "--mix", "a", "--keys", 20, "--value", "20KiB", "--clients", 2, "--rate", 200, "--run", "60s"
        )

        def is_read():
            return document(self.admin("advise", "--json", "--window", "1ms"))["workload"]["reads_per_s"] > 0

        harness.wait_until(is_read, 20, "load")
        workload = document(self.admin("advise", "--json", "--window", "1s"))["workload"]
        cluster.bench_end(load)
        self.assertEqual((workload["value_bytes"], workload["registers"]), (20 << 10, 20))
        for rate in (workload["reads_per_s"], workload["writes_per_s"]):
            self.assertTrue(20 < rate < 180, workload)  # of 100, but a machine that has much to do is late


class Refusals(AdminTest):
    def test_what_is_unsafe_is_refused_and_changes_nothing(self):
        self.cluster(hosts=5, code="rs:5,3")
        for words, why in (
            (["remove", "s2"], "add 1 more for rs:5,3"),
            (["recode", "rs:9,5"], "rs:9,5 needs 9 hosts, and the change gives 5: add 4 more, or recode rs:5,3"),
            (["remove", "s9"], "s9 is no member"),
            (["add", "s2"], "s2 is a member already"),
            (["add", "s6"], "where is s6?"),
        ):
            for command in ("plan", "apply"):
                self.assertIn(why, self.admin(command, *words, exit_code=9).stderr.decode())
        self.assertEqual(self.config()["index"], 0)
        self.admin("apply", "remove", "s5", "--force")
        self.assertIn(b"c1 rs:4,3 on s1 s2 s3 s4", self.admin("status", exit_code=11).stdout)

    def test_hosts_that_are_not_there_or_are_others_are_named(self):
        cluster = self.cluster(hosts=3, code="repl:3")
        nobody = f"tcp://127.0.0.1:{harness.free_port()}"
        result = self.admin("apply", "add", f"s4@{nobody}", "add", f"s5@{nobody[:-1]}", exit_code=4)
        self.assertIn(f"s4 does not answer at {nobody}".encode(), result.stderr)
        self.assertIn(b"nothing was changed", result.stderr)
        self.assertIn(b"problem: s4 does not answer", self.admin("plan", "replace", "s1", f"s4@{nobody}").stdout)
        host = self.newcomer("s6")
        result = self.admin("apply", "replace", "s1", f"s4@{host.address}", exit_code=4)
        self.assertIn(f"at {host.address} there is s6, not s4".encode(), result.stderr)
        cluster.kill("s2")
        result = self.admin("apply", "delta", 1, exit_code=4)
        self.assertIn(b"s2 does not answer", result.stderr)
        self.admin("apply", "replace", "s2", host.word)
        self.assertEqual(self.members(), ["s1", "s6", "s3"])

    def test_a_host_without_room_is_refused(self):
        self.cluster(hosts=3, code="repl:3")
        self.put_values(8, os.urandom(1 << 20))
        small = self.newcomer("s4", "--quota", "4MiB")
        self.assertIn(b"s4 has room for", self.admin("apply", "replace", "s3", small.word, exit_code=9).stderr)
        result = self.admin("plan", "replace", "s3", small.word, exit_code=9)
        self.assertNotIn(b"areg-reconfig apply", result.stdout)
        large = self.newcomer("s5", "--quota", "64MiB")
        self.admin("apply", "replace", "s3", large.word)

    def rot(self, value):
        """Whoever has the value has other bytes in its place."""
        self.current.stop("s1", "s2", "s3")
        count = 0
        for path in self.current.dir.glob("s[123]/*"):
            content = path.read_bytes()
            count += value in content
            path.write_bytes(content.replace(value, value[::-1]))
        self.assertGreaterEqual(count, 2)  # a quorum, or all
        self.current.start_hosts("s1", "s2", "s3")

    def test_registers_that_can_not_be_moved_end_it_and_are_counted_by_host(self):
        self.cluster(hosts=3, code="repl:3")
        self.put_values(3)
        lost = os.urandom(1000)
        harness.must(self.current.areg("put", "lost", "-", stdin=lost))
        self.rot(lost)
        for words in (["apply", "replace", "s3", self.newcomer("s4").word], ["resume"]):
            result = self.admin(*words, "--timeout", 1500, exit_code=6)
            self.assertRegex(
                result.stderr,
                b": s[124]: 1 register can not be moved: see its log; it is decided, and goes on by itself; any "
                b"admin finishes it with: areg-reconfig resume",
            )
        harness.must(self.current.areg("put", "lost", "-", stdin=b"anew"))
        self.admin("resume")
        self.assertEqual(self.members(), ["s1", "s2", "s4"])
        self.check_values(3)

    def test_without_a_quorum_it_ends_and_names_those_it_waited_for(self):
        cluster = self.cluster(hosts=5, code="rs:5,3")
        cluster.pause("s2", "s3", "s4")
        for words in (["apply", "delta", 1], ["plan", "delta", 1], ["resume"], ["progress"], ["history"], ["undo"]):
            began = time.monotonic()
            result = self.admin(*words, "--timeout", 700, exit_code=4)
            self.assertLess(time.monotonic() - began, 10)
            if words[0] == "apply":
                self.assertIn(b"s3", result.stderr)
        cluster.resume("s2", "s3", "s4")
        self.admin("apply", "delta", 1)


class Interrupted(AdminTest):
    """A transfer that takes long, since its workers are slow."""

    def begin_slow_transfer(self):
        cluster = self.cluster(hosts=5, code="repl:5")
        harness.must(harness.run([
            harness.program("areg-lab"), "bench", "--seeds", cluster.seeds, "--mix", "w", "--keys", "600",
            "--value", "64KiB", "--ops", "1500",
        ]))  # fmt: skip
        child = self.begin("apply", "recode", "rs:5,3", "--rate", "100 kB/s")
        harness.wait_until(
            lambda: document(self.admin("status", "--json"))["shards"][0]["pending"], 20, "a pending configuration"
        )
        return child

    def interrupt(self, child, signal_number=signal.SIGINT):
        child.send_signal(signal_number)
        return harness.finish(child, 10)

    def test_ctrl_c_loses_nothing_and_anybody_goes_on(self):
        child = self.begin_slow_transfer()
        result = self.interrupt(child)
        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertIn(b"any admin finishes it with: areg-reconfig resume", result.stderr)
        self.assertIn(b"decided: pool default, shard 0: c1 rs:5,3", result.stdout)
        self.assertIn(b"  pending: c1 rs:5,3", self.admin("status").stdout)
        self.assertIn(b"resume finishes it first", self.admin("apply", "delta", 1, exit_code=5).stderr)
        self.admin("ok-to-stop", "s1")
        [pending] = document(self.admin("progress", "--json"))["pending"]
        self.assertEqual(pending["pending"]["code"], "rs:5,3")
        self.assertEqual([worker["bytes_per_s"] for worker in pending["workers"]], [100000] * 5)
        self.assertFalse(pending["paused"])
        lines = self.admin("resume", "--rate", "none").stdout.decode().splitlines()
        self.assertEqual([line.split(",")[0] for line in lines], ["pending: pool default", "finalized: pool default"])
        self.assertIn(b"nothing is pending", self.admin("resume").stdout)
        self.assertIn(b"nothing is pending", self.admin("progress").stdout)
        self.assertEqual(self.config()["code"], "rs:5,3")

    def test_a_transfer_that_is_paused_rests_until_it_is_resumed(self):
        child = self.begin_slow_transfer()
        self.assertEqual(self.interrupt(child, signal.SIGTERM).returncode, 6)
        self.assertIn(b"paused: 1 shard", self.admin("pause").stdout)
        self.assertIn(b"throttled: 1 shard", self.admin("throttle", "30MiB/s").stdout)
        [pending] = document(self.admin("progress", "--json"))["pending"]
        self.assertTrue(pending["paused"])
        self.assertEqual({(row["paused"], row["bytes_per_s"]) for row in pending["workers"]}, {(True, 30 << 20)})
        self.assertIn(b", paused, at most 30 MiB/s", self.admin("progress").stdout)
        self.admin("resume")
        self.assertEqual(self.config()["index"], 1)

    def test_hosts_that_can_not_be_told_are_named(self):
        child = self.begin_slow_transfer()
        self.interrupt(child)
        self.current.pause("s3")
        result = self.admin("pause", "--timeout", 1500, exit_code=4)
        self.assertIn(b"could not be told: s3 (tcp://", result.stderr)
        self.current.resume("s3")
        self.admin("resume", "--rate", "none")


if __name__ == "__main__":
    harness.main()
