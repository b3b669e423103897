"""
Run directories as experiments leave them, made of a seed instead of measured: what plots, reports and comparisons are
tested on. The figures are about those of a local cluster. Run by hand, it writes all of them below one directory:

    fake_runs.py DIR [SEED]
"""

import csv
import json
import math
import os
import pathlib
import random
import sys

COLUMNS = """point,repeat,backend,code,n,k,delta,hosts,readers,writers,mixed,depth,keys,value_bytes,dist,rate_hz,
delay_min_us,delay_max_us,bandwidth_bytes_per_s,switched_off,events,op,ops,ok,failed,unknown,seconds,ops_per_s,min_us,
mean_us,p50_us,p90_us,p99_us,p999_us,max_us,rounds_per_op,sent_values_per_op,received_values_per_op,stored_values_max,
stored_values_rest,moved_values,packets_per_op,overhead_bytes_per_op,client_cpu_us_per_op,hosts_cpu_us_per_op,
configuration_max,bound_rounds,bound_sent_values,bound_received_values,bound_stored_values,bound_latency_us"""
COLUMNS = COLUMNS.replace("\n", "").split(",")

QUANTILES = [i / 50 for i in range(50)] + [0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 0.99999, 1.0]

SETTING = {
    "backend": "local", "code": "rs:5,3", "n": 5, "k": 3, "delta": 8, "hosts": 5, "readers": 2, "writers": 2,
    "mixed": 0, "depth": 1, "keys": 64, "value_bytes": 65536, "dist": "uniform", "rate_hz": 0, "delay_min_us": 0,
    "delay_max_us": 0, "bandwidth_bytes_per_s": 0, "switched_off": "none", "events": 0,
}  # fmt: skip

MACHINE = {"os": "Debian GNU/Linux 12", "cpu": "a processor", "cores": 2, "memory_bytes": 25 << 30}


