//! The head of a request, byte by byte, in bounded memory.

/// The longest line that is looked at; the request line must fit.
const LINE_BYTES_MAX: usize = 512;
/// The longest head: browsers send much that nobody here reads.
const HEAD_BYTES_MAX: usize = 8192;

/// A method that is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    /// Head and body.
    Get,
    /// The head alone.
    Head,
}

/// Why a request gets no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It is no HTTP.
    Malformed,
    /// Another version of HTTP than 1.0 or 1.1.
    Version,
    /// Another method than GET and HEAD.
    Method,
    /// There is nothing with that name.
    NotFound,
    /// The request line is too long.
    TargetLength,
    /// The head is too long.
    HeadLength,
}

impl Refusal {
    /// Status code and phrase (RFC 9110, section 15).
    pub(super) const fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::TargetLength => "414 URI Too Long",
            Self::HeadLength => "431 Request Header Fields Too Large",
            Self::Version => "505 HTTP Version Not Supported",
        }
    }

    /// What a person can do.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::NotFound => "there are / and /status.json",
            Self::Method => "this box can be read, with GET or HEAD; nothing can be changed over a network",
            Self::Malformed | Self::Version | Self::TargetLength | Self::HeadLength => {
                "send a short HTTP/1.1 request"
            }
        }
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    target: [u8; LINE_BYTES_MAX],
    target_bytes: usize,
}

impl Head {
    /// The target without a query.
    pub(super) fn path(&self) -> &[u8] {
        let target = self.target.get(..self.target_bytes).unwrap_or_default();
        target.split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refusal::Malformed);
        };
        let is_token = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
        if !is_token || !target.starts_with(b"/") && target != b"*" {
            return Err(Refusal::Malformed);
        }
        match version {
            b"HTTP/1.1" | b"HTTP/1.0" => {}
            [b'H', b'T', b'T', b'P', b'/', ..] => return Err(Refusal::Version),
            _ => return Err(Refusal::Malformed),
        }
        let method = match method {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            _ => return Err(Refusal::Method),
        };
        let mut head = Self { method, target: [0; LINE_BYTES_MAX], target_bytes: target.len() };
        head.target.iter_mut().zip(target).for_each(|(to, from)| *to = *from);
        Ok(head)
    }
}

/// Reads one head.
#[derive(Clone, Debug)]
pub(super) struct Parser {
    line: [u8; LINE_BYTES_MAX],
    /// Bytes of the present line, of which only the first are kept.
    line_bytes: usize,
    head_bytes: usize,
    /// What the first line said.
    first: Option<Head>,
}

impl Parser {
    pub(super) const fn new() -> Self {
        Self { line: [0; LINE_BYTES_MAX], line_bytes: 0, head_bytes: 0, first: None }
    }

    /// Takes a byte; the head or why there is none, as soon as that is certain.
    pub(super) fn push(&mut self, byte: u8) -> Option<Result<Head, Refusal>> {
        self.head_bytes += 1;
        if byte == b'\n' {
            let ended = self.end_line();
            self.line_bytes = 0;
            return ended;
        }
        if let Some(place) = self.line.get_mut(self.line_bytes) {
            *place = byte;
        }
        self.line_bytes += 1;
        if self.first.is_none() && self.line_bytes > LINE_BYTES_MAX {
            return Some(Err(Refusal::TargetLength));
        }
        (self.head_bytes > HEAD_BYTES_MAX).then_some(Err(Refusal::HeadLength))
    }

    fn end_line(&mut self) -> Option<Result<Head, Refusal>> {
        // A line that was cut has lost its end, which nobody reads.
        let line = self.line.get(..self.line_bytes).unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Some(Err(Refusal::Malformed));
        }
        match self.first.take() {
            // RFC 9112, section 2.2: an empty line before the request is ignored.
            None if line.is_empty() => None,
            None => match Head::parse(line) {
                Ok(head) => {
                    self.first = Some(head);
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
            Some(head) if line.is_empty() => Some(Ok(head)),
            Some(head) => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let is_field = name.len() < line.len() && !name.is_empty() && !name.contains(&b' ');
                self.first = Some(head);
                (!is_field).then_some(Err(Refusal::Malformed))
            }
        }
    }
}
