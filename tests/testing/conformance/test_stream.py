"""The four exchanges' streams pass the suite, against the simulator."""

import pytest

from jexkit.testing.conformance import SUBJECTS, StreamConformance, Subject


class TestStream(StreamConformance):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        return request.param
