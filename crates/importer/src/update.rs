//! What has to change on a host that exists.

use crate::config::{Adopt, Config, Follow, MacroValue};
use crate::groups::{self, Groups};
use crate::identity::{recorded_name, tagged};
use crate::inventory::{Inventory, Object};
use crate::kind::Kind;
use crate::labels::{
    ADOPTED_TAG, CLUSTER_TAG, DISABLED_TAG, HOST_MACRO, NAME_MACRO, NAME_TAG, OBJECT_TAG, TAGS, VCENTER_TAG, object_tag,
};
use crate::names::{self, Candidates};
use crate::plan::{Change, GroupRef, SetMacro, Update};
use crate::settings::Settings;
use crate::zabbix::state::{Host, Named, PollBy, PolledBy, Tag};

/// An object, the host that stands for it, and where both belong.
#[derive(Clone, Copy)]
pub struct Pair<'s> {
    /// The configuration.
    pub config: &'s Config,
    /// All that vSphere has.
    pub inventory: &'s Inventory,
    /// What the type's hosts are given.
    pub settings: &'s Settings,
    /// The object.
    pub object: &'s Object,
    /// Its host.
    pub host: &'s Host,
    /// Whether the host becomes ours only now.
    pub adopted: bool,
}

/// Names that a host is to have instead of its own; none where its own is good, or was chosen by somebody.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Visible names.
    pub visible: Option<Candidates>,
    /// Technical names.
    pub technical: Option<Candidates>,
}

/// The names that a host gets, chosen among the wanted ones.
#[derive(Clone, Debug, Default)]
pub struct NewNames {
    /// Visible name.
    pub visible: Option<String>,
    /// Technical name.
    pub technical: Option<String>,
}

