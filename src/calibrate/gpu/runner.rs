//! The runner on an adapter: compiles, fills, dispatches, waits, reads the clocks, and holds results against
//! the reference.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wgpu::{BufferUsages, PollType, SubmissionIndex};

use super::adapters::{self, AdapterError, Found};
use super::cpu_time;
use super::timestamps::{self, Timestamps};
use crate::calibrate::kernels::{self, Configuration, Data, Kernel, Layout, Need, Reference};
use crate::calibrate::{Case, RunError, Runner, Sample, Work};
use crate::device::profile::Adapter;
use crate::units::Seconds;

/// How long a submission may take. The plan keeps each below a second; drivers reset a GPU that hangs within
/// 2 to 10 s, and compiling a shader counts in on adapters that do it at the first dispatch.
const PATIENCE: Duration = Duration::from_secs(20);
/// Results held against the reference in each check, the first and the last among them.
const CHECKED: u64 = 64;
/// Bytes read around each checked result: the largest element, at an alignment that copies allow.
const WINDOW: u64 = 8;

/// A device of an adapter, and what is prepared on it.
#[derive(Debug)]
pub struct Gpu {
    facts: Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    timestamps: Option<Timestamps>,
    matrices: Vec<Need>,
    /// Compiling costs more than running: a pipeline serves every size of its kernel.
    pipelines: HashMap<(&'static str, Configuration), Pipeline>,
    prepared: Option<Prepared>,
    transfer: Option<TransferBuffers>,
    faults: Arc<Faults>,
    opened: Instant,
    seed: u64,
    /// Whether a submission ran out of patience and may still be running.
    hung: bool,
}

#[derive(Debug, Clone)]
struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroupLayout,
}

#[derive(Debug)]
struct Prepared {
    case: Case,
    layout: Layout,
    pipeline: wgpu::ComputePipeline,
    params: wgpu::Buffer,
    inputs: Vec<Data>,
    output: wgpu::Buffer,
    bindings: wgpu::BindGroup,
}

#[derive(Debug)]
struct TransferBuffers {
    bytes: u64,
    on_adapter: wgpu::Buffer,
    readable: wgpu::Buffer,
    on_host: Vec<u8>,
}

/// What the driver reports outside of calls.
#[derive(Debug, Default)]
struct Faults {
    lost: Mutex<Option<String>>,
    error: Mutex<Option<RunError>>,
}

