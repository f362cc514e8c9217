//! Where rows come from: resource and scope.

use vitrine_observe_columns::NULL_CODE;

use super::{Appended, Table};
use crate::cells::{code_in, fill_code};
use crate::definitions::{logs, metrics, spans};
use crate::json::{Any, Object, any, key_value};
use crate::signal::Signal;
use crate::wire::{Fault, Reader, fields, length, varint};

/// The service of rows whose resource names none, as OpenTelemetry's SDKs call it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

const FIRST: u32 = length(1);
const SECOND: u32 = length(2);
const THIRD: u32 = length(3);
const DROPPED: u32 = varint(2);
const SCOPE_LOST: u32 = varint(4);
/// Columns that tell of a scope: its name, its version, its attributes, and what else there is to say.
const SCOPE_COLUMNS: usize = 4;
const GROUP: u64 = fields(&[1, 2, 3]);
const RESOURCE: u64 = fields(&[1, 2, 3]);
const SCOPE: u64 = fields(&[1, 2, 3, 4]);
/// The keys of what `origin` may say.
pub(crate) const RESOURCE_SCHEMA_URL: &str = "resource_schema_url";
pub(crate) const RESOURCE_DROPPED: &str = "resource_dropped_attributes";
pub(crate) const SCOPE_SCHEMA_URL: &str = "scope_schema_url";
pub(crate) const SCOPE_DROPPED: &str = "scope_dropped_attributes";

/// What the rows of one resource share.
#[derive(Clone, Copy)]
struct Resource<'a> {
    service: u32,
    text: u32,
    dropped: i64,
    schema_url: &'a [u8],
}

/// The columns that say where a row comes from.
struct OriginColumns {
    service: usize,
    resource: usize,
    scope: usize,
}

fn places(signal: Signal) -> OriginColumns {
    match signal {
        Signal::Traces => {
            OriginColumns { service: spans::SERVICE, resource: spans::RESOURCE, scope: spans::SCOPE_NAME }
        }
        Signal::Logs => OriginColumns { service: logs::SERVICE, resource: logs::RESOURCE, scope: logs::SCOPE_NAME },
        Signal::Metrics => {
            OriginColumns { service: metrics::SERVICE, resource: metrics::RESOURCE, scope: metrics::SCOPE_NAME }
        }
    }
}

impl Table {
    /// Adds the rows of a `ResourceSpans` or a `ResourceLogs`.
    pub(super) fn resource_rows(
        &mut self,
        signal: Signal,
        message: &[u8],
        appended: &mut Appended,
    ) -> Result<(), Fault> {
        let resource = self.resource(signal, message)?;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                SECOND => self.scope_rows(signal, &resource, reader.bytes()?, appended)?,
                _ => reader.skip(key, 0)?,
            }
        }
        Ok(())
    }

    /// The resource, which may stand behind its rows, and in several pieces.
    fn resource<'a>(&mut self, signal: Signal, message: &'a [u8]) -> Result<Resource<'a>, Fault> {
        let mut found = Resource { service: NULL_CODE, text: NULL_CODE, dropped: 0, schema_url: &message[..0] };
        let mut service = None;
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => {
                    let mut reader = Reader::new(reader.bytes()?);
                    while let Some(key) = reader.key()? {
                        match key {
                            FIRST => {
                                let entry = reader.bytes()?;
                                object.entry(entry, &mut self.text)?;
                                let (key, value) = key_value(entry)?;
                                if key == b"service.name" && service.is_none() {
                                    service = Some(any(value)?);
                                }
                            }
                            DROPPED => found.dropped = i64::from(reader.varint()? as u32),
                            // References to entities, which repeat what the attributes say.
                            THIRD => drop(reader.bytes()?),
                            _ => reader.skip(key, RESOURCE)?,
                        }
                    }
                }
                THIRD => found.schema_url = reader.bytes()?,
                SECOND => drop(reader.bytes()?),
                _ => reader.skip(key, GROUP)?,
            }
        }
        object.end(&mut self.text);
        let name = match service {
            Some(Any::Text(name)) if !name.is_empty() => name,
            _ => UNKNOWN_SERVICE.as_bytes(),
        };
        let places = places(signal);
        found.service = code_in(&mut self.columns, places.service, name);
        found.text = code_in(&mut self.columns, places.resource, &self.text);
        Ok(found)
    }

    /// Adds the rows of a `ScopeSpans` or a `ScopeLogs`.
    fn scope_rows(
        &mut self,
        signal: Signal,
        resource: &Resource<'_>,
        message: &[u8],
        appended: &mut Appended,
    ) -> Result<(), Fault> {
        let scope = self.scope(signal, resource, message)?;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            if key != SECOND {
                reader.skip(key, 0)?;
                continue;
            }
            let row = reader.bytes()?;
            match signal {
                Signal::Traces => self.span(row, appended)?,
                Signal::Logs => self.log(row, appended)?,
                // Points are series.
                Signal::Metrics => {}
            }
        }
        let places = places(signal);
        fill_code(&mut self.columns, places.service, resource.service);
        fill_code(&mut self.columns, places.resource, resource.text);
        for (place, code) in scope.into_iter().enumerate() {
            fill_code(&mut self.columns, places.scope + place, code);
        }
        Ok(())
    }

    /// Reads what is said once for all rows of a scope: the codes of its four columns.
    fn scope(
        &mut self,
        signal: Signal,
        resource: &Resource<'_>,
        message: &[u8],
    ) -> Result<[u32; SCOPE_COLUMNS], Fault> {
        let (mut name, mut version, mut schema_url) = (&message[..0], &message[..0], &message[..0]);
        let mut dropped = 0;
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        // The scope, too, may stand behind its rows, and its schema's address always does.
        while let Some(key) = reader.key()? {
            match key {
                FIRST => {
                    let mut reader = Reader::new(reader.bytes()?);
                    while let Some(key) = reader.key()? {
                        match key {
                            FIRST => name = reader.bytes()?,
                            SECOND => version = reader.bytes()?,
                            THIRD => {
                                object.entry(reader.bytes()?, &mut self.text)?;
                            }
                            SCOPE_LOST => dropped = i64::from(reader.varint()? as u32),
                            _ => reader.skip(key, SCOPE)?,
                        }
                    }
                }
                SECOND => drop(reader.bytes()?),
                THIRD => schema_url = reader.bytes()?,
                _ => reader.skip(key, GROUP)?,
            }
        }
        let has_attributes = !object.is_empty();
        object.end(&mut self.text);

        let places = places(signal);
        let mut codes = [NULL_CODE; SCOPE_COLUMNS];
        for (place, (text, present)) in
            [(name, !name.is_empty()), (version, !version.is_empty()), (&self.text, has_attributes)]
                .into_iter()
                .enumerate()
        {
            if present {
                codes[place] = code_in(&mut self.columns, places.scope + place, text);
            }
        }
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        for (key, value, present) in [
            (RESOURCE_SCHEMA_URL, Any::Text(resource.schema_url), !resource.schema_url.is_empty()),
            (RESOURCE_DROPPED, Any::Int(resource.dropped), resource.dropped != 0),
            (SCOPE_SCHEMA_URL, Any::Text(schema_url), !schema_url.is_empty()),
            (SCOPE_DROPPED, Any::Int(dropped), dropped != 0),
        ] {
            if present {
                object.add(key, value, &mut self.text)?;
            }
        }
        let more = !object.is_empty();
        object.end(&mut self.text);
        if more {
            codes[SCOPE_COLUMNS - 1] = code_in(&mut self.columns, places.scope + SCOPE_COLUMNS - 1, &self.text);
        }
        Ok(codes)
    }
}
