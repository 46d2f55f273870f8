"""The text of a draft's files.

Belongs here: `product.py`, `features.py`, `definitions.py` and the runbook as text. Does not belong here: contracts
(`contracts.py`), what is proposed (`draft.py`), writing files (`pipelines.operations.new_product`).
"""

from collections.abc import Iterator, Mapping
from datetime import date

from pipelines.drafting.amounts import amount_gates, amount_model, amount_profit
from pipelines.drafting.columns import ColumnFacts
from pipelines.drafting.contracts import contract_text
from pipelines.drafting.declared import GUESSED, connections, declared, kind_of, period, text, title_of
from pipelines.drafting.parts import Draft, HistoryDraft

_WIDE = 70
_GATES = f"    gates=GatePolicy(min_auc=0.6, max_auc=0.995, max_calibration_error=0.1, min_slice_auc=0.55),{GUESSED}"
_LONGEST = 120


def files_of(draft: Draft) -> Mapping[str, str]:
    """The content of each file of the product's folder, by its path within the folder."""
    contracts = {f"contracts/{source.name}.yaml": contract_text(draft, source) for source in draft.sources}
    return {
        "__init__.py": "",
        "definitions.py": _definitions(draft),
        "features.py": _features(draft),
        "product.py": _product(draft),
        "RUNBOOK.md": _runbook(draft),
        **contracts,
    }


# ---------------------------------------------------------------------- product.py


