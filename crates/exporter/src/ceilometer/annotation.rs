//! What OpenStack Nova writes into the notes of a virtual machine: a `key:value` a line, keys such as `projectid` or `flavor:name`.
//!
//! Notes are edited by people, and Nova writes `None` where it knows nothing. So everything that is no such line is passed over,
//! and of two lines with one key the first counts: Nova writes its lines first.

/// The facts in the notes of a virtual machine. What is not there, or is Nova's `None`, is nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Annotation<'a> {
    /// The instance's display name (`name:`).
    pub name: Option<&'a str>,
    /// Who made the instance (`userid:`).
    pub user_id: Option<&'a str>,
    /// The name of that user (`username:`).
    pub user_name: Option<&'a str>,
    /// Whose instance it is (`projectid:`).
    pub project_id: Option<&'a str>,
    /// The name of that project (`projectname:`).
    pub project_name: Option<&'a str>,
    /// The flavor (`flavor:name:`).
    pub flavor: Option<&'a str>,
    /// The image that the instance was made of (`imageid:`).
    pub image: Option<&'a str>,
}

/// No identifier or name of OpenStack is longer, in characters.
const LONGEST: usize = 255;

impl<'a> Annotation<'a> {
    /// Reads the notes of a virtual machine. The name is taken only where Nova wrote other lines, too: `name:` is a word that people
    /// write as well.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let mut found = Self::default();
        for line in text.split(['\n', '\r']) {
            let Some((key, value)) = split(line) else { continue };
            let place = match &*key.to_ascii_lowercase() {
                "name" => &mut found.name,
                "userid" => &mut found.user_id,
                "username" => &mut found.user_name,
                "projectid" => &mut found.project_id,
                "projectname" => &mut found.project_name,
                "flavor:name" => &mut found.flavor,
                "imageid" => &mut found.image,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        // An empty value takes its key's place, too: a line below is not the one that Nova wrote.
        for place in [
            &mut found.name,
            &mut found.user_id,
            &mut found.user_name,
            &mut found.project_id,
            &mut found.project_name,
            &mut found.flavor,
            &mut found.image,
        ] {
            *place = place.filter(|value| is_fact(value));
        }
        if found.user_id.is_none() && found.project_id.is_none() && found.flavor.is_none() {
            found.name = None;
        }
        found
    }
}

/// Key and value of a line. A key that begins with `flavor:` has two parts.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let mut end = line.find(':')?;
    if line.get(..end)?.trim_end().eq_ignore_ascii_case("flavor") {
        end += 1 + line.get(end + 1..)?.find(':')?;
    }
    Some((line.get(..end)?.trim_end(), line.get(end + 1..)?.trim()))
}

fn is_fact(value: &str) -> bool {
    !value.is_empty() && value != "None" && value.chars().count() <= LONGEST && !value.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOVA: &str = "name:web 1\nuserid:u-1\nusername:alice\nprojectid:p-1\nprojectname:shop: north\nflavor:name:m1.small\n\
        flavor:memory_mb:2048\nflavor:vcpus:1\nflavor:ephemeral_gb:0\nflavor:root_gb:20\nflavor:swap:0\n\
        imageid:70a599e0-31e7-49b7-b260-868f441e862b\npackage:2024.1\n";

    #[test]
    fn what_nova_writes_is_read() {
        let expected = Annotation {
            name: Some("web 1"),
            user_id: Some("u-1"),
            user_name: Some("alice"),
            project_id: Some("p-1"),
            project_name: Some("shop: north"),
            flavor: Some("m1.small"),
            image: Some("70a599e0-31e7-49b7-b260-868f441e862b"),
        };
        assert_eq!(Annotation::parse(NOVA), expected);
        let edited = format!("  {}Backup: nightly\nname: Bob, ask him first\n", NOVA.replace('\n', "  \r\n\r\n"));
        assert_eq!(Annotation::parse(&edited.replace("userid:", "UserID : ")), expected);
    }

    #[test]
    fn what_nova_does_not_know_is_nothing() {
        let none = Annotation::parse("name:web\nuserid:None\nusername:None\nprojectid:p\nflavor:name:\nimageid:\nimageid:x\n");
        assert_eq!(none, Annotation { name: Some("web"), project_id: Some("p"), ..Annotation::default() });
    }

    #[test]
    fn notes_of_people_say_nothing() {
        for notes in
            ["", "name: Bob's machine", "flavor", "flavor:", "flavor:name", ":", "::::", "none: \u{0}", "projectid:\u{1}"]
        {
            assert_eq!(Annotation::parse(notes), Annotation::default(), "{notes:?}");
        }
        let long = format!("projectid:{}", "ä".repeat(256));
        assert_eq!(Annotation::parse(&long), Annotation::default());
        assert!(Annotation::parse(&long[..long.len() - 2]).project_id.is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_gives_only_facts(text in "(?s).{0,200}") {
            let found = Annotation::parse(&text);
            for value in [found.name, found.user_id, found.project_id, found.flavor, found.image].into_iter().flatten() {
                prop_assert!(is_fact(value) && value.trim() == value && text.contains(value));
            }
        }

        #[test]
        fn lines_of_others_around_change_nothing(before in "[a-mA-M ]{0,20}(:[a-z]{0,9})?", after in "(?s).{0,80}") {
            prop_assume!(split(&before).is_none_or(|(key, _)| !["imageid", "flavor"].contains(&&*key.to_lowercase())));
            let text = format!("{before}\n{NOVA}{after}");
            prop_assert_eq!(Annotation::parse(&text), Annotation::parse(NOVA));
        }
    }
}
