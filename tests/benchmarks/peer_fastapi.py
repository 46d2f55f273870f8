"""A peer of `bench_services`: FastAPI, ONNX Runtime, and a vector from Redis that was computed before."""

import os
from typing import Any

import numpy as np
import onnxruntime
import redis.asyncio
from fastapi import FastAPI

app = FastAPI()
_options = onnxruntime.SessionOptions()
_options.intra_op_num_threads = 1
_session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], _options)
_store = redis.asyncio.Redis.from_url(os.environ["PEER_REDIS"])


@app.get("/ping")
async def ping() -> str:
    """The service works."""
    return "pong"


@app.post("/decide")
async def decide(body: dict[str, Any]) -> dict[str, Any]:
    """Scores the customer's vector."""
    held = await _store.get(body["request"]["customer_id"])
    vector = np.frombuffer(held, np.float32).copy()
    vector[0] = body["request"]["amount"]
    _, scores = _session.run(None, {"input": vector[None, :]})
    score = float(scores[0][1])
    return {"score": score, "outcome": "approve" if score < 0.5 else "decline"}
