"""Guard of a service's callback: whatever a call says, it is answered and the node goes on."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.impl.rcutils_logger import RcutilsLogger

from co_perception.nodes.core.run_node import interrupted

Request = TypeVar("Request")
Response = TypeVar("Response")


def guarded(
    name: str, answer: Callable[[Request, Response], Response], logger: Callable[[], RcutilsLogger]
) -> Callable[[Request, Response], Response]:
    """The callback `answer` of service `name`, whose exceptions are logged and answered.

    rclpy passes them on to whoever spins, which ends the process; its own parameter services raise for a value of no
    known type.
    """

    def safely(request: Request, response: Response) -> Response:
        try:
            return answer(request, response)
        except Exception as error:
            if interrupted(error):
                raise
            logger().error(f"{name} failed: {''.join(traceback.format_exception(error))}")
            _refuse(request, response, f"failed: {error!r}")
            return response

    return safely


def _refuse(request: Any, response: Any, reason: str) -> None:
    """Fills in a response of any type, as far as it has a place for a failure."""
    refused = SetParametersResult(successful=False, reason=reason)
    values = {"success": False, "message": reason, "result": refused}
    values["results"] = [refused] * len(getattr(request, "parameters", ()))
    for field, value in values.items():
        if hasattr(response, field):
            setattr(response, field, value)
