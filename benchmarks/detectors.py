"""How much the detectors find of what is labelled, and how much of what they find is labelled.

Reads third-party labelled texts where they are there: a folder named by HUSHGATE_CORPORA, or
`shared/corpora` beside the repository. The example numbers that `phonenumbers` ships are there always.
`python -m benchmarks.detectors` prints a Markdown table; with `-v`, also what was missed.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from csv import DictReader
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.masking.detectors.finder import Finder
from gateway.masking.detectors.hit import Hit

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text, its writer's regions, and where what kind stands. Only `kinds` are judged in it."""

    text: str
    regions: tuple[str, ...]
    spans: Mapping[str, Spans]

    @property
    def kinds(self) -> Iterable[str]:
        return self.spans


@dataclass(slots=True)
class Score:
    """Counts: labelled places, those wholly covered by what was found, hits, and hits that meet no label."""

    labelled: int = 0
    covered: int = 0
    hits: int = 0
    spurious: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.covered / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        return 1 - self.spurious / self.hits if self.hits else 1.0


@cache
def finder(regions: tuple[str, ...]) -> Finder:
    return Finder(regions)


def judge(texts: Iterable[Text]) -> dict[str, Score]:
    """Kind -> score."""
    scores: dict[str, Score] = {}
    for text in texts:
        hits = finder(text.regions).find(text.text)
        for kind, spans in text.spans.items():
            _judge(text, spans, [hit for hit in hits if hit.kind == kind], scores.setdefault(kind, Score()))
    return scores


def _judge(text: Text, spans: Spans, hits: list[Hit], score: Score) -> None:
    marked = {at for hit in hits for at in range(hit.start, hit.end)}
    for start, end in spans:
        whole = all(at in marked or not text.text[at].isalnum() for at in range(start, end))
        score.labelled += 1
        score.covered += whole
        if not whole:
            score.missed.append(f"{'/'.join(text.regions)}: {text.text[start:end]!r}")
    for hit in hits:
        meets = any(hit.start < end and start < hit.end for start, end in spans)
        score.hits += 1
        score.spurious += not meets
        if not meets:
            score.false.append(f"{'/'.join(text.regions)}: {text.text[hit.start : hit.end]!r}")


# ---- sources --------------------------------------------------------------------------------------------


def corpora() -> Path | None:
    """The folder of third-party texts, or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "corpora"
    named = os.environ.get("HUSHGATE_CORPORA")
    folder = Path(named) if named else beside
    return folder if (folder / "pii").is_dir() else None


_FORMATS: Final = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
_TYPES: Final = tuple(t for t in PhoneNumberType.values() if t != PhoneNumberType.UNKNOWN)


def examples() -> Iterator[Text]:
    """The example number of every region and type, three formats, in a sentence, with the region known."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in _TYPES:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            for style in _FORMATS:
                written = phonenumbers.format_number(number, style)
                text = f"Call {written} now"
                yield Text(text, (region,), {"phone": ((5, 5 + len(written)),)})


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (row for row in map(json.loads, file) if isinstance(row, dict))


_RESEARCH: Final = {
    "CREDIT_CARD": "card",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "US_SSN": "national_id",
    "IP_ADDRESS": "ip",
}


