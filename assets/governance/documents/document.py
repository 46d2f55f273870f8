"""A document as values, its check and its Markdown.

Belongs here: sections with rows, each of a figure; the checks that no number stands without a record. Does not belong
here: which figures a document has (`risk.py`, `sections.py`), the model card's own layout
(`assets.governance.model_card`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.governance.documents.numbers import Numbers, numbers_in, numbers_of
from assets.governance.documents.records import DocumentError, Figure, Records, disagreement

NOT_RECORDED = "not recorded"
_DIGIT = re.compile(r"\d")
_MARK = re.compile(r"\[([a-z_]+)(?:: [^\]]*)?\]")
_SECTION_MARK = re.compile(r"^Record: ([a-z_, ]+)\.$", re.MULTILINE)
_LONGEST = 20


@dataclass(frozen=True)
class Row:
    """A line of a section: what it is, and its figure; `None` where nothing was recorded."""

    label: str
    figure: Figure | None


@dataclass(frozen=True)
class Section:
    """A part of a document.

    Attributes:
        note: A sentence for all versions alike, without a number; empty for none.
    """

    title: str
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class Document:
    """A document.

    Attributes:
        title: Its kind, without a number.
        about: The figures of its heading: product and version.
    """

    title: str
    about: tuple[Row, ...]
    sections: tuple[Section, ...]


def markdown(document: Document, records: Records) -> str:
    """The document as Markdown: every figure with its record, and the records at the end.

    Raises:
        DocumentError: A figure is not what its record says, or a text has a number of no record.
    """
    faults = faults_of(document, records)
    if faults:
        raise DocumentError(f"{document.title}: {'; '.join(faults)}")
    parts = [f"# {document.title}", _table(document.about)]
    for section in document.sections:
        parts += [f"## {section.title}", *([section.note] if section.note else []), _table(section.rows)]
    return checked_text("\n\n".join([*parts, records_section(records)]) + "\n", records)


def faults_of(document: Document, records: Records) -> list[str]:
    """What no record backs: figures that are not what was recorded, and numbers within labels, titles and notes."""
    rows = [*document.about, *(row for section in document.sections for row in section.rows)]
    texts = [document.title, *(row.label for row in rows)]
    texts += [text for section in document.sections for text in (section.title, section.note)]
    planted = [f"'{text}' has a number of no record" for text in texts if _DIGIT.search(text)]
    wrong = [disagreement(records, row.figure) for row in rows if row.figure is not None]
    return [*planted, *(text for text in wrong if text)]


def checked_text(text: str, records: Records) -> str:
    """The text of a document, in which every number is one of the record that its line or section names.

    A section may name its records once, in a line `Record: bundle, answers.`; else each line with a number has a mark
    `[bundle: metrics.test.auc]`.

    Raises:
        DocumentError: A number is of no record; the message has the line.
    """
    known: dict[tuple[str, ...], Numbers] = {}
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        whole = _SECTION_MARK.search(section)
        for line in section.splitlines():
            keys = tuple(whole[1].split(", ")) if whole else tuple(_MARK.findall(line))
            keys = tuple(key for key in keys if key in records)
            found = [records[key] for key in keys]
            if keys not in known:
                known[keys] = numbers_of(*((one.name, one.data) for one in found))
            strange = [word for word in numbers_in(_MARK.sub("", line)) if not known[keys].has(word)]
            if strange:
                of = f"of {', '.join(keys)}" if keys else "of any record"
                raise DocumentError(
                    f"{strange[0]} is no number {of}: {line.strip()[:200]!r}; print recorded figures alone"
                )
    return text


def records_section(records: Records) -> str:
    """The list of records, each under the key that stands beside the figures."""
    lines = [f"- `{key}`: {_plain(record.name)} [{key}]" for key, record in records.items()]
    return "\n".join(["## Records", "", *lines])


def text_of(value: Any) -> str:
    """A value of a record as text: numbers in four digits, lists and objects in words."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{str(name).replace('_', ' ')}: {text_of(one)}" for name, one in value.items() if one != "")
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = [text_of(one) for one in value[:_LONGEST]]
        return " / ".join([*shown, *(["and more"] if len(value) > _LONGEST else [])])
    return _plain(value)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| | | record |", "| --- | --- | --- |"]
    for row in rows:
        value = NOT_RECORDED if row.figure is None else text_of(row.figure.value)
        lines.append(f"| {row.label} | {value} | {'' if row.figure is None else f'[{row.figure.source}]'} |")
    return "\n".join(lines)


def _plain(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
