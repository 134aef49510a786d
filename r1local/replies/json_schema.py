"""Translating JSON Schema to GBNF, the notation of llama.cpp's grammars.

Whatever the grammar accepts is JSON and valid under the schema, except for the keywords that a
grammar can't express, which `Converted.ignored` lists. The grammar may be stricter than the
schema: objects are closed unless the schema opens them, and their properties come in the
schema's order.

Sources: JSON Schema 2020-12 (json-schema.org), RFC 8259 (JSON), llama.cpp's grammars/README.md.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from r1local.engine.grammar import MOST_RULES
from r1local.errors import GrammarError
from r1local.language import _
from r1local.replies.json_validation import SchemaDocument
from r1local.replies.schema_shapes import Alternatives, Parts, Shape, parts_key

#: The most characters of an object's names; each may need a rule.
_MOST_CHARACTERS = 4_000
#: Characters that have to be escaped in JSON strings.
_PLAIN_NOT = r'"\\\x00-\x1F\x7F'
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f\ud800-\udfff]')
_SURROGATE = re.compile(r"[\ud800-\udfff]")

#: Numbers and white space have bounded lengths, because models write endless ones.
_RULES: Mapping[str, str] = {
    "ws": r'| " " | "\n" [ \t]{0,20}',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" ws (string ":" ws value (ws "," ws string ":" ws value)* ws)? "}"',
    "array": '"[" ws (value (ws "," ws value)* ws)? "]"',
    "string": r'"\"" char* "\""',
    "plain": f"[^{_PLAIN_NOT}]",
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" (four | [dD] [0-7] hex hex))',
    "four": "[0-9a-cA-CeEfF] hex hex hex",
    "hex": "[0-9a-fA-F]",
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? natural',
    "positive": 'natural ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    "number": '"-"? positive',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "date": 'year "-" day | leap "-02-29"',
    "year": "[1-9] [0-9]{3}",
    "leap": (
        '[1-9] [0-9] ("0" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] [26]) "00"'
    ),
    "day": (
        '("0" [13-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "30")'
        ' | ("0" [13578] | "1" [02]) "-31" | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
    ),
    "time": (
        '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,3})?'
        ' ("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
    ),
    "uuid": 'hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}',
}
_FORMATS = {
    "date": r'"\"" date "\""',
    "time": r'"\"" time "\""',
    "date-time": r'"\"" date "T" time "\""',
    "uuid": r'"\"" uuid "\""',
}
#: Keywords that don't affect validity, or that `Alternatives` and `Shape` handle.
_HANDLED_ELSEWHERE = (
    frozenset(("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"))
    | {"$vocabulary", "$comment", "$defs", "definitions", "title", "description", "default"}
    | {"examples", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"}
    | {"contentSchema", "discriminator", "$ref", "allOf", "anyOf", "oneOf", "type"}
)
_ABOUT_NUMBERS = frozenset(
    ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
)
#: Keywords that concern values of only one type.
_ABOUT: Mapping[str, frozenset[str]] = {
    "object": frozenset(("properties", "required", "additionalProperties", "patternProperties"))
    | {"propertyNames", "minProperties", "maxProperties", "dependentRequired"}
    | {"dependentSchemas", "dependencies", "unevaluatedProperties"},
    "array": frozenset(("items", "prefixItems", "additionalItems", "minItems", "maxItems"))
    | {"uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems"},
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "integer": _ABOUT_NUMBERS,
    "number": _ABOUT_NUMBERS,
}
#: Keywords that `Shape.values` has already applied to the values of `enum` and `const`.
_APPLIED_TO_VALUES = frozenset(
    ("enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
) | {"minProperties", "maxProperties", "required"}
#: Values with which a keyword demands nothing.
_NO_DEMAND: Mapping[str, object] = {
    "uniqueItems": False,
    "minProperties": 0,
    "not": False,
    "propertyNames": True,
    "unevaluatedItems": True,
    "unevaluatedProperties": True,
}
_NEVER = object()


@dataclass(frozen=True, slots=True)
class Converted:
    """A grammar, and the keywords of the schema that it doesn't enforce."""

    grammar: str
    ignored: tuple[str, ...]


