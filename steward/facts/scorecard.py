"""A scorecard: YAML text in, weighted measures over facts out; errors say file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steward.model.errors import ConfigError
from steward.model.facts import FactSpec, FactType
from steward.model.words import nearest

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

SHIPPED = Path(__file__).with_name("scorecard.yaml")
MOST_BYTES = 64 * 1024

_TOP = ("title", "least_coverage", "bands", "measures")
_MEASURE = ("fact", "title", "part", "weight", "points")
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([km]?)\s*(%|[A-Za-z]+)?", re.ASCII)
_SCALE = {"": 1.0, "k": 1_000.0, "m": 1_000_000.0}


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the card: what value of `fact` earns how many of 100 points.

    A number earns what the straight line between its two neighbours in `curve` says, outside of them what the nearer
    end says. A text or a truth earns what `table` says.
    """

    fact: str
    title: str
    part: str
    weight: float
    curve: tuple[tuple[float, float], ...] = ()
    table: Mapping[str | bool, float] | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The measures; below `least_coverage` of their weight known there is no score. Below `yellow` it is red,
    from `green` on green."""

    title: str
    measures: tuple[Measure, ...]
    least_coverage: float = 0.4
    yellow: float = 60.0
    green: float = 70.0


def load_scorecard(path: Path | None, facts: Mapping[str, FactSpec]) -> Scorecard:
    """The scorecard in the file `path`; None: the one that comes with Steward, without the measures over usage metrics
    that the catalog `facts` does not have.

    Raises:
        ConfigError: the file cannot be read or has faults; all of them are in the message.
    """
    if path is None:
        from steward.facts.catalog import catalog

        card = parse_scorecard(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name, {**catalog(), **facts})
        return replace(card, measures=tuple(measure for measure in card.measures if measure.fact in facts))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f'the scorecard "{path}" cannot be read: {why}. Correct it in steward.yaml') from None
    return parse_scorecard(text, str(path), facts)


def parse_scorecard(text: str, file: str, facts: Mapping[str, FactSpec]) -> Scorecard:
    """The scorecard that `text` writes; `file` is its name in errors, `facts` the catalog.

    Raises:
        ConfigError: one line for each fault, with line, column and what to write instead.
    """
    reader = _Reader(file, facts)
    card = reader.card(reader.document(text))
    if reader.faults:
        raise ConfigError("\n".join(reader.faults))
    return card


class _Reader:
    """Walks the nodes of one file and collects its faults."""

    def __init__(self, file: str, facts: Mapping[str, FactSpec]) -> None:
        self.file, self.facts = file, facts
        self.faults: list[str] = []

    def document(self, text: str) -> Node | None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        if len(text.encode("utf-8", "replace")) > MOST_BYTES:
            raise ConfigError(f"{self.file}: larger than {MOST_BYTES // 1024} kB. Write fewer measures")
        try:
            node: Node | None = YAML(typ="rt", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
            raise ConfigError(f"{self.file}:{place}: not YAML: {error.problem}") from None
        except (YAMLError, RecursionError, ValueError):
            raise ConfigError(f"{self.file}: not YAML. Compare it with {SHIPPED.name}") from None
        return node

    def fault(self, node: Any, message: str) -> None:
        """Note a fault at `node`; None is the beginning of the file."""
        place = f"{node.start_mark.line + 1}:{node.start_mark.column + 1}" if node is not None else "1:1"
        self.faults.append(f"{self.file}:{place}: {message}")

    def card(self, root: Any) -> Scorecard:
        top = self.mapping(root, _TOP, "a scorecard")
        if "measures" not in top:
            self.fault(root, "a scorecard needs `measures`")
        bands = self.mapping(top["bands"], ("yellow", "green"), "bands") if "bands" in top else {}
        listed = top.get("measures")
        if listed is not None and listed.id != "sequence":
            self.fault(listed, "`measures` is a list; begin each measure with a dash")
        found = [self.measure(node) for node in listed.value] if listed is not None and listed.id == "sequence" else []
        measures = [measure for measure in found if measure]
        if listed is not None and listed.id == "sequence" and not found:
            self.fault(listed, "a scorecard needs one measure at least")
        least = self.between(top.get("least_coverage"), 0, 100, 40.0, "%") / 100
        yellow = self.between(bands.get("yellow"), 0, 100, 60.0)
        green = self.between(bands.get("green"), 0, 100, max(yellow, 70.0))
        if green < yellow:
            self.fault(bands.get("green"), f"green begins at {green:g}, below yellow at {yellow:g}. Swap them")
        for number, measure in enumerate(measures):
            if measure.fact in (other.fact for other in measures[:number]):
                self.fault(listed, f'the fact "{measure.fact}" is measured twice. Keep one of the two')
        return Scorecard(self.text(top.get("title"), "Account health"), tuple(measures), least, yellow, green)

    def measure(self, node: Any) -> Measure | None:
        before = len(self.faults)
        parts = self.mapping(node, _MEASURE, "a measure")
        for need in ("fact", "weight", "points"):
            if need not in parts and node.id == "mapping":
                self.fault(node, f"this measure needs `{need}`")
        spec = self.spec(parts.get("fact"))
        weight = self.between(parts.get("weight"), 0, 1000, 1.0)
        if weight == 0:
            self.fault(parts["weight"], "a weight of 0 measures nothing. Raise it or remove the measure")
        points = self.pairs(parts["points"]) if spec and "points" in parts else []
        if spec is None or len(self.faults) > before:
            return None
        title, part = self.text(parts.get("title"), spec.name), self.text(parts.get("part"), "Health")
        if spec.type in (FactType.TEXT, FactType.BOOLEAN):
            return Measure(spec.name, title, part, weight, table=self.table(parts["points"], points, spec))
        return Measure(spec.name, title, part, weight, curve=self.curve(parts["points"], points, spec))

    def spec(self, node: Any) -> FactSpec | None:
        if node is None:
            return None
        name = self.text(node, "")
        if name.startswith("health."):
            self.fault(node, f'"{name}" is made from this scorecard and cannot be measured by it')
            return None
        found = self.facts.get(name)
        if found is None:
            self.fault(node, f'unknown fact "{name}".{_near(name, self.facts)}')
        elif found.type is FactType.DATE or (found.type is FactType.TEXT and not found.one_of):
            self.fault(node, f'"{name}" is a {found.type} of any value; measure a number, a truth or one of few words')
            return None
        return found

    def curve(self, node: Any, pairs: list[tuple[Any, float]], spec: FactSpec) -> tuple[tuple[float, float], ...]:
        curve = [(self.literal(key, spec), points) for key, points in pairs]
        if len(curve) < 2:
            self.fault(node, "a number needs two points at least, such as {0: 0, 10: 100}")
        for (key, _), (left, _), (right, _) in zip(pairs[1:], curve, curve[1:], strict=False):
            if right <= left:
                self.fault(key, f'"{key.value}" must be larger than the value before it. Sort the points')
        return tuple(curve)

    def table(self, node: Any, pairs: list[tuple[Any, float]], spec: FactSpec) -> Mapping[str | bool, float]:
        words = ("true", "false") if spec.type is FactType.BOOLEAN else spec.one_of
        for key, _ in pairs:
            if key.value not in words:
                self.fault(key, f'{spec.name} is never "{key.value}".{_near(key.value, words)}')
        missing = [word for word in words if word not in {key.value for key, _ in pairs}]
        if missing:
            self.fault(node, f"points for {', '.join(missing)} are missing")
        truth = spec.type is FactType.BOOLEAN
        return {key.value == "true" if truth else key.value: points for key, points in pairs}

    def literal(self, node: Any, spec: FactSpec) -> float:
        text = str(node.value).strip()
        found = _NUMBER.fullmatch(text)
        if not found:
            self.fault(node, f'"{text}" is no number')
            return 0.0
        number, unit = float(found[1]) * _SCALE[found[2]], found[3] or ""
        wanted = {FactType.RATIO: "%", FactType.MONEY: spec.unit}.get(spec.type, "")
        if wanted and unit != wanted:
            meant = f"{found[1]}{found[2]}{'' if wanted == '%' else ' '}{wanted}"
            self.fault(node, f'{spec.name} is in {wanted}. Did you mean "{meant}"?')
        if not wanted and unit not in ("", spec.unit, *(("d", "day") if spec.type is FactType.DAYS else ())):
            self.fault(node, f'{spec.name} is in {spec.unit or "plain numbers"}, not in "{unit}"')
        return number / 100 if unit == "%" else number

    def pairs(self, node: Any) -> list[tuple[Any, float]]:
        if node.id != "mapping":
            self.fault(node, "`points` maps values of the fact to 0 to 100, such as {0: 0, 10: 100}")
            return []
        return [(key, self.between(value, 0, 100, 0.0)) for key, value in node.value]

    def between(self, node: Any, low: float, high: float, default: float, unit: str = "") -> float:
        if node is None:
            return default
        text = self.text(node, "")
        found = _NUMBER.fullmatch(text)
        if not found or found[2] or (found[3] or "") not in ("", unit) or not low <= float(found[1]) <= high:
            self.fault(node, f'"{text}" should be a number from {low:g} to {high:g}{unit}')
            return default
        return float(found[1])

    def mapping(self, node: Any, known: Iterable[str], what: str) -> dict[str, Any]:
        if node is None or node.id != "mapping":
            self.fault(node, f"{what} has keys: {', '.join(known)}")
            return {}
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.text(key, "")
            if name not in known:
                self.fault(key, f'unknown key "{name}".{_near(name, known)}')
            elif name in found:
                self.fault(key, f'"{name}" stands here twice. Remove one')
            found[name] = value
        return found

    def text(self, node: Any, default: str) -> str:
        if node is None:
            return default
        if node.id != "scalar":
            self.fault(node, "a plain value should stand here")
            return default
        return str(node.value)


def _near(word: str, known: Iterable[str]) -> str:
    found = nearest(word, known)
    return f' Did you mean "{found}"?' if found else ""
