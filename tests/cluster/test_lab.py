"""areg-lab as people use it: local clusters, load, and what is made of histories."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

import harness


def lab(*arguments, **options):
    return harness.run([harness.program("areg-lab"), *map(str, arguments)], **options)


def operation(client, op, value_hash, version, start_ns, end_ns, status="ok"):
    return json.dumps({
        "client": client, "op": op, "key": "k1", "value_hash": value_hash, "version": version,
        "start_ns": start_ns, "end_ns": end_ns, "status": status,
    })  # fmt: skip


class LocalClusters(unittest.TestCase):
    def test_data_survives_down_and_up(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="down-up") as cluster:
            harness.must(cluster.areg("put", "k", "kept"))
            harness.must(lab("down", "--dir", cluster.dir))
            listed = json.loads(harness.must(lab("host", "--json", "--dir", cluster.dir)).stdout)
            self.assertEqual([host["state"] for host in listed["hosts"]], ["down"] * 3)
            harness.must(lab("down", "--dir", cluster.dir))
            seeds = harness.must(lab("up", "--dir", cluster.dir)).stdout.decode().strip()
            self.assertEqual(seeds, cluster.seeds)
            self.assertEqual(harness.must(cluster.areg("get", "k")).stdout, b"kept")

    def test_the_same_command_means_the_same_cluster(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="same") as cluster:
            for flags in ([], ["-n", 3], ["--code", "rs:3,1"], ["-n", 3, "--code", "rs:3,1"]):
                seeds = harness.must(lab("up", "--dir", cluster.dir, *flags)).stdout.decode().strip()
                self.assertEqual(seeds, cluster.seeds)
            for flags in (["-n", 4], ["--code", "rs:3,2"], ["--code", "x"], ["--delta", 8], ["-n", 4, "--aregd", "/"]):
                result = lab("up", "--dir", cluster.dir, *flags)
                self.assertEqual(result.returncode, 2, flags)
                self.assertIn(b"there is a cluster of 3 hosts, rs:3,1", result.stderr)

    def test_hosts_are_listed_as_they_are(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="listed") as cluster:
            cluster.kill("s1")
            cluster.pause("s2")
            listed = json.loads(harness.must(lab("host", "--json", "--dir", cluster.dir)).stdout)
            self.assertEqual([host["state"] for host in listed["hosts"]], ["down", "paused", "up"])

    def test_a_shell_has_a_cluster_that_ends_with_it(self):
        command = 'areg put k v >/dev/null && areg get k && echo " $AREG_LAB_DIR" && exit 7'
        result = lab("shell", "-q", "-n", "3", "--", "/bin/sh", "-c", command)
        self.assertEqual(result.returncode, 7, result.stderr)
        value, directory = result.stdout.decode().split()
        self.assertEqual(value, "v")
        self.assertFalse(os.path.exists(directory))

    def test_a_shell_that_is_terminated_ends_its_command_and_its_cluster(self):
        with harness.Workspace("shell") as workspace:
            up = ["shell", "-n", "3", "--dir", workspace.dir / "c", "--", "/bin/sh", "-c", "echo begun; exec sleep 60"]
            shell = harness.start([harness.program("areg-lab"), *map(str, up)])
            self.assertEqual(shell.stdout.readline(), b"begun\n")
            shell.send_signal(signal.SIGTERM)
            self.assertEqual(harness.finish(shell, 20).returncode, 128 + signal.SIGTERM)
            listed = json.loads(harness.must(lab("host", "--json", "--dir", workspace.dir / "c")).stdout)
            self.assertEqual({host["state"] for host in listed["hosts"]}, {"down"})

    def test_mistakes_are_answered_with_a_suggestion(self):
        for arguments, answer in [
            (["dwon"], "did you mean down?"),
            (["up", "--cdoe", "rs:5,3"], "did you mean --code?"),
            (["up", "--code", "rs:3,5"], "rs:n,k"),
            (["up", "-n", "4", "--code", "rs:5,3"], "rs:5,3 needs 5 hosts"),
            (["host", "s1", "kil"], "did you mean kill?"),
            (["bench", "--mix", "z"], "--mix is"),
            (["bench", "--dist", "normal"], "zipf"),
            (["bench", "--closed", "--rate", "5"], "--closed or --rate"),
            (["bench", "--value", "2KiB..1KiB"], "--value is"),
            (["bench", "--clients", "0"], "--clients, --readers and --writers are 1 to"),
            (["bench"], "which cluster?"),
            (["bench", "--value", "7", "--history", "x"], "at least 8 B"),
            (["--quiet", "up"], "the command comes first"),
            (["check"], "which history?"),
            (["demo"], "not supported by this version"),
        ]:
            result = lab(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(answer, result.stderr.decode())
            self.assertEqual(result.stdout, b"")

    def test_output_that_can_not_be_written_exits_1(self):
        with harness.Cluster(hosts=1, code="rs:1,1", name="full") as cluster:
            for words in (["--help"], ["--version"], ["host"], ["up"], ["bench", "--ops", "1", "--keys", "1"]):
                arguments = [harness.program("areg-lab"), *words]
                if words[0][0] != "-":
                    arguments += ["--dir", str(cluster.dir)]
                with self.subTest(words=words), open("/dev/full", "wb") as full:
                    result = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, timeout=30)
                    self.assertEqual(result.returncode, 1)
                    self.assertIn(b"stdout: No space left", result.stderr)

    def test_what_happens_to_no_host_is_a_mistake(self):
        with harness.Cluster(hosts=1, code="rs:1,1", name="nobody") as cluster:
            for hosts in ("", ",", "s2", "s1,s2"):
                result = lab("host", hosts, "kill", "--dir", cluster.dir)
                self.assertEqual(result.returncode, 3, hosts)
                self.assertIn(b"there is no host", result.stderr)
            listed = json.loads(harness.must(lab("host", "--json", "--dir", cluster.dir)).stdout)
            self.assertEqual(listed["hosts"][0]["state"], "up")
            ended = json.loads(harness.must(lab("down", "--json", "--dir", cluster.dir)).stdout)
            self.assertEqual(ended, {"v": 1, "ended": 1, "killed": 0})

    def test_every_command_has_help_with_examples(self):
        for command in ["up", "down", "host", "shell", "bench", "summary", "check"]:
            text = harness.must(lab(command, "--help")).stdout.decode()
            self.assertIn("examples:", text)
            self.assertLess(max(map(len, text.splitlines())), 121)


class Load(unittest.TestCase):
    def test_an_open_loop_keeps_its_rate_and_says_so_by_the_second(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="rate") as cluster:
            csv = cluster.dir / "load.csv"
            result = cluster.bench("--rate", 100, "--run", "3s", "--depth", 64, "--keys", 10, "--csv", csv)
            ops = result["read"]["ops"] + result["write"]["ops"]
            self.assertAlmostEqual(ops, 300, delta=8)
            rows = [line.split(",") for line in csv.read_text().splitlines()]
            self.assertEqual(rows[0][:6], ["span", "begin_s", "seconds", "op", "ops", "ok"])
            self.assertEqual(sum(int(row[4]) for row in rows if row[0] == "second"), ops)

    def test_operations_that_were_due_and_could_not_begin_count(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="missed") as cluster:
            cluster.bench("--mix", "w", "--ops", 10, "--keys", 10)
            cluster.pause()
            load = ["--rate", 1000, "--run", "1s", "--clients", 1, "--depth", 2, "--keys", 10, "--timeout", 300]
            result = lab("bench", "--json", "--no-fill", "--seeds", cluster.seeds, *load)
            self.assertEqual(result.returncode, 4, result.stderr)
            document = json.loads(result.stdout)
            kinds = [document["read"], document["write"]]
            self.assertEqual(sum(kind["ops"] for kind in kinds), 1000)
            self.assertGreater(sum(kind["errors"]["AREG_EBUSY"] for kind in kinds), 900)
            self.assertGreater(min(kind["p50_ns"] for kind in kinds), 100_000_000)
            self.assertEqual(document["read"]["per_second"], 0)

    def test_a_second_signal_ends_a_load_at_once(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="signals") as cluster:
            cluster.bench("--mix", "w", "--ops", 10, "--keys", 10)
            history = os.path.join(cluster.dir, "history.jsonl")
            child = cluster.bench_begin("--no-fill", "--timeout", 60000, "--history", history)
            harness.wait_until(lambda: os.path.exists(history) and os.path.getsize(history) > 0, 30,
                               "operations have ended")
            cluster.pause()
            child.send_signal(signal.SIGINT)
            began = time.monotonic()
            while child.poll() is None and time.monotonic() - began < 10:
                time.sleep(0.3)
                child.send_signal(signal.SIGINT)
            self.assertEqual(harness.finish(child, 1).returncode, -signal.SIGINT)

    def test_a_load_that_is_to_ignore_a_signal_does(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="ignored") as cluster:
            words = ["bench", "--json", "--run", "1s", "--keys", "10", "--seeds", cluster.seeds]
            child = harness.start(["/bin/sh", "-c", 'trap "" HUP; exec "$0" "$@"', harness.program("areg-lab"), *words])
            harness.wait_until(lambda: len(os.listdir(f"/proc/{child.pid}/task")) > 4, 10, "clients have begun")
            child.send_signal(signal.SIGHUP)
            result = harness.must(harness.finish(child, 20))
            self.assertGreaterEqual(json.loads(result.stdout)["seconds"], 1)

    def test_the_local_cluster_is_found_by_flag_then_environment_then_place(self):
        with harness.Cluster(hosts=1, code="rs:1,1", name="found") as cluster:
            arguments = [harness.program("areg-lab"), "bench", "--json", "--ops", "1", "--keys", "1"]
            nowhere = "tcp://127.0.0.1:1"

            def bench(*flags, directory=None, **environment):
                return subprocess.run([*arguments, *flags], cwd=directory, capture_output=True, timeout=30,
                                      env={**harness.environment(), **environment})  # fmt: skip

            def cpu(result):
                return json.loads(harness.must(result).stdout)["hosts_cpu_us_per_op"]

            self.assertIsNotNone(cpu(bench("--dir", str(cluster.dir), AREG_SEEDS=nowhere)))
            self.assertIsNotNone(cpu(bench(AREG_LAB_DIR=str(cluster.dir))))
            self.assertIsNotNone(cpu(bench(AREG_LAB_DIR=str(cluster.dir), AREG_SEEDS=cluster.seeds)))
            os.symlink(cluster.dir, cluster.dir / "areg-cluster")
            self.assertIsNotNone(cpu(bench(directory=cluster.dir)))
            # The CPU of a cluster that is not the one that is loaded is not what was asked for.
            with harness.Cluster(hosts=1, code="rs:1,1", name="other") as other:
                self.assertIsNone(cpu(bench("--seeds", other.seeds, AREG_LAB_DIR=str(cluster.dir))))
                self.assertIsNone(cpu(bench(AREG_SEEDS=other.seeds, AREG_LAB_DIR=str(cluster.dir))))
            result = bench("--dir", "/nonexistent", AREG_SEEDS=cluster.seeds)
            self.assertEqual(result.returncode, 3)
            self.assertIn(b"there is no cluster in /nonexistent", result.stderr)

    def test_the_summary_of_a_history_is_what_the_load_measured(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="summary") as cluster:
            history = cluster.dir / "load.jsonl"
            result = cluster.bench("--mix", "a", "--ops", 400, "--keys", 10, "--history", history)
            summary = json.loads(harness.must(lab("summary", "--json", history)).stdout)
            operations = harness.read_history(history)
            for kind in ("read", "write"):
                filled = 10 if kind == "write" else 0
                self.assertEqual(summary[kind]["ok"], result[kind]["ok"] + filled)
                latencies = sorted(each["end_ns"] - each["start_ns"] for each in operations if each["op"] == kind)
                self.assertEqual(summary[kind]["max_ns"], latencies[-1])
                median = latencies[(len(latencies) - 1) // 2]
                self.assertAlmostEqual(summary[kind]["p50_ns"], median, delta=median / 60)
            # Every write wrote another value, and the last seconds are not all of time.
            hashes = [each["value_hash"] for each in operations if each["op"] == "write"]
            self.assertEqual(len(hashes), len(set(hashes)))
            ends = [each["end_ns"] for each in operations]
            self.assertEqual(ends, sorted(ends))
            nothing = json.loads(harness.must(lab("summary", "--json", "--last", "1ns", history)).stdout)
            self.assertEqual(nothing["read"]["ops"], 0)

    def test_the_last_seconds_have_their_unknown_outcomes(self):
        with harness.Workspace("unknown") as workspace:
            history = workspace.dir / "load.jsonl"
            now_ns = time.monotonic_ns()
            old_ns = now_ns - 60_000_000_000
            # Lines stand in the order of their ends: the second unknown one was written a moment ago.
            history.write_text("\n".join([
                operation(1, "write", "00000000000000a1", None, old_ns - 2, None, "info"),
                operation(1, "read", None, "0.0", old_ns - 2, old_ns),
                operation(1, "read", None, "0.0", now_ns - 2, now_ns - 1),
                operation(1, "write", "00000000000000a2", None, old_ns - 2, None, "info"),
            ]) + "\n")  # fmt: skip
            summary = json.loads(harness.must(lab("summary", "--json", "--last", "50s", history)).stdout)
            self.assertEqual(summary["write"]["unknown"], 1)
            self.assertEqual(summary["read"]["ops"], 1)

    def test_what_is_no_history_has_no_summary(self):
        with harness.Workspace("none") as workspace:
            result = lab("summary", workspace.dir)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"directory", result.stderr)
            long_line = workspace.dir / "long.jsonl"
            long_line.write_text(" " * 20000 + "\n")
            self.assertEqual(lab("summary", long_line).returncode, 1)

    def test_a_cluster_that_is_not_there_ends_the_load_with_exit_4(self):
        with harness.Cluster(hosts=3, code="rs:3,1", name="gone") as cluster:
            cluster.kill()
            result = lab("bench", "--seeds", cluster.seeds, "--timeout", 300, "--keys", 1)
            self.assertEqual(result.returncode, 4, result.stderr)


class Check(unittest.TestCase):
    def test_a_violation_is_shown_as_the_operations_that_contradict(self):
        with harness.Workspace("check") as workspace:
            first = workspace.dir / "first.jsonl"
            second = workspace.dir / "second.jsonl"
            first.write_text("\n".join([
                operation(1, "write", "00000000000000a1", "1.1", 10, 20),
                operation(1, "write", "00000000000000a2", "2.1", 30, 40),
            ]) + "\n")  # fmt: skip
            second.write_text(operation(2, "read", "00000000000000a1", "1.1", 50, 60) + "\n")
            self.assertEqual(lab("check", first).returncode, 0)
            result = lab("check", first, second)
            self.assertEqual(result.returncode, 1)
            text = result.stdout.decode()
            self.assertIn("not linearizable", text)
            self.assertIn(f"{first}:2", text)
            self.assertIn(f"{second}:1", text)
            verdict = json.loads(lab("check", "--json", first, second).stdout)
            self.assertFalse(verdict["linearizable"])
            self.assertEqual([place["line"] for place in verdict["by_versions"]["at"]], [2, 1])
            self.assertEqual(sorted(place["line"] for place in verdict["by_values"]["at"]), [1, 1, 2])

    def test_each_judge_says_what_it_could_not_judge(self):
        with harness.Workspace("check") as workspace:
            history = workspace.dir / "load.jsonl"
            lines = [operation(1, "write", "00000000000000a1", None, 10, 20)]
            lines.append(operation(1, "read", "00000000000000a1", None, 30, 40))
            history.write_text("\n".join(lines) + "\n")
            self.assertEqual(lab("check", history).returncode, 0)
            verdict = json.loads(lab("check", "--json", history).stdout)
            self.assertIs(verdict["linearizable"], True)
            self.assertIs(verdict["by_versions"]["linearizable"], None)
            self.assertIs(verdict["by_values"]["linearizable"], True)
            result = lab("check", "--versions", history)
            self.assertEqual(result.returncode, 1)
            self.assertIn("completed without a version", result.stdout.decode())
            lines.append(operation(2, "write", "00000000000000a1", None, 50, 60))
            history.write_text("\n".join(lines) + "\n")
            self.assertEqual(lab("check", history).returncode, 1)
            self.assertIs(json.loads(lab("check", "--json", history).stdout)["linearizable"], None)

    def test_failures_matter_only_when_none_is_expected(self):
        with harness.Workspace("check") as workspace:
            history = workspace.dir / "load.jsonl"
            history.write_text(
                operation(1, "write", "00000000000000a1", "1.1", 10, 20) + "\n"
                + operation(1, "read", None, None, 30, 40, "fail") + "\n"
            )  # fmt: skip
            self.assertEqual(lab("check", history).returncode, 0)
            self.assertEqual(lab("check", "--expect-no-failures", history).returncode, 1)

    def test_a_malformed_history_is_no_verdict(self):
        with harness.Workspace("check") as workspace:
            history = workspace.dir / "load.jsonl"
            history.write_text(operation(1, "write", "00000000000000a1", "1.1", 10, 20)[:-5])
            result = lab("check", history)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stdout, b"")
            self.assertIn(f"{history}:1: the line is cut off", result.stderr.decode())


class Simulator(unittest.TestCase):
    def test_the_same_seed_is_the_same_run_and_another_is_not(self):
        with tempfile.TemporaryDirectory() as directory:
            log = os.path.join(directory, "log")
            flags = ["sim", "--ops", 200, "--nemesis", "all"]
            with open(log, "wb") as file:
                file.write(harness.must(lab(*flags, "--seed", 11, "--log")).stdout)
            same = harness.must(lab(*flags, "--seed", 11, "--diff", log))
            self.assertIn(b"no difference", same.stdout)
            other = lab(*flags, "--seed", 12, "--diff", log)
            self.assertEqual(other.returncode, 1)
            self.assertIn(b"differs", other.stdout)

    def test_a_run_tells_what_was_drawn_and_what_became_of_it(self):
        result = json.loads(harness.must(lab("sim", "--seed", 5, "--ops", 300, "--code", "rs:5,3", "--json")).stdout)
        self.assertEqual((result["seed"], result["code"], result["hosts"], result["broken"]), (5, "rs:5,3", 5, None))
        self.assertGreater(result["events"], 1000)
        text = harness.must(lab("sim", "--seed", 5, "--ops", 300, "--code", "rs:5,3")).stdout.decode()
        self.assertIn(result["trace"], text)
        self.assertIn("every invariant held", text)

    def test_the_history_of_a_run_is_judged_like_any_other(self):
        with tempfile.TemporaryDirectory() as directory:
            history = os.path.join(directory, "history.jsonl")
            harness.must(lab("sim", "--seed", 3, "--ops", 500, "--history", history))
            harness.must(lab("check", history))
            for seed in range(1, 30):
                broken = lab("sim", "--seed", seed, "--plant", "low-tag", "--history", history)
                if broken.returncode == 1:
                    self.assertIn(f"again     areg-lab sim --seed {seed} --plant low-tag".encode(), broken.stdout)
                if lab("check", history).returncode == 1:
                    return
            self.fail("no history of thirty shows it")

    def test_a_campaign_finds_a_planted_bug_and_goes_on_where_it_was(self):
        with tempfile.TemporaryDirectory() as directory:
            state = os.path.join(directory, "next")
            harness.must(lab("sim", "--seeds", 6, "--state", state, "--jobs", 2))
            with open(state, encoding="ascii") as file:
                self.assertEqual(file.read(), "7\n")
            found = lab("sim", "--seeds", 6, "--state", state, "--plant", "no-floor", "--json")
            self.assertEqual(found.returncode, 1)
            result = json.loads(found.stdout)
            self.assertGreater(result["broken_count"], 0)
            self.assertTrue(all(7 <= broken["seed"] < 13 for broken in result["broken"]))

    def test_a_scenario_is_played_step_by_step(self):
        scenario = os.path.join(os.path.dirname(__file__), "../sim/scenarios/S10-late-write-back.scenario")
        played = harness.must(lab("sim", "--scenario", scenario)).stdout.decode()
        self.assertIn('A: w1 = put k "a"', played)
        self.assertIn("passed: ", played)
        planted = lab("sim", "--scenario", scenario, "--plant", "fifo-trim", "--json")
        self.assertEqual(planted.returncode, 1)
        self.assertFalse(json.loads(planted.stdout)["passed"])
        unreadable = lab("sim", "--scenario", __file__)
        self.assertEqual((unreadable.returncode, unreadable.stdout), (1, b""))
        self.assertIn(b"test_lab.py:1: ", unreadable.stderr)

    def test_mistakes_are_answered_with_a_suggestion(self):
        for flags, words in (
            (["--nemesis", "crsh"], b"did you mean crash?"),
            (["--plant", "no-flor"], b"did you mean no-floor?"),
            (["--code", "rs:3,5"], b"--code is"),
            (["--hosts", 4, "--code", "rs:5,3"], b"needs 5 hosts"),
            (["--seeds", 3, "--log"], b"are of one run"),
            (["--state", "/dev/null/x", "--seeds", 1], b"/dev/null/x"),
        ):
            failed = lab("sim", *flags)
            self.assertNotEqual(failed.returncode, 0, flags)
            self.assertIn(words, failed.stderr)


if __name__ == "__main__":
    harness.main()
