"""The script: does what the first matching rule of a file says."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from bridge.simulator.behaviours.base import HangUp, Output, Speech, ToolCall, Turn
from bridge.simulator.script import Call, Condition, Rule, Say, load_script
from bridge.simulator.sound import Samples, load_wav, silence, tone


class Script:
    """Answers by the rules of a YAML file; a turn that none matches gets an empty response.

    Raises ScriptError, naming line and field, when the file is not a valid script.
    """

    echoes = False

    def __init__(self, path: Path) -> None:
        self._rules = [(rule, _outputs(rule, path.parent)) for rule in load_script(path)]

    def transcribe(self, turn: Turn) -> str:
        """Return the `heard` of the rule that matches."""
        for rule, _ in self._rules:
            if _matches(rule.when, turn):
                return rule.heard
        return ""

    def answer(self, turn: Turn) -> Sequence[Output]:
        """Return what the first matching rule does."""
        for rule, outputs in self._rules:
            if _matches(rule.when, turn):
                return outputs
        return ()


def _matches(when: Condition, turn: Turn) -> bool:
    """Return whether every condition that the rule states holds."""
    return (
        (when.turn is None or when.turn == turn.number)
        and (when.greeting is None or when.greeting == turn.is_greeting)
        and (when.text is None or when.text.casefold() in turn.text.casefold())
        and (when.instructions is None or when.instructions in turn.instructions)
        and _tool_matches(when, turn)
    )


def _tool_matches(when: Condition, turn: Turn) -> bool:
    if when.tool is None and when.output is None:
        return True
    return any(
        when.tool in {None, answer.tool} and (when.output or "") in answer.output
        for answer in turn.tool_outputs
    )


def _outputs(rule: Rule, folder: Path) -> tuple[Output, ...]:
    outputs: list[Output] = []
    if rule.say:
        outputs.append(Speech(_sound(rule.say, folder), rule.say.transcript))
    outputs += [ToolCall(call.tool, _arguments(call)) for call in rule.call]
    if rule.end:
        outputs.append(HangUp())
    return tuple(outputs)


def _arguments(call: Call) -> str:
    if isinstance(call.arguments, str):
        return call.arguments
    return orjson.dumps(call.arguments).decode()


def _sound(say: Say, folder: Path) -> Samples:
    if say.wav is not None:
        return load_wav(folder / say.wav)
    if say.tone_hz is not None:
        return tone(say.tone_hz, say.duration_ms)
    return silence(say.silence_ms or 0)
