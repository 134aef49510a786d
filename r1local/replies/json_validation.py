"""Validating JSON by a JSON schema, and resolving a schema's references.

Validation runs in a process of its own, which is ended when it takes too much: a regular
expression that backtracks, nested alternatives and circular references can make a short answer
take any amount of time, and none of them can be stopped from within.

Nothing is ever fetched: a reference to something outside the schema is refused.

Sources: JSON Schema 2020-12 (json-schema.org); the library jsonschema, which also knows the
older drafts and validates by the one that `$schema` names.
"""

import json
import sys
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Any, NoReturn

from r1local.errors import GrammarError
from r1local.language import _

#: The longest schema in characters; a grammar may not have more bytes than this.
_MOST_CHARACTERS = 256 * 1024
#: Seconds of a processor that validation may take; a reasonable schema takes hundredths of one.
_MOST_SECONDS = 5.0
#: Bytes of memory that its process may have.
_MEMORY_LIMIT = 2**30
_REASON_CHARACTERS = 200
#: Keywords whose values refer to other schemas.
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer is valid under a schema and, if not, why, in one line."""

    valid: bool
    reason: str = ""


class SchemaDocument:
    """A valid and self-contained JSON schema.

    Args:
        text: the schema.

    Raises:
        GrammarError: the text is not JSON or not a schema, or refers to something outside itself.
    """

    def __init__(self, text: str) -> None:
        self.root = _read_schema(text)
        self._targets: dict[int, Any] = {}
        self._resolve_references()

    def target(self, schema: dict[str, Any]) -> Any:
        """Return the schema that the `$ref` of a part of this document refers to."""
        return self._targets[id(schema)]

    def _resolve_references(self) -> None:
        """Look up every reference, wherever it stands and whatever `$id` applies there."""
        from referencing import Registry
        from referencing.exceptions import Unresolvable

        kind = _validator_of(self.root)
        resource = _resource_of(self.root)
        # What is only referred to comes last, since only that has not been checked yet.
        left = deque([(resource, Registry().resolver_with_root(resource), True)])
        seen: set[int] = set()
        while left:
            resource, resolver, checked = left.pop()
            schema = resource.contents
            if isinstance(schema, bool) or id(schema) in seen:
                continue
            if not checked:
                _check(kind, schema)
            seen.add(id(schema))
            for part in resource.subresources():
                left.append((part, resolver.in_subresource(part), True))
            for keyword in _REFERENCES & schema.keys():
                try:
                    found = resolver.lookup(schema[keyword])
                except (Unresolvable, ValueError, TypeError):
                    _refuse_reference(schema[keyword])
                if keyword == "$ref":
                    self._targets[id(schema)] = found.contents
                left.appendleft((_resource_of(found.contents), found.resolver, False))


def verdict(answer: str, schema: str) -> Verdict:
    """Validate an answer, formats included, in a process of its own and in bounded time.

    Args:
        answer: untrusted text that should be JSON.
        schema: the text of a schema that `SchemaDocument` accepts.
    """
    from r1local.confined.process import Watch, run, start  # psutil takes a moment

    request = json.dumps([_MOST_SECONDS, answer, schema]).encode()
    try:
        process = start(__name__)
        ended = run(process, request, Watch(process, _MEMORY_LIMIT, _MOST_SECONDS))
        if ended.lack != "time":
            return Verdict(**json.loads(ended.printed))
    except (OSError, ValueError):
        return Verdict(False, _("it can't be checked"))
    return Verdict(
        False,
        _("checking it takes longer than {most_seconds:.0f} seconds", most_seconds=_MOST_SECONDS),
    )


def main() -> None:
    """Do the work of the separate process: one answer, from stdin to stdout."""
    from r1local.confined.limits import forbid_contact, forbid_files, limited

    forbid_files()
    forbid_contact()
    seconds, answer, schema = json.load(sys.stdin.buffer)
    with limited(_MEMORY_LIMIT, seconds):
        found = _judge(answer, schema)
    json.dump({"valid": found.valid, "reason": found.reason}, sys.stdout)


def json_key(value: object) -> str:
    """Return JSON that is the same for values that JSON Schema considers equal, like 1 and 1.0."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)


