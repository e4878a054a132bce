"""Which agents there are now: a directory of files that may change while calls are served."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.agents.loader import Reading, Stamps, read_directory, stamps_of
from bridge.agents.mcp_tools import nothing_offered
from bridge.agents.resolve import resolve
from bridge.agents.schema import AgentFile
from bridge.agents.surroundings import NOTHING, Surroundings
from bridge.errors import NotFound
from bridge.files.checked import BadFile, Problem
from bridge.files.watched import WATCH_EVERY_S
from bridge.ids import AgentId, TenantId
from bridge.logs import get_logger
from bridge.ports.agent import AgentRequest, AgentSummary, ResolvedAgent
from bridge.ports.clock import Clock
from bridge.ports.tool import McpServers

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All agents at one moment. `served` is the last good version of each file that is there."""

    stamps: Stamps | None
    served: Mapping[str, AgentFile]
    by_id: Mapping[AgentId, AgentFile]
    problems: tuple[Problem, ...]


class FileCatalogue:
    """An AgentCatalogue of the YAML files in one directory.

    A file with mistakes is refused and the rest are served; one that was good before goes on being
    served as it was. Not thread-safe: load and reload where resolve is called.
    """

    def __init__(
        self,
        directory: Path,
        default_model: str,
        surroundings: Surroundings = NOTHING,
        mcp: McpServers | None = None,
    ) -> None:
        """
        :param mcp: is told which MCP servers agents name now; without it they offer nothing.
        """
        self._directory = directory
        self._default_model = default_model
        self._surroundings = surroundings
        self._mcp = mcp
        self._now = _Snapshot(None, {}, {}, ())

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files as they are now."""
        return self._now.problems

    def load(self) -> tuple[Problem, ...]:
        """Read every file, forgetting what was served before; return the problems. Blocks."""
        self._now = _Snapshot(None, {}, {}, ())
        return self.reload()

    def reload(self) -> tuple[Problem, ...]:
        """Read every file again; return the problems. Blocks for the time of reading."""
        try:
            self._take(read_directory(self._directory, self._surroundings))
        except OSError as error:
            self._lose(error)
        return self.problems

    async def watch(self, clock: Clock, every_s: float = WATCH_EVERY_S) -> None:
        """Reload whenever a file has changed, until cancelled. Reads in a thread, not here."""
        while True:
            await clock.sleep(every_s)
            try:
                stamps = await asyncio.to_thread(stamps_of, self._directory)
                if stamps != self._now.stamps:
                    self._take(
                        await asyncio.to_thread(read_directory, self._directory, self._surroundings)
                    )
            except OSError as error:
                self._lose(error)

    def resolve(self, request: AgentRequest) -> ResolvedAgent:
        """
        :raises NotFound: no such agent, or not this tenant's.
        :raises InvalidRequest: a language it does not speak, an override it does not allow, a
            variable it does not have or lacks.
        """
        agent = self._now.by_id.get(request.agent_id)
        if agent is None or not _is_visible(agent, request.tenant_id):
            raise NotFound(
                "AGENT_NOT_FOUND",
                f"there is no agent {request.agent_id}",
                {"agent_id": request.agent_id},
            )
        offered = nothing_offered if self._mcp is None else self._mcp.offered
        return resolve(agent, request, self._default_model, offered)

    def summaries(self, tenant_id: TenantId) -> Mapping[AgentId, AgentSummary]:
        """Return the agents that this tenant may ask for."""
        return {
            agent_id: AgentSummary(agent_id, agent.name, tuple(agent.languages))
            for agent_id, agent in self._now.by_id.items()
            if _is_visible(agent, tenant_id)
        }

    def _take(self, reading: Reading) -> None:
        before = self._now
        self._now = _next(before, reading)
        _report(before, self._now)
        if self._mcp is not None:
            named = (part.server for agent in self._now.by_id.values() for part in agent.mcp)
            self._mcp.keep(frozenset(named))

    def _lose(self, error: OSError) -> None:
        """Go on serving what there was: the directory may come back."""
        before = self._now
        problem = Problem(str(self._directory), None, None, "", f"cannot be read: {error.strerror}")
        self._now = _Snapshot(None, before.served, before.by_id, (problem,))
        _report(before, self._now)


def _is_visible(agent: AgentFile, tenant_id: TenantId) -> bool:
    return agent.tenant_id is None or agent.tenant_id == tenant_id


def _next(before: _Snapshot, reading: Reading) -> _Snapshot:
    problems: list[Problem] = []
    served: dict[str, AgentFile] = {}
    for name, result in reading.files.items():
        if not isinstance(result, BadFile):
            served[name] = result
            continue
        problems += result.problems
        if name in before.served:
            served[name] = before.served[name]
    owners = _owners(before, served)
    for name in served.keys() - set(owners.values()):
        agent_id = AgentId(served.pop(name).agent_id)
        message = f"{agent_id} is already the agent of {owners[agent_id]}"
        problems.append(Problem(name, None, None, "agentId", message))
    by_id = {agent_id: served[name] for agent_id, name in sorted(owners.items())}
    return _Snapshot(reading.stamps, served, by_id, tuple(sorted(problems, key=str)))


def _owners(before: _Snapshot, served: Mapping[str, AgentFile]) -> dict[AgentId, str]:
    """Return whose each id is: the file's that had it before, else the first by name."""

    def precedence(name: str) -> tuple[bool, str]:
        had = before.served.get(name)
        return had is None or had.agent_id != served[name].agent_id, name

    owners: dict[AgentId, str] = {}
    for name in sorted(served, key=precedence):
        owners.setdefault(AgentId(served[name].agent_id), name)
    return owners


def _report(before: _Snapshot, now: _Snapshot) -> None:
    for problem in now.problems:
        if problem not in before.problems:
            _log.warning("agent file refused", problem=str(problem))
    if now.by_id != before.by_id:
        _log.info("agents loaded", count=len(now.by_id))