impl Pair<'_> {
    /// Names that the host should have. Those that it was given follow the object; those that somebody chose stay.
    pub fn wish(&self) -> Wish {
        let (object, host, vcenter) = (self.object, self.host, self.config.vcenter.as_str());
        let (visible, technical) = names::of(object, vcenter);
        let moid = tagged(host, vcenter).map_or(object.moid.as_str(), |(_, moid)| moid);
        let old = recorded_name(host).or(self.adopted.then_some(object.name.as_str()));
        let visible_was_given = match object.kind {
            Kind::Datastore if host.visible.starts_with("ds://") => true,
            _ => old.is_some_and(|old| names::visible(old, moid, vcenter).contains(&host.visible)),
        };
        // The original gave a name as it was, blanks included.
        let technical_was_given =
            old.is_some_and(|old| host.technical == old || names::technical(old, moid, vcenter).contains(&host.technical));
        let technical_is_good = host.technical == object.name || technical.contains(&host.technical);
        Wish {
            visible: (visible_was_given && !visible.contains(&host.visible)).then_some(visible),
            technical: (technical_was_given && !technical_is_good).then_some(technical),
        }
    }

    /// Everything that has to change.
    pub fn update(&self, names: NewNames, groups: &mut Groups<'_>) -> Update {
        let (groups, cluster) = self.groups(groups);
        let (disabled, disabled_tag) = self.status();
        let host = self.host;
        let renamed = |from: &String, to: Option<String>| to.map(|to| Change { from: from.clone(), to });
        Update {
            kind: self.object.kind,
            id: host.id.clone(),
            host: host.visible.clone(),
            adopted: self.adopted.then_some(self.config.adopt),
            technical: renamed(&host.technical, names.technical),
            visible: renamed(&host.visible, names.visible),
            groups,
            templates: self.templates(),
            tags: self.tags(cluster, disabled_tag),
            macros: self.macros(),
            poll_by: self.poll_by(),
            disabled,
        }
    }

    /// All groups, if they change, and the cluster to note on the host.
    fn groups(&self, groups: &mut Groups<'_>) -> (Option<Change<Vec<GroupRef>>>, Option<String>) {
        let block = self.config.blocks.get(&self.object.kind);
        let configured: Vec<&String> = block.into_iter().flat_map(|block| &block.groups).collect();
        let is_configured = |name: &str| configured.iter().any(|one| groups::same(one, name));
        let reference = |group: &Named| GroupRef { id: Some(group.id.clone()), name: group.name.clone() };
        let from: Vec<GroupRef> = self.host.groups.iter().map(reference).collect();
        let (mut to, noted) = (from.clone(), self.host.tag(CLUSTER_TAG));
        if self.config.follows(Follow::Groups) {
            configured.iter().for_each(|name| groups::add(&mut to, groups.named(name, false)));
        }
        let mut cluster = noted;
        if let Some(now) = self.object.cluster.as_deref().filter(|now| self.config.follows(Follow::Cluster) && noted != Some(now))
        {
            cluster = Some(now);
            groups::add(&mut to, groups.named(now, false));
            // The original never took a moved machine out of its old cluster's group, nor noted which that was.
            let was_of = |name: &str| match noted {
                Some(before) => groups::same(before, name),
                None => self.adopted && self.inventory.clusters.iter().any(|cluster| groups::same(cluster, name)),
            };
            to.retain(|group| groups::same(&group.name, now) || is_configured(&group.name) || !was_of(&group.name));
        }
        ((from != to).then_some(Change { from, to }), cluster.map(str::to_owned))
    }

    fn templates(&self) -> Option<Change<Vec<Named>>> {
        let from = &self.host.templates;
        let missing = |template: &&Named| !from.iter().any(|linked| linked.id == template.id);
        let missing: Vec<Named> = self.settings.templates.iter().filter(missing).cloned().collect();
        let follows = self.config.follows(Follow::Templates) && !missing.is_empty();
        follows.then(|| Change { from: from.clone(), to: [from.clone(), missing].concat() })
    }

    fn tags(&self, cluster: Option<String>, disabled: Option<String>) -> Option<Change<Vec<Tag>>> {
        let from = &self.host.tags;
        let adopted = match self.adopted {
            true => (self.config.adopt == Adopt::Keep).then(|| "yes".to_owned()),
            false => self.host.tag(ADOPTED_TAG).map(str::to_owned),
        };
        let theirs = from.iter().filter(|tag| !TAGS.contains(&tag.tag.as_str())).cloned();
        let to: Vec<Tag> = theirs.chain(tags(self.object, &self.config.vcenter, cluster, disabled, adopted)).collect();
        let sorted = |tags: &[Tag]| {
            let mut tags = tags.to_vec();
            tags.sort();
            tags
        };
        (sorted(from) != sorted(&to)).then_some(Change { from: from.clone(), to })
    }

    /// Our own macros as they have to be; those of the configuration only where they are followed.
    fn macros(&self) -> Vec<SetMacro> {
        let wanted = macros(self.config, self.object);
        let ours = |name: &str| name == NAME_MACRO;
        let follows = self.config.follows(Follow::Macros);
        let set = wanted.into_iter().filter_map(|(name, value)| match self.host.macro_named(&name) {
            None if ours(&name) || name == HOST_MACRO || follows => Some(SetMacro { id: None, name, value }),
            // A secret that is there cannot be compared. One that Zabbix shows is not kept as a secret yet.
            Some(old) if (ours(&name) || follows) && old.value.is_some() && old.value.as_deref() != value.plain() => {
                Some(SetMacro { id: Some(old.id.clone()), name, value })
            }
            _ => None,
        });
        set.collect()
    }

    fn poll_by(&self) -> Option<PollBy> {
        let wanted = self.settings.poll_by.clone().filter(|_| self.config.follows(Follow::Proxy))?;
        let same = match (&wanted, &self.host.polled_by) {
            (PollBy::Proxy(wanted), PolledBy::Proxy(id)) | (PollBy::Group(wanted), PolledBy::Group(id)) => wanted.id == *id,
            _ => false,
        };
        (!same).then_some(wanted)
    }

    /// Whether the host is to be disabled or enabled, and the state to note on it. Only what we disabled is enabled again.
    fn status(&self) -> (Option<bool>, Option<String>) {
        let noted = self.host.tag(DISABLED_TAG).map(str::to_owned);
        match (self.object.disabled_by, noted) {
            (Some(state), None) if !self.host.disabled => (Some(true), Some(state.as_str().to_owned())),
            (Some(_), noted) => (None, noted),
            (None, Some(_)) => (self.host.disabled.then_some(false), None),
            (None, None) => (None, None),
        }
    }
}

/// Our tags for an object's host.
pub fn tags(
    object: &Object,
    vcenter: &str,
    cluster: Option<String>,
    disabled: Option<String>,
    adopted: Option<String>,
) -> Vec<Tag> {
    let name = (object.address != object.name).then(|| object.name.clone());
    let tags = [
        (VCENTER_TAG, Some(vcenter.to_owned())),
        (OBJECT_TAG, Some(object_tag(object.kind, &object.moid))),
        (NAME_TAG, name),
        (CLUSTER_TAG, cluster),
        (DISABLED_TAG, disabled),
        (ADOPTED_TAG, adopted),
    ];
    let tag = |(tag, value): (&str, Option<String>)| {
        Some(Tag { tag: tag.to_owned(), value: value?.chars().take(LONGEST_TAG).collect() })
    };
    tags.into_iter().filter_map(tag).collect()
}

/// Longest value of a tag, in characters.
const LONGEST_TAG: usize = 255;

/// The macros of an object's host: the configuration's, and ours.
pub fn macros(config: &Config, object: &Object) -> Vec<(String, MacroValue)> {
    let mut macros = config.blocks.get(&object.kind).map(|block| block.macros.clone()).unwrap_or_default();
    macros.entry(HOST_MACRO.to_owned()).or_insert_with(|| MacroValue::Plain(config.vcenter.clone()));
    macros.insert(NAME_MACRO.to_owned(), MacroValue::Plain(object.address.clone()));
    macros.into_iter().collect()
}
