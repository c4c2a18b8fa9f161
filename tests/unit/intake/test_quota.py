"""A burst, then a steady pace, for each tenant by itself."""

from uuid import UUID

from orchestration.intake.quota import Quota

A, B = UUID(int=1), UUID(int=2)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_is_followed_by_a_steady_pace() -> None:
    clock = Clock()
    quota = Quota(per_second=2, burst=3, monotonic=clock)

    assert [quota.take(A, "form") for _ in range(4)] == [True, True, True, False]
    clock.seconds = 0.5
    assert [quota.take(A, "form") for _ in range(2)] == [True, False]
    clock.seconds = 100
    assert [quota.take(A, "form") for _ in range(4)] == [True, True, True, False]


def test_one_tenants_haste_is_not_anothers() -> None:
    quota = Quota(per_second=1, burst=1, monotonic=Clock())

    assert quota.take(A, "form")
    assert not quota.take(A, "form")
    assert quota.take(B, "form")
    assert quota.take(A, "crm")
