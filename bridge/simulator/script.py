"""How a script file is written, and what is wrong with one: every error has its line and field."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from bridge.simulator.sound import UnreadableSound, load_wav

_DEFAULT_TONE_MS: Final = 1000.0


class ScriptError(Exception):
    """A script file that cannot be used; the message lists every mistake with its line."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Shape):
    """When a rule applies: all of what is given must hold; nothing given means always."""

    text: str | None = None
    """Part of what the caller wrote, whatever its case."""
    greeting: bool | None = None
    turn: Annotated[int, Field(ge=1)] | None = None
    tool: str | None = None
    """The name of a tool that has just answered."""
    output: str | None = None
    """Part of what it answered; of any tool, where none is named."""
    instructions: str | None = None
    """Part of what the model is told to do in this response, or in every one."""


class Say(_Shape):
    """What to say: exactly one of a WAV file, a tone, or silence."""

    wav: str | None = None
    """Relative to the script."""
    tone_hz: Annotated[float, Field(gt=0, lt=12_000)] | None = None
    duration_ms: Annotated[float, Field(gt=0, le=600_000)] = _DEFAULT_TONE_MS
    silence_ms: Annotated[float, Field(gt=0, le=600_000)] | None = None
    transcript: str = ""

    @model_validator(mode="after")
    def _one_sound(self) -> Self:
        if sum(sound is not None for sound in (self.wav, self.tone_hz, self.silence_ms)) != 1:
            raise ValueError("say exactly one of wav, tone_hz and silence_ms")
        return self

    @model_validator(mode="after")
    def _wav_is_readable(self, info: ValidationInfo) -> Self:
        if self.wav is not None and isinstance(info.context, Path):
            try:
                load_wav(info.context / self.wav)
            except UnreadableSound as broken:
                raise ValueError(str(broken)) from broken
        return self


class Call(_Shape):
    """A tool to call, whether or not the session offers it."""

    tool: Annotated[str, Field(min_length=1)]
    arguments: dict[str, Any] | str = {}
    """As text they are written as they stand: they need not be JSON."""


def _always(when: object) -> object:
    return {} if when == "any" else when


def _as_list(call: object) -> object:
    return [call] if isinstance(call, dict) else call


class Rule(_Shape):
    """One rule: when it applies, and what then happens, in the order say, call, end."""

    when: Annotated[Condition, BeforeValidator(_always)]
    heard: str = ""
    """The transcript of what the caller said in such a turn."""
    say: Say | None = None
    call: Annotated[list[Call], BeforeValidator(_as_list)] = []
    """One tool or several, called in one response."""
    end: Literal[True] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.say or self.call or self.end):
            raise ValueError("a rule must have at least one of say, call and end")
        return self


class _File(_Shape):
    rules: Annotated[list[Rule], Field(min_length=1)]


def load_script(path: Path) -> list[Rule]:
    """Return a script's rules. Raises ScriptError with the line and field of each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as unreadable:
        raise ScriptError(f"{path}: cannot be read: {unreadable}") from unreadable
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ScriptError(
            f"{path}:{line}: is not YAML: {getattr(broken, 'problem', broken)}"
        ) from broken
    try:
        return _File.model_validate(document, context=path.parent).rules
    except ValidationError as invalid:
        mistakes = [
            f"{path}:{_line(root, problem['loc'])}: {_field(problem['loc'])}: {problem['msg']}"
            for problem in invalid.errors(include_url=False)
        ]
        raise ScriptError("\n".join(mistakes)) from invalid


def _field(location: tuple[int | str, ...]) -> str:
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return name.removeprefix(".") or "the file"


def _line(root: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Return the line of the deepest part of `location` that the file really has."""
    node, line = root, 1
    for part in location:
        found = _child(node, part)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
