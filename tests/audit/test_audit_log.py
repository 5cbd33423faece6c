import os
import stat
from pathlib import Path

import pytest

from gateway.audit.chain import decode
from gateway.audit.files import OsFiles
from gateway.audit.log import Durability
from gateway.audit.walk import chains
from gateway.errors import HushgateError, InternalError, StoreError
from tests.audit.audit_world import START, Fates, Turner, assert_verified, lines, record

BOTH = pytest.mark.parametrize("durability", ["strict", "written"])


class Counting(OsFiles):
    """The real files, with a list of what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.sizes: list[int] = []

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override] # a method over a static one
        self.calls.append("write")
        self.sizes.append(data.count(b"\n"))
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # as above
        self.calls.append("fdatasync")
        os.fdatasync(fd)


def phases(directory: Path) -> list[str]:
    return [decode(line).record.phase for line in lines(directory)]


@BOTH
def test_what_is_appended_in_one_turn_is_one_write(tmp_path: Path, durability: Durability) -> None:
    files, turner, fates = Counting(), Turner(), Fates()
    log = turner.open(tmp_path, durability, files)
    files.calls.clear()
    files.sizes.clear()
    fates.append(log, *"abc")
    assert files.calls == fates.accepted == []
    turner.turn()
    assert files.calls == (["write", "fdatasync"] if durability == "strict" else ["write"])
    assert files.sizes == [3]
    assert fates.accepted == ["a", "b", "c"]
    log.close()
    assert assert_verified(tmp_path).records == 5


def test_strict_accepts_only_after_the_sync_and_groups_what_comes_meanwhile(tmp_path: Path) -> None:
    files, turner, fates = Counting(), Turner(), Fates()
    log = turner.open(tmp_path, "strict", files)
    fates.append(log, "a")
    turner.turn(jobs=1)
    fates.append(log, "b")
    turner.turn(jobs=1)
    fates.append(log, "c")
    assert fates.accepted == []
    turner.turn(jobs=1)
    assert fates.accepted == ["a"]
    turner.turn()
    assert fates.accepted == ["a", "b", "c"]
    assert files.sizes == [1, 1, 2]
    log.close()
    assert_verified(tmp_path)


@BOTH
def test_the_chain_goes_on_over_restarts(tmp_path: Path, durability: Durability) -> None:
    for name in "abc":
        turner, fates = Turner(), Fates()
        log = turner.open(tmp_path, durability)
        fates.append(log, name)
        turner.turn()
        log.close()
    assert phases(tmp_path) == ["start", "read", "stop"] * 3
    assert assert_verified(tmp_path).heads == {"worker-00": log.head}


def test_a_segment_ends_at_its_size_and_at_midnight(tmp_path: Path) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, segment_bytes=400)
    for name in "abcdefgh":
        fates.append(log, name)
        turner.turn()
    assert len(chains(tmp_path)["worker-00"]) == 4
    log.close()
    turner.now += 86_400
    turner.open(tmp_path).close()
    turner.now += 86_400 - 0.5
    turner.open(tmp_path).close()
    assert len(chains(tmp_path)["worker-00"]) == 6
    assert assert_verified(tmp_path).records == 8 + 3 * 2


def test_each_slot_has_a_chain_and_each_chain_one_writer(tmp_path: Path) -> None:
    turner = Turner()
    first, second = turner.open(tmp_path), turner.open(tmp_path, worker=1)
    with pytest.raises(StoreError, match="another process writes this chain"):
        turner.open(tmp_path)
    first.close()
    turner.open(tmp_path).close()
    second.close()
    assert assert_verified(tmp_path).chains == 2


def test_files_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "audit"
    Turner().open(directory).close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("torn", [b"{", b'{"seq":2,"prev":"', b"\0" * 70_000, b"\xff" * 5])
def test_a_torn_end_is_moved_away_and_recorded(tmp_path: Path, torn: bytes) -> None:
    Turner().open(tmp_path).close()
    file = chains(tmp_path)["worker-00"][-1]
    whole = file.read_bytes()
    file.write_bytes(whole + torn)
    Turner().open(tmp_path).close()
    assert file.with_name(file.name + ".torn").read_bytes() == torn
    assert file.read_bytes().startswith(whole)
    assert phases(tmp_path) == ["start", "stop", "recovered", "start", "stop"]
    assert decode(lines(tmp_path)[2]).record.note.startswith(f"{len(torn)} bytes")
    assert_verified(tmp_path)


def test_a_first_write_that_was_torn_leaves_an_empty_chain(tmp_path: Path) -> None:
    (tmp_path / "worker-00.000001.jsonl").write_bytes(b'{"seq":0')
    Turner().open(tmp_path).close()
    assert phases(tmp_path) == ["recovered", "start", "stop"]
    assert_verified(tmp_path)


def test_an_empty_last_segment_goes_on_from_the_one_before(tmp_path: Path) -> None:
    Turner().open(tmp_path).close()
    (tmp_path / "worker-00.000002.jsonl").touch()
    Turner().open(tmp_path).close()
    assert len(lines(tmp_path)) == 4
    assert_verified(tmp_path)


def damage_last(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"seq":1,', b'"seq":7,'))


def damage_first(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"phase":"start"', b'"phase":"other"'))


def drop_first(file: Path) -> None:
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[1])


def blank(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def renumber(file: Path) -> None:
    file.rename(file.with_name("worker-00.000002.jsonl")).write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_last, damage_first, drop_first, blank, renumber])
def test_a_chain_that_does_not_link_is_not_gone_on_with(tmp_path: Path, damage: object) -> None:
    Turner().open(tmp_path).close()
    assert callable(damage)
    damage(chains(tmp_path)["worker-00"][0])
    before = lines(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            Turner().open(tmp_path)
        assert caught.value.reason == "audit_unavailable"
    assert lines(tmp_path) == before


def test_a_directory_that_cannot_be_used_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="File exists"):
        Turner().open(tmp_path / "file")


@BOTH
def test_close_sees_everything_through(tmp_path: Path, durability: Durability) -> None:
    for jobs in range(4):
        turner, fates = Turner(), Fates()
        log = turner.open(tmp_path, durability)
        fates.append(log, f"a{jobs}", f"b{jobs}")
        turner.turn(jobs)
        fates.append(log, f"c{jobs}")
        log.close()
        assert len(fates.accepted) == 3
        assert not log.ready()
        turner.turn()
        log.close()
        fates.append(log, "late")
        assert fates.refused == ["late"]
    assert phases(tmp_path) == ["start", *["read"] * 3, "stop"] * 4
    assert_verified(tmp_path)


def test_a_record_without_a_text_form_is_refused_alone(tmp_path: Path) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path)
    fates.append(log, "a", "\ud800", "b")
    turner.turn()
    assert fates.accepted == ["a", "b"]
    assert isinstance(fates.answers["\ud800"][0], InternalError)
    assert log.ready()
    log.close()
    assert_verified(tmp_path)


@BOTH
def test_a_listener_that_raises_does_not_keep_the_others_waiting(
    tmp_path: Path, durability: Durability
) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, durability)

    def broken(error: Exception | None) -> None:
        raise HushgateError("internal_error", "broken")

    fates.append(log, "a")
    log.append(record("x"), broken)
    fates.append(log, "b", "c")
    with pytest.raises(HushgateError, match="broken"):
        turner.turn()
    turner.turn()
    assert fates.accepted == ["a", "b", "c"]
    log.close()
    assert_verified(tmp_path)


def test_a_listener_may_append(tmp_path: Path) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, "written")
    log.append(record("a"), lambda error: fates.append(log, "b"))
    turner.turn()
    assert fates.accepted == ["b"]
    log.close()
    assert_verified(tmp_path)


@BOTH
def test_a_moved_directory_refuses_until_it_is_back(tmp_path: Path, durability: Durability) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    turner, fates = Turner(), Fates()
    log = turner.open(here, durability)
    here.rename(away)
    fates.append(log, "a", "b")
    turner.turn()
    assert fates.refused == ["a", "b"]
    assert isinstance(fates.answers["a"][0], StoreError)
    assert not log.ready()
    turner.turn()
    assert not log.ready()
    away.rename(here)
    fates.append(log, "c")
    turner.turn()
    assert fates.accepted == ["c"]
    assert log.ready()
    log.close()
    assert phases(here) == ["start", "recovered", "read", "stop"]
    assert decode(lines(here)[1]).record.note == "the log was unavailable, 2 records refused"
    assert_verified(here)


def test_asking_for_readiness_makes_the_log_try_again(tmp_path: Path) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    turner, fates = Turner(), Fates()
    log = turner.open(here)
    here.rename(away)
    fates.append(log, "a")
    turner.turn()
    away.rename(here)
    assert not log.ready()
    turner.turn()
    assert log.ready()
    log.close()
    assert phases(here) == ["start", "recovered", "stop"]
    assert_verified(here)


@BOTH
def test_a_deleted_or_replaced_segment_takes_nothing(tmp_path: Path, durability: Durability) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, durability)
    file = chains(tmp_path)["worker-00"][0]
    copy = file.read_bytes()
    file.unlink()
    fates.append(log, "a")
    turner.turn()
    file.write_bytes(copy)
    fates.append(log, "b")
    turner.turn()
    assert fates.refused == ["a", "b"]
    log.close()
    assert file.read_bytes() == copy


@BOTH
@pytest.mark.parametrize("cut", [1, 100, 214, 300])
def test_a_segment_cut_from_outside_is_never_filled_up(
    tmp_path: Path, durability: Durability, cut: int
) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, durability)
    fates.append(log, "x")
    turner.turn()
    file = chains(tmp_path)["worker-00"][0]
    os.truncate(file, file.stat().st_size - cut)
    for name in "abc":
        fates.append(log, name)
        turner.turn()
    assert fates.refused == ["a", "b", "c"]
    log.close()
    assert b"\0" not in file.read_bytes()


def test_a_next_segment_that_is_not_ours_is_not_written_to(tmp_path: Path) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path, segment_bytes=1)
    other = tmp_path / "worker-00.000002.jsonl"
    other.write_bytes(b"other\n")
    fates.append(log, "a")
    turner.turn()
    assert fates.refused == ["a"]
    assert other.read_bytes() == b"other\n"
    other.write_bytes(b"")
    fates.append(log, "b")
    turner.turn()
    assert fates.accepted == ["b"]
    log.close()
    assert_verified(tmp_path)


def test_a_day_is_that_of_the_clock_not_of_the_record(tmp_path: Path) -> None:
    turner, fates = Turner(), Fates()
    log = turner.open(tmp_path)
    fates.append(log, "a", at=START - 86_400)
    turner.turn()
    fates.append(log, "b")
    turner.turn()
    log.close()
    assert len(chains(tmp_path)["worker-00"]) == 1
