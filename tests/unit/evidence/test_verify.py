# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to a sealed bundle is found, and the file is named."""

from __future__ import annotations

import base64
import copy
import json
import os
import random
import shutil
import typing as t
from pathlib import Path

import bagit  # type: ignore[import-untyped]
import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import MANIFEST, SEAL, TAG_MANIFEST
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.places import claims_of
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import Findings, verify
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.evidence_bundles import REGISTRY, Sealer, moment, reseal

NAME: t.Final = moment(1)
# Small ones are changed in each of their bytes, large ones in some.
SMALL: t.Final = 600
SOME: t.Final = 40


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> Path:
    sealer = Sealer.of(tmp_path_factory.mktemp("evidence"), "hotpass", people)
    return sealer.seal(None, NAME, live=False, live_reason="nothing ran", generation=7, release=attesting.RELEASE).path


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    """A copy to harm."""
    return Path(shutil.copytree(original, tmp_path / NAME))


def _verify(bundle: Path, people: Cast) -> Findings:
    return verify(bundle, people.trust, REGISTRY)


def _problems(bundle: Path, people: Cast) -> list[str]:
    found = _verify(bundle, people)
    with pytest.raises(CollectionError) as caught:
        found.insist()
    assert caught.value.message.startswith(f"The bundle {bundle} does not verify: {found.problems[0]}")
    return list(caught.value.details["problems"])


def test_a_bundle_as_it_was_sealed_verifies(bundle: Path, people: Cast) -> None:
    found = _verify(bundle, people)
    assert (found.problems, found.signers, found.good) == ((), ("alice",), True)
    claims = found.insist()
    assert (claims["name"], claims["live"], claims["generation"], claims["sequence"]) == (NAME, False, 7, None)
    assert found.size == sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
    assert found.to_json()["seal"] == digest_of((bundle / SEAL).read_bytes())


def test_the_bagit_tool_of_the_library_of_congress_takes_it_for_a_bag(bundle: Path) -> None:
    found = bagit.Bag(str(bundle))
    found.validate()
    assert found.info["External-Identifier"] == f"hotpass/staging/backfill/{NAME}"
    assert found.info["Bagging-Date"] == "2026-11-22"
    (bundle / "data/ledger.json").write_text("{}", encoding="utf-8")
    with pytest.raises(bagit.BagValidationError):
        found.validate()


