"""Every attack is refused, for the reason it deserves; the good token beside it is accepted."""

import pytest

from aumos_agent_framework.adapters.auth.verifier import JwksVerifier
from aumos_agent_framework.core.errors import UnauthenticatedError
from tests.unit.auth.attacks import ALL, Attack
from tests.unit.auth.tokens import JWKS_URL, Issuer


class TestAttack:
    @pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name[:80])
    async def test_is_refused_and_keeps_no_good_token_out(
        self, attack: Attack, issuer: Issuer, verifier: JwksVerifier, requests_seen: list[str]
    ) -> None:
        token = attack.build(issuer)

        with pytest.raises(UnauthenticatedError) as caught:
            await verifier.verify(token)

        assert attack.reason in caught.value.message
        assert caught.value.code == ("token_expired" if attack.reason == "expired" else "invalid_token")
        assert set(requests_seen) <= {JWKS_URL}, "a token made the service ask somebody else"

    def test_there_are_enough_and_no_two_are_the_same(self) -> None:
        names = [attack.name for attack in ALL]

        assert len(names) >= 60
        assert len(names) == len(set(names))

    async def test_message_does_not_quote_the_token(self, issuer: Issuer, verifier: JwksVerifier) -> None:
        with pytest.raises(UnauthenticatedError) as caught:
            await verifier.verify(issuer.token(sub="secret\nname"))

        assert "secret" not in str(caught.value)
