//! Calls as compilers write them, in made-up memory.

use super::*;

/// Code at `CODE`, and one slot of the linker's table.
struct Made {
    code: Vec<u8>,
    slot: u64,
}

const CODE: u64 = 0x1000;
const SLOT: u64 = 0x5000;
const FUNCTION: (u64, u64) = (0x9000, 0x9100);

impl Memory for Made {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        let slot = self.slot.to_le_bytes();
        let (start, bytes) = if address >= SLOT {
            (SLOT, &slot[..])
        } else {
            (CODE, &self.code[..])
        };
        let from = usize::try_from(address.checked_sub(start)?).ok()?;
        buffer.copy_from_slice(bytes.get(from..from.checked_add(buffer.len())?)?);
        Some(())
    }
}

/// `mov slot(%rip),%rax`, `between`, `call *%rax`, and the address behind it.
fn call_through_slot(between: &[u8], slot: u64) -> (Made, u64) {
    let mut code = vec![0x90; LOADED_BEFORE];
    let behind_load = CODE + code.len() as u64 + 7;
    code.extend([0x48, 0x8b, 0x05]);
    code.extend(u32::to_le_bytes((SLOT - behind_load) as u32));
    code.extend(between);
    code.extend([0xff, 0xd0]);
    let behind = CODE + code.len() as u64;
    (Made { code, slot }, behind)
}

#[test]
fn a_call_through_the_linkers_table_is_known_by_what_was_loaded_for_it() {
    let lea = [0x48, 0x8d, 0x7c, 0x24, 0x08];
    for between in [&[][..], &lea] {
        let (memory, behind) = call_through_slot(between, FUNCTION.0 + 4);
        assert_eq!(call_before(behind, &memory), Some(Call::Anywhere));
        assert!(was_loaded_before(behind, FUNCTION, &memory));
    }
}

#[test]
fn a_call_to_another_function_is_not_taken_for_one_to_this() {
    for elsewhere in [0, FUNCTION.0 - 1, FUNCTION.1] {
        let (memory, behind) = call_through_slot(&[], elsewhere);
        assert!(!was_loaded_before(behind, FUNCTION, &memory));
    }
    // Where nothing can be read, nothing was loaded.
    let (memory, _) = call_through_slot(&[], FUNCTION.0);
    assert!(!was_loaded_before(CODE, FUNCTION, &memory));
    assert!(!was_loaded_before(3, FUNCTION, &memory));
}