impl Gpu {
    /// Opens a device of an adapter with all that it offers and the suite uses.
    ///
    /// # Errors
    /// [`AdapterError::Refused`].
    pub fn open(found: &Found, seed: u64) -> Result<Self, AdapterError> {
        let adapter = &found.adapter;
        let features = adapters::used(adapter);
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("ergometer"),
            required_features: features,
            required_limits: adapter.limits(),
            experimental_features: experimental(features),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| AdapterError::Refused {
            name: found.facts.name.clone(),
            reason: error.to_string(),
        })?;
        let faults = Arc::new(Faults::default());
        let told = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            let text = if message.is_empty() { format!("{reason:?}") } else { message };
            *told.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        });
        let told = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error| {
            *told.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused(error));
        }));
        Ok(Self {
            facts: found.facts.clone(),
            timestamps: Timestamps::of(&device, &queue),
            matrices: matrices(adapter, features),
            device,
            queue,
            pipelines: HashMap::new(),
            prepared: None,
            transfer: None,
            faults,
            opened: Instant::now(),
            seed,
            hung: false,
        })
    }

    /// What a profile keeps of the adapter.
    #[must_use]
    pub fn facts(&self) -> &Adapter {
        &self.facts
    }

    fn has(&self, need: Need) -> bool {
        let feature = |feature| self.device.features().contains(feature);
        match need {
            Need::F16 => feature(wgpu::Features::SHADER_F16),
            Need::F64 => feature(wgpu::Features::SHADER_F64),
            Need::Subgroups => feature(wgpu::Features::SUBGROUP),
            // Part of the language: where the hardware lacks it, it is made of shifts and products.
            Need::Dot4 => true,
            Need::MatrixF32 | Need::MatrixF16 => self.matrices.contains(&need),
        }
    }

    /// Does something that may fail in the driver, and catches the failure.
    fn caught<T>(&self, work: impl FnOnce(&Self) -> T) -> Result<T, RunError> {
        let scopes =
            [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation]
                .map(|filter| self.device.push_error_scope(filter));
        let value = work(self);
        let mut first = None;
        for scope in scopes.into_iter().rev() {
            let error = pollster::block_on(scope.pop());
            first = first.or(error);
        }
        self.check()?;
        first.map_or(Ok(value), |error| Err(refused(error)))
    }

    /// What the driver reported in the meantime.
    fn check(&self) -> Result<(), RunError> {
        if let Some(reason) = &*self.faults.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(RunError::Lost(reason.clone()));
        }
        let mut error = self.faults.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take().map_or(Ok(()), Err)
    }

    fn pipeline(&mut self, case: &Case, inputs: usize) -> Result<Pipeline, RunError> {
        let key = (case.kernel.id, case.configuration.clone());
        if let Some(known) = self.pipelines.get(&key) {
            return Ok(known.clone());
        }
        let source = case.kernel.specialise(&case.configuration)?;
        let made = self.caught(|gpu| gpu.compile(case.kernel, &source, inputs))?;
        self.pipelines.insert(key, made.clone());
        Ok(made)
    }

    #[allow(unsafe_code)]
    fn compile(&self, kernel: &Kernel, source: &str, inputs: usize) -> Pipeline {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.id),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        // SAFETY: the shaders are ours, and indexed within the buffers that their layouts size: each is run
        // over its sizes in the tests, which hold its results against a reference. WebGPU runtimes
        // leave the checks out too, and with them a kernel measures the checks.
        let module = unsafe {
            self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: u32::try_from(binding).unwrap_or(u32::MAX),
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(
            (0..inputs).map(|at| entry(at + 1, wgpu::BufferBindingType::Storage { read_only: true })),
        );
        entries.push(entry(inputs + 1, wgpu::BufferBindingType::Storage { read_only: false }));
        let bindings = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.id),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, bindings }
    }

    /// Buffers of a layout, bound to a pipeline.
    fn allocate(&self, case: &Case, layout: Layout, pipeline: &Pipeline) -> Prepared {
        let buffer = |size: u64, usage, mapped_at_creation| {
            let size = size.max(1).next_multiple_of(16);
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation,
            })
        };
        let words: &[u8] = bytemuck::cast_slice(&layout.params);
        let params = buffer(words.len() as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST, false);
        self.queue.write_buffer(&params, 0, words);
        let mut inputs = vec![];
        let mut buffers = vec![];
        for (place, input) in layout.inputs.iter().enumerate() {
            let data = Data::of(*input, self.seed, place);
            let made =
                buffer(input.elements.saturating_mul(input.element.bytes()), BufferUsages::STORAGE, true);
            // Mapping fails only if the buffer was not made, and that error is caught elsewhere.
            if let Ok(mut view) = made.get_mapped_range_mut(..) {
                data.fill(|at, bytes| {
                    let Ok(at) = usize::try_from(at) else { return };
                    view.slice(at..at + bytes.len()).copy_from_slice(bytes);
                });
            }
            made.unmap();
            inputs.push(data);
            buffers.push(made);
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let output = buffer(layout.output.saturating_mul(layout.element.bytes()), usage, false);
        let entries: Vec<wgpu::BindGroupEntry> = std::iter::once(&params)
            .chain(&buffers)
            .chain([&output])
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bindings = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.bindings,
            entries: &entries,
        });
        let pipeline = pipeline.pipeline.clone();
        Prepared { case: case.clone(), layout, pipeline, params, inputs, output, bindings }
    }

    fn limits(&self, layout: &Layout) -> Result<(), RunError> {
        let limits = &self.facts.limits;
        let allowed = limits.max_storage_binding_bytes.min(limits.max_buffer_bytes);
        let inputs = layout.inputs.iter().map(|input| (input.elements, input.element));
        for (elements, element) in inputs.chain([(layout.output, layout.element)]) {
            let needed = elements.saturating_mul(element.bytes());
            if needed > allowed {
                return Err(RunError::Limit { what: "bytes in one buffer", needed, allowed });
            }
        }
        let allowed = limits.max_workgroups_per_dimension;
        match layout.workgroups.iter().max() {
            Some(needed) if *needed > allowed => Err(RunError::Limit {
                what: "workgroups in one dimension",
                needed: u64::from(*needed),
                allowed: u64::from(allowed),
            }),
            _ => Ok(()),
        }
    }

    /// Runs the prepared case once and holds results against the reference.
    fn verify(&mut self) -> Result<(), RunError> {
        self.run(Work::Dispatches(1))?;
        let Some(prepared) = &self.prepared else { return Ok(()) };
        let Layout { output, element, .. } = prepared.layout;
        let mut random = fastrand::Rng::with_seed(self.seed);
        let indices: Vec<u64> = [0, output.saturating_sub(1)]
            .into_iter()
            .chain((2..CHECKED.min(output.max(2))).map(|_| random.u64(..output.max(1))))
            .collect();
        let readable = self.readable(indices.len() as u64 * WINDOW);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (index, to) in indices.iter().zip(0..) {
            let from = index * element.bytes() / WINDOW * WINDOW;
            encoder.copy_buffer_to_buffer(&prepared.output, from, &readable, to * WINDOW, WINDOW);
        }
        let submitted = self.queue.submit([encoder.finish()]);
        let bytes = self.read(&readable, submitted)?;
        let Some(prepared) = &self.prepared else { return Ok(()) };
        let reference = Reference {
            layout: &prepared.layout,
            configuration: &prepared.case.configuration,
            size: prepared.case.size,
            inputs: &prepared.inputs,
        };
        let windows = bytes.chunks_exact(usize::try_from(WINDOW).unwrap_or(8));
        for (index, window) in indices.iter().zip(windows) {
            let within = usize::try_from(index * element.bytes() % WINDOW).unwrap_or(0);
            let found = kernels::read(element, window.get(within..).unwrap_or_default()).unwrap_or(f64::NAN);
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let expected = (prepared.case.kernel.expected)(&reference, index);
            // Written so that a NaN on either side fails.
            let near = (found - expected.value).abs() <= expected.tolerance;
            if !near {
                return Err(RunError::Wrong { index, found, expected: expected.value });
            }
        }
        Ok(())
    }

    fn readable(&self, size: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: size.max(16),
            usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }

    /// The bytes of a readable buffer once a submission has ended.
    fn read(&mut self, buffer: &wgpu::Buffer, submitted: SubmissionIndex) -> Result<Vec<u8>, RunError> {
        buffer.map_async(wgpu::MapMode::Read, .., |_| {});
        self.wait(submitted)?;
        let failed = |error: String| RunError::Refused(format!("results cannot be read: {error}"));
        let bytes = buffer.get_mapped_range(..).map_err(|error| failed(error.to_string()))?.to_vec();
        buffer.unmap();
        Ok(bytes)
    }

    fn wait(&mut self, submitted: SubmissionIndex) -> Result<(), RunError> {
        self.wait_until(PollType::Wait { submission_index: Some(submitted), timeout: Some(PATIENCE) })
    }

    fn wait_until(&mut self, poll: PollType) -> Result<(), RunError> {
        let polled = self.device.poll(poll);
        self.check()?;
        match polled {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => {
                self.hung = true;
                Err(RunError::TimedOut(Seconds(PATIENCE.as_secs_f64())))
            }
            Err(error) => Err(RunError::Lost(error.to_string())),
        }
    }

    /// Lets what ran out of patience end, or gives the device up.
    fn recover(&mut self) -> Result<(), RunError> {
        if std::mem::take(&mut self.hung) {
            self.wait_until(PollType::Wait { submission_index: None, timeout: Some(PATIENCE) })
                .map_err(|_| RunError::Lost("it does not come back from a dispatch".to_owned()))?;
        }
        self.check()
    }

    fn prepared(&self) -> Result<&Prepared, RunError> {
        self.prepared.as_ref().ok_or_else(|| RunError::Refused("nothing is prepared".to_owned()))
    }

    /// A pass of so many dispatches of the prepared case.
    fn pass(&self, encoder: &mut wgpu::CommandEncoder, dispatches: u32, timed: bool) -> Result<(), RunError> {
        let prepared = self.prepared()?;
        let timestamp_writes = self.timestamps.as_ref().filter(|_| timed).map(Timestamps::writes);
        let mut pass =
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        pass.set_pipeline(&prepared.pipeline);
        pass.set_bind_group(0, &prepared.bindings, &[]);
        let [x, y, z] = prepared.layout.workgroups;
        for _ in 0..dispatches {
            pass.dispatch_workgroups(x, y, z);
        }
        Ok(())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn perform(&mut self, work: Work) -> Result<(), RunError> {
        let last = match work {
            Work::Dispatches(count) => {
                let mut encoder = self.encoder();
                self.pass(&mut encoder, count, true)?;
                self.queue.submit([encoder.finish()])
            }
            Work::Passes(count) => {
                let mut encoder = self.encoder();
                for _ in 0..count {
                    self.pass(&mut encoder, 1, false)?;
                }
                self.queue.submit([encoder.finish()])
            }
            Work::Submissions(count) => {
                let mut last = None;
                for _ in 0..count {
                    let mut encoder = self.encoder();
                    self.pass(&mut encoder, 1, false)?;
                    last = Some(self.queue.submit([encoder.finish()]));
                }
                last.unwrap_or_else(|| self.queue.submit([]))
            }
            Work::RoundTrips(count) => {
                for _ in 1..count {
                    let mut encoder = self.encoder();
                    self.pass(&mut encoder, 1, false)?;
                    let submitted = self.queue.submit([encoder.finish()]);
                    self.wait(submitted)?;
                }
                let mut encoder = self.encoder();
                self.pass(&mut encoder, 1, false)?;
                self.queue.submit([encoder.finish()])
            }
            Work::Upload(bytes) => {
                let buffers = self.transfer_buffers(bytes)?;
                let (to, from) = (buffers.on_adapter.clone(), std::mem::take(&mut buffers.on_host));
                self.queue.write_buffer(&to, 0, &from);
                self.transfer_buffers(bytes)?.on_host = from;
                self.queue.submit([])
            }
            Work::Download(bytes) => {
                let buffers = self.transfer_buffers(bytes)?;
                let (from, to) = (buffers.on_adapter.clone(), buffers.readable.clone());
                let mut encoder = self.encoder();
                encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
                let submitted = self.queue.submit([encoder.finish()]);
                let read = self.read(&to, submitted)?;
                self.transfer_buffers(bytes)?.on_host = read;
                return Ok(());
            }
        };
        self.wait(last)
    }

    /// Buffers of that size, made if there are none.
    fn transfer_buffers(&mut self, bytes: u64) -> Result<&mut TransferBuffers, RunError> {
        let allowed = self.facts.limits.max_buffer_bytes;
        if bytes > allowed {
            return Err(RunError::Limit { what: "bytes in one buffer", needed: bytes, allowed });
        }
        if self.transfer.as_ref().is_none_or(|buffers| buffers.bytes != bytes) {
            let host = usize::try_from(bytes).map_err(|_| RunError::OutOfMemory)?;
            let made = self.caught(|gpu| TransferBuffers {
                bytes,
                on_adapter: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: bytes.max(16),
                    usage: BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                }),
                readable: gpu.readable(bytes),
                on_host: vec![1; host],
            })?;
            self.transfer = Some(made);
        }
        self.transfer.as_mut().ok_or(RunError::OutOfMemory)
    }

    /// The timestamps of the last timed pass.
    fn timestamp(&mut self) -> Result<Option<Seconds>, RunError> {
        let Some(timestamps) = &self.timestamps else { return Ok(None) };
        let readable = self.readable(timestamps::PAIR);
        let mut encoder = self.encoder();
        timestamps.resolve(&mut encoder, &readable);
        let submitted = self.queue.submit([encoder.finish()]);
        let pair = self.read(&readable, submitted)?;
        Ok(self.timestamps.as_ref().and_then(|timestamps| timestamps.between(&pair)))
    }
}

