//! Runs a command in a cell, with a plan written by hand: for working on the sandbox alone.

use std::time::Duration;

use belljar_plan::{Executables, Limits, Project, ProjectAccess, Rules, RunPlan, Step, View};

fn main() {
    let launcher = belljar_sandbox::Launcher::fork_for_one_run().expect("fork");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let view = |path: &str| View {
        path: path.into(),
        required: false,
    };
    let project = std::env::var("PROJECT").ok().map(|root| Project {
        root: root.into(),
        access: ProjectAccess::Overlay,
        hide: vec![".env*".into()],
    });
    let plan = RunPlan {
        policy: "by hand".into(),
        steps: vec![Step {
            program: arguments[0].clone().into(),
            arguments: arguments.clone(),
            reads_input: false,
            is_program: true,
        }],
        files: Vec::new(),
        views: [
            "/usr",
            "/bin",
            "/lib",
            "/lib64",
            "/sbin",
            "/etc/alternatives",
        ]
        .map(view)
        .into(),
        work_dir: project
            .as_ref()
            .map_or("/home/sandbox".into(), |project| project.root.clone()),
        project,
        environment: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("HOME".into(), "/home/sandbox".into()),
        ],
        executables: Executables::Everything,
        limits: Limits {
            wall: Duration::from_secs(5),
            cpu: Duration::from_secs(5),
            memory: 256 << 20,
            processes: 64,
            open_files: 1024,
            file_size: 64 << 20,
            output: 8 << 20,
            scratch: 64 << 20,
        },
        rules: Rules::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let mut cell = launcher.start(&plan, false);
        while let Some(event) = cell.next().await {
            match event {
                belljar_report::Event::Output { bytes, .. } => {
                    print!("{}", String::from_utf8_lossy(&bytes))
                }
                other => println!("{other:?}"),
            }
        }
    });
}
