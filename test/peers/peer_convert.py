"""Networks of others that packages have, through `convert`: equal, or refused; never wrong, never a traceback.

The list and the comparison are those of benchmarks/convert_networks.py, which also takes sources that no registry has.
"""

from __future__ import annotations

import pytest

from bench.converted import ABSENT, EQUAL, REFUSED, networks, trial

pytest.importorskip("torchvision")
FROM_PACKAGES = {name: network for name, network in networks().items() if network.registry}


@pytest.mark.parametrize("name", FROM_PACKAGES)
def test_equal_or_refused(name: str) -> None:
    record = trial(FROM_PACKAGES[name])
    assert record.outcome in (EQUAL, REFUSED), record
    assert record.outcome != ABSENT
    attends = any(part in name for part in ("mvit", "swin"))
    assert (record.outcome == REFUSED) == attends, record.reasons
