//! Timestamps at the bounds of a pass.

use crate::units::Seconds;

/// A pair of timestamps and the way to read them.
#[derive(Debug)]
pub struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    period: Seconds,
}

/// Bytes of a pair.
pub const PAIR: u64 = 16;

impl Timestamps {
    /// `None` where the device has none, or says that they do not advance.
    pub fn of(device: &wgpu::Device, queue: &wgpu::Queue) -> Option<Self> {
        let period = f64::from(queue.get_timestamp_period()) / 1e9;
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) || period <= 0.0 {
            return None;
        }
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: PAIR,
            usage,
            mapped_at_creation: false,
        });
        Some(Self { queries, resolved, period: Seconds(period) })
    }

    /// What to give a pass to be timed.
    pub fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Moves the pair to a buffer of [`PAIR`] bytes.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, to, 0, PAIR);
    }

    /// The time between the two; `None` if they do not advance, as some drivers leave zeros.
    pub fn between(&self, pair: &[u8]) -> Option<Seconds> {
        let ticks: [u64; 2] = bytemuck::try_pod_read_unaligned(pair).ok()?;
        let [start, end] = ticks;
        let passed = end.checked_sub(start).filter(|passed| *passed > 0)?;
        Some(self.period * passed as f64)
    }
}
