//! Tries to get out. Every row of the table is made outside first, where it must get through, and then in a cell.
//!
//! The table is the `.toml` files beside this one, and one row more for every refused system call through each of the kernel's
//! doors. `ESCAPES=WORD` makes only the rows with that word in their names, `ESCAPES_SHOW=1` prints what each saw inside.
//! Controls are made by whoever runs the tests, also by root: they must do no harm (`no_control_writes_to_the_machine`).

mod attempt;
mod generated;
mod judge;
mod probe;
mod race;
mod table;
mod traces;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use attempt::{Place, make};
use judge::Proof;
use table::{Attempt, Caller, Outside};
use world::{Owner, World};

/// Rows that are made at once.
const AT_ONCE: usize = 2;
/// The one pass at a time has the machine for itself, as far as we can say.
static ONE_PASS: Mutex<()> = Mutex::new(());

#[test]
fn nothing_gets_out_when_an_ordinary_user_runs_it() {
    pass("ordinary user", Caller::User, ordinary_owner());
}

#[test]
fn nothing_gets_out_when_root_runs_it() {
    if !we_are_root() {
        tell("skipped: only root can run the table as root; the pass of the ordinary user is made");
        return;
    }
    pass("root", Caller::Root, Owner { becomes: None });
}

#[test]
fn a_folder_that_becomes_a_link_while_a_cell_is_made_shows_no_other_place() {
    let _alone = ONE_PASS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let owner = ordinary_owner();
    let belljar = Path::new(env!("CARGO_BIN_EXE_belljar"));
    let outdoors = World::new(owner, probe(), belljar);
    if may_not_run(&outdoors) {
        return;
    }
    assert!(
        !race::outside(&outdoors).is_empty(),
        "the race cannot be won outside, so it proves nothing"
    );
    let indoors = World::new(owner, probe(), belljar);
    let (turns, runs, won) = race::inside(&indoors, 40);
    tell(&format!(
        "race: {turns} turns, {runs} cells, {} won",
        won.len()
    ));
    assert!(
        runs > 0 && turns > 60,
        "nothing was tried: {runs} cells, {turns} turns"
    );
    assert!(won.is_empty(), "a cell showed another place: {won:?}");
}

#[test]
fn every_row_has_a_name_of_its_own_a_reason_and_a_demand() {
    let attempts = table::read(&folder());
    let mut names = BTreeSet::new();
    for attempt in &attempts {
        let name = &attempt.name;
        assert!(names.insert(name.clone()), "two rows are called {name}");
        assert!(!attempt.why.is_empty(), "{name} has no reason");
        assert!(
            attempt.probe.is_some() != attempt.script.is_some(),
            "{name} has either a probe or a script"
        );
        let inside = &attempt.inside;
        let demands = inside.ok
            || inside.errno.is_some()
            || inside.shows.is_some()
            || inside.hides.is_some()
            || inside.ending.is_some()
            || inside.code.is_some();
        assert!(demands, "{name} demands nothing of the inside");
        if let Outside::Word(word) = &attempt.outside {
            let says_why = word
                .strip_prefix("not provable here: ")
                .is_some_and(|why| !why.is_empty());
            assert!(word == "ok" || says_why, "{name}: outside is {word:?}");
        }
    }
    assert!(
        attempts.len() >= 120,
        "the table has only {} rows",
        attempts.len()
    );
}

/// Somebody without privilege: us, or whom root turns into.
fn ordinary_owner() -> Owner {
    let one = std::process::id() % 1000;
    Owner {
        becomes: we_are_root().then_some((61_000 + one, 62_000 + one)),
    }
}

/// Controls are made by root, too: they may write in their own world and in places for everybody, and nowhere else.
#[test]
fn no_control_writes_to_the_machine() {
    const WRITING: [&str; 14] = [
        "write",
        "map_write",
        "reopen",
        "truncate",
        "chmod",
        "chown",
        "utimes",
        "setxattr",
        "rename",
        "exchange",
        "unlink",
        "mkdir",
        "mknod",
        "link",
    ];
    for attempt in table::read(&folder()) {
        if matches!(&attempt.outside, Outside::Word(word) if word != "ok") {
            continue;
        }
        let words: Vec<String> = match (&attempt.probe, &attempt.script) {
            (Some(probe), _) => probe.clone(),
            (None, script) => script
                .iter()
                .flat_map(|line| line.split([' ', ';']))
                .map(str::to_owned)
                .collect(),
        };
        for pair in words.windows(2) {
            let writes = WRITING.contains(&pair[0].as_str())
                || [">", ">>", "rm", "-f", "-rf"].contains(&pair[0].as_str());
            let may = ["/tmp/", "/dev/null", "/dev/shm/", "/proc/self/"]
                .iter()
                .any(|place| pair[1].starts_with(place));
            assert!(
                !(writes && pair[1].starts_with('/') && !may),
                "{}: the control writes to {}",
                attempt.name,
                pair[1]
            );
        }
    }
}

