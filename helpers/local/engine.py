"""Run the chat model with llama.cpp, inside this process.

An engine that meets an impossible file or runs out of memory ends its whole process; that is why the
service runs it in one of its own (see service.py).
Does not: speak HTTP, check requests, or know OpenAI's error shapes (see api.py).
"""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# Threads that wait for one another spin this often before they sleep. The default spins through whole time slices
# when another program wants the cores too, and the engine then takes ten times as long. Read when the library loads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import xllamacpp

TOKENS_PER_REQUEST = 8_192      # prompt and answer together: what the chat model was trained on
COMPACT_JSON = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}


class EngineError(RuntimeError):
    """The engine refused a request. `status` is the HTTP status, `kind` the engine's own word for it."""

    def __init__(self, message: str, status: int, kind: str):
        super().__init__(message)
        self.status, self.kind = status, kind


def _parameters(path: Path) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.cpuparams.n_threads = _cores()
    parameters.api_keys = [os.urandom(24).hex()]    # the engine opens a port of its own: nobody has this key
    parameters.cache_ram_mib = 0        # kept prompts would take up to 8 GB, and are never seen again here
    parameters.verbosity = 0
    parameters.warmup = False
    return parameters


def _cores() -> int:
    return max(1, min(8, os.cpu_count() or 1))


def _started(parameters: xllamacpp.CommonParams) -> xllamacpp.Server:
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise EngineError(f"cannot load {Path(parameters.model.path).name}: the file is damaged, or of a "
                          "kind not known here. Fetch it again, or name another one.", 500, "load") from error


def json_grammar(schema: dict) -> str:
    """Return a grammar that lets the model write JSON of this schema and nothing else, on one line.

    Free to choose its white space, a small model fills lines with it, up to the token limit; and 7 tokens for a label
    are answered three times as fast as 24. Example: json_grammar({"type": "object"}) -> "%llguidance {}..."
    """
    return xllamacpp.json_schema_to_grammar(schema | {"x-guidance": COMPACT_JSON})


class ChatEngine:
    """The chat model. Requests from several threads are answered one after the other.

    On few cores that is as fast as side by side, and has two gifts. The beginning that a prompt shares with the one
    before it is not computed again: a system prompt with examples is read once for a whole evaluation. And a greedy
    reply does not depend on what else is asked, or was asked before, so that it can be recorded and audited.
    """

    def __init__(self, path: Path):
        parameters = _parameters(path)
        parameters.n_ctx = TOKENS_PER_REQUEST
        parameters.n_parallel = 1
        # Flash attention is faster on long prompts, and its rounding depends on how much of a prompt was kept: 42 of
        # 48 greedy replies were the same in another order, without it all 48. Small batches win the memory back.
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.n_ubatch = 128
        self.server = _started(parameters)

    def complete(self, request: dict, on_chunk: Callable[[dict], None] | None = None) -> dict | None:
        """Answer a chat request in OpenAI's format; with `on_chunk`, piece by piece.

        Raises EngineError. Example: complete({"messages": [...], "max_tokens": 8})["choices"][0]
        """
        try:
            reply = self.server.handle_chat_completions(request, *([on_chunk] if on_chunk else []))
        except ValueError as error:     # a schema or template the engine cannot use
            raise EngineError(str(error), 400, "invalid_request") from error
        return _checked(reply) if reply is not None else None


def _checked(reply: dict) -> dict:
    if "error" in reply:
        error = reply["error"]
        raise EngineError(error.get("message", "the engine refused"), error.get("code", 500), error.get("type", ""))
    return reply
