"""Sorts licences by what they ask of whoever passes the software on.

A declared SPDX expression counts first, then the older License field, then the classifiers. In an expression, OR gives
the choice to the user (the mildest counts), AND asks for everything (the strictest counts).
"""

import re
from collections import Counter
from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from aumos_agent_framework.demo.licence_names import BY_NAME, BY_PREFIX
from aumos_agent_framework.demo.records import LicenceCategory, LicenceReview, LicenceVerdict, Package

_STRICTNESS = {category: rank for rank, category in enumerate(LicenceCategory)}
_SAYS_NOTHING = frozenset({"osi approved", "dfsg approved"})
_FILLERS = re.compile(r"\b(?:licen[cs]e|the|version)\b|[(),:;_-]", re.IGNORECASE)
_TOKENS = re.compile(r"[()]|[^\s()]+")


def review(packages: Iterable[Package]) -> LicenceReview:
    """Judge every package."""
    verdicts = tuple(judge(package) for package in packages)
    found = Counter(verdict.category for verdict in verdicts)
    return LicenceReview(
        counts={category: found[category] for category in LicenceCategory if found[category]}, verdicts=verdicts
    )


def judge(package: Package) -> LicenceVerdict:
    """Judge one package by the first of its declarations that says anything."""
    licence, category, reason = (
        _from_expression(package.licence_expression)
        or _from_text(package.licence_text)
        or _from_classifiers(package.licence_classifiers)
        or _from_nothing(package)
    )
    return LicenceVerdict(
        name=package.name,
        version=package.version,
        direct=package.direct,
        licence=licence,
        category=category,
        reason=reason,
    )


Judgement = tuple[str, LicenceCategory, str]


def _from_expression(text: str | None) -> Judgement | None:
    if text is None:
        return None
    try:
        expression = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return text, LicenceCategory.UNKNOWN, "License-Expression is not valid SPDX"
    return expression, category_of(expression), "License-Expression"


def _from_text(text: str | None) -> Judgement | None:
    if text is None:
        return None
    known = BY_NAME.get(_plain(text))
    if known is not None:
        return *known, f"License field {text!r}"
    try:
        expression = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None
    return expression, category_of(expression), "License field"


def _from_classifiers(classifiers: tuple[str, ...]) -> Judgement | None:
    said = [classifier for classifier in classifiers if _plain(classifier) not in _SAYS_NOTHING]
    if not said:
        return None
    known = [BY_NAME.get(_plain(classifier), (classifier, LicenceCategory.UNKNOWN)) for classifier in said]
    licence = ", ".join(name for name, _ in known)
    category = _strictest(category for _, category in known)
    if len(known) > 1:
        return licence, category, "several classifiers; whether one or all apply is not said, the strictest counts"
    return licence, category, f"classifier {said[0]!r}"


def _from_nothing(package: Package) -> Judgement:
    if package.licence_text is not None:
        return package.licence_text, LicenceCategory.UNKNOWN, "License field is not a known licence"
    if package.licence_files:
        return "not declared", LicenceCategory.UNKNOWN, f"only licence files: {', '.join(package.licence_files)}"
    return "not declared", LicenceCategory.UNKNOWN, "no declaration and no licence file"


def category_of(expression: str) -> LicenceCategory:
    """Return the category of a valid SPDX expression."""
    tokens = _TOKENS.findall(expression)
    return _alternatives(tokens)


def _alternatives(tokens: list[str]) -> LicenceCategory:
    found = [_conjunction(tokens)]
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        found.append(_conjunction(tokens))
    return min(found, key=_STRICTNESS.__getitem__)


def _conjunction(tokens: list[str]) -> LicenceCategory:
    found = [_single(tokens)]
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        found.append(_single(tokens))
    return _strictest(found)


def _single(tokens: list[str]) -> LicenceCategory:
    first = tokens.pop(0)
    if first == "(":
        category = _alternatives(tokens)
        tokens.pop(0)
        return category
    category = _of_identifier(first)
    if tokens and tokens[0] == "WITH":
        del tokens[:2]
        # An exception takes back a part of what the licence asks, typically for linking.
        return LicenceCategory.WEAK_COPYLEFT if category is LicenceCategory.STRONG_COPYLEFT else category
    return category


def _of_identifier(identifier: str) -> LicenceCategory:
    fitting = [prefix for prefix in BY_PREFIX if identifier.startswith(prefix)]
    return BY_PREFIX[max(fitting, key=len)] if fitting else LicenceCategory.UNKNOWN


def _strictest(categories: Iterable[LicenceCategory]) -> LicenceCategory:
    return max(categories, key=_STRICTNESS.__getitem__)


def _plain(text: str) -> str:
    return " ".join(_FILLERS.sub(" ", text.lower()).split())
