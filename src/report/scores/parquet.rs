//! A scored zoo as a Parquet file: the columns of the CSV file with their types, and with units in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::columns::{Columns, ESTIMATES, FACTS, Get, estimate};
use crate::zoo::Score;

/// Rows of a row group, which is held in memory until it is full.
const GROUP: usize = 8_192;

/// The key of a field's metadata that names its unit.
const UNIT: &str = "unit";

/// Rows on their way into a file, a group at a time. Equal rows give equal bytes.
#[derive(Debug)]
pub struct Parquet {
    columns: Columns,
    schema: Arc<Schema>,
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    /// A file with the columns of these devices.
    ///
    /// # Errors
    /// What the library says of the schema.
    pub fn new(devices: &[String]) -> Result<Self, ParquetError> {
        let columns = Columns::new(devices);
        let facts = FACTS.iter().map(|fact| field(fact.key, &fact.get));
        let types = ESTIMATES.iter().cycle();
        let estimates = columns.keys.iter().zip(types).map(|(key, fact)| field(key, &fact.get));
        let schema = Arc::new(Schema::new(facts.chain(estimates).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("ergometer ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP))
            .build();
        let writer = ArrowWriter::try_new(vec![], Arc::clone(&schema), Some(properties))?;
        Ok(Self { columns, schema, writer })
    }

    /// Takes in some rows; what is to be written of the file by now.
    ///
    /// # Errors
    /// What the library says.
    pub fn add(&mut self, scores: &[Score]) -> Result<Vec<u8>, ParquetError> {
        let facts = FACTS.iter().map(|fact| array(&fact.get, scores.iter().map(Some)));
        let estimates = self.columns.devices.iter().flat_map(|device| {
            ESTIMATES
                .iter()
                .map(move |fact| array(&fact.get, scores.iter().map(|score| estimate(score, device))))
        });
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), facts.chain(estimates).collect());
        self.writer.write(&batch.map_err(|error: ArrowError| ParquetError::General(error.to_string()))?)?;
        Ok(self.written())
    }

    /// The rest of the file.
    ///
    /// # Errors
    /// What the library says.
    pub fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        self.writer.finish()?;
        Ok(self.written())
    }

    /// Takes what is ready: the library counts for itself where it is in the file.
    fn written(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }
}

fn field<T>(key: &str, get: &Get<T>) -> Field {
    let (kind, unit) = match get {
        Get::Text(..) => (DataType::Utf8, ""),
        Get::Integer(_) => (DataType::Int64, ""),
        Get::Count(_) => (DataType::UInt64, ""),
        Get::Bytes(_) => (DataType::UInt64, "B"),
        Get::Real(unit, _) => (DataType::Float64, *unit),
        Get::Flag(_) => (DataType::Boolean, ""),
    };
    let field = Field::new(key, kind, true);
    if unit.is_empty() {
        field
    } else {
        field.with_metadata(HashMap::from([(UNIT.to_owned(), unit.to_owned())]))
    }
}

fn array<'s, T: 's>(get: &Get<T>, of: impl Iterator<Item = Option<&'s T>>) -> ArrayRef {
    match get {
        Get::Text(_, get) => Arc::new(of.map(|of| of.and_then(get)).collect::<StringArray>()),
        Get::Integer(get) => Arc::new(of.map(|of| of.and_then(get)).collect::<Int64Array>()),
        Get::Count(get) | Get::Bytes(get) => Arc::new(of.map(|of| of.and_then(get)).collect::<UInt64Array>()),
        Get::Real(_, get) => Arc::new(of.map(|of| of.and_then(get)).collect::<Float64Array>()),
        Get::Flag(get) => Arc::new(of.map(|of| of.and_then(get)).collect::<BooleanArray>()),
    }
}
