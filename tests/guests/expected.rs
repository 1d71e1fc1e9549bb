//! What becomes of a task of each trainer of the component `hostile`: the kind
//! of its fault, or `None` for an answer.
/// In the local pool.
pub(crate) const LOCAL: [(&str, Option<&str>); 42] = [
    ("artifact_huge", Some("out_of_memory")),
    ("artifact_names", Some("malformed_answer")),
    ("artifact_unasked", Some("malformed_answer")),
    ("artifacts_many", Some("malformed_answer")),
    // No host function is there to wait in: the first one that is called traps.
    ("block_flush", Some("trapped")),
    ("block_poll", Some("trapped")),
    ("block_pollable", Some("trapped")),
    ("block_write", Some("trapped")),
    ("block_zeroes", Some("trapped")),
    ("call_out", Some("trapped")),
    ("empty_answer", Some("malformed_answer")),
    ("escape_fault", Some("fit_failed")),
    ("exhaust_memory", Some("out_of_memory")),
    ("extra_metric", Some("malformed_answer")),
    ("fail", Some("fit_failed")),
    ("fail_some", Some("fit_failed")),
    ("grow_memory", Some("out_of_memory")),
    ("honest", None),
    ("huge_answer", Some("out_of_memory")),
    ("huge_fault", Some("out_of_memory")),
    ("huge_scores", Some("malformed_answer")),
    ("invalid_dataset", Some("invalid_dataset")),
    ("invalid_params", Some("invalid_params")),
    ("invalid_task", Some("invalid_task")),
    ("keep_state", None),
    ("long_fault", Some("fit_failed")),
    ("loop_forever", Some("timed_out")),
    ("loop_some", Some("timed_out")),
    ("malformed_json", Some("malformed_answer")),
    ("many_resources", Some("trapped")),
    ("missing_metric", Some("malformed_answer")),
    ("nan_scores", Some("malformed_answer")),
    ("nested_json", Some("malformed_answer")),
    ("not_utf8", Some("trapped")),
    ("null_scores", None),
    ("other_contract", Some("malformed_answer")),
    ("overflow_stack", Some("stack_overflowed")),
    ("panic", Some("trapped")),
    ("too_few_scores", Some("malformed_answer")),
    ("too_many_scores", Some("malformed_answer")),
    ("trap", Some("trapped")),
    ("trap_some", Some("trapped")),
];

/// Where an endpoint says something else, and why it can't say the same.
pub(crate) const OTHERWISE_OVER_HTTP: [(&str, Option<&str>); 16] = [
    // Over HTTP an output is a part of a form, which this guest does not make.
    ("artifact_huge", None),
    ("artifact_names", None),
    ("artifact_unasked", None),
    ("artifacts_many", None),
    // A server has these functions, and waits in them as long as it lets a
    // request last.
    ("block_flush", Some("timed_out")),
    ("block_poll", Some("timed_out")),
    ("block_pollable", Some("timed_out")),
    ("block_write", Some("timed_out")),
    ("block_zeroes", Some("timed_out")),
    // A server may send requests; nobody answers this one.
    ("call_out", Some("fit_failed")),
    // A trap is all that is seen of it from outside.
    ("exhaust_memory", Some("trapped")),
    ("huge_answer", Some("trapped")),
    ("huge_fault", Some("trapped")),
    ("overflow_stack", Some("trapped")),
    // The server refuses the memory and goes on; so does this guest.
    ("grow_memory", None),
    // No boundary between host and guest asks for text here.
    ("not_utf8", Some("malformed_answer")),
];
