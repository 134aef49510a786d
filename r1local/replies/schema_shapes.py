"""Combining JSON schemas into alternatives from which a grammar can be made.

`allOf`, `$ref` with keywords beside it, and `anyOf` or `oneOf` beside other keywords all demand
the same: that several schemas hold at once. Only this module decides what they allow together,
keyword by keyword, as JSON Schema defines it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, TypeAlias

from r1local.errors import GrammarError
from r1local.language import _
from r1local.replies.json_validation import SchemaDocument, json_key

#: Schemas that hold together: objects of the document, or booleans.
Parts: TypeAlias = tuple[Any, ...]

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
#: Nested references and `allOf`; Python recurses for each.
_DEEPEST = 100
#: Bounds on what a schema expands to: alternatives in one place, and steps in total.
_MOST_ALTERNATIVES = 1_000
_MOST_STEPS = 20_000
#: Options of a `oneOf` that are still compared in pairs.
_MOST_OPTIONS = 30


@dataclass(frozen=True)
class Shape:
    """Schemas that hold together, each reduced to its own keywords after combining others."""

    atoms: tuple[dict[str, Any], ...]

    def __add__(self, other: "Shape") -> "Shape":
        unique = {id(atom): atom for atom in (*self.atoms, *other.atoms)}
        return Shape(tuple(unique.values()))

    def all_of(self, keyword: str) -> list[Any]:
        """Return all values that a keyword has."""
        return [atom[keyword] for atom in self.atoms if keyword in atom]

    def least(self, keyword: str) -> Any:
        """Return the strictest lower bound, or 0."""
        return max(self.all_of(keyword), default=0)

    def most(self, keyword: str) -> Any:
        """Return the strictest upper bound, if there is one."""
        return min(self.all_of(keyword), default=None)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types that are allowed; integers are also numbers."""
        allowed = set(TYPES)
        for given in self.all_of("type"):
            names = {given} if isinstance(given, str) else set(given)
            allowed &= names | {"integer"} if "number" in names else names
        return tuple(name for name in TYPES if name in allowed)

    @cached_property
    def values(self) -> list[Any] | None:
        """The values that `enum` and `const` allow, or None if they don't restrict them."""
        lists = [*self.all_of("enum"), *([value] for value in self.all_of("const"))]
        if not lists:
            return None
        others = [set(map(json_key, values)) for values in lists[1:]]
        distinct = {json_key(value): value for value in reversed(lists[0])}
        kept = [value for key, value in distinct.items() if all(key in keys for keys in others)]
        return [value for value in reversed(kept) if self._allows(value)]

    @property
    def required(self) -> list[str]:
        """Names that an object must have."""
        return list(dict.fromkeys(name for names in self.all_of("required") for name in names))

    @property
    def names(self) -> list[str]:
        """Names that an object may have in the order of declaration, then other required ones."""
        declared = [name for names in self.all_of("properties") for name in names]
        return list(dict.fromkeys([*declared, *self.required]))

    def member(self, name: str) -> Parts:
        """Return the schemas for the value of a name."""
        parts = []
        for atom in self.atoms:
            if name in atom.get("properties", ()):
                parts.append(atom["properties"][name])
            elif "patternProperties" not in atom:
                parts.append(atom.get("additionalProperties", True))
        return tuple(parts)

    @property
    def other_members(self) -> Parts:
        """The schemas for undeclared names, which are only allowed if a schema says so."""
        if self.all_of("patternProperties"):
            return ()
        return tuple(self.all_of("additionalProperties")) or (not self.names,)

    @property
    def fixed(self) -> int:
        """The number of items that have schemas of their own."""
        return max((len(_items(atom)[0]) for atom in self.atoms), default=0)

    @property
    def more_items(self) -> bool:
        """Whether a schema says anything about the items after the fixed ones."""
        return any(_items(atom)[1] is not None for atom in self.atoms)

    def item(self, place: int) -> Parts:
        """Return the schemas for an item."""
        parts = []
        for atom in self.atoms:
            fixed, more = _items(atom)
            part = fixed[place] if place < len(fixed) else more
            parts.append(True if part is None else part)
        return tuple(parts)

    def ordered(self, least: str, most: str) -> bool:
        """Return whether two bounds leave anything between them."""
        upper = self.most(most)
        # Without a lower bound of its own, a number may be negative.
        return upper is None or not self.all_of(least) or self.least(least) <= upper

    def _allows(self, value: object) -> bool:
        """Return whether a value satisfies the simple bounds; others are noted as not enforced."""
        if _type_of(value) not in self.types:
            return False
        match value:
            case str():
                return self._within(len(value), "minLength", "maxLength")
            case list():
                return self._within(len(value), "minItems", "maxItems")
            case dict():
                within = self._within(len(value), "minProperties", "maxProperties")
                return within and value.keys() >= set(self.required)
            case None | bool():
                return True
        return self._within(value, "minimum", "maximum")

    def _within(self, number: Any, least: str, most: str) -> bool:
        lower, upper = self.all_of(least), self.all_of(most)
        return all(number >= bound for bound in lower) and all(number <= bound for bound in upper)