class Run:
    """One run directory that is being made."""

    def __init__(self, parent, name, title, question, plots="", seed=1, complete=True):
        self.dir = pathlib.Path(parent) / name
        self.dir.mkdir(parents=True)
        self.random = random.Random(f"{name} {seed}")
        self.tables = {"points": [COLUMNS]}
        (self.dir / "experiment.cfg").write_text(
            f'title = "{title}";\nquestion = "{question}";\n{plots}\n', encoding="utf-8")
        manifest = {
            "v": 1, "name": name, "title": title, "question": question, "revision": "0123abcd", "seed": seed,
            "command": ["areg-lab", "exp", "run", name], "backend": "local", "network": "none", "quick": True,
            "versions": {"areg": "0.1.0"}, "machine": MACHINE, "begun": "2026-01-01T00:00:00Z", "seconds": 61.5,
            "complete": complete,
        }  # fmt: skip
        (self.dir / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")

    def add(self, table, head, *cells):
        self.tables.setdefault(table, [head.split(",")]).append(list(cells))

    def noisy(self, value, share=0.04):
        return value * math.exp(self.random.gauss(0, share))

    def add_point(self, point, repeats, latency_us, faster=1.0, **changes):
        """`latency_us` maps operations to their median latency; bounds are for what is changed."""
        setting = SETTING | changes
        k, n = setting["k"], setting["n"]
        for repeat in range(repeats):
            for op, median_us in latency_us.items():
                p50 = self.noisy(median_us) / faster
                row = dict.fromkeys(COLUMNS, "") | setting
                clients = setting["readers"] + setting["writers"]
                row |= {
                    "point": point, "repeat": repeat, "op": op, "ops": 4000, "ok": 4000, "failed": 0, "unknown": 0,
                    "seconds": 2, "ops_per_s": round(clients / 2 * 1e6 / p50, 1), "min_us": round(p50 * 0.6, 1),
                    "mean_us": round(p50 * 1.1, 1), "p50_us": round(p50, 1), "p90_us": round(p50 * 1.7, 1),
                    "p99_us": round(self.noisy(p50 * 3, 0.15), 1), "p999_us": round(self.noisy(p50 * 6, 0.2), 1),
                    "max_us": round(self.noisy(p50 * 11, 0.3), 1), "rounds_per_op": 2 if op == "write" else 1.02,
                    "sent_values_per_op": round(n / k, 3) if op == "write" else 0,
                    "received_values_per_op": 0 if op == "write" else 1.01,
                    "stored_values_max": round(n / k * 1.3, 3), "stored_values_rest": round(n / k, 3),
                    "packets_per_op": 2 * n, "client_cpu_us_per_op": 40, "hosts_cpu_us_per_op": 120,
                    "configuration_max": 0, "bound_rounds": 2, "bound_sent_values": round(n / k, 3),
                    "bound_stored_values": round((setting["delta"] + 1) * n / k, 3),
                    "bound_latency_us": round(median_us * 4, 1),
                }  # fmt: skip
                self.tables["points"].append([row[column] for column in COLUMNS])
                for quantile in QUANTILES:
                    late = p50 * (0.6 + 0.55 * quantile + 0.12 * (-math.log(1 - min(quantile, 0.999995))) ** 1.5)
                    self.add("latencies", "point,repeat,op,quantile,latency_us", point, repeat, op, quantile,
                             round(late, 1))

    def check(self, name, point, passed, measured="", bound="", detail=""):
        self.add("checks", "check,point,passed,measured,bound,detail", name, point, int(passed), measured, bound,
                 detail)

    def write(self):
        for name, rows in self.tables.items():
            with open(self.dir / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
        return str(self.dir)


def value_size(parent, name="value-size", repeats=5, faster=1.0, seed=1):
    """Two codes, sizes of values from 1 KiB to 4 MiB."""
    run = Run(parent, name, "Latency against the size of values",
              "How do latency and throughput grow with the size of a value, under which code? (Section 5, figure 4)",
              """plots = (
    { kind = "lines"; title = "Median latency by size of the value"; x = "value_bytes"; y = "p50_us";
      series = "op,code"; bound = "bound_latency_us"; log_x = true; log_y = true; },
    { kind = "lines"; x = "value_bytes"; y = "ops_per_s"; series = "op"; log_x = true; },
    { kind = "cdf"; title = "Latencies at 64 KiB and beyond"; series = "op,code"; },
    { kind = "cdf"; title = "Tail of the latencies"; series = "op,code"; op = "read"; log_y = true; },
    { kind = "bars"; title = "Values sent for a write"; x = "code"; y = "sent_values_per_op"; series = "value_bytes";
      op = "write"; bound = "bound_sent_values"; });""", seed)
    point = 0
    for code, n, k in (("rs:5,3", 5, 3), ("repl:5", 5, 1)):
        for value_bytes in (1024, 4096, 16384, 65536, 262144, 1048576, 4194304):
            base = 240 + value_bytes / k * 0.0031
            run.add_point(point, repeats, {"read": base * 1.1, "write": 2 * base + value_bytes * 0.001}, faster,
                          code=code, n=n, k=k, value_bytes=value_bytes)
            run.check("linearizable", point, True, detail="8000 operations, both judges")
            run.check("no-failures", point, True, 0, 0)
            point += 1
    return run.write()


def ablation(parent, seed=1):
    """Bars: one optimisation switched off at a time; one check fails."""
    run = Run(parent, "ablation", "What each optimisation is worth", "Which of them could be left out?",
              """plots = (
    { kind = "bars"; title = "Median latency with one optimisation off"; x = "switched_off"; y = "p50_us";
      series = "op"; bound = "bound_latency_us"; },
    { kind = "bars"; x = "switched_off"; y = "rounds_per_op"; series = "op"; bound = "bound_rounds"; });""", seed)
    for point, (off, factor) in enumerate((("none", 1), ("confirm", 1.9), ("hedge", 1.2), ("data-fragments-first", 1.4),
                                           ("early-floor", 1.05))):
        run.add_point(point, 3, {"read": 520 * factor, "write": 1150 * (1 + factor) / 2}, switched_off=off)
        run.check("within-bounds", point, off != "confirm", round(0.52 * factor, 3), 0.9,
                  "the median of reads, in ms" if off != "confirm" else "reads take a second round <always>")
    return run.write()


def failures(parent, seed=1):
    """A timeline with events, at two codes; and windows in which nothing completes."""
    run = Run(parent, "failures", "Hosts fail and are replaced under load",
              "Does the service go on while hosts die and the configuration changes?",
              """plots = ( { kind = "timeline"; title = "Latency while hosts fail"; y = "p99_us"; },
          { kind = "timeline"; y = "ops_per_s"; series = "op"; op = "read"; },
          { kind = "timeline"; y = "nothing_us"; } );""", seed)
    for point, (code, k) in enumerate((("rs:5,3", 3), ("rs:5,4", 4))):
        run.add_point(point, 3, {"read": 500, "write": 1100}, code=code, k=k, events=4)
        for repeat in range(3):
            for window in range(100):
                at = window / 10
                slow = 3 if 2 <= at < 2.4 else 1.6 if 5 <= at < 6.5 else 1
                is_out = k == 4 and 7.5 <= at < 8.1
                for op, base in (("read", 900), ("write", 2100)):
                    p99 = round(run.noisy(base * slow, 0.08), 1)
                    run.add("timeline", "point,repeat,time_s,op,ops_per_s,p50_us,p99_us,failed", point, repeat, at, op,
                            0 if is_out else round(run.noisy(2400 / slow, 0.05)), "" if is_out else round(p99 / 3, 1),
                            "" if is_out else p99, 0)
            for begin, end, event in ((2, 2.01, "kill s3"), (2.3, 2.3, "pause s4"), (5, 6.45 + repeat / 50,
                                      "reconfigure: replace s3 s6"), (9.2, 9.2, "resume s4, which was paused")):
                run.add("events", "point,repeat,begin_s,end_s,event", point, repeat, begin, end, event)
        run.check("linearizable", point, True)
    return run.write()


def hostile(parent):
    """Whatever may stand in a file: none of it may become a tag, a link or a script of the report."""
    evil = "</title><script>alert('x')</script><img src=x onerror=alert(1)> & é"
    run = Run(parent, "hostile", evil.replace('"', "'"), evil, 'plots = ( { kind = "lines"; title = "<b>&amp; ]]> '
              "</svg><script>alert(2)</script>\"; x = \"keys\"; y = \"p50_us\"; series = \"op,dist\"; } );")
    for point in range(3):
        run.add_point(point, 2, {"read": 100, "<i>write</i>\x01": 200}, keys=10**point,
                      dist='"><script>alert(3)</script>')
    run.check(evil, 0, True, "<u>", "1e999", "http" + "://nowhere.example/ \x7f")
    return run.write()


def plain(parent, repeats=1):
    """No plots asked for, nothing swept, no checks, not complete."""
    run = Run(parent, "plain", "A single point", "", complete=False)
    run.add_point(0, repeats, {"read": 300, "write": 700})
    return run.write()


def all_of(parent, seed=1):
    return [value_size(parent, seed=seed), ablation(parent, seed), failures(parent, seed), hostile(parent),
            plain(parent)]


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    print("\n".join(all_of(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
