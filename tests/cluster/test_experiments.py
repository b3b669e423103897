"""areg-lab exp: what is measured, what is checked, and how an interrupted run is gone on with."""

import csv
import json
import pathlib
import signal
import subprocess
import unittest

import harness

EXPERIMENTS = pathlib.Path(__file__).parent / "experiments"
CSV_NAMES = ("points.csv", "latencies.csv", "timeline.csv", "events.csv", "checks.csv")


def exp(*arguments, seconds_max=60):
    return harness.run([harness.program("areg-lab"), "exp", *map(str, arguments)], seconds_max=seconds_max)


def rows(run_dir, name):
    with open(run_dir / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(run_dir):
    return json.loads((run_dir / "manifest.json").read_text())


def tables(run_dir):
    return {name: (run_dir / name).read_bytes() for name in CSV_NAMES}


def begin(*arguments):
    """A run that is going to be interrupted; what it says goes nowhere."""
    return subprocess.Popen([harness.program("areg-lab"), "exp", "run", *map(str, arguments)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Measured(unittest.TestCase):
    def test_a_local_experiment_measures_every_point_and_checks_it(self):
        with harness.Workspace("exp-local") as workspace:
            run_dir = workspace.dir / "run"
            result = harness.must(exp("run", EXPERIMENTS / "local.cfg", "-o", run_dir))
            self.assertEqual(result.stdout.decode().strip(), str(run_dir / "report.html"))
            points = rows(run_dir, "points.csv")
            self.assertEqual([(row["point"], row["value_bytes"], row["op"]) for row in points],
                             [("0", "1024", "read"), ("0", "1024", "write"), ("1", "16384", "read"),
                              ("1", "16384", "write")])
            for row in points:
                self.assertEqual((row["backend"], row["code"], row["hosts"]), ("local", "rs:3,1", "3"))
                self.assertGreater(int(row["ok"]), 0)
                self.assertEqual(int(row["ops"]), int(row["ok"]) + int(row["failed"]) + int(row["unknown"]))
                self.assertLessEqual(float(row["min_us"]), float(row["p50_us"]))
                self.assertLessEqual(float(row["p50_us"]), float(row["max_us"]))
                self.assertGreater(float(row["hosts_cpu_us_per_op"]), 0)
                self.assertAlmostEqual(float(row["stored_values_rest"]), 3, delta=0.2)
                self.assertEqual(row["bound_stored_values"], "9")
                self.assertEqual(row["bound_latency_us"], "")  # nobody promises one of a machine
            write = points[3]
            self.assertEqual((float(write["rounds_per_op"]), write["bound_sent_values"]), (2, "3"))
            self.assertAlmostEqual(float(write["sent_values_per_op"]), 3, delta=0.1)
            self.assertEqual({(row["check"], row["passed"]) for row in rows(run_dir, "checks.csv")},
                             {("linearizable", "1"), ("no-failures", "1")})
            told = manifest(run_dir)
            self.assertEqual((told["v"], told["name"], told["backend"], told["network"], told["quick"],
                              told["complete"]), (1, "local", "local", "none", True, True))
            self.assertFalse((run_dir / "hosts").exists())

    def test_events_happen_when_they_are_due_and_are_noted(self):
        with harness.Workspace("exp-events") as workspace:
            run_dir = workspace.dir / "run"
            harness.must(exp("run", EXPERIMENTS / "events.cfg", "-o", run_dir))
            events = rows(run_dir, "events.csv")
            self.assertEqual([row["event"] for row in events],
                             ["pause s3", "resume s3", "kill s2", "start s2", "reconfigure replace s2 s4"])
            for row, due_s in zip(events, (0.1, 0.2, 0.25, 0.35, 0.5)):
                self.assertGreaterEqual(float(row["begin_s"]), due_s)
                self.assertGreaterEqual(float(row["end_s"]), float(row["begin_s"]))
            read = rows(run_dir, "points.csv")[0]
            self.assertEqual((read["configuration_max"], read["hosts"], read["events"]), ("1", "4", "5"))
            self.assertGreaterEqual(float(read["min_us"]), 400)  # there and back
            self.assertGreater(float(read["moved_values"]), 0)
            self.assertEqual(manifest(run_dir)["network"], "relay")
            self.assertGreater(len(rows(run_dir, "timeline.csv")), 10)

    def test_the_same_seed_gives_the_same_tables_in_the_simulator_and_another_does_not(self):
        with harness.Workspace("exp-seed") as workspace:
            found = []
            for name, seed in (("a", 7), ("b", 7), ("c", 8)):
                run_dir = workspace.dir / name
                harness.must(exp("run", EXPERIMENTS / "simulated.cfg", "-o", run_dir, "--seed", seed, "-q"))
                found.append(tables(run_dir))
            self.assertEqual(found[0], found[1])
            self.assertNotEqual(found[0]["points.csv"], found[2]["points.csv"])
            points = rows(workspace.dir / "a", "points.csv")
            self.assertEqual(len(points), 4 * 2 * 2)
            self.assertEqual({row["configuration_max"] for row in points if row["events"] == "1"}, {"1"})
            for row in points:
                self.assertLessEqual(float(row["max_us"]), float(row["bound_latency_us"]) + 0.1)

    def test_a_check_that_fails_exits_1_and_says_which(self):
        with harness.Workspace("exp-check") as workspace:
            # Five delays there and back are more than four: the load of an open loop waits for its turn.
            result = exp("run", EXPERIMENTS / "simulated.cfg", "-o", workspace.dir / "run", "--set", "events=0",
                         "--set", "workload.rate=20000", "--repeats", 1)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"not within-bounds: point 0, repeat 0: ", result.stderr)
            self.assertIn(b"see " + bytes(workspace.dir / "run" / "checks.csv"), result.stderr)
            self.assertIn("0", {row["passed"] for row in rows(workspace.dir / "run", "checks.csv")})

    def test_an_event_that_fails_fails_the_run(self):
        with harness.Workspace("exp-event-fails") as workspace:
            file = workspace.dir / "fails.cfg"
            text = (EXPERIMENTS / "simulated.cfg").read_text()
            file.write_text(text.replace("replace s2 s4", "replace s4 s2"))
            result = exp("run", file, "-o", workspace.dir / "run", "--repeats", 1)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"and an event: reconfigure replace s4 s2: ", result.stderr)
            for before, after in (('"sim"', '"local"'), ('processing = "0"; ', ""), ('run = "300ms"', "ops = 50"),
                                  ('at = "100ms"; do = "reconfigure"; words = "replace s2 s4"',
                                   'at = "200ms"; do = "kill"; host = "s1"')):
                text = text.replace(before, after)
            file.write_text(text)
            result = exp("run", file, "-o", workspace.dir / "local", "--repeats", 1, "--set", "cluster.code=repl:3",
                         "--set", "cluster.delay=0ms", "--set", "cluster.delay_max=0ms")
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"and an event: kill s1: failed: the load had ended before", result.stderr)

    def test_a_run_that_is_refused_stays_as_it_was(self):
        with harness.Workspace("exp-refused") as workspace:
            run_dir = workspace.dir / "run"
            harness.must(exp("run", EXPERIMENTS / "simulated.cfg", "-o", run_dir, "--repeats", 1, "-q"))
            told = (run_dir / "manifest.json").read_bytes()
            points = run_dir / "points.csv"
            points.write_text(points.read_text().replace("point,", "pont,", 1))
            self.assertEqual(exp("run", EXPERIMENTS / "simulated.cfg", "-o", run_dir, "--repeats", 1).returncode, 2)
            self.assertEqual((run_dir / "manifest.json").read_bytes(), told)

    def test_set_goes_before_the_file_and_before_a_sweep(self):
        with harness.Workspace("exp-set") as workspace:
            run_dir = workspace.dir / "run"
            harness.must(exp("run", EXPERIMENTS / "simulated.cfg", "-o", run_dir, "--set", "cluster.code=rs:3,1",
                             "--set=workload.keys=1", "--repeats", 1, "-q"))
            self.assertEqual({(row["code"], row["keys"]) for row in rows(run_dir, "points.csv")}, {("rs:3,1", "1")})


