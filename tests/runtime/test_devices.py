"""One job per GPU: locks held by real processes, on devices that are only names."""

import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from scoregap import InputError
from scoregap.runtime import devices

UUIDS = ["8f2c-0", "8f2c-1"]
STUDY = Path("s.yaml")


@pytest.fixture(autouse=True)
def names(request, monkeypatch):
    """Names of this test's own, and nothing held by this process."""
    names = f"\0scoregap-test/{os.getpid()}/{id(request)}/"
    monkeypatch.setattr(devices, "NAME", names)
    monkeypatch.setattr(devices, "PAUSE", 0.02)
    monkeypatch.setattr(devices, "_held", {})
    yield names
    for held in devices._held.values():
        held.close()


JOB = """
import os, sys, time
from scoregap.runtime import devices
devices.NAME, devices.PAUSE = {names!r}, 0.02
if {user}:
    os.setgid({user})
    os.setuid({user})
index = devices.hold({wanted!r})
begun = time.time()
print("has", {wanted!r}[index], flush=True)
time.sleep({seconds})
print(begun, time.time(), flush=True)
"""


def job(names, wanted, seconds, user=0):
    """A process that takes one of the wanted devices for some seconds; user: another one than who runs the tests."""
    code = JOB.format(names=names, wanted=wanted, seconds=seconds, user=user)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_six_jobs_on_two_devices_never_meet_and_run_two_at_once(names):
    jobs = [job(names, UUIDS, 0.5) for _ in range(6)]
    spans = {uuid: [] for uuid in UUIDS}
    for one in jobs:
        output, errors = one.communicate(timeout=60)
        assert one.returncode == 0, errors
        uuid, begun, ended = re.fullmatch(r"has (\S+)\n(\S+) (\S+)\n", output).groups()
        spans[uuid].append((float(begun), float(ended)))
    assert sum(map(len, spans.values())) == 6
    for of_one in spans.values():
        ordered = sorted(of_one)
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(ordered))
    assert any(a[0] < b[1] and b[0] < a[1] for a in spans[UUIDS[0]] for b in spans[UUIDS[1]])  # at the same time


def test_a_killed_job_frees_its_device(names):
    holder = job(names, UUIDS[:1], 600)
    assert holder.stdout.readline() == f"has {UUIDS[0]}\n"
    before = len(os.listdir("/proc/self/fd"))
    assert devices._lock(UUIDS[0]) is None
    assert len(os.listdir("/proc/self/fd")) == before  # a job may look for hours, once a second
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert devices.hold(UUIDS[:1]) == 0


def test_one_device_is_waited_for_while_others_are_free(names):
    """cuda:k; the waiting is told, and ends with the holder."""
    holder = job(names, UUIDS[1:], 600)
    holder.stdout.readline()
    waiting = job(names, UUIDS[1:], 0)
    assert waiting.stderr.readline() == "waiting for a GPU for 0 s: all are taken\n"
    time.sleep(0.2)
    assert waiting.poll() is None
    assert devices.hold(UUIDS) == 0  # who takes any gets the free one meanwhile
    holder.kill()
    holder.communicate()
    assert waiting.communicate(timeout=60)[0].startswith(f"has {UUIDS[1]}\n")


def test_a_process_keeps_its_device_and_asks_again_for_free(names):
    assert devices.hold(UUIDS) == 0
    assert devices.hold(UUIDS[::-1]) == 1
    assert len(devices._held) == 1


def test_waiting_is_told_again(names, capsys, monkeypatch):
    holder = job(names, UUIDS[:1], 1.0)
    holder.stdout.readline()
    monkeypatch.setattr(devices, "REMIND", 0.3)
    devices.hold(UUIDS[:1])
    holder.communicate()
    assert 2 <= capsys.readouterr().err.count("waiting for a GPU") <= 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
@pytest.mark.parametrize("users", [(65534, 0), (0, 65534), (65533, 65534)])
def test_users_exclude_each_other(names, users):
    """Whoever comes first, and whatever became of whoever came before."""
    for _ in range(2):
        holder = job(names, UUIDS[:1], 600, users[0])
        assert holder.stdout.readline() == f"has {UUIDS[0]}\n"
        waiting = job(names, UUIDS[:1], 0, users[1])
        assert waiting.stderr.readline() == "waiting for a GPU for 0 s: all are taken\n"
        time.sleep(0.1)
        assert waiting.poll() is None
        holder.kill()
        holder.communicate()
        assert waiting.communicate(timeout=60)[0].startswith(f"has {UUIDS[0]}\n")


