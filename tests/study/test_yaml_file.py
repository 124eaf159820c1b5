"""A YAML file is read within bounds, or refused in one line that says where; nothing here is large."""

import math
import os

import pytest
import yaml
from bounded import at_once
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import edited

from scoregap import InputError
from scoregap.regression import baselines
from scoregap.runtime import workflow
from scoregap.study import load, yaml_file
from scoregap.study.yaml_file import DEEPEST, MOST_DIGITS, MOST_VALUES, read_yaml


def refused(path, text, *says):
    """One line that names the file and says this."""
    path.write_text(text)
    with at_once(), pytest.raises(InputError) as caught:
        read_yaml(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert len(line) < 600
    for one in says:
        assert one in line
    return line


TAGS = ("bool", "int", "float", "timestamp", "binary", "null", "set", "omap", "pairs", "seq", "map", "str", "merge")
CONTENTS = ("", "x", "é", "''", "'2001-99-99'", "'-'", "'+'", "'.'", "'_'", "0x", "0b2", "1:", "[1]", "{a: 1}", "[[1]]",
            "{[1]: 2}", "[a: 1, a: 1]")  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_with_any_content_means_something_or_is_refused(tmp_path, tag, content):
    path = tmp_path / "a.yaml"
    path.write_text(f"a: 1\nb: !!{tag} {content}\n")
    try:
        found = read_yaml(path)
    except InputError as error:
        found, said = {}, str(error)
    assert found.get("a") == 1 or (said.startswith(f"{path}: line ") and said.isprintable())


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("!!timestamp x", "line 2: is not YAML: 'x' is no timestamp"),
        ("!!bool x", "line 2: is not YAML: 'x' is no bool"),
        ("!!int ''", "line 2: is not YAML: '' is no int"),
        ("!!float '-'", "line 2: is not YAML: '-' is no float"),
        ("2001-99-99", "line 2: is not YAML: '2001-99-99' is no timestamp"),
        ("0x_", "line 2: is not YAML: '0x_' is no int"),
        ("!!python/name:os.system", "line 2: is not YAML: could not determine a constructor"),
        ("!<tag:yaml.org,2002:python/none> ", "line 2: is not YAML: could not determine a constructor"),
        ("{[1]: 2}", "line 2: is not YAML: a list or a mapping is no key"),
        ("{a: 1, 'a': 2}", "line 2: key 'a' is written twice"),
        ('{"\\n\\e[2J": 1, "\\n\\e[2J": 2}', "key '\\n\\x1b[2J' is written twice"),
        ("\0", "is not YAML: unacceptable character #x0000"),
        ("\n  steps:100\n\n  c: 1", "line 5: is not YAML: mapping values are not allowed here: line 3 has no key "
         "with a colon and a space after it"),
        ("1\nstudy tiny\nc: 1", "line 4: is not YAML: could not find"),
        ("\n  study tiny\n  c: 1", "line 4: is not YAML: mapping values are not allowed here: line 3 has no key "
         "with a colon"),
        ("x: y", "line 2: is not YAML: mapping values are not allowed here: a second colon in the line, or"),
        ("1\n---\n2", "line 3: is not YAML: but found another document"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_told_by_its_line(tmp_path, value, says):
    refused(tmp_path / "a.yaml", f"a: 1\nb: {value}\n", says)


@pytest.mark.parametrize(
    "number",
    ["9" * 10**5, "0x" + "f" * 5000, "0" + "7" * 9000, "0b" + "1" * 20000, "1" + ":59" * 3000, "1" + "_0" * 3000,
     "1." + "5" * 5000, "-" + "8" * 401, "!!int '" + "1" * 5000 + "'"],
    ids=["decimal", "hexadecimal", "octal", "binary", "sexagesimal", "with _", "fraction", "negative", "as text"],
)  # fmt: skip
def test_numbers_of_many_digits_are_refused_however_they_are_written(tmp_path, number):
    refused(tmp_path / "a.yaml", f"a: {number}\n", f"line 1: a number of more than {MOST_DIGITS} characters is not")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("1:40", "1:40 (YAML's 100, in base 60) is not allowed: should be 100, or a text in quotes"),
        ("-1:40", "-1:40 (YAML's -100, in base 60)"),
        ("190:20:30", "190:20:30 (YAML's 685230, in base 60)"),
        ("1:30.5", "1:30.5 (YAML's 90.5, in base 60)"),
        ("!!int '2:00'", "2:00 (YAML's 120, in base 60)"),
        ("!!float '1:40'", "1:40 (YAML's 100.0, in base 60)"),
        ("050", "050 (YAML's 40, in base 8) is not allowed: should be 40, or a text in quotes"),
        ("-017", "-017 (YAML's -15, in base 8)"),
        ("+0_10", "+0_10 (YAML's 8, in base 8)"),
        ("007", "007 (YAML's 7, in base 8)"),
        ("!!int '010'", "010 (YAML's 8, in base 8)"),
    ],
)
def test_numbers_that_mean_another_than_they_look_are_refused(tmp_path, number, says):
    for text in ("a: 1\nb: {}\n", "a: 1\nb: [2, {}]\n", "a: 1\n? {}\n: 3\n", "a: 1\nb: &x {}\nc: *x\n"):
        refused(tmp_path / "a.yaml", text.replace("{}", number), f"line 2: {says}")


