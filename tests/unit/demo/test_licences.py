from typing import Any

import pytest

from aumos_agent_framework.demo.licences import category_of, judge, review
from aumos_agent_framework.demo.records import LicenceCategory, Package

PERMISSIVE = LicenceCategory.PERMISSIVE
WEAK = LicenceCategory.WEAK_COPYLEFT
STRONG = LicenceCategory.STRONG_COPYLEFT
PROPRIETARY = LicenceCategory.PROPRIETARY
UNKNOWN = LicenceCategory.UNKNOWN


def a_package(**fields: Any) -> Package:
    return Package(name="thing", version="1", **fields)


class TestCategoryOf:
    @pytest.mark.parametrize(
        ("expression", "category"),
        [
            ("MIT", PERMISSIVE),
            ("BSD-3-Clause", PERMISSIVE),
            ("Apache-2.0", PERMISSIVE),
            ("PSF-2.0", PERMISSIVE),
            ("CC-BY-4.0", PERMISSIVE),
            ("MPL-2.0", WEAK),
            ("LGPL-2.1-or-later", WEAK),
            ("GPL-3.0-only", STRONG),
            ("AGPL-3.0-or-later", STRONG),
            ("CC-BY-SA-4.0", STRONG),
            ("CC-BY-NC-4.0", PROPRIETARY),
            ("BUSL-1.1", PROPRIETARY),
            ("LicenseRef-Proprietary", PROPRIETARY),
            ("LicenseRef-Something", UNKNOWN),
            ("MIT OR GPL-3.0-only", PERMISSIVE),
            ("MIT AND GPL-3.0-only", STRONG),
            ("MIT AND LicenseRef-Something", UNKNOWN),
            ("MIT OR LicenseRef-Something", PERMISSIVE),
            ("GPL-2.0-only WITH Classpath-exception-2.0", WEAK),
            ("Apache-2.0 WITH LLVM-exception", PERMISSIVE),
            ("MPL-2.0 AND (Apache-2.0 OR MIT)", WEAK),
            ("(GPL-2.0-only OR MIT) AND (MPL-2.0 OR BSD-3-Clause)", PERMISSIVE),
            ("MIT OR MPL-2.0 AND GPL-3.0-only", PERMISSIVE),
            ("GPL-3.0-only OR MPL-2.0 AND Apache-2.0", WEAK),
            ("((GPL-3.0-only))", STRONG),
        ],
    )
    def test_or_gives_the_choice_and_and_asks_for_all(self, expression: str, category: LicenceCategory) -> None:
        assert category_of(expression) is category


class TestJudge:
    @pytest.mark.parametrize(
        ("fields", "licence", "category"),
        [
            ({"licence_expression": "mit or apache-2.0"}, "MIT OR Apache-2.0", PERMISSIVE),
            ({"licence_expression": "MIT", "licence_text": "GPL"}, "MIT", PERMISSIVE),
            ({"licence_expression": "Whatever I like"}, "Whatever I like", UNKNOWN),
            ({"licence_text": "MIT"}, "MIT", PERMISSIVE),
            ({"licence_text": "The MIT License"}, "MIT", PERMISSIVE),
            ({"licence_text": "Apache License, Version 2.0"}, "Apache-2.0", PERMISSIVE),
            ({"licence_text": "3-Clause BSD License"}, "BSD-3-Clause", PERMISSIVE),
            ({"licence_text": "GPL-3.0"}, "GPL-3.0", STRONG),
            ({"licence_text": "Proprietary"}, "proprietary", PROPRIETARY),
            ({"licence_text": "see LICENSE"}, "see LICENSE", UNKNOWN),
            ({"licence_text": "see LICENSE", "licence_classifiers": ("MIT License",)}, "MIT", PERMISSIVE),
            ({"licence_classifiers": ("Apache Software License",)}, "Apache-2.0", PERMISSIVE),
            ({"licence_classifiers": ("Mozilla Public License 2.0 (MPL 2.0)",)}, "MPL-2.0", WEAK),
            (
                {"licence_classifiers": ("GNU General Public License v2 or later (GPLv2+)",)},
                "GPL-2.0-or-later",
                STRONG,
            ),
            ({"licence_classifiers": ("Other/Proprietary License",)}, "proprietary", PROPRIETARY),
            ({"licence_classifiers": ("OSI Approved", "MIT License")}, "MIT", PERMISSIVE),
            ({"licence_classifiers": ("OSI Approved",)}, "not declared", UNKNOWN),
            ({"licence_classifiers": ("Some New License",)}, "Some New License", UNKNOWN),
            ({"licence_files": ("LICENSE",)}, "not declared", UNKNOWN),
            ({}, "not declared", UNKNOWN),
        ],
    )
    def test_the_first_declaration_that_says_anything_counts(
        self, fields: dict[str, Any], licence: str, category: LicenceCategory
    ) -> None:
        verdict = judge(a_package(**fields))
        assert (verdict.licence, verdict.category) == (licence, category)

    def test_of_several_classifiers_the_strictest_counts(self) -> None:
        verdict = judge(a_package(licence_classifiers=("MIT License", "GNU General Public License v3 (GPLv3)")))
        assert verdict.category is STRONG
        assert "several classifiers" in verdict.reason

    def test_says_where_it_knows_it_from(self) -> None:
        assert judge(a_package(licence_expression="MIT")).reason == "License-Expression"
        assert judge(a_package(licence_text="MIT License")).reason == "License field 'MIT License'"
        assert "LICENSE" in judge(a_package(licence_files=("LICENSE",))).reason


class TestReview:
    def test_counts_by_category_from_mild_to_strict(self) -> None:
        expressions = ["GPL-3.0-only", "MIT", "ISC", "MPL-2.0"]
        result = review([a_package(licence_expression=expression) for expression in expressions])
        assert list(result.counts.items()) == [(PERMISSIVE, 2), (WEAK, 1), (STRONG, 1)]
        assert len(result.verdicts) == 4
