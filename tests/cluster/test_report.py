"""Plots, reports and comparisons of experiments, made of run directories whose figures are known."""

import html.parser
import json
import os
import pathlib
import re
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

import fake_runs
import harness

NAMESPACE = "{http://www.w3.org/2000/svg}"


def lab(*arguments):
    return harness.run([harness.program("areg-lab"), *map(str, arguments)])


def numbers_of(text):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def path_points(path):
    """The points that a path of absolute moves and lines goes through."""
    return [tuple(numbers_of(pair)) for pair in re.findall(r"[ML](-?[\d.]+ -?[\d.]+)", path)]


class Page(html.parser.HTMLParser):
    """All that a page consists of, with a check that what is opened is closed."""

    EMPTY = {"meta", "rect", "path", "br", "img", "link"}

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.text = ""
        self.open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in self.EMPTY or tag == "path":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY or tag == "path":
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.EMPTY and tag != "path" and (not self.open or self.open[-1] != tag):
            return
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}, line {self.getpos()[0]}"
        self.open.pop()

    def handle_data(self, data):
        self.text += data


class WithRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(harness.WORK_DIR, exist_ok=True)
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="report-", dir=harness.WORK_DIR))
        cls.addClassCleanup(shutil.rmtree, cls.dir)


class Plots(WithRuns):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pictures = {}
        for run in fake_runs.all_of(cls.dir):
            cls.result = lab("plot", run)
            for path in sorted(pathlib.Path(run, "plots").iterdir()):
                cls.pictures[f"{pathlib.Path(run).name}/{path.name}"] = path.read_bytes()

    def panels(self, name):
        root = xml.etree.ElementTree.fromstring(self.pictures[name])
        return root, root.findall(f"{NAMESPACE}g[@class='panel']")

    def test_each_plot_that_was_asked_for_is_one_picture(self):
        names = [name.split("/") for name in self.pictures]
        self.assertEqual([file for run, file in names if run == "value-size"],
                         ["01-lines.svg", "02-lines.svg", "03-cdf.svg", "04-cdf.svg", "05-bars.svg"])
        self.assertEqual([file for run, file in names if run == "failures"], ["01-timeline.svg", "02-timeline.svg"])
        self.assertEqual([file for run, file in names if run == "plain"], ["01-bars.svg"])

    def test_all_data_lie_within_their_panel(self):
        for name in self.pictures:
            root, panels = self.panels(name)
            width, height = (float(root.get(side)) for side in ("width", "height"))
            self.assertGreaterEqual(len(panels), 1, name)
            for panel in panels:
                area = panel.find(f"{NAMESPACE}rect[@class='area']")
                left, top, wide, high = (float(area.get(key)) for key in ("x", "y", "width", "height"))
                self.assertLess(left + wide, width)
                self.assertLess(top + high, height)
                points = []
                for path in panel.findall(f"{NAMESPACE}path"):
                    if path.get("class") in ("line", "band", "point"):
                        points += path_points(path.get("d"))
                for bar in panel.findall(f"{NAMESPACE}rect[@class='bar']"):
                    x, y, w, h = (float(bar.get(key)) for key in ("x", "y", "width", "height"))
                    points += [(x, y), (x + w, y + h)]
                self.assertTrue(points, name)
                for x, y in points:
                    self.assertTrue(left - 0.2 <= x <= left + wide + 0.2 and top - 0.2 <= y <= top + high + 0.2,
                                    f"{name}: ({x}, {y}) is outside of {left} {top} {wide} {high}")

    def test_the_legend_is_above_all_data(self):
        root, panels = self.panels("value-size/01-lines.svg")
        top = float(panels[0].find(f"{NAMESPACE}rect[@class='area']").get("y"))
        labels = [text for text in root.findall(f"{NAMESPACE}text") if text.text in ("read, rs:5,3", "write, repl:5")]
        self.assertEqual(len(labels), 2)
        for label in labels:
            self.assertLess(float(label.get("y")), top)

    def test_series_differ_without_colours(self):
        _, panels = self.panels("value-size/01-lines.svg")
        dashes = [path.get("stroke-dasharray") for path in panels[0].findall(f"{NAMESPACE}path[@class='line']")]
        self.assertEqual(len(set(dashes)), 4)
        bounds = {path.get("stroke-dasharray") for path in panels[0].findall(f"{NAMESPACE}path[@class='bound']")}
        self.assertEqual(bounds, {"6 4"})
        shapes = {path.get("d").split("m", 1)[1] for path in panels[0].findall(f"{NAMESPACE}path[@class='point']")}
        self.assertEqual(len(shapes), 4)

    def test_what_else_varies_becomes_panels(self):
        _, panels = self.panels("value-size/02-lines.svg")
        self.assertEqual([panel.find(f"{NAMESPACE}text").text for panel in panels], ["rs:5,3", "repl:5"])
        for panel in panels:
            self.assertEqual(len(panel.findall(f"{NAMESPACE}path[@class='point']")), 2 * 7)

    def test_events_are_labelled_and_stand_at_their_time(self):
        _, panels = self.panels("failures/01-timeline.svg")
        self.assertEqual(len(panels), 2)
        texts = [text.text for text in panels[0].findall(f"{NAMESPACE}text")]
        for event in ("kill s3", "pause s4", "reconfigure: replace s3 s6"):
            self.assertIn(event, texts)
        area, span = (panels[0].find(f"{NAMESPACE}rect[@class='{name}']") for name in ("area", "event"))
        self.assertGreater(float(span.get("x")), float(area.get("x")))

    def test_lines_are_broken_where_nothing_was_measured(self):
        _, panels = self.panels("failures/01-timeline.svg")
        moves = [[path.get("d").count("M") for path in panel.findall(f"{NAMESPACE}path[@class='line']")]
                 for panel in panels]
        self.assertEqual(moves, [[1, 1], [2, 2]])

    def test_bars_are_as_high_as_their_value(self):
        _, panels = self.panels("value-size/05-bars.svg")
        heights = [float(bar.get("height")) for bar in panels[0].findall(f"{NAMESPACE}rect[@class='bar']")]
        self.assertEqual(len(heights), 14)
        self.assertAlmostEqual(max(heights) / min(heights), 3, delta=0.05)  # 5 values sent, or 5/3

    def test_a_plot_that_can_not_be_drawn_is_told_and_the_others_are(self):
        result = lab("plot", self.dir / "failures")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"timeline.csv has no column nothing_us", result.stderr)
        self.assertEqual(len(list((self.dir / "failures/plots").iterdir())), 2)

    def test_the_same_tables_are_the_same_bytes(self):
        harness.must(lab("plot", self.dir / "value-size"))
        for path in (self.dir / "value-size/plots").iterdir():
            self.assertEqual(path.read_bytes(), self.pictures[f"value-size/{path.name}"])

    def test_files_that_are_no_tables_are_told(self):
        run = pathlib.Path(fake_runs.plain(self.dir / "broken"))
        self.assertEqual(lab("plot", self.dir / "nowhere").returncode, 3)
        for text, why in (("", b"no line of column names"), ("a,b\n1\n", b"points.csv:2: 1 cells in 2 columns")):
            (run / "points.csv").write_text(text)
            result = lab("plot", run)
            self.assertEqual(result.returncode, 2)
            self.assertIn(why, result.stderr)

    def test_tables_cut_off_anywhere_do_no_harm(self):
        run = pathlib.Path(fake_runs.plain(self.dir / "cut", repeats=2))
        for name in ("points.csv", "latencies.csv", "manifest.json", "experiment.cfg"):
            whole = (run / name).read_bytes()
            for share in range(1, 8):
                (run / name).write_bytes(whole[: len(whole) * share // 8])
                self.assertIn(lab("report", run, "-q", "-o", self.dir / "cut.html").returncode, (0, 2))
            (run / name).write_bytes(whole)


class Reports(WithRuns):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.dir / "report.html"
        harness.must(lab("report", *fake_runs.all_of(cls.dir), "-o", cls.path))
        cls.text = cls.path.read_text(encoding="utf-8")
        cls.page = Page(cls.text)

    def test_it_is_whole_and_needs_nothing_else(self):
        self.assertEqual(self.page.open, [])
        for attribute in ("src", "srcset", "data", "action", "background", "poster"):
            self.assertNotIn(attribute, {name for _, name, _ in self.page.attributes})
        self.assertTrue({"link", "img", "iframe", "object", "embed", "base", "form"}.isdisjoint(self.page.tags))
        for _, name, value in self.page.attributes:
            if name in ("href", "xlink:href"):
                self.assertTrue(value.startswith("#"), value)
        elsewhere = self.text.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http://nowhere.example/", "")
        self.assertNotIn("http", elsewhere)
        self.assertNotIn("@import", elsewhere)
        self.assertTrue(all(name.startswith("#p") for name in re.findall(r"url\(([^)]*)\)", elsewhere)))

    def test_what_files_say_stays_text(self):
        self.assertEqual(self.page.tags.count("script"), 1)
        self.assertNotIn("i", self.page.tags)
        self.assertFalse([name for _, name, _ in self.page.attributes if name.startswith("on")])
        self.assertIn("</title><script>alert('x')</script><img src=x onerror=alert(1)> & é", self.page.text)
        self.assertIn("<b>&amp; ]]> </svg><script>alert(2)</script>", self.page.text)
        self.assertNotIn("\x01", self.text)

    def test_names_within_the_page_are_unique_and_links_lead_somewhere(self):
        names = [value for _, name, value in self.page.attributes if name == "id"]
        self.assertEqual(len(names), len(set(names)))
        for _, name, value in self.page.attributes:
            if name == "href":
                self.assertIn(value[1:], names)

    def test_verdicts_are_words(self):
        self.assertIn("1 of 36 checks failed; 1 of 5 experiments is not complete", self.page.text)
        self.assertIn("FAILED 1 of 5 checks", self.page.text)
        self.assertEqual(len(re.findall(r'<span class="bad">FAILED</span></td>', self.text)), 1)
        self.assertEqual(len(re.findall(r'<span class="ok">passed</span></td><td>', self.text)), 35 + 3)
        self.assertIn("reads take a second round <always>", self.page.text)

    def test_every_run_has_its_title_its_plots_its_tables_and_its_manifest(self):
        self.assertEqual(self.page.tags.count("svg"), 5 + 2 + 2 + 1 + 1)
        self.assertIn("Plot 3 (timeline) can not be drawn: timeline.csv has no column nothing_us.", self.page.text)
        self.assertEqual(self.page.text.count('"revision": "0123abcd"'), 5)
        self.assertIn("median", self.page.text)
        self.assertIn("points.csv (140 rows)", self.page.text)

    def test_tables_show_medians_over_repeats(self):
        run = pathlib.Path(fake_runs.plain(self.dir / "medians", repeats=3))
        rows = [row.split(",") for row in (run / "points.csv").read_text().splitlines()]
        # The code is quoted, so that every later cell has moved by one.
        column = rows[0].index("ops_per_s") + 1
        for row, rate in zip((row for row in rows[1:] if "read" in row), (100, 900, 300)):
            row[column] = str(rate)
        (run / "points.csv").write_text("".join(",".join(row) + "\n" for row in rows))
        harness.must(lab("report", run, "-o", self.dir / "medians.html"))
        text = (self.dir / "medians.html").read_text()
        self.assertIn('<td class="n" data-v="300" title="100 to 900">300</td>', text)

    def test_a_report_that_can_not_be_made_leaves_the_old_one(self):
        before = self.path.read_bytes()
        result = lab("report", self.dir / "value-size", self.dir / "nowhere", "-o", self.path)
        self.assertEqual(result.returncode, 3)
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual(lab("report", self.dir / "plain", "-o", self.dir / "no/such/dir").returncode, 1)


class Comparisons(WithRuns):
    def compare(self, *arguments):
        result = lab("compare", "--json", *arguments)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result.returncode, json.loads(result.stdout)

    def pair(self, name, faster):
        """Two runs whose noise differs; the second one is so many times as fast."""
        parent = self.dir / name
        return (fake_runs.value_size(parent, "before", seed=1),
                fake_runs.value_size(parent, "after", faster=faster, seed=2))

    def test_noise_is_no_change(self):
        code, told = self.compare(*self.pair("noise", 1), "--metric", "p50_us,ops_per_s")
        self.assertEqual((code, told["worse"]), (0, 0))
        for metric in told["metrics"]:
            self.assertAlmostEqual(metric["ratio"], 1, delta=0.1)
            self.assertLess(metric["low"], metric["ratio"])
            self.assertEqual(len(metric["points"]), 28)

    def test_what_is_slower_is_found_in_both_directions(self):
        code, told = self.compare(*self.pair("slow", 1 / 1.5))
        self.assertEqual(code, 1)
        self.assertEqual([metric["metric"] for metric in told["metrics"]], ["p50_us", "p99_us", "ops_per_s"])
        latency, _, rate = told["metrics"]
        self.assertAlmostEqual(latency["ratio"], 1.5, delta=0.06)
        self.assertAlmostEqual(rate["ratio"], 1 / 1.5, delta=0.03)
        for metric in (latency, rate):
            self.assertEqual({point["change"] for point in metric["points"]}, {"worse"})

    def test_what_is_faster_is_better(self):
        code, told = self.compare(*self.pair("fast", 1.5), "--metric", "p50_us,ops_per_s")
        self.assertEqual((code, told["worse"]), (0, 0))
        self.assertEqual([metric["change"] for metric in told["metrics"]], ["better", "better"])

    def test_a_change_within_the_tolerance_is_none(self):
        before, after = self.pair("small", 1 / 1.5)
        self.assertEqual(self.compare(before, after, "--tolerance", "100%")[0], 0)
        self.assertEqual(self.compare(before, after, "--tolerance", "0.2", "--metric", "p50_us")[0], 1)
        self.assertEqual(lab("compare", before, after, "--tolerance", "-1").returncode, 2)

    def test_ratios_are_those_of_medians(self):
        parent = self.dir / "exact"
        paths = [pathlib.Path(fake_runs.plain(parent / name, repeats=3)) for name in ("a", "b")]
        for path, factor in zip(paths, (1, 2)):
            rows = (path / "points.csv").read_text().splitlines()
            column = rows[0].split(",").index("p50_us") + 1  # behind the code, which is quoted
            lines = [rows[0]]
            for number, row in enumerate(rows[1:]):
                cells = row.split(",")
                cells[column] = str((100 + number // 2) * factor)
                lines.append(",".join(cells))
            (path / "points.csv").write_text("\n".join(lines) + "\n")
        code, told = self.compare(*paths, "--metric", "p50_us")
        self.assertEqual(code, 1)
        for point in told["metrics"][0]["points"]:
            self.assertEqual((point["before"], point["after"], point["ratio"]), (101, 202, 2))
            self.assertAlmostEqual(point["low"], 200 / 102, places=6)
            self.assertAlmostEqual(point["high"], 204 / 100, places=6)

    def test_runs_of_other_things_are_told_by_their_columns(self):
        before = fake_runs.value_size(self.dir / "x", repeats=1)
        after = fake_runs.ablation(self.dir / "x")
        result = lab("compare", before, after)
        self.assertEqual(result.returncode, 2)
        for column in (b"code is rs:5,3, repl:5 before and rs:5,3 after", b"value_bytes is", b"switched_off is none"):
            self.assertIn(column, result.stderr)
        self.assertNotIn(b"delta", result.stderr)
        self.assertIn(b"no column nothing", lab("compare", before, before, "--metric", "nothing").stderr)

    def test_the_table_is_for_people(self):
        before, after = self.pair("people", 1 / 1.5)
        text = lab("compare", before, after).stdout.decode()
        self.assertRegex(text, r"rs:5,3, 64 KiB, read +\d+ µs +\d+ µs +\+\d+\.\d % .* WORSE")
        self.assertRegex(text, r"\d+ figures are worse by more than 10 %")


if __name__ == "__main__":
    unittest.main()
