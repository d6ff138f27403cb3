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
use crate::plan::{Change, GroupRef, HostUpdate, SetMacro};
use crate::resolved::ResolvedConfig;
use crate::zabbix::state::{CurrentPoller, Host, IdName, Tag, WantedPoller};

/// An object, the host that stands for it, and what the comparison of both needs.
#[derive(Clone, Copy)]
pub(crate) struct MatchedHost<'s> {
    pub config: &'s Config,
    pub inventory: &'s Inventory,
    pub resolved: &'s ResolvedConfig,
    pub object: &'s Object,
    pub host: &'s Host,
    /// Whether this run takes the host over from another maker.
    pub adopted: bool,
}

/// New names for a host; `None` where its name is good, or was chosen by an administrator.
#[derive(Clone, Debug, Default)]
pub(crate) struct RenameRequest {
    pub visible: Option<Candidates>,
    pub technical: Option<Candidates>,
}

/// The names that a host gets, chosen among those of the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewNames {
    /// Visible name.
    pub visible: Option<String>,
    /// Technical name.
    pub technical: Option<String>,
}

impl MatchedHost<'_> {
    /// The names that the host should have. A name that this program gave follows the object; one that an administrator chose stays.
    pub(crate) fn rename_request(&self) -> RenameRequest {
        let object = self.object;
        let host = self.host;
        let vcenter = self.config.vcenter.as_str();
        let (visible, technical) = names::candidates(object, vcenter);
        let moid = tagged(host, vcenter).map_or(object.moid.as_str(), |(_, moid)| moid);
        let old = recorded_name(host).or(self.adopted.then_some(object.name.as_str()));
        let visible_was_given = match object.kind {
            // A datastore whose URL is not told at present keeps it as its name.
            Kind::Datastore if is_url(&host.visible) => is_url(&object.display),
            _ => old.is_some_and(|old| names::visible(old, moid, vcenter).contains(&host.visible)),
        };
        // The original gave a name as it was, blanks included.
        let technical_was_given =
            old.is_some_and(|old| host.technical == old || names::technical(old, moid, vcenter).contains(&host.technical));
        let technical_is_good = host.technical == object.name || technical.contains(&host.technical);
        RenameRequest {
            visible: (visible_was_given && !visible.contains(&host.visible)).then_some(visible),
            technical: (technical_was_given && !technical_is_good).then_some(technical),
        }
    }

    /// All changes of the host.
    pub(crate) fn update(&self, names: NewNames, groups: &mut Groups<'_>) -> HostUpdate {
        let (groups, cluster) = self.groups(groups);
        let (disabled, disabled_tag) = self.status();
        let host = self.host;
        let renamed = |from: &String, to: Option<String>| to.map(|to| Change { from: from.clone(), to });
        HostUpdate {
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

    /// All groups, if they change, and the value of [`CLUSTER_TAG`].
    fn groups(&self, groups: &mut Groups<'_>) -> (Option<Change<Vec<GroupRef>>>, Option<String>) {
        let kind_config = self.config.kinds.get(&self.object.kind);
        let configured: Vec<&String> = kind_config.into_iter().flat_map(|kind_config| &kind_config.groups).collect();
        let is_configured = |name: &str| configured.iter().any(|one| groups::is_same_name(one, name));
        let reference = |group: &IdName| GroupRef { id: Some(group.id.clone()), name: group.name.clone() };
        let from: Vec<GroupRef> = self.host.groups.iter().map(reference).collect();
        let mut to = from.clone();
        let noted = self.host.tag(CLUSTER_TAG);
        if self.config.follows(Follow::Groups) {
            for name in &configured {
                groups::add(&mut to, groups.find_or_create(name, false));
            }
        }
        let mut cluster = noted;
        if let Some(now) = self.object.cluster.as_deref().filter(|now| self.config.follows(Follow::Cluster) && noted != Some(now))
        {
            cluster = Some(now);
            groups::add(&mut to, groups.find_or_create(now, false));
            // The original never took a moved machine out of its old cluster's group, nor noted which that was.
            let was_of = |name: &str| match noted {
                Some(before) => groups::is_same_name(before, name),
                None => self.adopted && self.inventory.clusters.iter().any(|cluster| groups::is_same_name(cluster, name)),
            };
            to.retain(|group| groups::is_same_name(&group.name, now) || is_configured(&group.name) || !was_of(&group.name));
        }
        ((from != to).then_some(Change { from, to }), cluster.map(str::to_owned))
    }

    fn templates(&self) -> Option<Change<Vec<IdName>>> {
        let from = &self.host.templates;
        let missing = |template: &&IdName| !from.iter().any(|linked| linked.id == template.id);
        let missing: Vec<IdName> = self.resolved.templates.iter().filter(missing).cloned().collect();
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

    /// The macros to set: this program's own always, those of the configuration where `sync` has `macros`.
    fn macros(&self) -> Vec<SetMacro> {
        let wanted = macros(self.config, self.object);
        let ours = |name: &str| name == NAME_MACRO;
        let follows = self.config.follows(Follow::Macros);
        let set = wanted.into_iter().filter_map(|(name, value)| match self.host.user_macro(&name) {
            None if ours(&name) || name == HOST_MACRO || follows => Some(SetMacro { id: None, name, value }),
            // A secret value cannot be compared. A value that Zabbix shows is not stored as a secret yet.
            Some(old) if (ours(&name) || follows) && old.value.is_some() && old.value.as_deref() != value.plain() => {
                Some(SetMacro { id: Some(old.id.clone()), name, value })
            }
            _ => None,
        });
        set.collect()
    }

    fn poll_by(&self) -> Option<WantedPoller> {
        let wanted = self.resolved.poll_by.clone().filter(|_| self.config.follows(Follow::Proxy))?;
        let same = match (&wanted, &self.host.polled_by) {
            (WantedPoller::Proxy(wanted), CurrentPoller::Proxy(id)) | (WantedPoller::Group(wanted), CurrentPoller::Group(id)) => {
                wanted.id == *id
            }
            _ => false,
        };
        (!same).then_some(wanted)
    }

    /// Whether the host is to be disabled or enabled, and the value of [`DISABLED_TAG`]. Only a host that this program disabled is
    /// enabled again.
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

/// Whether a name of a datastore's host is the datastore's URL, as a vCenter or an ESXi host writes it.
fn is_url(name: &str) -> bool {
    ["ds://", "/vmfs/volumes/"].iter().any(|start| name.starts_with(start))
}

/// This program's tags for an object's host.
pub(crate) fn tags(
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

/// The macros of an object's host: the configuration's, and this program's own.
pub(crate) fn macros(config: &Config, object: &Object) -> Vec<(String, MacroValue)> {
    let mut macros = config.kinds.get(&object.kind).map(|kind_config| kind_config.macros.clone()).unwrap_or_default();
    macros.entry(HOST_MACRO.to_owned()).or_insert_with(|| MacroValue::Plain(config.vcenter.clone()));
    macros.insert(NAME_MACRO.to_owned(), MacroValue::Plain(object.address.clone()));
    macros.into_iter().collect()
}
