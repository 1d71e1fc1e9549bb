//! [`Body`]: the body of an HTTP message, which is read up to a limit.

use std::io::{self, Read};

use bytes::Bytes;

/// The size of one read.
const CHUNK_BYTES: usize = 64 * 1024;

/// A body that was not read yet.
pub struct Body<'a> {
    /// The header `content-length`, if there is one.
    pub content_length: Option<u64>,
    /// The bytes.
    pub stream: Box<dyn Read + 'a>,
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It does not fit into the memory of the instance.
    OutOfMemory {
        /// The number of bytes for which there was no room.
        bytes: u64,
    },
    /// The stream failed before its end.
    Incomplete(String),
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "is larger than the limit of {limit} bytes"),
            Self::OutOfMemory { bytes } => write!(
                f,
                "does not fit into the memory of the instance, which has no room for {bytes} bytes"
            ),
            Self::Incomplete(error) => write!(f, "was cut off: {error}"),
        }
    }
}

impl std::error::Error for BodyError {}

impl Body<'_> {
    /// Reads the whole body into memory, if it has at most `limit` bytes.
    ///
    /// If `content_length` exceeds the limit, nothing is read. Else at most one
    /// byte beyond the limit is read, which shows that the body is longer.
    ///
    /// # Errors
    /// If the body exceeds the limit or the free memory, or the stream fails.
    pub fn read(self, limit: u64) -> Result<Bytes, BodyError> {
        let expected = self.content_length.unwrap_or(0);
        if expected > limit {
            return Err(BodyError::TooLarge { limit });
        }
        // In one piece where the length is known: a vector that grows takes up
        // to three times as much.
        let mut bytes = Vec::new();
        reserve_exact(&mut bytes, expected)?;
        let mut stream = self.stream.take(limit.saturating_add(1));
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let number = match stream.read(&mut chunk) {
                Ok(0) => return Ok(bytes.into()),
                Ok(number) => number,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BodyError::Incomplete(error.to_string())),
            };
            let length = bytes.len() as u64 + number as u64;
            if length > limit {
                return Err(BodyError::TooLarge { limit });
            }
            bytes
                .try_reserve(number)
                .map_err(|_| BodyError::OutOfMemory { bytes: length })?;
            bytes.extend_from_slice(&chunk[..number]);
        }
    }
}

fn reserve_exact(bytes: &mut Vec<u8>, number: u64) -> Result<(), BodyError> {
    usize::try_from(number)
        .ok()
        .and_then(|number| bytes.try_reserve_exact(number).ok())
        .ok_or(BodyError::OutOfMemory { bytes: number })
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("content_length", &self.content_length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// An endless stream that counts the bytes that were read from it.
    struct Endless<'a>(&'a Cell<u64>);

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            self.0.set(self.0.get() + buffer.len() as u64);
            Ok(buffer.len())
        }
    }

    fn endless(content_length: Option<u64>, read: &Cell<u64>) -> Body<'_> {
        Body {
            content_length,
            stream: Box::new(Endless(read)),
        }
    }

    fn body(bytes: &[u8], content_length: Option<u64>) -> Body<'_> {
        Body {
            content_length,
            stream: Box::new(bytes),
        }
    }

    #[test]
    fn a_body_up_to_the_limit_is_read_whole() {
        let bytes = vec![7; 200_000];
        for content_length in [None, Some(200_000), Some(3)] {
            let read = body(&bytes, content_length).read(200_000);
            assert_eq!(read.as_deref(), Ok(&*bytes), "{content_length:?}");
        }
        assert_eq!(body(&[], None).read(0).as_deref(), Ok(&[][..]));
    }

    #[test]
    fn a_content_length_above_the_limit_is_refused_before_reading() {
        let read = Cell::new(0);
        let refused = endless(Some(101), &read).read(100);
        assert_eq!(refused, Err(BodyError::TooLarge { limit: 100 }));
        assert_eq!(read.get(), 0);
    }

    #[test]
    fn a_longer_body_is_read_to_one_byte_beyond_the_limit() {
        for limit in [0, 1, 100, 200_000] {
            for content_length in [None, Some(limit)] {
                let read = Cell::new(0);
                let refused = endless(content_length, &read).read(limit);
                assert_eq!(refused, Err(BodyError::TooLarge { limit }));
                assert_eq!(read.get(), limit + 1, "{content_length:?}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_memory_is_an_error() {
        let length = u64::MAX / 2;
        assert_eq!(
            body(&[], Some(length)).read(u64::MAX),
            Err(BodyError::OutOfMemory { bytes: length })
        );
    }

    #[test]
    fn a_stream_that_fails_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("reset"))
            }
        }
        let broken = Body {
            content_length: None,
            stream: Box::new(Broken),
        };
        assert_eq!(
            broken.read(9).unwrap_err().to_string(),
            "was cut off: reset"
        );
    }
}
