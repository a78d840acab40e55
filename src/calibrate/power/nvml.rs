//! NVIDIA GPUs, through the management library of their driver, loaded at run time.
//!
//! Source of names and units: NVIDIA's NVML API reference, `nvmlDeviceGetTotalEnergyConsumption` (mJ since the
//! driver was loaded; Volta and newer) and `nvmlDeviceGetPowerUsage` (mW of the GPU and its memory; averaged
//! over 1 s on Ampere and newer, GA100 excepted). Boards of the A100 and H100 kind sample their power a quarter
//! of the time, so windows must be long and their phase vary: Yang, Adamek, Armour, "Part-time power
//! measurements", arXiv 2312.02741.

use std::sync::{Arc, OnceLock};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::adapter::{AdapterFacts, Board, NVIDIA, which};
use super::counter::{Counted, Odometer, Register};
use super::gauge::{Gauge, Integrated};
use super::{Clock, Meter, MeterError, MeterInfo, MeterScope};
use crate::units::{Joules, Seconds, Watts};

const HINT: &str = "the container or the system keeps the GPU's management interface from this user";

/// Millijoules.
const ENERGY_STEP: Joules = Joules(1e-3);

/// NVIDIA states none; about 100 ms was seen. Source: ML.ENERGY, "thermally stable profiling".
const ENERGY_UPDATE_PERIOD: Seconds = Seconds(0.1);

/// Milliwatts.
const POWER_STEP: Watts = Watts(1e-3);

/// The registers behind the average are read at 10 to 50 Hz: arXiv 2312.02741, "power update period".
const POWER_UPDATE_PERIOD: Seconds = Seconds(0.1);

const POLL_EVERY: Seconds = Seconds(0.05);

/// The management library: the driver's, or a script in tests.
pub trait Library {
    /// The boards it knows, each with what reads it.
    ///
    /// # Errors
    /// [`MeterError::Absent`] where there is no library, no driver or no board.
    fn boards(&self) -> Result<Vec<Box<dyn Sensors>>, MeterError>;
}

/// The sensors of one board. `Ok(None)` is what the board does not have.
pub trait Sensors: Send {
    /// Vendor and device number, name, place on the PCI bus.
    fn facts(&self) -> (u32, u32, String, String);

    /// Millijoules since the driver was loaded.
    ///
    /// # Errors
    /// What the library says.
    fn energy_mj(&self) -> Result<Option<u64>, MeterError>;

    /// Milliwatts drawn now.
    ///
    /// # Errors
    /// What the library says.
    fn power_mw(&self) -> Result<Option<u32>, MeterError>;
}

/// The library that comes with the driver.
#[derive(Debug)]
pub struct Driver;

/// It stays loaded until the program ends: boards borrow from it, and meters keep boards.
static LOADED: OnceLock<Result<Nvml, String>> = OnceLock::new();

impl Library for Driver {
    fn boards(&self) -> Result<Vec<Box<dyn Sensors>>, MeterError> {
        let library = LOADED.get_or_init(|| Nvml::init().map_err(|error| why_not_loaded(&error)));
        let library = library.as_ref().map_err(|reason| MeterError::Absent(reason.clone()))?;
        let count = library.device_count().map_err(|error| failure("NVML", &error))?;
        // A board that has fallen off the bus must not hide the others.
        let boards = (0..count).filter_map(|index| {
            let device = library.device_by_index(index).ok()?;
            let pci = device.pci_info().ok()?;
            let name = device.name().unwrap_or_default();
            // The device number is in the upper half, its maker's in the lower.
            let facts = (pci.pci_device_id & 0xffff, pci.pci_device_id >> 16, name, pci.bus_id);
            Some(Box::new(OfDriver { device, facts }) as Box<dyn Sensors>)
        });
        Ok(boards.collect())
    }
}

struct OfDriver {
    device: nvml_wrapper::Device<'static>,
    facts: (u32, u32, String, String),
}

impl Sensors for OfDriver {
    fn facts(&self) -> (u32, u32, String, String) {
        self.facts.clone()
    }

    fn energy_mj(&self) -> Result<Option<u64>, MeterError> {
        supported(self.device.total_energy_consumption())
    }

    fn power_mw(&self) -> Result<Option<u32>, MeterError> {
        supported(self.device.power_usage())
    }
}

fn why_not_loaded(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => "NVML library not found".to_owned(),
        NvmlError::DriverNotLoaded => "NVML found, but the NVIDIA driver is not loaded".to_owned(),
        other => format!("NVML does not start: {other}"),
    }
}

