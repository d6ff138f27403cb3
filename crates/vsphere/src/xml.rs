//! XML in: a stream of elements and texts from an answer, and XML out: text that cannot break a request.
//!
//! Tolerant of what servers really send (characters that XML forbids, byte sequences that are no UTF-8) and strict with what
//! only an attacker or a broken transfer produces: document types, endless nesting, documents that end early.

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, QName, ResolveResult};

use crate::intern::Interner;
use crate::schema::{Origin, Shape};

/// Namespace of `xsi:type` and `xsi:nil`.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Namespace of the primitive types.
const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";

/// Stands for a character that XML does not allow.
const REPLACEMENT: char = '\u{FFFD}';

/// Why an answer cannot be read, as a text that reads after "cannot be read: ".
pub(crate) type Unreadable = String;

/// What comes next in a document.
pub(crate) enum Token<'i> {
    Open(Tag<'i>),
    Text(Cow<'i, str>),
    Close,
    End,
}

/// The start of an element, with the attributes that matter.
pub(crate) struct Tag<'i> {
    start: BytesStart<'i>,
    /// `xsi:type`.
    pub instance_type: Option<Shape>,
    /// `type` without a namespace: the managed type of a reference.
    pub managed_type: Option<Arc<str>>,
    /// `xsi:nil`.
    pub nil: bool,
}

impl Tag<'_> {
    /// The element's name without prefix.
    pub(crate) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }
}

/// A reader of one document.
pub(crate) struct Reader<'i> {
    inner: NsReader<&'i [u8]>,
    depth: usize,
    max_depth: usize,
    interner: Interner,
}

impl<'i> Reader<'i> {
    /// Elements nested deeper than `max_depth` are refused.
    pub(crate) fn new(text: &'i str, max_depth: usize) -> Self {
        let mut inner = NsReader::from_str(text);
        let config = inner.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { inner, depth: 0, max_depth, interner: Interner::default() }
    }

    /// The next element start, text or element end; comments and instructions are passed over.
    pub(crate) fn next(&mut self) -> Result<Token<'i>, Unreadable> {
        loop {
            let event = self.inner.read_event().map_err(|error| format!("{error} at byte {}", self.inner.buffer_position()))?;
            match event {
                Event::Start(start) => return self.open(start).map(Token::Open),
                // The reader expands empty elements, so none comes.
                Event::Empty(_) => {}
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Token::Close);
                }
                Event::Text(text) => return Ok(Token::Text(legal(text.xml10_content()))),
                Event::CData(text) => return Ok(Token::Text(legal(text.xml10_content()))),
                Event::GeneralRef(reference) => return Ok(Token::Text(resolve(&reference))),
                Event::DocType(_) => return Err("it has a document type declaration, which SOAP forbids".to_owned()),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof if self.depth > 0 => return Err(format!("it ends early, {} elements are still open", self.depth)),
                Event::Eof => return Ok(Token::End),
            }
        }
    }

    /// The next child of the element that is open, passing over text; nothing at its end.
    pub(crate) fn child(&mut self) -> Result<Option<Tag<'i>>, Unreadable> {
        loop {
            match self.next()? {
                Token::Open(tag) => return Ok(Some(tag)),
                Token::Text(_) => {}
                Token::Close | Token::End => return Ok(None),
            }
        }
    }

    /// The text of the element that is open, up to its end or its first child, which is then open.
    pub(crate) fn text(&mut self) -> Result<(Cow<'i, str>, Option<Tag<'i>>), Unreadable> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Token::Text(more) if text.is_empty() => text = more,
                Token::Text(more) => text.to_mut().push_str(&more),
                Token::Open(tag) => return Ok((text, Some(tag))),
                Token::Close | Token::End => return Ok((text, None)),
            }
        }
    }

    /// The text, shared with equal ones of this document.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        self.interner.share(text)
    }

    /// Passes over the rest of the element that is open.
    pub(crate) fn skip(&mut self) -> Result<(), Unreadable> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    fn open(&mut self, start: BytesStart<'i>) -> Result<Tag<'i>, Unreadable> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(format!("its elements are nested more than {} deep", self.max_depth));
        }
        let mut tag = Tag { start, instance_type: None, managed_type: None, nil: false };
        if tag.start.attributes_raw().is_empty() {
            return Ok(tag);
        }
        let resolver = self.inner.resolver();
        for attribute in tag.start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| format!("{error} in element {}", tag.name()))?;
            let (namespace, name) = resolver.resolve_attribute(attribute.key);
            let value = unescape(&attribute.value).unwrap_or_else(|_| Cow::Borrowed(&*attribute.value));
            match (namespace, name.into_inner()) {
                (ResolveResult::Unbound, "type") => tag.managed_type = Some(self.interner.share(&value)),
                (ResolveResult::Bound(Namespace(INSTANCE)), "nil") => tag.nil = matches!(value.trim(), "true" | "1"),
                (ResolveResult::Bound(Namespace(INSTANCE)), "type") => {
                    let (local, prefix) = QName(value.trim()).decompose();
                    let origin = match resolver.resolve_prefix(prefix, true) {
                        ResolveResult::Bound(Namespace(SCHEMA)) => Origin::XmlSchema,
                        ResolveResult::Bound(_) => Origin::Other,
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => Origin::Unknown,
                    };
                    tag.instance_type = Some(Shape::from_type_name(local.into_inner(), origin, &mut self.interner));
                }
                _ => {}
            }
        }
        Ok(tag)
    }
}

