"""The run that waits for a GPU: what it misses, how it bounds its parts, and a dry run on this machine."""

import csv
import importlib
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "gpu.sh"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "gpu")
    import run

    yield run
    sys.modules.pop("run")


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def script(*arguments, **variables):
    """A call of the script."""
    return subprocess.run(
        ["bash", SCRIPT, *arguments], env=os.environ | variables, cwd="/", capture_output=True, text=True, check=False
    )


def test_a_python_without_torch_is_told_before_anything_runs(tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    done = script(SCOREGAP_PYTHON=str(bare), SCOREGAP_GPU_RESULTS=str(tmp_path / "out"))
    assert done.returncode == 2
    assert "install them first" in done.stdout
    assert not (tmp_path / "out").exists()


def test_a_machine_without_a_driver_is_told_at_once(tmp_path, gpu, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "DRIVERS", (str(tmp_path / "none"),))
    monkeypatch.setattr(gpu, "GIVEN", str(tmp_path / "out"))
    assert gpu.main([]) == 2
    assert "no GPU driver" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("version", "said"), [("cuda = None", "2.0+x"), ("cuda = '12.8'", ""), ("cuda = None\nhip = '6.2'", "")]
)
def test_a_torch_without_cuda_is_told_at_once(tmp_path, gpu, monkeypatch, version, said, capsys):
    (tmp_path / "version.py").write_text(f"__version__ = '2.0+x'\n{version}\n")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda _: found)
    assert gpu.without_cuda() == said
    monkeypatch.setattr(gpu, "DRIVERS", (str(tmp_path),))
    monkeypatch.setattr(gpu, "GIVEN", str(tmp_path / "out"))
    monkeypatch.setattr(gpu, "unusable", lambda: "the driver is too old")
    assert gpu.main([]) == 2
    assert ("torch 2.0+x of " if said else "cannot use the GPU: the driver is too old") in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_torch_says_itself_why_it_cannot_use_a_gpu(gpu, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert re.search("CUDA|HIP", gpu.unusable())


def test_looking_for_what_is_missing_imports_nothing():
    code = (
        "import sys; sys.path.insert(0, 'tests/gpu'); import run; run.missing(run.TESTS); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


PARTS = {
    "good": "pass",
    "bad": "print('what it says'); raise SystemExit(3)",
    "slow": "import time; time.sleep(60)",
    "deaf": "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)",
}


@pytest.mark.parametrize(
    ("name", "ended", "status"),
    [("good", "finished", 0), ("bad", "failed with exit status 3", 1), ("slow", "stopped at its time", 0),
     ("deaf", "stopped at its time", 0)],
)  # fmt: skip
def test_a_part_ends_at_its_time_and_its_end_is_noted(tmp_path, gpu, monkeypatch, name, ended, status):
    monkeypatch.setattr(gpu, "GRACE", 1.0)
    monkeypatch.setattr(gpu, "GIVEN", str(tmp_path))
    part = gpu.Part(name, "", 3.0, ("torch",), ("-c", PARTS[name]))
    monkeypatch.setattr(gpu, "parts", lambda tiny, results: [part])
    start = time.monotonic()
    assert gpu.main(["--tiny"]) == status
    assert time.monotonic() - start < 20
    assert [row["ended"] for row in rows(tmp_path / "gpu-parts.csv")] == [ended]
    assert ("what it says" in (tmp_path / f"gpu-{name}.txt").read_text()) == (name == "bad")


def test_a_run_that_is_terminated_leaves_its_row_and_no_process(tmp_path):
    slow = f"open({str(tmp_path / 'began')!r}, 'w').write(str(__import__('os').getpid())); import time; time.sleep(60)"
    code = f"""
import signal, sys
sys.path.insert(0, "tests/gpu")
import run
run.parts = lambda tiny, results: [run.Part("tests", "", 60.0, (), ("-c", {slow!r}))]
signal.signal(signal.SIGTERM, run.stopped)
sys.exit(run.main(["--tiny"]))
"""
    env = os.environ | {"SCOREGAP_GPU_RESULTS": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as running:
        end = time.monotonic() + 60
        while not ((tmp_path / "began").exists() and (tmp_path / "began").read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        running.terminate()
        assert running.wait(60) == 130
    assert [row["ended"] for row in rows(tmp_path / "gpu-parts.csv")] == ["stopped from outside"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "began").read_text()), 0)


def test_the_record_of_parts_names_no_folder_of_this_machine(tmp_path, gpu):
    for part in gpu.parts(False, tmp_path):
        gpu.note(part, "finished", 1.0, tmp_path)
    written = (tmp_path / "gpu-parts.csv").read_text()
    assert str(ROOT) not in written
    assert str(tmp_path) not in written


@pytest.fixture
def measuring(monkeypatch, tmp_path):
    """(name of a script that measures, its arguments) -> its module."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "gpu")
    imported = []

    def found(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--tiny", *arguments])
        imported.extend((name, "common"))
        monkeypatch.delitem(sys.modules, name, raising=False)  # there is another of the name beside the tests
        module = importlib.import_module(name)
        monkeypatch.setattr(sys.modules["common"], "RESULTS", tmp_path)
        return module

    import torch

    threads = torch.get_num_threads()
    yield found
    torch.set_num_threads(threads)
    for name in imported:
        sys.modules.pop(name, None)


def test_what_fails_leaves_the_rest_of_its_part(measuring, monkeypatch, capsys):
    module, called = measuring("throughput"), []

    def fails(*_):
        raise TypeError("of another version")

    monkeypatch.setattr(module, "agreement", fails)
    monkeypatch.setattr(module.Part, "rate", fails)
    monkeypatch.setattr(module, "throughput", lambda *given: called.append(given[2]))
    monkeypatch.setattr(module, "precision", lambda *_: called.append("precision"))
    assert module.main() == 1
    assert called == ["eager", "precision"]
    assert capsys.readouterr().out.count("TypeError: of another version") == 2


def test_a_time_is_not_of_the_first_call(measuring):
    part, calls = measuring("common", "--seconds", "0").Part("times"), []

    def call():
        calls.append(time.sleep(0 if calls else 0.2))

    assert part.over
    assert part.seconds(call) < 0.1


def test_products_of_jacobians_are_counted_in_place_too(measuring):
    module = measuring("jacobians")
    dim, points, width = 64, 3, module.WIDTH
    _, counted = module.jacobians(dim, points, module.CPU)
    back = 2 * points * dim * (module.DEPTH * 3 * width**2 + width * dim)  # per row: mix, and both sides of a gate
    assert back < counted < 1.1 * back


def test_parts_are_left_out_where_something_is_missing_or_as_asked(tmp_path, gpu, monkeypatch):
    monkeypatch.setattr(gpu, "GIVEN", str(tmp_path))
    some = [gpu.Part(name, "", 9.0, ("no_such_module",), ("-c", "raise SystemExit(3)")) for name in ("tests", "paper")]
    monkeypatch.setattr(gpu, "parts", lambda tiny, results: some)
    assert gpu.main(["--tiny", "--skip", "paper"]) == 0
    assert [row["ended"] for row in rows(tmp_path / "gpu-parts.csv")] == [
        "left out: no_such_module is missing", "left out, as asked"
    ]  # fmt: skip
    monkeypatch.setattr(gpu, "SECONDS", 1.0)
    some[0] = some[0]._replace(needs=())
    assert gpu.main(["--tiny", "--skip", "paper"]) == 0
    assert rows(tmp_path / "gpu-parts.csv")[2]["ended"] == "left out: no time is left"


def test_all_parts_fit_into_nine_minutes(gpu, tmp_path):
    assert gpu.SECONDS == 540 or "SCOREGAP_GPU_SECONDS" in os.environ
    parts = gpu.parts(False, tmp_path)
    assert tuple(part.name for part in parts) == gpu.NAMES
    assert sum(part.seconds for part in parts[:-1]) < 0.75 * 540  # and something is left for the last
    marked = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_gpu.py"
              and re.search(r"mark\.gpu\b", path.read_text())}  # fmt: skip
    assert marked <= set(parts[0].command)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["throughput", "jacobians"])
def test_measurements_need_torch_and_numpy_alone(tmp_path, gpu, name):
    code = f"""
import sys, importlib.abc, runpy
class Absent(importlib.abc.MetaPathFinder):
    def __init__(self, others):
        self.others = others
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in {(*gpu.PACKAGE, *gpu.TESTS)!r}:
            return next(filter(None, (one.find_spec(name, path, target) for one in self.others)), None)
sys.meta_path[:] = [Absent([*sys.meta_path])]
sys.argv = ["{name}.py", "--tiny", "--seconds", "0"]
sys.path.insert(0, "tests/gpu")
runpy.run_path("tests/gpu/{name}.py", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"SCOREGAP_GPU_RESULTS": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_dry_run_goes_through_every_part(tmp_path, gpu):
    """Of less than two minutes of one core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = script("--tiny", SCOREGAP_GPU_RESULTS=str(tmp_path), SCOREGAP_PYTHON=sys.executable)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 120
    assert {row["part"]: row["ended"] for row in rows(tmp_path / "gpu-parts.csv")} == dict.fromkeys(
        gpu.NAMES, "finished"
    )
    for table, count in (
        ("agreement", 5),
        ("rates", 3),
        ("throughput", 4),
        ("precision", 6),
        ("jacobians", 2),
        ("decompositions", 2),
    ):
        found = rows(tmp_path / f"gpu-{table}.csv")
        assert len(found) == count, table
        for row in found:
            assert all(row[key] for key in ("card", "date", "versions", "command"))
    far = [float(row["largest_difference"]) for row in rows(tmp_path / "gpu-agreement.csv")]
    assert far[:3] == [0, 0, 0]
    assert 0 < far[3] < 32 * np.finfo(np.float32).eps  # what a product of d = 32 numbers may be off, at most
    assert far[4] == 0
    for row in rows(tmp_path / "gpu-throughput.csv"):
        assert float(row["times_faster"]) > 0
        assert 0 < float(row["share_of_rate"]) < 1
    assert (tmp_path / "gpu-paper" / "tiny" / "comparison.csv").exists()
