"""JSON Schema to GBNF, the notation of llama.cpp's grammars.

What the grammar lets through is JSON and valid by the schema, but for the keywords that a
grammar can't express and that `Converted.ignored` names. Objects are closed unless the schema
opens them, and their properties come in the schema's order.

Sources: JSON Schema 2020-12 (json-schema.org), RFC 8259 (JSON), llama.cpp's grammars/README.md.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from r1local.errors import GrammarError

#: Schemas inside schemas: Python and llama.cpp call themselves for each.
_DEEPEST = 100

#: Numbers have bounded lengths, and so has white space: models write either without end.
_RULES: Mapping[str, str] = {
    "ws": r'| " " | "\n" [ \t]{0,20}',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" ws (string ":" ws value (ws "," ws string ":" ws value)* ws)? "}"',
    "array": '"[" ws (value (ws "," ws value)* ws)? "]"',
    "string": r'"\"" char* "\""',
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" (four | [dD] [0-7] hex hex))',
    "four": "[0-9a-cA-CeEfF] hex hex hex",
    "hex": "[0-9a-fA-F]",
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? natural',
    "positive": 'natural ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    "number": '"-"? positive',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "date": '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
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
#: Keywords that say nothing about what is valid.
_ANNOTATIONS = frozenset(
    (
        "$schema",
        "$id",
        "$anchor",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "format",
    )
)
_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))


@dataclass(frozen=True, slots=True)
class Converted:
    """A grammar, and the schema's keywords that it does not hold an answer to."""

    grammar: str
    ignored: tuple[str, ...]


def converted(text: str) -> Converted:
    """The grammar of a JSON schema.

    Raises:
        GrammarError: the text is not JSON or no schema, refers to what isn't in it, allows
            nothing, or is nested too deep.
    """
    try:
        schema = json.loads(text)
        converter = _Converter(schema)
        root = converter.expression(schema, 0)
    except json.JSONDecodeError as error:
        raise GrammarError(
            f"the schema is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            "mend it there",
        ) from error
    except RecursionError as error:
        raise GrammarError("the schema is nested too deep", "give a simpler one") from error
    except (AttributeError, TypeError) as error:
        raise GrammarError(
            f"the schema has a value of the wrong type: {error}", "see json-schema.org"
        ) from error
    rules = {"root": root, **converter.rules, **_RULES}
    grammar = "\n".join(f"{name} ::= {rule}" for name, rule in rules.items())
    return Converted(grammar, tuple(sorted(converter.ignored)))


