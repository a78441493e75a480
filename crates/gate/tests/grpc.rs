//! The gRPC status of a refusal.

use bearward_gate::grpc;
use http::StatusCode;

#[test]
fn each_status_has_its_code_and_none_is_ok() {
    for (status, code) in [
        (400, 3),
        (401, 16),
        (403, 7),
        (404, 13),
        (405, 12),
        (408, 4),
        (413, 13),
        (429, 8),
        (500, 13),
        (502, 14),
        (503, 14),
        (504, 4),
        // Not refusals, and no reason to claim success.
        (200, 13),
        (204, 13),
    ] {
        let found = grpc::code(StatusCode::from_u16(status).unwrap());
        assert_eq!(found, code, "{status}");
    }
}
