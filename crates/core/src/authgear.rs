//! The names of the claims that Authgear, the reference issuer, adds to its tokens.

/// Whether the user is anonymous: boolean.
pub const IS_ANONYMOUS: &str = "https://authgear.com/claims/user/is_anonymous";

/// Whether the user is verified: boolean.
pub const IS_VERIFIED: &str = "https://authgear.com/claims/user/is_verified";

/// Whether the user is able to re-authenticate: boolean.
pub const CAN_REAUTHENTICATE: &str = "https://authgear.com/claims/user/can_reauthenticate";

/// The keys of the user's roles: array of strings.
pub const ROLES: &str = "https://authgear.com/claims/user/roles";

/// The `amr` of an authentication by the device's biometrics.
pub const AMR_BIOMETRIC: &str = "x_biometric";
