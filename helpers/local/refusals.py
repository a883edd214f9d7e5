"""Refuse a request in OpenAI's shape, so that the SDK raises its own exceptions; the text says what to do.

    raise ApiError(404, "There is no file 'file-1'. ...", "file_id", "not_found")

Does not: know what is offered (see api.py, tuning_api.py, batches_api.py).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from starlette.requests import Request


class ApiError(Exception):
    """A refusal with OpenAI's status, message, parameter and code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


async def parsed(request: Request, shape: type[BaseModel]) -> Any:
    """Read and check a request's body. Raises ApiError with one thing that is wrong."""
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> ApiError:
    """Return the refusal of a request with faults: it names the one that lies deepest."""
    first = max(error.errors(), key=lambda problem: len(problem["loc"]))
    param = ".".join(str(step) for step in first["loc"]) or None
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"Unrecognized request argument: {param}. The embedded model does not offer it; "
                        "leave it out.", param, "unknown_parameter")
    return ApiError(400, f"{param or 'body'}: {first['msg']}", param)