fn supported<T>(answer: Result<T, NvmlError>) -> Result<Option<T>, MeterError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound) => {
            Ok(None)
        }
        Err(error) => Err(failure("NVML", &error)),
    }
}

fn failure(what: &str, error: &NvmlError) -> MeterError {
    match error {
        NvmlError::NoPermission | NvmlError::OperatingSystem => {
            MeterError::Permission { path: what.to_owned(), hint: HINT }
        }
        NvmlError::GpuLost => MeterError::Vanished { what: "the GPU that NVML reads".to_owned() },
        other => MeterError::Unreadable { what: what.to_owned(), message: other.to_string() },
    }
}

struct EnergyOf {
    board: Box<dyn Sensors>,
    odometer: Odometer,
}

impl Register for EnergyOf {
    fn total(&mut self) -> Result<Joules, MeterError> {
        let count = still_there(self.board.energy_mj()?, "NVML energy counter")?;
        Ok(Joules(self.odometer.advance(count)? as f64 / 1e3))
    }
}

struct PowerOf(Box<dyn Sensors>);

impl Gauge for PowerOf {
    fn power(&mut self) -> Result<Watts, MeterError> {
        let power = still_there(self.0.power_mw()?, "NVML power")?;
        Ok(Watts(f64::from(power) / 1e3))
    }
}

fn still_there<T>(value: Option<T>, what: &str) -> Result<T, MeterError> {
    value.ok_or_else(|| MeterError::Vanished { what: what.to_owned() })
}

