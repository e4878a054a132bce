"""Which agents are served while their files change."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.types import EventDict

from bridge.agents import FileCatalogue
from bridge.errors import NotFound
from bridge.ids import AgentId, TenantId
from bridge.ports.agent import AgentCatalogue, AgentRequest
from tests.fakes.watching import watching

T1, T2 = TenantId("t1"), TenantId("t2")


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


def write(directory: Path, file: str, agent_id: str, more: str = "", name: str = "Ava") -> None:
    text = f"agentId: {agent_id}\nname: {name}\ninstructions: Be kind.\n{more}\n"
    (directory / file).write_text(text)


def catalogue_of(directory: Path) -> FileCatalogue:
    catalogue = FileCatalogue(directory, "m")
    catalogue.load()
    return catalogue


def ids(catalogue: AgentCatalogue, tenant: TenantId = T1) -> list[str]:
    return sorted(catalogue.summaries(tenant))


def name_of(catalogue: AgentCatalogue, agent_id: str, tenant: TenantId = T1) -> str:
    return catalogue.resolve(AgentRequest(AgentId(agent_id), tenant)).name


def test_every_yaml_file_of_the_directory_is_an_agent(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a", "languages: [en, de]")
    write(tmp_path, "b.yml", "b")
    write(tmp_path, ".hidden.yaml", "hidden")
    write(tmp_path, "notes.txt", "notes")
    catalogue = catalogue_of(tmp_path)
    assert ids(catalogue) == ["a", "b"]
    assert catalogue.summaries(T1)[AgentId("a")].languages == ("en", "de")
    assert catalogue.problems == ()


def test_a_bad_file_is_refused_and_the_rest_are_served(
    tmp_path: Path, logged: list[EventDict]
) -> None:
    write(tmp_path, "a.yaml", "a")
    write(tmp_path, "b.yaml", "b", "speed: 9")
    (tmp_path / "c.yaml").mkdir()
    (tmp_path / "d.yaml").symlink_to("nowhere")
    catalogue = catalogue_of(tmp_path)
    assert ids(catalogue) == ["a"]
    assert [str(problem) for problem in catalogue.problems] == [
        "b.yaml:4:1: speed: Input should be less than or equal to 1.5",
        "c.yaml: is no file",
        "d.yaml: is no file",
    ]
    assert sum(event["event"] == "agent file refused" for event in logged) == 3


def test_a_file_that_went_bad_is_served_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a", name="Good")
    catalogue = catalogue_of(tmp_path)
    write(tmp_path, "a.yaml", "a", "speed: 9", name="Bad")
    (problem,) = catalogue.reload()
    assert (problem.file, problem.line, problem.field) == ("a.yaml", 4, "speed")
    assert name_of(catalogue, "a") == "Good"
    catalogue.reload()
    assert name_of(catalogue, "a") == "Good"
    write(tmp_path, "a.yaml", "a", name="Better")
    assert catalogue.reload() == ()
    assert name_of(catalogue, "a") == "Better"


def test_loading_again_forgets_the_last_good_version(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a")
    catalogue = catalogue_of(tmp_path)
    write(tmp_path, "a.yaml", "a", "speed: 9")
    assert len(catalogue.load()) == 1
    assert ids(catalogue) == []


def test_a_deleted_file_takes_its_agent_with_it(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a")
    catalogue = catalogue_of(tmp_path)
    (tmp_path / "a.yaml").unlink()
    catalogue.reload()
    with pytest.raises(NotFound):
        name_of(catalogue, "a")


def test_of_two_files_with_one_id_the_first_by_name_is_served(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "x", name="First")
    write(tmp_path, "b.yaml", "x", name="Second")
    catalogue = catalogue_of(tmp_path)
    assert name_of(catalogue, "x") == "First"
    assert str(catalogue.problems[0]) == "b.yaml: agentId: x is already the agent of a.yaml"


def test_a_new_file_cannot_take_an_id_from_the_one_that_has_it(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "x", name="Old")
    catalogue = catalogue_of(tmp_path)
    write(tmp_path, "a.yaml", "x", name="New")
    (problem,) = catalogue.reload()
    assert problem.file == "a.yaml"
    assert name_of(catalogue, "x") == "Old"
    (tmp_path / "b.yaml").unlink()
    assert catalogue.reload() == ()
    assert name_of(catalogue, "x") == "New"


def test_a_directory_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    catalogue = FileCatalogue(tmp_path / "nowhere", "m")
    (problem,) = catalogue.load()
    assert problem.message == "cannot be read: No such file or directory"


def test_agents_outlive_a_directory_that_goes_away_for_a_while(tmp_path: Path) -> None:
    directory = tmp_path / "agents"
    directory.mkdir()
    write(directory, "a.yaml", "a")
    catalogue = catalogue_of(directory)
    directory.rename(tmp_path / "away")
    assert len(catalogue.reload()) == 1
    assert ids(catalogue) == ["a"]
    (tmp_path / "away").rename(directory)
    assert catalogue.reload() == ()


def test_an_agent_of_a_tenant_does_not_exist_for_another(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a", "tenantId: t1")
    catalogue = catalogue_of(tmp_path)
    assert (ids(catalogue, T1), ids(catalogue, T2)) == (["a"], [])
    assert name_of(catalogue, "a", T1) == "Ava"
    refusals = []
    for agent_id, tenant in (("a", T2), ("a", TenantId("")), ("b", T1)):
        with pytest.raises(NotFound) as refused:
            name_of(catalogue, agent_id, tenant)
        refusals.append((refused.value.reason, refused.value.message.replace(agent_id, "?", 1)))
    assert len({reason for reason, _ in refusals}) == 1
    with pytest.raises(NotFound, match="there is no agent a") as refused:
        name_of(catalogue, "a", T2)
    assert refused.value.metadata == {"agent_id": "a"}


async def test_a_watched_directory_is_read_again_when_a_file_changes(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a", name="Old")
    catalogue = catalogue_of(tmp_path)
    async with watching(catalogue) as clock:
        write(tmp_path, "a.yaml", "a", name="Newer")
        write(tmp_path, "b.yaml", "b", "speed: 9")
        await clock.step()
        assert name_of(catalogue, "a") == "Newer"
        assert [problem.file for problem in catalogue.problems] == ["b.yaml"]
        (tmp_path / "b.yaml").unlink()
        await clock.step()
        assert ids(catalogue) == ["a"]
        assert catalogue.problems == ()


async def test_a_file_is_read_again_for_its_time_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a", name="Old")
    catalogue = catalogue_of(tmp_path)
    async with watching(catalogue) as clock:
        write(tmp_path, "a.yaml", "a", name="New")
        os.utime(tmp_path / "a.yaml", ns=(1, 1))
        await clock.step()
        assert name_of(catalogue, "a") == "New"


async def test_an_unchanged_directory_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.yaml", "a")
    catalogue = catalogue_of(tmp_path)

    def never(_directory: Path) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("bridge.agents.catalogue.read_directory", never)
    async with watching(catalogue) as clock:
        await clock.step()
        await clock.step()
        assert ids(catalogue) == ["a"]


async def test_a_lasting_problem_is_logged_once(tmp_path: Path, logged: list[EventDict]) -> None:
    catalogue = catalogue_of(tmp_path)
    async with watching(catalogue) as clock:
        await asyncio.to_thread(tmp_path.rename, tmp_path.with_name("away"))
        await clock.step()
        await clock.step()
        await asyncio.to_thread(tmp_path.with_name("away").rename, tmp_path)
        await clock.step()
        assert catalogue.problems == ()
    assert [event["event"] for event in logged] == ["agent file refused"]
