"""Posted events: from a body to the online store.

Belongs here: which source an event is of, whether it was new. Does not belong here: checking its values
(`requests/event.py`), the store (`resources.online_store`), deciding (`application.py`).
"""

from datetime import datetime
from typing import Any, cast

from assets.serving.live.products import Products
from assets.serving.live.watcher import Watcher
from assets.serving.metrics import Metrics
from assets.serving.requests.event import parse_event, parse_event_id
from assets.serving.requests.parse import RequestError, call_fields, parse_json
from assets.serving.requests.wording import shown
from resources.clock import Clock
from resources.online_store.errors import EventError


class PostedEvents:
    """Adds posted events to the online stores of the live products.

    Args:
        clock: Says when an event without a time became known.
        any_time: Whether an event may be of any time, as in the local environment.
    """

    def __init__(self, watcher: Watcher, products: Products, metrics: Metrics, clock: Clock, *, any_time: bool) -> None:
        self._watcher, self._products, self._metrics, self._any_time = watcher, products, metrics, any_time
        self._clock = clock

    def add(self, body: bytes) -> dict[str, Any]:
        """Adds the event in a body `{"product": …, "source": …, "event": {…}, "event_id": …}` to the online store.

        The event may be the whole row of its source: columns of the contract that no feature reads are left out.

        An event that also arrives by a stream counts once if `event_id` is the stream's name of the event (see
        `assets.streaming.events.event_name`): a JSON list of the contract's key and the day on which the event became
        known, `["E17", "2026-03-01"]`, or of a product by the hour its hour, `["E17", "2026-03-01-13:00"]`; with the
        time instead where records are corrected.

        Raises:
            RequestError: The body or the event in it is invalid.
            NotRolledOut: Nobody rolled out a product of this name.
            NoChampion: No champion of the product is loaded.
            StoreUnavailable: The store cannot be written.
        """
        call = call_fields(
            parse_json(body), needed={"product": str, "source": str, "event": dict}, optional={"event_id": str}
        )
        live = self._products.find(call["product"])
        source = call["source"]
        known = sorted(live.event_columns)
        if source not in known:
            raise RequestError(
                f"source {shown(source)} is unknown; '{live.product}' takes events of {', '.join(known)}"
            )
        rules = live.rules(source)
        event = parse_event(
            call["event"],
            now=self._clock.now(),
            any_time=self._any_time,
            resolutions=live.resolutions(source),
            rules=rules,
            read=live.event_columns[source],
            keys=live.event_keys(source),
        )
        event_id = parse_event_id(call.get("event_id"))
        try:
            added = self._watcher.store(live.product).append_event(source, live.stored(source, event), event_id)
        except EventError as error:
            raise RequestError(str(error)) from error
        known_at = cast(datetime, event["known_at"])
        self._metrics.events.labels("added" if added else "known").inc()
        return {"product": live.product, "source": source, "added": added, "known_at": known_at.isoformat()}