/// Opens the energy counter of the adapter's board, or its power where it has no counter.
///
/// # Errors
/// [`MeterError::Absent`] where the adapter is not NVIDIA's, there is no library, no driver, not this board, or
/// it shows neither; what reading gives.
pub(super) fn open(
    adapter: &AdapterFacts,
    library: &dyn Library,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Meter>, MeterError> {
    if adapter.vendor != NVIDIA {
        let vendor = adapter.vendor;
        return Err(MeterError::Absent(format!("the adapter is not NVIDIA's (vendor {vendor:#06x})")));
    }
    let mut boards = library.boards()?;
    let known: Vec<Board> = boards
        .iter()
        .map(|board| {
            let (vendor, device, name, pci_bus_id) = board.facts();
            Board { vendor, device, name: Some(name), pci_bus_id }
        })
        .collect();
    let board = boards.swap_remove(which(adapter, &known, "NVML")?);

    if let Some(first) = board.energy_mj()? {
        let info = MeterInfo {
            name: "NVML energy counter".to_owned(),
            scope: MeterScope::Board,
            resolution: ENERGY_STEP,
            update_period: ENERGY_UPDATE_PERIOD,
            counter: true,
            poll_every: None,
        };
        let odometer = Odometer::new(info.name.clone(), None, first);
        return Ok(Box::new(Counted::open(info, EnergyOf { board, odometer }, clock.clone())?));
    }
    if board.power_mw()?.is_none() {
        return Err(MeterError::Absent("NVML shows neither energy nor power of this board".to_owned()));
    }
    let info = MeterInfo {
        name: "NVML power".to_owned(),
        scope: MeterScope::Board,
        resolution: POWER_STEP * POWER_UPDATE_PERIOD,
        update_period: POWER_UPDATE_PERIOD,
        counter: false,
        poll_every: None,
    };
    Ok(Box::new(Integrated::open(info, POLL_EVERY, PowerOf(board), clock.clone())?))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::testing::Hand;
    use super::*;

    type Answer<T> = Result<Option<T>, MeterError>;

    /// What a board answers next, kept by the test.
    #[derive(Clone)]
    struct Script {
        device: u32,
        energy: Arc<Mutex<Answer<u64>>>,
        power: Arc<Mutex<Answer<u32>>>,
    }

    impl Script {
        fn new(device: u32, energy: Answer<u64>, power: Answer<u32>) -> Self {
            Self { device, energy: Arc::new(Mutex::new(energy)), power: Arc::new(Mutex::new(power)) }
        }
    }

    impl Sensors for Script {
        fn facts(&self) -> (u32, u32, String, String) {
            (
                NVIDIA,
                self.device,
                format!("NVIDIA {}", self.device),
                format!("00000000:{:02X}:00.0", self.device),
            )
        }

        fn energy_mj(&self) -> Answer<u64> {
            self.energy.lock().unwrap().clone()
        }

        fn power_mw(&self) -> Answer<u32> {
            self.power.lock().unwrap().clone()
        }
    }

    struct Scripts(Result<Vec<Script>, MeterError>);

    impl Library for Scripts {
        fn boards(&self) -> Result<Vec<Box<dyn Sensors>>, MeterError> {
            let boards = self.0.clone()?;
            Ok(boards.into_iter().map(|board| Box::new(board) as Box<dyn Sensors>).collect())
        }
    }

    fn adapter(vendor: u32, device: u32) -> AdapterFacts {
        let name = format!("NVIDIA {device}");
        AdapterFacts {
            vendor,
            device,
            name,
            software: false,
            pci_bus_id: Some(format!("0000:{device:02x}:00.0")),
        }
    }

    fn opened(
        adapter: &AdapterFacts,
        boards: Result<Vec<Script>, MeterError>,
        clock: &Arc<Hand>,
    ) -> Result<Box<dyn Meter>, MeterError> {
        open(adapter, &Scripts(boards), &(clock.clone() as Arc<dyn Clock>))
    }

    #[test]
    fn the_energy_counter_of_the_adapters_own_board_is_read_in_millijoules() {
        let clock = Arc::new(Hand::default());
        let (other, own) =
            (Script::new(1, Ok(Some(5)), Ok(None)), Script::new(0x3b, Ok(Some(7_000)), Ok(Some(1))));
        let mut meter = opened(&adapter(NVIDIA, 0x3b), Ok(vec![other, own.clone()]), &clock).unwrap();
        *own.energy.lock().unwrap() = Ok(Some(1_757_000));
        clock.set(5.0);
        assert_eq!(meter.read().map(|reading| reading.joules), Ok(Joules(1750.0)));
        assert_eq!((meter.identity().name.as_str(), meter.identity().counter), ("NVML energy counter", true));
    }

    #[test]
    fn a_board_without_a_counter_is_integrated_from_its_milliwatts() {
        let clock = Arc::new(Hand::default());
        let pascal = Script::new(3, Ok(None), Ok(Some(150_000)));
        let mut meter = opened(&adapter(NVIDIA, 3), Ok(vec![pascal.clone()]), &clock).unwrap();
        *pascal.power.lock().unwrap() = Ok(Some(170_000));
        clock.set(0.1);
        assert!((meter.read().unwrap().joules.0 - 16.0).abs() < 1e-9);
        assert_eq!((meter.identity().name.as_str(), meter.identity().counter), ("NVML power", false));
    }

    #[test]
    fn a_driver_that_is_reloaded_or_a_board_that_is_lost_is_an_error() {
        let clock = Arc::new(Hand::default());
        let board = Script::new(3, Ok(Some(7_000)), Ok(None));
        let mut meter = opened(&adapter(NVIDIA, 3), Ok(vec![board.clone()]), &clock).unwrap();
        *board.energy.lock().unwrap() = Ok(Some(10));
        assert!(matches!(meter.read(), Err(MeterError::Backwards { before: 7_000, after: 10, .. })));
        for (answer, expected) in [
            (Ok(None), "NVML energy counter has vanished since it was opened"),
            (
                Err(failure("NVML", &NvmlError::GpuLost)),
                "the GPU that NVML reads has vanished since it was opened",
            ),
            (
                Err(failure("NVML", &NvmlError::Unknown)),
                "NVML cannot be read: an internal driver error occurred",
            ),
        ] {
            *board.energy.lock().unwrap() = answer;
            assert_eq!(meter.read().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn why_there_is_no_meter_is_told() {
        let clock = Arc::new(Hand::default());
        let missing = Err(MeterError::Absent(why_not_loaded(&NvmlError::LibraryNotFound)));
        let mute = Ok(vec![Script::new(3, Ok(None), Ok(None))]);
        let forbidden = Ok(vec![Script::new(3, Err(failure("NVML", &NvmlError::NoPermission)), Ok(None))]);
        for (adapter, boards, expected) in [
            (adapter(0x1002, 3), mute.clone(), "the adapter is not NVIDIA's (vendor 0x1002)"),
            (adapter(NVIDIA, 3), missing, "NVML library not found"),
            (
                adapter(NVIDIA, 4),
                mute.clone(),
                "NVML lists no board at 0000:04:00.0 (it lists 00000000:03:00.0)",
            ),
            (adapter(NVIDIA, 3), mute, "NVML shows neither energy nor power of this board"),
            (adapter(NVIDIA, 3), forbidden, "no permission to read NVML: the container"),
        ] {
            let message = opened(&adapter, boards, &clock).err().unwrap().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
