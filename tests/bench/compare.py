#!/usr/bin/env python3
"""Measures areg on a local cluster and the bare loop (areg-bare) in turns, and prints one table.

Wall-clock figures of a busy machine mean little, and CPU time per operation, all processes together, means most; the
ratio of areg's to the bare loop's, measured one right after the other, is what to look at. Each line is the median of
its repetitions; the span of the ratio tells how far to trust it.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
CLUSTER_BYTES_MAX = 256 << 20  # of values, in each cluster
KEY_COUNT_MIN, KEY_COUNT_MAX = 100, 10000
FIGURES = ("ops_per_s", "p50_us", "p99_us", "client_cpu_us", "hosts_cpu_us")


def bytes_of(text):
    """ValueError if it is no size."""
    digits = text.rstrip("KMiB ")
    unit = text[len(digits):].strip() or "B"
    if unit not in UNITS:
        raise ValueError(text)
    return int(digits) * UNITS[unit]


def run_json(command):
    """The document that the command printed; its stderr is shown if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed ({done.returncode}):\n{done.stderr}")
    return json.loads(done.stdout)


class Cluster:
    """A cluster of areg-lab, of 5 hosts with rs:5,3; ends with the with-statement."""

    def __init__(self, options, sync):
        self.lab = os.path.join(options.bin, "areg-lab")
        self.directory = os.path.join(options.dir, f"cluster-{sync}")
        self.sync = sync

    def __enter__(self):
        self.down()
        subprocess.run([self.lab, "up", "-q", "-n", "5", "--code", "rs:5,3", "--sync", self.sync, "--dir",
                        self.directory], check=True, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.down()

    def down(self):
        if os.path.isdir(self.directory):
            subprocess.run([self.lab, "down", "-q", "--dir", self.directory], check=False, stdout=subprocess.DEVNULL)
            shutil.rmtree(self.directory)

    def bench(self, mix, size, depth, *more):
        return run_json([self.lab, "bench", "--json", "-q", "--dir", self.directory, "--mix", mix, "--value", size,
                         "--keys", str(key_count(size)), "--clients", "1", "--depth", str(depth), *more])

    def warm_up(self, size):
        """Write every key, and then some, until files have grown and superseded values are dropped as fast as written.
        """
        self.bench("c", size, 64, "--ops", "64")
        self.bench("w", size, 16, "--no-fill", "--run", "700ms")

    def measure(self, op, size, depth, seconds):
        result = self.bench({"put": "w", "get": "c"}[op], size, depth, "--no-fill", "--run", f"{int(seconds * 1000)}ms")
        kind = result[{"put": "write", "get": "read"}[op]]
        if kind["ok"] != kind["ops"] or kind["ok"] == 0:
            sys.exit(f"bench: operations failed: {kind}")
        return {"ops_per_s": kind["per_second"], "p50_us": kind["p50_ns"] / 1e3, "p99_us": kind["p99_ns"] / 1e3,
                "client_cpu_us": result["client_cpu_us_per_op"], "hosts_cpu_us": result["hosts_cpu_us_per_op"]}


def measure_bare(options, sync, op, size, depth):
    directory = os.path.join(options.dir, "bare")
    os.makedirs(directory, exist_ok=True)
    result = run_json([os.path.join(options.bin, "areg-bare"), "--json", "--dir", directory, "--op", op, "--sync", sync,
                       "--value", size, "--keys", str(key_count(size)), "--depth", str(depth), "--run",
                       f"{int(options.run * 1000)}ms"])
    return {"ops_per_s": result["ops_per_s"], "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "client_cpu_us": result["client_cpu_us_per_op"], "hosts_cpu_us": result["hosts_cpu_us_per_op"]}


def key_count(size):
    return max(KEY_COUNT_MIN, min(KEY_COUNT_MAX, CLUSTER_BYTES_MAX // max(bytes_of(size), 1)))


def cpu(figures):
    return figures["client_cpu_us"] + figures["hosts_cpu_us"]


def medians(runs):
    return {name: statistics.median(run[name] for run in runs) for name in FIGURES}


HEADER = (f"{'sync':<6}{'size':>7}{'depth':>6}  {'op':<5}"
          f"|{'areg/s':>8}{'p50':>8}{'p99':>9}{'CPU/op':>9}{'client':>9}{'hosts':>9}  "
          f"|{'bare/s':>8}{'p50':>8}{'p99':>9}{'CPU/op':>9}  |{'CPU ratio':>10}")


def print_row(sync, size, depth, op, areg_runs, bare_runs):
    areg, bare = medians(areg_runs), medians(bare_runs)
    ratios = sorted(cpu(a) / cpu(b) for a, b in zip(areg_runs, bare_runs))
    span = f"  {ratios[0]:.2f}-{ratios[-1]:.2f}" if len(ratios) > 1 else ""
    print(f"{sync:<6}{size:>7}{depth:>6}  {op:<5}"
          f"|{areg['ops_per_s']:>8.0f}{areg['p50_us']:>8.0f}{areg['p99_us']:>9.0f}"
          f"{cpu(areg):>9.0f}{areg['client_cpu_us']:>9.0f}{areg['hosts_cpu_us']:>9.0f}  "
          f"|{bare['ops_per_s']:>8.0f}{bare['p50_us']:>8.0f}{bare['p99_us']:>9.0f}{cpu(bare):>9.0f}  "
          f"|{statistics.median(ratios):>10.2f}{span}", flush=True)


def measure_row(options, cluster, results, size, depth, op):
    areg_runs, bare_runs = [], []
    for _ in range(options.repeat):
        areg_runs.append(cluster.measure(op, size, depth, options.run))
        bare_runs.append(measure_bare(options, cluster.sync, op, size, depth))
    print_row(cluster.sync, size, depth, op, areg_runs, bare_runs)
    results.write(json.dumps({"sync": cluster.sync, "size": size, "depth": depth, "op": op, "areg": areg_runs,
                              "bare": bare_runs}) + "\n")


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small part of it, once, and shorter")
    parser.add_argument("--sizes", help="default: 256,4KiB,64KiB,1MiB,4MiB")
    parser.add_argument("--depths", help="operations outstanding; default: 1,16,64")
    parser.add_argument("--sync", help="batch (flush every commit), none, or both; default: batch,none")
    parser.add_argument("--repeat", type=int, help="default: 3")
    parser.add_argument("--run", type=float, help="seconds for each measurement; default: 0.7")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--dir", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quick = options.quick
    options.sizes = (options.sizes or ("256,64KiB,1MiB" if quick else "256,4KiB,64KiB,1MiB,4MiB")).split(",")
    options.depths = (options.depths or ("1,64" if quick else "1,16,64")).split(",")
    options.sync = (options.sync or ("batch" if quick else "batch,none")).split(",")
    try:
        options.depths = [int(depth) for depth in options.depths]
        if min(map(bytes_of, options.sizes)) < 1 or not set(options.sync) <= {"batch", "none"}:
            raise ValueError
    except ValueError:
        parser.error("sizes have the form 256 or 64KiB, depths are numbers, and --sync is batch, none or both")
    options.repeat = options.repeat or (1 if quick else 3)
    options.run = options.run or (0.4 if quick else 0.7)
    return options


def main():
    options = parse()
    os.makedirs(options.dir, exist_ok=True)
    print("put and get of rs:5,3, 5 hosts on loopback, one client; times in us; CPU of client and all hosts; "
          "sync none: no flush")
    print(HEADER)
    with open(os.path.join(options.dir, "results.jsonl"), "w", encoding="utf-8") as results:
        for sync in options.sync:
            # Flushing is nothing that a get does: one mode will do for them.
            ops = ("put", "get") if sync == options.sync[0] else ("put",)
            with Cluster(options, sync) as cluster:
                for size in options.sizes:
                    cluster.warm_up(size)
                    for depth in options.depths:
                        for op in ops:
                            measure_row(options, cluster, results, size, depth, op)
    shutil.rmtree(os.path.join(options.dir, "bare"), ignore_errors=True)


if __name__ == "__main__":
    main()