def _product(draft: Draft) -> str:
    gates = ["Amount", "AmountGates"] if draft.amount else ["GatePolicy"]
    from_assets = [*gates, "DecisionPolicy", "Label", "ModelSpec", "Product", "Profit", "Spine", "Words"]
    from_assets += ["Protected"] if draft.roles.protected else []
    from_assets = sorted({*from_assets, *(kind_of(source) for source in draft.sources)})
    lines = [
        f'"""The product `{draft.name}`: decide a row of `{draft.spine.name}`.',
        "",
        "Drafted from samples. Lines marked `guessed` are for a person to look at.",
        '"""',
        "",
        "from datetime import date, timedelta",
        "from pathlib import Path",
        "",
        f"from assets.product import {', '.join(from_assets)}",
        f"from pipelines.{draft.name}.features import FEATURES",
        "",
        "PRODUCT = Product(",
        f"    name={text(draft.name)},",
        f"    title={text(title_of(draft.name))},",
        f"    question={text(_question(draft))},{GUESSED}",
        '    owner="you@example.com",' + GUESSED,
        '    impact="standard",' + GUESSED,
        f"    start={_day(draft.first)},",
        *([f"    end={_day(draft.last)},"] if draft.last else []),
        *([f"    partition={text(draft.partition)},{GUESSED}"] if draft.partition != "day" else []),
        '    contracts=Path(__file__).parent / "contracts",',
        *([f"    connections={connections(draft)},"] if connections(draft) else []),
        "    sources=(",
        *(f"        {declared(source)}," for source in draft.sources),
        "    ),",
        f"    spine={_spine(draft)},",
        "    label=Label(",
        f"        source={text(draft.labels.name)},",
        f"        row_id={text(_row_id_of_labels(draft))},",
        f"        column={text(draft.label.name)},",
        f"        {_bar(draft)},",
        '        kind="outcome",  # a later value corrects the earlier one',
        f"        delay={period(draft.label_delay.days)},{GUESSED}",
        f"        meaning={text(_meaning(draft))},{GUESSED}",
        "    ),",
        "    features=FEATURES,",
        f"    model={amount_model(draft.amount, _model(draft)) if draft.amount else _model(draft)},",
        "    decision=DecisionPolicy(",
        '        accept="accept",' + GUESSED,
        '        refuse="refuse",' + GUESSED,
        f"        profit={_profit(draft)},{GUESSED}",
        "        reasons={",
        *(f"            {text(name)}: {words}," for name, words in _reasons(draft)),
        "        },",
        "    ),",
        amount_gates() if draft.amount else _GATES,
        *_protected(draft),
        f"    request_example={_example(draft)},",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _bar(draft: Draft) -> str:
    if draft.positive:
        return f"positive=({text(draft.positive)},)"
    return f"at_least={draft.amount.large if draft.amount else 1}"


def _spine(draft: Draft) -> str:
    names = [text(c.name) for c in draft.roles.protected]
    kept = f", passthrough=({', '.join(names)}{',' if len(names) == 1 else ''})" if names else ""
    return f"Spine(source={text(draft.spine.name)}, row_id={text(draft.roles.row_id.name)}{kept})"


def _row_id_of_labels(draft: Draft) -> str:
    wanted = draft.roles.row_id.original
    return next((c.name for c in draft.labels.columns if c.original == wanted), draft.roles.row_id.name)


def _model(draft: Draft) -> str:
    if draft.roles.time is None:
        return 'ModelSpec(train_days=None, test_days=1, split="random")'
    return f"ModelSpec(train_days={draft.train_days}, test_days={draft.test_days}, trials=8)"


def _question(draft: Draft) -> str:
    label = draft.label.title
    return f"What will {label} be?" if draft.amount else f"Will {label} be {draft.positive or 1}?"


def _meaning(draft: Draft) -> str:
    if draft.amount is None:
        return f"{draft.label.title} is {draft.positive or 1}"
    return f"{draft.label.title}; from {draft.amount.large:g} on it counts as large"


def _profit(draft: Draft) -> str:
    return amount_profit(draft.amount) if draft.amount else f"Profit(good=1.0, bad={_bad(draft)})"


def _bad(draft: Draft) -> str:
    """Half of what accepting everybody could afford to lose on a bad row, to two digits."""
    return f"{float(f'{(1 - draft.positives) / draft.positives / 2:.2g}')}"


def _reasons(draft: Draft) -> Iterator[tuple[str, str]]:
    for column in draft.request:
        yield column.name, _words(column.title) if column.is_number else text("The value given for " + column.title)


def _words(title: str) -> str:
    title = title[0].upper() + title[1:]
    return f"Words(high={text(f'{title} is higher than usual')}, low={text(f'{title} is lower than usual')})"


def _protected(draft: Draft) -> list[str]:
    if not draft.roles.protected:
        return []
    entries = [f"        Protected({text(c.name)}{_bands(c)})," for c in draft.roles.protected]
    return [f"    protected=({GUESSED}", *entries, "    ),"]


def _bands(column: ColumnFacts) -> str:
    is_measured = column.type in ("integer", "number") and column.distinct > 12
    return ", bands=(30, 45, 60)" if is_measured else ""


def _example(draft: Draft) -> str:
    names = (*draft.roles.entities, *draft.request)
    lines = [f"        {text(c.name)}: {_value(c, draft.example[c.original])}," for c in names]
    return "\n".join(["{", *lines, "    }"])


def _value(column: ColumnFacts, given: object) -> str:
    if given is None or given == "":
        return "None"
    if column.type == "boolean":
        return str(str(given).lower() == "true")
    if column.type == "integer":
        return str(int(float(str(given))))
    return repr(float(str(given))) if column.type == "number" else text(str(given))


# ---------------------------------------------------------------------- features.py


def _features(draft: Draft) -> str:
    words = {"FeatureSet"}
    request = [_request_feature(column, words) for column in draft.request]
    events, history = [], []
    for item in draft.history:
        words |= {"Events", "days"}
        variable = _variable(item)
        includes = ", includes_request=True" if item.is_spine else ""
        time = ', time="known_at"' if item.label else ""
        record = f", record_key={text(item.record_key)}" if item.record_key else ""
        events.append(_line(f"{variable} = Events({text(item.source)}, key={text(item.key)}{includes}{time}{record})"))
        history += [_line(f"        {variable}.{call},") for call in _history_calls(item)]
    lines = [
        f'"""The features of `{draft.name}`: the columns of a request, the history of its entities.',
        "",
        "Drafted from samples: each line is a proposal. A new feature is one line.",
        '"""',
        "",
        f"from assets.vocabulary import {', '.join(sorted(words, key=lambda word: (word.islower(), word)))}",
        "",
        *events,
        *([""] if events else []),
        "FEATURES = FeatureSet(",
        f'    owner="{draft.name}",',
        "    request=(",
        *(f"        {line}," for line in request),
        "    ),",
        *(["    history=(", *history, "    ),"] if history else []),
        ")",
    ]
    return "\n".join(lines) + "\n"


def _request_feature(column: ColumnFacts, words: set[str]) -> str:
    if column.is_number:
        words.add("Number")
        return f"Number({text(column.name)}, description={text(column.title.capitalize())})"
    if column.is_category:
        words.add("Category")
        values = [text(str(value)) for value in column.values]
        listed = f"{values[0]}," if len(values) == 1 else ", ".join(values)
        if len(listed) > _WIDE:
            listed = "".join(f"\n            {value}," for value in values) + "\n        "
        return f"Category({text(column.name)}, values=({listed}))"
    words.add("LearnedCategory")
    return f"LearnedCategory({text(column.name)}, top=20)"


def _line(line: str) -> str:
    """A line with a call, folded as the formatter folds one that is too long."""
    if len(line) <= _LONGEST:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    begin, _, rest = line.partition("(")
    arguments, _, end = rest.rpartition(")")
    return f"{begin}(\n{indent}    {arguments}\n{indent}){end}"


def _variable(item: HistoryDraft) -> str:
    return f"{item.source}_by_{_entity(item)}"


def _entity(item: HistoryDraft) -> str:
    return item.key.removesuffix("_id") or item.key


def _history_calls(item: HistoryDraft) -> Iterator[str]:
    if item.label is not None:
        for days in item.windows:
            value = text(item.positive) if item.positive else "1"
            yield f"share(days({days}), {item.label.name}={value}, name={text(_share(item, days))}, empty=0)"
        return
    for days in item.windows:
        yield f"count(days({days}), name={text(_count(item, days))})"
    longest = item.windows[-1]
    for column in item.numbers:
        yield f"mean({text(column.name)}, days({longest}), name={text(_mean(item, column))})"


def _count(item: HistoryDraft, days: int) -> str:
    return f"{_entity(item)}_{item.source}_{days}d"


def _share(item: HistoryDraft, days: int) -> str:
    return f"{_entity(item)}_{item.label.name if item.label else ''}_share_{days}d"


def _mean(item: HistoryDraft, column: ColumnFacts) -> str:
    return f"{_entity(item)}_{item.source}_{column.name}_mean_{item.windows[-1]}d"


# ---------------------------------------------------------------------- the rest


def _definitions(draft: Draft) -> str:
    own = f"from pipelines.{draft.name}.product import PRODUCT\n"
    return (
        f'"""The code location `{draft.name}`."""\n\n'
        + "".join(sorted(("from pipelines.build import build_pipeline\n", own)))
        + "from resources.environments import load_environment\n\n"
        "defs = build_pipeline(PRODUCT, environment=load_environment())\n"
    )


def _runbook(draft: Draft) -> str:
    name = draft.name
    return f"""# Runbook: {name}

The message of a failed run names source, day and remedy. This page has the rest; add your own people
and systems.

| symptom | remedy |
| --- | --- |
| `source …, day …: no file …` | ask the owner named in `contracts/`, then `loopline backfill {name} --from D --to D` |
| `… rows break the contract` | fix the source or the contract, then backfill the day |
| `evaluation: refused by …` | a gate refused the candidate: read the checks and plots of `evaluation` |
| the alert `data fault: …` | ask the owner that it names; once the source is mended, backfill its days |
| answers with `"fallback": "policy"` | `loopline load {name}`; the log of the service says why |
| anything else | `loopline doctor`, `loopline check {name}` |
"""


def _day(day: date) -> str:
    return f"date({day.year}, {day.month}, {day.day})"
