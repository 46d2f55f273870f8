"""A YAML file with a fault is refused in one sentence that names the file, the line and the key."""

from pathlib import Path

import pytest

from resources.yaml_files import YamlError, read_yaml


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is already given in line 1; give it once"),
        ('a: 1\n"a": 2\n', 2, "'a' is already given in line 1"),
        ("a:\n  - {b: 1, b: 1}\n", 2, "'b' is already given in line 2"),
        ("a:\n  b:\n    c: 1\n    c: 2\n", 4, "'c' is already given in line 3"),
        ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", 2, "'<<' is already given in line 2"),
        ("a:\n\tb: 1\n", 2, "a tab; indent with spaces"),
        ("a: 1\nb: 1e6\n", 2, "1e6 is read as a text; write a number with a point"),
        ("a: [1\nb: 2\n", 2, "not YAML: while parsing a flow sequence"),
        ("a: *b\n", 1, "not YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 1\n", 2, "not YAML: expected a single document"),
        ("a: !!python/object:os.system x\n", 1, "not YAML: could not determine a constructor"),
        ("a: 1\nb: \x01\n", 2, "not YAML: a control character, U+0001"),
        ("{a: 1}: 2\n", 1, "not YAML: while constructing a mapping, found unhashable key"),
    ],
)
def test_a_fault_is_one_sentence_with_its_line(text: str, line: int, message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(YamlError) as refused:
        read_yaml(file)
    assert str(refused.value).startswith(f"{file}, line {line}: {message}")
    assert "\n" not in str(refused.value)


def test_bytes_that_are_not_utf_8_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(YamlError, match="line 2: byte 0xff is not UTF-8"):
        read_yaml(file)


def test_a_text_that_only_looks_like_a_date_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 2026-02-30\n")
    with pytest.raises(YamlError, match="day is out of range for month; write a text in quotes"):
        read_yaml(file)


def test_values_are_read_as_before(tmp_path: Path) -> None:
    """Merged keys may be replaced, an alias may repeat a part, and a number in quotes is a text."""
    file = tmp_path / "a.yaml"
    file.write_text('x: &x {a: 1}\ny: {<<: *x, a: 2}\nz: [*x, *x]\nn: [1.0e+6, "1e6", .5, 0x1e6]\n')
    assert read_yaml(file) == {
        "x": {"a": 1}, "y": {"a": 2}, "z": [{"a": 1}, {"a": 1}], "n": [1e6, "1e6", 0.5, 0x1E6]
    }  # fmt: skip
    file.write_text("")
    assert read_yaml(file) is None