def test_other_forms_of_numbers_and_texts_are_read_as_before(tmp_path):
    forms = ("0", "-0", "0.5", "007.5", "1e-3", "1.0e-3", "1_000", "0x1F", "0b101", "0o50", "'1:40'", "'050'", "08",
             "!!float '050'", "1:61", "a:1", "2001-01-01", "12:30:99")  # fmt: skip
    text = "".join(f"- {form}\n" for form in forms)
    (tmp_path / "a.yaml").write_text(text)
    assert read_yaml(tmp_path / "a.yaml") == yaml.safe_load(text)


def test_numbers_of_a_few_digits_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text(f"- {'9' * 400}\n- 0x{'f' * 90}\n- 1.5e+3\n- {'9' * 999}x\n- .inf\n")
    nines, hexadecimal, thousands, text, endless = read_yaml(tmp_path / "a.yaml")
    assert nines == 10**400 - 1
    assert hexadecimal == 16**90 - 1
    assert (thousands, len(text), endless) == (1500.0, 1000, math.inf)


REPEATED = "a: &a [1, 2, 3, 4]\nb: &b [*a, *a, *a]\nc: [*b, *b]\n"  # 1 + 3 + 5 + 1 + 15 + 1 + 32 values
MERGED = "a: &a {k: 1, l: 2}\nb: &b {<<: [*a, *a], m: 3}\nc: {<<: *b}\n"


@pytest.mark.parametrize("text", [REPEATED, MERGED, "a: {b: [c, {d: e}]}\n", "[]\n"])
def test_values_count_as_often_as_aliases_repeat_them(tmp_path, monkeypatch, text):
    def size(value):
        nodes = value.value if isinstance(value, yaml.CollectionNode) else ()
        return 1 + sum(size(one) for pair in nodes for one in (pair if isinstance(pair, tuple) else (pair,)))

    (tmp_path / "a.yaml").write_text(text)
    values = size(yaml.compose(text))
    monkeypatch.setattr(yaml_file, "MOST_VALUES", values)
    assert read_yaml(tmp_path / "a.yaml") == yaml.safe_load(text)
    monkeypatch.setattr(yaml_file, "MOST_VALUES", values - 1)
    refused(
        tmp_path / "a.yaml", text, f"a file of more than {values - 1} values (aliases repeat what they name) is not"
    )


