"""What is printed commands no terminal, and whoever reads it may stop."""

import os
import subprocess
import sys

import pytest

from scoregap.runtime import terminal
from scoregap.runtime.terminal import Lasting, tell


def test_control_characters_are_escaped_and_lines_stay(capsys):
    tell("a\n\x1b[2Jb\r\t\x85\u2028\u202e\ud800é✓ \x00")
    assert capsys.readouterr().out == "a\n\\x1b[2Jb\\r\\t\\x85\\u2028\\u202e\\ud800é✓ \\x00\n"
    tell("b", to=sys.stderr)
    assert capsys.readouterr() == ("", "b\n")


def broken():
    """A descriptor whose reader is gone."""
    ours, theirs = os.pipe()
    os.close(ours)
    return theirs


def test_a_stream_whose_reader_is_gone_leads_nowhere():
    descriptor = broken()
    with Lasting(descriptor, "utf-8") as stream:
        for _ in range(3):
            print("x", file=stream, flush=True)
        stream.write("y" * 10**6)
    os.close(descriptor)


def test_a_full_disk_is_told_once():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = Lasting(descriptor, "utf-8")
    with pytest.raises(OSError, match="No space left") as caught:
        print("x", file=stream)
    assert caught.value.filename == "what is printed"
    print("y", file=stream, flush=True)
    stream.close()
    os.close(descriptor)


def test_what_an_encoding_cannot_say_is_replaced(tmp_path):
    with (tmp_path / "a").open("wb") as file, Lasting(file.fileno(), "latin-1") as stream:
        tell("é\N{SNOWMAN}", to=stream)
    assert (tmp_path / "a").read_bytes() == "é?\n".encode("latin-1")


def test_lost_raises_what_is_no_lost_reader(tmp_path):
    with (tmp_path / "a").open("w") as stream, pytest.raises(OSError, match="quota"):
        terminal.lost(OSError(122, "quota"), stream)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["studies"], 0),
        *(pytest.param([one], code, marks=pytest.mark.slow) for one, code in (("--help", 0), ("nope", 2))),
    ],
)
def test_commands_end_quietly_where_nobody_reads_on(arguments, status):
    """As of `| head -1`, also of `2>&1 | head -1`; help is printed by another library."""
    descriptor = broken()
    command = [sys.executable, "-m", "scoregap", *arguments]
    ended = subprocess.run(command, stdout=descriptor, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == status
    assert (ended.stderr == "") == (status == 0)
    assert "Traceback" not in ended.stderr
    ended = subprocess.run(command, stdout=descriptor, stderr=descriptor, check=False)
    assert ended.returncode == status
    os.close(descriptor)
