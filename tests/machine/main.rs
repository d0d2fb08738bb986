//! Belljar on a second kernel (Debian's, booted in a virtual machine), which has what test machines often lack: control
//! groups that an ordinary user may divide. Everything is tried in one boot (`inside.sh`) and judged here.

mod archive;
mod machine;
#[path = "../ordinary_user/mod.rs"]
#[allow(dead_code)]
mod ordinary_user;
#[path = "../escapes/probe.rs"]
mod probe;

use serde_json::{Value, json};

use machine::{Machine, machine};

/// Judges what was said in the machine, if there can be one.
fn judge(by: impl FnOnce(&Machine)) {
    match machine() {
        Ok(machine) => by(machine),
        Err(why) => ordinary_user::skipped(why),
    }
}

/// The violation of a kind in a report.
fn violation<'a>(report: &'a Value, kind: &str) -> &'a Value {
    let all = report["violations"].as_array().expect("a list");
    all.iter()
        .find(|violation| violation["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind}: {report}"))
}

/// Checks how a run ended.
#[track_caller]
fn ended(report: &Value, how: Value) {
    assert_eq!(report["ending"], how, "{report}");
}

/// Checks that a limit was told, and by the control group.
#[track_caller]
fn told_by_the_group(report: &Value, kind: &str) {
    assert_eq!(violation(report, kind)["layer"], "cgroup", "{report}");
}

/// Checks that all of these went well.
#[track_caller]
fn succeeded(machine: &Machine, names: &[&str]) {
    for name in names {
        let said = machine.said(name);
        assert_eq!(said.status, 0, "{name}: {said:?}");
    }
}

/// What the doctor says of control groups.
fn control_group(layers: &[Value]) -> &Value {
    layers
        .iter()
        .find(|layer| layer["layer"] == "control group for limits")
        .expect("a layer")
}

fn is_held_by_a_group(report: &Value) -> bool {
    report["posture"]["cgroup"] == true && report["posture"].get("notes").is_none()
}

#[test]
fn everything_was_tried_to_the_end() {
    judge(|machine| {
        assert_eq!(machine.said("end").status, 0);
        println!("machine: Linux {}", machine.said("kernel").text);
    });
}

#[test]
fn the_doctor_finds_every_layer_and_where_groups_can_be_made() {
    judge(|machine| {
        let diagnosis = machine.report("doctor");
        assert_eq!(diagnosis["works"], true, "{diagnosis}");
        let layers = diagnosis["layers"].as_array().expect("a list");
        // This machine makes no device for file systems of one's own.
        let is_bare = |layer: &Value| layer["layer"] == "hidden files at no cost";
        let on = |layer: &Value| layer["on"] == true || is_bare(layer);
        assert!(layers.iter().all(on), "{diagnosis}");
        let group = control_group(layers);
        assert_eq!(group["detail"], "cgroup v2, in /sys/fs/cgroup/work");
    });
}

#[test]
fn the_doctor_names_a_group_that_is_not_delegated_and_what_mends_it() {
    judge(|machine| {
        let diagnosis = machine.report("plain_doctor");
        let layers = diagnosis["layers"].as_array().expect("a list");
        let group = control_group(layers);
        assert_eq!(group["on"], false, "{group}");
        let says = |key: &str, word: &str| {
            let text = group[key].as_str().expect("text");
            assert!(text.contains(word), "{group}");
        };
        says("detail", "/sys/fs/cgroup/plain is not delegated to you");
        says("remedy", "systemd-run --user --scope");
        assert_eq!(diagnosis["works"], true, "the watcher does it there");
    });
}

#[test]
fn a_program_runs_in_the_project_and_nothing_of_it_stays() {
    judge(|machine| {
        let report = machine.report("run");
        ended(&report, json!({"kind": "exited", "code": 0}));
        assert_eq!(
            report["stdout"], "hello\nwritten\nthe data\nhidden\naway\n",
            "{report}"
        );
        assert_eq!(report["posture"]["project"], "overlay", "{report}");
        assert!(
            report["posture"]["landlock_abi"].as_u64() > Some(0),
            "{report}"
        );
        assert!(is_held_by_a_group(&report), "{report}");
        let kept: Vec<&str> = machine.said("kept").text.split_whitespace().collect();
        assert_eq!(kept, [".env", ".git", "a.sh", "data.txt"]);
    });
}

#[test]
fn a_connection_is_refused_and_told() {
    judge(|machine| {
        let report = machine.report("connect");
        let refused = violation(&report, "network.connect");
        assert_eq!(refused["target"], "192.0.2.1:443", "{report}");
        assert_eq!(report["stdout"], "errno EACCES connect\n", "{report}");
        // There is no network outside either; but nobody refuses.
        assert_eq!(
            machine.said("connect_outside").text,
            "errno ENETUNREACH connect"
        );
    });
}

#[test]
fn a_program_sees_its_own_group_as_the_root() {
    judge(|machine| {
        let report = machine.report("group_inside");
        assert!(is_held_by_a_group(&report), "{report}");
        assert_eq!(report["stdout"], "0::/\n", "{report}");
        assert_eq!(machine.said("group_outside").text, "0::/work/shell");
    });
}