def test_holding_touches_no_file():
    """A FIFO, a link, a folder without permissions: whatever others lay into a shared folder cannot be in the way."""
    code = (
        "import os, sys\nfrom scoregap.runtime import devices\nseen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event[:3] in ('ope', 'os.') else None)\n"
        f"assert devices.hold({[f'audited-{os.getpid()}']!r}) == 0\nprint(*seen)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize(
    ("name", "count", "wanted"),
    [
        ("cpu", 2, []), ("auto", 0, []), ("auto", 2, [0, 1]), ("cuda", 2, [0, 1]), ("cuda:0", 1, [0]),
        ("cuda:1", 3, [1]), ("cuda:12", 13, [12]),
    ],
)  # fmt: skip
def test_names_of_devices(name, count, wanted):
    devices.check(Path("s.yaml"), name, count)
    assert devices.places(name, count) == wanted


@pytest.mark.parametrize(("name", "count", "there"), [("cuda", 0, "cpu"), ("cuda:1", 1, "cpu, cuda, cuda:0")])
def test_devices_that_are_not_there(name, count, there):
    with pytest.raises(InputError) as error:
        devices.check(Path("s.yaml"), name, count)
    assert str(error.value) == f"s.yaml: train.device: {name!r} is not on this machine: allowed here are auto, {there}"


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs, as torch shows them; returns what was chosen as the current one."""
    import torch

    chosen = []
    monkeypatch.setattr(devices, "uuids", lambda: UUIDS)
    monkeypatch.setattr(torch.cuda, "get_device_name", "model {}".format)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


@pytest.mark.parametrize(("name", "index"), [("auto", 0), ("cuda", 0), ("cuda:1", 1)])
def test_the_device_that_is_taken_is_torch_s(names, two_gpus, capsys, name, index):
    import torch

    assert devices.take(Path("s.yaml"), name) == torch.device("cuda", index)
    assert two_gpus == [index]
    assert list(devices._held) == [UUIDS[index]]
    assert capsys.readouterr().err == f"on cuda:{index}, model {index}\n"


def test_the_second_job_gets_the_second_device(names, two_gpus):
    holder = job(names, UUIDS, 600)
    holder.stdout.readline()
    assert devices.take(Path("s.yaml"), "auto").index == 1
    holder.kill()
    holder.communicate()


def test_the_cpu_is_never_taken(names, two_gpus, monkeypatch):
    with monkeypatch.context() as without:
        without.delattr(devices, "uuids")  # asking costs memory on every GPU
        assert devices.take(Path("s.yaml"), "cpu").type == "cpu"
    monkeypatch.setattr(devices, "uuids", list)
    assert devices.take(Path("s.yaml"), "auto").type == "cpu"
    with pytest.raises(InputError, match="'cuda' is not on this machine"):
        devices.take(Path("s.yaml"), "cuda")
    assert devices._held == {}


def test_usable_asks_only_where_there_may_be_gpus(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="4\n")

    monkeypatch.setattr(devices.subprocess, "run", run)
    monkeypatch.setattr(devices, "DRIVERS", ("/absent",))
    assert (devices.usable(STUDY, "cpu"), devices.usable(STUDY, "auto"), len(asked)) == (0, 0, 0)
    assert devices.usable(STUDY, "cuda") == 4
    monkeypatch.setattr(devices, "DRIVERS", ("/absent", "/dev/null"))
    assert devices.usable(STUDY, "auto") == 4
    assert devices.usable(STUDY, "cpu") == 0


@pytest.mark.parametrize(
    ("code", "error", "why"),
    [(1, "Traceback ...\nImportError: libtorch.so: no such file\n", "ImportError: libtorch.so: no such file"),
     (-11, "", "exit status -11")],
)  # fmt: skip
def test_a_torch_that_cannot_be_imported_is_one_line(monkeypatch, code, error, why):
    run = lambda command, **_: subprocess.CompletedProcess(command, code, "", error)  # noqa: E731
    monkeypatch.setattr(devices.subprocess, "run", run)
    with pytest.raises(
        InputError, match=rf"^s\.yaml: train\.device: torch cannot be asked for GPUs: {why}: "
    ) as caught:
        devices.usable(STUDY, "cuda")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
def test_usable_is_what_torch_says_and_not_what_lies_in_the_current_folder(tmp_path, monkeypatch):
    import torch

    (tmp_path / "torch.py").write_text("print(7)\nraise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "DRIVERS", ("/dev/null",))
    assert devices.usable(STUDY, "auto") == torch.cuda.device_count()


def test_float32_is_float32_on_any_device_that_is_taken():
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    devices.take(Path("s.yaml"), "cpu")  # which leaves them as they should be
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.gpu
def test_a_card_is_taken_by_one_process_at_a_time(names):
    uuids = devices.uuids()[:1]
    assert devices.take(Path("s.yaml"), "cuda:0").type == "cuda"
    waiting = job(names, uuids, 0)
    assert waiting.stderr.readline() == "waiting for a GPU for 0 s: all are taken\n"
    devices._held.pop(uuids[0]).close()
    assert waiting.communicate(timeout=60)[0].startswith(f"has {uuids[0]}\n")
