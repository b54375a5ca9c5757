//! What an error must say: code, reason, and the detail that lets a client recover.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use weir_shared::status;

/// Checks the code and the `ErrorInfo` reason of a refused call.
#[track_caller]
pub fn check_error(status: &Status, code: Code, reason: &str) {
    let got = (status.code(), status::reason(status));
    assert_eq!(
        got,
        (code, Some(reason.to_owned())),
        "message: {}",
        status.message()
    );
}

/// Checks the same of an outcome that should be a refusal.
#[track_caller]
pub fn check_refused<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, reason: &str) {
    check_error(&outcome.expect_err(reason), code, reason);
}

/// Checks for INVALID_ARGUMENT, `INVALID_FIELD` and a `BadRequest` that names the field.
#[track_caller]
pub fn check_invalid_field(status: &Status, field: &str) {
    check_error(status, Code::InvalidArgument, "INVALID_FIELD");
    let details = status.get_error_details();
    let named: Vec<_> = details
        .bad_request()
        .into_iter()
        .flat_map(|bad| &bad.field_violations)
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(named, [field], "message: {}", status.message());
}

/// Checks for UNAVAILABLE with a `RetryInfo` that says how long to wait.
#[track_caller]
pub fn check_unavailable(status: &Status, reason: &str) {
    check_error(status, Code::Unavailable, reason);
    let delay = status::retry_after(status).expect("a RetryInfo");
    assert!(delay > Duration::ZERO, "{delay:?}");
}

/// Checks for RESOURCE_EXHAUSTED, `QUOTA` and a `QuotaFailure` that names the limit.
#[track_caller]
pub fn check_quota(status: &Status, limit: &str) {
    check_error(status, Code::ResourceExhausted, "QUOTA");
    let details = status.get_error_details();
    let named: Vec<_> = details
        .quota_failure()
        .into_iter()
        .flat_map(|quota| &quota.violations)
        .map(|violation| violation.subject.as_str())
        .collect();
    assert_eq!(named, [limit]);
}

/// The typed detail of an error.
#[track_caller]
#[must_use]
pub fn detail<M>(status: &Status) -> M
where
    M: prost::Message + prost::Name + Default,
{
    status::detail(status).unwrap_or_else(|| panic!("no {} in {status:?}", M::NAME))
}
