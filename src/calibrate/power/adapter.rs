//! Which of several boards is the adapter: by its place on the PCI bus, else by its ids, else by its name.

use super::MeterError;
use crate::device::profile::Adapter;

/// What is known of the adapter that a meter is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFacts {
    /// PCI vendor, or a number of its own on APIs that know no PCI.
    pub vendor: u32,
    /// PCI device of that vendor; 0 where unknown.
    pub device: u32,
    /// As the driver writes it.
    pub name: String,
    /// It runs on the CPU.
    pub software: bool,
    /// Its place on the bus, as `0000:03:00.0`, where the driver says.
    pub pci_bus_id: Option<String>,
}

impl From<&Adapter> for AdapterFacts {
    fn from(adapter: &Adapter) -> Self {
        Self {
            vendor: adapter.vendor,
            device: adapter.device,
            name: adapter.name.clone(),
            software: adapter.is_software(),
            pci_bus_id: adapter.pci_bus_id.clone(),
        }
    }
}

/// PCI vendor ids. Source: the PCI ID repository.
pub(super) const NVIDIA: u32 = 0x10de;
pub(super) const AMD: u32 = 0x1002;
pub(super) const INTEL: u32 = 0x8086;
pub(super) const APPLE: u32 = 0x106b;

/// A board that a meter could read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Board {
    pub(super) vendor: u32,
    pub(super) device: u32,
    pub(super) name: Option<String>,
    pub(super) pci_bus_id: String,
}

/// The index of the board that the adapter is.
///
/// `seen_by` names who lists the boards. Errors: [`MeterError::Absent`] where none fits, or several do and
/// nothing tells them apart.
pub(super) fn which(
    adapter: &AdapterFacts,
    boards: &[Board],
    seen_by: &'static str,
) -> Result<usize, MeterError> {
    if let Some(place) = adapter.pci_bus_id.as_deref().and_then(place) {
        return boards.iter().position(|board| self::place(&board.pci_bus_id) == Some(place)).ok_or_else(
            || {
                let listed =
                    boards.iter().map(|board| board.pci_bus_id.as_str()).collect::<Vec<_>>().join(", ");
                let listed = if listed.is_empty() { "none".to_owned() } else { listed };
                let wanted = adapter.pci_bus_id.as_deref().unwrap_or_default();
                MeterError::Absent(format!("{seen_by} lists no board at {wanted} (it lists {listed})"))
            },
        );
    }
    let same_name = |board: &Board| {
        board.name.as_deref().is_some_and(|name| name.trim().eq_ignore_ascii_case(adapter.name.trim()))
    };
    let same_ids = |board: &Board| (board.vendor, board.device) == (adapter.vendor, adapter.device);
    for fits in [&same_ids as &dyn Fn(&Board) -> bool, &same_name] {
        let mut fitting = boards.iter().enumerate().filter(|(_, board)| fits(board));
        match (fitting.next(), fitting.next()) {
            (Some((index, _)), None) => return Ok(index),
            (Some(_), Some(_)) => {
                return Err(MeterError::Absent(format!(
                    "{seen_by} lists several boards like \"{}\", and the driver does not say where on the bus \
                     the adapter is",
                    adapter.name
                )));
            }
            (None, _) => {}
        }
    }
    Err(MeterError::Absent(format!("{seen_by} lists no board like \"{}\"", adapter.name)))
}

/// Domain, bus, device and function of `0000:03:00.0`; NVML writes eight digits of domain and no function but
/// 0.
fn place(text: &str) -> Option<(u32, u32, u32, u32)> {
    let hex = |digits: &str| u32::from_str_radix(digits, 16).ok();
    let (rest, function) = text.trim().split_once('.')?;
    let mut parts = rest.split(':');
    let place = (hex(parts.next()?)?, hex(parts.next()?)?, hex(parts.next()?)?, hex(function)?);
    parts.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(vendor: u32, device: u32, name: &str, pci_bus_id: &str) -> Board {
        Board { vendor, device, name: Some(name.to_owned()), pci_bus_id: pci_bus_id.to_owned() }
    }

    #[test]
    fn a_board_is_found_by_place_then_ids_then_name() {
        let boards = [
            board(NVIDIA, 0x2684, "NVIDIA GeForce RTX 4090", "00000000:01:00.0"),
            board(NVIDIA, 0x2684, "NVIDIA GeForce RTX 4090", "00000000:C1:00.0"),
            board(NVIDIA, 0x1eb8, "Tesla T4", "00000000:3B:00.0"),
        ];
        let adapter = |device, name: &str, place: Option<&str>| AdapterFacts {
            vendor: NVIDIA,
            device,
            name: name.to_owned(),
            software: false,
            pci_bus_id: place.map(str::to_owned),
        };
        for (adapter, expected) in [
            (adapter(0x2684, "NVIDIA GeForce RTX 4090", Some("0000:c1:00.0")), Ok(1)),
            (adapter(0x2684, "NVIDIA GeForce RTX 4090", None), Err("several boards")),
            (adapter(0x1eb8, "Tesla T4", None), Ok(2)),
            (adapter(0, "tesla t4", None), Ok(2)),
            (adapter(0, "tesla t4", Some("no place")), Ok(2)),
            (adapter(0x1eb8, "Tesla T4", Some("0000:05:00.0")), Err("no board at 0000:05:00.0")),
            (adapter(0x2204, "NVIDIA GeForce RTX 3090", None), Err("no board like")),
        ] {
            match (which(&adapter, &boards, "NVML"), expected) {
                (Ok(index), Ok(expected)) => assert_eq!(index, expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn places_on_the_bus_are_compared_as_numbers() {
        assert_eq!(place("00000000:3B:00.0"), place("0000:3b:00.0"));
        for nonsense in ["", "0000:3b:00", "3b:00.0", "0:0:0:0.0", "x:3b:00.0", "0000:3b:00.0.0"] {
            assert_eq!(place(nonsense), None, "{nonsense}");
        }
    }
}