/// The character that a reference stands for: the five predefined ones and numbers. Others stay as they are written.
fn resolve<'i>(reference: &BytesRef<'i>) -> Cow<'i, str> {
    let name = reference.xml10_content();
    let text = match &*name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        other if other.starts_with('#') => {
            let found = numeric(other).filter(|character| is_legal(*character)).unwrap_or(REPLACEMENT);
            return Cow::Owned(found.to_string());
        }
        other => return Cow::Owned(format!("&{other};")),
    };
    Cow::Borrowed(text)
}

fn numeric(reference: &str) -> Option<char> {
    let number = match reference.strip_prefix("#x").or_else(|| reference.strip_prefix("#X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => reference.strip_prefix('#')?.parse().ok()?,
    };
    char::from_u32(number)
}

/// Whether XML 1.0 allows the character.
fn is_legal(character: char) -> bool {
    !matches!(character, '\u{0}'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// The text with every character that XML does not allow replaced.
fn legal(text: Cow<'_, str>) -> Cow<'_, str> {
    // Nearly every text is free of them; control characters show in its bytes, the two others start with EF BF.
    let clean = text.bytes().all(|byte| byte >= 0x20 && byte != 0xEF || matches!(byte, b'\t' | b'\n' | b'\r'));
    if clean || text.chars().all(is_legal) {
        return text;
    }
    Cow::Owned(text.chars().map(|character| if is_legal(character) { character } else { REPLACEMENT }).collect())
}

/// Appends text to a request: markup escaped, characters that XML does not allow replaced.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader would turn a plain one into a line feed.
            '\r' => out.push_str("&#13;"),
            legal if is_legal(legal) => out.push(legal),
            _ => out.push(REPLACEMENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{self, Kind};
    use proptest::prelude::*;

    fn text_of(document: &str) -> Result<String, Unreadable> {
        let mut reader = Reader::new(document, 10);
        reader.child()?;
        let (text, child) = reader.text()?;
        assert!(child.is_none());
        Ok(text.into_owned())
    }

    fn check(content: &str, expected: &str) {
        assert_eq!(text_of(&format!("<a>{content}</a>")).unwrap(), expected, "{content:?}");
    }

    #[test]
    fn white_space_counts() {
        check(" a ", " a ");
        check("a\r\nb", "a\nb");
        check("&#13;&#10;", "\r\n");
        check("a<!-- not this -->b<![CDATA[<c>&amp;]]>", "ab<c>&amp;");
    }

    #[test]
    fn references_are_the_predefined_and_numeric_ones() {
        check("&amp;&lt;&gt;&quot;&apos;&#65;&#x1F680;", "&<>\"'A🚀");
        check("&unknown;", "&unknown;");
        check("AT&T & more", "AT&T & more");
    }

    #[test]
    fn forbidden_characters_are_replaced() {
        check("a\u{1}b\u{FFFE}c\td", "a\u{FFFD}b\u{FFFD}c\td");
        check("&#0;&#x1f;&#xD83D;&#99999999999;&#;", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}");
        check("\u{FFFD}ok 日本", "\u{FFFD}ok 日本");
    }

    #[test]
    fn attributes_are_distinguished_by_namespace() {
        let document = r#"<a xmlns="urn:vim25" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"
            xmlns:s="http://www.w3.org/2001/XMLSchema" i:type="s:string" type="VirtualMachine" s:type="x"><b
            i:type="GuestInfo" i:nil="1"/><c i:type="lost:int"/><d xsi:type="s:int"/></a>"#;
        let mut reader = Reader::new(document, 10);
        let tag = reader.child().unwrap().unwrap();
        assert_eq!(tag.instance_type, Some(Shape::One(Kind::Text)));
        assert_eq!(tag.managed_type.as_deref(), Some("VirtualMachine"));
        let tag = reader.child().unwrap().unwrap();
        assert_eq!((tag.instance_type, tag.nil), (schema::find("GuestInfo").map(|id| Shape::One(Kind::Object(id))), true));
        reader.skip().unwrap();
        let tag = reader.child().unwrap().unwrap();
        assert_eq!(tag.instance_type, Some(Shape::One(Kind::Int)));
        reader.skip().unwrap();
        let tag = reader.child().unwrap().unwrap();
        assert_eq!((tag.instance_type, tag.managed_type), (None, None), "a prefix that is not declared means nothing");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>"#;
        assert!(text_of(bomb).unwrap_err().contains("document type"));
        assert!(text_of("<a>cut").unwrap_err().contains("ends early"));
        assert!(text_of("<a>x</b>").is_err());
        let deep = "<a>".repeat(11);
        let mut reader = Reader::new(&deep, 10);
        let refused = (0..11).map(|_| reader.next().map(|_| ())).find_map(Result::err);
        assert!(refused.unwrap().contains("more than 10 deep"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in r#"(<[a-z:/!?&;"= ]{0,8}>|[^<]{0,9}|<a>|</a>){0,30}"#) {
            let mut reader = Reader::new(&text, 10);
            while !matches!(reader.next(), Ok(Token::End) | Err(_)) {}
        }

        #[test]
        fn what_is_sent_reads_back(text in ".*") {
            let mut document = String::from("<a>");
            escape_into(&mut document, &text);
            document.push_str("</a>");
            let expected: String = text.chars().map(|found| if is_legal(found) { found } else { REPLACEMENT }).collect();
            prop_assert_eq!(text_of(&document).unwrap(), expected);
        }
    }
}