impl Runner for Gpu {
    fn prepare(&mut self, case: &Case) -> Result<(), RunError> {
        self.recover()?;
        for need in case.needs() {
            if !self.has(need) {
                return Err(RunError::Unsupported(need.name()));
            }
        }
        let layout = (case.kernel.layout)(&case.configuration, case.size)
            .ok_or_else(|| RunError::Refused("the kernel does not run this size".to_owned()))?;
        self.limits(&layout)?;
        let same_buffers = self.prepared.as_ref().filter(|prepared| {
            prepared.case.kernel == case.kernel
                && prepared.case.configuration == case.configuration
                && prepared.layout.inputs == layout.inputs
                && prepared.layout.output == layout.output
                && prepared.layout.params.len() == layout.params.len()
        });
        if same_buffers.is_some() {
            if let Some(prepared) = &mut self.prepared {
                self.queue.write_buffer(&prepared.params, 0, bytemuck::cast_slice(&layout.params));
                prepared.layout = layout;
                prepared.case = case.clone();
            }
        } else {
            // The old buffers go before the new ones come.
            self.prepared = None;
            let pipeline = self.pipeline(case, layout.inputs.len())?;
            let prepared = self.caught(|gpu| gpu.allocate(case, layout, &pipeline))?;
            self.prepared = Some(prepared);
        }
        self.verify().inspect_err(|_| self.prepared = None)
    }