class _Converter:
    """Makes rules of schemas. An expression is what may stand on a rule's right side."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._references: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        self.ignored: set[str] = set()

    def expression(self, schema: Any, depth: int) -> str:
        """What a schema allows."""
        if schema is True or schema == {}:
            return "value"
        if not isinstance(schema, dict):
            raise GrammarError(f"{_short(schema)} is no JSON schema", "a schema is an object")
        if depth > _DEEPEST:
            raise GrammarError("the schema is nested too deep", f"at most {_DEEPEST} levels")
        schema = self._flattened(schema, depth)
        for keyword, alternatives in (("anyOf", None), ("oneOf", None), ("type", _TYPES)):
            options = schema.get(keyword)
            if isinstance(options, list):
                return self._any_of(schema, keyword, options, depth, typed=bool(alternatives))
        if "$ref" in schema:
            return self._reference(schema["$ref"], depth)
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return " | ".join(map(_literal, _filled(schema, "enum")))
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> str:
        kind = schema.get("type") or _implied_type(schema)
        if kind is None:
            self._note(schema)
            return "value"
        makers: Mapping[str, Callable[[Mapping[str, Any], int], str]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._number,
            "number": self._number,
        }
        if kind not in _TYPES:
            raise GrammarError(f"the schema has the type {_short(kind)}", _one_of(_TYPES))
        if kind in makers:
            return makers[kind](schema, depth + 1)
        self._note(schema, "type")
        return str(kind)

    def _rule(self, schema: Any, depth: int) -> str:
        """The name of a rule for a schema."""
        return self._add(self.expression(schema, depth))

    def _add(self, expression: str) -> str:
        if expression in _RULES:
            return expression
        name = f"r{len(self.rules)}"
        self.rules[name] = expression
        return name

    def _note(self, schema: Mapping[str, Any], *held: str) -> None:
        """Remember keywords that nothing is done about."""
        names = schema.keys() - _ANNOTATIONS - set(held)
        self.ignored.update(name.encode("utf-8", "replace").decode() for name in names)

    def _flattened(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """`allOf` laid into the schema that has it."""
        if "allOf" not in schema:
            return schema
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in _filled(schema, "allOf"):
            while isinstance(part, dict) and set(part) - _ANNOTATIONS == {"$ref"}:
                depth = self._deeper(depth)
                part = self._target(part["$ref"])
            if not isinstance(part, dict):
                continue
            part = self._flattened(part, self._deeper(depth))
            merged = {
                **merged,
                **part,
                "properties": merged.get("properties", {}) | part.get("properties", {}),
                "required": [*merged.get("required", []), *part.get("required", [])],
            }
        return {key: value for key, value in merged.items() if value not in ({}, [])}

    def _deeper(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise GrammarError("the schema is nested too deep", f"at most {_DEEPEST} levels")
        return depth + 1

    def _any_of(
        self, schema: dict[str, Any], keyword: str, options: list[Any], depth: int, *, typed: bool
    ) -> str:
        rest = {k: v for k, v in schema.items() if k != keyword and k not in _ANNOTATIONS}
        if not options:
            raise GrammarError(f"the schema's {keyword} is empty", "give it something to allow")
        rules = []
        for option in options:
            alone: Any = {"type": option} if typed else option
            part = {**rest, **alone} if isinstance(alone, dict) else alone
            rules.append(self._rule(part, depth + 1))
        return " | ".join(dict.fromkeys(rules))

    def _reference(self, reference: Any, depth: int) -> str:
        """The rule of a schema that is referred to, made once: schemas may contain themselves."""
        key = str(reference)
        if key not in self._references:
            target = self._target(reference)
            name = self._references[key] = f"ref{len(self._references)}"
            self.rules[name] = ""  # its place; the schema may refer to it
            self.rules[name] = self.expression(target, depth + 1)
        return self._references[key]

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise GrammarError(
                f"the schema refers to {_short(reference)}, which is not in it",
                'references begin with "#/"',
            )
        target: Any = self._root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            try:
                target = target[int(name)] if isinstance(target, list) else target[name]
            except (KeyError, IndexError, TypeError, ValueError):
                raise GrammarError(
                    f"the schema has nothing at {_short(reference)}", "check the reference"
                ) from None
        return target

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        self._note(schema, "type", "properties", "required", "additionalProperties")
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise GrammarError(
                "the schema's properties or required has the wrong type",
                "properties is an object, required a list of names",
            )
        properties = properties | {name: True for name in required if name not in properties}
        more = schema.get("additionalProperties", not properties)
        # From the last member to the first: what may follow a member, and what may come first.
        following, first = self._more_members(more, depth)
        for name, part in reversed(properties.items()):
            member = self._add(f'{_literal(name)} ":" ws {self._rule(part, depth)}')
            alone = f"{member} {following}"
            first = self._add(alone if name in required else f"{alone} | {first}")
            behind = f'ws "," ws {member}'
            behind = behind if name in required else f"({behind})?"
            following = self._add(f"{behind} {following}")
        return f'"{{" ws {first} ws "}}"'

    def _more_members(self, schema: Any, depth: int) -> tuple[str, str]:
        """Members that the schema does not name: behind others, and alone."""
        if schema is False:
            return '""', '""'
        member = self._add(f'string ":" ws {self._rule(schema, depth)}')
        following = self._add(f'(ws "," ws {member})*')
        return following, self._add(f"({member} {following})?")

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        self._note(schema, "type", "items", "prefixItems", "minItems", "maxItems")
        fixed = [self._rule(part, depth) for part in schema.get("prefixItems", ())]
        items = schema.get("items", not fixed)
        least, most = _bounds(schema, "minItems", "maxItems")
        least, most = max(0, least - len(fixed)), None if most is None else most - len(fixed)
        if items is False or (most is not None and most <= 0):
            return f'"[" ws {_separated(fixed)} ws "]"'
        item = self._rule(items, depth)
        more = f'(ws "," ws {item})'
        if fixed:
            return f'"[" ws {_separated(fixed)} {more}{_times(least, most)} ws "]"'
        several = f"{item} {more}{_times(max(0, least - 1), None if most is None else most - 1)}"
        return f'"[" ws {several if least else f"({several})?"} ws "]"'

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        if schema.get("format") in _FORMATS:
            self._note(schema, "type")
            return _FORMATS[schema["format"]]
        self._note(schema, "type", "minLength", "maxLength")
        least, most = _bounds(schema, "minLength", "maxLength")
        return rf'"\"" char{_times(least, most)} "\""' if least or most is not None else "string"

    def _number(self, schema: Mapping[str, Any], _depth: int) -> str:
        whole = schema["type"] == "integer"
        if schema.get("minimum") == 0:
            self._note(schema, "type", "minimum")
            return "natural" if whole else "positive"
        self._note(schema, "type")
        return "integer" if whole else "number"


def _implied_type(schema: Mapping[str, Any]) -> str | None:
    """The type that a schema's keywords are about."""
    for keywords, kind in (
        (("properties", "required", "additionalProperties"), "object"),
        (("items", "prefixItems", "minItems", "maxItems"), "array"),
        (("minLength", "maxLength", "pattern"), "string"),
    ):
        if any(keyword in schema for keyword in keywords):
            return kind
    return None


def _filled(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    values = schema[keyword]
    if not isinstance(values, list) or not values:
        raise GrammarError(f"the schema's {keyword} is no list, or empty", "give it a list")
    return values


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> tuple[int, int | None]:
    low, high = schema.get(least, 0), schema.get(most)
    numbers = (low,) if high is None else (low, high)
    if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in numbers):
        raise GrammarError(f"the schema's {least} or {most} is no length", "give a whole number")
    if high is not None and high < low:
        raise GrammarError(f"the schema's {most} is below its {least}", "nothing is allowed so")
    return low, high


def _times(least: int, most: int | None) -> str:
    if most is None:
        return "*" if least == 0 else f"{{{least},}}"
    return f"{{{least},{most}}}"


def _separated(expressions: Iterable[str]) -> str:
    return ' ws "," ws '.join(expressions) or '""'


def _literal(value: object) -> str:
    """A JSON value as it is written, as a GBNF literal."""
    text = json.dumps(value, ensure_ascii=False)
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _one_of(names: Iterable[str]) -> str:
    return f"it may be one of: {', '.join(sorted(names))}"
