"""The interface of the service as an OpenAPI 3.1 document, made from the live bundles.

Belongs here: paths, security, answers. Does not belong here: the columns of a product's requests and events
(`schemas.py`), the page that shows the document (`page.py`), the routes themselves (`routes.py`).
"""

from collections.abc import Mapping
from typing import Any

from assets.serving.access.access import Needed
from assets.serving.http.access import needed_by
from assets.serving.http.schemas import (
    PLAIN_TEXT,
    event_schema,
    example_event,
    example_outcome,
    example_request,
    posted_schema,
    request_schema,
)
from assets.serving.live.product import LiveProduct
from assets.serving.requests.batch import LARGEST_BATCH
from assets.serving.requests.parse import LARGEST_BODY

_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
_ERRORS = {
    "400": "invalid: `problems` names every fault with its remedy",
    "401": "no key, or one that is unknown or revoked",
    "403": "the key has not the role",
    "404": "no such product or decision, or the product takes no such posts",
    "409": "an idempotency key was used for another body; a decision cannot be explained or reviewed; a posted row "
    "contradicts an earlier one",
    "413": f"a body of more than {LARGEST_BODY} bytes",
    "429": "beyond the key's rate; `Retry-After` gives the seconds",
    "503": "no champion, overloaded, events too old, or what was sent could not be kept in time: send it again",
    "504": "not answered within 10 s, and given up: send it again later",
    "507": "the disk of the decision log is full",
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key and body get the same decision for 24 hours; the same key with another body a 409.",
}
_JSON = "application/json"