    fn run(&mut self, work: Work) -> Result<Sample, RunError> {
        self.recover()?;
        // Buffers are made before the clocks start.
        if let Work::Upload(bytes) | Work::Download(bytes) = work {
            self.transfer_buffers(bytes)?;
        }
        let cpu = cpu_time::of_process();
        let host = Instant::now();
        self.perform(work)?;
        let host = Seconds(host.elapsed().as_secs_f64());
        let cpu = cpu.zip(cpu_time::of_process()).map(|(before, after)| after - before);
        let timed = matches!(work, Work::Dispatches(_)) && !self.facts.is_software();
        let timestamp = if timed { self.timestamp()? } else { None };
        Ok(Sample { host, timestamp, cpu })
    }

    fn now(&self) -> Seconds {
        Seconds(self.opened.elapsed().as_secs_f64())
    }
}

fn refused(error: wgpu::Error) -> RunError {
    match error {
        wgpu::Error::OutOfMemory { .. } => RunError::OutOfMemory,
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            // Drivers explain at length; the cause stands at the end, or before the line of a shader it points to.
            let lines = description.lines().map(str::trim).take_while(|line| !line.starts_with("┌─"));
            let cause = lines.filter(|line| !line.is_empty()).last();
            RunError::Refused(cause.unwrap_or("it gives no reason").to_owned())
        }
    }
}

#[allow(unsafe_code)]
fn experimental(features: wgpu::Features) -> wgpu::ExperimentalFeatures {
    if features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        // SAFETY: wgpu asks that its experimental features be used as documented: the kernels of cooperative
        // matrices load and store within their buffers, in sizes that the adapter reports.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    } else {
        wgpu::ExperimentalFeatures::disabled()
    }
}

/// The cooperative matrices that the suite has a kernel for and the adapter multiplies.
fn matrices(adapter: &wgpu::Adapter, features: wgpu::Features) -> Vec<Need> {
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return vec![];
    }
    let of = |size: u32, kind| {
        adapter.cooperative_matrix_properties().iter().any(|matrix| {
            let sizes = [matrix.m_size, matrix.n_size, matrix.k_size];
            let types = [matrix.ab_type, matrix.cr_type];
            sizes == [size; 3] && types.iter().all(|each| *each == kind)
        })
    };
    let f32 = of(8, wgpu::CooperativeScalarType::F32).then_some(Need::MatrixF32);
    let f16 = of(16, wgpu::CooperativeScalarType::F16).then_some(Need::MatrixF16);
    f32.into_iter().chain(f16).collect()
}
