"""The decision service as a process with its settings: TLS, JSON logs, traces, and a log whose disk is full."""

import gzip
import json
import resource
import time
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from assets.serving.log.decision_log import find_decision
from tests.support.certificates import write_certificate
from tests.support.models.serving_samples import PRODUCT, REQUEST, sample_parts
from tests.support.servers.http_server import QuietHandler, serving
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Receiver(QuietHandler):
    """Takes spans over OTLP/HTTP."""

    spans: list[dict[str, object]]

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        sent = ExportTraceServiceRequest.FromString(data)
        for of_resource in sent.resource_spans:
            names = {one.key: one.value.string_value for one in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    noted = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
                    self.spans.append({
                        "name": span.name, "trace": span.trace_id.hex(), "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(), "noted": noted, "service": names["service.name"],
                    })  # fmt: skip
        self.answer(200)


@pytest.fixture(scope="module")
def spans() -> list[dict[str, object]]:
    return []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, spans: list[dict[str, object]]) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    workspace = Workspace(home, events_each=20)
    workspace.roll_out(workspace.publish(sample_parts("1")))
    certificate, key = write_certificate(tmp_path_factory.mktemp("tls"))
    with serving(type("Here", (Receiver,), {"spans": spans})) as collector:
        workspace.variables |= {
            "LOOPLINE_TLS_CERTIFICATE": str(certificate), "LOOPLINE_TLS_KEY": str(key),
            "LOOPLINE_LOG_FORMAT": "json", "LOOPLINE_ACCESS_LOG": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }  # fmt: skip
        with Service(workspace) as running:
            running.wait_until_ready()
            yield running


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen in time"
        time.sleep(0.05)


def test_a_decision_over_tls_is_traced_and_its_lines_tell_nothing_personal(
    service: Service, spans: list[dict[str, object]]
) -> None:
    status, decided = service.post(
        "/decide", {"product": PRODUCT, "request": REQUEST}, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    )
    assert status == 200
    wait_for(lambda: any(span["name"] == "POST /decide" for span in spans), "the spans arrive")
    of_request = {str(span["name"]): span for span in spans if span["trace"] == TRACE}
    assert of_request.keys() == {
        "POST /decide", "online_store.fetch", "kernel.compute", "model.score", "decision_log.append",
    }  # fmt: skip
    top = of_request.pop("POST /decide")
    assert top["noted"] == {
        "http.request.method": "POST", "http.route": "/decide", "http.response.status_code": 200,
    }  # fmt: skip
    assert top["service"] == "loopline-decisions"
    assert {span["parent"] for span in of_request.values()} == {top["id"]}

    service.get("/decisions/x?secret=1")
    service.get("/nothing/C7")
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["message"] == "request"]
    asked = [(line["method"], line["route"], line["status"]) for line in requests if line["route"] != "/readyz"]
    assert ("POST", "/decide", 200) in asked
    assert ("GET", "/decisions/{decision_id}", 404) in asked
    assert requests[-1].keys() == {
        "at", "level", "logger", "message", "method", "route", "status", "ms", "caller",
    }  # fmt: skip
    text = "".join(json.dumps(line) for line in lines if "listening on" not in str(line["message"]))
    assert not [value for value in ("C7", "secret", str(decided["decision_id"]), "127.0.0.1") if value in text]
    assert len(lines) == len(service.log.read_text().splitlines()), "every line is JSON"


def test_a_full_disk_is_answered_as_such_told_by_readiness_and_over_once_there_is_space(service: Service) -> None:
    """The largest file that the process may write stands for the disk: no file of the log may grow."""
    body = {"product": PRODUCT, "request": REQUEST}
    assert service.post("/decide", body)[0] == 200
    worker = service.worker()
    unlimited = worker.rlimit(resource.RLIMIT_FSIZE)
    worker.rlimit(resource.RLIMIT_FSIZE, (4096, unlimited[1]))
    refused = []

    def is_full() -> bool:
        refused.append(service.post("/decide", body))
        return refused[-1][0] == 507

    wait_for(is_full, "the space that was allocated before is used up")
    assert {status for status, _ in refused} <= {200, 507}
    assert "disk of the decision log is full" in str(refused[-1][1]["error"])
    assert service.get("/readyz")[0] == 503
    assert service.get("/livez")[0] == 200
    assert 'why="disk_full"' in service.get("/metrics")[1]
    worker.rlimit(resource.RLIMIT_FSIZE, unlimited)
    wait_for(lambda: service.get("/readyz")[0] == 200, "there is space again")
    status, decided = service.post("/decide", body)
    assert status == 200
    log = service.workspace.environment.decision_log
    acknowledged = [answer["decision_id"] for code, answer in refused if code == 200] + [decided["decision_id"]]
    assert all(not find_decision(log, str(one)).void for one in acknowledged)