#[test]
fn a_cell_itself_takes_little_of_the_memory() {
    judge(|machine| {
        let report = machine.report("small");
        ended(&report, json!({"kind": "exited", "code": 0}));
        assert!(is_held_by_a_group(&report), "{report}");
    });
}

#[test]
fn without_a_group_of_ones_own_the_watcher_holds_the_limits() {
    judge(|machine| {
        for name in ["plain", "by_root", "shared"] {
            let report = machine.report(name);
            ended(&report, json!({"kind": "exited", "code": 0}));
            assert_eq!(report["posture"]["cgroup"], false, "{name}: {report}");
            assert!(report["posture"].get("notes").is_none(), "{name}: {report}");
        }
    });
}

#[test]
fn runs_at_the_same_time_have_a_group_each() {
    judge(|machine| {
        let reports = machine.said("several").reports();
        assert_eq!(reports.len(), 4);
        for report in reports {
            ended(&report, json!({"kind": "exited", "code": 0}));
            assert!(is_held_by_a_group(&report), "{report}");
        }
    });
}

#[test]
fn memory_is_held_exactly_and_the_run_ends_as_a_limit() {
    judge(|machine| {
        assert_eq!(machine.said("taken_outside").text, "ok took 96");
        for name in ["taken", "scope"] {
            let report = machine.report(name);
            assert!(is_held_by_a_group(&report), "{report}");
            ended(&report, json!({"kind": "limit", "limit": "memory"}));
            told_by_the_group(&report, "limit.memory");
            let peak = report["usage"]["peak_memory_bytes"]
                .as_u64()
                .expect("bytes");
            assert!(peak <= 32 << 20 && peak > 30 << 20, "{report}");
            assert_eq!(machine.said(name).status, 124);
        }
    });
}

#[test]
fn memory_in_sockets_and_in_files_on_their_way_through_one_is_held() {
    judge(|machine| {
        for how in ["queued", "sockets_of_many"] {
            assert_eq!(machine.said(&format!("{how}_outside")).text, "ok took 128");
            // The same without a group: the watcher does not see it.
            let watched = machine.report(&format!("{how}_watched"));
            assert_eq!(watched["stdout"], "ok took 128\n", "{watched}");
            let report = machine.report(how);
            ended(&report, json!({"kind": "limit", "limit": "memory"}));
            told_by_the_group(&report, "limit.memory");
            assert_ne!(report["stdout"], "ok took 128\n", "{report}");
        }
    });
}

#[test]
fn a_process_too_many_is_refused_and_told_by_the_group() {
    judge(|machine| {
        assert_eq!(machine.said("forks_outside").text, "made 40\nok forks");
        let report = machine.report("forks");
        assert_eq!(report["stdout"], "made 19\nerrno EAGAIN fork\n", "{report}");
        told_by_the_group(&report, "limit.processes");
        let report = machine.report("fork_bomb");
        ended(&report, json!({"kind": "limit", "limit": "wall"}));
        told_by_the_group(&report, "limit.processes");
    });
}

#[test]
fn time_of_children_that_nobody_waits_for_counts() {
    judge(|machine| {
        let report = machine.report("cpu");
        ended(&report, json!({"kind": "limit", "limit": "cpu"}));
        let used = report["usage"]["cpu_ms"].as_f64().expect("a time");
        assert!(used > 1000.0, "{report}");
    });
}

#[test]
fn no_group_is_left() {
    judge(|machine| {
        succeeded(
            machine,
            &[
                "nothing_left",
                "nothing_left_by_limits",
                "nothing_left_at_the_end",
            ],
        );
    });
}

#[test]
fn what_a_killed_belljar_leaves_is_an_empty_group_that_the_next_run_removes() {
    judge(|machine| {
        succeeded(machine, &["started", "ended", "swept"]);
        let left = &machine.said("left_by_the_killed").text;
        assert_eq!(left.lines().count(), 1, "{left}");
        assert!(is_held_by_a_group(&machine.report("next")));
    });
}

#[test]
fn a_scope_in_which_belljar_is_alone_is_divided_and_one_with_others_is_not() {
    judge(|machine| {
        let supervisor = "/sys/fs/cgroup/belljar.scope/belljar-supervisor";
        assert_eq!(machine.said("scope_groups").text, supervisor);
        assert!(is_held_by_a_group(&machine.report("scope_again")));
        assert_eq!(machine.said("shared_groups").text, "");
    });
}

#[test]
fn runs_of_a_language_server_have_groups_and_leave_none() {
    judge(|machine| {
        succeeded(
            machine,
            &[
                "server_one",
                "server_two",
                "server_clean",
                "server_started",
                "server_ended",
                "server_next",
            ],
        );
        let group = &machine.said("server_group").text;
        assert!(
            group.starts_with("/sys/fs/cgroup/server.scope/belljar-"),
            "{group}"
        );
        // The editor went away in the middle of a run: as after a kill, the next run removes what is left.
        assert!(machine.said("server_left").text.lines().count() <= 1);
    });
}