def research(folder: Path) -> Iterator[Text]:
    """presidio-research: sentences made from templates. A phone's region is that of its made-up person."""
    home = folder / "presidio-research"
    with (home / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig") as file:
        countries = {row["TelephoneNumber"]: row["Country"] for row in DictReader(file)}
    for name in ("synth_dataset_v2.json", "generated_small.json"):
        for row in json.loads((home / name).read_text("utf-8")):
            spans = row["spans"]
            spoken = (countries.get(span["entity_value"]) for span in spans)
            regions = tuple(dict.fromkeys(region for region in spoken if region))
            yield Text(row["full_text"], regions or ("US",), _labels(spans))


def _labels(spans: list[dict[str, Any]]) -> dict[str, Spans]:
    made: dict[str, Spans] = dict.fromkeys(_RESEARCH.values(), ())
    for span in spans:
        kind = _RESEARCH.get(span["entity_type"])
        if kind:
            made[kind] += ((span["start_position"], span["end_position"]),)
    return made


_MEDDOCAN: Final = {"CORREO_ELECTRONICO": "email", "NUMERO_TELEFONO": "phone", "NUMERO_FAX": "phone"}


def meddocan(folder: Path) -> Iterator[Text]:
    """Spanish clinical texts."""
    for row in _rows(folder / "meddocan_dev_es.jsonl"):
        made: dict[str, Spans] = {"email": (), "phone": ()}
        for label, start, end, _ in row["spans"]:
            kind = _MEDDOCAN.get(label)
            if kind:
                made[kind] += ((start, end),)
        yield Text(row["text"], ("ES",), made)


_RECOGNISERS: Final = {
    "credit_card": ("card", ""),
    "iban": ("iban", ""),
    "phone": ("phone", "US"),
    "es_nie": ("national_id", "ES"),
    "es_nif": ("national_id", "ES"),
    "fi_personal_identity_code": ("national_id", "FI"),
    "za_id_number": ("national_id", "ZA"),
    "de_tax_id": ("national_id", "DE"),
    "ca_sin": ("national_id", "CA"),
    "kr_rrn": ("national_id", "KR"),
    "au_tfn": ("national_id", "AU"),
    "us_itin": ("national_id", "US"),
    "in_pan": ("national_id", "IN"),
    "uk_nhs": ("national_id", "GB"),
    "th_tnin": ("national_id", "TH"),
    "sg_fin": ("national_id", "SG"),
}


def recognisers(folder: Path) -> Iterator[Text]:
    """Test cases of presidio's recognisers, of kinds that are looked for here."""
    for row in _rows(folder / "presidio_recognizer_cases.jsonl"):
        known = _RECOGNISERS.get(row["test"].removesuffix("_recognizer"))
        places = _places(row)
        if known and places is not None:
            kind, regions = known
            yield Text(row["text"], tuple(regions.split()), {kind: places})


def _places(row: dict[str, Any]) -> Spans | None:
    found = [value for value in row["values"] if _is_places(value)]
    if row["expected_len"] == 0:
        return ()
    fitting = [tuple((at, to) for at, to in places) for places in found if len(places) == row["expected_len"]]
    return fitting[0] if fitting else None


def _is_places(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(at) is int for at in pair) for pair in value
    )


_VALIDATORS: Final[Mapping[str, str]] = {
    "isEmail": "email",
    "isCreditCard": "card",
    "isIBAN": "iban",
    "isMobilePhone": "phone",
    "isTaxID": "national_id",
}


def validators(folder: Path) -> Iterator[Text]:
    """Valid values of validator.js, each alone; phones and tax numbers with their locale's region.

    What it calls invalid often holds an address or a number, so it says nothing about precision.
    """
    for row in _rows(folder / "validatorjs_cases.jsonl"):
        kind = _VALIDATORS.get(row["validator"])
        region = _region(row["args"])
        if kind is None or (kind in ("phone", "national_id") and region is None):
            continue
        if kind in ("email", "iban", "card") and row["args"]:
            continue
        regions = (region,) if region else ()
        for value in row["valid"] or ():
            yield Text(value, regions, {kind: ((0, len(value)),)})


def _region(args: Any) -> str | None:
    locale = args[0] if isinstance(args, list) and args else None
    return locale[-2:] if isinstance(locale, str) and len(locale) == 5 and locale[2] == "-" else None


SOURCES: Final[Mapping[str, Callable[[Path], Iterable[Text]]]] = {
    "presidio-research": research,
    "MEDDOCAN (Spanish)": meddocan,
    "presidio's cases": recognisers,
    "validator.js": validators,
}


# ---- the report -----------------------------------------------------------------------------------------


def every() -> dict[str, dict[str, Score]]:
    """Source -> kind -> score, of what is there."""
    folder = corpora()
    made = {"example numbers, every region": judge(examples())}
    if folder:
        made |= {name: judge(read(folder / "pii")) for name, read in SOURCES.items()}
    return made


def table(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Markdown."""
    lines = ["| texts | kind | labelled | recall | found | precision |", "|---|---|---|---|---|---|"]
    for source, kinds in scores.items():
        for kind, s in kinds.items():
            lines.append(
                f"| {source} | {kind} | {s.labelled} | {s.recall:.3f} | {s.hits} | {s.precision:.3f} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Print the table; with `-v` what was missed and what was taken wrongly."""
    scores = every()
    print(table(scores))
    if "-v" in sys.argv:
        for source, kinds in scores.items():
            for kind, score in kinds.items():
                print(f"\n{source}, {kind}\n  missed: {score.missed[:60]}")
                print(f"  taken: {Counter(score.false).most_common(60)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