class Larger(unittest.TestCase):
    """Those that come with areg, about clusters of two hundred hosts instead of a thousand."""

    FEWER = ["--set", "scale.hosts=200", "--set", "scale.shards=2048", "--set", "scale.keys=10000"]

    def test_models_of_larger_clusters_pass_their_checks_and_come_to_the_same_every_time(self):
        for name, *fewer in (("scale-balance", "--set", "scale.rate=20000", "--set", "scale.clients=10000"),
                             ("scale-movement",), ("scale-recovery",),
                             ("scale-slow-hosts", "--set", "scale.rate=4000", "--set", "scale.clients=10000")):
            with self.subTest(name), harness.Workspace(name) as workspace:
                for run in ("a", "b"):
                    harness.must(exp("run", name, "-o", workspace.dir / run, "-q", *self.FEWER, *fewer))
                self.assertEqual(tables(workspace.dir / "a"), tables(workspace.dir / "b"))
                self.assertEqual({row["passed"] for row in rows(workspace.dir / "a", "checks.csv")}, {"1"})

    def test_the_model_agrees_with_the_engines_and_the_report_says_what_both_take(self):
        with harness.Workspace("scale-simulator") as workspace:
            run_dir = workspace.dir / "run"
            harness.must(exp("run", "scale-simulator", "-o", run_dir, "-q", *self.FEWER))
            limits = rows(run_dir, "limits.csv")
            self.assertEqual({row["runner"] for row in limits}, {"engines", "model"})
            for row in limits:
                self.assertGreater(float(row["events_per_s"]), 0)
                self.assertGreater(float(row["memory_bytes_per_host"]), 0)
            # Rows of one try are no repeats of each other: each is there, among what was measured and what it took.
            self.assertEqual((run_dir / "report.html").read_text().count("<td>hosts x 2</td>"), 2)


