"""A node's health as one `diagnostic_msgs/DiagnosticArray`, for rqt_robot_monitor and the like."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from co_perception.nodes.tally import Tally

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def diagnostic_array(
    stamp: Time, name: str, level: bytes, message: str, values: Mapping[str, object], hardware_id: str = ""
) -> DiagnosticArray:
    """One status called `name`; `values` are shown in their order, floats with three digits after the point."""
    shown = [KeyValue(key=key, value=_text(value)) for key, value in values.items()]
    status = DiagnosticStatus(level=level, name=name, message=message, hardware_id=hardware_id, values=shown)
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])


def tally_values(tally: Tally, kinds: tuple[str, ...]) -> dict[str, object]:
    """Counts by name, and p50 and p95 of each kind of duration in ms."""
    values: dict[str, object] = {f"frames {event}": count for event, count in sorted(tally.counts().items())}
    for kind in kinds:
        for percent in (50, 95):
            found = tally.percentile_ms(kind, percent)
            values[f"{kind} p{percent} (ms)"] = "no data yet" if found is None else found
    return values


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
