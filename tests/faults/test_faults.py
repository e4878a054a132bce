"""What goes wrong in the middle of a call is noticed, heard, told and tidied up as promised."""

from pathlib import Path

import pytest

from tests.faults.faults import FAULTS, Fault
from tests.faults.measure import broken_promises, suffered
from tests.livekit_server import LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(120)]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=str)
async def test_fault_is_survived_or_told_and_leaves_nothing(
    fault: Fault, own_livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    seen = await suffered(fault, own_livekit_server, tmp_path / "bridge.log")
    assert broken_promises(fault, seen) == []
