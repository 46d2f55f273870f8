"""A seeded generator of raw HTTP requests over every route of the decision service.

Belongs here: which requests there are, and how often. Does not belong here: how bytes are broken (`body_mutations.py`,
`framing_mutations.py`), what answers must be (`judge.py`), sockets (`fuzz_run.py`).

The same seed and index give the same bytes, whatever came before:

    python -m tests.campaigns.http.fuzz_run --seed 7 --count 1500 [--only 812]
"""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.campaigns.http import broken_framing
from tests.campaigns.http import framing_mutations as framing
from tests.campaigns.http.body_mutations import raw_bytes, structure, tokens, written
from tests.campaigns.http.contract_cases import MISSING, breaches, edges
from tests.campaigns.http.framing_mutations import message
from tests.campaigns.http.judge import NO_FAULT, REFUSALS, Case, must_be_refused
from tests.campaigns.http.odd_values import ODD_MOMENTS, ODD_TEXTS, SURROGATES
from tests.campaigns.http.target import Posting, Target

POSTED = ("/decide", "/events")
READ = ("/products", "/livez", "/readyz", "/metrics")
_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (raw_bytes, tokens)
_HUGE = 2_000_000


class BytesFuzzer:
    """The attacks of one seed on one target."""

    def __init__(self, target: Target, seed: int) -> None:
        self.seed = seed
        self._target = target
        self._kinds: dict[Callable[[Random], Case], float] = {
            self._mutated: 50,
            self._restructured: 25,
            self._breach: 8,
            self._edge: 2,
            self._odd_text: 3,
            self._unknown: 3,
            self._odd_head: 10,
            self._honest: 6,
            self._read: 3,
            self._pipelined: 2,
            self._loose: 5,
            self._broken_framing: 7,
            self._huge: 0.3,
        }

    def case(self, index: int) -> Case:
        """The attack of an index."""
        random = Random(f"{self.seed}/{index}")
        (kind,) = random.choices(list(self._kinds), list(self._kinds.values()))
        return kind(random)

    def honest(self, product: str) -> bytes:
        """A request that must be decided, always the same way."""
        return message(b"POST", b"/decide", written({"product": product, "request": self._target.requests[product]}))

    def _content(self, random: Random) -> tuple[str, dict[str, Any]]:
        """A route and a valid body for it; it asks and tells of others than the honest requests do."""
        if random.random() < 0.65:
            product = random.choice(list(self._target.requests))
            request = dict(self._target.requests[product])
            request |= {name: f"FY{random.randrange(50)}" for name in ("customer_id", "card_id") if name in request}
            content: dict[str, Any] = {"product": product, "request": request}
            return "/decide", content | ({"explain": True} if random.random() < 0.2 else {})
        posting = random.choice(self._target.postings)
        day = posting.event["event_time"][:10]
        content = {
            "product": posting.product,
            "source": posting.source,
            "event_id": json.dumps([f"T{random.randrange(1000)}", day]),
            "event": _of_another(posting, random),
        }
        return "/events", content

    def _framed(self, kind: str, route: str, body: bytes, random: Random, refused: str | None) -> Case:
        """A body in one of the framings that are right; mostly to its own route."""
        method = "POST"
        if random.random() < 0.1:
            route, method = random.choice((*POSTED, *READ)), random.choice(("POST", "POST", "GET", "PUT"))
            refused, kind = None, f"a body for {method} {route}"
        statuses = REFUSALS if refused else NO_FAULT
        target, how = route.encode(), random.random()
        if how < 0.06:
            chunked = [(b"Transfer-Encoding", b"chunked")]
            whole = message(method.encode(), target, framing.in_chunks(body, random), chunked, length=False)
        else:
            whole = message(method.encode(), target, body)
        pieces: tuple[bytes, ...] = framing.pieces_of(whole, random) if how > 0.94 else (whole,)
        return Case(kind, pieces, (method,), statuses=statuses, decides=(route, method) == ("/decide", "POST"))

    def _mutated(self, random: Random) -> Case:
        route, content = self._content(random)
        mutate = random.choice(_MUTATIONS)
        body = mutate(written(content, ascii_only=random.random() < 0.5), random)
        refused = must_be_refused(body)
        return self._framed(f"{mutate.__name__} {route}", route, body, random, refused)

    def _restructured(self, random: Random) -> Case:
        route, content = self._content(random)
        body = structure(content, self._content(random)[1], random)
        return self._framed(f"structure {route}", route, body, random, must_be_refused(body))

    def _breach(self, random: Random) -> Case:
        """A request of which one field breaks the spine's contract."""
        product = random.choice(list(self._target.spines))
        field = random.choice(list(self._target.spines[product].values()))
        found = breaches(field, random)
        what = random.choice(sorted({breach.what for breach in found}))
        breach = random.choice([one for one in found if one.what == what])
        request = self._target.requests[product] | {field.name: breach.value}
        if breach.value is MISSING:
            del request[field.name]
        body = written({"product": product, "request": request}, ascii_only=random.random() < 0.5)
        return Case(f"contract {breach.what}", (message(b"POST", b"/decide", body),), statuses=(400,), breach=breach)

    def _edge(self, random: Random) -> Case:
        """A request with a value that the contract just allows."""
        product = random.choice(list(self._target.spines))
        field = random.choice([one for one in self._target.spines[product].values() if edges(one)])
        request = self._target.requests[product] | {field.name: random.choice(edges(field))}
        body = written({"product": product, "request": request})
        return Case("contract allows", (message(b"POST", b"/decide", body),), statuses=(200,), decides=True)

    def _odd_text(self, random: Random) -> Case:
        """A text or a moment that is none, in any place of a valid body."""
        route, content = self._content(random)
        part = random.choice((content, *(inner for inner in content.values() if isinstance(inner, dict))))
        name = random.choice([key for key, value in part.items() if isinstance(value, str)] or ["as_of"])
        odd = random.choice((SURROGATES, ODD_TEXTS, ODD_MOMENTS))
        part[name] = random.choice(odd)
        body = written(content, ascii_only=random.random() < 0.5)
        kind = "surrogates" if odd is SURROGATES else "odd text"
        return self._framed(f"{kind} {route}", route, body, random, must_be_refused(body))

    def _unknown(self, random: Random) -> Case:
        """A product or an event source that nobody knows."""
        name = "q" + "".join(random.choices("abcdefghij_klmnopqrstuvwxyz", k=random.randint(3, 20)))
        posting = random.choice(self._target.postings)
        event = {"event_id": '["T1", "2026-03-01"]', "event": _of_another(posting, random)}
        match random.randrange(3):
            case 0:
                request = random.choice(list(self._target.requests.values()))
                body, route, status = {"product": name, "request": request}, b"/decide", 404
            case 1:
                body, route, status = {"product": name, "source": posting.source, **event}, b"/events", 404
            case _:
                body, route, status = {"product": posting.product, "source": name, **event}, b"/events", 400
        known = {one.source for one in self._target.postings if one.product == posting.product}
        names = (name,) if status == 404 else (name, *sorted(known))
        kind = "unknown product" if status == 404 else "unknown source"
        return Case(kind, (message(b"POST", route, written(body)),), statuses=(status,), names=names)

    def _odd_head(self, random: Random) -> Case:
        route, content = self._content(random)
        return framing.odd_head(route.encode(), written(content), random)

    def _honest(self, random: Random) -> Case:
        """A request that must be decided, in every framing that is right."""
        product = random.choice(list(self._target.requests))
        whole = self.honest(product)
        head, _, body = whole.partition(b"\r\n\r\n")
        base = Case("honest", (whole,), honest=product)
        chunked = [(b"Transfer-Encoding", b"chunked")]
        match random.randrange(6):
            case 0:
                chunks = framing.in_chunks(
                    body, random, trailers=random.choice((b"", b"X-T: t\r\n", b"X-T: \xff\r\n" * 5))
                )
                sent = message(b"POST", b"/decide", chunks, chunked, length=False)
                return replace(base, kind="honest, in chunks", pieces=framing.pieces_of(sent, random))
            case 1:
                chunks = framing.in_chunks(body, random, most=1)
                sent = message(b"POST", b"/decide", chunks, chunked, length=False)
                return replace(base, kind="honest, in chunks of a byte", pieces=(sent,))
            case 2:
                asking = head + b"\r\nExpect: 100-continue\r\n\r\n"
                return replace(base, kind="honest, awaits 100", pieces=(asking, body), continues=True)
            case 3:
                sent = head + b"\r\nExpect: 100-continue\r\n\r\n" + body
                return replace(base, kind="honest, does not await 100", pieces=(sent,))
            case 4:
                return replace(base, kind="honest, in pieces", pieces=framing.pieces_of(whole, random))
            case _:
                spaced = b" " * random.choice((1, 1000)) + body.replace(b": ", b"\t:\r\n ") + b"\n"
                return replace(base, kind="honest, spaced", pieces=(message(b"POST", b"/decide", spaced),))

    def _read(self, random: Random) -> Case:
        route, method = random.choice(READ), random.choice(("GET", "GET", "HEAD"))
        accept = random.choice(("", "Accept: application/openmetrics-text\r\n", "Accept: text/html;q=0\r\n"))
        whole = f"{method} {route} HTTP/1.1\r\nHost: loopline\r\n{accept}\r\n".encode()
        return Case(f"read {route}", (whole,), (method,), statuses=(200,) if method == "GET" else (200, 405))

    def _pipelined(self, random: Random) -> Case:
        """Several requests in one breath; each is answered."""
        if random.random() < 0.5:
            product, count = random.choice(list(self._target.requests)), random.randint(2, 6)
            whole = self.honest(product) * count
            return Case("pipelined, honest", (whole,), ("POST",) * count, honest=product)
        cases = [random.choice((self._read, self._mutated, self._breach))(random) for _ in range(random.randint(2, 6))]
        whole = b"".join(b"".join(case.pieces) for case in cases)
        return Case("pipelined", (whole,), tuple(case.methods[0] for case in cases))

    def _loose(self, random: Random) -> Case:
        route, content = self._content(random)
        return broken_framing.loose(route.encode(), written(content), random)

    def _broken_framing(self, random: Random) -> Case:
        route, content = self._content(random)
        return broken_framing.ill(route.encode(), written(content), random)

    def _huge(self, random: Random) -> Case:
        """A body of megabytes."""
        route, content = self._content(random)
        part = _huge_part(random)
        inner = written(content)
        body = inner[:-1] + b', "more": ' + part + b"}" if random.random() < 0.7 else part
        return Case(f"huge {route}", (message(b"POST", route.encode(), body),), framing="loose")


def _huge_part(random: Random) -> bytes:
    opening, repeated, closing = random.choice(
        (
            (b"", b"[", b""),
            (b"", b"1", b""),
            (b'"', b"x", b'"'),
            (b"[", b"0,", b"0]"),
            (b"", b" ", b"0"),
            (b'"', b"\\u00e9", b'"'),
        )
    )
    return opening + repeated * (_HUGE // len(repeated)) + closing


def _of_another(posting: Posting, random: Random) -> dict[str, Any]:
    """The event, of one of a hundred entities that no honest request asks about."""
    entity = f"FZ{random.randrange(100)}"
    return {name: entity if value == "FZ" else value for name, value in posting.event.items()}