fn we_are_root() -> bool {
    Path::new("/proc/self").metadata().expect("/proc").uid() == 0
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escapes")
}

/// Prints past the test harness, which would keep it until a failure.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Builds the probe once.
fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        let probe =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("probe-{}", std::process::id()));
        probe::build(&probe);
        probe
    })
}

/// Whether this user cannot make namespaces at all, found out without belljar. Says so.
fn may_not_run(world: &World) -> bool {
    let mut command = world.caller(&[]);
    command
        .arg(world.fill("{probe}"))
        .args(["in_userns", "unshare", "0x20000000"]);
    let seen = command.output().expect("the probe");
    let text = String::from_utf8_lossy(&seen.stdout).trim().to_owned();
    if text.starts_with("ok") {
        return false;
    }
    tell(&format!(
        "skipped: this user can make no namespaces here ({text})"
    ));
    assert!(
        std::env::var_os("BELLJAR_MUST").is_none(),
        "BELLJAR_MUST is set, and there are no namespaces"
    );
    true
}

/// Runs the whole table as one user.
fn pass(title: &str, caller: Caller, owner: Owner) {
    let _alone = ONE_PASS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let start = Instant::now();
    let belljar = Path::new(env!("CARGO_BIN_EXE_belljar"));
    let mut outdoors = World::new(owner, probe(), belljar);
    let mut indoors = World::new(owner, probe(), belljar);
    if may_not_run(&outdoors) {
        return;
    }
    let attempts = chosen(caller);
    let before = traces::left_on_host(owner, &indoors);

    let proofs = in_parallel(&attempts, |attempt| prove(attempt, &outdoors));
    let proven_doors = outdoors.heard();
    let picture = indoors.picture();
    // A control that tries every socket it finds gets to the other world as well.
    indoors.heard();

    let findings = in_parallel(&attempts, |attempt| try_inside(attempt, &indoors, caller));
    let mut failures = Vec::new();
    let mut unproven = 0;
    for attempt in &attempts {
        let proof = &proofs[&attempt.name];
        let line = verdict(attempt, proof, &findings[&attempt.name]);
        unproven += usize::from(matches!(proof, Proof::NotProvable(_)));
        tell(&line);
        if !line.starts_with("held") && !line.starts_with("noted") {
            failures.push(line);
        }
    }
    let mut afterwards = traces::differences(&picture, &indoors.picture());
    afterwards.extend(
        indoors
            .heard()
            .into_iter()
            .map(|door| format!("heard outside: {door}")),
    );
    afterwards.extend(
        traces::left_on_host(owner, &indoors)
            .difference(&before)
            .map(|what| format!("left on the host: {what}")),
    );
    if std::env::var_os("ESCAPES").is_none() && proven_doors.len() < 10 {
        afterwards.push(format!(
            "the controls reached only these doors: {proven_doors:?}"
        ));
    }
    for world in [&outdoors, &indoors] {
        afterwards.extend(traces::still_alive(world));
    }
    for line in &afterwards {
        tell(&format!("AFTER    {line}"));
    }
    let failed = failures.len();
    tell(&format!(
        "{title}: {} rows, {} held, {unproven} of them not provable here, {failed} failed, {} traces afterwards, {:.0} s",
        attempts.len(),
        attempts.len() - failed,
        afterwards.len(),
        start.elapsed().as_secs_f64()
    ));
    assert!(
        failed == 0 && afterwards.is_empty(),
        "{title}: {failed} rows failed, {} traces afterwards\n{}",
        afterwards.len(),
        [failures, afterwards].concat().join("\n")
    );
}

/// What was wrong with a run in the cell.
enum Finding {
    /// Nothing.
    Held,
    /// The demand was not met, and the report said that it would not be.
    Noted(String),
    /// This.
    Wrong(Vec<String>),
}

