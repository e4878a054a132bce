"""By which names do LiveKit's own client components know words and states? Those of its Agents."""

from typing import Final

TRANSCRIPTION_TOPIC: Final = "lk.transcription"
CHAT_TOPIC: Final = "lk.chat"
SEGMENT_ID: Final = "lk.segment_id"
IS_FINAL: Final = "lk.transcription_final"
TRACK_ID: Final = "lk.transcribed_track_id"
AGENT_STATE: Final = "lk.agent.state"
INITIALIZING: Final = "initializing"
"""The agent's state until one is told."""
