"""Reading YAML files that people write.

Belongs here: the values of a file, and its faults in one sentence with file, line and key. Does not belong here: which
keys a file may have, and their types (`resources.environments`, `assets.product.contracts.contract`).

YAML lets a key that is given twice win silently, and its older version 1.1, which PyYAML reads, takes `1e6` for a text.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from resources.errors import LooplineError

_TEXT = "tag:yaml.org,2002:str"
_NUMBER_IN_1_2 = re.compile(r"[+-]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][+-]?[0-9]+")


class YamlError(LooplineError):
    """A file is not YAML in UTF-8, or gives a key twice; the message names file, line and remedy."""


def read_yaml(path: Path) -> Any:
    """The value of a file with one YAML document.

    Raises:
        YamlError: The file is not YAML in UTF-8, gives a key twice, or has a number that PyYAML reads as a text.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise YamlError(f"{path}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8") from error
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        for node in _nodes(root):
            _check(path, node)
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line_text = f", line {mark.line + 1}" if mark is not None else ""
        tab = "\\t" in (error.problem or "")
        fault = ", ".join(part for part in (error.context, error.problem) if part)
        problem = "a tab; indent with spaces" if tab else f"not YAML: {fault}"
        raise YamlError(f"{path}{line_text}: {problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"{path}, line {line}: not YAML: a control character, U+{error.character:04X}") from error
    except ValueError as error:
        # A text without quotes that looks like a date, but is none: 2026-02-30.
        raise YamlError(f"{path}: not YAML: {error}; write a text in quotes") from error
    finally:
        if loader is not None:
            loader.dispose()


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """All nodes of a document, each once: aliases repeat nodes."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        yield node
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        inner = [part for pair in pairs for part in pair]
        inner += node.value if isinstance(node, yaml.SequenceNode) else []
        fresh = [part for part in inner if id(part) not in seen]
        seen |= {id(part) for part in fresh}
        waiting += fresh


def _check(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line, known = key.start_mark.line + 1, first.get((key.tag, key.value))
            if known is not None:
                raise YamlError(f"{path}, line {line}: '{key.value}' is already given in line {known}; give it once")
            first[key.tag, key.value] = line
    elif isinstance(node, yaml.ScalarNode) and node.tag == _TEXT and node.style is None:
        line = node.start_mark.line + 1
        if _NUMBER_IN_1_2.fullmatch(node.value):
            raise YamlError(
                f"{path}, line {line}: {node.value} is read as a text; write a number with a point and a sign in its "
                f"exponent, as {float(node.value)!r}, or a text in quotes"
            )
