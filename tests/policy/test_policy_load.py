import os
import stat
from collections.abc import Collection
from pathlib import Path

import pytest

from gateway.errors import ConfigError, InternalError
from gateway.policy import cache as policy_cache
from gateway.policy import load as policy_load
from gateway.policy.load import LoadedRules, load_rules, reload

RULES = """\
tenant: {name}
instruction: {{by: a, ref: b, date: 2026-01-01}}
clients: [{{id: app, key: "sha256:{digest}", role: r, purposes: [marketing]}}]
views: {{r: {{show: [user.name]}}}}
rules:
  - {{id: it, access: {{providers: [acme]}}}}
"""


def write(folder: Path, name: str, **change: str) -> Path:
    text = RULES.format(name=name, digest=f"{name.encode().hex():0>64}")
    for old, new in change.items():
        text = text.replace(old, new)
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    for name in ("ann", "bob", "cat"):
        write(made, name)
    (made / "ann" / "cases").mkdir(parents=True)
    return made


def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are parsed from now on."""
    seen: list[str] = []
    real = policy_load.parse_file

    def parse(path: str, maskers: Collection[str] = ()) -> policy_load.Result:
        seen.append(Path(path).name)
        return real(path, maskers=maskers)

    monkeypatch.setattr(policy_load, "parse_file", parse)
    return seen


def tenants(loaded: LoadedRules) -> list[str]:
    return [entry.tenant for entry in loaded.tenants()]


def test_entries_know_their_clients_and_decode_their_policy(folder: Path) -> None:
    loaded = load_rules(folder)
    assert tenants(loaded) == ["ann", "bob", "cat"]
    [ann, *_] = loaded.tenants()
    assert ann.clients == ann.policy().clients
    assert ann.policy().version == ann.version
    assert ann.policy() is ann.policy()


def test_unchanged_files_are_not_parsed_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_rules(folder, tmp_path / "cache")
    seen = parsed(monkeypatch)
    again = load_rules(folder, tmp_path / "cache", warn=pytest.fail)
    assert seen == []
    assert [e.policy() for e in again.tenants()] == [e.policy() for e in first.tenants()]
    write(folder, "bob", it="that")
    changed = load_rules(folder, tmp_path / "cache", warn=pytest.fail)
    assert seen == ["bob.yaml"]
    assert [e.policy().rules[0].id for e in changed.tenants()] == ["it", "that", "it"]


def test_the_cache_is_its_owners_alone_and_nothing_is_left_beside_it(folder: Path, tmp_path: Path) -> None:
    load_rules(folder, tmp_path / "cache")
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "rules"]


@pytest.mark.parametrize("where", [0, 40, -60, -1])
def test_a_damaged_cache_is_told_and_rebuilt(folder: Path, tmp_path: Path, where: int) -> None:
    cache = tmp_path / "cache"
    load_rules(folder, cache)
    good = cache.read_bytes()
    bad = bytearray(good)
    bad[where] ^= 1
    told: list[str] = []
    cache.write_bytes(bad)
    assert len(load_rules(folder, cache, warn=told.append).entries) == 3
    assert len(told) == 1
    assert "is damaged" in told[0]
    assert cache.read_bytes() == good


@pytest.mark.parametrize("size", [0, 5, 30, 200])
def test_a_cache_cut_short_is_told_and_rebuilt(folder: Path, tmp_path: Path, size: int) -> None:
    load_rules(folder, tmp_path / "cache")
    (tmp_path / "cache").write_bytes((tmp_path / "cache").read_bytes()[:size])
    told: list[str] = []
    assert len(load_rules(folder, tmp_path / "cache", warn=told.append).entries) == 3
    assert "is damaged" in told[0]


def test_a_cache_that_others_may_touch_is_not_used(folder: Path, tmp_path: Path) -> None:
    load_rules(folder, tmp_path / "cache")
    (tmp_path / "cache").chmod(0o640)
    told: list[str] = []
    load_rules(folder, tmp_path / "cache", warn=told.append)
    assert "is open to others" in told[0]


def test_a_cache_of_another_version_is_not_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rules(folder, tmp_path / "cache")
    monkeypatch.setattr(policy_cache, "schema_version", lambda: "another")
    told: list[str] = []
    load_rules(folder, tmp_path / "cache", warn=told.append)
    assert "is of another version" in told[0]


def test_a_cache_that_cannot_be_written_does_not_stop_the_start(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    loaded = load_rules(folder, tmp_path / "none" / "cache", warn=told.append)
    assert [entry.policy().tenant for entry in loaded.tenants()] == ["ann", "bob", "cat"]
    assert "cannot be written" in told[0]


def test_a_bad_file_takes_no_effect_and_leaves_the_others(folder: Path) -> None:
    bad = write(folder, "bob", marketing="marketin")
    loaded = load_rules(folder)
    assert tenants(loaded) == ["ann", "cat"]
    [problem] = loaded.problems
    assert (problem.file, problem.line, problem.nearest) == (str(bad), 3, "marketing")


def test_a_reload_keeps_what_was_in_force_for_a_bad_file(folder: Path, tmp_path: Path) -> None:
    old = load_rules(folder, tmp_path / "cache")
    write(folder, "ann", it="that")
    write(folder, "bob", marketing="marketin")
    (folder / "cat.yaml").unlink()
    write(folder, "dan")
    new = reload(old, folder, tmp_path / "cache")
    assert tenants(new) == ["ann", "bob", "dan"]
    assert [entry.policy().rules[0].id for entry in new.tenants()] == ["that", "it", "it"]
    assert [Path(problem.file).name for problem in new.problems] == ["bob.yaml"]
    write(folder, "bob", it="mended")
    assert reload(new, folder, tmp_path / "cache").entries["bob.yaml"].policy().rules[0].id == "mended"


def test_recipients_are_checked_even_when_cached(folder: Path, tmp_path: Path) -> None:
    file = folder / "ann.yaml"
    file.write_text(
        file.read_text().replace("access: {providers: [acme]}", "only: [user.name], recipients: nobody")
    )
    for _ in range(2):
        assert "ann.yaml" in load_rules(folder, tmp_path / "cache").entries
        loaded = load_rules(folder, tmp_path / "cache", packs=[])
        assert "unknown recipient 'nobody'" in {p.found for p in loaded.problems}


def test_names_are_checked_against_the_packs_even_when_cached(folder: Path, tmp_path: Path) -> None:
    load_rules(folder, tmp_path / "cache")
    loaded = load_rules(folder, tmp_path / "cache", packs=[])
    assert loaded.entries == {}
    assert {(p.line, p.found) for p in loaded.problems} == {(6, "unknown provider 'acme'")}


def test_tenants_that_share_a_key_are_told(folder: Path) -> None:
    write(folder, "bob", **{f"{b'bob'.hex():0>64}": f"{b'ann'.hex():0>64}"})
    [problem] = load_rules(folder).problems
    assert "same means of identification as one of 'ann'" in problem.found


def test_a_file_with_the_wrong_ending_is_told(folder: Path) -> None:
    (folder / "eve.yml").write_text("tenant: eve")
    [problem] = load_rules(folder).problems
    assert problem.found == "a file named .yml"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder that cannot be read"):
        load_rules(tmp_path / "none")


def test_many_files_are_parsed_by_several_processes_to_the_same_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "bob", marketing="marketin")
    alone = load_rules(folder)
    monkeypatch.setattr(policy_load, "MANY", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    steps: list[tuple[int, int]] = []
    many = load_rules(folder, progress=lambda done, total: steps.append((done, total)))
    assert [e.policy() for e in many.tenants()] == [e.policy() for e in alone.tenants()]
    assert many.problems == alone.problems
    assert steps[-1] == (3, 3)


def test_a_cache_that_is_lost_while_running_refuses(folder: Path, tmp_path: Path) -> None:
    [ann, *_] = load_rules(folder, tmp_path / "cache").tenants()
    with (tmp_path / "cache").open("r+b") as file:
        file.truncate(10)
    with pytest.raises(InternalError):
        ann.policy()


def test_a_masker_that_is_gone_is_noticed_in_unchanged_files(folder: Path, tmp_path: Path) -> None:
    file = folder / "ann.yaml"
    file.write_text(file.read_text() + "  - {id: m, mask: user.name, with: badge}\n")
    assert len(load_rules(folder, tmp_path / "cache", maskers=["badge"]).entries) == 3
    assert len(load_rules(folder, tmp_path / "cache", maskers=["badge", "b"]).entries) == 3
    loaded = load_rules(folder, tmp_path / "cache")
    assert tenants(loaded) == ["bob", "cat"]
    [problem] = loaded.problems
    assert (problem.file, problem.found) == (str(file), "'badge'")
