"""The four exchanges' machines pass the suite."""

import pytest

from jexkit.testing.conformance import SUBJECTS, MachineConformance, Subject


class TestMachine(MachineConformance):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        return request.param
