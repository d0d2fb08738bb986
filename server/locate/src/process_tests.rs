//! Tests of what the kernel tells of a process.

use super::*;

#[test]
fn a_mapping_is_found_by_its_address_and_by_its_file() {
    let text = "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/with space\n\
                7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n\
                nonsense\n\
                7ffc0000-7ffd0000 rw-p 00000000 00:00 0  [stack]\n";
    let mappings = parse_mappings(text);
    assert_eq!(mappings.len(), 3);
    assert_eq!(mappings[0].path, Path::new("/usr/bin/with space"));
    assert!(mappings[0].is_code && !mappings[1].is_code);
    assert_eq!((mappings[0].offset, mappings[0].inode), (0x1000, 173_521));
}

#[test]
fn our_own_process_is_seen_as_the_kernel_tells_it() {
    let pid = i32::try_from(std::process::id()).expect("a small number");
    let process = Process::look(pid).expect("we run");
    assert_eq!(process_of(pid), Some(pid));
    assert_eq!(
        parent_of(pid),
        i32::try_from(std::os::unix::process::parent_id()).ok()
    );
    let here = our_own_process_is_seen_as_the_kernel_tells_it as *const () as u64;
    let mapping = process
        .mapping_at(here)
        .expect("this function is somewhere");
    assert!(mapping.is_code && mapping.path == process.path);
    assert!(
        process
            .image(&mapping.path)
            .is_some_and(|image| image.is_native())
    );
}