def test_any_single_byte_that_is_changed_is_found_in_every_file(bundle: Path, people: Cast) -> None:
    rng = random.Random(20261122)
    files = sorted(file for file in bundle.rglob("*") if file.is_file())
    assert len(files) >= 12
    tried = 0
    for file in files:
        name, data = file.relative_to(bundle).as_posix(), file.read_bytes()
        small = len(data) <= SMALL
        positions = range(len(data)) if small else {0, len(data) - 1, *rng.sample(range(len(data)), SOME)}
        for position in positions:
            bits = range(8) if position in (0, len(data) // 2) else [rng.randrange(8)]
            for bit in bits:
                harmed = bytearray(data)
                harmed[position] ^= 1 << bit
                file.write_bytes(bytes(harmed))
                found = verify(bundle, people.trust, REGISTRY).problems
                assert name in {problem.file for problem in found}, (name, position, bit, found)
                tried += 1
        file.write_bytes(data)
    assert tried > 1200
    assert _verify(bundle, people).good


def test_every_bit_of_the_seal_counts(bundle: Path, people: Cast) -> None:
    seal, rng = bundle / SEAL, random.Random(7)
    data = seal.read_bytes()
    for position in range(0, len(data), 3):
        harmed = bytearray(data)
        harmed[position] ^= 1 << rng.randrange(8)
        seal.write_bytes(bytes(harmed))
        assert not _verify(bundle, people).good, position


def _with_signature(data: bytes, key_id: str, signature: bytes, first: bool) -> bytes:
    """A seal with one more signature, before or after those that it has."""
    envelope = json.loads(data)
    entry = {"keyid": key_id, "sig": base64.b64encode(signature).decode("ascii")}
    envelope["signatures"].insert(0 if first else len(envelope["signatures"]), entry)
    return canonical(envelope)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("key_id", ["", "f" * 64])
def test_a_signature_of_nobody_that_is_added_to_the_seal_is_found(
    bundle: Path, people: Cast, key_id: str, first: bool
) -> None:
    seal = bundle / SEAL
    assert claims_of(bundle, people.trust) is not None
    seal.write_bytes(_with_signature(seal.read_bytes(), key_id, random.Random(6).randbytes(64), first))
    assert _problems(bundle, people) == [f"{SEAL}: It has 2 signatures; allowed is the one of who sealed."]
    assert _verify(bundle, people).signers == ()
    # The next bundle must not hang on a seal that was changed.
    assert claims_of(bundle, people.trust) is None


def test_a_seal_has_one_signature_whoever_made_the_others(bundle: Path, people: Cast) -> None:
    data = (bundle / SEAL).read_bytes()
    [own] = json.loads(data)["signatures"]
    said = [f"{SEAL}: It has 2 signatures; allowed is the one of who sealed."]
    for other in (people.carol, people.bob, people.mallory):
        (bundle / SEAL).write_bytes(statements.add_signature(data, other.key))
        assert _problems(bundle, people) == said, other.user
    (bundle / SEAL).write_bytes(_with_signature(data, own["keyid"], base64.b64decode(own["sig"]), first=False))
    assert _problems(bundle, people) == said


def test_a_seal_is_written_in_one_way(bundle: Path, people: Cast) -> None:
    seal = bundle / SEAL
    data = seal.read_bytes()
    envelope = json.loads(data)
    statement = json.loads(base64.b64decode(envelope["payload"]))

    def changed(place: str, value: str) -> bytes:
        harmed = copy.deepcopy(envelope)
        (harmed["signatures"][0] if place in ("sig", "keyid") else harmed)[place] = value
        return canonical(harmed)

    signature, payload = envelope["signatures"][0]["sig"], envelope["payload"]
    last = chr(ord(signature[-3]) + 1)
    point, scalar = base64.b64decode(signature)[:32], int.from_bytes(base64.b64decode(signature)[32:], "little")
    # The same number modulo the order of the curve, which a careless reader of ed25519 takes as well.
    twin = point + (scalar + 2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
    others = [
        data + b"\n",
        b" " + data,
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
        data.replace(b'":', b'": '),
        data.replace(b"/", b"\\/"),
        json.dumps(envelope, indent=1).encode(),
        json.dumps({key: envelope[key] for key in sorted(envelope, reverse=True)}, separators=(",", ":")).encode(),
        data.replace(b'{"payload":', b'{"payload":"","payload":'),
        canonical({**envelope, "more": ""}),
        changed("sig", base64.b64encode(twin).decode()),
        changed("sig", signature.rstrip("=")),
        changed("sig", f"{signature}\n"),
        changed("sig", f"{signature[:-3]}{last}=="),
        changed("sig", signature.replace("+", "-").replace("/", "_").rstrip("=")),
        changed("keyid", envelope["signatures"][0]["keyid"].upper()),
        changed("payload", f"{payload[:64]}\n{payload[64:]}"),
        changed("payload", base64.b64encode(json.dumps(statement).encode()).decode()),
    ]
    for other in others:
        assert other != data
        seal.write_bytes(other)
        assert {problem.split(": ")[0] for problem in _problems(bundle, people)} == {SEAL}, other
    seal.write_bytes(data)
    assert _verify(bundle, people).good


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_found(bundle: Path, people: Cast, kept: float) -> None:
    for file in sorted(file for file in bundle.rglob("*") if file.is_file()):
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * kept)])
        name = file.relative_to(bundle).as_posix()
        assert any(problem.startswith(f"{name}: ") for problem in _problems(bundle, people)), name
        file.write_bytes(data + b"\n")
        assert any(problem.startswith(f"{name}: ") for problem in _problems(bundle, people)), name
        file.write_bytes(data)


def test_a_file_that_is_removed_is_found(bundle: Path, people: Cast) -> None:
    for file in sorted(file for file in bundle.rglob("*") if file.is_file()):
        data, name = file.read_bytes(), file.relative_to(bundle).as_posix()
        file.unlink()
        assert any(problem.startswith(f"{name}: is missing") for problem in _problems(bundle, people)), name
        file.write_bytes(data)


