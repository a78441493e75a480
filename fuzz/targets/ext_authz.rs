//! Questions of Envoy over ext_authz: who passes has presented a good token, or need not; what a
//! client says of its identity ends here; and no answer can be turned into an admission.

#![no_main]

use bearward_fuzz::question::{Question, assert_answer, without_id};
use bearward_fuzz::setting::paused;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|question: Question| {
    let question = question.write();
    let (answer, again) = paused(async {
        let door = bearward_fuzz::question::door();
        (
            door.answer(question.peer, &question.check).await,
            door.answer(question.peer, &question.check).await,
        )
    });
    assert_eq!(without_id(answer.get_ref()), without_id(again.get_ref()));
    assert_answer(&question, &answer);
});