def _plain(value: object) -> object:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
    return value


def _read_schema(text: str) -> Any:
    """Parse a schema and check it."""
    if len(text) > _MOST_CHARACTERS:
        raise GrammarError(
            _("the schema has {count:,} characters", count=len(text)),
            _("give one of at most {most_characters:,}", most_characters=_MOST_CHARACTERS),
        )
    try:
        schema = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(schema, dict | bool):
            raise GrammarError(
                _("{text} is not a JSON schema", text=_shortened(text)), _("a schema is an object")
            )
        _check(_validator_of(schema), schema)
    except ValueError as error:
        raise GrammarError(
            _("the schema is not JSON: {error}", error=_why_not_json(error)), _("fix it there")
        ) from error
    except RecursionError as error:
        raise GrammarError(_("the schema is nested too deep"), _("give a simpler one")) from error
    return schema


def _check(kind: Any, schema: Any) -> None:
    """Refuse what isn't a schema by the rules of the draft that the document names."""
    from jsonschema.exceptions import SchemaError

    try:
        kind.check_schema(schema)
    except SchemaError as error:
        place = error.json_path.removeprefix("$").removeprefix(".") or _("its top")
        if error.instance == inf:  # what Python reads 1e400 as
            raise GrammarError(
                _("the schema's number at {place} is too large", place=_shortened(place)),
                _("give a smaller one"),
            ) from error
        raise GrammarError(
            _(
                "the schema is not valid at {place}: {reason}",
                place=_shortened(place),
                reason=_shortened(error.message),
            ),
            _("see json-schema.org"),
        ) from error


def _resource_of(schema: Any) -> Any:
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    return Resource.from_contents(schema, default_specification=DRAFT202012)


def _validator_of(schema: Any) -> Any:
    from jsonschema.validators import Draft202012Validator, validator_for

    return validator_for(schema, default=Draft202012Validator)


def _judge(answer: str, schema_text: str) -> Verdict:
    """Validate an answer, however long it takes."""
    from jsonschema.exceptions import best_match
    from referencing import Registry

    try:
        value = json.loads(answer, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return Verdict(False, _("it is not JSON: {error}", error=_why_not_json(error)))
    schema = json.loads(schema_text)
    kind = _validator_of(schema)
    # An empty registry, because the library's own would fetch what a reference names.
    validator = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
    try:
        worst = best_match(validator.iter_errors(value))
    except RecursionError:
        return Verdict(False, _("the schema or the answer is nested too deep to check"))
    if worst is None:
        return Verdict(True)
    place = worst.json_path.removeprefix("$").removeprefix(".")
    where = _("at {place}: ", place=_shortened(place)) if place else ""
    return Verdict(False, where + _shortened(worst.message))


def _refuse_constant(name: str) -> NoReturn:
    """Raise an error for NaN and Infinity, which Python reads but JSON doesn't have."""
    raise _NoNumber(_("{name} is no number there", name=name))


class _NoNumber(ValueError):
    """A word that Python reads as a number but JSON doesn't have."""


def _why_not_json(error: Exception) -> str:
    """Return what is wrong with a text that Python's parser refuses."""
    match error:
        case json.JSONDecodeError():
            return _(
                "line {line}, column {column} can't be read",
                line=error.lineno,
                column=error.colno,
            )
        case RecursionError():
            return _("it is nested too deep")
        case _NoNumber():
            return str(error)
    return _("a number in it is too long")


def _refuse_reference(reference: object) -> NoReturn:
    raise GrammarError(
        _(
            "the schema refers to {shortened}, which is not in it",
            shortened=_shortened(json.dumps(reference)),
        ),
        _('references begin with "#", and nothing is fetched'),
    )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON_CHARACTERS else f"{line[: _REASON_CHARACTERS - 1]}…"