def converted(text: str) -> Converted:
    """Return the grammar of a JSON schema.

    Raises:
        GrammarError: the text is not JSON or not a schema, refers to something outside itself,
            allows nothing, or is nested too deep.
    """
    converter = _Converter(SchemaDocument(text))
    try:
        root = converter.root()
    except RecursionError as error:
        raise GrammarError(_("the schema is nested too deep"), _("give a simpler one")) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise GrammarError(
            _("a value in the schema is not of the kind that its keyword takes"),
            _("see json-schema.org"),
        ) from error
    rules = {"root": root, **converter.rules, **_RULES}
    grammar = "\n".join(f"{name} ::= {rule}" for name, rule in rules.items())
    return Converted(grammar, tuple(sorted(converter.ignored)))


class _Converter:
    """A builder of rules from schemas; an expression is the right-hand side of a rule."""

    def __init__(self, document: SchemaDocument) -> None:
        self._document = document
        self._made: dict[tuple[int, ...], str] = {}
        self.rules: dict[str, str] = {}
        self.ignored: set[str] = set()
        self._alternatives = Alternatives(document, self.ignored.add)

    def root(self) -> str:
        """Return the expression for the whole schema."""
        return self._rule((self._document.root,))

    def _rule(self, parts: Parts) -> str:
        """Return the rule of schemas that hold together, made once, as schemas may be recursive."""
        key = parts_key(parts)
        if key not in self._made:
            name = self._made[key] = self._add("")
            expression = self._expression(parts)
            self.rules[name] = expression
            if expression in _RULES:
                self._made[key] = expression
        return self._made[key]

    def _add(self, expression: str) -> str:
        if len(self.rules) >= MOST_RULES:
            raise GrammarError(_("the schema is too large for a grammar"), _("give a simpler one"))
        name = f"r{len(self.rules)}"
        self.rules[name] = expression
        return name

    def _expression(self, parts: Parts) -> str:
        shapes = self._alternatives.of(parts)
        written = dict.fromkeys(one for shape in shapes for one in self._written(shape))
        if not written:
            raise GrammarError(
                _("nothing can match the schema"),
                _(
                    "look for an empty enum, false, or a contradiction such as minItems above "
                    "maxItems"
                ),
            )
        return " | ".join(written)

    def _written(self, shape: Shape) -> Iterator[str]:
        """Yield the expressions for a shape, type by type."""
        kinds = self._alternatives.possible_kinds(shape)
        if shape.values is not None:
            for kind in kinds:
                self._note(shape, kind, *_APPLIED_TO_VALUES)
            yield from map(_literal, shape.values)
            return
        if not shape.all_of("type"):
            implied = _implied_types(shape)
            if not implied:
                self._note(shape, "")
                yield "value"
                return
            kinds = tuple(kind for kind in implied if kind in kinds)[:1] or kinds
        for kind in kinds:
            if kind != "integer" or "number" not in kinds:
                yield self._of_type(shape, kind)

    def _of_type(self, shape: Shape, kind: str) -> str:
        match kind:
            case "object":
                return self._object(shape)
            case "array":
                return self._array(shape)
            case "string":
                return self._string(shape)
            case "integer" | "number":
                return self._number(shape, kind)
        self._note(shape, kind)
        return kind

    def _note(self, shape: Shape, kind: str, *held: str) -> None:
        """Remember the keywords of a type that the grammar doesn't enforce."""
        about = _ABOUT.get(kind, frozenset())
        others = frozenset[str]().union(*_ABOUT.values()) - about
        for atom in shape.atoms:
            names = atom.keys() - others - _HANDLED_ELSEWHERE - set(held)
            unenforced = (name for name in names if atom[name] != _NO_DEMAND.get(name, _NEVER))
            self.ignored.update(name.encode("utf-8", "replace").decode() for name in unenforced)

    def _object(self, shape: Shape) -> str:
        other_members = "patternProperties" not in set().union(*shape.atoms)
        held = ("additionalProperties",) if other_members else ()
        self._note(shape, "object", "properties", "required", *held)
        possible = self._alternatives.possible
        names = [name for name in shape.names if possible(shape.member(name))]
        required = frozenset(shape.required)
        # Backwards, from the last member: what may follow a member, and what may come first.
        following, first = self._other_members(shape)
        for name in reversed(names):
            value = self._rule(shape.member(name))
            member = self._add(f'{_literal(name)} ":" ws {value}')
            alone = f"{member} {following}"
            first = self._add(alone if name in required else f"{alone} | {first}")
            later = f'ws "," ws {member}'
            later = later if name in required else f"({later})?"
            following = self._add(f"{later} {following}")
        return f'"{{" ws {first} ws "}}"'

    def _other_members(self, shape: Shape) -> tuple[str, str]:
        """Return the members that the schema doesn't name: after others, and on their own."""
        parts = shape.other_members
        if not self._alternatives.possible(parts):
            return '""', '""'
        name = self._other_name(shape.names)
        member = self._add(f'{name} ":" ws {self._rule(parts)}')
        following = self._add(f'(ws "," ws {member})*')
        return following, self._add(f"({member} {following})?")

    def _other_name(self, names: Iterable[str]) -> str:
        """Return the rule for a member's name that is different from the given ones.

        There is one rule for each of their prefixes. Escapes are left out, as they could spell any
        name.
        """
        plain = [name for name in names if not _ESCAPED.search(name)]
        if not plain:
            return "string" if not names else self._add(r'"\"" plain* "\""')
        if sum(map(len, plain)) > _MOST_CHARACTERS:
            raise GrammarError(_("the schema's names are too long in total"), _("use shorter ones"))
        next_characters: dict[str, set[str]] = {}
        for name in plain:
            next_characters.setdefault(name, set())
            for end, character in enumerate(name):
                next_characters.setdefault(name[:end], set()).add(character)
        rules: dict[str, str] = {}
        for beginning in sorted(next_characters, key=len, reverse=True):
            characters = sorted(next_characters[beginning])
            ways = [f"{_quoted(one)} {rules[beginning + one]}" for one in characters]
            ways.append(f"[^{_PLAIN_NOT}{''.join(map(_code, characters))}] plain*")
            ways += [] if beginning in plain else ['""']
            rules[beginning] = self._add(" | ".join(ways))
        return self._add(rf'"\"" {rules[""]} "\""')

    def _array(self, shape: Shape) -> str:
        self._note(
            shape, "array", "items", "prefixItems", "additionalItems", "minItems", "maxItems"
        )
        least, most = self._alternatives.item_bounds(shape)
        count = shape.fixed if most is None else min(shape.fixed, most)
        fixed = [self._rule(shape.item(place)) for place in range(count)]
        least, most = max(0, least - count), None if most is None else most - count
        if most == 0 or (fixed and not least and not shape.more_items):
            return f'"[" ws {_separated(fixed)} ws "]"'
        item = self._rule(shape.item(shape.fixed))
        more = f'(ws "," ws {item})'
        if fixed:
            return f'"[" ws {_separated(fixed)} {more}{_times(least, most)} ws "]"'
        several = f"{item} {more}{_times(max(0, least - 1), None if most is None else most - 1)}"
        return f'"[" ws {several if least else f"({several})?"} ws "]"'

    def _string(self, shape: Shape) -> str:
        formats = shape.all_of("format")
        if formats and formats[0] in _FORMATS:
            held = ("format",) if len(set(formats)) == 1 else ()
            self._note(shape, "string", *held)
            return _FORMATS[formats[0]]
        self._note(shape, "string", "minLength", "maxLength")
        least, most = int(shape.least("minLength")), shape.most("maxLength")
        times = _times(least, None if most is None else int(most))
        return "string" if times == "*" else rf'"\"" char{times} "\""'

    def _number(self, shape: Shape, kind: str) -> str:
        if shape.all_of("minimum") and shape.least("minimum") == 0:
            self._note(shape, kind, "minimum")
            return "natural" if kind == "integer" else "positive"
        self._note(shape, kind)
        return kind


def _implied_types(shape: Shape) -> list[str]:
    """Return the types that the keywords of a schema without `type` are about."""
    words = {key for atom in shape.atoms for key in atom if atom[key] is not True}
    return [kind for kind, about in _ABOUT.items() if about & words]


def _times(least: int, most: int | None) -> str:
    if most is None:
        return "*" if least == 0 else f"{{{least},}}"
    return f"{{{least},{most}}}"


def _separated(expressions: Iterable[str]) -> str:
    return ' ws "," ws '.join(expressions) or '""'


def _literal(value: object) -> str:
    """Return a GBNF literal for a JSON value as it is written."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _quoted(_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else _code(character)


def _code(character: str) -> str:
    return f"\\U{ord(character):08X}"
