//! A race with somebody on the host: a folder is turned into a link, and back, while cells are made from it.

use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::world::World;

/// Turns a name between a harmless folder and a link to the home while `attempt` is made over and over, as long as `goes_on`
/// says so of the number of wins.
/// Gives how often it was turned, and what won.
fn turn_while(
    world: &World,
    goes_on: impl Fn(usize) -> bool,
    attempt: impl Fn() -> Option<String>,
) -> (usize, Vec<String>) {
    let race = world.root().join("race");
    let (name, real, link) = (race.join("p"), race.join("real"), race.join("link"));
    let stop = AtomicBool::new(false);
    let turns = AtomicUsize::new(0);
    let mut won = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // The folder goes, the link comes; then the other way round. Between the two there is nothing, for a moment.
                let _ = std::fs::rename(&name, &real);
                let _ = std::fs::rename(&link, &name);
                let _ = std::fs::rename(&name, &link);
                let _ = std::fs::rename(&real, &name);
                turns.fetch_add(1, Ordering::Relaxed);
            }
        });
        while goes_on(won.len()) {
            won.extend(attempt());
        }
        stop.store(true, Ordering::Relaxed);
    });
    (turns.into_inner(), won)
}

/// Makes the folder and the link.
fn prepare(world: &World) {
    let race = world.root().join("race");
    std::fs::create_dir_all(race.join("p/.ssh")).expect("a folder");
    std::fs::write(race.join("p/.ssh/id_rsa"), "harmless").expect("a file");
    symlink(world.root().join("home"), race.join("link")).expect("a link");
    world.own(&race);
}

/// Outside: look whether it is a folder, then read a file in it.
pub fn outside(world: &World) -> Vec<String> {
    prepare(world);
    let name = world.root().join("race/p");
    let end = Instant::now() + Duration::from_secs(10);
    let goes_on = |won| won == 0 && Instant::now() < end;
    let (_, won) = turn_while(world, goes_on, || {
        let is_folder = name.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let text = is_folder.then(|| std::fs::read_to_string(name.join(".ssh/id_rsa")).ok())??;
        text.contains(&world.secret).then_some(text)
    });
    won
}

/// Inside: a cell whose project is the folder, and that says it is in the folder, must not show the home.
pub fn inside(world: &World, cells: usize) -> (usize, usize, Vec<String>) {
    prepare(world);
    let runs = AtomicUsize::new(0);
    let name = world.root().join("race/p").display().to_string();
    // Most attempts find nothing at all under the name, and are refused.
    let end = Instant::now() + Duration::from_secs(10);
    let goes_on = |_: usize| runs.load(Ordering::Relaxed) < cells && Instant::now() < end;
    let (turns, won) = turn_while(world, goes_on, || {
        let script = "pwd -P; cat .ssh/id_rsa";
        let line = [
            "exec",
            "--policy",
            "default",
            "--project",
            &name,
            "--",
            "/bin/sh",
            "-c",
            script,
        ];
        let mut command = world.caller(&[]);
        command
            .current_dir(world.root())
            .arg(world.fill("{belljar}"))
            .args(line)
            .stdin(Stdio::null());
        let output = command.output().expect("belljar");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        runs.fetch_add(usize::from(!text.is_empty()), Ordering::Relaxed);
        // Whoever names a link means what it leads to: then the cell stands in the home, and says so.
        (text.starts_with(&name) && text.contains(&world.secret)).then_some(text)
    });
    (turns, runs.into_inner(), won)
}