@pytest.mark.parametrize("name", ["more.json", "data/more.json", "data/statements/2.dsse.json", "new/one.txt"])
def test_a_file_that_is_added_is_found(bundle: Path, people: Cast, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("{}", encoding="utf-8")
    assert _problems(bundle, people) == [f"{name}: was added; no manifest lists it."]


@pytest.mark.parametrize("name", [".hidden", "data/.git", "with space", "data/a/b/c/d", "tab\t", "\udcff"])
def test_a_name_that_no_bundle_has_is_found(bundle: Path, people: Cast, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True, parents=True)
    (bundle / name).write_text("{}", encoding="utf-8")
    [problem] = _problems(bundle, people)
    assert "cannot stand in a bundle" in problem
    problem.encode()


def test_what_is_no_plain_file_is_found(bundle: Path, people: Cast, tmp_path: Path) -> None:
    runs = bundle / "runs.json"
    shutil.copy(runs, tmp_path / "runs.json")
    runs.unlink()
    runs.symlink_to(tmp_path / "runs.json")
    assert "runs.json: is a link." in _problems(bundle, people)
    runs.unlink()
    os.mkfifo(runs)
    assert "runs.json: is no plain file." in _problems(bundle, people)
    runs.unlink()
    runs.mkdir()
    assert "runs.json: is an empty directory, which no manifest lists." in _problems(bundle, people)
    runs.rmdir()
    shutil.copy(tmp_path / "runs.json", runs)
    shutil.move(bundle / "data", tmp_path / "data")
    (bundle / "data").symlink_to(tmp_path / "data")
    assert "data: is a link." in _problems(bundle, people)
    link = tmp_path / "link"
    link.symlink_to(bundle)
    with pytest.raises(CollectionError, match="is no directory, and a link to one is not taken either"):
        _verify(link, people)
    with pytest.raises(CollectionError, match="There is no bundle at"):
        _verify(tmp_path / "nothing", people)


def test_two_files_that_are_swapped_are_found(bundle: Path, people: Cast) -> None:
    names = ["summary.json", "data/ledger.json"]
    contents = [(bundle / name).read_bytes() for name in names]
    for name, data in zip(names, reversed(contents), strict=True):
        (bundle / name).write_bytes(data)
    problems = _problems(bundle, people)
    assert [problem.split(":")[0] for problem in problems] == ["data/ledger.json", "summary.json"]


def test_a_directory_with_another_name_is_found(bundle: Path, people: Cast) -> None:
    renamed = bundle.rename(bundle.with_name(moment(2)))
    [problem] = _problems(renamed, people)
    assert problem == f".: the directory is called {moment(2)}, and what was sealed is {NAME}."


def test_a_bundle_may_be_copied_anywhere_but_into_the_place_of_another(
    bundle: Path, people: Cast, tmp_path: Path
) -> None:
    for place, said in (
        ("staging/backfill", None),
        ("a/copy/of/mine", None),
        ("staging/kept", None),
        ("backfill.old", None),
        ("prod/backfill", "prod/backfill"),
        ("staging/promotion", "staging/promotion"),
        ("prod/promotion", "prod/promotion"),
    ):
        copy = Path(shutil.copytree(bundle, tmp_path / "places" / place / NAME))
        if said is None:
            assert _verify(copy, people).good, place
        else:
            assert _problems(copy, people) == [f".: it lies in {said}, and what was sealed is of staging/backfill."]
    # What counts is the name that it was asked for by, without detours.
    assert _verify(tmp_path / "places/prod/promotion/../../staging/promotion/../backfill" / NAME, people).good
    assert not _verify(tmp_path / "places/staging/backfill/../../prod/backfill" / NAME, people).good


def test_a_promoter_cannot_leave_out_the_payload_and_its_list(bundle: Path, people: Cast) -> None:
    shutil.rmtree(bundle / "data")
    reseal(bundle, people.alice)
    # Without a payload the list would be empty; take it out of the sealed list as well.
    (bundle / MANIFEST).unlink()
    tags = {file.name: file.read_bytes() for file in bundle.iterdir() if file.name not in (SEAL, TAG_MANIFEST)}
    (bundle / TAG_MANIFEST).write_bytes(bag.manifest(tags))
    said = {**statements.peek((bundle / SEAL).read_bytes())["predicate"]}
    at, _by = said.pop("sealedAt"), said.pop("sealedBy")
    digest = digest_of((bundle / TAG_MANIFEST).read_bytes())
    sealed = statements.evidence(**said, sealed=digest, sealed_at=at, sealed_by=people.alice)
    (bundle / SEAL).write_bytes(statements.sign(sealed, people.alice.key))
    problems = _problems(bundle, people)
    assert f"{MANIFEST}: is missing, and every bundle has it." in problems
    assert "data/keys.json: is missing, and every bundle has it." in problems


def test_the_seal_of_another_bundle_does_not_fit(bundle: Path, people: Cast, tmp_path: Path) -> None:
    other = Sealer.of(tmp_path / "other", "hotpass", people).seal(None, NAME, live=False)
    (bundle / SEAL).write_bytes((other.path / SEAL).read_bytes())
    assert f"{TAG_MANIFEST}: is not the one that was sealed." in _problems(bundle, people)


def test_a_bundle_sealed_anew_by_somebody_else_is_found(bundle: Path, people: Cast) -> None:
    (bundle / "runs.json").write_text("[{}, {}]", encoding="utf-8")
    for who, said in (
        (people.mallory, "which signed, is not in the ring's trust"),
        (people.bob, "alice, carol can sign as one"),
    ):
        reseal(bundle, who)
        [problem] = _problems(bundle, people)
        assert problem.startswith(f"{SEAL}: The statement lacks the signature of a promoter")
        assert said in problem
    # With the key of a promoter it can be done: the chain and its checkpoints are against that.
    reseal(bundle, people.alice)
    assert _verify(bundle, people).good


def test_nobody_is_believed_without_trust(bundle: Path) -> None:
    found = verify(bundle, Trust(), REGISTRY)
    assert [problem.file for problem in found.problems] == [SEAL]
    assert "nobody can sign as one" in found.problems[0].text


def test_a_statement_of_another_kind_is_no_seal(bundle: Path, people: Cast) -> None:
    (bundle / SEAL).write_bytes(statements.sign(attesting.promotion(people.alice), people.alice.key))
    assert any("holds a statement of another kind" in problem for problem in _problems(bundle, people))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "fail"}, "metadata.json: says of verdict something else than the seal, which has 'fail'."),
        ({"live": True}, "metadata.json: says of live something else than the seal, which has True."),
        ({"ring": "prod"}, "metadata.json: says of ring something else than the seal, which has 'prod'."),
        ({"generation": None}, "metadata.json: says of generation something else than the seal, which has None."),
        ({"sequence": 1}, "metadata.json: says of anchored something else than the seal, which has True."),
        ({"kind": "promotion"}, "bag-info.txt: does not say what the bundle is."),
        ({"name": moment(9)}, f".: the directory is called {NAME}, and what was sealed is {moment(9)}."),
    ],
)
def test_a_promoter_cannot_seal_what_contradicts_itself(
    bundle: Path, people: Cast, change: dict[str, t.Any], said: str
) -> None:
    reseal(bundle, people.alice, **change)
    assert said in _problems(bundle, people)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("summary.json", '{"runs": 3, "verdict": "pass"}', "summary.json: it claims 3 runs, and runs.json has 2."),
        ("summary.json", '{"runs": 2, "verdict": "fail"}', "summary.json: has another verdict than the seal"),
        ("summary.json", "[]", "summary.json: is no JSON object."),
        ("summary.json", '{"verdict": "pass"}', "summary.json: its claims cannot be computed from its files"),
        ("runs.json", '{"a": 1, "a": 2}', "runs.json: It holds no JSON of the kind that is written here."),
        ("runs.json", "[NaN, 1]", "runs.json: It holds no JSON of the kind that is written here."),
        ("metadata.json", "[]", "metadata.json: is no JSON object."),
        ("cli.sh", None, "cli.sh: is missing, and every bundle has it."),
        ("data/keys.json", None, "data/keys.json: is missing, and every bundle has it."),
        ("runs.json", None, "summary.json: its claims cannot be computed from its files (KeyError: 'runs.json')."),
    ],
)
def test_claims_that_the_raw_data_do_not_bear_out_are_found_also_under_a_good_seal(
    bundle: Path, people: Cast, name: str, content: str | None, said: str
) -> None:
    if content is None:
        (bundle / name).unlink()
    else:
        (bundle / name).write_text(content, encoding="utf-8")
    reseal(bundle, people.alice)
    problems = _problems(bundle, people)
    assert any(problem.startswith(said) for problem in problems), problems


def test_a_kind_that_nobody_can_compute_is_never_good(bundle: Path, people: Cast) -> None:
    found = verify(bundle, people.trust, {})
    assert [str(problem) for problem in found.problems] == [
        "summary.json: nothing is known by which a bundle of the kind backfill could be checked."
    ]


def test_lists_that_are_not_written_in_the_one_way_are_refused() -> None:
    good = bag.manifest({"a": b"1", "data/b": b"2"})
    assert list(bag.listed(good, "m")) == ["a", "data/b"]
    first, second = good.decode().splitlines(keepends=True)
    for bad in (second + first, first + first, good.decode().rstrip(), good.decode().replace("  ", " "), "\n", "x\n"):
        with pytest.raises(CollectionError, match=r"(Line \d of m is not|The last line of m does not end)"):
            bag.listed(bad.encode(), "m")
    with pytest.raises(CollectionError):
        bag.listed(good.replace(b"data/b", b"../b"), "m")