def openapi(live: Mapping[str, LiveProduct]) -> dict[str, Any]:
    """The document for the products that are live now."""
    products = dict(sorted(live.items()))
    schemas: dict[str, Any] = {"Decision": _DECISION, "Error": _ERROR}
    for name, product in products.items():
        schemas[f"{name}.request"] = request_schema(product.champion.shape)
        for source in sorted(product.event_columns):
            schemas[f"{name}.{source}"] = event_schema(product, source)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loopline decisions",
            "version": "1",
            "description": "Decisions of the live models, and the events and outcomes that they learn from.",
        },
        "paths": {path: _secured(path, item) for path, item in _paths(products).items()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _paths(products: Mapping[str, LiveProduct]) -> dict[str, dict[str, Any]]:
    requests = {name: example_request(product) for name, product in products.items()}
    one = {name: {"product": name, "request": request} for name, request in requests.items() if request}
    many = {name: {"product": name, "requests": [request]} for name, request in requests.items() if request}
    events = {
        f"{name}.{source}": {"product": name, "source": source, "event": event}
        for name, product in products.items()
        for source in sorted(product.event_columns)
        if (event := example_event(product, source)) is not None
    }
    outcomes = [schema for product in products.values() if (schema := posted_schema(product, "outcomes"))]
    reviews = [schema for product in products.values() if (schema := posted_schema(product, "reviews"))]
    told = {
        name: {"product": name, **outcome}
        for name, product in products.items()
        if (outcome := example_outcome(product)) is not None
    }
    kept = _answer("since when the row is known, and its revision", {"type": "object"})
    decided = _answer("the decision", _ref("Decision"))
    results = {
        "type": "object",
        "properties": {
            "product": {"type": "string"},
            "results": {"type": "array", "items": {"type": "object", "properties": {
                "status": {"type": "integer"}, "decision": _ref("Decision"), "error": {"type": "string"},
                "problems": {"type": "array", "items": {"type": "string"}}, "replayed": {"type": "boolean"},
            }, "required": ["status"]}},
        },
    }  # fmt: skip
    by_id = {"name": "decision_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    return {
        "/decide": {"post": {
            "summary": "One decision; it is on disk before it is answered",
            "parameters": [_IDEMPOTENCY],
            "requestBody": _body([_call(name, "request", _ref(f"{name}.request")) for name in products], one),
            "responses": decided | _errors("400", "404", "409", "413", "429", "503", "504", "507"),
        }},
        "/decide/many": {"post": {
            "summary": f"Decisions for 1 to {LARGEST_BATCH} requests; each has its own status",
            "parameters": [_IDEMPOTENCY],
            "requestBody": _body([_call(name, "requests", _list(f"{name}.request")) for name in products], many),
            "responses": _answer("a result for each request, in order", results)
            | _errors("400", "404", "413", "429", "503", "504"),
        }},
        "/decisions/{decision_id}": {"get": {
            "summary": "An earlier decision: its record, reasons and contributions, and what would have been accepted",
            "parameters": [by_id],
            "responses": _answer("record, reasons, contributions and recourse", _EXPLANATION)
            | _errors("404", "409", "429", "503", "504"),
        }},
        "/events": {"post": {
            "summary": "Adds an event to the online store",
            "requestBody": _body([_event(name, source) for name, product in products.items()
                                  for source in sorted(product.event_columns)], events),
            "responses": _answer("whether it was new", {"type": "object"})
            | _errors("400", "404", "413", "429", "503", "504"),
        }},
        "/outcomes": {"post": {
            "summary": "How a decided row turned out; it is on disk before it is answered, and counts once",
            "requestBody": _body(outcomes, told),
            "responses": kept | _errors("400", "404", "409", "413", "429", "503", "504", "507"),
        }},
        "/reviews": {"post": {
            "summary": "A person's word on a decision that neither accepted nor refused, or is in the review queue; it "
            "is on disk before it is answered, and counts once",
            "requestBody": _body(reviews, {}, told_apart=False),
            "responses": kept | _errors("400", "404", "409", "413", "429", "503", "504", "507"),
        }, "get": {
            "summary": "The cases that wait for a person's word, of each product, the most urgent first",
            "responses": _answer("the review queues", {"type": "object"}) | _errors("429", "503", "504"),
        }},
        "/reviews/{decision_id}": {"get": {
            "summary": "One case for a person: its features in words, score, reasons, and why somebody is asked",
            "parameters": [by_id],
            "responses": _answer("the case", {"type": "object"}) | _errors("404", "409", "429", "503", "504"),
        }},
        "/products": {"get": {
            "summary": "What is live: bundles, request fields, the state of the online store",
            "responses": _answer("the live products", {"type": "object"}),
        }},
        "/openapi.json": {"get": {"summary": "This document", "responses": _answer("OpenAPI 3.1", {"type": "object"})}},
        "/metrics": {"get": {"summary": "Metrics for Prometheus", "responses": {"200": {"description": "text"}}}},
        "/docs": {"get": {"summary": "This document for people", "responses": {"200": {"description": "HTML"}}}},
        "/review": {"get": {
            "summary": "The page on which people give a word", "responses": {"200": {"description": "HTML"}},
        }},
        "/livez": {"get": {"summary": "200 while it works", "responses": {"200": {"description": "it works"}}}},
        "/readyz": {"get": {
            "summary": "200 once a champion is loaded, until the service is asked to end",
            "responses": {"200": {"description": "ready"}, "503": {"description": "not ready"}},
        }},
    }  # fmt: skip


def _secured(path: str, item: dict[str, Any]) -> dict[str, Any]:
    return {method: _keyed(needed_by(method.upper(), path), one) for method, one in item.items()}


def _keyed(needed: Needed, operation: dict[str, Any]) -> dict[str, Any]:
    if needed == "open":
        return {**operation, "security": []}
    words = "any valid key" if needed == "any" else f"a key that may `{needed}`"
    return {
        **operation,
        "security": _KEY,
        "description": f"Needs {words}, where keys are required.",
        "responses": operation["responses"] | _errors("401", "403"),
    }


def _call(product: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    properties = {"product": {"const": product}, name: schema, "explain": {"type": "boolean", "default": False}}
    return {
        "type": "object", "properties": properties, "required": ["product", name], "additionalProperties": False,
    }  # fmt: skip


def _event(product: str, source: str) -> dict[str, Any]:
    properties = {
        "product": {"const": product},
        "source": {"const": source},
        "event": _ref(f"{product}.{source}"),
        "event_id": {
            "type": "string",
            **PLAIN_TEXT,
            "description": "The stream's name of an event that also arrives by a stream",
        },
    }
    return {
        "type": "object", "properties": properties, "required": ["product", "source", "event"],
        "additionalProperties": False,
    }  # fmt: skip


def _body(kinds: list[dict[str, Any]], examples: Mapping[str, Any], *, told_apart: bool = True) -> dict[str, Any]:
    """A body of one of some kinds.

    Args:
        told_apart: No body is of several kinds.
    """
    one_of = "oneOf" if told_apart else "anyOf"
    content: dict[str, Any] = {"schema": {one_of: kinds} if kinds else {"type": "object"}}
    content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {_JSON: content}}


def _answer(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"200": {"description": description, "content": {_JSON: {"schema": schema}}}}


def _errors(*statuses: str) -> dict[str, Any]:
    content = {_JSON: {"schema": _ref("Error")}}
    return {status: {"description": _ERRORS[status], "content": content} for status in statuses}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name), "minItems": 1, "maxItems": LARGEST_BATCH}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "problems": {"type": "array", "items": {"type": "string"}}},
    "required": ["error"],
}
_EXPLANATION = {
    "type": "object",
    "required": ["decision", "reasons", "reasons_are", "remark", "contributions", "recourse", "recourse_remark"],
    "properties": {
        "decision": {"type": "object"},
        "reasons": {"type": "array", "items": {"type": "object"}},
        "reasons_are": {"enum": ["computed", "recorded", "none"]},
        "remark": {"type": "string"},
        "contributions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "feature": {"type": "string"},
                    "value": {"type": ["number", "string", "null"]},
                    "contribution": {"type": "number", "description": "in log odds"},
                    "score_if_usual": {"type": ["number", "null"]},
                },
            },
        },
        "recourse": {
            "type": ["object", "null"],
            "properties": {
                "allowed_changes": {"type": "integer"},
                "accepted_changes": {"type": "integer"},
                "share": {"type": ["number", "null"]},
                "every_change_tried": {"type": "boolean"},
                "at_once": {"type": "integer"},
                "without_recourse": {"type": "boolean"},
                "counterfactual": {"type": ["object", "null"]},
            },
        },
        "recourse_remark": {"type": "string"},
    },
}
_DECISION = {
    "type": "object",
    "properties": {
        "decision_id": {"type": "string", "format": "uuid"},
        "product": {"type": "string"},
        "bundle": {"type": "string", "description": "version of the bundle that decided"},
        "digest": {"type": "string", "description": "SHA-256 of the bundle's manifest"},
        "role": {"enum": ["champion", "challenger"]},
        "rollout": {"type": "string"},
        "share": {"type": "number"},
        "row_id": {"type": ["string", "integer"]},
        "as_of": {"type": "string", "format": "date-time"},
        "decided_at": {"type": "string", "format": "date-time"},
        "outcome": {"type": "string"},
        "score": {"type": ["number", "null"], "description": "probability of the bad outcome, or the amount"},
        "unit": {"type": "string", "description": "of an amount; absent where the score is a probability"},
        "interval": {"type": "array", "items": {"type": "number"}, "description": "both ends around an amount"},
        "threshold": {"type": "number"},
        "refer_threshold": {"type": ["number", "null"], "description": "scores from it on are referred"},
        "rules": {"type": "array", "items": {"type": "string"}, "description": "rules that fired"},
        "explored": {"type": "boolean", "description": "answered otherwise than by its score, to learn from it"},
        "reasons": {"type": "array", "items": {"type": "object", "properties": {
            "feature": {"type": ["string", "null"]}, "text": {"type": "string"},
            "contribution": {"type": ["number", "null"]}, "rule": {"type": "string"},
            "score_if_usual": {"type": "number", "description": "the score if this feature were usual"},
            "together": {"type": "boolean", "description": "the score if all with this mark were"},
        }}},
        "fallback": {"enum": ["scorecard", "policy", None]},
    },
}  # fmt: skip
