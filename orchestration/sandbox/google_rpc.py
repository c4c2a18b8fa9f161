"""What all of the Google Ads API's methods share: judging the caller, acting out a fault, and wording a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from orchestration.sandbox.faults import Fault
from orchestration.sandbox.google_oauth import is_good_bearer
from orchestration.sandbox.plumbing import Surroundings
from orchestration.sandbox.world import Account

if TYPE_CHECKING:
    import grpc

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
# Faults by the name of a reason, with the status and the member of the one-of error code that say so.
REASONS: dict[str, tuple[str, str, str]] = {
    "NOT_ALLOWLISTED": (
        "PERMISSION_DENIED",
        "not_allowlisted_error",
        "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
    ),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", "authorization_error", "USER_PERMISSION_DENIED"),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", "quota_error", "RESOURCE_EXHAUSTED"),
    "OAUTH_TOKEN_REVOKED": ("UNAUTHENTICATED", "authentication_error", "OAUTH_TOKEN_REVOKED"),
}


class Door:
    """The way into one kind of call.

    Args:
        around: What all stand-ins share.
        platform: The name it is counted under.
    """

    def __init__(self, around: Surroundings, platform: str) -> None:
        self.around = around
        self._platform = platform

    def admit(
        self,
        context: grpc.ServicerContext,
        operation: str,
        customer_id: str,
        body: bytes,
        read_ids: Callable[[], Sequence[str]] = tuple,
    ) -> tuple[Account, Fault | None]:
        """Judge a call; give its account, and a fault that is about its rows.

        Raises:
            Exception: Whatever gRPC raises to end a call that is refused.
        """
        fault = self.around.strike(self._platform, operation, body, read_ids)
        if fault and not fault.fault.startswith("row_"):
            self._act_out(fault, context)
        metadata = {key: value for key, value in context.invocation_metadata()}
        if not is_good_bearer(str(metadata.get("authorization", ""))):
            self.refuse(context, "UNAUTHENTICATED", authentication_error="OAUTH_TOKEN_EXPIRED")
        account = self.around.world.find_account("google", customer_id)
        if account is None:
            self.refuse(context, "PERMISSION_DENIED", authorization_error="USER_PERMISSION_DENIED")
        return account, fault

    def refuse(
        self,
        context: grpc.ServicerContext,
        status: str,
        retry_after: int | None = None,
        **codes: str,
    ) -> NoReturn:
        """End a call with a ``GoogleAdsFailure``, or with the status alone.

        Raises:
            Exception: Always, as gRPC does.
        """
        import grpc
        from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

        if codes:
            error: dict[str, Any] = {"error_code": codes, "message": status}
            if retry_after is not None:
                quota = {"retry_delay": {"seconds": retry_after}}
                error["details"] = {"quota_error_details": quota}
            failure = GoogleAdsFailure(errors=[error], request_id=self.around.new_id())
            context.set_trailing_metadata(((FAILURE_KEY, GoogleAdsFailure.serialize(failure)),))
        context.abort(getattr(grpc.StatusCode, status), status)

    def _act_out(self, fault: Fault, context: grpc.ServicerContext) -> None:
        if named := REASONS.get(fault.fault.removeprefix("reason_")):
            status, member, code = named
            self.refuse(context, status, fault.retry_after, **{member: code})
        match fault.fault:
            case "429":
                # RAN G1.3: quota errors surface as ResourceExhausted, whatever the trailing metadata says.
                self.refuse(
                    context,
                    "RESOURCE_EXHAUSTED",
                    quota_error="RESOURCE_TEMPORARILY_EXHAUSTED",
                    retry_after=fault.retry_after,
                )
            case "500":
                self.refuse(context, "INTERNAL", internal_error="INTERNAL_ERROR")
            case "expired_token":
                self.refuse(context, "UNAUTHENTICATED", authentication_error="OAUTH_TOKEN_EXPIRED")
            case _:
                self.refuse(context, "UNAVAILABLE")