class Interrupted(unittest.TestCase):
    def await_tries(self, run_dir, count):
        points = run_dir / "points.csv"
        harness.wait_until(lambda: points.exists() and points.read_bytes().count(b"\n") > 2 * count, 20,
                           f"{count} tries")

    def test_a_simulated_run_that_was_killed_comes_to_the_same_tables(self):
        with harness.Workspace("exp-killed") as workspace:
            whole = workspace.dir / "whole"
            cut = workspace.dir / "cut"
            flags = [EXPERIMENTS / "simulated.cfg", "--repeats", 6, "-q"]
            harness.must(exp("run", *flags, "-o", whole))
            child = begin(*flags, "-o", cut)
            self.await_tries(cut, 2)
            child.kill()
            child.wait()
            self.assertFalse(manifest(cut)["complete"])
            for name in CSV_NAMES:  # as if it had been writing at that moment
                with open(cut / name, "ab") as file:
                    file.write(b"3,5,sim,")
            harness.must(exp("run", *flags, "-o", cut))
            self.assertEqual(tables(cut), tables(whole))
            self.assertTrue(manifest(cut)["complete"])
            harness.must(exp("run", *flags, "-o", cut))  # nothing is left to do
            self.assertEqual(tables(cut), tables(whole))

    def test_whatever_ends_a_local_run_ends_its_hosts_and_it_can_be_gone_on_with(self):
        with harness.Workspace("exp-ended") as workspace:
            run_dir = workspace.dir / "run"
            flags = [EXPERIMENTS / "local.cfg", "-o", run_dir]
            for number in (signal.SIGTERM, signal.SIGKILL):
                child = begin(*flags, "--set", "workload.run=20s")
                state = run_dir / "hosts" / "state.jsonl"
                harness.wait_until(lambda: state.exists() and b'"pid":0' not in state.read_bytes(), 20, "hosts")
                lines = [json.loads(line) for line in state.read_text().splitlines()[1:]]
                child.send_signal(number)
                self.assertNotEqual(child.wait(20), 0)
                for line in lines:
                    proc = pathlib.Path(f"/proc/{line['pid']}/cmdline")
                    harness.wait_until(lambda: not proc.exists() or b"aregd" not in proc.read_bytes(), 10,
                                       "the end of the hosts")
                self.assertEqual(rows(run_dir, "points.csv"), [])
            again = exp("run", *flags, "--set", "workload.run=20s", "--seed", 2)
            self.assertEqual(again.returncode, 2)
            self.assertIn(b"was begun with another --seed", again.stderr)


