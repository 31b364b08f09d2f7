//! Places the kernel, ends the firmware's services, and jumps.
//!
//! The contract is that of hermit-entry 0.10 on x86-64: `rdi` points to the boot information, `esi`
//! is the number of the processor, `rsp` is the *base* of the stack, interrupts are off.

use alloc::format;
use alloc::string::String;
use core::arch::asm;
use core::mem::MaybeUninit;
use core::num::{NonZeroU16, NonZeroU64};
use core::slice;

use hermit_entry::boot_info::{BootInfo, HardwareInfo, LoadInfo, PlatformInfo, RawBootInfo};
use hermit_entry::elf::{KernelObject, LoadedKernel};
use noreturn_image_format::Handover;
use noreturn_loader::Refusal;
use noreturn_loader::fdt::Machine;
use noreturn_loader::memory::{self, Region};
use noreturn_loader::paging::{self, PAGE_BYTES, TABLES_BYTES};
use uefi::boot::{self, MemoryType, PAGE_SIZE};
use uefi::mem::memory_map::MemoryMap;
use uefi::system;
use uefi::table::cfg::ConfigTableEntry;

use super::pages::{self, address_of};
use super::{cpu, restart, serial};

/// At least what Hermit assumes (`KERNEL_STACK_SIZE`, 32 KiB in 0.11).
const STACK_BYTES: usize = 64 << 10;
const TREE_BYTES: usize = 4096;

/// A kernel in its place, with everything that it is started with.
pub struct Prepared {
    arguments: String,
    tsc_khz: u32,
    acpi_root: u64,
    tree: &'static mut [u8],
    entry_point: u64,
    boot_info: u64,
    page_tables: u64,
    stack: u64,
}

impl Prepared {
    /// Loads `kernel`, an ELF file that has been checked, and prepares its start with what is handed over.
    ///
    /// # Errors
    /// What is wrong with the kernel, or what the machine lacks.
    pub fn new(kernel: &[u8], handover: &Handover, tsc_khz: u32) -> Result<Self, Refusal> {
        if cpu::has_five_level_paging() {
            return Err(Refusal::FiveLevelPaging);
        }
        let LoadedKernel { load_info, entry_point } = load(kernel)?;
        let tree = pages::allocate(TREE_BYTES)?;
        let mut prepared = Self {
            arguments: handover.emit(),
            tsc_khz,
            acpi_root: handover.acpi_root,
            entry_point,
            boot_info: address_of(pages::place(boot_info(load_info, address_of(tree)))?),
            tree,
            page_tables: make_page_tables()?,
            stack: address_of(pages::allocate(STACK_BYTES)?),
        };
        prepared.rehearse()?;
        Ok(prepared)
    }

    /// Describes the machine while a refusal can still be shown; later only numbers change.
    fn rehearse(&mut self) -> Result<(), Refusal> {
        let map = boot::memory_map(MemoryType::LOADER_DATA)
            .map_err(|_| Refusal::OutOfMemory { bytes: PAGE_SIZE })?;
        self.describe_machine(&map)
    }

    fn describe_machine(&mut self, map: &impl MemoryMap) -> Result<(), Refusal> {
        let memory = memory::choose(free_memory(map))?;
        let Self { acpi_root, tsc_khz, ref arguments, .. } = *self;
        Machine { acpi_root, tsc_khz, memory, arguments }.emit(self.tree).map(|_| ())
    }

    /// Ends the firmware's services and starts the kernel.
    pub fn start(mut self) -> ! {
        // SAFETY: no protocol and no pool memory is dropped afterwards, because this function does
        // not return: what it still uses are `self` and pages of loader data. Console and
        // allocator ask whether the firmware's services are there before they use them.
        let map = unsafe { boot::exit_boot_services(None) };
        if let Err(refusal) = self.describe_machine(&map) {
            restart::refuse(&refusal)
        }
        self.jump()
    }

    fn jump(self) -> ! {
        // SAFETY: the firmware is gone, so stack and page tables are ours to replace. The tables
        // map every address below 512 GiB to itself, so the code that runs, which the firmware
        // put below 4 GiB as everything else here, stays where it is. `entry_point` is the entry
        // of the kernel just loaded and relocated, and `boot_info` points to a `RawBootInfo`
        // in pages that nothing reuses. Nothing is on the old stack that is needed again.
        unsafe {
            asm!(
                "cli",
                "cld",
                "mov cr3, rax",
                "mov rsp, rcx",
                "jmp rdx",
                in("rax") self.page_tables,
                in("rcx") self.stack,
                in("rdx") self.entry_point,
                in("rdi") self.boot_info,
                in("rsi") 0_u64,
                options(noreturn)
            )
        }
    }
}

/// Loads the kernel into large pages of its own, as Hermit assumes.
fn load(kernel: &[u8]) -> Result<LoadedKernel, Refusal> {
    let refuse = Refusal::Kernel;
    let object = KernelObject::parse(kernel).map_err(|error| refuse(format!("{error}")))?;
    if let Some(address) = object.start_addr() {
        return Err(refuse(format!("it is linked to the fixed address {address:#x}")));
    }
    let bytes = object.mem_size();
    let large_page = PAGE_BYTES as usize;
    let memory = pages::allocate_aligned(bytes.next_multiple_of(large_page), large_page)?;
    let start = address_of(memory);
    // SAFETY: `memory` is at least `bytes` long and not used again but through this slice.
    // `load_kernel` only writes initialised bytes, so it does not matter that it might not.
    let place = unsafe { slice::from_raw_parts_mut(memory.as_mut_ptr().cast::<MaybeUninit<u8>>(), bytes) };
    Ok(object.load_kernel(place, start))
}

fn boot_info(load_info: LoadInfo, tree: u64) -> RawBootInfo {
    RawBootInfo::from(BootInfo {
        hardware_info: HardwareInfo {
            // Empty: the device tree says which memory there is.
            phys_addr_range: 0..0,
            serial_port_base: NonZeroU16::new(serial::COM1),
            device_tree: NonZeroU64::new(tree),
        },
        load_info,
        platform_info: PlatformInfo::Fdt,
    })
}

/// Address of the level 4 table.
fn make_page_tables() -> Result<u64, Refusal> {
    let tables = pages::allocate(TABLES_BYTES)?;
    let base = address_of(tables);
    let tables = tables.first_chunk_mut().ok_or(Refusal::OutOfMemory { bytes: TABLES_BYTES })?;
    paging::fill(tables, base);
    Ok(base)
}

/// Address of the ACPI root pointer, the newer kind if there are both.
pub fn find_acpi_root() -> Option<u64> {
    system::with_config_table(|tables| {
        [ConfigTableEntry::ACPI2_GUID, ConfigTableEntry::ACPI_GUID]
            .into_iter()
            .find_map(|guid| tables.iter().find(|table| table.guid == guid))
            .map(|table| table.address.addr() as u64)
    })
}

fn free_memory(map: &impl MemoryMap) -> impl Iterator<Item = Region> {
    map.entries()
        .filter(|piece| piece.ty == MemoryType::CONVENTIONAL)
        .map(|piece| Region { start: piece.phys_start, bytes: piece.page_count * PAGE_SIZE as u64 })
}