class Alternatives:
    """What the schemas of a document allow.

    Args:
        document: the document that contains all of them.
        note: called with each keyword that is not enforced.
    """

    def __init__(self, document: SchemaDocument, note: Callable[[str], object]) -> None:
        self._document = document
        self._note = note
        self._steps = 0
        self._possible: dict[tuple[int, ...], bool] = {}

    def of(self, parts: Parts, depth: int = 0) -> list[Shape]:
        """Return the shapes that several schemas allow together, all combinations of alternatives.

        Raises:
            GrammarError: there are too many, or references are circular.
        """
        self._step(depth)
        shapes = [Shape(())]
        for part in parts:
            shapes = _product(shapes, list(self._of_one(part, depth + 1)))
        return shapes

    def possible(self, parts: Parts) -> bool:
        """Return whether anything matches the schemas; True where that isn't obvious."""
        key = parts_key(parts)
        if key not in self._possible:
            self._possible[key] = True  # meanwhile, since schemas may contain themselves
            self._possible[key] = any(self.possible_kinds(shape) for shape in self.of(parts))
        return self._possible[key]

    def possible_kinds(self, shape: Shape) -> tuple[str, ...]:
        """Return the types of which anything matches a shape."""
        if shape.values is not None:
            return tuple({_type_of(value): None for value in shape.values})
        return tuple(kind for kind in shape.types if self._is_possible(shape, kind))

    def item_bounds(self, shape: Shape) -> tuple[int, int | None]:
        """Return the minimum number of items of an array, and the maximum if there is one."""
        places = range(shape.fixed + 1)
        impossible = (n for n in places if not self.possible(shape.item(n)))
        bounds = [*shape.all_of("maxItems"), *list(impossible)[:1]]
        return int(shape.least("minItems")), int(min(bounds)) if bounds else None

    def _is_possible(self, shape: Shape, kind: str) -> bool:
        if kind == "object":
            return all(self.possible(shape.member(name)) for name in shape.required)
        if kind == "array":
            least, most = self.item_bounds(shape)
            return most is None or least <= most
        if kind == "string":
            return shape.ordered("minLength", "maxLength")
        return kind in ("boolean", "null") or shape.ordered("minimum", "maximum")

    def _of_one(self, schema: Any, depth: int) -> Iterator[Shape]:
        if schema is True:
            yield Shape(())
        elif schema is not False:
            together = self._combined(schema, depth)
            yield from (Shape((schema,)) + shape for shape in together)

    def _combined(self, schema: dict[str, Any], depth: int) -> list[Shape]:
        """Return the shapes of a schema's `$ref`, `allOf`, `anyOf` and `oneOf`."""
        parts = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.append(self._document.target(schema))
        shapes = self.of(tuple(parts), depth)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                options = [self.of((option,), depth) for option in schema[keyword]]
                if keyword == "oneOf" and not self._exclusive(Shape((schema,)), options):
                    self._note(keyword)
                shapes = _product(shapes, [shape for option in options for shape in option])
        return shapes

    def _exclusive(self, common: Shape, options: Sequence[list[Shape]]) -> bool:
        """Return whether it is obvious that nothing matches two options of a `oneOf`."""
        if len(options) > _MOST_OPTIONS:
            return False
        for first, second in combinations(options, 2):
            for one in first:
                for other in second:
                    self._step()
                    if self.possible_kinds(common + one + other):
                        return False
        return True

    def _step(self, depth: int = 0) -> None:
        self._steps += 1
        if depth > _DEEPEST:
            raise GrammarError(
                _("the schema is nested too deep"), _("at most {deepest} levels", deepest=_DEEPEST)
            )
        if self._steps > _MOST_STEPS:
            raise GrammarError(_("the schema is too large for a grammar"), _("give a simpler one"))


def parts_key(parts: Parts) -> tuple[int, ...]:
    """Return a key that is the same for the same schemas in any order."""
    return tuple(sorted({id(part) for part in parts if part not in (True, {})}))


def _product(shapes: Sequence[Shape], others: Sequence[Shape]) -> list[Shape]:
    """Return all combinations of one shape from each of two sequences."""
    if len(shapes) * len(others) > _MOST_ALTERNATIVES:
        raise GrammarError(
            _("the schema expands to too many alternatives"),
            _("give one with fewer anyOf or oneOf side by side"),
        )
    return [shape + other for shape in shapes for other in others]


def _items(atom: dict[str, Any]) -> tuple[Sequence[Any], Any]:
    """Return the schemas of an array's first items and of the rest, under old and new names."""
    items = atom.get("items")
    if isinstance(items, list):
        return items, atom.get("additionalItems")
    return atom.get("prefixItems", ()), items


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    kinds = {float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