class Mistakes(unittest.TestCase):
    def refused(self, text):
        path = self.workspace.dir / "wrong.cfg"
        path.write_text(text)
        result = exp("run", path, "-o", self.workspace.dir / "run")
        self.assertEqual((result.returncode, result.stdout), (2, b""), result.stderr)
        self.assertFalse((self.workspace.dir / "run").exists())
        return result.stderr.decode().replace(str(path), "FILE")

    def test_a_mistake_in_a_file_is_told_with_its_line_and_what_was_probably_meant(self):
        head = 'title = "t";\n'
        load = "workload: { readers = 1; };\n"
        with harness.Workspace("exp-wrong") as self.workspace:
            for text, said in (
                ("", 'FILE:0: "title" is missing'),
                (head + "repeat = 3;\n", 'FILE:2: unknown setting "repeat" (did you mean "repeats"?)'),
                (head + "cluster: { host = 5; };\n", 'FILE:2: unknown setting "host" (did you mean "hosts"?)'),
                (head + "workload: { readers = 1; depth = 0; };\n", "whole number from 1 to 1024"),
                (head + 'workload: { readers = 1; value = "17MiB"; };\n', "a size from 1 B to 16 MiB"),
                (head + 'workload: { readers = 1; run = "5"; };\n', "a time with a unit"),
                (head + 'cluster: { code = "rs:3,5"; };\n', "FILE:2: cluster.code is rs:n,k"),
                (head + "workload: { keys = 1; };\n", "FILE:2: there are 0 readers"),
                (head + load + 'sweep = ( { set = "cluster.cod"; quick = [ 1 ]; } );\n', 'mean "cluster.code"?'),
                (head + load + 'sweep = ( { set = "cluster.code"; quick = [ "rs:5,3", "rs:9" ]; } );\n', '"rs:9"'),
                (head + load + "cluster: { hosts = 4; };\n", "rs:5,3 needs 5 hosts, and there are 4"),
                (head + load + 'events = ( { at = "1s"; do = "kil"; host = "s1"; } );\n', 'mean "kill"?'),
                (head + load + 'events = ( { at = "3s"; do = "kill"; host = "s1"; } );\n', "is over after 2 s"),
                (head + load + 'events = ( { at = "1s"; do = "kill"; host = "s9"; } );\n', "there are 5 hosts"),
                (head + load + 'events = ( { at = "1s"; do = "reconfigure"; words = "recod rs:3,1"; } );\n', "recode"),
                (head + load + 'checks = [ "linearisable" ];\n', 'mean "linearizable"?'),
                (head + load + 'checks = "linearizable";\n', '"checks" is an array [ "linearizable" ]'),
                (head + load + 'switched_off = "confirm";\n', "only the simulator"),
                (head + load + 'backend = "sim";\nswitched_off = "confrim";\n', '"confrim"'),
                (head + load + 'backend = "sim";\nworkload2: {};\n', "FILE:4: unknown setting"),
                (head + "workload: { readers = 1 \n", "FILE:"),
            ):
                self.assertIn(said, self.refused(text), text)

    def test_a_mistake_on_the_command_line_is_told(self):
        with harness.Workspace("exp-usage") as workspace:
            for arguments, exit_code, said in (
                ([], 2, b"what is to be done?"),
                (["rnu", "x"], 2, b"did you mean run?"),
                (["run", "value-sizes"], 3, b"did you mean value-size?"),
                (["run", EXPERIMENTS / "local.cfg", "--set", "workload.kyes=3"], 2, b'did you mean "workload.keys"?'),
                (["run", EXPERIMENTS / "local.cfg", "-o", EXPERIMENTS], 2, b"neither empty nor the directory of a run"),
                (["list", "--configs", workspace.dir / "none"], 3, b"there are no experiments in"),
            ):
                result = exp(*arguments)
                self.assertEqual(result.returncode, exit_code, result.stderr)
                self.assertIn(said, result.stderr)

    def test_all_experiments_that_come_with_areg_can_be_read_both_ways(self):
        for flags in ([], ["--full"]):
            listed = [json.loads(line) for line in harness.must(exp("list", "--json", *flags)).stdout.splitlines()]
            names = [entry["name"] for entry in listed]
            self.assertIn("value-size", names)
            self.assertEqual(names, sorted(names))


if __name__ == "__main__":
    harness.main()