def test_the_bound_holds_for_lists_merges_and_keys(tmp_path):
    """Some hundred aliases of some hundred values: nothing to any reader, and more than the bound here."""
    hundreds = MOST_VALUES // 300
    many = ", ".join(f"k{i}: 1" for i in range(hundreds))
    for text in (f"a: &a {{{many}}}\nb: [{'*a,' * 200}]\n", f"a: &a {{{many}}}\nb: {{<<: [{'*a,' * 200}]}}\n"):
        refused(tmp_path / "a.yaml", text, f"line 2: a file of more than {MOST_VALUES} values")


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a {<<: *a}\n", "&a [{b: [*a]}]\n"])
def test_what_holds_itself_is_refused(tmp_path, text):
    refused(tmp_path / "a.yaml", text, "line 1: an alias of what it is in is not allowed")


@pytest.mark.parametrize("of", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(tmp_path, of):
    refused(tmp_path / "a.yaml", of * 3000, f"line 1: a depth of more than {DEEPEST} levels is not allowed")


def test_the_bounds_are_those_of_the_documents():
    """docs/how_to/write_a_study.md."""
    assert (yaml_file.MOST_BYTES, MOST_VALUES, DEEPEST, MOST_DIGITS) == (2**20, 100_000, 30, 400)


def test_bytes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(yaml_file, "MOST_BYTES", 100)
    refused(tmp_path / "a.yaml", "#" * 101, "cannot be read: has more than 100 bytes")


def test_the_bounds_hold_in_profiles_too(tmp_path):
    """A profile is YAML of the user's, read before Snakemake reads it."""
    for text in ("a: &a [*a]\n", f"a: {'9' * 5000}\n", "a: !!bool x\n", "a: 1\na: 2\n", "[" * 500, "[1]", "a: \0"):
        (tmp_path / "config.yaml").write_text(text)
        with at_once(), pytest.raises(InputError) as caught:
            workflow._executor(tmp_path)
        assert str(caught.value).startswith("--profile: ")
        assert str(caught.value).isprintable()
    (tmp_path / "config.yaml").write_text("executor: slurm\njobs: 5\n")
    assert workflow._executor(tmp_path) == ("slurm", {"executor": "slurm", "jobs": 5})


LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def of(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(content=LEAF | of(LEAF | of(LEAF)))
def test_plain_data_are_read_as_they_were_written(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("yaml") / "a.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    assert read_yaml(path) == content


@pytest.mark.parametrize("name", ["A", "a b", "Ä", "", " ", "a.b", "-", "x" * 33])
def test_a_wrong_name_of_a_block_is_told_as_it_is_written(tmp_path, name):
    path = edited(tmp_path, ("batch: [seed]", f"blocks:\n  '{name}': {{curvature: [0.0]}}\nbatch: [seed]"))
    with pytest.raises(InputError, match=rf": blocks: the name '{name}' is not allowed: should be lower-case"):
        load(path)


def test_a_profile_whose_file_is_none_says_what_it_is(tmp_path):
    """And a baseline that is a folder is not one that is yet to be made."""
    (tmp_path / "a.yaml").write_text("")
    study = load(edited(tmp_path))
    for name, make, says in (
        ("fifo", os.mkfifo, "is a FIFO; should be a regular file"), ("folder", os.mkdir, "is a folder"),
        ("circle", lambda path: os.symlink(path, path), "is a circle of links; should be a regular file"),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        make(tmp_path / name / "config.yaml")
        with at_once(), pytest.raises(InputError, match=says) as caught:
            workflow.check(study, tmp_path / "results", None, tmp_path / name)
        assert caught.value.key == "--profile"
    with pytest.raises(InputError, match="is a folder: should be a file"):
        baselines.read(tmp_path)


@pytest.mark.parametrize("text", ["é", "a", "abcde", "日本"])
def test_no_message_is_of_pythons_codecs(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(f"a: !!binary '{text}'", encoding="utf-8")
    with pytest.raises(InputError, match=f": line 1: is not YAML: '{text}' is no binary$"):
        read_yaml(path)