fn try_inside(attempt: &Attempt, world: &World, caller: Caller) -> Finding {
    let seen = make(attempt, world, Place::Inside);
    if std::env::var_os("ESCAPES_SHOW").is_some() {
        tell(&format!(
            "seen     {}: {}",
            attempt.name,
            judge::short(&seen)
        ));
    }
    let for_root = attempt
        .inside_for_root
        .as_ref()
        .filter(|_| caller == Caller::Root);
    let wanted = filled(for_root.unwrap_or(&attempt.inside), world);
    let wrong = judge::inside(
        &wanted,
        &seen,
        &world.secret,
        attempt.live || attempt.from_outside,
    );
    if wrong.is_empty() {
        return Finding::Held;
    }
    match attempt
        .noted
        .as_ref()
        .and_then(|word| judge::note(word, &seen))
    {
        Some(note) => Finding::Noted(note),
        None => Finding::Wrong(wrong),
    }
}

/// One line about a row; more if its control is wrong as well.
fn verdict(attempt: &Attempt, proof: &Proof, finding: &Finding) -> String {
    let name = &attempt.name;
    let known = attempt
        .cve
        .as_ref()
        .map(|cve| format!(" ({cve})"))
        .unwrap_or_default();
    let mut lines = Vec::new();
    match finding {
        Finding::Held => {}
        Finding::Noted(note) => lines.push(format!("noted    {name}: {note}")),
        Finding::Wrong(wrong) => {
            lines.push(format!("ESCAPED  {name}{known}: {}", wrong.join("; ")))
        }
    }
    match proof {
        Proof::Wrong(why) => lines.insert(0, format!("CONTROL  {name}: {why}")),
        Proof::NotProvable(why) if lines.is_empty() => {
            lines.push(format!("held     {name} (not provable here: {why})"));
        }
        _ if lines.is_empty() => lines.push(format!("held     {name}")),
        _ => {}
    }
    lines.join("\n")
}

/// The rows for this caller; with `ESCAPES=WORD` only those whose name has the word in it. `ESCAPES_SHOW=1` shows what each saw.
fn chosen(caller: Caller) -> Vec<Attempt> {
    let mut attempts = table::read(&folder());
    attempts.extend(generated::attempts(&table::read_arguments(&folder())));
    attempts.retain(|attempt| attempt.only.is_none_or(|only| only == caller));
    if let Ok(word) = std::env::var("ESCAPES") {
        attempts.retain(|attempt| attempt.name.contains(&word));
    }
    attempts
}

fn prove(attempt: &Attempt, world: &World) -> Proof {
    match &attempt.outside {
        Outside::Word(word) if word != "ok" => {
            Proof::NotProvable(word.trim_start_matches("not provable here: ").to_owned())
        }
        outside => {
            let outside = fill_control(outside, world);
            if attempt.outside_as_root_of_a_namespace {
                return judge::control(
                    &outside,
                    &make(attempt, world, Place::OutsideAsRootOfANamespace),
                );
            }
            match judge::control(&outside, &make(attempt, world, Place::Outside)) {
                // The kernel's own answer to an ordinary user is the same: see what it says to a root.
                Proof::NotProvable(why) if attempt.probe.is_some() => {
                    match judge::control(
                        &outside,
                        &make(attempt, world, Place::OutsideAsRootOfANamespace),
                    ) {
                        Proof::Proven => Proof::Proven,
                        _ => Proof::NotProvable(why),
                    }
                }
                proof => proof,
            }
        }
    }
}

fn fill_control(outside: &Outside, world: &World) -> Outside {
    let mut outside = outside.clone();
    if let Outside::Shows(control) = &mut outside {
        fill_words([&mut control.shows, &mut control.hides], world);
    }
    outside
}

fn filled(inside: &table::Inside, world: &World) -> table::Inside {
    let mut inside = inside.clone();
    fill_words([&mut inside.shows, &mut inside.hides], world);
    inside
}

fn fill_words(lists: [&mut Option<table::OneOrMany>; 2], world: &World) {
    for list in lists.into_iter().flatten() {
        *list = table::OneOrMany::Many(list.words().iter().map(|word| world.fill(word)).collect());
    }
}

/// Does `work` for every row, a few at a time.
fn in_parallel<T: Send>(
    attempts: &[Attempt],
    work: impl Fn(&Attempt) -> T + Sync,
) -> BTreeMap<String, T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(attempt);
                    results
                        .lock()
                        .expect("the results")
                        .insert(attempt.name.clone(), result);
                }
            });
        }
    });
    results.into_inner().expect("the results")
}
