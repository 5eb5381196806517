"""Archives that lead out: what is in them, what unpacking them without looking does, how they lie in a workspace."""

from __future__ import annotations

import base64
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from mcpfuzz.archives import FORMS, TRICKS, packed
from mcpfuzz.campaign.proposals import sample_files
from mcpfuzz.campaign.reach import _baited
from mcpfuzz.effects.decoys import PACKED, Decoys
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.bundles import bytes_of, paths

NAME = "c0ffee.txt"


def trusting(data: bytes, folder: Path) -> None:
    """Unpack as people do who do not look."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                place = Path(os.path.join(folder, info.filename))
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    place.symlink_to(archive.read(info).decode())
                else:
                    place.write_bytes(archive.read(info))
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder, filter="fully_trusted")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("trick", TRICKS)
def test_only_a_tricky_archive_leaves_the_folder_it_is_unpacked_into(form: str, trick: str, tmp_path: Path) -> None:
    watch, folder = tmp_path / "watch", tmp_path / "into"
    watch.mkdir()
    folder.mkdir()
    trusting(packed(form, trick, str(watch), NAME), folder)
    assert (folder / "readme.txt").exists()
    assert [path.name for path in watch.iterdir()] == ([] if trick == "plain" else [NAME])


@pytest.mark.parametrize("trick", TRICKS)
def test_who_looks_writes_nothing_outside(trick: str, tmp_path: Path) -> None:
    watch, folder = tmp_path / "watch", tmp_path / "into"
    watch.mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed("tar", trick, str(watch), NAME))) as archive:
        try:
            archive.extractall(folder, filter="data")
        except tarfile.FilterError:
            assert trick != "plain"
    assert not list(watch.iterdir())


def test_there_is_no_other_archive() -> None:
    with pytest.raises(ValueError, match=r"no archive climb\.rar"):
        packed("rar", "climb", "/watch", NAME)


def test_archives_lie_in_a_workspace_with_a_canary_each_that_no_listing_takes_for_a_decoy(tmp_path: Path) -> None:
    workspace = tmp_path / "around" / "shop"
    workspace.mkdir(parents=True)
    decoys = Decoys(tmp_path / "around", workspace)
    decoys.refresh()
    decoys.pack(tmp_path / "watch")
    before = {name: value for name, value in decoys.canaries.items() if name.startswith(f"{PACKED}/")}
    assert len(set(before.values())) == len(FORMS) * len(TRICKS)
    assert not any(value.startswith(decoys.token) for value in before.values())
    with zipfile.ZipFile(workspace / PACKED / "plain.zip") as archive:
        assert archive.namelist() == ["readme.txt", before[f"{PACKED}/plain.zip"] + ".txt"]
    decoys.refresh()
    assert not set(before.values()) & set(decoys.canaries.values())


def test_a_folder_of_the_users_that_is_called_so_is_left_alone(tmp_path: Path) -> None:
    workspace = tmp_path / "around" / "shop"
    (workspace / PACKED).mkdir(parents=True)
    decoys = Decoys(tmp_path / "around", workspace)
    decoys.refresh()
    decoys.pack(tmp_path / "watch")
    assert not list((workspace / PACKED).iterdir())
    assert not any(name.startswith(f"{PACKED}/") for name in decoys.canaries)


def test_a_slot_is_an_archive_with_the_cases_own_canary() -> None:
    filler = Filler({"watch": "/watch"})
    told = filler.fill("data:application/zip;base64,{archive:climb.zip}")
    data = base64.b64decode(told.partition(",")[2])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist()[1] == "../" * 12 + f"watch/{filler.canaries['1']}.txt"
    assert Filler({"watch": "/watch"}).fill("{archive:climb.rar}") == "{archive:climb.rar}"


def test_every_payload_has_its_harmless_twin_and_the_likeliest_form_is_first() -> None:
    for payload in (*paths("a.zip"), *bytes_of("")):
        assert payload.benign is not None and "plain." in payload.benign and payload.text != payload.benign
    assert paths("data/a.tar.gz")[0].text == "packed/climb.tgz"
    assert paths("{workspace}/a.zip")[0].text == "{workspace}/packed/climb.zip"
    assert paths("a.zip")[0].rule == "packed/climb.zip"


def test_our_archives_are_no_good_values_but_for_the_harmless_one(tmp_path: Path) -> None:
    (tmp_path / PACKED).mkdir()
    (tmp_path / PACKED / "climb.zip").write_bytes(b"")
    (tmp_path / "a.txt").write_text("a")
    found = sample_files(str(tmp_path))
    assert not any("climb" in value for value in found)
    assert found[-1] == "packed/plain.zip"
    assert _baited({"path": "{workspace}/packed/climb.zip"}) and not _baited({"path": "packed/plain.zip"})
